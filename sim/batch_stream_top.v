// SPDX-License-Identifier: Apache-2.0
// Surrounds a design with AXI4-Stream interfaces for sim/batch_stream.cpp: valid, ready and last of all inputs in a
// vector each, and so on; data and tkeep of every interface begin at a 32-bit word.
// batch_ports.vh, made by fpgann/cosim/batch_ports.py, says which bits belong to which interface.

`include "batch_ports.vh"

module fpgann_batch_top (
  input                   clk,
  input                   rst,
  input  [`INPUTS-1:0]    in_valid,
  output [`INPUTS-1:0]    in_ready,
  input  [`INPUTS-1:0]    in_last,
  input  [`IN_BITS-1:0]   in_data,
  output [`OUTPUTS-1:0]   out_valid,
  input  [`OUTPUTS-1:0]   out_ready,
  output [`OUTPUTS-1:0]   out_last,
  output [`OUT_BITS-1:0]  out_data,
  output [`KEEP_BITS-1:0] out_keep,
  output                  frame_error
);
  `DESIGN simulated (
    .aclk(clk),
    .aresetn(~rst),
    .frame_error(frame_error),
    `PORTS
  );

  `CONSTANTS
endmodule

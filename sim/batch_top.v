// SPDX-License-Identifier: Apache-2.0
// Surrounds a design with parallel ports for sim/batch_engine.cpp: all inputs in one word, all outputs in one word.
//
// The word on the wires waits in registers until the design takes it. Without them, Verilator would compute all
// that depends on the inputs at both edges of the clock.
// batch_ports.vh, made by fpgann/cosim/batch_build.py, says which bits belong to which port.

`include "batch_ports.vh"

module fpgann_batch_top (
  input                    clk,
  input                    rst,
  input                    next_valid, // the word to take at the next edge where `wants` is 1
  input  [`ITEM_BITS-1:0]   next_item,
  output                   wants,
  output reg               holds,      // a word waits; with `wants`, the design takes it at the next edge
  output                   out_valid,
  output [`RESULT_BITS-1:0] result
);
  reg [`ITEM_BITS-1:0] item;
  wire ready;

  assign wants = ready | ~holds;

  always @(posedge clk) begin
    if (wants) begin
      holds <= next_valid;
      item <= next_item;
    end
    if (rst)
      holds <= 1'b0;
  end

  `DESIGN simulated (
    .clk(clk),
    .rst(rst),
    .in_valid(holds),
    .in_ready(ready),
    .out_valid(out_valid),
    `PORTS
  );

  assign result[`RESULT_BITS-1:`RESULT_USED] = 0;
endmodule

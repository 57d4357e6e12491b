// SPDX-License-Identifier: Apache-2.0
// Cells of UltraScale+ that Yosys maps to without shipping a model of what they do (AMD UG579).
// Only what Yosys uses of them: anything else ends the simulation.

// A signed multiplier without registers: P = A[26:0] * B.
module DSP48E2 #(
  parameter ACASCREG = 1, ADREG = 1, ALUMODEREG = 1, AREG = 1, BCASCREG = 1, BREG = 1, CARRYINREG = 1,
  parameter CARRYINSELREG = 1, CREG = 1, DREG = 1, INMODEREG = 1, MREG = 1, OPMODEREG = 1, PREG = 1,
  parameter AMULTSEL = "A", A_INPUT = "DIRECT", BMULTSEL = "B", B_INPUT = "DIRECT",
  parameter USE_MULT = "MULTIPLY", USE_SIMD = "ONE48"
) (
  input  [29:0] A,
  input  [29:0] ACIN,
  input  [3:0]  ALUMODE,
  input  [17:0] B,
  input  [17:0] BCIN,
  input  [47:0] C,
  input         CARRYIN,
  input  [2:0]  CARRYINSEL,
  input  [26:0] D,
  input  [4:0]  INMODE,
  input  [8:0]  OPMODE,
  input  [47:0] PCIN,
  output [47:0] P
);
  localparam REGISTERS = ADREG + ALUMODEREG + AREG + BREG + CARRYINREG + CARRYINSELREG + CREG + DREG + INMODEREG + MREG
    + OPMODEREG + PREG;
  wire signed [26:0] a;
  wire signed [17:0] b;
  wire signed [47:0] product;
  wire plain;

  assign a = A[26:0];
  assign b = B;
  assign product = a * b;
  assign P = product;
  assign plain = REGISTERS == 0 && ALUMODE == 0 && INMODE == 0 && OPMODE == 9'b000000101 && CARRYIN == 0;

  always @(plain)
    if (!plain)
      $fatal(1, "DSP48E2: only a multiplication without registers has a model");
endmodule

// SPDX-License-Identifier: Apache-2.0
// Cells of ECP5 that Yosys maps to without shipping a model of what they do (Lattice TN1267).
// Only what Yosys uses of them: anything else ends the simulation.

module MULT18X18D (
  input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16,
  P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  wire signed [18:0] a, b;
  wire signed [37:0] product;

  assign a = {SIGNEDA & A17, A17, A16, A15, A14, A13, A12, A11, A10, A9,
              A8, A7, A6, A5, A4, A3, A2, A1, A0};
  assign b = {SIGNEDB & B17, B17, B16, B15, B14, B13, B12, B11, B10, B9,
              B8, B7, B6, B5, B4, B3, B2, B1, B0};
  assign product = a * b;
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16,
          P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = product[35:0];

  always @(SOURCEA or SOURCEB)
    if (SOURCEA | SOURCEB)
      $fatal(1, "MULT18X18D: shifted operands have no model");
endmodule

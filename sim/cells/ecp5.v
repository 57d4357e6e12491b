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

// A block memory of 1024 words of 18 bits with two ports and no register behind its outputs. Ports of less than nine
// bits leave the ninth bit of each half word alone; with 36 bits A writes, and B reads through both outputs.
module DP16KD #(
  parameter ASYNC_RESET_RELEASE = "SYNC", CLKAMUX = "CLKA", CLKBMUX = "CLKB", CSDECODE_A = "0b000",
    CSDECODE_B = "0b000",
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18, GSR = "ENABLED", REGMODE_A = "NOREG", REGMODE_B = "NOREG",
  parameter RESETMODE = "SYNC", WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL",
  parameter [319:0] INITVAL_00 = 320'h0, INITVAL_01 = 320'h0, INITVAL_02 = 320'h0, INITVAL_03 = 320'h0,
  parameter [319:0] INITVAL_04 = 320'h0, INITVAL_05 = 320'h0, INITVAL_06 = 320'h0, INITVAL_07 = 320'h0,
  parameter [319:0] INITVAL_08 = 320'h0, INITVAL_09 = 320'h0, INITVAL_0A = 320'h0, INITVAL_0B = 320'h0,
  parameter [319:0] INITVAL_0C = 320'h0, INITVAL_0D = 320'h0, INITVAL_0E = 320'h0, INITVAL_0F = 320'h0,
  parameter [319:0] INITVAL_10 = 320'h0, INITVAL_11 = 320'h0, INITVAL_12 = 320'h0, INITVAL_13 = 320'h0,
  parameter [319:0] INITVAL_14 = 320'h0, INITVAL_15 = 320'h0, INITVAL_16 = 320'h0, INITVAL_17 = 320'h0,
  parameter [319:0] INITVAL_18 = 320'h0, INITVAL_19 = 320'h0, INITVAL_1A = 320'h0, INITVAL_1B = 320'h0,
  parameter [319:0] INITVAL_1C = 320'h0, INITVAL_1D = 320'h0, INITVAL_1E = 320'h0, INITVAL_1F = 320'h0,
  parameter [319:0] INITVAL_20 = 320'h0, INITVAL_21 = 320'h0, INITVAL_22 = 320'h0, INITVAL_23 = 320'h0,
  parameter [319:0] INITVAL_24 = 320'h0, INITVAL_25 = 320'h0, INITVAL_26 = 320'h0, INITVAL_27 = 320'h0,
  parameter [319:0] INITVAL_28 = 320'h0, INITVAL_29 = 320'h0, INITVAL_2A = 320'h0, INITVAL_2B = 320'h0,
  parameter [319:0] INITVAL_2C = 320'h0, INITVAL_2D = 320'h0, INITVAL_2E = 320'h0, INITVAL_2F = 320'h0,
  parameter [319:0] INITVAL_30 = 320'h0, INITVAL_31 = 320'h0, INITVAL_32 = 320'h0, INITVAL_33 = 320'h0,
  parameter [319:0] INITVAL_34 = 320'h0, INITVAL_35 = 320'h0, INITVAL_36 = 320'h0, INITVAL_37 = 320'h0,
  parameter [319:0] INITVAL_38 = 320'h0, INITVAL_39 = 320'h0, INITVAL_3A = 320'h0, INITVAL_3B = 320'h0,
  parameter [319:0] INITVAL_3C = 320'h0, INITVAL_3D = 320'h0, INITVAL_3E = 320'h0, INITVAL_3F = 320'h0
) (
  input CLKA, WEA, CEA, OCEA, RSTA, CSA2, CSA1, CSA0, CLKB, WEB, CEB, OCEB, RSTB, CSB2, CSB1, CSB0,
  input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2,
    DIA1, DIA0,
  input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2,
    DIB1, DIB0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3,
    DOA2, DOA1, DOA0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3,
    DOB2, DOB1, DOB0
);
  localparam [64 * 320 - 1:0] INIT = {
    INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
    INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30,
    INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
    INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20,
    INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
    INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
    INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
    INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
  };
  wire [13:0] ada, adb;
  wire [35:0] dia, dib;
  assign ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  assign adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  assign dia = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4,
    DIB3, DIB2, DIB1, DIB0,
                DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4,
                  DIA3, DIA2, DIA1, DIA0};
  assign dib = {18'h0, DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5,
    DIB4, DIB3, DIB2, DIB1, DIB0};
  reg [17:0] memory [0:1023];
  reg [35:0] doa, dob;
  integer i;

  initial begin
    for (i = 0; i < 1024; i = i + 1)
      memory[i] = INIT[20 * i +: 18];
    doa = 0;
    dob = 0;
    if (CLKAMUX != "CLKA" || CLKBMUX != "CLKB" || REGMODE_A != "NOREG" || REGMODE_B != "NOREG")
      $fatal(1, "DP16KD: clocks at the other edge and registers behind outputs have no model");
    if (WRITEMODE_A == "WRITETHROUGH" || WRITEMODE_B == "WRITETHROUGH"
        || DATA_WIDTH_B == 36 && WRITEMODE_B != "NORMAL")
      $fatal(1, "DP16KD: writing through has no model");
  end

  // the place of a port's word: its half words, and the lowest bit within the first
  function [17:0] lane(input integer width, input [3:0] address);
    case (width)
      18, 36: lane = 0;
      9: lane = 9 * address[3];
      4: lane = 9 * address[3] + 4 * address[2];
      2: lane = 9 * address[3] + 2 * address[2:1];
      default: lane = 9 * address[3] + address[2:0];
    endcase
  endfunction

  function [17:0] kept(input integer width, input [13:0] address);
    case (width)
      36: kept = 18'h0;
      18: kept = {{9{!address[1]}}, {9{!address[0]}}};
      default: kept = ~(((18'd1 << width) - 18'd1) << lane(width, address[3:0]));
    endcase
  endfunction

  always @(posedge CLKA) begin
    if (CEA) begin
      if (DATA_WIDTH_A == 36) begin
        if (WEA)
          for (i = 0; i < 4; i = i + 1)
            if (ada[i])
              memory[{ada[13:5], 1'b0} + i / 2][9 * (i % 2) +: 9] <= dia[9 * i +: 9];
      end else begin
        if (WEA)
          memory[ada[13:4]] <= memory[ada[13:4]] & kept(DATA_WIDTH_A, ada)
            | dia[17:0] << lane(DATA_WIDTH_A, ada[3:0]) & ~kept(DATA_WIDTH_A, ada);
        if (!WEA || WRITEMODE_A == "READBEFOREWRITE")
          doa <= (memory[ada[13:4]] >> lane(DATA_WIDTH_A, ada[3:0])) & ((36'd1 << DATA_WIDTH_A) - 36'd1);
      end
    end
    if (RSTA)
      doa <= 0;
  end

  always @(posedge CLKB) begin
    if (CEB) begin
      if (DATA_WIDTH_B == 36) begin
        dob <= {memory[{adb[13:5], 1'b1}], memory[{adb[13:5], 1'b0}]};
      end else begin
        if (WEB)
          memory[adb[13:4]] <= memory[adb[13:4]] & kept(DATA_WIDTH_B, adb)
            | dib[17:0] << lane(DATA_WIDTH_B, adb[3:0]) & ~kept(DATA_WIDTH_B, adb);
        if (!WEB || WRITEMODE_B == "READBEFOREWRITE")
          dob <= (memory[adb[13:4]] >> lane(DATA_WIDTH_B, adb[3:0])) & ((36'd1 << DATA_WIDTH_B) - 36'd1);
      end
    end
    if (RSTB)
      dob <= 0;
  end

  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3,
    DOA2, DOA1, DOA0}
    = DATA_WIDTH_B == 36 ? dob[17:0] : doa[17:0];
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3,
    DOB2, DOB1, DOB0}
    = DATA_WIDTH_B == 36 ? dob[35:18] : dob[17:0];

  always @(CSA0 or CSA1 or CSA2 or CSB0 or CSB1 or CSB2)
    if (CSA0 | CSA1 | CSA2 | CSB0 | CSB1 | CSB2)
      $fatal(1, "DP16KD: chip selects have no model");
endmodule

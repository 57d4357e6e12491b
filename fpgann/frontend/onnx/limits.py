# SPDX-License-Identifier: Apache-2.0
"""How large a model may be before it is taken for a mistake or an attack."""

MAX_BYTES = 2**31  # a protobuf message cannot be larger, and no FPGA holds as many weights
MAX_ELEMENTS = 2**31  # of any tensor
MAX_FOLDED_ELEMENTS = 2**26  # of all constants computed while importing: 512 MiB in float64
MAX_INPUT_ELEMENTS = 2**23
MAX_DEPTH = 10  # of graphs inside nodes
MAX_NODES = 200_000  # after local functions are inlined

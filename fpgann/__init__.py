# SPDX-License-Identifier: Apache-2.0
"""fpgann: trained neural networks as FPGA hardware, proven bit-exact."""

__version__ = "0.1.0"

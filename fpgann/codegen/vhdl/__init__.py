# SPDX-License-Identifier: Apache-2.0
"""VHDL-2008: one file per stage, and the top entity."""

from fpgann.codegen.vhdl.project import AMD_ADDER, AMD_CELLS, render_design, render_maps

__all__ = ["AMD_ADDER", "AMD_CELLS", "render_design", "render_maps"]

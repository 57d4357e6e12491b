# SPDX-License-Identifier: Apache-2.0
"""VHDL-2008: one file per stage, and the top entity."""

from fpgann.codegen.vhdl.project import render_design

__all__ = ["render_design"]

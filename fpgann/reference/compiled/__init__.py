# SPDX-License-Identifier: Apache-2.0
"""The integer reference at speed: the same bits as the plain evaluators, carried by floating-point arithmetic."""

from fpgann.reference.compiled.graph import CompiledGraph

__all__ = ["CompiledGraph"]

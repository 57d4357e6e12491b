# SPDX-License-Identifier: Apache-2.0
"""Reinterpretation."""

from __future__ import annotations

from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.types import TensorType
from fpgann.reference.compiled.kernel import FAST, Operand, View


@FAST.register(Reinterpret)
def reinterpret(op: Reinterpret, result: TensorType, x: Operand) -> View:
    """Codes stay as they are."""
    del op, result, x
    return View(lambda codes: codes)

# SPDX-License-Identifier: Apache-2.0
"""Stage tables of the reference model.

Evaluators get the operator and its operands with a leading sample axis: shape (samples, *tensor shape).
"""

from __future__ import annotations

from collections.abc import Callable

from fpgann.dispatch import StageTable
from fpgann.numerics.integers import FloatArray, IntArray

ON_VALUES: StageTable[Callable[..., FloatArray]] = StageTable("float64 reference")
ON_CODES: StageTable[Callable[..., IntArray]] = StageTable("integer reference")

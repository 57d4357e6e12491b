# SPDX-License-Identifier: Apache-2.0
"""Type rules of softmax."""

from __future__ import annotations

import pytest

from fpgann.errors import ModelError
from fpgann.ir import TensorType
from fpgann.ir.ops.softmax import Softmax
from tests.unit.ir.samples import CODES, REALS


@pytest.mark.parametrize("axis", [-1, -2])
def test_keeps_the_shape(axis: int) -> None:
    assert Softmax(axis).infer((REALS,)) == (REALS,)
    assert Softmax(axis).describe() == f"axis: {axis}"


@pytest.mark.parametrize(
    ("axis", "operand", "message"),
    [
        (-1, CODES, "softmax has no meaning on codes yet"),
        (-3, REALS, r"axis -3 does not exist in shape \(1, 3\)"),
        (0, REALS, "axis 0 does not exist"),
        (-1, TensorType(()), r"axis -1 does not exist in shape \(\)"),
    ],
)
def test_refusals(axis: int, operand: TensorType, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Softmax(axis).infer((operand,))

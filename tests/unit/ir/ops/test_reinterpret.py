# SPDX-License-Identifier: Apache-2.0
"""Type rules of a changed meaning."""

from __future__ import annotations

import pytest

from fpgann.errors import ModelError
from fpgann.ir import TensorType
from fpgann.ir.ops.reinterpret import Reinterpret
from tests.unit.ir.samples import CODES, PER_CHANNEL, REALS, F

THREE = Reinterpret((F(1), F(2), F(3)), (F(0),))


def test_changes_the_meaning_alone() -> None:
    for operand in (CODES, PER_CHANNEL):
        (result,) = THREE.infer((operand,))
        assert result.shape == operand.shape
        assert (result.codes.fixed, result.codes.range) == (operand.codes.fixed, operand.codes.range)
        assert (result.codes.scale, result.codes.offset, result.codes.axis) == (THREE.scale, (F(0),), -1)


@pytest.mark.parametrize(
    ("operand", "message"),
    [
        (REALS, "only codes can be reinterpreted"),
        (TensorType((1, 2), CODES.encoding), r"3 scales do not fit shape \(1, 2\)"),
        (TensorType((), CODES.encoding), r"3 scales do not fit shape \(\)"),
    ],
)
def test_refusals(operand: TensorType, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        THREE.infer((operand,))


def test_description() -> None:
    assert Reinterpret((F(1, 4),), (F(-1, 2),)).describe() == "scale: 0.25, offset: -0.5"

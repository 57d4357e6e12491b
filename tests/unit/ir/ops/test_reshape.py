# SPDX-License-Identifier: Apache-2.0
"""Type rules of reshaping."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fpgann.errors import ModelError
from fpgann.ir import TensorType
from fpgann.ir.ops.reshape import Reshape
from tests.unit.ir.samples import CODES, PER_CHANNEL, REALS

ALONG_FIRST = replace(PER_CHANNEL, shape=(3, 3), encoding=replace(PER_CHANNEL.codes, axis=-2))


@pytest.mark.parametrize("operand", [REALS, CODES])
@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 1, 3), (1, 3)])
def test_keeps_elements_and_encoding(operand: TensorType, shape: tuple[int, ...]) -> None:
    assert Reshape(shape).infer((operand,)) == (TensorType(shape, operand.encoding),)


def test_channels_along_the_last_axis_may_stay_there() -> None:
    assert Reshape((1, 1, 3)).infer((PER_CHANNEL,)) == (TensorType((1, 1, 3), PER_CHANNEL.encoding),)


def test_scalars() -> None:
    assert Reshape(()).infer((TensorType((1, 1)),)) == (TensorType(()),)
    assert Reshape((1,)).infer((TensorType(()),)) == (TensorType((1,)),)


@pytest.mark.parametrize(
    ("shape", "operand", "message"),
    [
        ((2,), REALS, r"3 elements do not fit shape \(2,\)"),
        ((), REALS, r"3 elements do not fit shape \(\)"),
        ((-1, -3), REALS, r"3 elements do not fit shape \(-1, -3\)"),
        ((3, 1), PER_CHANNEL, "reshaping codes needs one common scale"),
        ((1, 3, 3), ALONG_FIRST, "reshaping codes needs one common scale"),
    ],
)
def test_refusals(shape: tuple[int, ...], operand: TensorType, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Reshape(shape).infer((operand,))


def test_description() -> None:
    assert Reshape((1, 20, 3)).describe() == "1x20x3"

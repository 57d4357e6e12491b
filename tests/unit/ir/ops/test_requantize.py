# SPDX-License-Identifier: Apache-2.0
"""Type rules of staircases: the range that follows is the one that is reached."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.errors import ModelError
from fpgann.ir import Encoding, TensorType
from fpgann.ir.ops.requantize import Requantize
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.steps import Affine, Clip, Curve
from tests.unit.ir.samples import BYTE, CODES, NIBBLE, REALS, F, staircase
from tests.unit.numerics.properties import holds

THREE = staircase(Affine((F(1), F(-2), F(1, 3)), (F(1),)))


@holds(
    st.sampled_from([staircase(), THREE, staircase(Curve("sigmoid")), staircase(Clip(F(2), F(3)), low=1)]),
    st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
)
def reach(scalar_map: object, ends: tuple[int, int]) -> None:
    codes = CodeRange(min(ends), max(ends))
    operand = TensorType((1, 3), Encoding(BYTE, codes))
    (result,) = Requantize(scalar_map, Encoding.of(NIBBLE)).infer((operand,))
    all_codes = np.arange(codes.low, codes.high + 1)[:, None] * np.ones(3, np.int64)
    outputs = scalar_map.apply(all_codes)
    assert result.shape == operand.shape
    assert result.codes == Encoding(NIBBLE, CodeRange(int(outputs.min()), int(outputs.max())))


def test_codes_beyond_int64() -> None:
    wide = CodeRange(-(2**70), 2**70)
    assert Requantize(THREE, Encoding.of(NIBBLE)).reach(wide) == CodeRange(0, 15)
    assert Requantize(staircase(), Encoding.of(NIBBLE)).reach(CodeRange(2**70, 2**71)) == CodeRange(15, 15)
    assert Requantize(staircase(), Encoding.of(NIBBLE)).reach(CodeRange(-(2**63), 3)) == CodeRange(0, 0)


@pytest.mark.parametrize("shape", [(1, 3, 2), (3, 2), (1, 1, 3, 2)])
def test_channel_axis(shape: tuple[int, ...]) -> None:
    operand = TensorType(shape, CODES.encoding)
    assert Requantize(THREE, Encoding.of(NIBBLE), axis=-2).infer((operand,))[0].shape == shape


@pytest.mark.parametrize(
    ("axis", "operand", "message"),
    [
        (-1, REALS, "requantization needs codes"),
        (-1, replace(CODES, shape=(1, 2)), r"3 staircases along axis -1 do not fit shape \(1, 2\)"),
        (-2, CODES, r"3 staircases along axis -2 do not fit shape \(1, 3\)"),
        (-3, CODES, "3 staircases along axis -3 do not fit"),
        (1, CODES, "3 staircases along axis 1 do not fit"),
        (-1, replace(CODES, shape=()), r"3 staircases along axis -1 do not fit shape \(\)"),
    ],
)
def test_refusals(axis: int, operand: TensorType, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Requantize(THREE, Encoding.of(NIBBLE), axis).infer((operand,))


def test_description() -> None:
    target = Encoding.of(NIBBLE)
    assert Requantize(staircase(), target).describe() == "0..15 RND"
    assert Requantize(THREE, target, function="relu").describe() == "relu, 0..15 RND, 3 channels"


def test_twin_that_trusts_the_low_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A falling staircase reaches its greatest code at its least input."""
    monkeypatch.setattr(
        Requantize,
        "reach",
        lambda self, codes: CodeRange(
            *sorted(int(self.map.apply(np.full((1, 3), end))[0, 0]) for end in (codes.low, codes.high))
        ),
    )
    reach.must_fail()

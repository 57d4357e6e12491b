# SPDX-License-Identifier: Apache-2.0
"""Type rules of quantizers."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import ModelError
from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.rounding import Rounding
from tests.unit.ir.samples import REALS


def quantizer(scale: object = 0.5, zero_point: object = 0.0, low: int = -8, high: int = 7) -> Quantize:
    """A quantizer of four bits."""
    return Quantize(np.array(scale), np.array(zero_point), low, high, Rounding.RND_CONV)


@pytest.mark.parametrize("scale", [0.5, [0.5], [1.0, 2.0, 3.0], [[1.0, 2.0, 3.0]], [[1.0]]])
def test_keeps_the_type(scale: object) -> None:
    assert quantizer(scale).infer((REALS,)) == (REALS,)
    assert quantizer(0.5, scale).infer((REALS,)) == (REALS,)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (quantizer(0.0), "a quantization scale must be positive"),
        (quantizer([1.0, -1.0, 1.0]), "a quantization scale must be positive"),
        (quantizer(float("inf")), "a quantization scale must be positive"),
        (quantizer(float("nan")), "a quantization scale must be positive"),
        (quantizer([1.0, 2.0]), r"scale and zero point of shapes \(2,\) and \(\) do not broadcast to \(1, 3\)"),
        (quantizer(np.ones((2, 3))), "do not broadcast"),
        (quantizer(1.0, np.zeros((1, 1, 3))), "do not broadcast"),
        (quantizer(low=1, high=0), r"no code lies in 1\.\.0"),
    ],
)
def test_refusals(op: Quantize, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        op.infer((REALS,))


def test_description() -> None:
    assert quantizer().describe() == "-8..7 RND_CONV, scale: 0.5"
    bipolar = Quantize(np.array([1.0, 2.0]), np.array(0.0), 0, 1, Rounding.TRN, bipolar=True)
    assert bipolar.describe() == "bipolar, scale: 1 .."

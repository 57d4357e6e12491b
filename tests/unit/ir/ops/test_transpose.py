# SPDX-License-Identifier: Apache-2.0
"""Type rules of transposing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fpgann.errors import ModelError
from fpgann.ir import TensorType
from fpgann.ir.ops.transpose import Transpose
from tests.unit.ir.samples import CODES, PER_CHANNEL, REALS


@pytest.mark.parametrize("permutation", [*itertools.permutations(range(3))])
def test_permutes_like_numpy(permutation: tuple[int, ...]) -> None:
    shape = (1, 2, 5)
    for encoding in (None, CODES.encoding):
        (result,) = Transpose(permutation).infer((TensorType(shape, encoding),))
        assert result == TensorType(np.zeros(shape).transpose(permutation).shape, encoding)
    assert Transpose(permutation).describe() == " ".join(map(str, permutation))


@pytest.mark.parametrize(
    ("permutation", "operand", "message"),
    [
        ((0, 1, 2), REALS, r"\(0, 1, 2\) is no permutation of the axes of \(1, 3\)"),
        ((0, 0), REALS, r"\(0, 0\) is no permutation"),
        ((0, -1), REALS, r"\(0, -1\) is no permutation"),
        ((), REALS, r"\(\) is no permutation"),
        ((1, 0), PER_CHANNEL, "transposing codes needs one common scale"),
    ],
)
def test_refusals(permutation: tuple[int, ...], operand: TensorType, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Transpose(permutation).infer((operand,))

# SPDX-License-Identifier: Apache-2.0
"""Type rules of scaling and shifting."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import ModelError
from fpgann.ir import TensorType
from fpgann.ir.ops.affine import Affine
from tests.unit.ir.samples import CODES, REALS

ONE, ZERO = np.array(1.0), np.array(0.0)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 3), (1, 1, 3), (1, 2, 3), (2, 1)])
def test_broadcasts(shape: tuple[int, ...]) -> None:
    constant = np.full(shape, 2.0)
    for op in (Affine(constant, ONE, ZERO), Affine(ONE, constant, ZERO), Affine(ONE, ONE, constant)):
        expected = (np.zeros(REALS.shape) + constant).shape
        assert op.infer((REALS,)) == (TensorType(expected),)


@pytest.mark.parametrize(
    ("op", "operand", "message"),
    [
        (Affine(ONE, np.array([1.0, 0.0, 2.0]), ZERO), REALS, "division by a constant zero"),
        (Affine(ONE, ONE, ZERO), CODES, "scaling with real constants has no meaning on codes"),
        (Affine(np.ones(2), ONE, ZERO), REALS, r"constants of shape \(2,\) do not broadcast to \(1, 3\)"),
    ],
)
def test_refusals(op: Affine, operand: TensorType, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        op.infer((operand,))


def test_describes_what_does_something() -> None:
    assert Affine(ONE, ONE, ZERO).describe() == ""
    assert Affine(np.array(2.5), ONE, ZERO).describe() == "times: 2.5"
    assert Affine(ONE, np.full((1, 3), 2.0), np.array(-1.0)).describe() == "over: [1x3], plus: -1"

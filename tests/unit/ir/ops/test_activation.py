# SPDX-License-Identifier: Apache-2.0
"""Type rules of element-wise activations."""

from __future__ import annotations

import pytest

from fpgann.ir import TensorType
from fpgann.ir.ops.activation import Activation, Function


@pytest.mark.parametrize("function", Function)
@pytest.mark.parametrize("shape", [(), (1,), (1, 3, 2)])
def test_keeps_the_shape(function: Function, shape: tuple[int, ...]) -> None:
    op = Activation(function)
    assert op.infer((TensorType(shape),)) == (TensorType(shape),)
    assert op.describe() == function.value

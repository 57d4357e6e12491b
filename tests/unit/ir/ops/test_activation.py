# SPDX-License-Identifier: Apache-2.0
"""Type rules of element-wise activations."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import FpgannError
from fpgann.ir import TensorType
from fpgann.ir.ops.activation import Activation, Function
from fpgann.numerics.functions import TABLE


@pytest.mark.parametrize("function", Function)
@pytest.mark.parametrize("shape", [(), (1,), (1, 3, 2)])
def test_keeps_the_shape(function: Function, shape: tuple[int, ...]) -> None:
    names = TABLE[function].parameters
    op = Activation(function, tuple(np.array(0.5) for _ in names))
    assert op.infer((TensorType(shape),)) == (TensorType(shape),)
    assert op.describe() == ", ".join([function.value, *(f"{name}: 0.5" for name in names)])


def test_parameters_of_channels() -> None:
    op = Activation(Function.LEAKY_RELU, (np.zeros((3, 1)),))
    assert op.infer((TensorType((1, 3, 2)),)) == (TensorType((1, 3, 2)),)
    assert op.describe() == "leaky_relu, slope: [3x1]"
    with pytest.raises(FpgannError, match=r"slope of shape \(3, 1\) does not broadcast to \(1, 2, 2\)"):
        op.infer((TensorType((1, 2, 2)),))


@pytest.mark.parametrize("parameters", [(), (np.ones(()), np.ones(()))])
def test_wrong_number_of_parameters(parameters: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(FpgannError, match="leaky_relu takes 1 parameters"):
        Activation(Function.LEAKY_RELU, parameters).infer((TensorType((2,)),))

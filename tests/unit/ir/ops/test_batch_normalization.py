# SPDX-License-Identifier: Apache-2.0
"""Type rules of batch normalization."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import ModelError
from fpgann.ir import TensorType
from fpgann.ir.ops.batch_normalization import BatchNormalization


def normalization(channels: int, variance: float = 1.0, epsilon: float = 0.0) -> BatchNormalization:
    """The same parameters for each channel."""
    return BatchNormalization(*(np.full(channels, v) for v in (2.0, 1.0, 0.0, variance)), epsilon)


@pytest.mark.parametrize(("shape", "channels"), [((1, 3), 3), ((1, 3, 4, 5), 3), ((1,), 1), ((), 1)])
def test_channels_lie_along_axis_1(shape: tuple[int, ...], channels: int) -> None:
    assert normalization(channels).infer((TensorType(shape),)) == (TensorType(shape),)
    assert normalization(channels).describe() == f"channels: {channels}"
    with pytest.raises(ModelError, match=f"parameters must have {channels} entries, one per channel"):
        normalization(channels + 1).infer((TensorType(shape),))


@pytest.mark.parametrize(("variance", "epsilon"), [(0.0, 0.0), (-1.0, 0.5), (-1.0, 1.0), (float("nan"), 1.0)])
def test_variance_must_be_positive(variance: float, epsilon: float) -> None:
    with pytest.raises(ModelError, match="the variance plus epsilon must be positive"):
        normalization(3, variance, epsilon).infer((TensorType((1, 3)),))


def test_epsilon_counts() -> None:
    assert normalization(3, 0.0, 1e-5).infer((TensorType((1, 3)),))

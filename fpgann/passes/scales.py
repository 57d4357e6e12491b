# SPDX-License-Identifier: Apache-2.0
"""Scales of quantizers: the ones with the least squared error on samples."""

from __future__ import annotations

import numpy as np

from fpgann.numerics.integers import FloatArray
from fpgann.passes.calibrate import MAX_SAMPLES, least_error_type

_THRESHOLD = 0.7  # of the mean magnitude: below, ternary weights are 0 (Li and Liu 2016)
_CLIPS = np.linspace(0.3, 1.0, 29)


def fixed_scale(values: FloatArray, bits: int, *, signed: bool, power_of_two: bool) -> float:
    """The value of a step of fixed-point codes.

    Args:
        values: samples, of any shape.
        bits: width of the codes.
        signed: whether they have a sign.
        power_of_two: whether the scale must be one.
    """
    flat = values.reshape(-1)
    if not np.any(flat):
        return float(2.0**-bits)
    if power_of_two:
        return float(least_error_type(flat, bits, signed=signed).lsb)
    if flat.size > MAX_SAMPLES:
        extremes = np.array([flat.min(), flat.max()])
        flat = np.concatenate([np.random.default_rng(0).choice(flat, MAX_SAMPLES, replace=False), extremes])
    largest = 2 ** (bits - signed) - 1
    low = -largest if signed else 0
    top = float(np.abs(flat).max())
    steps = top * _CLIPS / largest
    errors = [float(np.sum((np.clip(np.rint(flat / step), low, largest) * step - flat) ** 2)) for step in steps]
    return float(np.float32(steps[int(np.argmin(errors))]))


def ternary_scale(values: FloatArray, *, power_of_two: bool) -> tuple[float, float]:
    """The magnitude of ternary weights, and the threshold from which on they are not 0, in units of it."""
    magnitudes = np.abs(values.reshape(-1))
    limit = _THRESHOLD * float(magnitudes.mean())
    large = magnitudes[magnitudes > limit]
    if not large.size:
        return 1.0, 0.5
    scale = _rounded(float(large.mean()), power_of_two=power_of_two)
    return scale, float(np.clip(limit / scale, 0.05, 0.95))


def binary_scale(values: FloatArray, *, power_of_two: bool) -> float:
    """The magnitude of binary weights: the mean of all (Rastegari et al. 2016)."""
    mean = float(np.abs(values).mean())
    return _rounded(mean, power_of_two=power_of_two) if mean else 1.0


def _rounded(scale: float, *, power_of_two: bool) -> float:
    return float(2.0 ** np.round(np.log2(scale))) if power_of_two else float(np.float32(scale))

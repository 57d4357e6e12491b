# SPDX-License-Identifier: Apache-2.0
"""Binary points: the best of all, on the samples given."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import ModelError
from fpgann.numerics.fixed import FixedType, parse_precision
from fpgann.numerics.steps import Curve
from fpgann.passes import choose_plan
from fpgann.passes.calibrate import QuantizationPoint, least_error_type


def error(fixed: FixedType, data: np.ndarray) -> float:
    return float(np.mean((fixed.decode(fixed.encode(data)) - data) ** 2))


@pytest.mark.parametrize("width", [2, 4, 8, 12])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
@pytest.mark.parametrize("signed", [True, False])
def test_no_other_binary_point_has_a_smaller_error(width: int, scale: float, signed: bool) -> None:
    data = np.random.default_rng(width).normal(size=3000) * scale
    data = data if signed else np.abs(data)
    chosen = least_error_type(data, width, signed=signed)
    sample = np.concatenate([data, [data.min(), data.max()]])
    others = [FixedType(signed, width, chosen.frac + delta) for delta in range(-6, 7)]
    assert chosen.width == width
    assert error(chosen, sample) == min(error(other, sample) for other in others)


def test_outliers_are_worth_saturating() -> None:
    data = np.concatenate([np.random.default_rng(0).normal(size=5000), [40.0]])
    assert least_error_type(data, 6, signed=True).range.high / 2 ** least_error_type(data, 6, signed=True).frac < 40


def test_a_curve_forgives_large_arguments() -> None:
    data = np.random.default_rng(0).normal(size=4000) * 30
    plain, through = (least_error_type(data, 8, signed=True, through=name) for name in ((), (Curve("sigmoid"),)))
    assert through.frac > plain.frac


def test_saturation_is_counted() -> None:
    points = [QuantizationPoint("v", signed=True)]
    plan = choose_plan(
        points, {"v": np.array([0.0, 1.0, 9.0, -9.0])}, parse_precision("fixed<8,4>"), fit_binary_point=False
    )
    assert (plan.saturation["v"].saturated, plan.saturation["v"].total) == (2, 4)


def test_undefined_samples_are_refused() -> None:
    with pytest.raises(ModelError, match=r"value 'v'.*infinite or undefined"):
        choose_plan(
            [QuantizationPoint("v", signed=True)],
            {"v": np.array([np.nan])},
            parse_precision("fixed<8,4>"),
            fit_binary_point=True,
        )

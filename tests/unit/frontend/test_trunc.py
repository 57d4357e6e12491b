# SPDX-License-Identifier: Apache-2.0
"""Trunc of QONNX against the oracle, with ==."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fpgann.errors import UnsupportedOperatorError
from tests.unit.frontend.exactness import agree, lower
from tests.unit.frontend.models import QONNX, model, node

DOMAINS = [QONNX, "onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.channels_last"]
RANDOM = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)


def truncated(numbers: dict[str, float], domain: str = QONNX, **options) -> onnx.ModelProto:
    """Codes of 12 bits, then Trunc with operands in the order given."""
    constants = {"s": 0.3, "zero": 0.0, "bits": 12.0, **numbers}
    nodes = [
        node("Quant", ["x", "s", "zero", "bits"], ["q"], domain=QONNX, signed=1),
        node("Trunc", ["q", *numbers], ["y"], domain=domain, **options),
    ]
    return model(nodes, (1, 6), constants)


def samples() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"x": (rng.integers(-2048, 2048, (40, 1, 6)) * np.float32(0.3)).astype(np.float32)}


@RANDOM
@given(
    st.sampled_from(["FLOOR", "ROUND", "CEIL", "floor", "round"]),
    st.integers(1, 8),
    st.sampled_from([0.3, 0.6]),
    st.integers(-3, 3),
    st.sampled_from(DOMAINS),
)
def test_version_1(tmp_path, mode, out_bits, scale, zeros, domain):
    zero = float(zeros * 2 ** (12 - out_bits)) if out_bits > 4 else 0.0
    numbers = {"in_s": scale, "in_z": zero, "in_b": 12.0, "out_b": float(out_bits)}
    agree(truncated(numbers, domain, rounding_mode=mode), samples(), tmp_path)


@RANDOM
@given(
    st.sampled_from(["FLOOR", "ROUND", "CEIL"]),
    st.integers(0, 6),
    st.integers(2, 8),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1.0, 1.1]),
)
def test_version_2(tmp_path, mode, dropped, out_bits, signed, narrow, factor):
    out = float(np.float32(0.3) * np.float32(factor) * 2**dropped)
    numbers = {"in_s": 0.3, "in_z": float(2**dropped), "in_b": 12.0, "out_s": out, "out_b": float(out_bits)}
    proto = truncated(numbers, rounding_mode=mode, signed=int(signed), narrow=int(narrow))
    agree(proto, samples(), tmp_path)


def test_a_zero_point_that_is_lost(tmp_path):
    with pytest.raises(UnsupportedOperatorError, match="is lost"):
        lower(truncated({"in_s": 0.3, "in_z": 3.0, "in_b": 12.0, "out_b": 8.0}), tmp_path)


def test_small_floats_are_refused(tmp_path):
    constants = {"s": 1.0, "exponent": 4.0, "mantissa": 3.0, "bias": 7.0, "exponent_max": 15.0, "mantissa_max": 7.0}
    proto = model([node("FloatQuant", ["x", *constants], domain="onnx.brevitas")], (1, 4), constants)
    with pytest.raises(UnsupportedOperatorError, match="floating-point numbers of few bits"):
        lower(proto, tmp_path)

# SPDX-License-Identifier: Apache-2.0
"""Errors of a recurrence's states, step by step: the same in both forms, and large where a state is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fpgann import passes, reference
from fpgann.frontend import import_onnx
from fpgann.ir.verify import verify
from fpgann.numerics.fixed import parse_precision
from fpgann.report.drift import Drift, drifts
from tests.unit.frontend.models import read
from tests.unit.passes.test_lower_recurrence import STEPS, UNITS, recurrent

SAMPLES = 16


def measured(folder: Path, kind: str, *, folded: bool, mutate: int | None = None) -> list[Drift]:
    """Drift of a random layer; `mutate` is a step behind which a code of a state is wrong."""
    real = verify(import_onnx(read(folder, recurrent(kind, "y"))), "the import")
    samples = {v.name: np.random.default_rng(0).normal(size=(SAMPLES, *v.type.shape)) for v in real.inputs}
    values = reference.run_values(real, samples)

    def choose(points: list[passes.QuantizationPoint]) -> passes.Plan:
        plan = passes.choose_plan(points, values, parse_precision("fixed<12,4>"), fit_binary_point=True)
        return replace(plan, folded_recurrences=folded)

    _, graph, meanings = passes.plan_and_lower(real, choose)
    codes = reference.run_codes(graph, {v.name: reference.encode_input(v, samples[v.name]) for v in graph.inputs})
    states = reference.state_codes(graph, codes, meanings.states)
    assert states
    for _, found in states.values():
        assert found.shape[:2] == (STEPS, SAMPLES)
        assert found[0, 0].size == UNITS
        if mutate is not None:
            found[mutate, 0] += 64
    return drifts(states, values)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_both_forms_drift_alike(tmp_path: Path, kind: str) -> None:
    written, folded = (measured(tmp_path, kind, folded=form) for form in (False, True))
    assert written == folded
    assert len(written) == (2 if kind == "LSTM" else 1)
    for state in written:
        assert len(state["steps"]) == STEPS
        assert all(0 < step["rmse"] <= step["max_abs_error"] < 0.1 for step in state["steps"])


def test_a_wrong_step_is_seen_where_it_is(tmp_path: Path) -> None:
    clean, wrong = (measured(tmp_path, "GRU", folded=True, mutate=step)[0]["steps"] for step in (None, 2))
    assert [a == b for a, b in zip(clean, wrong, strict=True)] == [True, True, False, True]
    assert wrong[2]["max_abs_error"] > 5 * clean[2]["max_abs_error"]

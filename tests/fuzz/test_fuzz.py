# SPDX-License-Identifier: Apache-2.0
"""Some random models in every run of the tests, and what finds bugs in them tried on bugs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder
from fpgann.passes import lower_affine, lower_quantize
from fpgann.reference.compiled import CompiledGraph
from tests.conftest import require_tool
from tests.fuzz.cases import make_case
from tests.fuzz.checks import Effort, run_case
from tests.fuzz.maps import MAPS
from tests.fuzz.moves import MOVES
from tests.fuzz.operators import OPERATORS
from tests.fuzz.quantizers import QOPERATORS
from tests.fuzz.sequences import SEQUENCES
from tests.fuzz.sketch import Sketch, Tensor

REFERENCE = Effort(hardware=False)


SLOW = pytest.mark.slow
FAILED_ONCE = (51, 94, 140, 222, 277, 355, 357)


@pytest.mark.parametrize("seed", [*range(6), *FAILED_ONCE, *(pytest.param(s, marks=SLOW) for s in range(6, 12))])
def test_random_model(seed: int) -> None:
    require_tool("ghdl")
    outcome = run_case(make_case(seed), Effort())
    assert outcome.status == "passed", f"{outcome.check}: {outcome.message}\n{outcome.detail}"


@SLOW
def test_outputs_at_different_speeds() -> None:
    """The compiled engine, too, measures the interval of the slowest output."""
    for tool in ("ghdl", "verilator", "g++", "make"):
        require_tool(tool)
    outcome = run_case(make_case(25), Effort(hardware=False, verilator=True))
    assert outcome.status == "passed", f"{outcome.check}: {outcome.message}\n{outcome.detail}"


def test_a_seed_decides_everything() -> None:
    first, second = make_case(3), make_case(3)
    assert first.model == second.model
    assert first.options == second.options
    assert all(np.array_equal(data, second.inputs[name]) for name, data in first.inputs.items())


@pytest.mark.parametrize("draw", [*OPERATORS, *MOVES, *MAPS, *SEQUENCES, *QOPERATORS], ids=lambda draw: draw.__name__)
def test_every_operator_is_drawn(draw: Callable[[Sketch], object]) -> None:
    """No function of the tables draws only what is refused."""
    drawn = 0
    for seed in range(12):
        s = Sketch(np.random.default_rng(seed), 21)
        for number, shape in enumerate([(1, 3), (1, 4, 2, 2), (1, 3), (1, 2, 3)]):
            data = s.rng.normal(0, 1, (8, *shape)).astype(np.float32)
            s.tensors[f"x{number}"] = Tensor(f"x{number}", data)
            s.tensors[f"bit{number}"] = Tensor(f"bit{number}", data > 0)
            s.tensors[f"place{number}"] = Tensor(f"place{number}", (data > 0).astype(np.int64))
        drawn += s.attempt(draw)
    assert drawn


def first_failure(seeds: range) -> str:
    """The check that fails at the first of some seeds that does."""
    outcomes = (run_case(make_case(seed), REFERENCE) for seed in seeds)
    return next((o.check for o in outcomes if o.status == "failed"), "none")


def test_a_wrong_factor_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = lower_affine._repeated
    monkeypatch.setattr(lower_affine, "_repeated", lambda constants, channels: right(constants, channels) * 1.25)
    assert first_failure(range(12)) in ("closeness", "exact")


def test_wrong_rounding_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lower_quantize, "Rounder", lambda mode, low, high: Rounder(Rounding.TRN, low, high))
    assert first_failure(range(12)) in ("closeness", "exact")


def test_wrong_ties_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(mode: Rounding, low: int, high: int) -> Rounder:
        return Rounder(Rounding.RND if mode is Rounding.RND_CONV else mode, low, high)

    monkeypatch.setattr(lower_quantize, "Rounder", other)
    assert first_failure(range(400)) in ("closeness", "exact")


def test_a_wrong_emulation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = CompiledGraph.run_floats

    def wrong(self: CompiledGraph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: codes + 1 for name, codes in right(self, inputs).items()}

    monkeypatch.setattr(CompiledGraph, "run_floats", wrong)
    assert first_failure(range(3)) == "emulation"

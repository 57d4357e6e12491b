# SPDX-License-Identifier: Apache-2.0
"""Plans are read strictly, and schedules reach what they promise."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.errors import ConfigError
from fpgann.train.plan import CompressionPlan, LayerPlan, Prune, Scale, Schedule, Weights, What, plan_of, read_plan
from fpgann.train.schedules import pruning_steps
from fpgann.train.sensitivity import assign_bits


def test_an_empty_plan_is_the_default() -> None:
    assert plan_of({}) == CompressionPlan()


def test_every_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        '[prune]\nsparsity = 0.75\nwhat = "digits"\nschedule = "one_shot"\n[merge]\nkeep = 0.5\n[share]\nvalues = 8\n'
        '[quantize]\nweight_bits = 6\nscale = "free"\n[distill]\nweight = 1\n[layers."a.*"]\nactivation_bits = 3\n'
    )
    plan = read_plan(path)
    assert plan.prune == Prune(0.75, What.DIGITS, schedule=Schedule.ONE_SHOT)
    assert (plan.merge.keep, plan.share.values, plan.distill.weight) == (0.5, 8, 1.0)
    assert (plan.quantize.weight_bits, plan.quantize.scale) == (6, Scale.FREE)
    assert plan.layers == {"a.*": LayerPlan(activation_bits=3)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[prun]\n", "there is no option 'prun'; did you mean 'prune'"),
        ("[prune]\nsparcity = 1\n", "did you mean 'sparsity'"),
        ("[prune]\nsparsity = '1'\n", "sparsity must be a number"),
        ("[prune]\nsparsity = 1.5\n", "1.5 is no share"),
        ("[prune]\nwhat = 'layers'\n", "it is one of weights, neurons, digits"),
        ("[prune]\nstart = 0.5\nend = 0.1\n", "it ends before it begins"),
        ("[quantize]\nweight_bits = 1\n", "1 bits are out of range"),
        ("[quantize]\nweight_bits = true\n", "weight_bits must be a whole number"),
        ("[quantize]\nlearn_bits = 1\n", "learn_bits must be true or false"),
        ("[quantize]\nweights = 'binary'\n[prune]\nsparsity = 0.5\n", "binary weights have no zero"),
        ("[quantize]\nweights = 'ternary'\nlearn_bits = true\n", "nothing to learn"),
        ("[distill]\ntemperature = 0\n", "negative"),
        ("prune = 3\n", "must be a table"),
        ("[prune\n", "is no TOML"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="plan.toml.*" + message.replace("?", "[?]")):
        read_plan(path)


def test_a_missing_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")


@given(
    st.floats(0.01, 1.0),
    st.sampled_from(list(Schedule)),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(1, 30),
    st.integers(1, 5000),
)
def test_schedules_rise_to_the_sparsity(
    sparsity: float, schedule: Schedule, one: float, other: float, rounds: int, steps: int
) -> None:
    start, end = sorted((one, other))
    times = pruning_steps(Prune(sparsity, schedule=schedule, start=start, end=end, rounds=rounds), steps)
    shares = [times[step] for step in sorted(times)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(sparsity)
    assert min(times) >= int(start * steps) - 1
    assert max(times) <= steps


def test_nothing_goes_without_a_sparsity() -> None:
    assert pruning_steps(Prune(), 100) == {}


def test_layers_can_have_their_own_kind() -> None:
    plan = plan_of({"layers": {"0": {"weights": "ternary"}}})
    assert plan.layers["0"].weights is Weights.TERNARY


def test_bits_go_where_they_matter_least() -> None:
    matter = {"a": 1.0, "b": 100.0, "c": 0.01}
    sizes = {"a": 100, "b": 100, "c": 100}

    def error(bits: Mapping[str, int]) -> float:
        return sum(weight * 4.0 ** -bits[name] for name, weight in matter.items())

    bits = assign_bits(sizes, error, budget=4, least=2, most=8)
    assert sum(bits.values()) == 12
    assert bits["b"] > bits["a"] > bits["c"]
    best = min(
        (error(dict(zip(matter, widths, strict=True))), widths)
        for widths in itertools.product(range(2, 9), repeat=3)
        if sum(widths) <= 12
    )
    assert error(bits) == best[0]
    assert assign_bits(sizes, error, budget=2, least=2, most=5) == dict.fromkeys(sizes, 2)

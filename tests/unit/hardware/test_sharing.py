# SPDX-License-Identifier: Apache-2.0
"""Layers of a step on the same neurons: parts of matrices, the schedule, no two layers at once."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fpgann import api
from fpgann.config import CompileOptions
from fpgann.hardware.design import Design, FoldedKernel, RecurrentKernel, Stage, UnrolledKernel
from fpgann.hardware.estimate import estimate
from fpgann.hardware.estimate_fabric import FABRICS
from fpgann.hardware.neurons import SharedArray
from fpgann.hardware.options import HardwareOptions, LayerOptions, Recurrences, Strategy
from fpgann.hardware.sharing import split_parts
from fpgann.ir import Encoding, GraphBuilder
from fpgann.ir.alignment import Alignment
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.dense import Dense
from fpgann.ir.types import Constant, TensorType
from fpgann.numerics.fixed import FixedType, parse_precision
from fpgann.reference.equivalence import check_same_codes
from tests.cosim.test_sequences import recurrent

CODES, WEIGHTS = Encoding.of(FixedType(True, 6, 3)), Encoding.of(FixedType(True, 4, 1))


def taken(columns: list[int]) -> Arrange:
    trivial = Alignment((np.ones((), np.int64),), (np.zeros((), np.int64),))
    return Arrange(np.array([columns]), np.zeros(0, np.int64), trivial, "slice")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [([[0, 1], [3, 2]], 2), ([[5, 0, 1], [2, 3]], 2), ([[0, 1], [1, 2]], 1), ([[0, 1, 2, 3]], 1)],
)
def test_parts_of_a_matrix(parts: list[list[int]], expected: int) -> None:
    """Outputs that two readers take, or only one reader, leave the matrix as it is."""
    builder = GraphBuilder("gates")
    x = builder.input("x", TensorType((1, 3), CODES))
    weight = Constant(np.random.default_rng(0).integers(-8, 8, (3, 6)), WEIGHTS)
    y = builder.add(Dense(weight), [x], name="y")
    graph = builder.build({str(i): builder.add(taken(part), [y], name=f"part{i}") for i, part in enumerate(parts)})
    divided, names = split_parts(graph)
    assert sum(isinstance(node.op, Dense) for node in divided.nodes) == expected
    assert set(names.values()) <= {"y"}
    codes = np.random.default_rng(1).integers(-32, 32, (20, 1, 3))
    check_same_codes(graph, divided, {"x": codes}, "division")


def step_of(kind: str, folder: Path, reuse_factor: int | None, **attributes: int) -> tuple[Design, Stage]:
    hardware = HardwareOptions(
        default=LayerOptions(strategy=Strategy.FOLDED, reuse_factor=reuse_factor), recurrence=Recurrences.FOLDED
    )
    network = recurrent(kind, outputs=("y",), **attributes)(folder / "net.onnx")
    options = CompileOptions(precision=parse_precision("fixed<12,4>"), hardware=hardware)
    (stage,) = (s for s in api.lower(network, options).design.stages if isinstance(s.kernel, RecurrentKernel))
    assert isinstance(stage.kernel, RecurrentKernel)
    return stage.kernel.core, stage


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("reuse_factor", [None, 1, 5, 9, 1000])
def test_no_two_layers_compute_at_once(kind: str, reuse_factor: int | None, tmp_path: Path) -> None:
    core, stage = step_of(kind, tmp_path, reuse_factor)
    for array in core.arrays:
        turns = sorted(turn for inner in core.stages for turn in turns_of(inner, array))
        assert len(turns) > 1
        assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(turns))
        assert turns[-1][1] - turns[0][0] <= core.latency_cycles
    assert stage.interval_cycles == 3 * core.latency_cycles


def turns_of(stage: Stage, array: SharedArray) -> list[tuple[int, int]]:
    kernel = stage.kernel
    if not isinstance(kernel, FoldedKernel) or kernel.shared != array:
        return []
    begin = stage.target.delay_cycles - stage.latency_cycles + kernel.pause_cycles
    return [(begin, begin + kernel.steps)]


def test_the_longest_way_goes_first(tmp_path: Path) -> None:
    """Of a GRU with the reset behind the matrix, the gate that resets; the one that mixes is needed last."""
    core, _ = step_of("GRU", tmp_path, 9, linear_before_reset=1)
    turns = [
        (turn, stage.layers[0]) for stage in core.stages for array in core.arrays for turn in turns_of(stage, array)
    ]
    assert min(turns)[1] == "y_forward_gates_part_1"
    assert max(turns)[1] == "y_forward_gates_part_0"


def test_a_reuse_factor_bounds_the_multipliers(tmp_path: Path) -> None:
    core, _ = step_of("GRU", tmp_path, 5)
    (array,) = core.arrays
    products = 3 * 3 * (2 + 3)
    assert array.pe * array.simd == products // 5
    assert replace(array, pe=1).request_bits < array.request_bits


@pytest.mark.parametrize("family", list(FABRICS))
def test_what_is_unrolled_inside_a_step_is_counted(family: str, tmp_path: Path) -> None:
    """A step takes all that its stages take alone."""
    core, stage = step_of("GRU", tmp_path, 9)
    unrolled = [inner for inner in core.stages if isinstance(inner.kernel, UnrolledKernel)]
    assert unrolled
    whole, parts = estimate(stage, family), [estimate(inner, family) for inner in unrolled]
    assert whole.lut > sum(part.lut for part in parts) > 0
    assert whole.ff > sum(part.ff for part in parts) > 0

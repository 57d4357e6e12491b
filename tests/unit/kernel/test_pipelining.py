# SPDX-License-Identifier: Apache-2.0
"""Pipelining keeps values, balances all paths and bounds the logic between registers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.kernel.interpreter import evaluate
from fpgann.kernel.netlist import Netlist, NetlistBuilder, Opcode
from fpgann.kernel.pipelining import levels, pipeline
from fpgann.numerics.interval import CodeRange
from tests.unit.kernel.test_constant_multiplication import build, matrices

COUNTED = {Opcode.ADD, Opcode.CLAMP, Opcode.AT_LEAST, Opcode.EVEN_SHIFT}


def registers_on_paths(netlist: Netlist) -> list[set[int]]:
    """For every node the numbers of registers on its paths from inputs; constants have none."""
    seen: list[set[int]] = []
    for node in range(len(netlist)):
        operands = [int(n) for n in (netlist.a[node], netlist.b[node]) if n >= 0]
        opcode = Opcode(int(netlist.opcode[node]))
        counts = {0} if opcode is Opcode.INPUT else set().union(*(seen[n] for n in operands)) if operands else set()
        seen.append({c + 1 for c in counts} if opcode is Opcode.REGISTER else counts)
    return seen


def logic_depth(netlist: Netlist) -> int:
    """Most operations in a row between registers."""
    depth: list[int] = []
    for node in range(len(netlist)):
        operands = [int(n) for n in (netlist.a[node], netlist.b[node]) if n >= 0]
        opcode = Opcode(int(netlist.opcode[node]))
        before = max((depth[n] for n in operands), default=0)
        zero = opcode is Opcode.ADD and netlist.opcode[netlist.b[node]] == Opcode.CONSTANT
        zero = zero and netlist.immediate[netlist.b[node]] == 0
        depth.append(0 if opcode is Opcode.REGISTER else before + (opcode in COUNTED and not zero))
    return max(depth, default=0)


@given(matrices(60), st.integers(1, 4))
def test_all_paths_take_the_same_time(weights: np.ndarray, per_stage: int) -> None:
    netlist = build(weights, np.arange(weights.shape[1]), CodeRange(-8, 7))
    result = pipeline(netlist, per_stage)
    counts = registers_on_paths(result.netlist)
    assert result.latency_cycles >= 1
    for node in result.netlist.outputs:
        assert counts[int(node)] <= {result.latency_cycles}
    assert logic_depth(result.netlist) <= per_stage
    samples = np.random.default_rng(1).integers(-8, 8, (10, len(weights)))
    assert np.array_equal(evaluate(result.netlist, samples), evaluate(netlist, samples))


def test_more_levels_a_stage_mean_fewer_cycles() -> None:
    netlist = build(np.arange(1, 65).reshape(64, 1), np.zeros(1, np.int64), CodeRange(0, 3))
    cycles = [pipeline(netlist, n).latency_cycles for n in (1, 2, 4, 100)]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] == max(levels(netlist))
    assert cycles[-1] == 1


def test_registers_cannot_be_pipelined_again() -> None:
    builder = NetlistBuilder([CodeRange(0, 1)])
    netlist = builder.build([builder.register(builder.input(0))])
    with pytest.raises(ValueError, match="pipelined already"):
        pipeline(netlist, 1)

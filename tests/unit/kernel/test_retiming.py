# SPDX-License-Identifier: Apache-2.0
"""Registers and sums of bits for AMD's cells: same values, same cycles, no deeper stages, no more LUTs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.kernel.bit_sum import Chain, evaluate_bits
from fpgann.kernel.constant_multiplication import MatrixBuilder, check_product
from fpgann.kernel.interpreter import evaluate
from fpgann.kernel.netlist import Netlist, NetlistBuilder, Opcode
from fpgann.kernel.pipelining import levels_in_stage, pipeline
from fpgann.kernel.retiming import pipeline_deep, pipeline_for_cells
from fpgann.kernel.sum_cones import adder_luts, sum_cones
from fpgann.numerics.interval import CodeRange
from tests.unit.kernel.test_constant_multiplication import matrices
from tests.unit.kernel.test_pipelining import registers_on_paths


def product(weights: np.ndarray, slack: int = 0) -> Netlist:
    """The netlist of a product with a constant matrix."""
    builder = NetlistBuilder([CodeRange(-8, 7)] * len(weights))
    matrix = MatrixBuilder(builder, slack=slack)
    return builder.build(matrix.products(list(range(len(weights))), weights, np.arange(weights.shape[1])))


@settings(max_examples=40, deadline=None)
@given(matrices(60), st.integers(1, 4))
def test_values_cycles_and_depth_are_kept(weights: np.ndarray, per_stage: int) -> None:
    netlist = product(weights)
    plain = pipeline(netlist, per_stage)
    result, luts = pipeline_for_cells(netlist, per_stage)
    assert result.latency_cycles == plain.latency_cycles
    counts = registers_on_paths(result.netlist)
    assert all(counts[int(node)] <= {result.latency_cycles} for node in result.netlist.outputs)
    assert max(levels_in_stage(result.netlist), default=0) <= per_stage
    assert luts == adder_luts(result.netlist) <= adder_luts(plain.netlist)
    samples = np.random.default_rng(1).integers(-8, 8, (10, len(weights)))
    assert np.array_equal(evaluate(result.netlist, samples), evaluate(netlist, samples))


def random_product(seed: int) -> np.ndarray:
    """A matrix whose columns have dozens of terms."""
    return np.random.default_rng(seed).integers(-31, 32, (24, 8))


def test_registers_move_to_where_sums_are_wide() -> None:
    netlist = product(random_product(1))
    assert pipeline_for_cells(netlist, 3)[1] < adder_luts(pipeline(netlist, 3).netlist)


def test_depth_that_costs_no_cycle_is_used() -> None:
    weights = random_product(2)
    result = pipeline_deep(lambda slack: product(weights, slack), 3)
    plain, luts = pipeline_for_cells(product(weights), 3)
    assert result.latency_cycles == plain.latency_cycles
    assert adder_luts(result.netlist) <= luts


def prove_cones(netlist: Netlist, samples: np.ndarray) -> int:
    """Check every sum of bits against the adders that it replaces; how many there are."""
    cones = sum_cones(netlist)
    values = evaluate(replace(netlist, outputs=np.arange(len(netlist), dtype=np.int32)), samples)
    for cone in cones:
        assert netlist.opcode[cone.root] in (Opcode.ADD, Opcode.ADD3)
        for row in values:
            found = evaluate_bits(cone.plan, lambda node, place, row=row: int(row[node]) >> place & 1)
            assert found == int(row[cone.root]) % (1 << cone.plan.width)
    return len(cones)


@pytest.mark.parametrize("seed", range(3))
def test_sums_of_bits_equal_the_adders_that_they_replace(seed: int) -> None:
    netlist = pipeline_for_cells(product(random_product(seed)), 3)[0].netlist
    assert prove_cones(netlist, np.random.default_rng(seed).integers(-8, 8, (20, netlist.inputs)))
    cones = sum_cones(netlist)
    assert any(isinstance(step, Chain) for cone in cones for step in cone.plan.steps)
    taken = [node for cone in cones for node in (cone.root, *cone.inner)]
    assert len(taken) == len(set(taken))


def random_matrix(rng: np.random.Generator) -> np.ndarray:
    """Any size up to 20 x 20, width, sparsity and sign; zero, repeated, negated and shifted rows and columns."""
    inputs, outputs = rng.integers(1, 21, 2)
    reach = rng.choice([1, 3, 7, 31, 127])
    weights = rng.integers(-reach, reach + 1, (inputs, outputs))
    if rng.random() < 0.2:
        weights = 2 ** rng.integers(0, 6, weights.shape) * rng.choice([-1, 1], weights.shape)
    weights[rng.random(weights.shape) < rng.choice([0.0, 0.5, 0.9])] = 0
    if outputs > 2 and rng.random() < 0.5:
        weights[:, 1], weights[:, 2] = weights[:, 0] * rng.choice([1, -1, 4, -2, 0]), weights[:, 0]
    if inputs > 1 and rng.random() < 0.5:
        weights[1] = weights[0] * rng.choice([1, -1, 2, 0])
    return -abs(weights) if rng.random() < 0.1 else weights


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_two_thousand_random_matrices(seed: int) -> None:
    """Symbolically and numerically exact, registers and sums of bits too, 100 for each seed."""
    rng = np.random.default_rng(1000 + seed)
    cones = 0
    for number in range(100):
        weights = random_matrix(rng)
        netlist = product(weights, int(rng.integers(3)))
        bias = np.arange(weights.shape[1])
        check_product(netlist, weights, bias, f"seed {seed}, matrix {number}")
        samples = rng.integers(-8, 8, (6, len(weights)))
        samples[:2] = [[-8], [7]]
        result, _ = pipeline_for_cells(netlist, int(rng.integers(1, 5)))
        assert np.array_equal(evaluate(result.netlist, samples), samples @ weights + bias)
        cones += prove_cones(result.netlist, samples)
    assert cones > 100


def test_nobody_else_reads_what_a_sum_takes_in() -> None:
    netlist = pipeline_for_cells(product(random_product(5)), 3)[0].netlist
    for cone in sum_cones(netlist):
        inside = {cone.root, *cone.inner}
        for node in cone.inner:
            readers = {int(n) for column in (netlist.a, netlist.b, netlist.c) for n in np.flatnonzero(column == node)}
            assert len(readers) == 1
            assert readers <= inside
            assert node not in netlist.outputs

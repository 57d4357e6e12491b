# SPDX-License-Identifier: Apache-2.0
"""Convolutions, compiled: the bits of the definition, for every geometry, group and carrier."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgann.ir import Graph, GraphBuilder, TensorType
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.steps import Affine
from fpgann.reference.compiled.ops import windows as module
from tests.unit.ir.ops.test_windows import cases, plain
from tests.unit.reference.graphs import coded, codes, differing, ends_and_random, kernels, staircase

FEW = settings(max_examples=40, derandomize=True, database=None, deadline=None)


def convolution(op: Windows, shape: tuple[int, ...], outputs: int, bits: int, seed: int = 0) -> Graph:
    """Windows, a dense layer of as many groups, a staircase."""
    rng = np.random.default_rng(seed)
    build = GraphBuilder("convolution")
    x = build.input("x", TensorType(shape, codes(-(1 << bits), (1 << bits) - 1)))
    seen = build.add(op, [x], name="windows")
    rows = op.taps * shape[-1] // op.groups
    weights = rng.integers(-8, 8, (rows, op.groups * outputs))
    layer = Dense(coded(weights), coded(rng.integers(-99, 99, op.groups * outputs)), groups=op.groups)
    y = build.add(layer, [seen], name="dense")
    step = Affine((Fraction(1, 37),), (Fraction(1, 2),))
    z = build.add(staircase(step, low=-100, high=100), [y], name="rounded")
    return build.build({"y": y, "z": z})


@FEW
@given(cases(), st.integers(1, 2), st.sampled_from([3, 22, 50]))
def test_convolutions(case, outputs, bits):
    op, x = case
    graph = convolution(op, x.shape[1:], outputs, bits)
    assert not differing(graph, ends_and_random(graph), ("windows", "dense", "rounded"))
    assert not differing(graph, ends_and_random(graph), ("rounded",))


def test_kernels():
    graph = convolution(plain(3, 3, pads=(1, 1, 1, 1), groups=2), (1, 5, 5, 4), 1, 3)
    assert kernels(graph)[0].startswith("_Copy")
    pointwise = convolution(plain(1, 1), (1, 5, 5, 4), 2, 3)
    assert kernels(pointwise)[0].startswith("View")


@pytest.mark.parametrize("fault", ["fill", "pad", "groups"])
def test_twins(fault, monkeypatch):
    make = module._Copy

    def broken(op: Windows, *rest: object) -> object:
        wrong = {
            "fill": replace(op, fill=int(op.fill) + 1),
            "pad": replace(op, pads=(op.pads[0] - 1, op.pads[1], op.pads[2] + 1, op.pads[3])),
            "groups": replace(op, groups=1),
        }
        return make(wrong[fault], *rest)

    monkeypatch.setattr(module, "_Copy", broken)
    op = plain(3, 3, pads=(1, 1, 1, 1), groups=2)
    graph = convolution(op, (1, 6, 6, 2), 2, 3)
    assert differing(graph, ends_and_random(graph), ("dense",))

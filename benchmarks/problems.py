# SPDX-License-Identifier: Apache-2.0
"""Fixed problems of constant arithmetic: npz files with integer weights, input vectors and their exact results.

`spec` is JSON: the input (n, signed, bits, frac, lo, hi) and layers (acc_frac; act null or a saturating ReLU with bits,
frac and round = TRN, RND or RND_CONV); `W<i>` has shape (inputs, outputs), `b<i>` is in units of the accumulator; `X`
and `Y` are input codes and results.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from fpgann.ir import Constant, Encoding, Graph, GraphBuilder, TensorType
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.requantize import Requantize
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine, Clip

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "bench"


@dataclass(frozen=True)
class Problem:
    """One problem.

    Args:
        name: its name.
        spec: types.
        weights: of each layer.
        biases: of each layer.
        x: input codes, shape (samples, inputs).
        y: results.
    """

    name: str
    spec: dict[str, Any]
    weights: list[np.ndarray]
    biases: list[np.ndarray]
    x: np.ndarray
    y: np.ndarray

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(w.size for w in self.weights)


def folder() -> Path:
    """Where the problems lie: FPGANN_BENCH, else beside the repository."""
    root = Path(os.environ.get("FPGANN_BENCH", DEFAULT))
    return root / "bench" if (root / "bench").is_dir() else root


def load(name: str) -> Problem:
    """Read a problem."""
    with np.load(folder() / f"{name}.npz") as file:
        spec = json.loads(str(file["spec"]))
        weights = [file[f"W{i}"].astype(np.int64) for i in range(len(spec["layers"]))]
        biases = [
            file[f"b{i}"].astype(np.int64) if f"b{i}" in file else np.zeros(w.shape[1], np.int64)
            for i, w in enumerate(weights)
        ]
        return Problem(name, spec, weights, biases, file["X"].astype(np.int64), file["Y"].astype(np.int64))


def graph_of(problem: Problem) -> Graph:
    """A problem as a graph of codes, from `x` to `y`."""
    entry = problem.spec["input"]
    kind = FixedType(entry["signed"], entry["bits"], entry["frac"])
    codes = CodeRange(entry["lo"], entry["hi"])
    build = GraphBuilder(problem.name)
    scaling = Affine((Fraction(1 << entry["frac"]),), (Fraction(0),))
    quantizer = ScalarMap((scaling,), Rounder(Rounding.RND, codes.low, codes.high))
    x = build.input("x", TensorType((1, entry["n"]), Encoding(kind, codes)), quantizer)
    for number, layer in enumerate(problem.spec["layers"]):
        dense = Dense(
            _constant(problem.weights[number], layer["w_frac"]), _constant(problem.biases[number], layer["acc_frac"])
        )
        x = build.add(dense, [x], name=f"dense{number}")
        if layer["act"] is not None:
            x = build.add(_activation(layer), [x], name=f"relu{number}")
    return build.build({"y": x})


def _constant(codes: np.ndarray, frac: int) -> Constant:
    span = CodeRange(int(codes.min()), int(codes.max()))
    return Constant(codes, Encoding(FixedType.holding(span, frac), span))


def _activation(layer: dict[str, Any]) -> Requantize:
    act = layer["act"]
    shift = layer["acc_frac"] - act["frac"]
    steps = (Affine((Fraction(1, 1 << shift),), (Fraction(0),)), Clip(Fraction(0), None))
    rounder = Rounder(Rounding[act["round"]], 0, (1 << act["bits"]) - 1)
    return Requantize(
        ScalarMap(steps, rounder), Encoding.of(FixedType(False, act["bits"], act["frac"])), function="relu"
    )

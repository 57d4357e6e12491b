# SPDX-License-Identifier: Apache-2.0
"""Fit the coefficients of estimates: least squares on relative errors, none negative, drawn to what is expected.

A layer that is missed by much counts by its error, not by its square (Huber, "Robust Estimation of a Location
Parameter", 1964): one that synthesis treats in its own way does not bend the coefficients of all others.

A few dozen layers have to settle two dozen coefficients; where they say little about one, it stays near its
expectation. Errors that are reported are those of layers left out of the fit, one after another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RIDGE = 0.1  # weight of an expectation, missed by all of itself, against a layer, missed by all of itself
SMALL_LUTS = 60.0  # below, errors count as if a layer had so many
ROUNDS = 400
PASSES = 4  # of weighing layers by how much they are missed
MISSED = 0.06  # relative error from which on a layer counts less
PART = 0.4  # weight of a neuron alone: in a layer it has less to add, as its sums are bounded

# LUTs of six inputs (of four) for a bit of each kind of logic
EXPECTED: dict[str, tuple[float, float]] = {
    "accumulator": (1.0, 2.0),
    "add": (1.0, 1.0),
    "add3": (1.2, 3.0),
    "add3_fused": (1.2, 3.0),
    "add3_named": (1.05, 3.0),
    "add_fused": (1.2, 2.0),
    "choose": (0.4, 0.8),
    "clamp": (0.45, 1.1),
    "clamp_range": (0.2, 0.3),
    "compare": (0.35, 1.5),
    "compare2": (0.7, 1.0),
    "control": (6.0, 8.0),
    "count": (1.0, 1.0),
    "counter": (1.5, 2.0),
    "even": (0.5, 0.7),
    "extreme": (1.2, 2.4),
    "gather": (0.02, 0.02),
    "loader": (8.0, 12.0),
    "mirror": (1.0, 1.5),
    "multiply": (1.1, 2.0),
    "multiply_rows": (0.2, 0.2),
    "ring": (0.5, 1.0),
    "rom": (0.9, 0.9),
    "rom_short": (0.5, 0.8),
    "round": (0.9, 1.2),
    "rows": (1.05, 2.4),
    "small_product": (1.15, 2.0),
    "table": (0.73, 3.3),
    "tree": (1.0, 1.0),
}


@dataclass(frozen=True)
class Measured:
    """A synthesised layer.

    Args:
        name: its name.
        kind: kind of residual.
        logic: bits of logic by kind.
        fixed: LUTs that are counted, not fitted: memories and shift registers.
        lut: LUTs of synthesis.
        cells: LUT cells of synthesis.
        ff: flip-flops that were counted, and those of synthesis.
    """

    name: str
    kind: str
    logic: Mapping[str, int]
    fixed: int
    lut: float
    cells: float
    ff: tuple[int, int]


def fit(layers: Sequence[Measured], targets: Sequence[float], expected: Mapping[str, float]) -> dict[str, float]:
    """Coefficients by kind of logic.

    Args:
        layers: what was measured.
        targets: LUTs of each that the coefficients have to explain.
        expected: the coefficient of each kind where nothing speaks against it.
    """
    kinds = sorted(expected)
    prior = np.array([expected[kind] for kind in kinds])
    sizes = np.maximum(SMALL_LUTS, np.array(targets))
    relative = np.array([[layer.logic.get(kind, 0) for kind in kinds] for layer in layers]) / sizes[:, None]
    aims = np.array(targets) / sizes
    own = np.array([PART if layer.kind == "neuron" else 1.0 for layer in layers])
    found, trust = prior.copy(), own
    for _ in range(PASSES):
        found = _solve(relative * trust[:, None], aims * trust, prior, found)
        trust = own * np.sqrt(np.minimum(1.0, MISSED / np.maximum(np.abs(relative @ found - aims), 1e-9)))
    return {kind: round(float(value), 4) for kind, value in zip(kinds, found, strict=True)}


def _solve(
    matrix: npt.NDArray[np.float64],
    aims: npt.NDArray[np.float64],
    prior: npt.NDArray[np.float64],
    start: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Ridge regression with no negative coefficient."""
    scale = RIDGE**0.5 / np.maximum(prior, 0.1)
    rows, aims = np.concatenate([matrix, np.diag(scale)]), np.concatenate([aims, scale * prior])
    found = start.copy()
    for _ in range(ROUNDS):  # coordinate descent; the ridge makes it converge
        for column in range(len(prior)):
            own = rows[:, column]
            rest = aims - rows @ found + own * found[column]
            found[column] = max(0.0, float(own @ rest) / float(own @ own))
    return found


def predicted(layer: Measured, coefficients: Mapping[str, float]) -> float:
    """LUTs of a layer, those that are counted included."""
    return layer.fixed + sum(coefficients[kind] * amount for kind, amount in layer.logic.items())


def calibrate(layers: Sequence[Measured], lut_inputs: int) -> dict[str, object]:
    """The entry of one family in calibration.json: coefficients, errors by kind, residuals of every layer.

    Args:
        layers: what was measured.
        lut_inputs: inputs of a LUT.
    """
    place = 0 if lut_inputs > 4 else 1
    expected = {kind: both[place] for kind, both in EXPECTED.items()}
    logical = [layer for layer in layers if layer.lut - layer.fixed > 0]
    lut = fit(logical, [layer.lut - layer.fixed for layer in logical], expected)
    cells = fit(logical, [layer.cells for layer in logical], expected)
    residuals = {}
    errors: dict[str, list[tuple[float, float]]] = {}
    for layer in logical:
        others = [other for other in logical if other is not layer]
        without = fit(others, [other.lut - other.fixed for other in others], expected)
        missed = predicted(layer, without) / layer.lut - 1
        missed_ff = layer.ff[0] / layer.ff[1] - 1 if layer.ff[1] else 0.0
        residuals[layer.name] = {
            "kind": layer.kind,
            "lut": round(layer.lut),
            "lut_estimate": round(predicted(layer, lut)),
            "lut_left_out": round(missed, 4),
            "ff": layer.ff[1],
            "ff_estimate": layer.ff[0],
        }
        # a layer of a few LUTs is missed by a few LUTs, which says nothing about large ones
        weight = min(1.0, layer.lut / SMALL_LUTS)
        errors.setdefault(layer.kind, []).append((missed * weight, missed_ff))
    pooled = [pair for pairs in errors.values() for pair in pairs]
    summary = {}
    for kind in ("unrolled", "folded", "pointwise", "stream"):
        pairs = np.array(errors.get(kind, pooled) if len(errors.get(kind, [])) > 1 else pooled)
        lut_error, ff_error = np.sqrt(np.mean(pairs**2, axis=0))
        summary[kind] = {
            "lut": round(max(0.01, float(lut_error)), 4),
            "ff": round(max(0.005, float(ff_error)), 4),
            "layers": len(errors.get(kind, [])),
        }
    return {"lut": lut, "cells": cells, "errors": summary, "residuals": dict(sorted(residuals.items()))}

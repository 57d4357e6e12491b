# SPDX-License-Identifier: Apache-2.0
"""Merge neurons that compute nearly the same, and give weights a few common values.

A neuron is a row of weights with its bias; what it means to the next layer is a column there. If a neuron is c > 0
times another, and the function behind lets positive factors pass (ReLU, LeakyReLU, none), the other can stand in its
place: c times its column joins the other's, and nothing changes. Neurons that are only similar become their mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fpgann.numerics.integers import FloatArray, IntArray

_EXACT = 1e-12  # relative: what float64 leaves of two equal directions
_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Pair:
    """A layer and the next one, as far as merging sees them.

    Args:
        rows: weights of the first, shape (neurons, inputs).
        bias: of the first, shape (neurons,).
        columns: weights of the second, shape (outputs, neurons, block): each neuron feeds a block of its inputs.
        next_bias: of the second, shape (outputs,).
    """

    rows: FloatArray
    bias: FloatArray
    columns: FloatArray
    next_bias: FloatArray


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome of merging.

    Args:
        pair: both layers, with fewer neurons.
        members: for each neuron that is left the old ones it stands for.
        error_bound: by how much a sum of the second layer can change, at most, for inputs in the given range; 0 if the
            merge is exact.
    """

    pair: Pair
    members: tuple[tuple[int, ...], ...]
    error_bound: float


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What merging did to a layer.

    Args:
        layer: its name.
        before: neurons it had.
        after: neurons it has.
        error_bound: by how much a sum of the next layer can change, at most, for inputs like the samples.
    """

    layer: str
    before: int
    after: int
    error_bound: float


def drop_dead(pair: Pair, function: Callable[[FloatArray], FloatArray], *, padded: bool = False) -> Merged:
    """Remove neurons that nobody reads, and those that are constant: the next bias takes these over.

    Args:
        pair: both layers.
        function: what stands between, on values of shape (neurons,).
        padded: the next layer sees zeros at its borders, so only the constant 0 is the same everywhere.
    """
    constant = ~np.any(pair.rows, axis=1)
    if padded:
        constant &= function(pair.bias) == 0
    read = np.any(pair.columns.reshape(len(pair.next_bias), len(pair.rows), -1), axis=(0, 2))
    values = np.where(constant & read, function(pair.bias), 0.0)
    next_bias = pair.next_bias + np.einsum("onb,n->o", pair.columns, values)
    stay = np.flatnonzero(read & ~constant)
    if not len(stay):
        stay = np.array([0])  # a layer has at least one neuron; its columns are kept unless it is constant
    columns = pair.columns * (read & ~constant)[None, :, None]
    left = Pair(pair.rows[stay], pair.bias[stay], columns[:, stay], next_bias)
    return Merged(left, tuple((int(n),) for n in stay), 0.0)


def merge_neurons(
    pair: Pair,
    *,
    keep: int | None = None,
    distance: float = 0.0,
    homogeneous: bool = True,
    largest_input: FloatArray | None = None,
    moments: FloatArray | None = None,
) -> Merged:
    """Merge the nearest neurons, two at a time, until few enough are left or none are near enough.

    The cost of a merge is Ward's (1963): the squared distance of the two, weighted by how much the next layer makes of
    them. Where positive factors pass, neurons are compared by direction. Exact copies always merge.

    Args:
        pair: both layers.
        keep: how many neurons stay; None goes by the distance alone.
        distance: neurons merge while they differ by at most this, relative to their size.
        homogeneous: whether a positive factor passes the function behind.
        largest_input: largest magnitude of each input, shape (inputs,), for the bound; 1 by default.
        moments: mean products of the inputs and of a last one that is 1, shape (inputs + 1, inputs + 1): distances
            then are those of what neurons compute, not of their weights.

    Returns:
        The layers with fewer neurons; each new neuron is the mean of its members.
    """
    count, inputs = pair.rows.shape
    rows = np.concatenate([pair.rows, pair.bias[:, None]], axis=1)
    measure = np.eye(inputs + 1) if moments is None else moments
    columns = pair.columns.astype(np.float64)
    lengths = np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", rows, measure, rows), 0.0))
    factors = np.where(lengths > 0, lengths, 1.0) if homogeneous else np.ones(count)
    rows, columns = rows / factors[:, None], columns * factors[None, :, None]
    original_rows, original_columns = rows.copy(), columns.copy()
    members = [[number] for number in range(count)]
    while len(members) > 1:
        costs, distances = _merge_costs(rows, columns, measure)
        near = distances <= max(distance, _EXACT)
        wanted = near if keep is None or len(members) <= keep else np.ones_like(near)
        np.fill_diagonal(wanted, val=False)
        if not np.any(wanted):
            break
        choice = np.where(near & wanted, -1.0 / (1.0 + costs), costs) if keep is not None else costs
        first, second = sorted(
            int(n) for n in np.unravel_index(np.argmin(np.where(wanted, choice, np.inf)), costs.shape)
        )
        weights = np.linalg.norm(columns[:, [first, second]].reshape(len(columns), 2, -1), axis=(0, 2)) ** 2
        share = weights / weights.sum() if weights.sum() else np.full(2, 0.5)
        if distances[first, second] <= _EXACT:
            share = np.array([1.0, 0.0])  # the first as it is, without rounding
        rows[first] = share @ rows[[first, second]]
        columns[:, first] += columns[:, second]
        rows, columns = np.delete(rows, second, axis=0), np.delete(columns, second, axis=1)
        members[first] += members.pop(second)
    limits = np.append(np.ones(inputs) if largest_input is None else largest_input, 1.0)
    bound = _bound(original_rows, original_columns, rows, members, limits)
    scale = np.array([factors[group[0]] for group in members])
    left = Pair(
        rows[:, :-1] * scale[:, None], rows[:, -1] * scale, columns / scale[None, :, None], pair.next_bias.copy()
    )
    return Merged(left, tuple(tuple(group) for group in members), bound)


def _merge_costs(rows: FloatArray, columns: FloatArray, measure: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ward's cost of every merge, and the distance of every two neurons relative to the longer one."""
    products = rows @ measure @ rows.T
    lengths = np.diag(products)
    squared = np.maximum(lengths[:, None] + lengths[None, :] - 2 * products, 0.0)
    squared = np.where(_equal(rows), 0.0, squared)
    weights = np.sum(columns**2, axis=(0, 2))
    total = weights[:, None] + weights[None, :]
    mass = np.divide(weights[:, None] * weights[None, :], total, out=np.zeros_like(total), where=total > 0)
    longest = np.maximum(np.maximum(lengths[:, None], lengths[None, :]), np.finfo(np.float64).tiny)
    relative = np.where(squared > 0, np.sqrt(squared / longest), 0.0)
    # rounding of the products hides differences below 1e-8; what is not equal itself is no exact copy
    return mass * squared, np.where(_equal(rows), 0.0, np.maximum(relative, 10 * _EXACT))


def _equal(rows: FloatArray) -> FloatArray:
    """Which two rows agree but for rounding."""
    size = np.abs(rows).max(axis=1)
    far = np.abs(rows[:, None] - rows[None, :]).max(axis=2)
    return np.asarray(far <= _EXACT * np.maximum(size[:, None], size[None, :]))


def _bound(
    old_rows: FloatArray, old_columns: FloatArray, rows: FloatArray, members: list[list[int]], limits: FloatArray
) -> float:
    """How far sums of the next layer can move: each neuron by the distance of its row, as functions have slopes of at
    most 1 (ReLU, sigmoid, tanh), times the magnitude of its column.
    """
    moved = np.zeros(len(old_rows))
    for new, group in enumerate(members):
        for old in group:
            difference = np.abs(old_rows[old] - rows[new])
            same = np.all(difference <= _EXACT * np.abs(rows[new]).max(initial=0.0))
            moved[old] = 0.0 if same else float(difference @ limits)
    return float(np.max(np.einsum("onb,n->o", np.abs(old_columns), moved), initial=0.0))


def code_book(values: FloatArray, count: int) -> tuple[FloatArray, IntArray]:
    """The few values that stand for many with the least squared error (k-means, Lloyd 1982), zeros kept apart.

    Args:
        values: numbers of any shape.
        count: how many values there may be, zero not counted.

    Returns:
        The code book, shape (values + 1,), its entry 0 being 0.0, and for every number its entry.
    """
    flat = values.reshape(-1)
    some = np.sort(flat[flat != 0])
    distinct = np.unique(some)
    if len(distinct) <= count:
        book = np.concatenate([[0.0], distinct])
    else:
        centres = np.quantile(some, (np.arange(count) + 0.5) / count)
        for _ in range(_ROUNDS):
            edges = np.searchsorted(some, (centres[1:] + centres[:-1]) / 2)
            parts = np.split(some, edges)
            moved = np.array(
                [part.mean() if len(part) else centre for part, centre in zip(parts, centres, strict=True)]
            )
            if np.array_equal(moved, centres):
                break
            centres = np.sort(moved)
        book = np.concatenate([[0.0], np.unique(centres)])
    edges = (book[1:][1:] + book[1:][:-1]) / 2
    entries = np.where(flat == 0, 0, 1 + np.searchsorted(edges, flat))
    return book, entries.reshape(values.shape).astype(np.int64)

# SPDX-License-Identifier: Apache-2.0
"""Recurrent layers, sorting, computed places and Einsum."""

from __future__ import annotations

from tests.fuzz.evaluate import RejectedError
from tests.fuzz.operators import Draw
from tests.fuzz.sketch import Sketch, Tensor

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def recurrent(s: Sketch) -> Tensor:
    """Few units and steps; sequences are made of whatever has few elements."""
    x = s.operand("real", lambda t: 2 <= t.rank <= 3 and t.data[0].size <= 24)
    kind, units = s.pick(*_GATES), s.whole(1, 3)
    steps = s.pick(*(n for n in (1, 2, 3, 4) if x.data[0].size % n == 0))
    sequence = s.add("Reshape", [x.name, s.integers(steps, 1, -1)])
    directions = s.pick(1, 1, 2)
    gates, features = _GATES[kind] * units, sequence.shape[-1]
    weights = [s.constant(s.numbers((directions, gates, size), 0.6)) for size in (features, units)]
    bias = [s.constant(s.numbers((directions, 2 * gates), 0.5))] if s.chance(0.7) else []
    attributes = {
        "hidden_size": units,
        "direction": s.pick("forward", "reverse") if directions == 1 else "bidirectional",
    }
    if kind == "GRU":
        attributes["linear_before_reset"] = s.whole(0, 1)
    return s.add(kind, [sequence.name, *weights, *bias], **attributes)


def ranking(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 1)
    if s.opset < 11:
        raise RejectedError("it has no `largest` yet")
    axis = s.axis(x)
    count = s.integers(s.whole(1, x.shape[axis]))
    return s.add("TopK", [x.name, count], outputs=2, axis=axis, largest=s.whole(0, 1))


def gather_at_ranks(s: Sketch) -> Tensor:
    """Rows of a tensor at the positions of the greatest of as many numbers."""
    x = s.operand("real", lambda t: t.rank >= 2 and t.data[0].size <= 40)
    axis = s.axis(x)
    if s.opset < 11 or x.shape[axis] < 2:
        raise RejectedError("there is nothing to choose")
    keys = s.operand("real", lambda t: t.rank >= 1 and t.shape[-1] == x.shape[axis] and t.data[0].size <= 12)
    s.add("TopK", [keys.name, s.integers(s.whole(1, 2))], outputs=2, axis=-1)
    places = s.nodes[-1].output[1]
    return s.add("Gather", [x.name, places], axis=axis)


def einsum(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank == 2 and t.data[0].size <= 24)
    if s.opset < 12:
        raise RejectedError("there is no Einsum yet")
    if s.chance(0.5):
        weight = s.constant(s.numbers((x.shape[1], s.whole(1, 4))))
        return s.add("Einsum", [x.name, weight], equation=s.pick("ij,jk->ik", "ij,jk->ki"))
    y = s.operand("real", lambda t: t.rank == 2 and t.shape == x.shape)
    return s.add("Einsum", [x.name, y.name], equation=s.pick("ij,kj->ik", "ij,ij->i", "ij,ij->ji", "ij,kj->"))


SEQUENCES: dict[Draw, float] = {recurrent: 2, ranking: 2, gather_at_ranks: 1, einsum: 1}
"""What is drawn, and how often."""

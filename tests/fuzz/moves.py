# SPDX-License-Identifier: Apache-2.0
"""Operators that only move elements, of any element type."""

from __future__ import annotations

from math import prod

import numpy as np

from tests.fuzz.evaluate import RejectedError
from tests.fuzz.operators import Draw
from tests.fuzz.sketch import ELEMENTS, Sketch, Tensor


def anything(s: Sketch, rank: int = 0) -> Tensor:
    kind = s.pick("real", "real", "real", "real", "real", "bit", "integer")
    return s.operand(kind, lambda t: t.rank >= rank)


def concat(s: Sketch) -> Tensor:
    x = anything(s, 1)
    axis = s.axis(x, 0 if s.chance(0.2) else min(1, x.rank - 1))

    def fits(other: Tensor) -> bool:
        if other.rank != x.rank or other.data.dtype != x.data.dtype:
            return False
        return all(a == b for i, (a, b) in enumerate(zip(x.shape, other.shape, strict=True)) if i != axis % x.rank)

    names = [x.name] + [s.operand(x.kind, fits).name for _ in range(s.whole(1, 2))]
    if x.kind == "real" and s.chance(0.3):
        shape = [2 if i == axis % x.rank else size for i, size in enumerate(x.shape)]
        names.insert(s.whole(0, len(names)), s.constant(s.numbers(tuple(shape))))
    return s.add("Concat", names, axis=axis)


def split(s: Sketch) -> Tensor:
    x = anything(s, 1)
    axis = s.axis(x)
    size = x.shape[axis]
    if size < 2:
        raise RejectedError("there is nothing to split")
    first = s.whole(1, size - 1)
    if s.opset < 13:
        return s.add("Split", [x.name], outputs=2, axis=axis, split=[first, size - first])
    return s.add("Split", [x.name, s.integers(first, size - first)], outputs=2, axis=axis)


def cut(s: Sketch) -> Tensor:
    x = anything(s, 1)
    axis = s.axis(x)
    step = s.pick(1, 1, 2, -1, -2)
    start, end = (s.whole(-x.shape[axis], x.shape[axis]) for _ in range(2))
    if s.opset < 10:
        return s.add("Slice", [x.name], starts=[start], ends=[end], axes=[axis % x.rank])
    return s.add("Slice", [x.name, *(s.integers(n) for n in (start, end, axis, step))])


def gather(s: Sketch) -> Tensor:
    x = anything(s, 1)
    axis = s.axis(x)
    size = x.shape[axis]
    shape = s.pick((), (1,), (3,), (2, 2))
    return s.add("Gather", [x.name, s.constant(s.rng.integers(-size, size, shape), np.int64)], axis=axis)


def gather_elements(s: Sketch) -> Tensor:
    x = anything(s, 1)
    axis = s.axis(x)
    return s.add("GatherElements", [x.name, s.constant(s.rng.integers(0, x.shape[axis], x.shape), np.int64)], axis=axis)


def gather_places(s: Sketch) -> Tensor:
    x = anything(s, 2)
    places = [[s.whole(0, size - 1) for size in x.shape[:2]] for _ in range(s.whole(1, 4))]
    return s.add("GatherND", [x.name, s.constant(places, np.int64)])


def scatter(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 2)
    axis = s.axis(x, 1)
    shape = tuple(1 if i == axis % x.rank else size for i, size in enumerate(x.shape))
    index = s.constant(s.rng.integers(0, x.shape[axis], shape), np.int64)
    updates = s.constant(s.numbers(shape))
    options = {"reduction": s.pick("none", "add", "max", "min")} if s.opset >= 18 else {}
    return s.add("ScatterElements", [x.name, index, updates], axis=axis, **options)


def pad(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 1)
    widths = [0 if s.chance(0.6) else s.whole(-1, 2) for _ in range(2 * x.rank)]
    mode = s.pick("constant", "constant", "edge", "reflect")
    if s.opset < 11:
        return s.add("Pad", [x.name], pads=[max(w, 0) for w in widths], mode=mode, value=s.pick(0.0, 1.5))
    fill = [s.constant(s.numbers(()))] if mode == "constant" and s.chance(0.7) else []
    return s.add("Pad", [x.name, s.integers(*widths), *fill], mode=mode)


def expand(s: Sketch) -> Tensor:
    x = anything(s)
    shape = [s.whole(1, 3) if size == 1 and i else size for i, size in enumerate(x.shape)]
    return s.add("Expand", [x.name, s.integers(*([s.whole(1, 3)] if s.chance(0.2) else []), *shape)])


def tile(s: Sketch) -> Tensor:
    x = anything(s, 1)
    return s.add("Tile", [x.name, s.integers(*(1 if s.chance(0.7) else 2 for _ in x.shape))])


def transpose(s: Sketch) -> Tensor:
    x = anything(s, 2)
    first = 0 if s.chance(0.2) else 1
    order = [*range(first), *(first + s.rng.permutation(x.rank - first)).tolist()]
    return s.add("Transpose", [x.name], perm=order)


def reshape(s: Sketch) -> Tensor:
    x = anything(s)
    rest, shape = prod(x.shape), [1] if s.chance(0.8) else []
    for _ in range(s.whole(0, 2)):
        shape.append(s.pick(*(d for d in range(1, rest + 1) if rest % d == 0)))
        rest //= shape[-1]
    return s.add("Reshape", [x.name, s.integers(*shape, -1 if s.chance(0.5) else rest)])


def squeeze(s: Sketch) -> Tensor:
    x = anything(s, 1)
    ones = [i for i, size in enumerate(x.shape) if size == 1 and (i or s.chance(0.2))]
    op_type, axis = ("Unsqueeze", s.whole(1, x.rank)) if not ones or s.chance(0.4) else ("Squeeze", s.pick(*ones))
    if s.opset < 13:
        return s.add(op_type, [x.name], axes=[axis])
    return s.add(op_type, [x.name, s.integers(axis)])


def flatten(s: Sketch) -> Tensor:
    x = anything(s, 1)
    return s.add("Flatten", [x.name], axis=s.whole(0, x.rank))


def triangle(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 2)
    return s.add("Trilu", [x.name, s.constant(s.whole(-1, 2), np.int64)], upper=s.whole(0, 1))


def blocks(s: Sketch) -> Tensor:
    if s.chance(0.5):
        x = s.operand("real", lambda t: t.rank == 4 and t.shape[1] % 4 == 0)
        return s.add("DepthToSpace", [x.name], blocksize=2, mode=s.pick("DCR", "CRD"))
    x = s.operand("real", lambda t: t.rank == 4 and t.shape[2] % 2 == 0 and t.shape[3] % 2 == 0)
    return s.add("SpaceToDepth", [x.name], blocksize=2)


def backwards(s: Sketch) -> Tensor:
    x = anything(s, 2)
    return s.add("ReverseSequence", [x.name, s.integers(s.whole(1, x.shape[1]))], batch_axis=0, time_axis=1)


def compress(s: Sketch) -> Tensor:
    x = anything(s, 1)
    axis = s.axis(x)
    keep = s.rng.random(x.shape[axis]) < 0.6
    keep[0] = True
    return s.add("Compress", [x.name, s.constant(keep, np.bool_)], axis=axis)


def resize(s: Sketch) -> Tensor:
    x = s.operand("real", lambda t: t.rank >= 3 and t.data[0].size * 2 <= ELEMENTS)
    scales = s.constant([1.0] * (x.rank - 1) + [2.0])
    options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return s.add("Resize", [x.name, "", scales], **options)


MOVES: dict[Draw, float] = {
    concat: 5,
    split: 2,
    cut: 2,
    gather: 2,
    gather_elements: 0.5,
    gather_places: 0.5,
    scatter: 0.7,
    pad: 2,
    expand: 1,
    tile: 1,
    transpose: 3,
    reshape: 3,
    squeeze: 2,
    flatten: 1,
    triangle: 0.5,
    blocks: 0.5,
    backwards: 0.4,
    compress: 0.4,
    resize: 0.4,
}
"""What is drawn, and how often."""

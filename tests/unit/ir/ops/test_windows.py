# SPDX-License-Identifier: Apache-2.0
"""Windows of maps: shapes, ranges, refusals, and every element against a loop that shares no code."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.errors import ModelError
from fpgann.ir import Encoding, TensorType
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from fpgann.reference.ops import windows as module
from tests.unit.numerics.properties import holds

NIBBLE = Encoding(FixedType(False, 4, 0), CodeRange(3, 12))


def plain(*kernel: int, **options: object) -> Windows:
    """Stride and dilation 1, no pads."""
    ones = (1,) * len(kernel)
    return Windows(**({"kernel": kernel, "strides": ones, "dilations": ones, "pads": (0, 0) * len(kernel)} | options))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Windows, np.ndarray]:
    """An operator that fits its operand of shape (samples, 1, *positions, channels)."""
    axes = draw(st.integers(1, 3))
    several = st.integers(1, 3)
    sizes = [draw(st.integers(2, 6)) for _ in range(axes)]
    kernel, strides, dilations = (tuple(draw(several) for _ in range(axes)) for _ in range(3))
    pads = [draw(st.integers(-1, 3)) for _ in range(2 * axes)]
    for axis in range(axes):  # room for one window
        missing = dilations[axis] * (kernel[axis] - 1) + 1 - sizes[axis] - pads[axis] - pads[axes + axis]
        pads[axes + axis] += max(0, missing)
    groups = draw(several)
    channels = groups * draw(st.integers(1, 2))
    op = Windows(kernel, strides, dilations, tuple(pads), draw(st.integers(-9, 9)), groups)
    shape = (2, 1, *sizes, channels)
    return op, np.arange(1, np.prod(shape) + 1).reshape(shape) * 7 % 101


def expected(op: Windows, x: np.ndarray) -> np.ndarray:
    """One element at a time, from the definition."""
    axes = len(op.kernel)
    sizes, channels = x.shape[2:-1], x.shape[-1]
    counts = []
    for axis in range(axes):
        room = sizes[axis] + op.pads[axis] + op.pads[axes + axis] - op.dilations[axis] * (op.kernel[axis] - 1)
        counts.append(1 + (room - 1) // op.strides[axis])
    part, fronts = channels // op.groups, op.pads[:axes]
    result = np.zeros((len(x), 1, *counts, op.groups, int(np.prod(op.kernel)), part), np.int64)
    for sample, channel in itertools.product(range(len(x)), range(channels)):
        for place in itertools.product(*map(range, counts)):
            for number, tap in enumerate(itertools.product(*map(range, op.kernel))):
                at = [
                    p * s + t * d - f
                    for p, s, t, d, f in zip(place, op.strides, tap, op.dilations, fronts, strict=True)
                ]
                inside = all(0 <= a < size for a, size in zip(at, sizes, strict=True))
                value = x[(sample, 0, *at, channel)] if inside else op.fill
                result[(sample, 0, *place, channel // part, number, channel % part)] = value
    return result.reshape(len(x), 1, *counts, -1)


@holds(cases())
def windows_equal_the_definition(case: tuple[Windows, np.ndarray]) -> None:
    op, x = case
    wanted = expected(op, x)
    for got in (module.windows_codes(op, x), module.windows_values(op, x.astype(np.float64))):
        assert np.array_equal(got, wanted)
    span = CodeRange(int(x.min()), int(x.max()))
    (result,) = op.infer((TensorType(x.shape[1:], Encoding(FixedType.holding(span, 0), span)),))
    assert result.shape == wanted.shape[1:]
    hull = span.union(CodeRange(op.fill, op.fill))
    assert int(wanted.min()) in result.codes.range
    assert int(wanted.max()) in result.codes.range
    assert result.codes.range == (hull if op.touches_padding(x.shape[2:-1]) else span)
    assert result.codes.fixed == FixedType.holding(result.codes.range, 0)


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        ("a pad off by one", lambda op: replace(op, pads=(op.pads[0] + 1, *op.pads[1:]))),
        ("a wrong fill", lambda op: replace(op, fill=op.fill + 1)),
        ("groups ignored", lambda op: replace(op, groups=1)),
        ("a stride ignored", lambda op: replace(op, strides=(1,) * len(op.strides))),
    ],
)
def test_twins(fault: str, broken: object, monkeypatch: pytest.MonkeyPatch) -> None:
    del fault
    windows = module._windows
    monkeypatch.setattr(module, "_windows", lambda op, x: windows(broken(op), x))
    windows_equal_the_definition.must_fail()


def test_a_twin_with_taps_swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = module._windows

    def swapped(op: Windows, x: np.ndarray) -> np.ndarray:
        got = windows(op, x)
        parts = got.reshape(*got.shape[:-1], op.groups, op.taps, -1)
        return np.flip(parts, -2).reshape(got.shape)

    monkeypatch.setattr(module, "_windows", swapped)
    windows_equal_the_definition.must_fail()


@pytest.mark.parametrize(
    ("op", "shape", "message"),
    [
        (plain(2, 2), (1, 5, 3), r"a kernel of 2 axes does not fit shape \(1, 5, 3\)"),
        (plain(2, strides=(1, 1)), (1, 5, 3), "must fit the kernel"),
        (plain(2, strides=(0,)), (1, 5, 3), "must be positive"),
        (plain(2, groups=2), (1, 5, 3), "3 channels cannot be split into 2 groups"),
        (plain(6), (1, 5, 3), "larger than the padded shape"),
    ],
)
def test_refusals(op: Windows, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        op.infer((TensorType(shape),))


def test_padded_places_of_codes_hold_a_code() -> None:
    padded = plain(2, pads=(1, 0), fill=float("-inf"))
    with pytest.raises(ModelError, match="must hold a code"):
        padded.infer((TensorType((1, 5, 3), NIBBLE),))
    (result,) = replace(padded, fill=0).infer((TensorType((1, 5, 3), NIBBLE),))
    assert result.codes.range == CodeRange(0, 12)
    (result,) = replace(padded, pads=(0, 0)).infer((TensorType((1, 5, 3), NIBBLE),))
    assert result.codes == NIBBLE


def test_places_behind_that_no_window_reaches_are_no_padding() -> None:
    assert not plain(2, strides=(2,), pads=(0, 1)).touches_padding((4,))
    assert plain(2, strides=(2,), pads=(0, 1)).touches_padding((5,))


def test_description() -> None:
    assert plain(3, 3).describe() == "3x3"
    op = Windows((3, 1), (2, 1), (1, 2), (1, 0, 0, 0), -1, 4)
    assert op.describe() == "3x1, stride 2x1, dilation 1x2, pads 1,0 and 0,0 of -1, 4 groups"

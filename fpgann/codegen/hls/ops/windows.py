# SPDX-License-Identifier: Apache-2.0
"""Sliding windows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fpgann.codegen.hls.literals import literal
from fpgann.codegen.hls.loops import place, strides_of
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter
from fpgann.ir.ops.windows import Windows


@EMITTERS.register(Windows)
def write_windows(writer: LayerWriter, op: Windows) -> None:
    """All windows, one after another."""
    writer.begin()
    kind, size = writer.acc_kind, writer.shape[-1]
    with (
        gather(writer, op, writer.operand_shape(0), (kind, "window")) as position,
        writer.element_loops([("element", size)]),
    ):
        writer.store(f"{_scaled(position, size)} + element", "window[element]", channel="element")


@contextmanager
def gather(writer: LayerWriter, op: Windows, shape: tuple[int, ...], window: tuple[str, str]) -> Iterator[str]:
    """Loops over the positions, in each of which a local array holds the window.

    Args:
        writer: the layer.
        op: the windows.
        shape: shape of the operand.
        window: C++ type and name of the local array.

    Yields:
        The number of the position.
    """
    code, (kind, name) = writer.code, window
    sizes, channels = shape[1:-1], shape[-1]
    counts = op.positions(sizes)
    variables = [(f"at{axis}", count) for axis, count in enumerate(counts)]
    with code.loops(variables, *(("UNROLL",) if writer.unrolled else ())):
        code.line(f"{kind} {name}[{op.taps * channels}];")
        code.pragma(f"ARRAY_PARTITION variable={name} complete")
        taps = [(f"tap{axis}", size) for axis, size in enumerate(op.kernel)]
        with code.loops(taps, *(("UNROLL",) if writer.unrolled else ())):
            _tap(writer, op, shape, window)
        yield place([(v, s) for (v, _), s in zip(variables, strides_of(counts), strict=True)])


def _tap(writer: LayerWriter, op: Windows, shape: tuple[int, ...], window: tuple[str, str]) -> None:
    """Copy the channels that one tap of the window sees, or fill its place."""
    code, (kind, name) = writer.code, window
    sizes, channels = shape[1:-1], shape[-1]
    fronts = op.pads[: len(op.kernel)]
    for axis in range(len(op.kernel)):
        terms = [(f"at{axis}", op.strides[axis]), (f"tap{axis}", op.dilations[axis])]
        code.let("int", f"place{axis}", place(terms, -fronts[axis]))
    members = channels // op.groups
    tap = place([(f"tap{axis}", stride) for axis, stride in enumerate(strides_of(op.kernel))])
    terms = [(f"({tap})" if " " in tap else tap, members), ("channel", 1)]
    places = [(f"place{axis}", stride * channels) for axis, stride in enumerate(strides_of(sizes))]
    loops, parts, inner = [("channel", members)], [], [("channel", 1)]
    if op.groups > 1:
        loops, parts, inner = [("part", op.groups), *loops], [("part", op.taps * members)], [("part", members), *inner]
    target = f"{name}[{place([*parts, *terms])}]"
    if not op.touches_padding(sizes):
        with writer.element_loops(loops):
            code.assign(target, f"fpgann::narrow<{kind}>({writer.operand(0)}[{place([*places, *inner])}])")
        return
    # what lies outside is read from the first element and then replaced: no access depends on a condition
    inside = [f"place{axis} >= 0 && place{axis} < {size}" for axis, size in enumerate(sizes)]
    code.let("bool", "inside", " && ".join(inside))
    code.let("int", "start", f"inside ? {place(places)} : 0")
    with writer.element_loops(loops):
        code.let("auto", "element", f"{writer.operand(0)}[{place([('start', 1), *inner])}]")
        code.assign(target, f"fpgann::choose<{kind}>(inside, element, {literal(int(op.fill))})")


def _scaled(position: str, size: int) -> str:
    return f"({position}) * {size}" if " " in position else f"{position} * {size}"

# SPDX-License-Identifier: Apache-2.0
"""Steps of a recurrence, or of what is done for every row: a loop around the layers of one step."""

from __future__ import annotations

from fpgann.codegen.hls.plan import Array, Plan
from fpgann.codegen.hls.region import Region
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter
from fpgann.ir.ops.repeat import Repeat


@EMITTERS.register(Repeat)
def write_repeat(writer: LayerWriter, op: Repeat) -> None:
    """States and whole operands are copied once, slices in each step."""
    body = writer.layer.body
    assert body is not None, "no stage says how a step is laid out"
    code = writer.code
    writer.begin()
    region = Region(body, [array.name for array in body.inputs])
    sliced = range(op.states, op.states + op.scanned)
    for index, array in enumerate(body.inputs):
        if index not in sliced:
            region.declare(code, array, array.name)
            copy_array(writer, array, f"{writer.operand(index)}[i]")
    overlaps = body.unrolled and op.states == 0
    with code.loop("step", op.steps, *(("PIPELINE II=1",) if overlaps else ())):
        for index in sliced:
            array = body.inputs[index]
            region.declare(code, array, array.name)
            place = "step" if array.elements == 1 else f"step * {array.elements} + i"
            copy_array(writer, array, f"{writer.operand(index)}[{place}]")
        region.write(code)
        results = [settled(writer, region, body, index) for index in range(len(body.outputs))]
        for array, result in zip(body.inputs[: op.states], results, strict=False):
            copy_array(writer, array, f"{result}[i]")
        if op.is_stacked:
            size = body.outputs[-1].elements
            store_array(writer, results[-1], size, "step" if size == 1 else f"step * {size} + i")
    if not op.is_stacked:
        state = body.inputs[op.delivered]
        store_array(writer, state.name, state.elements, "i")


def copy_array(writer: LayerWriter, array: Array, source: str, *, function: str = "narrow", before: str = "") -> None:
    """Fill an array; its type may be wider than that of what fills it.

    Args:
        writer: the layer.
        array: what is filled.
        source: an element of what fills it, number `i`.
        function: what the element goes through.
        before: arguments in front of it.
    """
    place, element = ("0", source.replace("[i]", "[0]")) if array.elements == 1 else ("i", source)
    loops = [] if array.elements == 1 else [("i", array.elements)]
    with writer.code.loops(loops, *_pragma(writer)):
        writer.code.assign(f"{array.name}[{place}]", f"fpgann::{function}<{array.kind}>({before}{element})")


def settled(writer: LayerWriter, region: Region, body: Plan, index: int) -> str:
    """The variable of a result, copied where it is a state that is about to change."""
    array = body.outputs[index]
    if array not in body.inputs:
        return region.names[array.name][0]
    name = f"kept{index}"
    region.declare(writer.code, array, name)
    with writer.code.loop("i", array.elements, *_pragma(writer)):
        writer.code.line(f"{name}[i] = {array.name}[i];")
    return name


def store_array(writer: LayerWriter, name: str, elements: int, place: str) -> None:
    """Deliver a variable, through the staircases behind the layer."""
    if elements == 1:
        writer.store("0" if place == "i" else place, f"{name}[0]")
        return
    with writer.code.loop("i", elements, *_pragma(writer)):
        writer.store(place, f"{name}[i]")


def _pragma(writer: LayerWriter) -> tuple[str, ...]:
    body = writer.layer.body
    return ("UNROLL",) if writer.unrolled or (body is not None and body.unrolled) else ("PIPELINE II=1",)

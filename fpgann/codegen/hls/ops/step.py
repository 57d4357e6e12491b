# SPDX-License-Identifier: Apache-2.0
"""One step of a recurrence whose slices come one after another: the states stay in the function."""

from __future__ import annotations

from fpgann.codegen.hls.ops.repeat import copy_array, settled, store_array
from fpgann.codegen.hls.region import Region
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter
from fpgann.ir.ops.step import Step


@EMITTERS.register(Step)
def write_step(writer: LayerWriter, op: Step) -> None:
    """Behind the last step of a sequence the states are zero again."""
    body = writer.layer.body
    assert body is not None, "no stage says how a step is laid out"
    code, states = writer.code, body.inputs[:-1]
    writer.begin()
    region = Region(body, [array.name for array in body.inputs])
    for array in states:
        region.declare(code, array, array.name, stays=True)
    code.line("FPGANN_STATIC int step = 0;")
    region.declare(code, body.inputs[-1], body.inputs[-1].name)
    copy_array(writer, body.inputs[-1], f"{writer.operand(0)}[i]")
    region.write(code)
    results = [settled(writer, region, body, index) for index in range(len(body.outputs))]
    code.line(f"const bool is_last = step == {op.repeat.steps - 1};")
    for array, result in zip(states, results, strict=False):
        copy_array(writer, array, f"{result}[i]", function="choose", before="is_last, 0, ")
    code.line("step = is_last ? 0 : step + 1;")
    store_array(writer, results[-1], body.outputs[-1].elements, "i")

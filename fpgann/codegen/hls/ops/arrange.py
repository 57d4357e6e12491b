# SPDX-License-Identifier: Apache-2.0
"""Elements change places."""

from __future__ import annotations

import numpy as np

from fpgann.codegen.hls.literals import literal
from fpgann.codegen.hls.loops import place
from fpgann.codegen.hls.tables import EMITTERS
from fpgann.codegen.hls.writer import LayerWriter, aligned
from fpgann.ir.ops.arrange import Arrange
from fpgann.numerics.integers import IntArray

MANY_RUNS = 16  # more of them are a table of places


@EMITTERS.register(Arrange)
def write_arrange(writer: LayerWriter, op: Arrange) -> None:
    """Runs of neighbours one after another where they are few; else a table of places."""
    writer.begin()
    runs = _runs(op.index.reshape(-1), [writer.operand_array(i).elements for i in range(len(writer.layer.operands))])
    if len(runs) > MANY_RUNS:
        _write_table(writer, op)
        return
    ends = _ends(writer, op)
    flat_constants = op.constants.reshape(-1)
    at = 0
    for source, first, step, count in runs:
        with writer.element_loops([("i", count)]):
            taken, target = place([("i", step)], first), place([("i", 1)], at)
            if source == len(ends):
                value = _constant(writer, flat_constants, (first, step, count))
            else:
                value = ends[source].replace("@", taken)
            writer.store(target, value)
        at += count


def _ends(writer: LayerWriter, op: Arrange) -> list[str]:
    """The expression of an element of each operand in the common unit; `@` stands for its place."""
    assert op.alignment is not None
    found = []
    for index in range(len(writer.layer.operands)):
        numbers = op.alignment.coefficients[index], op.alignment.constants[index]
        shape = writer.operand_shape(index)
        full = tuple(array if array.size == 1 else np.broadcast_to(array, shape).reshape(-1) for array in numbers)
        found.append(aligned(writer, index, f"{writer.operand(index)}[@]", (full[0], full[1]), ("@", "@"))[0])
    return found


def _constant(writer: LayerWriter, constants: IntArray, run: tuple[int, int, int]) -> str:
    first, step, count = run
    numbers = constants[first : first + step * (count - 1) + 1 : step] if step else constants[first : first + 1]
    if np.all(numbers == numbers[0]):
        return literal(int(numbers[0]))
    name = writer.constant(f"constants{first}", numbers, "constants among the elements")
    return f"{name}[i]"


def _write_table(writer: LayerWriter, op: Arrange) -> None:
    """All aligned elements side by side, and a table of which goes where."""
    code, ends = writer.code, _ends(writer, op)
    total = sum(array.elements for array in writer.layer.operands) + op.constants.size
    places = writer.constant("places", op.index.reshape(-1), "which element of the pool each element is")
    code.pragma(f"ARRAY_PARTITION variable={places} complete")
    code.line(f"{writer.acc_kind} pool[{total}];")
    code.pragma("ARRAY_PARTITION variable=pool complete")
    at = 0
    for index, end in enumerate(ends):
        count = writer.operand_array(index).elements
        with writer.element_loops([("i", count)]):
            code.assign(f"pool[{place([('i', 1)], at)}]", f"fpgann::narrow<{writer.acc_kind}>({end.replace('@', 'i')})")
        at += count
    if op.constants.size:
        name = writer.constant("constants", op.constants.reshape(-1), "constants among the elements")
        with writer.element_loops([("i", int(op.constants.size))]):
            code.assign(f"pool[{place([('i', 1)], at)}]", f"fpgann::narrow<{writer.acc_kind}>({name}[i])")
    with writer.element_loops([("i", int(op.index.size))]):
        writer.store("i", f"pool[{places}[i]]")


def _runs(index: IntArray, sizes: list[int]) -> list[tuple[int, int, int, int]]:
    """Source, first element, step and count of each run of equally spaced elements of one source."""
    ends = np.cumsum(sizes)
    source = np.searchsorted(ends, index, side="right")
    starts = np.concatenate([[0], ends])
    found: list[tuple[int, int, int, int]] = []
    for which, element in zip(source.tolist(), (index - starts[source]).tolist(), strict=True):
        if found and found[-1][0] == which:
            _, first, step, count = found[-1]
            if count == 1 or element == first + step * count:
                found[-1] = (which, first, element - first if count == 1 else step, count + 1)
                continue
        found.append((which, element, 0, 1))
    return found

# SPDX-License-Identifier: Apache-2.0
"""What runs the program on a computer: a shared library, a test bench, and vectors for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fpgann.codegen.hls.block import Block
from fpgann.codegen.hls.plan import Array, Plan
from fpgann.codegen.hls.program import beat_type, stack_bytes
from fpgann.codegen.render import render
from fpgann.hardware.design import Design
from fpgann.hardware.streaming import StreamDesign, StreamPort
from fpgann.numerics.integers import IntArray

_WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class BridgeView:
    """Vocabulary of templates/hls/bridge.cpp.j2."""

    title: str
    header: str
    includes: tuple[str, ...]
    run: tuple[str, ...]
    trace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BenchView:
    """Vocabulary of templates/hls/main.cpp.j2."""

    title: str
    header: str
    body: tuple[str, ...]
    stack_bytes: int


def words_of(array: Array) -> int:
    """Words of 64 bits that a code takes."""
    return (array.codes.width_bits + 63) // 64


def render_bridge(design: Design, plan: Plan, streams: StreamDesign | None) -> str:
    """The shared library's source."""
    includes = tuple(sorted(f"layers/{layer.name}.h" for layer in plan.layers))
    return render(
        "hls/bridge.cpp.j2",
        BridgeView(
            title=design.name,
            header=f"{design.name}.h",
            includes=includes,
            run=tuple(_run(design, plan, streams).lines),
            trace=tuple(_trace(plan).lines),
        ),
    )


def _read(code: Block, array: Array, name: str, source: str) -> None:
    code.line(f"layers::{array.kind} {name}[{array.elements}];")
    signed = "true" if array.codes.signed else "false"
    code.call(f"fpgann::read_codes<{signed}, {words_of(array)}>", [source, name, str(array.elements)])


def _at(table: str, index: int, array: Array) -> str:
    size = array.elements * words_of(array)
    return f"{table}[{index}] + sample * {size}"


def _run(design: Design, plan: Plan, streams: StreamDesign | None) -> Block:
    code = Block()
    inputs = list(zip((port.name for port in design.inputs), plan.inputs, strict=True))
    outputs = list(zip((port.name for port in design.outputs), plan.outputs, strict=True))
    for index, (name, array) in enumerate(inputs):
        _read(code, array, name, _at("job.inputs", index, array))
    _call(code, design, (inputs, outputs), streams)
    for index, (name, array) in enumerate(outputs):
        where = _at("job.results", index, array)
        code.call(f"fpgann::write_codes<{words_of(array)}>", [name, where, str(array.elements)])
    return code


_Named = list[tuple[str, Array]]


def _call(code: Block, design: Design, ports: tuple[_Named, _Named], streams: StreamDesign | None) -> None:
    """Call the top function on arrays."""
    inputs, outputs = ports
    for name, array in outputs:
        code.line(f"layers::{array.kind} {name}[{array.elements}];")
    if streams is None:
        code.call(design.name, [name for name, _ in (*inputs, *outputs)])
        return
    for port in (*streams.inputs, *streams.outputs):
        code.line(f"fpgann::stream<{beat_type(port)}> {port.name};")
    for port, (name, array) in zip(streams.inputs, inputs, strict=True):
        code.call(f"fpgann::send<{array.elements}, {_sizes(port)}>", [name, port.name])
    code.call(design.name, [port.name for port in (*streams.inputs, *streams.outputs)])
    for port, (name, array) in zip(streams.outputs, outputs, strict=True):
        signed = "true" if array.codes.signed else "false"
        code.call(f"fpgann::receive<{array.elements}, {signed}, {_sizes(port)}>", [port.name, name])


def _sizes(port: StreamPort) -> str:
    return f"{port.element_bytes}, {port.beat_bits}"


def _trace(plan: Plan) -> Block:
    code = Block()
    for index, array in enumerate(plan.inputs):
        _read(code, array, array.name, _at("job.inputs", index, array))
    for index, layer in enumerate(plan.layers):
        array = layer.result
        code.line(f"layers::{array.kind} {array.name}[{array.elements}];")
        code.call(f"layers::{layer.name}", [*(source.name for source in layer.sources), array.name])
        where = _at("job.results", index, array)
        code.call(f"fpgann::write_codes<{words_of(array)}>", [array.name, where, str(array.elements)])
    return code


def render_bench(design: Design, plan: Plan, streams: StreamDesign | None) -> str:
    """The test bench."""
    code = Block()
    inputs = list(zip((port.name for port in design.inputs), plan.inputs, strict=True))
    outputs = list(zip((port.name for port in design.outputs), plan.outputs, strict=True))
    for name, array in inputs:
        count = array.elements * words_of(array)
        code.line(f"fpgann::word_t {name}_words[{count}];")
        with code.braces(f"if (!fpgann::read_words(files.inputs, {name}_words, {count}))"):
            code.line("return false;")
        _read(code, array, name, f"{name}_words")
    _call(code, design, (inputs, outputs), streams)
    for name, array in outputs:
        count = array.elements * words_of(array)
        code.line(f"fpgann::word_t {name}_words[{count}];")
        code.line(f"fpgann::word_t {name}_expected[{count}];")
        code.call(f"fpgann::write_codes<{words_of(array)}>", [name, f"{name}_words", str(array.elements)])
        with code.braces(f"if (!fpgann::read_words(files.expected, {name}_expected, {count}))"):
            code.line("return false;")
        with code.loop("i", count):
            code.line(f'files.results << static_cast<std::uint64_t>({name}_words[i]) << " ";')
            code.line(f"files.mismatches += {name}_words[i] == {name}_expected[i] ? 0 : 1;")
    code.line('files.results << "\\n";')
    return render("hls/main.cpp.j2", BenchView(design.name, f"{design.name}.h", tuple(code.lines), stack_bytes(plan)))


def vectors_text(arrays: Sequence[Array], values: Mapping[str, IntArray]) -> str:
    """Samples of some arrays as the test bench reads them: words in hexadecimal, one sample a line."""
    columns = []
    for array in arrays:
        codes, words = values[array.value].reshape(len(values[array.value]), -1), words_of(array)
        columns.append(
            [[f"{(int(code) >> 64 * word) & _WORD:x}" for code in row for word in range(words)] for row in codes]
        )
    return "".join(" ".join(text for part in parts for text in part) + "\n" for parts in zip(*columns, strict=True))

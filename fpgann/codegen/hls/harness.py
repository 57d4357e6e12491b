# SPDX-License-Identifier: Apache-2.0
"""What runs the program on a computer: a shared library, a test bench, and vectors for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fpgann.codegen.hls.block import Block
from fpgann.codegen.hls.interface import Interface, words_of
from fpgann.codegen.hls.plan import Array, Loaded
from fpgann.codegen.render import render
from fpgann.ir import Graph
from fpgann.ir.ops.dense import Dense
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
    has_weights: bool
    body: tuple[str, ...]
    stack_bytes: int


def render_bridge(interface: Interface, trace: Block) -> str:
    """The shared library's source.

    Args:
        interface: the top function.
        trace: what runs all parts of it one after another, and delivers their results.
    """
    return render(
        "hls/bridge.cpp.j2",
        BridgeView(
            title=interface.top,
            header=f"{interface.top}.h",
            includes=interface.headers,
            run=tuple(_run(interface).lines),
            trace=tuple(trace.lines),
        ),
    )


def read_array(code: Block, array: Array, name: str, index: int) -> None:
    """Read a sample of an input into an array."""
    _read(code, array, name, _at("job.inputs", index, array))


def write_array(code: Block, array: Array, name: str, index: int) -> None:
    """Deliver an array as a sample of a result."""
    where = _at("job.results", index, array)
    code.call(f"fpgann::write_codes<{words_of(array)}>", [name, where, str(array.elements)])


def load_arrays(code: Block, loaded: Sequence[Loaded], first: int) -> None:
    """Declare weights that are loaded, and read them before the first sample; `first` is the number of their table."""
    if not loaded:
        return
    for item in loaded:
        code.line(f"static thread_local {item.declaration};")
    with code.braces("if (sample == 0)"):
        for index, item in enumerate(loaded):
            table = f"job.inputs[{first + index}]"
            code.call(f"fpgann::read_codes<{_form(item.array)}>", [table, _start(item), str(item.array.elements)])


def _start(item: Loaded) -> str:
    """A pointer to the first element."""
    return "&" + item.array.name + "[0]" * len(item.shape)


def _form(array: Array) -> str:
    """Arguments of the templates that read codes."""
    return f"{'true' if array.codes.signed else 'false'}, {words_of(array)}"


def _read(code: Block, array: Array, name: str, source: str) -> None:
    code.line(f"{array.qualified} {name}[{array.elements}];")
    code.call(f"fpgann::read_codes<{_form(array)}>", [source, name, str(array.elements)])


def _at(table: str, index: int, array: Array) -> str:
    size = array.elements * words_of(array)
    return f"{table}[{index}] + sample * {size}"


def _run(interface: Interface) -> Block:
    code = Block()
    for index, port in enumerate(interface.inputs):
        read_array(code, port.array, port.name, index)
    load_arrays(code, interface.loaded, len(interface.inputs))
    _call(code, interface)
    for index, port in enumerate(interface.outputs):
        write_array(code, port.array, port.name, index)
    return code


def _call(code: Block, interface: Interface) -> None:
    """Call the top function on arrays."""
    ports = (*interface.inputs, *interface.outputs)
    for port in interface.outputs:
        code.line(f"{port.array.qualified} {port.name}[{port.array.elements}];")
    for port in ports:
        if port.beats is not None:
            code.line(f"{port.beats.stream_type} {port.beats.name};")
    for port in interface.inputs:
        if port.beats is not None:
            sizes = f"{port.array.elements}, {port.beats.sizes}"
            code.call(f"fpgann::send<{sizes}>", [port.name, port.beats.name])
    code.call(interface.top, [*(port.port for port in ports), *(loaded.array.name for loaded in interface.loaded)])
    for port in interface.outputs:
        if port.beats is not None:
            signed = "true" if port.array.codes.signed else "false"
            sizes = f"{port.array.elements}, {signed}, {port.beats.sizes}"
            code.call(f"fpgann::receive<{sizes}>", [port.beats.name, port.name])


def render_bench(interface: Interface) -> str:
    """The test bench."""
    code = Block()
    for item in interface.loaded:
        code.line(f"static thread_local {item.declaration};")
    for item in interface.loaded:
        reads = f"fpgann::read_text<{_form(item.array)}>(files.weights, {_start(item)}, {item.array.elements})"
        with code.braces(f"if (files.samples == 0 && !{reads})"):
            code.line("return false;")
    for port in interface.inputs:
        name, count = port.name, port.array.elements * words_of(port.array)
        code.line(f"fpgann::word_t {name}_words[{count}];")
        with code.braces(f"if (!fpgann::read_words(files.inputs, {name}_words, {count}))"):
            code.line("return false;")
        _read(code, port.array, name, f"{name}_words")
    _call(code, interface)
    for port in interface.outputs:
        name, words = port.name, words_of(port.array)
        count = port.array.elements * words
        code.line(f"fpgann::word_t {name}_words[{count}];")
        code.line(f"fpgann::word_t {name}_expected[{count}];")
        code.call(f"fpgann::write_codes<{words}>", [name, f"{name}_words", str(port.array.elements)])
        with code.braces(f"if (!fpgann::read_words(files.expected, {name}_expected, {count}))"):
            code.line("return false;")
        with code.loop("i", count):
            code.line(f'files.results << static_cast<std::uint64_t>({name}_words[i]) << " ";')
            code.line(f"files.mismatches += {name}_words[i] == {name}_expected[i] ? 0 : 1;")
    code.line('files.results << "\\n";')
    has_weights = bool(interface.loaded)
    view = BenchView(interface.top, f"{interface.top}.h", has_weights, tuple(code.lines), interface.stack_bytes)
    return render("hls/main.cpp.j2", view)


def weights_text(loaded: Sequence[Loaded], graph: Graph) -> str:
    """Weights and biases that were compiled, as the test bench reads them."""
    ops = {node.name: node.op for node in graph.nodes}
    values: dict[str, IntArray] = {}
    arrays = []
    for item in loaded:
        op = ops[item.array.value]
        assert isinstance(op, Dense)
        constant = op.weight if item.tensor == "weight" else op.bias
        assert constant is not None
        values[item.array.name] = constant.data[None]
        arrays.append(replace(item.array, value=item.array.name))
    return vectors_text(arrays, values)


def vectors_text(arrays: Sequence[Array], values: Mapping[str, IntArray]) -> str:
    """Samples of some arrays as the test bench reads them: words in hexadecimal, one sample a line."""
    columns = []
    for array in arrays:
        codes, words = values[array.value].reshape(len(values[array.value]), -1), words_of(array)
        columns.append(
            [[f"{(int(code) >> 64 * word) & _WORD:x}" for code in row for word in range(words)] for row in codes]
        )
    return "".join(" ".join(text for part in parts for text in part) + "\n" for parts in zip(*columns, strict=True))

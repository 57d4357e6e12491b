# SPDX-License-Identifier: Apache-2.0
"""Every kind of generated hardware, broken in one place: each mutation is found and blamed on its layer.

`test_mutation_twins.py` breaks the examples; here are networks made to use everything at once, adder graphs and
neurons with several multipliers, multiplications, thresholds and searches with numbers of their own per channel.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from fpgann import api, reference
from fpgann.config import CompileOptions, override
from fpgann.cosim.vectors import DEFAULT_VECTORS, corner_and_random
from fpgann.errors import MismatchError
from fpgann.ir import Constant, Graph
from tests.conftest import require_tool
from tests.corpus.models import fpgann
from tests.cosim.models import real_network, scaled_network

Edit = Callable[[str], str]
_NUMBER = r"(-?\d+)"
_LITERAL = r'(?:"([01]+)" & )?(?:x"([0-9a-f]+)")|"([01]+)"'


# Edits


def one_lower(match: re.Match[str]) -> str:
    """The slice one bit lower."""
    return f"{match[1]}({int(match[2]) - 1} downto {int(match[3]) - 1})"


def sub(pattern: str, change: str | Callable[[re.Match[str]], str], which: int = 0) -> Edit:
    """Rewrite one match of a pattern."""

    def edit(text: str) -> str:
        match = list(re.finditer(pattern, text, re.MULTILINE))[which]
        new = match.expand(change) if isinstance(change, str) else change(match)
        return text[: match.start()] + new + text[match.end() :]

    return edit


def number(before: str, change: Callable[[int], int], which: int = 0) -> Edit:
    """Change the number that follows a pattern."""
    return sub(f"({before}){_NUMBER}", lambda m: f"{m[1]}{change(int(m[2]))}", which)


def parse(literal: re.Match[str]) -> tuple[int, int]:
    """Value and width of a bit string."""
    bits = literal[3] or (literal[1] or "") + "".join(f"{int(digit, 16):04b}" for digit in literal[2])
    return int(bits, 2), len(bits)


def words(text: str, memory: str) -> list[tuple[re.Match[str], int]]:
    """The literals of a memory, and where its text begins."""
    start = text.index(f"constant {memory} :")
    end = text.index(");", text.index(":= (", start))
    found = re.finditer(rf"\d+ => (?P<literal>{_LITERAL})", text[start:end])
    return [(re.match(_LITERAL, m["literal"]), start + m.start("literal")) for m in found]


def flip(memory: str, word: int, bit: int) -> Edit:
    """Flip one bit of one word of a memory; bits count from the low end, negative ones from the high end."""

    def edit(text: str) -> str:
        literal, position = words(text, memory)[word]
        value, width = parse(literal)
        value ^= 1 << (bit % width)
        return text[:position] + f'"{value:0{width}b}"' + text[position + len(literal[0]) :]

    return edit


def generic(name: str, bit: int, which: int = 0) -> Edit:
    """Flip one bit of a generic that is a bit string."""

    def change(match: re.Match[str]) -> str:
        value, width = parse(re.match(_LITERAL, match[2]))
        return f'{match[1]}"{value ^ (1 << bit % width):0{width}b}")'

    return sub(rf"({name} => std_ulogic_vector'\()({_LITERAL})\)", change, which)


def bypass(text: str) -> str:
    """Make a wire of one pipeline register in the middle of the adders."""
    registers = list(re.finditer(r"^ +(r\d+ <= n\d+;)\n", text, re.MULTILINE))
    chosen = registers[len(registers) // 3]
    text = text[: chosen.start()] + text[chosen.end() :]
    return text.replace("begin\n", f"begin\n\n  {chosen[1]}\n", 1)


def early_use(text: str) -> str:
    """Let one adder read what a register has not taken yet."""
    sources = dict(re.findall(r"^ +(r\d+) <= ([nx]\w+);$", text, re.MULTILINE))
    match = re.search(r"n\d+ <= .*wide\((r\d+), \d+\)", text)
    return text[: match.start(1)] + sources[match[1]] + text[match.end(1) :]


def swap_outputs(text: str) -> str:
    first, second = list(re.finditer(r"out_data\(.*?\) <= (.*);", text))[:2]
    return text[: first.start(1)] + second[1] + text[first.end(1) :]


def swap_elements(text: str) -> str:
    first, second = list(re.finditer(r"x\d+ <= u_\w+\((in_data\(.*?\))\);", text))[:2]
    return text[: first.start(1)] + second[1] + text[first.end(1) :]


def rotate_neurons(text: str) -> str:
    """Take each sum from the next neuron."""
    neurons = int(re.search(r"PE +=> (\d+)", text)[1])
    start = text.index("accumulators(lane")
    end = text.index(";", start)
    return text[:start] + text[start:end].replace("lane", f"((lane + 1) mod {neurons})") + text[end:]


# Networks


@dataclass(frozen=True)
class Mutation:
    """One change of one file.

    Args:
        build: which build.
        layer: which layer is to blame.
        edit: the change.
        file: the file, if it is not the layer's own.
    """

    build: str
    layer: str
    edit: Edit
    file: str = ""


PRECISION = {"adders": "fixed<10,4,RND_CONV,SAT>", "neurons": "fixed<10,4>"}
OPTIONS = {
    "adders": override(CompileOptions(), precision=PRECISION["adders"], strategy="unrolled"),
    "neurons": override(CompileOptions(), precision=PRECISION["neurons"], strategy="folded", reuse_factor=4),
    "scaled adders": override(CompileOptions(), strategy="unrolled"),
    "scaled neurons": override(CompileOptions(), strategy="folded", reuse_factor=12),
}
# A slice of a result, one bit further down.
_LOWER_SLICE = sub(
    r"(n\d+) <= (n\d+)\((\d+) downto ([1-9]\d*)\);",
    lambda m: f"{m[1]} <= wide({m[2]}, {int(m[3]) + 1})({int(m[3]) - 1} downto {int(m[4]) - 1});",
)
MUTATIONS = {
    # adder graphs
    "shift of an adder's operand": Mutation(
        "adders", "hidden", number(r"n\d+ <= .*shift_left\(wide\(r\d+, \d+\), ", lambda k: k + 1)
    ),
    "sign of an adder": Mutation("adders", "last", sub(r"(add3\(.*, )true(, (?:true|false), \d+\))", r"\1false\2")),
    "sign of a subtraction": Mutation("scaled adders", "last", sub(r"(n\d+ <= wide\(\w+, \d+\)) - ", r"\1 + ")),
    "multiple of an input": Mutation(
        "adders", "middle", number(r"add3\(.*shift_left\(wide\(\w+, \d+\), ", lambda k: k - 1)
    ),
    "bias in an adder graph": Mutation("adders", "hidden", number(r"n\d+ <= .*to_signed\(", lambda v: v ^ 4096)),
    "shift before rounding to even": Mutation(
        "adders", "hidden", sub(r"even_shift\((wide\(\w+, \d+\)), ", r"even_shift(shift_left(\1, 1), ")
    ),
    "upper saturation bound of adders": Mutation(
        "adders", "hidden", sub(r"(saturate\(.*, to_signed\()1023", r"\g<1>1022", 1)
    ),
    "lower saturation bound of adders": Mutation(
        "adders", "hidden", sub(r"(saturate\(wide\(\w+, \d+\), to_signed\()0", r"\g<1>1")
    ),
    "bypassed register": Mutation("adders", "hidden", bypass),
    "register bypassed for one reader": Mutation("adders", "middle", early_use),
    "register bypassed in a scaled layer": Mutation("scaled adders", "hidden", early_use),
    "valid one cycle early": Mutation("adders", "middle", number("CYCLES => ", lambda n: n - 1)),
    "valid one cycle late": Mutation("scaled adders", "hidden", number("CYCLES => ", lambda n: n + 1)),
    "outputs of adders mixed up": Mutation("adders", "last", swap_outputs),
    "inputs of adders mixed up": Mutation("scaled adders", "broad", swap_elements),
    "factor of adders": Mutation(
        "scaled adders", "hidden", number(r"n82 <= shift_left\(wide\(\w+, \d+\), ", lambda k: k - 1)
    ),
    "offset of adders": Mutation("scaled adders", "hidden", number(r"n\d+ <= .*to_signed\(", lambda v: v ^ (1 << 18))),
    "requantization shift of adders": Mutation("scaled adders", "hidden", _LOWER_SLICE),
    "threshold of a comparator": Mutation(
        "scaled adders", "middle", number(r"at_least\(wide\(\w+, \d+\), to_signed\(", lambda v: v ^ 64)
    ),
    # wires
    "one wire between two layers": Mutation(
        "adders",
        "turn",
        sub(r"(turn_data\(\d+ downto \d+\) <= middle_data)\((\d+) downto (\d+)\)", one_lower, 1),
        "net",
    ),
    "input port wired one bit off": Mutation(
        "scaled neurons", "hidden", sub(r"(x_data  <= in_x);", r"\1(0) & in_x(in_x'high downto 1);"), "net"
    ),
    # tables
    "mirror of a table": Mutation("adders", "sigmoid", generic("MIRROR", 1)),
    "last entry of a table": Mutation("adders", "turn_out_2", flip("MAPPED_WORDS", -1, 0)),
    "entry of a table in neurons": Mutation("neurons", "last", flip("ROUNDED_1_WORDS", 200, 0)),
    "sign of a table's argument": Mutation("neurons", "turn_out_2", sub(r"IN_SIGNED => true", "IN_SIGNED => false")),
    # neurons
    "rounding shift of neurons": Mutation("neurons", "hidden", number("SHIFT => ", lambda n: n - 1)),
    "rounding mode of neurons": Mutation("neurons", "hidden", sub("ROUNDING => rnd", "ROUNDING => trn")),
    "upper saturation bound of neurons": Mutation("neurons", "hidden", generic("HIGH", 0)),
    "lower saturation bound of neurons": Mutation("neurons", "hidden", generic("LOW", 0)),
    "sign of the inputs": Mutation("neurons", "hidden", sub(r"(IN_SIGNED +=> )true", r"\1false")),
    "delay of a requantizer's valid": Mutation(
        "neurons", "hidden", sub(r"(rounded_0_valid_delay(?:.|\n)*?CYCLES => )1", r"\g<1>2")
    ),
    "sums of another neuron": Mutation("neurons", "middle", rotate_neurons),
    # multiplications, thresholds and searches, each channel with its own numbers
    "factor in memory": Mutation("scaled neurons", "hidden", flip("ROUNDED_0_CONSTANTS", 0, 12)),
    "offset in memory": Mutation("scaled neurons", "hidden", flip("ROUNDED_0_CONSTANTS", 1, 14 + 18)),
    "shift of a multiplication": Mutation("scaled neurons", "hidden", number("SHIFT => ", lambda n: n + 1)),
    "threshold in memory": Mutation("scaled neurons", "middle", flip("ROUNDED_0_CONSTANTS", 0, 6)),
    "direction of thresholds": Mutation("scaled neurons", "middle", flip("ROUNDED_0_CONSTANTS", 1, 39)),
    "base of thresholds": Mutation("scaled neurons", "middle", flip("ROUNDED_0_CONSTANTS", 2, 40)),
    "memory word of another group": Mutation(
        "scaled neurons", "middle", sub(r"(rounded_0_wait(?:.|\n)*?CYCLES => )1", r"\g<1>2")
    ),
    "threshold of a search": Mutation("scaled neurons", "broad", flip("ROUNDED_0_1_THRESHOLDS", 31, 2)),
    "base of a search": Mutation("scaled neurons", "broad", flip("ROUNDED_0_0_BASES", 1, 0)),
    "direction of a search": Mutation("scaled neurons", "broad", generic("FALLING", 0)),
    "channel of a search": Mutation(
        "scaled neurons", "broad", sub(r"channel  => u_unsigned\(sums_group\)", 'channel  => "0"')
    ),
    "threshold of a search per element": Mutation("scaled adders", "curved", flip("MAPPED_2_THRESHOLDS", 31, 2)),
    # the library below
    "sign of an accumulator": Mutation(
        "neurons", "hidden", sub(r"base \+ wide\(sum,", "base - wide(sum,"), "fpgann/fpgann_neuron"
    ),
    "bias of an accumulator": Mutation(
        "neurons",
        "hidden",
        sub(r"wide\(sum_bias, ACC_WIDTH\) when", "to_signed(0, ACC_WIDTH) when"),
        "fpgann/fpgann_neuron",
    ),
    "order of gathering": Mutation(
        "scaled neurons",
        "hidden",
        sub(r"(next_word :?<?= )in_data & word;", r"\1word & in_data;"),
        "fpgann/fpgann_collect",
    ),
}


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    require_tool("ghdl")
    folder = tmp_path_factory.mktemp("mutations")
    samples = folder / "samples.npz"
    np.savez(samples, x=np.random.default_rng(0).normal(0, 1, (64, 1, 6)))
    for name, options in OPTIONS.items():
        scaled = name.startswith("scaled")
        model = (scaled_network() if scaled else real_network()).write(folder / "net.onnx")
        api.compile(model, folder / name, options, calibration=None if scaled else samples)
    yield {name: folder / name for name in OPTIONS}
    shutil.rmtree(folder)


def mutate(original: Path, folder: Path, file: str, edit: Edit) -> Path:
    """A copy of a build with one file changed."""
    build = folder / "build"
    shutil.copytree(original, build)
    source = build / "rtl" / f"{file}.vhd"
    before = source.read_text()
    after = edit(before)
    assert after != before
    source.write_text(after)
    return build


def found(build: Path, layer: str) -> dict:
    """Simulate a mutated build; the first divergence, which must be in a layer."""
    simulation = api.Design(build).simulate()
    verdict = json.loads((build / "simulate.json").read_text())
    assert not verdict["bit_exact"]
    divergence = verdict["first_divergence"]
    assert divergence["layer"] == layer, divergence
    with pytest.raises(MismatchError, match=re.escape(f"layer '{layer}'")):
        simulation.require_exact()
    return divergence


@pytest.mark.parametrize("name", OPTIONS)
def test_the_originals_are_exact(builds: dict[str, Path], name: str) -> None:
    api.Design(builds[name]).simulate().require_exact()


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_found_in_its_layer(builds: dict[str, Path], tmp_path: Path, name: str) -> None:
    mutation = MUTATIONS[name]
    build = mutate(builds[mutation.build], tmp_path, mutation.file or f"net_{mutation.layer}", mutation.edit)
    found(build, mutation.layer)


def test_an_interval_that_is_too_short_is_found(builds: dict[str, Path], tmp_path: Path) -> None:
    """The pace is no layer's: what is wrong is the time between inputs."""
    build = mutate(builds["scaled neurons"], tmp_path, "net", number("INTERVAL => ", lambda n: n + 1))
    simulation = api.Design(build).simulate()
    assert simulation.verdict["ii"] == simulation.verdict["predicted"]["ii"] + 1
    with pytest.raises(MismatchError, match="timing differs"):
        simulation.require_exact()


@pytest.mark.parametrize(
    ("name", "layer", "memory"),
    [
        ("neurons", "hidden", "WEIGHTS"),
        ("neurons", "hidden", "BIASES"),
        ("neurons", "last", "WEIGHTS"),
        ("neurons", "last", "BIASES"),
        ("scaled neurons", "middle", "WEIGHTS"),
        ("scaled neurons", "last", "WEIGHTS"),
    ],
)
def test_one_low_bit_of_memory_does_what_the_mutated_reference_says(
    builds: dict[str, Path], tmp_path: Path, name: str, layer: str, memory: str
) -> None:
    """The least bit that matters on the vectors: found in the very vector and element, with the very codes."""
    graph = api.Design(builds[name]).graph
    target = stage_value(builds[name], layer)
    inputs = corner_and_random(graph, DEFAULT_VECTORS)
    right = reference.run_codes(graph, inputs)[target]
    source = (builds[name] / "rtl" / f"net_{layer}.vhd").read_text()
    word, bit, wrong = next(
        (word, bit, wrong)
        for word, bit, mutated in memory_bits(source, graph, layer, memory)
        if np.any((wrong := reference.run_codes(mutated, inputs)[target]) != right)
    )
    divergence = found(mutate(builds[name], tmp_path, f"net_{layer}", flip(memory, word, bit)), layer)
    differing = np.argwhere((wrong != right).reshape(len(right), -1))
    vector, element = (int(i) for i in differing[0])
    codes = (int(a.reshape(len(right), -1)[vector, element]) for a in (right, wrong))
    assert tuple(divergence[key] for key in ("vector", "element", "expected", "got")) == (vector, element, *codes)


def stage_value(build: Path, layer: str) -> str:
    stages = json.loads((build / "sim" / "design.json").read_text())["stages"]
    (value,) = (stage["value"] for stage in stages if stage["layer"] == layer)
    return value


def memory_bits(source: str, graph: Graph, layer: str, memory: str) -> Iterator[tuple[int, int, Graph]]:
    """Bits of a memory as (word, bit), lowest first, each with the graph in which that bit is flipped.

    The layout is that of hdl/fpgann_dense_folded.vhd; sign bits are left out.
    """
    inputs, outputs, pe, simd, weight_bits, bias_bits = (
        int(re.search(rf"\b{key} +=> (\d+)", source)[1])
        for key in ("INPUTS", "OUTPUTS", "PE", "SIMD", "WEIGHT_WIDTH", "BIAS_WIDTH")
    )
    folds = inputs // simd
    if memory == "BIASES":
        for bit in range(bias_bits - 1):
            for output in range(outputs):
                yield output // pe, output % pe * bias_bits + bit, flipped(graph, layer, output, bit)
        return
    for bit in range(weight_bits - 1):
        for step, lane, multiplier in np.ndindex(folds * outputs // pe, pe, simd):
            position = (step % folds * simd + multiplier, step // folds * pe + lane)
            yield step, (lane * simd + multiplier) * weight_bits + bit, flipped(graph, layer, position, bit)


def flipped(graph: Graph, layer: str, position: int | tuple[int, int], bit: int) -> Graph:
    """A graph with one bit of one weight (row, column) or of one bias flipped."""
    nodes = []
    for node in graph.nodes:
        if node.name == layer:
            part = "bias" if isinstance(position, int) else "weight"
            constant = getattr(node.op, part)
            data = constant.data.copy()
            data[position] ^= 1 << bit
            node = replace(node, op=replace(node.op, **{part: Constant(data, constant.encoding)}))
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize("name", ["sign of an adder", "threshold of a search"])
def test_the_command_line_exits_with_1_and_names_the_layer(builds: dict[str, Path], tmp_path: Path, name: str) -> None:
    mutation = MUTATIONS[name]
    build = mutate(builds[mutation.build], tmp_path, f"net_{mutation.layer}", mutation.edit)
    call = fpgann("simulate", build)
    assert call.status == 1
    assert call.err.splitlines()[-1].startswith(f"fpgann: error: layer '{mutation.layer}': vector ")

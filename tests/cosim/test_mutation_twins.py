# SPDX-License-Identifier: Apache-2.0
"""Proofs that can fail: one flipped bit, number or register in the VHDL is found, in the right layer."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fpgann import api
from fpgann.config import CompileOptions, override
from fpgann.errors import MismatchError
from tests.conftest import REPOSITORY, require_tool

EXAMPLES = REPOSITORY / "examples"
Edit = Callable[[str], str]


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folded build with a table, and an unrolled one."""
    require_tool("ghdl")
    folder = tmp_path_factory.mktemp("builds")
    options = {
        "folded": ("lecture_mlp", override(CompileOptions(), precision="fixed<12,5>", strategy="folded", name="m")),
        "unrolled": ("digits_mlp", override(CompileOptions(), strategy="unrolled", name="m")),
        "scaled": ("digits_mlp", override(CompileOptions(), strategy="folded", name="m")),
    }
    for kind, (example, chosen) in options.items():
        source = EXAMPLES / example
        api.compile(source / "model.onnx", folder / kind, chosen, calibration=source / "vectors.npz")
    return {kind: folder / kind for kind in options}


def replace(pattern: str, change: Callable[[re.Match[str]], str], which: int = 0) -> Edit:
    """Change one match of a pattern."""

    def edit(text: str) -> str:
        found = list(re.finditer(pattern, text))
        match = found[which]
        return text[: match.start()] + change(match) + text[match.end() :]

    return edit


def flip_word(memory: str, which: int, digit: int = -1) -> Edit:
    """Flip the highest bit of a hexadecimal digit, the last one by default, of one word of a memory."""

    def edit(text: str) -> str:
        start = text.index(f"constant {memory} :")
        end = text.index(");", start)
        body = text[start:end]
        found = list(re.finditer(r'x"([0-9a-f]+)"', body))[which]
        digits = list(found[1])
        digits[digit] = f"{int(digits[digit], 16) ^ 8:x}"
        return text[:start] + body[: found.start(1)] + "".join(digits) + body[found.end(1) :] + text[end:]

    return edit


def bypass_register(text: str) -> str:
    """Turn one pipeline register, in the middle of an adder graph, into a wire."""
    registers = list(re.finditer(r"^ +(r\d+ <= (?:n\d+|x\d+_times_\d+));\n", text, re.MULTILINE))
    chosen = registers[len(registers) // 2]
    text = text[: chosen.start()] + text[chosen.end() :]
    return text.replace("begin\n", f"begin\n\n  {chosen[1]};\n", 1)


def plus(delta: int) -> Callable[[re.Match[str]], str]:
    """Add to the number in the second group."""
    return lambda match: f"{match[1]}{int(match[2]) + delta}"


TWINS: dict[str, tuple[str, str, Edit]] = {
    "weight bit in memory": ("folded", "node_linear_1", flip_word("WEIGHTS", 2)),
    "bias in memory": ("folded", "node_linear_1", flip_word("BIASES", 0, digit=0)),
    "rounding shift": ("folded", "node_linear", replace(r"(SHIFT => )(\d+)", plus(1))),
    "saturation bound": (
        "folded",
        "node_linear_1",
        replace(r'(HIGH => std_ulogic_vector\'\(.*?x")([0-9a-f]+)', lambda m: f"{m[1]}0{m[2][1:]}"),
    ),
    "last table entry": ("folded", "node_linear_2", flip_word("ROUNDED_1_WORDS", -1)),
    "valid one cycle early": ("folded", "node_linear_1", replace(r"(CYCLES => )(\d+)", plus(-1))),
    "scale in memory": ("scaled", "/hidden2/MatMul", flip_word("ROUNDED_0_CONSTANTS", 0, digit=0)),
    "adder's shift": ("unrolled", "/hidden2/MatMul", replace(r"(shift_left\(wide\(x\d+, \d+\), )(\d+)", plus(1))),
    "adder's sign": (
        "unrolled",
        "/hidden1/MatMul",
        replace(r"(add3\(.*, )true(?=, (?:true|false), \d+\))", lambda m: f"{m[1]}false"),
    ),
    "bias in an adder graph": ("unrolled", "/output/Gemm", replace(r"(n\d+ <= to_signed\()(-?\d+)", plus(20000))),
    "pipeline register": ("unrolled", "/hidden2/MatMul", bypass_register),
}


@pytest.mark.parametrize("twin", TWINS)
def test_a_mutation_is_found_in_its_layer(twin: str, builds: dict[str, Path], tmp_path: Path) -> None:
    kind, layer, edit = TWINS[twin]
    build = tmp_path / "BUILD"
    shutil.copytree(builds[kind], build)
    entity = re.sub(r"\W+", "_", layer.strip("/")).lower()
    source = build / "rtl" / f"m_{entity}.vhd"
    before = source.read_text()
    after = edit(before)
    assert after != before
    source.write_text(after)
    simulation = api.Design(build).simulate(seed=1)
    assert not simulation.verdict["bit_exact"]
    assert simulation.verdict["first_divergence"]["layer"] == layer
    with pytest.raises(MismatchError, match=re.escape(f"layer '{layer}'")):
        simulation.require_exact()


@pytest.mark.parametrize("kind", ["folded", "unrolled", "scaled"])
def test_the_original_is_exact(kind: str, builds: dict[str, Path]) -> None:
    simulation = api.Design(builds[kind]).simulate(seed=1)
    simulation.require_exact()
    assert simulation.verdict["mismatches"] == 0


def test_the_command_exits_with_1_and_names_the_layer(builds: dict[str, Path], tmp_path: Path) -> None:
    build = tmp_path / "BUILD"
    shutil.copytree(builds["folded"], build)
    source = build / "rtl" / "m_node_linear_1.vhd"
    source.write_text(flip_word("WEIGHTS", 2)(source.read_text()))
    command = [sys.executable, "-c", "from fpgann.cli import main; main()", "simulate", str(build)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    *warnings, error = run.stderr.strip().splitlines()
    assert any("rtl/m_node_linear_1.vhd is not as" in line for line in warnings)
    assert "layer 'node_linear_1'" in error

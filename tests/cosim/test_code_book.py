# SPDX-License-Identifier: Apache-2.0
"""Layers whose weights have few values: indices in memory, values behind it, in VHDL, as Verilog and as C++."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fpgann import api
from fpgann.config import CompileOptions, Target, override
from tests.conftest import require_tool
from tests.cosim.cpp_checks import assert_formatted, assert_no_warning
from tests.cosim.models import Network
from tests.cosim.test_mutations import flip, found, mutate

VALUES = (-103, -31, 0, 17, 58)
OPTIONS = override(CompileOptions(), strategy="folded", reuse_factor=100)


def network() -> Network:
    """Two layers with 8-bit weights: those of the first are one of five, those of the second any."""
    net = Network(20, 5).quantize("entry", 6, 0.125)
    weights = [net.rng.choice(VALUES, (20, 20)), net.rng.integers(-127, 128, (20, 10))]
    for name, numbers in zip(("few", "many"), weights, strict=True):
        operands = [net.constant(numbers / 64), net.constant(1 / 64), net.constant(0.0), net.constant(8.0)]
        weight = net.append("Quant", operands, f"{name}_w", signed=1, narrow=0)
        net.node("Gemm", weight, net.constant(net.rng.normal(0, 0.5, numbers.shape[1])), name=name)
        net.quantize(f"{name}_out", 6, 2.0)
    return net


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code_book")
    api.compile(network().write(folder / "net.onnx"), folder / "build", OPTIONS)
    return folder / "build"


@pytest.mark.parametrize("simulator", ["ghdl", "verilator"])
def test_the_hardware_is_exact(build: Path, simulator: str) -> None:
    require_tool(simulator)
    few, many = ((build / "rtl" / f"net_{name}.vhd").read_text() for name in ("few", "many"))
    assert re.search(r"constant BOOK : word_array_t\(0 to 4\)\(7 downto 0\)", few)
    assert re.search(r"constant WEIGHTS : word_array_t\(0 to 99\)\(11 downto 0\)", few), "4 lanes of 3 bits"
    assert "BOOK" not in many
    api.Design(build).simulate(simulator=simulator).require_exact()


@pytest.mark.parametrize(("memory", "word", "bit"), [("BOOK", 1, 0), ("BOOK", 4, 5), ("WEIGHTS", 7, 1)])
def test_a_wrong_bit_is_found(build: Path, tmp_path: Path, memory: str, word: int, bit: int) -> None:
    require_tool("ghdl")
    found(mutate(build, tmp_path, "net_few", flip(memory, word, bit)), "few")


def cpp(folder: Path) -> api.Design:
    options = override(OPTIONS, target=Target.HLS.value)
    return api.compile(network().write(folder / "net.onnx"), folder / "build", options)


def test_the_program_is_exact(tmp_path: Path) -> None:
    require_tool("g++")
    design = cpp(tmp_path)
    text = next(design.folder.rglob("weights/few.h")).read_text()
    assert re.search(r"fpgann::constant<3> few_weights\[20\]\[20\]", text)
    assert re.search(r"fpgann::constant<8> few_book\[5\]", text)
    assert_no_warning(design, "g++")
    assert_formatted(design)
    design.simulate().require_exact()


def test_a_wrong_value_in_the_program_is_found(tmp_path: Path) -> None:
    require_tool("g++")
    design = cpp(tmp_path)
    header = next(design.folder.rglob("weights/few.h"))
    text = header.read_text()
    assert "-31" in text
    header.write_text(text.replace("-31", "-30"))
    assert not design.simulate().verdict["bit_exact"]

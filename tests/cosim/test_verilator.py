# SPDX-License-Identifier: Apache-2.0
"""Verilator, with the bench and as a compiled engine: both find what is right right, and what is wrong wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fpgann import api, reference
from fpgann.config import CompileOptions, Target, override
from fpgann.cosim import batch_build
from fpgann.cosim.batch import run_batch
from fpgann.cosim.vectors import corner_and_random
from fpgann.design import Design
from fpgann.errors import FormatError, MismatchError, ToolFailedError, UnsupportedOperatorError
from tests.command_line import CommandLine
from tests.conftest import require_tool
from tests.cosim.models import Network
from tests.cosim.random_models import make_case
from tests.hdl.simulators import lint

VECTORS = 16
SLOW = pytest.mark.slow
ENGINES = pytest.mark.parametrize("batch", [False, True], ids=["bench", "engine"])


def network() -> Network:
    """Two layers, the second with signed outputs."""
    return Network(4, 3).dense("hidden", 3).node("Relu", name="relu").dense("last", 2)


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same network in VHDL, in Verilog too, and folded."""
    for tool in ("ghdl", "verilator", "g++", "make", "perl", "cocotb", "libpython"):
        require_tool(tool)
    folder = tmp_path_factory.mktemp("builds")
    model = network().write(folder / "tiny.onnx")
    options = override(CompileOptions(), precision="fixed<8,4>", name="tiny")
    choices = {
        "vhdl": override(options, strategy="unrolled"),
        "verilog": override(options, strategy="unrolled", target="verilog"),
        "folded": override(options, strategy="folded", reuse_factor=3),
    }
    for name, chosen in choices.items():
        api.compile(model, folder / name, chosen)
    return {name: folder / name for name in choices}


def inputs(design: Design, count: int = VECTORS) -> dict[str, np.ndarray]:
    codes = corner_and_random(design.graph, count)
    return {value.name: value.type.codes.decode(codes[value.name]) for value in design.graph.inputs}


def mutate(build: Path, folder: Path, suffix: str) -> Path:
    """A copy with another constant in its last layer's source."""
    copy = shutil.copytree(build, folder / "mutant", ignore=shutil.ignore_patterns("batch"))
    (source,) = (copy / "rtl").glob(f"tiny_last{suffix}") if suffix == ".vhd" else [copy / "rtl" / "tiny.v"]
    text = source.read_text()
    if suffix == ".vhd":
        position = text.index("<= ", text.index("\nbegin")) + 3
        changed = text[:position] + "not " + text[position:].lstrip()
    else:
        start = text.index("module tiny_last")
        changed = text[:start] + text[start:].replace(" + ", " - ", 1)
    assert changed != text
    source.write_text(changed)
    return copy


@ENGINES
@pytest.mark.parametrize("name", ["vhdl", pytest.param("verilog", marks=SLOW), pytest.param("folded", marks=SLOW)])
def test_exact(builds: dict[str, Path], name: str, batch: bool) -> None:
    design = Design(builds[name])
    given = inputs(design)
    simulation = design.simulate(given, simulator="verilator", batch=batch, seed=5)
    simulation.require_exact()
    verdict = json.loads((builds[name] / "simulate.json").read_text())
    assert verdict == simulation.verdict
    assert verdict["simulator"] == "verilator"
    assert verdict["compared"] == ("outputs" if batch else "stages")
    assert verdict["vectors"] == VECTORS
    assert verdict["mismatches"] == 0
    assert verdict["latency_cycles"] == design.manifest["latency_cycles"]
    assert verdict["ii"] == design.manifest["interval_cycles"]
    assert simulation.outputs is not None
    for key, wanted in design.emulate(given).items():
        assert np.array_equal(simulation.outputs[key], wanted)


@ENGINES
@pytest.mark.parametrize(("name", "suffix"), [pytest.param("vhdl", ".vhd", marks=SLOW), ("verilog", ".v")])
def test_a_mutation_is_noticed(builds: dict[str, Path], tmp_path: Path, name: str, suffix: str, batch: bool) -> None:
    design = Design(mutate(builds[name], tmp_path, suffix))
    simulation = design.simulate(simulator="verilator", batch=batch)
    assert not simulation.verdict["bit_exact"]
    assert simulation.verdict["mismatches"] > 0
    with pytest.raises(MismatchError, match="output" if batch else "layer 'last'"):
        simulation.require_exact()


@pytest.mark.slow
@ENGINES
def test_a_late_result_is_noticed(builds: dict[str, Path], tmp_path: Path, batch: bool) -> None:
    copy = shutil.copytree(builds["vhdl"], tmp_path / "late", ignore=shutil.ignore_patterns("batch"))
    for file, pattern in (
        (copy / "manifest.json", '"latency_cycles": '),
        (copy / "sim" / "design.json", '"latency_cycles": '),
    ):
        text = file.read_text()
        start = text.index(pattern) + len(pattern)
        end = text.index(",", start)
        file.write_text(f"{text[:start]}{int(text[start:end]) + 1}{text[end:]}")
    simulation = Design(copy).simulate(simulator="verilator", batch=batch)
    assert not simulation.verdict["bit_exact"]
    assert simulation.verdict["mismatches"] == 0
    with pytest.raises(MismatchError):
        simulation.require_exact()


def test_the_product_is_clean(builds: dict[str, Path]) -> None:
    said = lint(builds["verilog"], builds["verilog"] / "rtl" / "tiny.v", "tiny")
    assert "%Warning" not in said, said
    assert "%Error" not in said, said


def test_layers_named_like_what_ghdl_adds(tmp_path: Path) -> None:
    """GHDL calls the output out_data of instance fc_stage `fc_stage_out_data`, as if of a layer fc_stage_out."""
    require_tool("ghdl")
    names = ("fc", "fc_stage_out", "out_valid_delay_out", "pace")
    chain = Network(3, 5)
    for name in names:
        chain.dense(name, 3).node("Relu", name=f"relu_{name}")
    options = override(CompileOptions(), precision="fixed<6,3>", strategy="unrolled", name="tiny", target="verilog")
    api.compile(chain.write(tmp_path / "chain.onnx"), tmp_path / "build", options)
    said = lint(tmp_path, tmp_path / "build" / "rtl" / "tiny.v", "tiny")
    assert "%Warning" not in said, said
    assert "%Error" not in said, said


def test_the_product_is_the_same_every_time(builds: dict[str, Path], tmp_path: Path) -> None:
    options = override(CompileOptions(), precision="fixed<8,4>", name="tiny", strategy="unrolled", target="verilog")
    api.compile(network().write(tmp_path / "tiny.onnx"), tmp_path / "again", options)
    first, second = ((folder / "rtl" / "tiny.v").read_bytes() for folder in (builds["verilog"], tmp_path / "again"))
    assert first == second
    manifest = json.loads((tmp_path / "again" / "manifest.json").read_text())
    assert "rtl/tiny.v" in manifest["files"]
    assert manifest["options"]["target"] == "verilog"


def test_an_engine_is_compiled_once(builds: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = Design(builds["vhdl"])
    values = reference.run_codes(design.graph, corner_and_random(design.graph, VECTORS))
    first = run_batch(design.folder, design.manifest, values, seed=0, work=tmp_path / "engines")
    monkeypatch.setattr(batch_build, "_compile", None)
    second = run_batch(design.folder, design.manifest, values, seed=9, work=tmp_path / "engines")
    assert first.verdict == second.verdict
    assert [path.name for path in (tmp_path / "engines").rglob("*") if path.is_file()] == ["engine"]
    (builds["vhdl"] / "rtl" / "tiny.vhd").touch()
    run_batch(design.folder, design.manifest, values, seed=0, work=tmp_path / "engines")


def test_another_design_is_another_engine(builds: dict[str, Path], tmp_path: Path) -> None:
    found = set()
    for name in ("vhdl", "verilog"):
        rtl = builds[name] / "rtl"
        found.add(batch_build._digest(rtl, {"batch_ports.h": "x"}, ["-O2"]))
        found.add(batch_build._digest(rtl, {"batch_ports.h": "y"}, ["-O2"]))
        found.add(batch_build._digest(rtl, {"batch_ports.h": "x"}, ["-O1"]))
    assert len(found) == 6


def test_nothing_is_left_where_an_engine_cannot_be_kept(builds: dict[str, Path], tmp_path: Path) -> None:
    design = Design(builds["vhdl"])
    (tmp_path / "file").write_text("")
    with pytest.raises(FormatError, match=r"cannot be written: .*; name a folder where you may write with --work"):
        design.simulate(simulator="verilator", batch=True, work=tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300, 316))
def test_random_networks(tmp_path: Path, seed: int) -> None:
    """Clean Verilog and exact results, odd seeds with the bench, even ones as a compiled engine."""
    require_tool("ghdl")
    require_tool("verilator")
    case = make_case(seed)
    model, data = tmp_path / "model.onnx", tmp_path / "samples.npz"
    model.write_bytes(case.model.SerializeToString())
    np.savez(data, **case.inputs)
    options = replace(case.options, target=Target.VERILOG)
    try:
        design = api.compile(model, tmp_path / "build", options, calibration=data if case.calibrated else None)
    except UnsupportedOperatorError as error:
        pytest.xfail(f"the compiler refuses this network: {error}")
    top = design.manifest["top"]
    said = lint(tmp_path, tmp_path / "build" / "rtl" / f"{top}.v", top)
    assert "%Warning" not in said, said
    assert "%Error" not in said, said
    design.simulate(simulator="verilator", batch=seed % 2 == 0, seed=seed).require_exact()


# The command line


@pytest.mark.parametrize(
    ("arguments", "status", "texts"),
    [
        (("--batch",), 2, ("--batch: only Verilator compiles designs", "--simulator verilator")),
        (("--batch", "--simulator", "verilator", "--waves"), 2, ("--waves: a compiled design writes no waves",)),
        (("--simulator", "verilator", "--work", "w"), 2, ("--work: it is for --batch",)),
        (("--simulator", "verilator", "--batch", "--time-limit", "9"), 2, ("--time-limit: programs need no other",)),
    ],
)
def test_options_that_do_not_go_together(
    builds: dict[str, Path], cli: CommandLine, arguments: tuple[str, ...], status: int, texts: tuple[str, ...]
) -> None:
    cli("simulate", builds["vhdl"], *arguments).require_error(status, *texts)


def test_a_simulator_out_of_time(builds: dict[str, Path], cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = []

    def run(*_: object, timeout_s: float, **__: object) -> None:
        limits.append(timeout_s)
        raise ToolFailedError(f"ran longer than its {timeout_s:g} s and was ended")

    monkeypatch.setattr("fpgann.cosim.simulate.run_tool", run)
    outcome = cli("simulate", builds["vhdl"], "--time-limit", "77")
    outcome.require_error(1, "ghdl: ran longer than its 77 s and was ended", "give it more with --time-limit")
    cli("simulate", builds["vhdl"]).require_error(1, "ran longer than its")
    assert limits[0] == 77
    assert limits[1] > 300


@pytest.mark.parametrize("batch", [(), ("--batch",)])
@pytest.mark.parametrize("tool", ["verilator", "g++", "make"])
def test_a_missing_tool(
    builds: dict[str, Path], cli: CommandLine, monkeypatch: pytest.MonkeyPatch, batch: tuple[str, ...], tool: str
) -> None:
    from fpgann.eda import find

    known = find.locate
    monkeypatch.setattr(find, "locate", lambda spec: None if spec.name == tool else known(spec))
    outcome = cli("simulate", builds["vhdl"], "--simulator", "verilator", *batch)
    outcome.require_error(1, f"{tool} is not installed; install it: ")


def test_verilog_without_ghdl(tmp_path: Path, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network().write(tmp_path / "tiny.onnx")
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = cli("compile", model, "-o", "BUILD", "--target", "verilog", "--precision", "fixed<8,4>")
    outcome.require_error(1, "ghdl is not installed; install it: apt install ghdl")
    assert cli.names() == set()


def test_an_unknown_target_in_the_file(tmp_path: Path, cli: CommandLine) -> None:
    model = network().write(tmp_path / "tiny.onnx")
    (cli.folder / "fpgann.toml").write_text('target = "edif"\n')
    outcome = cli("compile", model, "-o", "BUILD", "--config", "fpgann.toml")
    outcome.require_error(2, "there is no target 'edif'; it is one of vhdl, verilog")

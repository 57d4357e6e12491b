# SPDX-License-Identifier: Apache-2.0
"""Small designs through Yosys and nextpnr."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from fpgann.design import Design
from fpgann.eda.families import FAMILIES
from fpgann.eda.parts import TOOLCHAINS
from fpgann.errors import ConfigError, FormatError
from tests.command_line import CommandLine
from tests.conftest import require_tool
from tests.synth.conftest import compiled

SLOW = pytest.mark.slow
COUNTED = ("lut", "lut_cells", "carry", "ff", "dsp", "bram36", "lutram", "srl")


def require_sums(result: dict[str, Any]) -> None:
    """The layers and what lies between them are all there is."""
    for key in COUNTED:
        assert result[key] == sum(part[key] for part in (*result["layers"], result["rest"])), key


@pytest.fixture(scope="module")
def ice40(tiny: Design, tmp_path_factory: pytest.TempPathFactory) -> tuple[Design, dict[str, Any]]:
    """The tiny design, synthesised for the fastest family."""
    folder = tmp_path_factory.mktemp("ice40") / "build"
    shutil.copytree(tiny.folder, folder)
    design = Design(folder)
    steps: list[str] = []
    result = design.synthesize("ice40", progress=steps.append)
    assert steps[0] == "converting VHDL to Verilog"
    return design, result


def test_every_cell_is_counted_once(ice40: tuple[Design, dict[str, Any]]) -> None:
    design, result = ice40
    assert [layer["name"] for layer in result["layers"]] == ["layer0", "layer1"]
    assert all(layer["lut"] > 10 and layer["ff"] > 10 for layer in result["layers"])
    require_sums(result)
    netlist = json.loads((design.folder / "synth" / "ice40" / "netlist.json").read_text())
    cells = [cell for module in netlist["modules"].values() for cell in module["cells"].values()]
    # every stage and the top stand in the netlist once
    assert sum(cell["type"] == "SB_LUT4" for cell in cells) >= result["lut_cells"]
    assert result["cells"]["SB_LUT4"] == result["lut_cells"]


def test_estimates_stand_beside_what_was_found(ice40: tuple[Design, dict[str, Any]]) -> None:
    design, result = ice40
    report = design.report
    expected = report["total"]["estimates"]["ice40"]
    assert result["estimate"] == {key: expected[key] for key in ("lut", "ff", "dsp", "bram36")}
    assert result["deviation"]["lut"] == round(expected["lut"] / result["lut"] - 1, 4)
    assert result["deviation"]["dsp"] == 0
    for layer, entry in zip(result["layers"], report["layers"], strict=True):
        assert layer["estimate"]["lut"] == entry["estimates"]["ice40"]["lut"]


def test_the_result_is_written(ice40: tuple[Design, dict[str, Any]]) -> None:
    design, result = ice40
    folder = design.folder / "synth" / "ice40"
    assert json.loads((design.folder / "synth.json").read_text()) == result
    assert json.loads((folder / "synth.json").read_text()) == result
    assert result["tool"].startswith("yosys ")
    assert (result["family"], result["fmax_mhz"], result["place_and_route"]) == ("ice40", None, None)
    assert (folder / "yosys.log").stat().st_size > 1000
    assert str(design.folder) not in (design.folder / "synth.json").read_text()


def test_netlists_of_other_files_are_refused(ice40: tuple[Design, dict[str, Any]], tmp_path: Path) -> None:
    shutil.copytree(ice40[0].folder, tmp_path / "build")
    design = Design(tmp_path / "build")
    with pytest.raises(FormatError, match=r"has no netlist for AMD 7 series; run 'fpgann synth .* --family xc7' first"):
        design.simulate(simulator="verilator", batch=True, netlist="xc7")
    with pytest.raises(ConfigError, match=r"--netlist: netlists run in a compiled program"):
        design.simulate(netlist="ice40")
    with (design.folder / "rtl" / "pocket.vhd").open("a") as file:
        file.write("-- changed\n")
    with pytest.raises(FormatError, match=r"its netlist for Lattice iCE40 was made of other files"):
        design.simulate(simulator="verilator", batch=True, netlist="ice40")


def test_the_table(cli: CommandLine, tiny: Design) -> None:
    shutil.copytree(tiny.folder, cli.folder / "build")
    outcome = cli("synth", "build", "--family", "gatemate")
    assert outcome.status == 0, outcome
    lines = outcome.out.splitlines()
    assert lines[0].startswith("Cologne Chip GateMate, yosys ")
    assert [line.split("│")[1].strip() for line in lines if "│" in line] == [
        "layer0",
        "layer1",
        "between layers",
        "total",
    ]
    assert "est." in outcome.out
    assert outcome.err == ""


# -- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "status", "texts"),
    [
        (["--family", "spartan"], 2, ["'spartan' is not one of 'xcup', 'xc7'"]),
        ([], 2, ["Missing option '--family'"]),
        (["--family", "xc7", "--place-and-route"], 2, ["no free tool places and routes xc7", "ecp5"]),
        (["--family", "ecp5", "--device", "lfe5u-85f"], 2, ["are for place and route", "add --place-and-route"]),
        (["--family", "ecp5", "--place-and-route", "--device", "vu9p"], 2, ["no device 'vu9p'", "lfe5u-45f"]),
        (["--family", "gowin", "--bitstream"], 2, ["no free tool makes bitstreams for Gowin"]),
    ],
)
def test_wrong_usage(cli: CommandLine, tiny: Design, options: list[str], status: int, texts: list[str]) -> None:
    cli("synth", tiny.folder, *options).require_error(status, *texts)
    assert not (tiny.folder / "synth.json").exists()


def test_a_missing_yosys(cli: CommandLine, tiny: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fpgann.eda.find._package_version", lambda package: None)
    monkeypatch.setattr("fpgann.eda.find._locate_native", lambda spec: None)
    outcome = cli("synth", tiny.folder, "--family", "xc7")
    outcome.require_error(1, "yosys is not installed", "pip install fpgann[synth]")


def test_a_report_without_estimates(cli: CommandLine, tiny: Design) -> None:
    shutil.copytree(tiny.folder, cli.folder / "build")
    report = json.loads((cli.folder / "build" / "report.json").read_text())
    del report["layers"][1]["estimates"]
    (cli.folder / "build" / "report.json").write_text(json.dumps(report))
    outcome = cli("synth", "build", "--family", "xc7")
    outcome.require_error(2, "report.json is damaged: 'layers.1.estimates' is missing", "compile the model again")


def test_a_build_without_files(cli: CommandLine, tiny: Design) -> None:
    shutil.copytree(tiny.folder, cli.folder / "build")
    (cli.folder / "build" / "rtl" / "pocket.vhd").unlink()
    cli("synth", "build", "--family", "xc7").require_error(2, "rtl/pocket.vhd is missing")
    cli("synth", "nowhere", "--family", "xc7").require_error(2, "there is no manifest.json")


# -- slow --------------------------------------------------------------------------------------------------------


@SLOW
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "options", [{"strategy": "folded"}, {"strategy": "unrolled", "io": "stream"}], ids=["folded", "stream"]
)
def test_every_cell_of_every_family_is_known(tmp_path: Path, family: str, options: dict[str, str]) -> None:
    for name in ("ghdl", "yosys"):
        require_tool(name)
    result = compiled(tmp_path, (4, 4, 2), **options).synthesize(family)
    require_sums(result)
    found = FAMILIES[family]
    free = {"GND", "VCC", "VLO", "VHI", "PFUMX", "L6MUX21", "WIDEFN9", "MUXF7", "MUXF8"}
    free |= {f"MUX2_LUT{size}" for size in (5, 6, 7, 8)}
    unknown = {cell for cell in result["cells"] if found.kind(cell) is None} - free
    assert not unknown
    if options["strategy"] == "folded":
        assert result["dsp"] == 6
    else:
        assert result["dsp"] == 0
        assert result["rest"]["lutram"] or family in ("ice40", "gatemate")


DESIGNS = {
    "folded": ((4, 4, 2), {"strategy": "folded"}),
    "unrolled": ((4, 4, 2), {"strategy": "unrolled"}),
    "stream": ((4, 4, 2), {"strategy": "unrolled", "io": "stream"}),
}


@SLOW
@pytest.mark.parametrize("family", ["ecp5", "xcup"])
@pytest.mark.parametrize("name", DESIGNS)
def test_netlists_are_bit_exact(tmp_path: Path, name: str, family: str) -> None:
    for tool in ("ghdl", "yosys", "verilator"):
        require_tool(tool)
    sizes, options = DESIGNS[name]
    design = compiled(tmp_path, sizes, **options)
    design.synthesize(family)
    verdict = design.simulate(simulator="verilator", batch=True, netlist=family).verdict
    assert verdict["bit_exact"], verdict
    assert verdict["netlist"] == family
    assert verdict["mismatches"] == 0


def flip_bit(netlist: Path, start: str) -> None:
    """Flip a bit of the first constant that begins so."""
    text = netlist.read_text()
    match = re.search(rf"{start}\d+'h[0-9a-f]*?([1-9a-f])", text)
    assert match is not None
    place = match.end() - 1
    netlist.write_text(text[:place] + f"{int(text[place], 16) ^ 1:x}" + text[place + 1 :])


@SLOW
def test_weights_in_block_memories(tmp_path: Path) -> None:
    """The netlist with a block memory is bit-exact, and no more so when a bit of its contents is another."""
    for tool in ("ghdl", "yosys", "verilator"):
        require_tool(tool)
    design = compiled(tmp_path, (32, 32, 2), strategy="folded", reuse_factor=1024)
    result = design.synthesize("ecp5")
    assert result["layers"][0]["bram36"] == 0.5 == result["layers"][0]["estimate"]["bram36"]
    verdict = design.simulate(simulator="verilator", batch=True, netlist="ecp5").verdict
    assert verdict["bit_exact"], verdict
    flip_bit(design.folder / "synth" / "ecp5" / "netlist.v", r"INITVAL_00\(")
    verdict = design.simulate(simulator="verilator", batch=True, netlist="ecp5").verdict
    assert not verdict["bit_exact"]


@SLOW
def test_a_wrong_netlist_is_noticed(tmp_path: Path) -> None:
    for tool in ("ghdl", "yosys", "verilator"):
        require_tool(tool)
    design = compiled(tmp_path, (3, 2), strategy="unrolled")
    design.synthesize("ice40")
    netlist = design.folder / "synth" / "ice40" / "netlist.v"
    text = netlist.read_text()
    start = text.index("LUT_INIT(16'h") + len("LUT_INIT(16'h")
    digit = text[start]
    netlist.write_text(text[:start] + ("0" if digit != "0" else "f") + text[start + 1 :])
    verdict = design.simulate(simulator="verilator", batch=True, netlist="ice40").verdict
    assert not verdict["bit_exact"]


@SLOW
@pytest.mark.parametrize("family", ["ecp5", "ice40", "gatemate"])
def test_a_bitstream(tiny: Design, tmp_path: Path, family: str) -> None:
    for tool in (TOOLCHAINS[family].tool, TOOLCHAINS[family].packer):
        require_tool(tool)
    shutil.copytree(tiny.folder, tmp_path / "build")
    result = Design(tmp_path / "build").synthesize(family, bitstream=True)
    assert result["bitstream"] == f"synth/{family}/pocket.bit"
    assert (tmp_path / "build" / result["bitstream"]).stat().st_size > 10_000
    placed = result["place_and_route"]
    assert placed["harness"]
    assert result["fmax_mhz"] == placed["fmax_mhz"] > 20
    names = {step["layer"] for step in placed["critical_path"]["steps"]}
    assert names <= {"layer0", "layer1", "(harness)", "(between layers)"}
    assert names & {"layer0", "layer1"}


@SLOW
@pytest.mark.parametrize("family", ["gowin", "nexus"])
def test_families_without_bitstreams_are_placed(tiny: Design, tmp_path: Path, family: str) -> None:
    require_tool(TOOLCHAINS[family].tool)
    shutil.copytree(tiny.folder, tmp_path / "build")
    result = Design(tmp_path / "build").synthesize(family, place_and_route=True)
    assert result["place_and_route"]["harness"]
    assert result["fmax_mhz"] > 50
    assert result["bitstream"] is None


@SLOW
def test_out_of_context_seeds_differ(tiny: Design, tmp_path: Path) -> None:
    require_tool("nextpnr-ecp5")
    shutil.copytree(tiny.folder, tmp_path / "build")
    result = Design(tmp_path / "build").synthesize("ecp5", place_and_route=True, seeds=(1, 2, 3), device="LFE5U-45F")
    placed = result["place_and_route"]
    assert placed["device"] == "lfe5u-45f"
    assert not placed["harness"]
    assert result["bitstream"] is None
    reached = [seed["fmax_mhz"] for seed in placed["seeds"]]
    assert len(set(reached)) > 1
    assert result["fmax_mhz"] == sorted(reached)[1]

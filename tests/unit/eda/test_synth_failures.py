# SPDX-License-Identifier: Apache-2.0
"""Synthesis and placement with tools that fail, each in its way."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from fpgann.eda.carry_feed import feed_carries
from fpgann.eda.critical_path import BETWEEN, HARNESS, find_critical_path, layer_paths
from fpgann.eda.families import FAMILIES
from fpgann.eda.parts import TOOLCHAINS, Part
from fpgann.eda.placement import Netlist, choose_parts, pack_bitstream, part_named, place_and_route
from fpgann.eda.progress import NEXTPNR_PHASE, YOSYS_PHASE, follow, last_phase
from fpgann.eda.synthesis import Cells, Synthesis, synthesize
from fpgann.errors import ConfigError, ResourceBudgetError, ToolFailedError, ToolNotFoundError, ToolVersionError
from tests.unit.eda.conftest import MockTools

ECP5, TOOLCHAIN = FAMILIES["ecp5"], TOOLCHAINS["ecp5"]


def cell(kind: str) -> dict[str, Any]:
    return {"type": kind, "connections": {}, "port_directions": {}}


def module(cells: dict[str, str], **attributes: int) -> dict[str, Any]:
    return {"ports": {}, "cells": {name: cell(kind) for name, kind in cells.items()}, "attributes": attributes}


HIERARCHY = {
    "top": module({"a_stage": "top_a", "core": "top_core", "glue": "LUT4"}),
    "top_core": module({"b_stage": "top_b", "r": "TRELLIS_FF"}),
    "top_a": module({"x": "LUT4", "y": "CCU2C"}),
    "top_b": module({"inner": "shared", "again": "shared", "z": "TRELLIS_FF"}),
    "shared": module({"m": "MULT18X18D"}),
    "LUT4": module({}, blackbox=1),
}


def yosys(mock_tools: MockTools, body: str = "", *, status: int = 0, stderr: str = "") -> None:
    """A Yosys that answers -V, and else does something."""
    body = f"if sys.argv[1] != '-V':\n    {body or 'pass'}"
    mock_tools.add("yosys", stdout="Yosys 0.70", stderr=stderr, status=status, body=body)


def writing(document: object) -> str:
    return f"pathlib.Path('netlist.json').write_text({json.dumps(document)!r})"


def test_cells_are_counted_by_layer(mock_tools: MockTools, tmp_path: Path) -> None:
    yosys(mock_tools, writing({"modules": HIERARCHY}))
    found = synthesize("module top; endmodule", "top", ECP5, tmp_path, ["top_a", "top_b"])
    assert found.tool == "yosys 0.70"
    assert found.modules["top_a"].types == {"LUT4": 1, "CCU2C": 1}
    assert found.modules["top_b"].types == {"MULT18X18D": 2, "TRELLIS_FF": 1}
    assert found.rest.types == {"LUT4": 1, "TRELLIS_FF": 1}
    assert found.total.types == {"LUT4": 2, "CCU2C": 1, "MULT18X18D": 2, "TRELLIS_FF": 2}
    assert found.total.figures(ECP5)["lut"] == 4
    script = (tmp_path / "synth.ys").read_text()
    assert "setattr -mod -set keep_hierarchy 1 top_a\n" in script
    assert "synth_ecp5 -top top\n" in script


@pytest.mark.parametrize("written", [None, {}, {"modules": {}}, {"modules": {"other": module({})}}])
def test_a_tool_that_dies_without_an_error_is_noticed(mock_tools: MockTools, tmp_path: Path, written: object) -> None:
    (tmp_path / "netlist.json").write_text(json.dumps({"modules": {"top": module({"x": "LUT4"})}}))  # of another run
    yosys(mock_tools, "" if written is None else writing(written))
    with pytest.raises(ToolFailedError, match=r"ended without a netlist \(exit status 0\)"):
        synthesize("", "top", ECP5, tmp_path)


def test_the_reason_of_a_failure_is_told(mock_tools: MockTools, tmp_path: Path) -> None:
    yosys(mock_tools, stderr="ERROR: Module `foo' is not part of the design.", status=1)
    with pytest.raises(ToolFailedError, match=r"exit status 1.*Module `foo' is not part") as caught:
        synthesize("", "top", ECP5, tmp_path)
    assert "yosys.log" in caught.value.hint


def test_operations_that_are_left_are_refused(mock_tools: MockTools, tmp_path: Path) -> None:
    yosys(mock_tools, writing({"modules": {"top": module({"x": "$mul", "s": "$scopeinfo"})}}))
    with pytest.raises(ToolFailedError, match=r"it left \$mul, which Lattice ECP5 has not"):
        synthesize("", "top", ECP5, tmp_path)


def test_a_missing_or_old_yosys(mock_tools: MockTools, tmp_path: Path) -> None:
    with pytest.raises(ToolNotFoundError, match=r"yosys is not installed; install it: pip install fpgann\[synth\]"):
        synthesize("", "top", ECP5, tmp_path)
    mock_tools.add("yosys", stdout="Yosys 0.23")
    with pytest.raises(ToolVersionError, match=r"yosys 0.23 is too old"):
        synthesize("", "top", ECP5, tmp_path)


# -- place and route ---------------------------------------------------------------------------------------------


def part(delay: float, cell: str, kind: str = "logic") -> dict[str, Any]:
    return {"delay": delay, "type": kind, "from": {"cell": cell}, "to": {"cell": cell}}


def nextpnr_report(*parts: dict[str, Any]) -> dict[str, Any]:
    paths = [{"from": "posedge clk", "to": "posedge clk", "path": list(parts)}] if parts else []
    paths.append({"from": "<async>", "to": "posedge clk", "path": [part(99.0, "design.a_stage.x")]})
    used = {"TRELLIS_COMB": {"used": 7, "available": 24288}}
    return {"fmax": {"clk": {"achieved": 123.456, "constraint": 250}}, "utilization": used, "critical_paths": paths}


def test_layers_are_found_below_each_other() -> None:
    assert layer_paths(HIERARCHY, "top", {"top_a": "A", "top_b": "B"}) == {"a_stage": "A", "core.b_stage": "B"}


def test_a_path_is_told_by_layers() -> None:
    report = nextpnr_report(
        part(0.5, "design.pace", "clk-to-q"),
        part(1.0, "design.a_stage.x", "routing"),
        part(0.25, "design.a_stage.x"),
        part(2.0, "design.core.b_stage.z", "routing"),
        part(0.0, "design.core.b_stage.z", "setup"),
    )
    path = find_critical_path(report, {"design.a_stage": "A", "design.core.b_stage": "B"}, "design")
    assert path is not None
    told = [(step.layer, step.cells, step.logic_ns, step.routing_ns) for step in path.steps]
    assert told == [(BETWEEN, 0, 0.5, 0.0), ("A", 1, 0.25, 1.0), ("B", 0, 0.0, 2.0)]
    assert path.delay_ns == 3.75
    assert (path.start, path.end) == ("design.pace", "design.core.b_stage.z")


def test_the_harness_is_told_from_the_design() -> None:
    path = find_critical_path(nextpnr_report(part(1.0, "stimulus_3")), {"design.a": "A"}, "design")
    assert path is not None
    assert [step.layer for step in path.steps] == [HARNESS]


def test_paths_from_and_to_pins_do_not_count() -> None:
    assert find_critical_path(nextpnr_report(), {}, "") is None


@pytest.fixture
def netlist(tmp_path: Path) -> Netlist:
    file = tmp_path / "netlist.json"
    file.write_text(json.dumps({"modules": HIERARCHY}))
    return Netlist(file, "top", "", {"top_a": "A", "top_b": "B"})


def nextpnr(mock_tools: MockTools, *, fails_in: str = "none") -> None:
    report = json.dumps(nextpnr_report(part(1.0, "a_stage.x")))
    mock_tools.add(
        "nextpnr-ecp5",
        stdout="nextpnr-0.8",
        body=f"""
if '--{fails_in}' in sys.argv:
    print('ERROR: Unable to place cell')
    sys.exit(255)
if '--report' in sys.argv:
    pathlib.Path(sys.argv[sys.argv.index('--report') + 1]).write_text({report!r})
if '--textcfg' in sys.argv:
    pathlib.Path('routed.config').write_text('config')
""",
    )


def test_a_design_is_placed_once_a_seed(mock_tools: MockTools, netlist: Netlist, tmp_path: Path) -> None:
    nextpnr(mock_tools)
    placed = place_and_route(TOOLCHAIN, TOOLCHAIN.parts, netlist, tmp_path, seeds=(1, 7), with_text=True)
    assert (placed.part, placed.fmax_mhz, len(placed.attempts)) == ("lfe5u-12f", 123.46, 2)
    assert [attempt.text and attempt.text.name for attempt in placed.attempts] == ["routed_1.config", "routed_7.config"]
    assert placed.to_json()["critical_path"]["steps"] == [
        {"layer": "A", "cells": 1, "logic_ns": 1.0, "routing_ns": 0.0}
    ]
    call = mock_tools.calls("nextpnr-ecp5")[-1]
    assert {"--out-of-context", "--12k", "--timing-allow-fail"} <= set(call.arguments)
    assert call.arguments[call.arguments.index("--seed") + 1] == "7"
    assert call.cwd == tmp_path


def test_the_next_larger_part_is_tried(mock_tools: MockTools, netlist: Netlist, tmp_path: Path) -> None:
    nextpnr(mock_tools, fails_in="12k")
    assert place_and_route(TOOLCHAIN, TOOLCHAIN.parts, netlist, tmp_path).part == "lfe5u-25f"
    with pytest.raises(ToolFailedError, match=r"did not place the design in lfe5u-12f.*Unable to place cell"):
        place_and_route(TOOLCHAIN, TOOLCHAIN.parts[:1], netlist, tmp_path)


def test_a_placer_that_dies_without_an_error_is_noticed(
    mock_tools: MockTools, netlist: Netlist, tmp_path: Path
) -> None:
    mock_tools.add("nextpnr-ecp5")
    (tmp_path / "nextpnr_lfe5u-12f_1.json").write_text(json.dumps(nextpnr_report()))  # of another run
    with pytest.raises(ToolFailedError, match=r"in lfe5u-12f \(exit status 0\)"):
        place_and_route(TOOLCHAIN, TOOLCHAIN.parts, netlist, tmp_path)  # a larger part would not help


def test_a_packer_that_makes_nothing_is_noticed(mock_tools: MockTools, tmp_path: Path) -> None:
    mock_tools.add("ecppack")
    (tmp_path / "top.bit").write_text("of another run")
    with pytest.raises(ToolFailedError, match=r"ecppack: it made no bitstream"):
        pack_bitstream(TOOLCHAIN, tmp_path / "routed.config", tmp_path / "top.bit")


def synthesis(tmp_path: Path, **count: float) -> Synthesis:
    kinds = ("lut", "carry", "ff", "dsp", "bram", "bram36", "lutram", "srl")
    cells = Cells(dict.fromkeys(kinds, 0.0) | count, None, {})
    return Synthesis(ECP5, "yosys", cells, {}, cells, tmp_path / "netlist.json", 0.0)


def test_the_smallest_part_that_fits_comes_first(tmp_path: Path) -> None:
    def names(**count: float) -> list[str]:
        return [part.name for part in choose_parts(TOOLCHAIN, synthesis(tmp_path, **count))]

    assert names(lut=100)[0] == "lfe5u-12f"
    assert names(lut=12_000, carry=6_000) == ["lfe5u-12f", "lfe5u-45f", "lfe5u-85f"]
    assert names(lut=14_000, carry=6_000) == ["lfe5u-45f", "lfe5u-85f"]
    assert names(lut=80_000) == ["lfe5u-85f"]
    assert names(dsp=100) == ["lfe5u-85f"]
    assert names(bram=57)[0] == "lfe5u-45f"
    with pytest.raises(ResourceBudgetError, match=r"takes 90000 LUTs.*lfe5u-85f, has 83640"):
        names(lut=90_000)


def test_a_part_by_its_name() -> None:
    assert isinstance(part_named(TOOLCHAIN, "LFE5U-45F"), Part)
    with pytest.raises(ConfigError, match=r"no device 'nano' in this family; choose from lfe5u-12f"):
        part_named(TOOLCHAIN, "nano")


# -- progress ----------------------------------------------------------------------------------------------------


def test_phases_are_read_from_logs() -> None:
    yosys_log = "1. Executing Verilog-2005 frontend: design.v\n2.4. Executing PROC pass (convert)\n...\n2.5. Executi"
    assert last_phase(yosys_log, YOSYS_PHASE) == "PROC"
    nextpnr_log = "Info: Packing carries...\nInfo: Routing 12 arcs\nInfo:    1000 |    20\n"
    assert last_phase(nextpnr_log, NEXTPNR_PHASE) == "Routing 12 arcs"
    assert last_phase("nothing", YOSYS_PHASE) is None


def test_a_growing_log_is_followed(tmp_path: Path) -> None:
    log, seen, told = tmp_path / "yosys.log", [], threading.Event()

    def tell(phase: str) -> None:
        seen.append(phase)
        told.set()

    with follow(log, YOSYS_PHASE, tell):
        for phase in ("PROC", "FLATTEN"):
            told.clear()
            with log.open("a") as file:
                file.write(f"2.1. Executing {phase} pass\n2.2. Execut")
            assert told.wait(timeout=60)
            with log.open("a") as file:
                file.write("\n")
    assert seen[0] == "PROC"
    assert seen[-1] == "FLATTEN"


# -- carry chains of Nexus ---------------------------------------------------------------------------------------


def test_chains_that_begin_with_a_constant_get_their_first_cell_back() -> None:
    def carry(cin: object) -> dict[str, Any]:
        return {"type": "CCU2", "connections": {"CIN": [cin], "COUT": [7]}}

    cells = {"low": carry("0"), "high": carry(5), "chained": carry(6), "free": {"type": "CCU2", "connections": {}}}
    cells["vhi"] = {"type": "VHI", "connections": {"Z": [5]}}
    module = {"cells": cells, "ports": {"y": {"bits": [9]}}}
    assert feed_carries({"top": module}) == 2
    assert cells["chained"]["connections"]["CIN"] == [6]
    levels = {kind: cells[f"$feed${kind}"]["connections"]["Z"] for kind in ("VLO", "VHI")}
    for name, kind in (("low", "VLO"), ("high", "VHI")):
        feed = cells[f"{name}$feed"]["connections"]
        assert cells[name]["connections"]["CIN"] == feed["COUT"]
        assert (feed["A1"], feed["D0"]) == (levels[kind], levels["VHI"])
    nets = [cell["connections"].get(pin) for cell in cells.values() for pin in ("COUT", "Z")]
    made = [net for net in nets if net not in (None, [7], [5])]
    assert len({net[0] for net in made} | {5, 6, 7, 9}) == len(made) + 4
    assert feed_carries({"top": module}) == 0

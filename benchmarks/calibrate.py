#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Synthesise layers, and fit the coefficients of the estimates.

    python benchmarks/calibrate.py                          the sweep, then fpgann/hardware/calibration.json
    python benchmarks/calibrate.py --family ecp5            one family; the others stay as they are
    python benchmarks/calibrate.py --measured               no synthesis: fit to the sheets that the cache has

`benchmarks/calibration_judge.py` compares with models outside the fit.

Synthesis runs one sheet at a time. What was found is kept (--cache) under a hash of the Verilog and the command, so an
interrupted run goes on where it stopped, and a change to the generator measures only what it changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from calibration_blocks import NEURONS, TOP, neuron_files
from calibration_fit import Measured, calibrate
from calibration_layers import SHEETS, Sheet, model_of

from fpgann import api
from fpgann.api import Compiled
from fpgann.codegen.vhdl import render_design
from fpgann.config import CompileOptions
from fpgann.eda.families import FAMILIES
from fpgann.eda.find import find_tool
from fpgann.eda.synthesis import synthesize
from fpgann.eda.verilog import to_verilog
from fpgann.hardware.estimate import amounts_of
from fpgann.hardware.estimate_calibration import FILE
from fpgann.hardware.estimate_fabric import FABRICS
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy
from fpgann.hardware.wiring import WiringKernel

MEASURED_FAMILIES = ("xcup", "xc7", "ecp5")

Figures = Mapping[str, float]


def lowered(sheet: Sheet) -> Compiled:
    """The design of a sheet."""
    layers = {
        point.name: LayerOptions(Strategy.FOLDED if point.reuse_factor else Strategy.UNROLLED, point.reuse_factor)
        for point in sheet.points
        if point.outputs
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{sheet.name}.onnx"
        path.write_bytes(model_of(sheet).SerializeToString())
        return api.lower(path, CompileOptions(hardware=HardwareOptions(layers=layers), name=sheet.name))


def measured_stages(
    compiled: Compiled, family: str, cache: Path, *, measured: bool = False
) -> dict[str, Figures] | None:
    """Stage -> figures of synthesis, as `measured_modules`."""
    design = compiled.design
    modules = {f"{design.name}_{stage.name}": stage.name for stage in design.stages}
    files = render_design(design, compiled.streams, None)
    return measured_modules(files, design.name, modules, family, cache, measured=measured)


def measured_modules(
    files: Mapping[str, str], top: str, modules: Mapping[str, str], family: str, cache: Path, *, measured: bool = False
) -> dict[str, Figures] | None:
    """What is asked for of some modules, by name, from the cache or from a run; None where it is not to run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        (folder / "ghdl").mkdir()
        verilog = to_verilog(folder, top, folder / "ghdl")
        version = find_tool("yosys").version_text
        code = "\n".join(line for line in verilog.splitlines() if "/*" not in line and not line.startswith("//"))
        key = hashlib.sha256("\n".join([version, FAMILIES[family].command, code]).encode()).hexdigest()
        found = cache / f"{key[:24]}.json"
        if measured and not found.exists():
            return None
        if not found.exists():
            (folder / "yosys").mkdir()
            outcome = synthesize(verilog, top, FAMILIES[family], folder / "yosys", list(modules))
            figures = {
                modules[module]: dict(cells.figures(FAMILIES[family])) for module, cells in outcome.modules.items()
            }
            cache.mkdir(parents=True, exist_ok=True)
            found.write_text(json.dumps(figures, indent=1) + "\n")
    return dict(json.loads(found.read_text()))


def layers_of(compiled: Compiled, figures: Mapping[str, Figures], family: str) -> Iterator[Measured]:
    """What was counted and what was found, of each stage that is no wiring."""
    for stage in compiled.design.stages:
        if stage.name not in figures or isinstance(stage.kernel, WiringKernel):
            continue
        amounts, kind = amounts_of(stage, family)
        found, fixed = figures[stage.name], amounts.srl + amounts.lutram
        ff = (amounts.ff, int(found["ff"]))
        yield Measured(stage.name, kind.value, amounts.logic, fixed, found["lut"], found["lut_cells"], ff)


def neurons_of(family: str, cache: Path, *, measured: bool = False) -> Iterator[Measured]:
    """The same of single neurons; nothing where they are not measured."""
    modules = {neuron.name: neuron.name for neuron in NEURONS}
    figures = measured_modules(dict(neuron_files()), TOP, modules, family, cache, measured=measured)
    for neuron in NEURONS if figures is not None else ():
        amounts, found = neuron.amounts(FABRICS[family]), figures[neuron.name]
        ff = (amounts.ff, int(found["ff"]))
        yield Measured(neuron.name, "neuron", amounts.logic, 0, found["lut"], found["lut_cells"], ff)


def sweep(families: list[str], cache: Path, *, measured: bool = False) -> None:
    """Measure all sheets (or take those that were measured), fit, and write the calibration."""
    document = json.loads(FILE.read_text()) if FILE.exists() else {"families": {}}
    designs = [lowered(sheet) for sheet in SHEETS]
    for family in families:
        layers: list[Measured] = []
        for compiled in designs:
            figures = measured_stages(compiled, family, cache, measured=measured)
            print(f"{family} {compiled.design.name}: {'not measured' if figures is None else 'measured'}", flush=True)
            layers += [] if figures is None else layers_of(compiled, figures, family)
        layers += neurons_of(family, cache, measured=measured)
        document["families"][family] = calibrate(layers, FABRICS[family].lut_inputs)
    document["command"] = "make calibrate"
    known = document["families"]
    document["substitutes"] = {
        name: next(n for n in (("ecp5", "xcup") if fabric.lut_inputs == 4 else ("xcup", "ecp5")) if n in known)
        for name, fabric in FABRICS.items()
        if name not in known
    }
    FILE.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    for family in families:
        print(family, json.dumps(known[family]["errors"]))


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--family", action="append", choices=MEASURED_FAMILIES, help="all three by default")
    parser.add_argument("--cache", type=Path, default=Path("build/calibration"), help="where measurements are kept")
    parser.add_argument("--measured", action="store_true", help="fit to the sheets that the cache has")
    arguments = parser.parse_args()
    sweep(arguments.family or list(MEASURED_FAMILIES), arguments.cache, measured=arguments.measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())

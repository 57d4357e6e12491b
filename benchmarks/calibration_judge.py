#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Estimates beside Yosys on models that no coefficient was fitted to, layer by layer.

    python benchmarks/calibration_judge.py MODEL...              parts of names in the corpus, or ONNX files
    python benchmarks/calibration_judge.py --largest 5000        all of the corpus that is small enough
    python benchmarks/calibration_judge.py --again               no synthesis: new estimates beside what was measured
    python benchmarks/calibration_judge.py --table               the summary of what is known, and nothing else

Every model is built in each of the ways of `WAYS`. What synthesis found is kept (--cache) under a hash of the Verilog,
and each row is written to estimate_figures.json as soon as it is there, so a run that was broken off goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fpgann import api
from fpgann.codegen.manifest import to_json
from fpgann.config import CompileOptions, override
from fpgann.cosim.verilog import find_verilog
from fpgann.design import Design
from fpgann.eda.families import FAMILIES
from fpgann.eda.find import find_tool
from fpgann.errors import FpgannError
from fpgann.report.cells import ESTIMATED

ROOT = Path(__file__).resolve().parents[1]
FIGURES = Path(__file__).with_name("estimate_figures.json")
MEASURED = ("xcup", "xc7", "ecp5")
FEW_LUTS = 100  # relative errors are those of layers with more
WAYS: dict[str, dict[str, Any]] = {
    "unrolled": {"strategy": "unrolled"},
    "folded": {"strategy": "folded", "reuse_factor": 16},
    "stream": {"io": "stream"},
}
BITS = "fixed<8,4>"  # of what a model leaves real

Row = dict[str, Any]


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", help="parts of names in the corpus, or ONNX files")
    parser.add_argument("--way", action="append", choices=WAYS, help="all by default")
    parser.add_argument("--family", action="append", choices=MEASURED, help="all by default")
    parser.add_argument("--largest", type=int, default=10_000, help="LUTs (estimated) up to which a design is built")
    parser.add_argument("--cache", type=Path, default=Path("build/calibration"), help="where measurements are kept")
    parser.add_argument("--again", action="store_true", help="only what the cache has")
    parser.add_argument("--table", action="store_true", help="only the summary")
    arguments = parser.parse_args()
    rows: dict[str, Row] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    if not arguments.table:
        for name, path in _models(arguments.models):
            for way in arguments.way or WAYS:
                _judge(rows, name, path, way, arguments)
    print("\n".join(summary(rows)))
    return 0 if rows else 1


def _models(wanted: list[str]) -> Iterator[tuple[str, Path]]:
    """Names and files, small models first."""
    files = [Path(name) for name in wanted if name.endswith(".onnx")]
    yield from ((path.stem, path) for path in files)
    parts = [name for name in wanted if not name.endswith(".onnx")]
    if files and not parts:
        return
    corpus = Path(os.environ.get("FPGANN_CORPUS", ROOT.parent / "shared" / "corpus"))
    entries = json.loads((corpus / "catalog.json").read_text())["models"]
    for entry in sorted(entries, key=lambda entry: (entry["macs"], entry["name"])):
        name = f"{entry['family']}/{entry['name']}"
        if not parts or any(part in name for part in parts):
            yield name, corpus / entry["model"]


def _samples(model: Path, folder: Path) -> Path | None:
    """The stored inputs of a model of the corpus, as `--calibration` wants them."""
    stored = model.parent.parent.parent / "vectors"
    catalog = model.parent.parent.parent / "catalog.json"
    if not catalog.exists() or not stored.parent.exists():
        return None
    for entry in json.loads(catalog.read_text())["models"]:
        if entry["model"].endswith(f"{model.parent.name}/{model.name}"):
            vectors = np.load(catalog.parent / entry["vectors"], allow_pickle=False)
            arrays = {port["name"]: vectors[f"in{i}"].astype(np.float64) for i, port in enumerate(entry["inputs"])}
            np.savez(folder / "samples.npz", **arrays)
            return folder / "samples.npz"
    return None


def _judge(rows: dict[str, Row], name: str, path: Path, way: str, arguments: argparse.Namespace) -> None:
    """Compile a model one way, synthesise what is not known yet, and note both."""
    options = override(CompileOptions(name="judged"), precision=BITS, **WAYS[way])
    with tempfile.TemporaryDirectory(prefix="fpgann-judge-") as folder:
        build = Path(folder) / "build"
        try:
            compiled = api.lower(path, options, calibration=_samples(path, Path(folder)))
        except FpgannError as error:
            print(f"{name} {way}: left out: {error}", flush=True)
            return
        total = compiled.report["total"]["estimates"]["xcup"]["lut"]
        if not 0 < total <= arguments.largest:
            print(f"{name} {way}: left out: about {total} LUTs", flush=True)
            return
        for file, data in api.build_files(compiled, options).items():
            (build / file).parent.mkdir(parents=True, exist_ok=True)
            (build / file).write_bytes(data)
        code = _code(build)
        for family in arguments.family or MEASURED:
            found = _found(build, code, family, arguments)
            if found is not None:
                key = f"{name} {way} {family}"
                rows[key] = _row(compiled.report, found, family)
                FIGURES.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")
                print("\n".join(_lines(key, rows[key])), flush=True)


def _code(build: Path) -> str:
    """The Verilog of a build, without comments."""
    top = json.loads((build / "manifest.json").read_text())["top"]
    with tempfile.TemporaryDirectory(prefix="fpgann-judge-") as work:
        verilog = find_verilog(build, top, Path(work)).read_text()
    return "\n".join(line for line in verilog.splitlines() if "/*" not in line and not line.startswith("//"))


def _found(build: Path, code: str, family: str, arguments: argparse.Namespace) -> dict[str, Any] | None:
    """synth.json of a build, from the cache or a run of Yosys."""
    key = hashlib.sha256("\n".join([find_tool("yosys").version_text, FAMILIES[family].command, code]).encode())
    stored = arguments.cache / "judged" / f"{family}-{key.hexdigest()[:24]}.json"
    if not stored.exists():
        if arguments.again:
            return None
        try:
            result = Design(build).synthesize(family)
        except FpgannError as error:
            print(f"{build.name} {family}: {error}", flush=True)
            return None
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(to_json(result))
    found: dict[str, Any] = json.loads(stored.read_text())
    return found


def _row(report: Mapping[str, Any], found: Mapping[str, Any], family: str) -> Row:
    """[estimated, found] of every resource, of every layer, of what lies between, and of all."""

    def pairs(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[float]]:
        return {key: [own["estimates"][family][key], other[key]] for key in ESTIMATED}

    beside = [*zip(report["layers"], found["layers"], strict=True)]
    return {
        "layers": {own["entity"]: {"strategy": own["strategy"], **pairs(own, other)} for own, other in beside},
        "rest": pairs(report["rest"], found["rest"]),
        "total": pairs(report["total"], found),
    }


def _lines(key: str, row: Row) -> Iterator[str]:
    parts = {**row["layers"], "(between)": {"strategy": "", **row["rest"]}, "(total)": {"strategy": "", **row["total"]}}
    for name, part in parts.items():
        figures = "  ".join(f"{k} {part[k][0]:g}/{part[k][1]:g}" for k in ESTIMATED if any(part[k]))
        lut = part["lut"]
        error = f"{lut[0] / lut[1] - 1:+.0%}" if lut[1] else ""
        yield f"{key:48} {name[:30]:30} {part['strategy']:9} {figures}  {error}"


def summary(rows: Mapping[str, Row]) -> Iterator[str]:
    """Errors of all rows, by family and strategy."""
    errors: dict[tuple[str, str, str], list[float]] = {}
    unequal: dict[tuple[str, str, str], list[int]] = {}
    for key, row in rows.items():
        family = key.split()[-1]
        for part in (*row["layers"].values(), {"strategy": "total", **row["total"]}):
            for kind in ("lut", "ff"):
                estimated, found = part[kind]
                if part["lut"][1] >= FEW_LUTS and found:
                    group = errors.setdefault((family, part["strategy"], kind), [])
                    group.append(estimated / found - 1)
            for kind in ("dsp", "bram36"):
                estimated, found = part[kind]
                unequal.setdefault((family, part["strategy"], kind), []).append(estimated != found)
    for (family, strategy, kind), group in sorted(errors.items()):
        size = [abs(error) for error in group]
        yield (
            f"| {family} | {strategy} | {kind} | {len(group)} | {statistics.median(size):.1%} | {max(size):.1%} "
            f"| {statistics.mean(group):+.1%} |"
        )
    for (family, strategy, kind), wrong in sorted(unequal.items()):
        yield f"| {family} | {strategy} | {kind} | {len(wrong)} | {sum(wrong)} differ |"


if __name__ == "__main__":
    sys.exit(main())

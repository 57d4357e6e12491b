# SPDX-License-Identifier: Apache-2.0
"""Run the shipped bench in a simulator."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpgann.cosim.vectors import vectors_document
from fpgann.eda.find import find_tool
from fpgann.eda.run import last_lines, run_tool
from fpgann.errors import FormatError, ToolFailedError
from fpgann.numerics.integers import IntArray

SIMULATORS = ("ghdl",)
_BASE_TIMEOUT_S = 300.0
_PER_CYCLE_S = 0.01


def run_bench(build: Path, values: Mapping[str, IntArray], *, simulator: str, seed: int, waves: bool) -> dict[str, Any]:
    """Simulate a build on codes.

    Args:
        build: the BUILD folder.
        values: the reference's codes of every graph value, shape (samples, *shape).
        simulator: one of SIMULATORS.
        seed: for random pauses between items.
        waves: leave a wave file in the build.

    Returns:
        The bench's verdict (result.json).

    Raises:
        ToolNotFoundError: the simulator or cocotb is missing.
        ToolFailedError: it failed before the bench could judge.
        FormatError: the build is incomplete.
    """
    for tool in (simulator, "cocotb"):
        find_tool(tool)
    try:
        simulation = json.loads((build / "sim" / "design.json").read_bytes())
    except (OSError, ValueError) as error:
        raise FormatError(
            "sim/design.json is missing or damaged", where=f"build '{build}'", hint="compile the model again"
        ) from error
    with tempfile.TemporaryDirectory(prefix="fpgann-sim-") as name:
        folder = Path(name)
        (folder / "design.json").write_text(json.dumps(simulation))
        (folder / "vectors.json").write_text(json.dumps(vectors_document(simulation, values, seed)))
        command: list[str | Path] = [sys.executable, build.resolve() / "sim" / "run.py", "--simulator", simulator]
        command += ["--rtl", build.resolve() / "rtl", "--vectors", folder, "--work", folder / "work"]
        command += ["--waves"] if waves else []
        cycles = len(next(iter(values.values()))) * simulation["interval_cycles"]
        run = run_tool(command, cwd=folder, timeout_s=_BASE_TIMEOUT_S + _PER_CYCLE_S * cycles, check=False)
        result_file = folder / "result.json"
        if not result_file.is_file():
            raise ToolFailedError(
                f"the simulation ended before it could be judged: {_complaint(run.output)}",
                where=simulator,
                hint=f"run 'python {build}/sim/run.py' to see all of it",
            )
        if waves:
            shutil.copyfile(folder / "waves.ghw", build / "sim" / "waves.ghw")
        result: dict[str, Any] = json.loads(result_file.read_bytes())
        return result


def _complaint(output: str) -> str:
    """The first line in which a simulator complains, else the last lines."""
    for line in output.splitlines():
        if re.search(r"\.vhd:\d+:\d+:|\berror\b", line, re.IGNORECASE) and "warning" not in line:
            return line.strip()[:300]
    return last_lines(output)

# SPDX-License-Identifier: Apache-2.0
"""Models of the corpus in Verilator: as Verilog, every stored vector, with the bench and as a compiled engine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import require_tool
from tests.corpus.models import fpgann, load
from tests.corpus.test_simulate import FAST, OPTIONS, SLOW

ENGINES = pytest.mark.parametrize("engine", [(), ("--batch",)], ids=["bench", "engine"])


@pytest.mark.slow
@ENGINES
@pytest.mark.parametrize("name", [*FAST, *SLOW])
def test_bit_exact_on_all_stored_vectors(corpus: Path, tmp_path: Path, name: str, engine: tuple[str, ...]) -> None:
    for tool in ("ghdl", "verilator", "g++", "make", "perl", "cocotb", "libpython"):
        require_tool(tool)
    entry = load(corpus, name)
    inputs = entry.write_inputs(tmp_path)
    build, delivered, emulated = (tmp_path / file for file in ("build", "hardware.npz", "emulated.npz"))
    options = (*OPTIONS.get(name, ()), "--calibration", inputs, "--target", "verilog")
    for call in (
        fpgann("compile", entry.model, "-o", build, *options),
        fpgann("simulate", build, "--simulator", "verilator", *engine, "--inputs", inputs, "-o", delivered),
        fpgann("emulate", build, "--inputs", inputs, "-o", emulated),
    ):
        assert call.status == 0, call
    verdict = json.loads((build / "simulate.json").read_text())
    samples = len(next(iter(entry.inputs.values())))
    assert (verdict["vectors"], verdict["mismatches"], verdict["bit_exact"]) == (samples, 0, True)
    assert verdict["compared"] == ("outputs" if engine else "stages")
    with np.load(delivered) as hardware, np.load(emulated) as reference:
        assert sorted(hardware) == sorted(reference)
        assert all(np.array_equal(hardware[key], reference[key]) for key in reference)

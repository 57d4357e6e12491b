# SPDX-License-Identifier: Apache-2.0
"""The GRU of the examples: its accuracy with 16 and with 8 bits, and one circuit for all its steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from fpgann import api
from fpgann.config import CompileOptions
from fpgann.design import Design
from fpgann.hardware.options import HardwareOptions, LayerOptions, Recurrences, Strategy
from tests.conftest import require_tool

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gru_waveforms"
SHARED = HardwareOptions(default=LayerOptions(strategy=Strategy.FOLDED, reuse_factor=24), recurrence=Recurrences.FOLDED)


def right(scores: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """The share of waves that scores tell right."""
    truth = np.load(EXAMPLE / "truth.npz")["label"]
    return float(np.mean(scores.argmax(axis=-1) == truth))


def float_accuracy() -> float:
    session = onnxruntime.InferenceSession(EXAMPLE / "model.onnx", providers=["CPUExecutionProvider"])
    waves = np.load(EXAMPLE / "vectors.npz")["wave"].astype(np.float32)
    return right(np.concatenate([session.run(None, {"wave": wave[None]})[0] for wave in waves]))


def compiled(name: str, options: CompileOptions, folder: Path) -> Design:
    return api.compile(EXAMPLE / name, folder / "build", options, calibration=EXAMPLE / "vectors.npz")


def test_16_bits_in_one_circuit_for_all_steps(tmp_path: Path) -> None:
    require_tool("ghdl")
    design = compiled("model.onnx", CompileOptions(hardware=SHARED), tmp_path)
    waves = dict(np.load(EXAMPLE / "vectors.npz"))
    assert abs(right(design.emulate(waves)["scores"]) - float_accuracy()) <= 0.005
    found = design.simulate({"wave": waves["wave"][:4]})
    found.require_exact()
    assert found.verdict["ii"] == 16 * 38


@pytest.mark.slow
def test_8_bits(tmp_path: Path) -> None:
    design = compiled("quantized.onnx", CompileOptions(), tmp_path)
    assert right(design.emulate(dict(np.load(EXAMPLE / "vectors.npz")))["scores"]) >= float_accuracy() - 0.01

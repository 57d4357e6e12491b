# SPDX-License-Identifier: Apache-2.0
"""VHDL under Verilator and HLS C++ of one model: the same integers on 100,000 vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fpgann import api, reference
from fpgann.config import CompileOptions, Target, override
from fpgann.cosim.batch import run_batch
from fpgann.cosim.csim import CsimLibrary
from fpgann.cosim.vectors import corner_and_random
from fpgann.eda.cpp import Dialect
from fpgann.hardware.options import Recurrences
from tests.conftest import require_tool
from tests.cosim.test_csim import real, scaled
from tests.cosim.test_maps import classifier
from tests.cosim.test_sequences import recurrent

VECTORS = 100_000
SMALL = override(CompileOptions(), precision="fixed<8,3>")
FOLDED = override(SMALL, strategy="folded", reuse_factor=4)
LOOPED = replace(FOLDED, hardware=replace(FOLDED.hardware, recurrence=Recurrences.FOLDED))


def gru(path: Path) -> Path:
    return recurrent("GRU", outputs=("y",))(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "options", "dialect"),
    [
        (scaled, SMALL, Dialect.AP_TYPES),
        (real, FOLDED, Dialect.NATIVE),
        (real, override(FOLDED, io="stream"), Dialect.AC_TYPES),
        (gru, LOOPED, Dialect.NATIVE),
        (classifier, override(SMALL, io="stream"), Dialect.NATIVE),
    ],
    ids=["unrolled", "folded", "stream", "recurrence", "maps"],
)
def test_both_targets_deliver_the_same_codes(
    network: Callable[[Path], Path], options: CompileOptions, dialect: Dialect, tmp_path: Path
) -> None:
    for tool in ("verilator", "ghdl", *([] if dialect is Dialect.NATIVE else ["hls4ml"])):
        require_tool(tool)
    model = network(tmp_path / "net.onnx")
    vhdl, hls = (
        api.compile(model, tmp_path / target.value, replace(options, target=target))
        for target in (Target.VHDL, Target.HLS)
    )
    values = reference.run_codes(vhdl.graph, corner_and_random(vhdl.graph, VECTORS, seed=11))
    simulated = run_batch(vhdl.folder, vhdl.manifest, values, seed=1, work=None).outputs
    library = CsimLibrary(hls.folder, dialect)
    compiled = library.run({value.name: values[value.name] for value in hls.graph.inputs})
    assert len(simulated) == len(compiled) > 0
    for ours, theirs in zip(compiled.values(), simulated.values(), strict=True):
        assert len(ours) == VECTORS
        assert np.array_equal(ours, theirs)

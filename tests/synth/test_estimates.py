# SPDX-License-Identifier: Apache-2.0
"""Estimates beside Yosys, on networks that no coefficient was fitted to."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpgann.design import Design
from tests.conftest import require_tool
from tests.synth.conftest import compiled

pytestmark = pytest.mark.slow


def require_near(design: Design, family: str) -> None:
    """Blocks equal, registers within 3 %, LUTs within 25 %, of every layer above 100 LUTs."""
    result = design.synthesize(family)
    for layer in result["layers"]:
        name, estimate = layer["name"], layer["estimate"]
        assert (estimate["dsp"], estimate["bram36"]) == (layer["dsp"], layer["bram36"]), name
        assert abs(estimate["ff"] - layer["ff"]) <= 0.03 * layer["ff"] + 2, name
        if layer["lut"] >= 100:
            assert abs(estimate["lut"] / layer["lut"] - 1) <= 0.25, name


@pytest.mark.parametrize("family", ["xcup", "xc7", "ecp5"])
@pytest.mark.parametrize("options", [{"strategy": "unrolled"}, {"strategy": "folded", "reuse_factor": 8}])
def test_small_networks(tmp_path: Path, family: str, options: dict[str, object]) -> None:
    for tool in ("ghdl", "yosys"):
        require_tool(tool)
    require_near(compiled(tmp_path, (8, 8, 4), **options), family)

# SPDX-License-Identifier: Apache-2.0
"""What torch trained, the hardware computes: integers of the module against those of the simulated VHDL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import require_tool
from tests.unit.train.networks import data, trained
from tests.unit.train.test_session import PLANS, compiled, integers_of, outputs

pytestmark = [pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("name", ["pruned", "ternary", "binary", "digits"])
def test_the_hardware_computes_what_torch_trained(name: str, tmp_path: Path) -> None:
    require_tool("ghdl")
    session = trained(PLANS[name])
    x, _ = data()
    design = compiled(session, tmp_path)
    (port,) = (port["name"] for port in design.manifest["inputs"])
    simulation = design.simulate({port: x.numpy().astype(np.float64)})
    simulation.require_exact()
    found: Any = simulation.outputs
    raw = next(codes for key, codes in found.items() if key.endswith("__raw"))
    assert np.array_equal(integers_of(design, outputs(session, x)), raw.astype(object))

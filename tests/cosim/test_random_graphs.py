# SPDX-License-Identifier: Apache-2.0
"""Random small networks: the hardware equals the reference, and the reference what the model means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fpgann import api
from fpgann.errors import UnsupportedOperatorError
from tests.conftest import require_tool
from tests.cosim.random_models import make_case
from tests.oracle import definition
from tests.oracle.compare import count_mismatches

FAST = range(24)
SLOW = range(1000, 1200)
# Seeds that found a bug, with what was wrong.
REGRESSIONS = {
    29: "an adder graph of a constant input was called a miscompilation",
    90: "a search of thresholds per channel ignored the channel with one neuron only",
    95: "rounding to even of -1 lost a bit",
}


def entered(design: api.Design, name: str, data: np.ndarray) -> np.ndarray:
    """What the definition starts from: inputs that the model does not quantize first get the default type."""
    (port,) = (port for port in design.manifest["inputs"] if port["name"] == name)
    if port["type"] != "fixed<16,6>":
        return data
    return np.clip(np.floor(data * 2**10 + 0.5), -(2**15), 2**15 - 1) / 2**10


def check(seed: int, folder: Path) -> bool:
    """Compile and simulate the case of a seed; whether it could be built."""
    case = make_case(seed)
    model, data = folder / "model.onnx", folder / "samples.npz"
    model.write_bytes(case.model.SerializeToString())
    np.savez(data, **case.inputs)
    calibration = data if case.calibrated else None
    try:
        design = api.compile(model, folder / "build", case.options, calibration=calibration)
    except UnsupportedOperatorError as error:
        print(f"seed {seed} is refused: {error}")
        return False
    simulation = design.simulate(seed=seed)
    verdict = simulation.verdict
    assert verdict["bit_exact"], f"seed {seed}: {verdict}"
    simulation.require_exact()
    assert verdict["latency_cycles"] == design.manifest["latency_cycles"]
    assert verdict["ii"] == design.manifest["interval_cycles"]
    if case.defined:
        exact = definition.run(case.model, {name: entered(design, name, data) for name, data in case.inputs.items()})
        delivered = design.emulate(case.inputs)
        for name in design.graph.outputs:
            wrong = count_mismatches(design, name, delivered[f"{name}__raw"], exact.values[name], exact)
            assert wrong == 0, f"seed {seed}, output {name}: {wrong} elements are not what the model means"
    return True


@pytest.mark.parametrize("seed", [*FAST, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW)])
def test_random_network(seed: int, tmp_path: Path) -> None:
    require_tool("ghdl")
    if not check(seed, tmp_path):
        pytest.xfail("the compiler refuses this network")


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_regression(seed: int, tmp_path: Path) -> None:
    require_tool("ghdl")
    assert check(seed, tmp_path), REGRESSIONS[seed]

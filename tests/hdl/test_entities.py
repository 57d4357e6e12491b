# SPDX-License-Identifier: Apache-2.0
"""Every entity of hdl/ does what sim/models.py says: in GHDL, and as converted Verilog in Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hdl.cases import DEFAULT, SLOW
from tests.hdl.simulators import SIMULATE, prepare

# enough to see that GHDL's Verilog means the same; all of them in the full run
FAST = {"fpgann_dense_folded", "fpgann_interpolate", "fpgann_token_reduce", "fpgann_window_buffer"}


def _judge(work: Path, entity: str, simulator: str, cases: dict) -> None:
    prepare(work, entity, cases)
    outcome = SIMULATE[simulator](work, entity)
    assert outcome.tests >= len(cases), f"only {outcome.tests} tests ran, see {work}"
    assert not outcome.failures, "\n".join(outcome.failures)


@pytest.mark.parametrize("entity", DEFAULT)
def test_entity(tmp_path: Path, entity: str) -> None:
    _judge(tmp_path, entity, "ghdl", DEFAULT[entity])


@pytest.mark.parametrize("entity", [pytest.param(e, marks=() if e in FAST else pytest.mark.slow) for e in DEFAULT])
def test_entity_as_verilog(tmp_path: Path, entity: str) -> None:
    _judge(tmp_path, entity, "verilator", DEFAULT[entity])


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATE)
@pytest.mark.parametrize(("entity", "case"), [(entity, case) for entity in SLOW for case in SLOW[entity]])
def test_big_entity(tmp_path: Path, entity: str, case: str, simulator: str) -> None:
    _judge(tmp_path, entity, simulator, {case: SLOW[entity][case]})

# SPDX-License-Identifier: Apache-2.0
"""Every entity of hdl/ does what sim/models.py says: in GHDL, and as converted Verilog in Verilator."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hdl.cases import DEFAULT, SLOW
from tests.hdl.simulators import SIMULATE, prepare


def _judge(work: Path, entity: str, simulator: str, cases: dict) -> None:
    prepare(work, entity, cases)
    outcome = SIMULATE[simulator](work, entity)
    assert outcome.tests >= len(cases), f"only {outcome.tests} tests ran, see {work}"
    assert not outcome.failures, "\n".join(outcome.failures)


@pytest.mark.parametrize("simulator", SIMULATE)
@pytest.mark.parametrize("entity", DEFAULT)
def test_entity(tmp_path: Path, entity: str, simulator: str) -> None:
    _judge(tmp_path, entity, simulator, DEFAULT[entity])


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SIMULATE)
@pytest.mark.parametrize(("entity", "case"), [(entity, case) for entity in SLOW for case in SLOW[entity]])
def test_big_entity(tmp_path: Path, entity: str, case: str, simulator: str) -> None:
    _judge(tmp_path, entity, simulator, {case: SLOW[entity][case]})

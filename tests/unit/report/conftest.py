# SPDX-License-Identifier: Apache-2.0
"""Builds that several tests look at and none changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpgann import api
from tests.unit.report.builds import HOSTILE, branching, build


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> api.Design:
    return build(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> api.Design:
    folder: Path = tmp_path_factory.mktemp("hostile")
    return build(folder, branching(HOSTILE))

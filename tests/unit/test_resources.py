# SPDX-License-Identifier: Apache-2.0
"""Finding the folders that are not Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpgann import resources
from fpgann.errors import FpgannError
from tests.conftest import REPOSITORY


def test_in_a_checkout_they_are_the_folders_at_the_root() -> None:
    assert resources.hdl_dir() == REPOSITORY / "hdl"
    assert resources.templates_dir() == REPOSITORY / "templates"
    assert resources.sim_dir() == REPOSITORY / "sim"


def test_an_incomplete_installation_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "fpgann")
    with pytest.raises(FpgannError, match="hdl/ of fpgann is missing"):
        resources.hdl_dir()

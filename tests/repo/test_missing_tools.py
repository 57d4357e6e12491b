# SPDX-License-Identifier: Apache-2.0
"""A missing tool is never passed over in silence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import conftest
from tests.repo.rules import REPOSITORY


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "_locate", lambda name: None)


@pytest.mark.usefixtures("bare_machine")
def test_a_demanded_tool_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FPGANN_REQUIRE_TOOLS", "verilator,ghdl")
    with pytest.raises(pytest.fail.Exception, match=r"ghdl is not installed \(apt install ghdl\)"):
        conftest.require_tool("ghdl")


@pytest.mark.usefixtures("bare_machine")
def test_another_tool_skips_the_test_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FPGANN_REQUIRE_TOOLS", "verilator")
    with pytest.raises(pytest.skip.Exception, match=r"ghdl is not installed \(apt install ghdl\)"):
        conftest.require_tool("ghdl")


def test_without_apt_the_installer_says_what_to_install(tmp_path: Path) -> None:
    for program in ("bash", "id", "git"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / program).symlink_to(found)
    result = subprocess.run(
        [tmp_path / "bash", REPOSITORY / "tools" / "install-system-packages", sys.executable],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "system packages that are missing: ghdl g++ make perl" in result.stderr
    assert "apt install ghdl g++ make perl" in result.stderr


def test_a_missing_package_fails_where_tools_are_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FPGANN_REQUIRE_TOOLS", "ghdl")
    with pytest.raises(pytest.fail.Exception, match="no_such_package is not installed"):
        conftest.require_package("no_such_package", "no-such-package")
    monkeypatch.delenv("FPGANN_REQUIRE_TOOLS")
    with pytest.raises(pytest.skip.Exception, match="pip install no-such-package"):
        conftest.require_package("no_such_package", "no-such-package")

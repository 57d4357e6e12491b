# SPDX-License-Identifier: Apache-2.0
"""The wheel is complete: what `pip install fpgann` brings works without a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.repo.rules import REPOSITORY, tracked_files

SHIPPED_FOLDERS = ("hdl", "templates", "sim")


def _pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, REPOSITORY)
    (path,) = folder.glob("fpgann-*.whl")
    return path


def test_the_wheel_ships_what_is_not_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {f"fpgann/_data/{file.as_posix()}" for file in tracked_files() if file.parts[0] in SHIPPED_FOLDERS}
    assert {name.split("/")[2] for name in expected} == set(SHIPPED_FOLDERS)
    assert expected <= names, sorted(expected - names)


def test_the_wheel_ships_every_module_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {file.as_posix() for file in tracked_files() if file.parts[0] == "fpgann"}
    assert modules <= names, sorted(modules - names)
    assert all(name.startswith("fpgann/") for name in names)
    assert not [name for name in names if name.endswith((".pyc", ".o", ".vcd", ".cf"))]


def test_resources_are_found_in_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    _pip("install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel)
    code = (
        "from fpgann import resources as r; print(r.__file__);"
        "print((r.hdl_dir() / 'compile_order.txt').is_file(), r.templates_dir(), r.sim_dir())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    module, hdl_found, *folders = result.stdout.split()
    assert Path(module).is_relative_to(site)
    assert hdl_found == "True"
    assert all(Path(folder).is_relative_to(site / "fpgann" / "_data") for folder in folders)

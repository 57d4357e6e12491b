# SPDX-License-Identifier: Apache-2.0
"""Rules for the Python of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.repo.rules import REPOSITORY, forbidden_constructs, misplaced_imports, package_modules

LONGEST_MODULE_LINES = 450


def _inside(module: Path) -> str:
    return module.relative_to(REPOSITORY / "fpgann").as_posix()


def test_imports_are_where_they_belong() -> None:
    found = [v for module in package_modules() for v in misplaced_imports(module.read_text(), _inside(module))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "inside"),
    [
        ("from . import graph", "ir/text.py"),
        ("from ..errors import FpgannError", "ir/text.py"),
        ("import onnx.helper", "ir/graph.py"),
        ("def f():\n    import torch", "frontend/onnx/reader.py"),
        ("import subprocess", "cosim/run.py"),
        ("import pickle", "ir/serialize.py"),
        ("from fpgann.ir import Graph", "eda/run.py"),
    ],
)
def test_a_misplaced_import_is_noticed(source: str, inside: str) -> None:
    assert len(misplaced_imports(source, inside)) == 1


def test_no_forbidden_constructs() -> None:
    found = [v for module in package_modules() for v in forbidden_constructs(module.read_text(), _inside(module))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept:\n    'nothing'",
        "eval('1')",
        "os.system('true')",
        "run('true', shell=True)",
        "np.load(f, allow_pickle=True)",
        "print(1)",
    ],
)
def test_a_forbidden_construct_is_noticed(source: str) -> None:
    assert len(forbidden_constructs(source, "ir/graph.py")) == 1


def test_allowed_constructs_pass() -> None:
    source = "try:\n    f()\nexcept KeyError:\n    pass\nnp.load(f, allow_pickle=False)\ng(shell=False)"
    assert forbidden_constructs(source, "ir/graph.py") == []


def test_modules_have_one_subject() -> None:
    lengths = {_inside(module): len(module.read_text().splitlines()) for module in package_modules()}
    long = {name: length for name, length in lengths.items() if length > LONGEST_MODULE_LINES}
    assert not long, f"modules of more than {LONGEST_MODULE_LINES} lines: {long}"


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package in `folder`, whichever one is installed."""
    script = Path(sysconfig.get_path("scripts")) / "lint-imports"
    return subprocess.run(
        [sys.executable, script, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_imports_point_one_way() -> None:
    result = _lint_imports(REPOSITORY)
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_import_against_the_layers_is_noticed(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "fpgann", tmp_path / "fpgann", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    with (tmp_path / "fpgann" / "errors.py").open("a") as errors:
        errors.write("\nimport fpgann.eda.run\n")
    result = _lint_imports(tmp_path)
    assert result.returncode == 1
    assert "fpgann.errors -> fpgann.eda.run" in result.stdout

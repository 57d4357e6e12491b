# SPDX-License-Identifier: Apache-2.0
"""What every test can use. Nothing here, and nothing in a test, leaves a test out without saying so."""

from __future__ import annotations

import functools
import importlib
import os
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

from fpgann.eda.find import locate
from fpgann.eda.tools import TOOL_BY_NAME, Tool

REPOSITORY = Path(__file__).resolve().parent.parent

# Time limits of examples measure how busy the machine is; a failing example prints how to repeat it.
hypothesis.settings.register_profile("fpgann", deadline=None, print_blob=True)
hypothesis.settings.load_profile("fpgann")


@functools.cache
def _locate(name: str) -> Tool | None:
    return locate(TOOL_BY_NAME[name])


def require_tool(name: str) -> Tool:
    """The external tool called `name`; without it the test fails or is left out.

    It fails where the environment variable FPGANN_REQUIRE_TOOLS (names joined by commas) lists the tool, as
    `make test` and CI do, and is skipped with the reason elsewhere.
    """
    tool = _locate(name)
    if tool is None:
        reason = f"{name} is not installed ({TOOL_BY_NAME[name].install})"
        if name in os.environ.get("FPGANN_REQUIRE_TOOLS", "").split(","):
            pytest.fail(f"{reason}, and FPGANN_REQUIRE_TOOLS demands it")
        pytest.skip(reason)
    return tool


def require_package(name: str, install: str) -> ModuleType:
    """A Python package that only tests need; without it the test fails where tools are demanded, else is left out."""
    try:
        return importlib.import_module(name)
    except ImportError:
        reason = f"{name} is not installed (pip install {install})"
    if os.environ.get("FPGANN_REQUIRE_TOOLS"):
        pytest.fail(f"{reason}, and FPGANN_REQUIRE_TOOLS demands tools")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real models and vectors, which is not part of the repository."""
    named = os.environ.get("FPGANN_CORPUS")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "corpus"
    if folder.is_dir():
        return folder
    if named:
        pytest.fail(f"FPGANN_CORPUS names {named}, which is no folder")
    pytest.skip("the corpus of models is not here: set FPGANN_CORPUS to its folder")

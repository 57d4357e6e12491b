# SPDX-License-Identifier: Apache-2.0
"""Outputs compared with files; after a wanted change, `pytest tests/golden --update-golden` and read the diff."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known when pytest is given this folder."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the file of a name."""
    update = bool(request.config.getoption("--update-golden", default=False))
    return lambda name, text: compare(GOLDEN / name, text, update=update)


def compare(path: Path, text: str, *, update: bool = False) -> None:
    """Fail with a diff if a file does not hold a text; write it instead if asked to."""
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        return
    if not path.is_file():
        pytest.fail(f"{path.relative_to(GOLDEN)} does not exist: run pytest tests/golden --update-golden")
    stored = path.read_text(encoding="utf-8")
    if stored != text:
        lines = (part.splitlines(keepends=True) for part in (stored, text))
        diff = "".join(difflib.unified_diff(*lines, fromfile=str(path.relative_to(GOLDEN)), tofile="now"))
        pytest.fail(f"run pytest tests/golden --update-golden if this is meant:\n{diff}")

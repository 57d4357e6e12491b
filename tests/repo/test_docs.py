# SPDX-License-Identifier: Apache-2.0
"""Pages that are made from the code say what the code says; all pages name links, files and commands that exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate import DOCS, PAGES
from tests.conftest import require_tool
from tests.repo.pages import (
    anchors,
    broken_links,
    broken_python,
    commands,
    missing_paths,
    programs,
    transcripts,
    wrong_commands,
)
from tests.repo.rules import REPOSITORY, tracked_files

WRITTEN = [file.as_posix() for file in tracked_files() if file.suffix == ".md"]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "out of date: run `make docs`"


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_page_names_exists(name: str) -> None:
    page = REPOSITORY / name
    text = page.read_text()
    found = [*broken_links(text, page), *missing_paths(text, name)]
    found += [*wrong_commands(text, name), *broken_python(text, name)]
    assert not found, "\n".join(found)


def test_the_guide_shows_every_command() -> None:
    shown = {line[0] for line in commands((DOCS / "guide.md").read_text())}
    assert {"check", "compile", "weights", "emulate", "simulate", "synth", "report", "doctor"} <= shown


@pytest.mark.slow
def test_the_guide_shows_what_is_printed(tmp_path: Path) -> None:
    """Runs the guide from top to bottom, its Python last; what `doctor` prints is the machine's affair."""
    require_tool("ghdl")
    text = (DOCS / "guide.md").read_text()
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    (tmp_path / "fpgann.toml").write_text(re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[0])
    shim = tmp_path / "bin" / "fpgann"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fpgann "$@"\n')
    shim.chmod(0o755)
    code, printed_by_code = programs(text)
    (tmp_path / "guide.py").write_text(code)
    lines = [item for item in transcripts(text) if "doctor" not in item[0]]
    found = []
    for command, shown in [*lines, (f'"{sys.executable}" guide.py', printed_by_code)]:
        printed = _run(command, tmp_path)
        if missing := [line for line in shown if line not in printed]:
            found.append("\n".join([f"$ {command}", *missing, "  but it printed:", *printed]))
    assert not found, "\n\n".join(found)


def _run(command: str, folder: Path) -> list[str]:
    environment = os.environ | {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        "PYTHONUTF8": "1",
    }
    run = subprocess.run(
        ["bash", "-c", command], check=False, cwd=folder, env=environment, capture_output=True, encoding="utf-8"
    )
    return [line.rstrip() for line in (run.stdout + run.stderr).splitlines()]


def test_transcripts_are_found() -> None:
    text = "```\n$ one \\\n  two\nout 1\n...\n\n$ three\n```\n```sh\nfour\n```\n"
    assert list(transcripts(text)) == [("one    two", ["out 1"]), ("three", [])]


def test_programs_are_found() -> None:
    text = "```python\na = 1\n```\n\n    1\n    2\n\ntext\n\n    not this\n```python\nb = 2\n```\n\nend\n"
    assert programs(text) == ("a = 1\n\nb = 2\n", ["1", "2"])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("[a](guide.md) [b](../README.md#try-it) [c](https://example.org/x) [d](#one)\n# One", 0),
        ("[a](nowhere.md) [b](guide.md#nowhere) [c](#two)\n# One\n```\n# Two\n[d](nowhere)\n```\n", 3),
    ],
)
def test_a_broken_link_is_noticed(text: str, count: int) -> None:
    assert len(broken_links(text, DOCS / "README.md")) == count


def test_headings_have_the_names_of_github() -> None:
    assert anchors("# A `b/c.py` (d), e_f\n## fpgann.toml") == {"a-bcpy-d-e_f", "fpganntoml"}


def test_a_missing_file_is_noticed() -> None:
    assert missing_paths("`hdl/` `docs/guide.md` `fpgann/ir/ops/<op>.py` `tests are/good`", "p") == []
    assert len(missing_paths("`hdl/none.vhd` and `docs/none/`\n```\n`sim/none`\n```\n", "p")) == 2


@pytest.mark.parametrize(
    "line",
    [
        "compile m.onnx",
        "compile m.onnx -o B --none",
        "compile m.onnx -o B --strategy fast",
        "none B",
        "report",
        "simulate B --seed x",
    ],
)
def test_a_wrong_command_is_noticed(line: str) -> None:
    right = "compile 'm.onnx' --precision 'fixed<16,6>' \\\n    -o B | tail -6  # comment"
    assert wrong_commands(f"```sh\n$ fpgann {right}\n```\n", "p") == []
    assert wrong_commands("`fpgann simulate` and `fpgann --version`", "p") == []
    assert len(wrong_commands(f"text\n\n    $ fpgann {line} x y\n", "p")) == 1
    assert len(wrong_commands(f"```\n.venv/bin/fpgann {line} x y\n```\n", "p")) == 1


def test_broken_python_is_noticed() -> None:
    assert broken_python("```python\nx = 1\n```\n```\nx = = 1\n```\n", str(Path("p"))) == []
    assert len(broken_python("```python\nx = = 1\n```\n", "p")) == 1

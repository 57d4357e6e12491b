# SPDX-License-Identifier: Apache-2.0
"""Rules for everything under version control."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.repo.rules import REPOSITORY, machine_paths, tracked_files


def test_no_machine_paths() -> None:
    found: list[str] = []
    for file in tracked_files():
        content = (REPOSITORY / file).read_bytes()
        if b"\0" not in content:
            found += machine_paths(content.decode("utf-8", errors="replace"), file.as_posix())
    assert not found, "\n".join(found)


def test_a_machine_path_is_noticed() -> None:
    path = "/".join(("", "home", "someone", "x"))
    assert machine_paths(f"open('{path}')", "f") != []
    assert machine_paths(path, "f") != []
    assert machine_paths(f"https://example.org{path}", "f") == []
    assert machine_paths(f"..{path}", "f") == []


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_readme_shows_the_two_commands(command: str) -> None:
    assert command in (REPOSITORY / "README.md").read_text()


def test_the_constraints_pin_what_is_tested() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.match(r"[a-z0-9-]+==[0-9][^ ;]*(; python_version (<|>=) '3\.11')?$", pin) for pin in pins)
    # Any other torch brings several gigabytes of CUDA packages that nothing here uses.
    assert "torch==2.13.0" in pins


def test_make_help_names_every_command() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: ([a-z-]+)$", makefile, re.MULTILINE))
    printed = subprocess.run(
        ["make", "--no-print-directory"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))},
    ).stdout
    assert {line.split()[1] for line in printed.splitlines()} == targets
    assert {"install", "system", "demo", "test", "lint"} <= targets

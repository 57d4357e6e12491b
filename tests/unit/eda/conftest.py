# SPDX-License-Identifier: Apache-2.0
"""Mock tools: small programs on the search path that write down how they were called."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

_SCRIPT = """#!{python}
import json, os, pathlib, sys, time
call = {{
    "arguments": sys.argv[1:],
    "cwd": os.getcwd(),
    "stdin": sys.stdin.read(),
    "variables": {{name: os.environ.get(name) for name in {variables!r}}},
}}
with open({record!r}, "a") as record:
    record.write(json.dumps(call) + "\\n")
print({stdout!r})
print({stderr!r}, file=sys.stderr)
{body}
sys.exit({status})
"""


@dataclass(frozen=True)
class Call:
    """One call of a mock tool."""

    arguments: list[str]
    cwd: Path
    stdin: str
    variables: dict[str, str | None]


class MockTools:
    """A folder on the search path, empty but for the tools a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        name: str,
        *,
        stdout: str = "",
        stderr: str = "",
        status: int = 0,
        body: str = "",
        variables: tuple[str, ...] = (),
    ) -> Path:
        """Put a tool there that prints, optionally does something, and ends with `status`."""
        path = self.folder / name
        path.write_text(
            _SCRIPT.format(
                python=sys.executable,
                record=str(self.folder / f"{name}.calls"),
                stdout=stdout,
                stderr=stderr,
                status=status,
                body=body,
                variables=variables,
            )
        )
        path.chmod(0o755)
        return path

    def calls(self, name: str) -> list[Call]:
        """How the tool was called, in order."""
        record = self.folder / f"{name}.calls"
        lines = record.read_text().splitlines() if record.exists() else []
        calls = (json.loads(line) for line in lines)
        return [Call(c["arguments"], Path(c["cwd"]), c["stdin"], c["variables"]) for c in calls]


@pytest.fixture
def mock_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MockTools:
    """The search path holds mock tools and nothing else, and no Python package ships a tool."""
    folder = tmp_path / "mock-bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("fpgann.eda.find._package_version", lambda package: None)
    monkeypatch.setattr("fpgann.eda.find._package_folder", lambda package: None)
    return MockTools(folder)

# SPDX-License-Identifier: Apache-2.0
"""The command line as a user meets it: exit status, output, and what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fpgann.cli import main
from tests.conftest import REPOSITORY
from tests.unit.frontend.models import model, node, value, write

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str

    def require_error(self, status: int, *texts: str) -> None:
        """Exactly one line on stderr that says all of this, and no traceback."""
        assert self.status == status, self
        assert self.err.count("\n") == 1, self
        assert self.err.startswith("fpgann: error: "), self
        for text in texts:
            assert text in self.err, self


class CommandLine:
    """Runs fpgann in this process, in a folder of its own."""

    def __init__(self, folder: Path, temporary: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.temporary = temporary
        self._capture = capture

    def __call__(self, *arguments: str | Path) -> Outcome:
        before, handlers = sys.argv, {number: signal.getsignal(number) for number in SIGNALS}
        sys.argv = ["fpgann", *map(str, arguments)]
        self._capture.readouterr()
        try:
            with pytest.raises(SystemExit) as caught:
                main()
        finally:
            sys.argv = before
            for number, handler in handlers.items():
                signal.signal(number, handler)
        out, err = self._capture.readouterr()
        assert not list(self.temporary.iterdir()), "a temporary file was left behind"
        assert not list(self.folder.glob("**/.fpgann-*")), "half a build was left behind"
        status = caught.value.code
        assert isinstance(status, int)
        return Outcome(status, out, err)

    def names(self) -> set[str]:
        """What stands in the folder."""
        return {path.name for path in self.folder.iterdir()}

    def contents(self, below: str | Path = "") -> dict[str, bytes]:
        """Every file in the folder, or in one within it, by its relative path."""
        root = self.folder / below
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[CommandLine]:
    """fpgann, in an empty folder that is the current one, with an empty temporary folder."""
    folder, temporary = tmp_path / "here", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys.modules["__main__"], "__package__", None)  # else click calls it `python -m pytest.fpgann`
    # a shell's background job, and so perhaps this test, ignores some signals
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield CommandLine(folder, temporary, capsys)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def environment(**variables: str) -> dict[str, str]:
    """Variables for a process that runs this checkout."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}


def start(*arguments: str | Path, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    """fpgann in a process of its own, for what is about processes."""
    return subprocess.Popen(
        [sys.executable, "-m", "fpgann", *map(str, arguments)],
        cwd=cwd,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def small_model(folder: Path, name: str = "mlp.onnx") -> Path:
    """Two dense layers with a ReLU between."""
    generator = np.random.default_rng(0)
    weights = {key: np.round(generator.normal(size=shape), 2) for key, shape in {"w1": (3, 4), "w2": (4, 2)}.items()}
    layers = [
        node("MatMul", ["x", "w1"], ["h"], name="fc1"),
        node("Relu", ["h"], ["r"], name="relu"),
        node("MatMul", ["r", "w2"], ["y"], name="fc2"),
    ]
    constants = {key: array.astype(np.float32) for key, array in weights.items()}
    return write(folder, model(layers, constants=constants, inputs=[value("x", [1, 3])]), name)

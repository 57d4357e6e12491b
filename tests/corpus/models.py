# SPDX-License-Identifier: Apache-2.0
"""Models and stored vectors of the corpus, and the command line as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import REPOSITORY

CLI_TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class Entry:
    """One model of the corpus.

    Args:
        name: `<family>/<model>`.
        model: its ONNX file.
        inputs: stored inputs by name, shape (samples, *fed shape).
        outputs: stored outputs by name, likewise.
        catalog: what the catalog says.
    """

    name: str
    model: Path
    inputs: Mapping[str, np.ndarray] = field(repr=False)
    outputs: Mapping[str, np.ndarray] = field(repr=False)
    catalog: Mapping[str, Any] = field(repr=False)

    def write_inputs(self, folder: Path) -> Path:
        """The inputs as the command line wants them."""
        path = folder / "inputs.npz"
        np.savez(path, **{name: array.astype(np.float64) for name, array in self.inputs.items()})
        return path


def load(corpus: Path, name: str) -> Entry:
    catalog = json.loads((corpus / "catalog.json").read_text(encoding="utf-8"))
    (entry,) = (m for m in catalog["models"] if f"{m['family']}/{m['name']}" == name)
    stored = np.load(corpus / entry["vectors"], allow_pickle=False)
    inputs = {port["name"]: stored[f"in{i}"] for i, port in enumerate(entry["inputs"])}
    outputs = {port["name"]: stored[f"out{i}"] for i, port in enumerate(entry["outputs"])}
    return Entry(name, corpus / entry["model"], inputs, outputs, entry)


@dataclass(frozen=True)
class Call:
    """A finished call of the command line."""

    command: tuple[str, ...]
    status: int
    out: str
    err: str
    seconds: float

    def __str__(self) -> str:
        return f"fpgann {' '.join(self.command)}: exit status {self.status}\n{self.out[-2000:]}\n{self.err[-2000:]}"


def fpgann(*arguments: str | Path) -> Call:
    """Run `fpgann ARGUMENTS` in a process of its own."""
    words = tuple(map(str, arguments))
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "fpgann", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=CLI_TIMEOUT_S,
    )
    return Call(words, done.returncode, done.stdout, done.stderr, time.perf_counter() - start)

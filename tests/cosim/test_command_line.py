# SPDX-License-Identifier: Apache-2.0
"""`fpgann simulate` from the outside: exit status, verdict, what it writes, what it leaves behind."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import CommandLine, small_model, start


@pytest.fixture
def build(cli: CommandLine) -> Path:
    """A build of two dense layers in folder `b`, and samples in `x.npz`."""
    small_model(cli.folder)
    assert cli("compile", "mlp.onnx", "-o", "b").status == 0
    np.savez(cli.folder / "x.npz", x=np.random.default_rng(0).normal(size=(20, 3)))
    return cli.folder / "b"


def test_an_exact_design(cli: CommandLine, build: Path) -> None:
    outcome = cli("simulate", "b", "--inputs", "x.npz", "-o", "deep/y.npz")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("bit-exact: 20 vectors, 0 mismatches; latency ")
    assert outcome.out.count("\n") == 1
    verdict = json.loads((build / "simulate.json").read_text())
    assert (verdict["vectors"], verdict["bit_exact"]) == (20, True)
    assert cli("emulate", "b", "--inputs", "x.npz", "-o", "z.npz").status == 0
    with np.load(cli.folder / "deep/y.npz") as hardware, np.load(cli.folder / "z.npz") as reference:
        assert set(hardware) == set(reference) == {"y", "y__raw"}
        assert all(np.array_equal(hardware[name], reference[name]) for name in hardware)


def test_a_design_that_was_changed(cli: CommandLine, build: Path) -> None:
    """A sum turned into a difference: told in one line, beside the warning that a file was changed."""
    kernel = build / "rtl" / "mlp_fc1.vhd"
    text = kernel.read_text()
    broken = re.sub(r"(add3\(.*, )true(, (?:true|false), \d+\))", r"\1false\2", text, count=1)
    assert broken != text
    kernel.write_text(broken)
    outcome = cli("simulate", "b", "--inputs", "x.npz", "-o", "y.npz")
    warning, error = outcome.err.splitlines()
    assert outcome.status == 1
    assert warning.endswith("fc1.vhd is not as 'fpgann compile' wrote it")
    assert error.startswith("fpgann: error: layer 'fc1': vector ")
    assert error.endswith("run again with --waves to see the signals")
    assert json.loads((build / "simulate.json").read_text())["bit_exact"] is False
    assert (cli.folder / "y.npz").exists()  # what the hardware did deliver


def test_hardware_that_cannot_be_analysed(cli: CommandLine, build: Path) -> None:
    kernel = build / "rtl" / "mlp_fc1.vhd"
    kernel.write_text(kernel.read_text().replace("architecture", "architecture nonsense", 1))
    outcome = cli("simulate", "b")
    assert outcome.status == 1
    assert outcome.err.count("\n") == 2
    assert "fc1.vhd" in outcome.err
    assert not (build / "simulate.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_simulation(cli: CommandLine, build: Path, number: int) -> None:
    """The simulator stops too, and nothing but the build is left."""
    before = cli.contents()
    np.savez(cli.folder / "many.npz", x=np.zeros((200_000, 3)))
    process = start("simulate", "b", "--inputs", "many.npz", cwd=cli.folder, TMPDIR=str(cli.temporary))
    while process.poll() is None and not list(cli.temporary.iterdir()):
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert err == "fpgann: interrupted\n"
    assert not list(cli.temporary.iterdir())
    assert cli.contents() == before | {"many.npz": (cli.folder / "many.npz").read_bytes()}

# SPDX-License-Identifier: Apache-2.0
"""Bad models, bad data, bad builds and full disks, as the command line tells of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.command_line import CommandLine, environment, small_model
from tests.unit.frontend.models import model, node, tensor, value, write

HOSTILE = "\x1b[2J\r\n../../etc/x\u202e"
MATRIX = np.eye(2, dtype=np.float32)


def dense(weight: Any = MATRIX, shape: tuple[int | str, ...] = (1, 2), name: str = "fc") -> onnx.ModelProto:
    return model([node("MatMul", ["x", "w"], name=name)], constants=[tensor("w", weight)], shape=shape)


def truncated() -> bytes:
    return dense().SerializeToString()[:60]


MODELS: dict[str, tuple[onnx.ModelProto | bytes, str]] = {
    "operator": (model([node("Bernoulli", ["x"], name="odd")]), "node 'odd' (Bernoulli)"),
    "domain": (model([node("Strange", ["x"], name="odd", domain="com.example")]), "'com.example' are not known"),
    "dynamic": (dense(shape=("N", "features")), "axis 1 ('features') is not fixed"),
    "nan": (dense([[np.nan, 0], [0, 1]]), "NaN"),
    "infinite": (dense([[np.inf, 0], [0, 1]]), "infinite"),
    "truncated": (truncated(), "it is no ONNX file, or a damaged one"),
    "empty": (b"", "the file is empty"),
    "text": (b"hello world", "it is no ONNX file"),
    "misfit": (dense(np.eye(3)), "3 rows do not fit an input of shape [1, 2]"),
    "hostile": (model([node("Bernoulli", ["x"], name=HOSTILE)]), "node '?[2J ../../etc/x?' (Bernoulli)"),
    "old": (model([node("Relu", ["x"])], opset=5), "its opset is 5"),
}


@pytest.mark.parametrize("case", MODELS)
def test_models_that_cannot_be_compiled(cli: CommandLine, case: str) -> None:
    content, text = MODELS[case]
    data = content if isinstance(content, bytes) else content.SerializeToString()
    (cli.folder / "m.onnx").write_bytes(data)
    cli("compile", "m.onnx", "-o", "b").require_error(1, "m.onnx", text)
    cli("compile", "m.onnx", "-o", "deep/b", "--force").require_error(1, text)
    assert cli.names() == {"m.onnx"}
    checked = cli("check", "m.onnx")
    assert checked.status == 1
    if checked.err:  # not even a list of nodes
        checked.require_error(1, "m.onnx", text)
    else:
        assert "no" in checked.out
    assert cli.names() == {"m.onnx"}


@pytest.mark.parametrize("command", ["check", "compile", "emulate", "simulate", "report"])
@pytest.mark.parametrize("path", ["missing", "missing/m", "m" * 300, "a\x1b[31mb"])
def test_files_that_are_not_there(cli: CommandLine, command: str, path: str) -> None:
    options = {"compile": ["-o", "b"], "emulate": ["--inputs", "x.npz", "-o", "y.npz"]}
    cli(command, path, *options.get(command, [])).require_error(2, path[:5].replace("\x1b", "?"))
    assert cli.names() == set()


@pytest.fixture
def build(cli: CommandLine) -> Path:
    """A build of two dense layers, in folder `b`, and good samples in `x.npz`."""
    small_model(cli.folder)
    assert cli("compile", "mlp.onnx", "-o", "b").status == 0
    np.savez(cli.folder / "x.npz", x=np.zeros((4, 3)))
    return cli.folder / "b"


SAMPLES: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"y": np.zeros((4, 3))}, "there is no array 'x'; it holds 'y'; the model needs 'x'"),
    "nothing": ({}, "it holds nothing"),
    "shape": ({"x": np.zeros((4, 5))}, "its shape is (4, 5), not (samples, 3)"),
    "scalar": ({"x": np.zeros(())}, "its shape is ()"),
    "no samples": ({"x": np.zeros((0, 3))}, "there are no samples"),
    "text": ({"x": np.full((4, 3), "a")}, "not real numbers"),
    "complex": ({"x": np.zeros((4, 3), complex)}, "complex128, not real numbers"),
    "pickle": ({"x": np.array([[{}] * 3], object)}, "pickled objects"),
    "nan": ({"x": np.full((4, 3), np.nan)}, "NaN"),
    "infinity": ({"x": np.full((4, 3), -np.inf)}, "infinite"),
}


@pytest.mark.parametrize("case", SAMPLES)
def test_samples_that_do_not_fit(cli: CommandLine, build: Path, case: str) -> None:
    arrays, text = SAMPLES[case]
    np.savez(cli.folder / "bad.npz", **arrays)
    before = cli.contents()
    for arguments in (
        ["emulate", "b", "--inputs", "bad.npz", "-o", "y.npz"],
        ["simulate", "b", "--inputs", "bad.npz", "-o", "y.npz"],
        ["compile", "mlp.onnx", "-o", "c", "--calibration", "bad.npz"],
        ["compile", "mlp.onnx", "-o", "b", "--force", "--calibration", "bad.npz"],
    ):
        cli(*arguments).require_error(2, "data 'bad.npz'", text)
        assert cli.contents() == before


@pytest.mark.parametrize(
    ("path", "text"), [("missing.npz", "no such file"), ("b", "no ordinary file"), ("mlp.onnx", "no readable npz")]
)
def test_samples_that_are_none(cli: CommandLine, build: Path, path: str, text: str) -> None:
    before = cli.contents()
    cli("emulate", "b", "--inputs", path, "-o", "y.npz").require_error(2, f"data '{path}'", text)
    cli("simulate", "b", "--inputs", path).require_error(2, f"data '{path}'", text)
    cli("compile", "mlp.onnx", "-o", "c", "--calibration", path).require_error(2, f"data '{path}'", text)
    assert cli.contents() == before


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def claim_version_0(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 0}))


@pytest.mark.parametrize(
    ("file", "damage", "text", "commands"),
    [
        ("manifest.json", Path.unlink, "there is no manifest.json", {"emulate", "simulate", "report"}),
        ("manifest.json", cut, "manifest.json is damaged", {"emulate", "simulate", "report"}),
        ("manifest.json", claim_version_0, "manifest.json has version 0", {"emulate", "simulate", "report"}),
        ("model/graph.json", Path.unlink, "graph.json", {"emulate", "simulate", "report"}),
        ("model/graph.json", cut, "graph.json", {"emulate", "simulate", "report"}),
        ("report.json", cut, "report.json is damaged", {"report"}),
        ("report.json", Path.unlink, "report.json is missing", {"report"}),
        ("sim/vectors.json", Path.unlink, "sim/vectors.json is missing", {"simulate"}),
        ("sim/design.json", Path.unlink, "sim/design.json is missing", {"simulate"}),
    ],
)
def test_builds_that_are_damaged(
    cli: CommandLine, build: Path, file: str, damage: Callable[[Path], None], text: str, commands: set[str]
) -> None:
    damage(build / file)
    before = cli.contents()
    options = {"emulate": ["--inputs", "x.npz", "-o", "y.npz"]}
    for command in sorted(commands):
        cli(command, "b", *options.get(command, [])).require_error(2, "build 'b'", text)
    assert cli.contents() == before


def test_no_simulator(cli: CommandLine, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cli.contents()
    monkeypatch.setenv("PATH", "")
    cli("simulate", "b", "-o", "y.npz").require_error(1, "ghdl", "install")
    assert cli.contents() == before


def test_folders_that_hold_something(cli: CommandLine, build: Path) -> None:
    (cli.folder / "mine").mkdir()
    (cli.folder / "mine" / "thesis.txt").write_text("years of work")
    before = cli.contents()
    cli("compile", "mlp.onnx", "-o", "b").require_error(2, "output 'b'", "not empty", "--force")
    cli("compile", "mlp.onnx", "-o", "mine", "--force").require_error(2, "was not written by fpgann")
    cli("compile", "mlp.onnx", "-o", "mlp.onnx", "--force").require_error(2, "it is not a folder")
    cli("compile", "mlp.onnx", "-o", "mlp.onnx/b").require_error(2, "'mlp.onnx' is no folder")
    cli("emulate", "b", "--inputs", "x.npz", "-o", "mine").require_error(2, "output 'mine'", "it is a folder")
    cli("simulate", "b", "-o", "mine").require_error(2, "output 'mine'", "it is a folder")
    assert cli.contents() == before


def test_a_full_disk(cli: CommandLine, build: Path) -> None:
    """Files cannot grow beyond 2 KiB: what is written first fits, what comes later does not."""
    np.savez(cli.folder / "many.npz", x=np.zeros((2000, 3)))
    before = cli.contents()
    for arguments, where in (
        (["compile", "mlp.onnx", "-o", "c"], "File too large"),
        (["compile", "mlp.onnx", "-o", "b", "--force"], "File too large"),
        (["emulate", "b", "--inputs", "many.npz", "-o", "y.npz"], "output 'y.npz': cannot be written: File too large"),
    ):
        process = subprocess.run(
            ["sh", "-c", 'ulimit -f 4; exec "$@"', "sh", sys.executable, "-m", "fpgann", *arguments],
            cwd=cli.folder,
            env=environment(TMPDIR=str(cli.temporary)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode in (1, 2), process
        assert process.stderr.startswith("fpgann: error: ")
        assert process.stderr.count("\n") == 1
        assert where in process.stderr
        assert cli.contents() == before
        assert not list(cli.temporary.iterdir())


def test_the_same_twice_gives_the_same_bytes(cli: CommandLine) -> None:
    """Also from another folder, in another process and with another order of hashing."""
    small_model(cli.folder)
    other = cli.folder / "elsewhere"
    other.mkdir()
    shutil.copy(cli.folder / "mlp.onnx", other)
    options = ["compile", "mlp.onnx", "--strategy", "folded", "--reuse-factor", "3", "-o"]
    assert cli(*options, "b").status == 0
    for number, (folder, name) in enumerate([(cli.folder, "c"), (other, "deep/d")]):
        command = [sys.executable, "-m", "fpgann", *options, name]
        subprocess.run(command, cwd=folder, env=environment(PYTHONHASHSEED=str(number)), check=True)
        first, second = cli.contents("b"), cli.contents(folder / name)
        assert first.keys() == second.keys()
        assert [path for path in first if first[path] != second[path]] == []
    for path, data in first.items():
        assert str(cli.folder).encode() not in data, path


def test_names_of_a_model_lead_nowhere(cli: CommandLine) -> None:
    """Names with slashes, dots and control characters stay names."""
    hostile = "../../" + HOSTILE
    layers = [node("MatMul", [hostile, "w"], ["/etc/passwd"], name=hostile)]
    proto = model(layers, constants={"w": MATRIX}, inputs=[value(hostile, [1, 2])], outputs=["/etc/passwd"])
    write(cli.folder, proto, "m.onnx")
    outcome = cli("compile", "m.onnx", "-o", "b")
    assert outcome.status == 0, outcome
    assert cli.names() == {"m.onnx", "b"}
    for text in (outcome.out, outcome.err, cli("report", "b").out, cli("check", "m.onnx").out):
        assert all(character.isprintable() or character == "\n" for character in text)
    for path in (cli.folder / "b").rglob("*"):
        assert path.name.isascii()
        assert path.name.isprintable()
    assert cli("compile", "m.onnx", "-o", "b", "--force", "--name", f"../{HOSTILE}").status == 0
    assert cli.names() == {"m.onnx", "b"}

# SPDX-License-Identifier: Apache-2.0
"""Whatever goes wrong: one line, the right exit status, nothing left behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fpgann import api
from fpgann.cli.printing import printable, shorten
from fpgann.errors import FpgannError, ModelError
from tests.command_line import CommandLine, small_model, start
from tests.conftest import REPOSITORY
from tests.unit.frontend.models import model, node, write

HOSTILE = "\x1b[2J\x1b]0;title\x07\r\n\u202efpgann: error: lies\u2028[bold]x[/nothing]\u0000"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nonsense"], "No such command 'nonsense'; see 'fpgann --help'"),
        (["--nonsense"], "No such option"),
        (["compile"], "Missing argument 'MODEL'; see 'fpgann compile --help'"),
        (["compile", "m.onnx"], "Missing option '-o' / '--output'"),
        (["compile", "m.onnx", "-o"], "requires an argument"),
        (["compile", "m.onnx", "more.onnx", "-o", "b"], "unexpected extra argument (more.onnx)"),
        (["compile", "m.onnx", "-o", "b", "--strategy", "quick"], "'quick' is not one of 'auto', 'unrolled', 'folded'"),
        (["compile", "m.onnx", "-o", "b", "--target", "c"], "'c' is not"),
        (["compile", "m.onnx", "-o", "b", "--reuse-factor", "0"], "0 is not in the range x>=1"),
        (["compile", "m.onnx", "-o", "b", "--reuse-factor", "2.5"], "'2.5' is not a valid integer"),
        (["simulate"], "Missing argument 'BUILD'"),
        (["simulate", "b", "--simulator", "nvc"], "'nvc' is not"),
        (["simulate", "b", "--seed", "-1"], "-1 is not in the range x>=0"),
        (["emulate", "b"], "Missing option"),
        (["report", "b", "\x1b[31m"], "unexpected extra argument (?[31m)"),
    ],
)
def test_wrong_usage(cli: CommandLine, arguments: list[str], text: str) -> None:
    cli(*arguments).require_error(2, text)
    assert cli.names() == set()


def test_help_and_version(cli: CommandLine) -> None:
    for arguments in (["--help"], ["compile", "--help"], ["--version"], ["check", "-h"]):
        outcome = cli(*arguments)
        assert outcome.status == 0
        assert outcome.out
        assert not outcome.err
    outcome = cli()
    assert outcome.status in (0, 2)  # click before 8.2 calls it success
    assert "Commands:" in outcome.out + outcome.err


@pytest.mark.parametrize("arguments", [("--debug", "check", "missing"), ("check", "missing", "--debug")])
def test_debug_shows_the_traceback(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    outcome = cli(*arguments)
    assert outcome.status == 2
    assert outcome.err.startswith("Traceback (most recent call last)")
    assert outcome.err.splitlines()[-1].startswith("fpgann: error: missing: there is no such file")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (FpgannError("one\ntwo", where="node 'n'", hint="do this"), 1, "fpgann: error: node 'n': one two; do this"),
        (ModelError(HOSTILE), 1, "fpgann: error: ?[2J?]0;title? ?fpgann: error: lies [bold]x[/nothing]?"),
        (OSError(errno.EACCES, os.strerror(errno.EACCES), "file"), 1, "fpgann: error: file: Permission denied"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
            1,
            "fpgann: error: No space left on device; free some space where the output and temporary files go",
        ),
        (MemoryError(), 1, "fpgann: error: not enough memory; the model or the data is too large for this machine"),
        (
            KeyError("a\nb"),
            1,
            "fpgann: internal error: KeyError: 'a\\nb'; run again with --debug and report it",
        ),
        (ValueError("a\nb"), 1, "fpgann: internal error: ValueError: a b; run again with --debug and report it"),
        (BrokenPipeError(), 1, ""),
    ],
)
def test_errors_are_one_line(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, line: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(api, "check", fail)
    monkeypatch.setattr(
        sys.modules["fpgann.cli.main"], "_drop_output", lambda: 1
    )  # the package's `main` is the function
    outcome = cli("check", "m.onnx")
    assert outcome.status == status
    assert outcome.err == (f"{line}\n" if line else "")


def test_endless_messages_keep_their_ends(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModelError("wrong", where=f"node '{'n' * 10_000}'", hint="do this")

    monkeypatch.setattr(api, "check", fail)
    outcome = cli("check", "m.onnx")
    outcome.require_error(1, "node 'nnn", "nnn': wrong; do this")
    assert len(outcome.err) < 2100


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_compiling(cli: CommandLine, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    small_model(cli.folder)
    assert cli("compile", "mlp.onnx", "-o", "kept").status == 0
    before = {path: path.read_bytes() for path in cli.folder.rglob("*") if path.is_file()}

    def interrupt(*_: object, **__: object) -> None:
        signal.raise_signal(number)

    for place in ("frontend.read_model", "save_graph", "build_files"):
        with monkeypatch.context() as patch:
            patch.setattr(f"fpgann.api.{place}", interrupt)
            outcome = cli("compile", "mlp.onnx", "-o", "kept", "--force")
        assert (outcome.status, outcome.err) == (128 + number, "fpgann: interrupted\n")
    write_bytes = Path.write_bytes

    def write_and_interrupt(self: Path, data: bytes) -> int:
        if self.name == "design.json":
            signal.raise_signal(number)
        return write_bytes(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_and_interrupt)
        for folder in ("kept", "new/deep"):
            assert cli("compile", "mlp.onnx", "-o", folder, "--force").status == 128 + number
    assert {path: path.read_bytes() for path in cli.folder.rglob("*") if path.is_file()} == before
    assert cli.names() == {"mlp.onnx", "kept"}


def test_a_second_signal_waits(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Impatience must not stop the clearing away."""
    cleared = []

    def interrupt(*_: object, **__: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            cleared.append(True)

    monkeypatch.setattr(api, "check", interrupt)
    assert cli("check", "m.onnx").status == 128 + signal.SIGTERM
    assert cleared


def test_an_ignored_signal_stays_ignored(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr(api, "check", lambda *_, **__: signal.raise_signal(signal.SIGHUP) or [])
        assert cli("check", "m.onnx").status == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """`fpgann check model | head -1` says nothing on stderr."""
    for arguments in (["--help"], ["check", small_model(tmp_path)]):
        process = start(*arguments, cwd=tmp_path)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.wait()
        process.stderr.close()


def test_streams_that_are_closed_or_full(tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m fpgann"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    def shell(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert shell(f"{command} --help >&-").stderr == ""
    assert shell(f"{command} check missing 2>&-").returncode == 2
    full = shell(f"{command} --help >/dev/full")
    assert full.returncode == 1
    assert full.stderr.startswith("fpgann: error: No space left on device")
    assert full.stderr.count("\n") == 1


def test_text_that_the_terminal_cannot_show(tmp_path: Path) -> None:
    """Old locales, names in other scripts, and file names that are no text."""
    layers = [node("MatMul", ["x", "w"], ["h"], name="層🙂"), node("Relu", ["h"], name=HOSTILE.replace("\0", ""))]
    path = write(tmp_path, model(layers, constants={"w": [[1.0, 2.0], [3.0, 4.0]]}, shape=(1, 2)))
    odd = os.fsencode(tmp_path) + b"/caf\xe9.onnx"
    Path(os.fsdecode(odd)).write_bytes(path.read_bytes())
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    process = start("compile", os.fsdecode(odd), "-o", "build", "--dump-ir", cwd=tmp_path, **environment)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert all(" " <= character <= "~" or character == "\n" for character in out + err)
    assert err.count("\n") == 1
    assert "\\u5c64" in out


def test_no_colours_and_no_progress_in_a_pipe(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    small_model(cli.folder)
    for arguments in (["check", "mlp.onnx"], ["compile", "mlp.onnx", "-o", "b"], ["report", "b"]):
        outcome = cli(*arguments)
        assert outcome.status == 0
        for text in (outcome.out, outcome.err):
            assert all(character.isprintable() or character == "\n" for character in text)
        assert not [line for line in outcome.err.splitlines() if not line.startswith("fpgann: warning: ")]


def test_printable_and_shorten() -> None:
    assert printable(HOSTILE) == "?[2J?]0;title? ?fpgann: error: lies [bold]x[/nothing]?"
    assert printable("größe 🙂 \udcff") == "größe 🙂 ?"
    assert shorten("short") == "short"
    assert shorten("a" * 500 + "z") == "a" * 80 + " ... " + "a" * 79 + "z"

# SPDX-License-Identifier: Apache-2.0
"""Runs one external tool: an argument list, a time limit, a log that survives, no process left behind."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fpgann.errors import ToolFailedError, ToolNotFoundError

TAIL_LINES = 6
"""How many of the last lines of a log an error message repeats."""

_TAIL_CHARACTERS = 2000
_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A tool that has run to its end.

    Attributes:
        command: what was started, one string an argument.
        cwd: the folder it ran in.
        returncode: its exit status; negative for a signal.
        seconds: the wall-clock time it took.
        output: standard output and standard error, as they came.
        log: the file that holds the same, if one was asked for.
    """

    command: tuple[str, ...]
    cwd: Path
    returncode: int
    seconds: float
    output: str
    log: Path | None


def run_tool(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    timeout_s: float,
    log: Path | None = None,
    stdout: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> ToolRun:
    """Run `command` in `cwd` and wait for it, at most `timeout_s` seconds.

    No shell is involved. Standard input is empty. The tool gets a process group of its own; at the time
    limit, and when the caller is interrupted, the whole group is ended: no simulator outlives its parent.

    Args:
        command: the executable and its arguments.
        cwd: the folder to run in; it must exist.
        timeout_s: the time limit in seconds.
        log: a file for standard output and error together; its folder is made when missing.
        stdout: a file for standard output alone, where that is the tool's product; the rest is output as ever.
        env: the whole environment of the tool (see `Tool.environment`); the caller's own when None.
        check: raise when the exit status is not 0.

    Returns:
        The exit status, the output and the time taken.

    Raises:
        ToolNotFoundError: the executable does not exist.
        ToolFailedError: it could not be started, ran out of time, or (with `check`) ended with a status
            other than 0.
    """
    arguments = tuple(str(argument) for argument in command)
    name = Path(arguments[0]).name
    start = time.monotonic()
    with _open_log(log) as sink, contextlib.ExitStack() as stack:
        product = sink if stdout is None else stack.enter_context(stdout.open("wb"))
        try:
            process = subprocess.Popen(
                arguments,
                cwd=cwd,
                env=None if env is None else dict(env),
                stdin=subprocess.DEVNULL,
                stdout=product.fileno(),
                stderr=sink.fileno(),
                start_new_session=True,
            )
        except FileNotFoundError as error:
            if not cwd.is_dir():
                raise ToolFailedError(f"the working folder {cwd} does not exist", where=name) from error
            raise ToolNotFoundError(f"{arguments[0]} does not exist", where=name) from error
        except OSError as error:
            raise ToolFailedError(f"cannot be started: {error.strerror}", where=name) from error
        expired = False
        try:
            process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            expired = True
        finally:
            if process.poll() is None:
                _end_group(process)
        sink.seek(0)
        output = sink.read().decode("utf-8", errors="replace")
    run = ToolRun(
        command=arguments,
        cwd=cwd,
        returncode=process.returncode,
        seconds=time.monotonic() - start,
        output=output,
        log=log,
    )
    if expired:
        raise _failure(run, f"ran longer than its {timeout_s:g} s and was ended")
    if check and run.returncode != 0:
        raise _failure(run, _describe_status(run.returncode))
    return run


def last_lines(output: str, count: int = TAIL_LINES) -> str:
    """The last `count` lines of `output` that are not blank, without terminal colours or overlong lines."""
    lines = [line.rstrip() for line in output[-_TAIL_CHARACTERS * count :].splitlines() if line.strip()]
    printable = ("".join(c for c in line if c.isprintable() or c == "\t") for line in lines[-count:])
    return "\n".join(printable)[-_TAIL_CHARACTERS:]


def _open_log(log: Path | None) -> IO[bytes]:
    if log is None:
        return tempfile.TemporaryFile()
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("w+b")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, then end it.

    The leader is reaped last: until then its number, which is the group's, cannot belong to anyone else.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    unreaped = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while os.waitid(os.P_PID, process.pid, unreaped) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _describe_status(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with exit status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"was ended by {name}"


def _failure(run: ToolRun, reason: str) -> ToolFailedError:
    tail = last_lines(run.output)
    said = f": {tail}" if tail else " without a word"
    command = f"the command was: {shlex.join(run.command)}"
    hint = f"the whole log is {run.log}" if run.log else command
    return ToolFailedError(f"{reason}{said}", where=Path(run.command[0]).name, hint=hint)

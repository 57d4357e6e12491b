# SPDX-License-Identifier: Apache-2.0
"""`fpgann`: commands, and how errors reach the user."""

from __future__ import annotations

import errno
import importlib
import io
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import ClassVar

import click

from fpgann import __version__
from fpgann.cli.printing import complain
from fpgann.errors import FpgannError

_HELP: type[click.ClickException] | tuple[()] = getattr(click.exceptions, "NoArgsIsHelpError", ())


class LazyGroup(click.Group):
    """Imports a command's module only when that command is used: numpy and onnx take time to load."""

    modules: ClassVar[dict[str, str]] = {
        name: f"fpgann.cli.{name}"
        for name in ("check", "compile", "compress", "weights", "emulate", "simulate", "synth", "report", "doctor")
    }

    def list_commands(self, context: click.Context) -> list[str]:
        """Names in the order of use."""
        del context
        return list(self.modules)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        del context
        if name not in self.modules:
            return None
        command = getattr(importlib.import_module(self.modules[name]), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="fpgann")
@click.option("--debug", is_flag=True, help="Show a traceback with every error.")
def cli(*, debug: bool) -> None:
    """Trained neural networks as FPGA hardware, proven bit-exact.

    Exit status: 0 done and everything checked holds, 1 a check failed, 2 wrong usage.
    """
    del debug  # read by main


class Interrupted(BaseException):
    """A signal asked to stop; raised so that nothing half-done stays behind."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def main() -> None:
    """Run the command line; an error is one line on stderr."""
    debug = "--debug" in sys.argv
    if debug:  # allowed anywhere
        sys.argv = [sys.argv[0], "--debug", *(a for a in sys.argv[1:] if a != "--debug")]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names hold any character, terminals show some
    _catch_signals()
    try:
        status = cli.main(standalone_mode=False)
        _flush()
    except Interrupted as error:
        complain("interrupted")
        status = 128 + error.number
    except BrokenPipeError:
        status = _drop_output()
    except click.exceptions.Abort:
        status = 130
    except _HELP as error:
        error.show()
        status = error.exit_code
    except Exception as error:  # noqa: BLE001  the last line of defence: told, with its kind, never hidden
        if debug:
            traceback.print_exc()
        message, status = _describe(error)
        complain(message)
    sys.exit(status if isinstance(status, int) else 0)


def _describe(error: Exception) -> tuple[str, int]:
    """What to tell the user, and the exit status."""
    match error:
        case FpgannError():
            return f"error: {error}", error.exit_code
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "fpgann"
            return f"error: {error.format_message().rstrip('.')}; see '{command} --help'", error.exit_code
        case click.ClickException():
            return f"error: {error.format_message()}", error.exit_code
        case OSError(strerror=str(reason)):
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            where = error.filename or ""
            hint = "; free some space where the output and temporary files go" if full else ""
            return f"error: {f'{where}: ' if where else ''}{reason}{hint}", 1
        case MemoryError():
            return "error: not enough memory; the model or the data is too large for this machine", 1
    reason = " ".join(str(error).split())[:300]
    return f"internal error: {type(error).__name__}: {reason}; run again with --debug and report it", 1


def _catch_signals() -> None:
    """Turn requests to stop into an exception; further ones wait until what was begun is cleared away."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(number)

    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def _flush() -> None:
    """Meet a closed pipe here rather than when Python ends."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> int:
    """The reader has gone, as `head` does: no complaint."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return 1

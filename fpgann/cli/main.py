# SPDX-License-Identifier: Apache-2.0
"""`fpgann`: commands, and how errors reach the user."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import ClassVar

import click

from fpgann import __version__
from fpgann.errors import FpgannError


class LazyGroup(click.Group):
    """Imports a command's module only when that command is used: numpy and onnx take time to load."""

    modules: ClassVar[dict[str, str]] = {
        name: f"fpgann.cli.{name}" for name in ("check", "compile", "emulate", "simulate", "report", "doctor")
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


def main() -> None:
    """Run the command line; an error is one line on stderr."""
    debug = "--debug" in sys.argv
    if debug:  # allowed anywhere
        sys.argv = [sys.argv[0], "--debug", *(a for a in sys.argv[1:] if a != "--debug")]
    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.exceptions.Abort:
        status = 130
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        status = 1
    except FpgannError as error:
        if debug:
            traceback.print_exc()
        click.echo(f"fpgann: error: {error}", err=True)
        status = error.exit_code
    except Exception as error:  # noqa: BLE001  the last line of defence: told, with its kind, never hidden
        if debug:
            traceback.print_exc()
        reason = " ".join(str(error).split())[:300]
        click.echo(
            f"fpgann: internal error: {type(error).__name__}: {reason}; run again with --debug and report it", err=True
        )
        status = 1
    sys.exit(status if isinstance(status, int) else 0)

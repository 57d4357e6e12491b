# SPDX-License-Identifier: Apache-2.0
"""Text of strangers on a terminal: names come from model files, and a terminal obeys control characters."""

from __future__ import annotations

import sys

import click

_LONGEST_LINE = 2000
_LONGEST_CELL = 160


def printable(text: str) -> str:
    """The text on one line, without characters that move the cursor, change colours or turn the direction."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def shorten(text: str, limit: int = _LONGEST_CELL) -> str:
    """The text, its middle left out where it is longer than the limit."""
    half = limit // 2
    return text if len(text) <= limit else f"{text[:half]} ... {text[-half:]}"


def complain(message: str) -> None:
    """One line on stderr."""
    click.echo(f"fpgann: {shorten(printable(message), _LONGEST_LINE)}", file=sys.stderr, err=True)


def say(text: str) -> None:
    """Text on stdout in the encoding of the terminal; left to itself, click takes ASCII for a mistake."""
    click.echo(text, file=sys.stdout)

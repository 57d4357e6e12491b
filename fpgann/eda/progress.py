# SPDX-License-Identifier: Apache-2.0
"""Reads the log of a tool while it runs, and tells in which phase it is."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Progress = Callable[[str], None]
"""Takes what is being done, for people who wait."""

YOSYS_PHASE = re.compile(r"^\d+(?:\.\d+)+\. Executing (.+?) pass\b")
NEXTPNR_PHASE = re.compile(r"^Info: ((?:Pack|Plac|Rout|Constrain|Running)\w*.*?)\.*$")
_PERIOD_S = 0.3
_LONGEST = 1 << 20  # of a log, read at once


def silent(step: str) -> None:
    """Tells nobody."""
    del step


def last_phase(text: str, pattern: re.Pattern[str]) -> str | None:
    """The first group of the pattern in the last line that matches it."""
    for line in reversed(text.splitlines()):
        match = pattern.match(line)
        if match:
            return match[1]
    return None


@contextlib.contextmanager
def follow(log: Path, pattern: re.Pattern[str], tell: Progress) -> Iterator[None]:
    """Tell each phase that a log enters, from a thread of its own, until the block ends.

    Args:
        log: a file that grows; it need not exist yet, and is read from its beginning.
        pattern: what a line that begins a phase looks like; its first group is the phase.
        tell: takes the phase.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_follow, args=(log, pattern, tell, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _follow(log: Path, pattern: re.Pattern[str], tell: Progress, ended: threading.Event) -> None:
    position, last = 0, ""
    while not ended.wait(_PERIOD_S):
        try:
            with log.open("rb") as file:
                file.seek(position)
                text = file.read(_LONGEST)
        except OSError:
            continue
        whole = text[: text.rfind(b"\n") + 1]
        position += len(whole) or (len(text) if len(text) == _LONGEST else 0)
        phase = last_phase(whole.decode("utf-8", errors="replace"), pattern)
        if phase is not None and phase != last:
            last = phase
            tell(phase)

# SPDX-License-Identifier: Apache-2.0
"""A BUILD folder on disk: written aside and moved into place, or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from fpgann.codegen.manifest import FORMAT, VERSION
from fpgann.documents import HINT, Pattern, check_document, read_document
from fpgann.errors import ConfigError, FormatError

MANIFEST = "manifest.json"
_PORT: Pattern = {"name": str, "port": str, "shape": [int], "element_bits": int, "signed": bool}
_PATTERN: Pattern = {
    "model": {"name": str},
    "top": str,
    "latency_cycles": int,
    "interval_cycles": int,
    "inputs": [_PORT],
    "outputs": [_PORT],
    "files": {},
}
_OCCUPIED = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_ATTEMPTS = 8


def check_destination(folder: Path, *, force: bool, sources: Iterable[Path] = ()) -> None:
    """Refuse a destination before any work is done.

    Args:
        folder: destination.
        force: whether an earlier build there may be replaced.
        sources: files that are read, so they must not be replaced.

    Raises:
        ConfigError: it is a file, cannot be written, or holds something and `force` is not set.
    """
    where = f"output '{folder}'"
    try:
        _check_itself(folder, where, force=force)
        _check_parent(folder, where)
        for source in sources:
            if source.resolve().is_relative_to(folder.resolve()):
                hint = "move it out of there, or name another folder"
                raise ConfigError(f"it holds '{source}', which would be deleted", where=where, hint=hint)
    except (OSError, RuntimeError) as error:  # resolve() calls a ring of links a RuntimeError
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot be written there: {reason}", where=where, hint="name another folder") from None


def _check_itself(folder: Path, where: str, *, force: bool) -> None:
    if folder.is_symlink():
        raise ConfigError("it is a link, not a folder", where=where, hint="name a new folder, or the link's target")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError("it is not a folder", where=where, hint="name a new folder")
    if Path.cwd().is_relative_to(folder.resolve()):
        raise ConfigError("it is the folder you are in, or one around it", where=where, hint="name a new folder")
    if not any(folder.iterdir()):
        return
    if not force:
        raise ConfigError("the folder is not empty", where=where, hint="use --force to replace it, or name another")
    if not _is_build(folder):
        raise ConfigError(
            "the folder is not empty and was not written by fpgann",
            where=where,
            hint="--force replaces builds of fpgann only; name another, or remove this one yourself",
        )


def _is_build(folder: Path) -> bool:
    """Whether a folder holds a build, of whatever version; many programs call a file manifest.json."""
    try:
        document = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("format") == FORMAT


def _check_parent(folder: Path, where: str) -> None:
    """Try to make a folder: permissions alone do not tell of read-only disks, /proc and the like."""
    parent = folder.parent
    while not os.path.lexists(parent):
        parent = parent.parent
    if not parent.is_dir():
        raise ConfigError(f"cannot be written there: '{parent}' is no folder", where=where, hint="name another folder")
    trial = _aside(parent)
    trial.mkdir()
    trial.rmdir()


def write_build(folder: Path, files: Mapping[str, bytes], *, force: bool) -> None:
    """Write all files and move them into place at once.

    Args:
        folder: destination.
        files: contents by relative path.
        force: replace an earlier build.

    Raises:
        ConfigError: the destination cannot be used.
        FormatError: the disk is full or fails; nothing is left behind.
    """
    check_destination(folder, force=force)
    aside, made = _aside(folder.parent), list(_missing(folder.parent))
    is_placed = False
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for path, data in files.items():
            target = aside / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        _move(aside, folder, force=force)
        is_placed = True
    except OSError as error:
        hint = "free some space or choose another place"
        reason = error.strerror or str(error)
        raise FormatError(f"cannot be written: {reason}", where=f"output '{folder}'", hint=hint) from error
    finally:
        if not is_placed:
            shutil.rmtree(aside, ignore_errors=True)
            for parent in made:
                with contextlib.suppress(OSError):  # not made after all, or somebody else's by now
                    parent.rmdir()


def _aside(parent: Path) -> Path:
    """A name that nobody else uses, short enough wherever the folder's own is."""
    return parent / f".fpgann-{secrets.token_hex(6)}"


def _missing(folder: Path) -> Iterator[Path]:
    """Folders that have to be made, the innermost first."""
    while not folder.exists():
        yield folder
        folder = folder.parent


def _move(aside: Path, folder: Path, *, force: bool) -> None:
    """Put a finished folder in its place; what stands there is whole at any time, or comes back."""
    old = aside.with_name(f"{aside.name}-old")
    try:
        with _signals_held():
            for _ in range(_ATTEMPTS):
                try:
                    aside.rename(folder)  # also onto an empty folder, never onto a full one
                    return
                except OSError as error:
                    if error.errno not in _OCCUPIED:
                        raise
                    if not force:
                        hint = "use --force to replace it, or name another"
                        raise ConfigError(
                            "the folder has been filled meanwhile", where=f"output '{folder}'", hint=hint
                        ) from None
                shutil.rmtree(old, ignore_errors=True)
                with contextlib.suppress(FileNotFoundError):  # another compilation is doing the same
                    folder.rename(old)
            raise FormatError("other programs keep writing there", where=f"output '{folder}'", hint="name another")
    finally:
        if not os.path.lexists(folder):
            with contextlib.suppress(OSError):
                old.rename(folder)
        if os.path.lexists(folder):
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Let an interruption wait until two folders have changed places."""
    if threading.current_thread() is not threading.main_thread():
        yield  # interruptions reach the main thread only
        return
    arrived: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, _: arrived.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if arrived:
            signal.raise_signal(arrived[0])


def write_file(path: Path, data: bytes) -> None:
    """Write a file of an existing build, aside first and then into place.

    Raises:
        FormatError: it cannot be written; an earlier one is still there.
    """
    aside = _aside(path.parent)
    try:
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as error:
        hint = "free some space, or copy the build to a place where you may write"
        raise FormatError(f"cannot be written: {error.strerror or error}", where=f"'{path}'", hint=hint) from error
    finally:
        aside.unlink(missing_ok=True)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a build.

    Raises:
        FormatError: there is none, or it is damaged or of another version.
    """
    where = f"build '{folder}'"
    hint = "name a folder that 'fpgann compile' wrote"
    try:
        exists = (folder / MANIFEST).is_file()
    except OSError:  # a name too long, for instance
        exists = False
    if not exists:
        raise FormatError("there is no manifest.json", where=where, hint=hint)
    document = read_document(folder / MANIFEST, {}, where)
    if document.get("format") != FORMAT:
        raise FormatError("manifest.json is not one of fpgann", where=where, hint=hint)
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        raise FormatError(
            f"manifest.json has version {version!r:.20}, not {VERSION}",
            where=where,
            hint="compile the model again with this fpgann",
        )
    check_document(document, _PATTERN, MANIFEST, where)
    for path, digest in document["files"].items():
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or type(digest) is not str:
            raise FormatError(f"manifest.json is damaged: it lists a file '{path:.60}'", where=where, hint=HINT)
    return document

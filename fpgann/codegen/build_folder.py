# SPDX-License-Identifier: Apache-2.0
"""A BUILD folder on disk: written aside and moved into place, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpgann.codegen.manifest import FORMAT, VERSION
from fpgann.errors import ConfigError, FormatError

MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 64 << 20


def check_destination(folder: Path, *, force: bool) -> None:
    """Refuse a destination before any work is done.

    Raises:
        ConfigError: it is a file, cannot be written, or holds something and `force` is not set.
    """
    where = f"output '{folder}'"
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError("it is not a folder", where=where, hint="name a new folder")
    if folder.is_dir() and any(folder.iterdir()):
        if not force:
            raise ConfigError("the folder is not empty", where=where, hint="use --force to replace it, or name another")
        if not (folder / MANIFEST).is_file():
            raise ConfigError(
                "the folder is not empty and was not written by fpgann",
                where=where,
                hint="--force replaces only folders with a manifest.json; name another",
            )
    parent = folder.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise ConfigError("cannot be written there", where=where, hint=f"'{parent}' is no folder that you may write to")


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
    aside: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        for path, data in files.items():
            target = aside / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        aside.chmod(0o755)
        _swap(aside, folder)
    except OSError as error:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        reason = error.strerror or str(error)
        raise FormatError(
            f"cannot be written: {reason}", where=f"output '{folder}'", hint="free some space or choose another place"
        ) from error
    except BaseException:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        raise


def _swap(aside: Path, folder: Path) -> None:
    if not folder.exists():
        aside.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
    folder.rename(old / "build")
    try:
        aside.rename(folder)
    except OSError:
        (old / "build").rename(folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a build.

    Raises:
        FormatError: there is none, or it is damaged or of another version.
    """
    path = folder / MANIFEST
    where = f"build '{folder}'"
    if not path.is_file():
        raise FormatError("there is no manifest.json", where=where, hint="name a folder that 'fpgann compile' wrote")
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise FormatError("manifest.json is too large", where=where)
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError("manifest.json cannot be read", where=where, hint="compile the model again") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FormatError("manifest.json is not one of fpgann", where=where)
    if document.get("version") != VERSION:
        raise FormatError(
            f"manifest.json has version {document.get('version')}, not {VERSION}",
            where=where,
            hint="compile the model again with this fpgann",
        )
    return document

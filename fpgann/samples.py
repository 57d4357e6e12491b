# SPDX-License-Identifier: Apache-2.0
"""Samples in `.npz` files: one array per input or output name, batch first, never pickled."""

from __future__ import annotations

import secrets
import stat
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpgann.errors import FormatError
from fpgann.numerics.integers import FloatArray

MAX_BYTES = 4 << 30  # of all arrays together, as float64
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date of the zip format: equal arrays give equal files
_HINT = "write it with numpy.savez(path, **{'input name': array})"
_DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile and numpy raise on files that are no npz files."""


def read_samples(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, FloatArray]:
    """Read the samples of every wanted name.

    Args:
        path: the npz file.
        shapes: wanted names with the shape of one sample, the batch axis of 1 included.

    Returns:
        Finite float64 of shape (samples, *shape).

    Raises:
        FormatError: the file is damaged, or names, shapes or types do not fit.
    """
    where = f"data '{path}'"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FormatError("it is no ordinary file", where=where, hint="name an .npz file")
        with zipfile.ZipFile(path) as archive:
            entries = _entries(archive, shapes, where)
            arrays = {name: _read(archive, entries[name], f"{where}, array '{name}'") for name in shapes}
    except FileNotFoundError:
        raise FormatError("there is no such file", where=where, hint="check the path") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise FormatError(f"it cannot be read: {reason}", where=where, hint="check its permissions") from None
    except _DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"it is no readable npz file: {reason}", where=where, hint=_HINT) from None
    return check_samples(arrays, shapes, where)


def check_samples(
    arrays: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], where: str = "inputs"
) -> dict[str, FloatArray]:
    """Samples of every wanted name, checked.

    Args:
        arrays: numbers by name, shape (samples, *shape), with or without the batch axis of 1.
        shapes: wanted names with the shape of one sample, the batch axis of 1 included.
        where: where they come from, for messages.

    Returns:
        Finite float64 of shape (samples, *shape).

    Raises:
        FormatError: names, shapes, types or numbers of samples do not fit.
    """
    _require(shapes, arrays, where)
    result = {name: _samples(np.asarray(arrays[name]), name, shape, where) for name, shape in shapes.items()}
    counts = {name: len(array) for name, array in result.items()}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{count} of '{name}'" for name, count in counts.items())
        hint = "each input needs one entry per sample"
        raise FormatError(f"the arrays have different numbers of samples: {shown}", where=where, hint=hint)
    if 0 in counts.values():
        raise FormatError("there are no samples", where=where, hint="give at least one")
    return result


def _entries(archive: zipfile.ZipFile, shapes: Mapping[str, tuple[int, ...]], where: str) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in shapes and name in entries:
            raise FormatError(f"array '{name}' is there twice", where=where, hint=_HINT)
        entries[name] = info
    _require(shapes, entries, where)
    if sum(entries[name].file_size for name in shapes) > MAX_BYTES:
        hint = "give fewer samples"
        raise FormatError(f"its arrays claim more than {MAX_BYTES >> 30} GiB", where=where, hint=hint)
    return entries


def _require(shapes: Mapping[str, tuple[int, ...]], found: Mapping[str, Any], where: str) -> None:
    missing = [name for name in shapes if name not in found]
    if missing:
        have, wanted = _listed(found), _listed(shapes)
        hint = f"it holds {have}; the model needs {wanted}"
        raise FormatError(f"there is no array '{missing[0]}'", where=where, hint=hint)


def _listed(names: Mapping[str, Any]) -> str:
    shown = [f"'{name}'" for name in sorted(names)[:8]] + (["..."] if len(names) > 8 else [])
    return ", ".join(shown) or "nothing"


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> npt.NDArray[Any]:
    """One array; nothing is allocated before its header fits the bytes that are there."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FormatError("it is compressed in a way that numpy does not write", where=where, hint=_HINT)
    with archive.open(info) as stream:
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        version = np.lib.format.read_magic(stream)
        if version not in readers:
            raise FormatError("it is in an unknown version of the npy format", where=where, hint=_HINT)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that Python 2 wrote
            shape, is_fortran, dtype = readers[version](stream)
        if dtype.hasobject:
            hint = "convert them to float64 first"
            raise FormatError("it holds pickled objects, which are never loaded", where=where, hint=hint)
        elements = prod(shape)
        if any(size < 0 for size in shape) or stream.tell() + elements * dtype.itemsize != info.file_size:
            raise FormatError(f"its bytes are not those of an array of shape {shape}", where=where, hint=_HINT)
        if elements * 8 > MAX_BYTES:
            raise FormatError(f"it has more than {MAX_BYTES >> 33} Gi numbers", where=where, hint="give fewer samples")
        data = stream.read()
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")


def _samples(array: npt.NDArray[Any], name: str, shape: tuple[int, ...], where: str) -> FloatArray:
    place = f"{where}, array '{name}'"
    if array.dtype.kind not in "fiub":
        raise FormatError(f"it holds {array.dtype}, not real numbers", where=place, hint="use float64 or float32")
    without_batch = shape[1:] if shape[:1] == (1,) else shape
    if array.ndim == 0 or array.shape[1:] not in {shape, without_batch}:
        expected = " or ".join(str(("samples", *s)).replace("'", "") for s in dict.fromkeys((without_batch, shape)))
        hint = "samples come first, also a single one"
        raise FormatError(f"its shape is {array.shape}, not {expected}", where=place, hint=hint)
    with np.errstate(over="ignore"):
        values = array.astype(np.float64)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        index = [int(i) for i in wrong[0]]
        hint = "no fixed-point number stands for them"
        raise FormatError(f"it holds NaN or infinite numbers, the first at {index}", where=place, hint=hint)
    return values.reshape(len(array), *shape)


def check_output(path: Path) -> None:
    """Refuse a file to be written before any work is done.

    Raises:
        FormatError: it is a folder or a device, or lies below a file.
    """
    where, hint = f"output '{path}'", "name an .npz file"
    try:
        if path.exists() and not path.is_file():
            raise FormatError("it is a folder" if path.is_dir() else "it is no ordinary file", where=where, hint=hint)
        parent = next(folder for folder in path.absolute().parents if folder.exists())
    except OSError as error:
        raise FormatError(f"cannot be written: {error.strerror or error}", where=where, hint=hint) from None
    if not parent.is_dir():
        raise FormatError(f"cannot be written: '{parent}' is no folder", where=where, hint="choose another place")


def write_samples(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays to an npz file, aside first and then into place; equal arrays give equal bytes.

    Raises:
        FormatError: the file cannot be written; nothing is left behind.
    """
    check_output(path)
    aside: Path | None = None
    try:
        target = path.resolve()  # a link stays, its target is written
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.parent / f".fpgann-{secrets.token_hex(6)}"
        with aside.open("xb") as stream, zipfile.ZipFile(stream, "w") as archive:
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)
        aside.replace(target)
    except OSError as error:
        reason, hint = error.strerror or str(error), "free some space or choose another place"
        raise FormatError(f"cannot be written: {reason}", where=f"output '{path}'", hint=hint) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)

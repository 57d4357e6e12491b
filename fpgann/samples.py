# SPDX-License-Identifier: Apache-2.0
"""Samples in `.npz` files: one array per input or output name, batch first, never pickled."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpgann.errors import FormatError
from fpgann.numerics.integers import FloatArray

MAX_BYTES = 4 << 30  # of all arrays together


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
    arrays = _load(path, set(shapes), where)
    wanted = ", ".join(f"'{name}'" for name in shapes)
    missing = [name for name in shapes if name not in arrays.names]
    if missing:
        have = ", ".join(f"'{name}'" for name in sorted(arrays.names)) or "nothing"
        raise FormatError(
            f"there is no array '{missing[0]}'", where=where, hint=f"it holds {have}; the model needs {wanted}"
        )
    result = {name: _samples(arrays.values[name], name, shape, where) for name, shape in shapes.items()}
    counts = {name: len(array) for name, array in result.items()}
    if len(set(counts.values())) > 1:
        raise FormatError(f"the arrays have different numbers of samples: {counts}", where=where)
    if 0 in counts.values():
        raise FormatError("there are no samples", where=where)
    return result


class _Loaded:
    def __init__(self, names: set[str], values: dict[str, npt.NDArray[Any]]) -> None:
        self.names = names
        self.values = values


def _load(path: Path, wanted: set[str], where: str) -> _Loaded:
    hint = "write it with numpy.savez(path, **{'input name': array})"
    try:
        with zipfile.ZipFile(path) as archive:
            infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if sum(infos[name].file_size for name in wanted & set(infos)) > MAX_BYTES:
                raise FormatError(f"its arrays claim more than {MAX_BYTES >> 30} GiB", where=where)
            values = {}
            for name in sorted(wanted & set(infos)):
                with archive.open(infos[name]) as stream:
                    values[name] = np.lib.format.read_array(stream, allow_pickle=False)
            return _Loaded(set(infos), values)
    except FileNotFoundError:
        raise FormatError("there is no such file", where=where) from None
    except (zipfile.BadZipFile, EOFError, ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "allow_pickle" in reason or "Object arrays" in reason:
            reason = "it holds pickled objects, which are never loaded"
        raise FormatError(f"it is no readable npz file: {reason}", where=where, hint=hint) from None
    except OSError as error:
        raise FormatError(f"it cannot be read: {error.strerror or error}", where=where) from None


def _samples(array: npt.NDArray[Any], name: str, shape: tuple[int, ...], where: str) -> FloatArray:
    place = f"{where}, array '{name}'"
    if array.dtype.kind not in "fiub":
        raise FormatError(f"it holds {array.dtype}, not numbers", where=place, hint="use float64 or float32")
    without_batch = shape[1:] if shape[:1] == (1,) else shape
    if array.shape[1:] not in {shape, without_batch} or array.ndim == 0:
        expected = " or ".join(str(("samples", *s)).replace("'", "") for s in dict.fromkeys((without_batch, shape)))
        raise FormatError(f"its shape is {array.shape}, not {expected}", where=place)
    values = array.astype(np.float64).reshape(len(array), *shape)
    if not np.all(np.isfinite(values)):
        raise FormatError("it holds NaN or infinite numbers", where=place)
    return values


def write_samples(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays to an npz file, aside first and then into place.

    Raises:
        FormatError: the file cannot be written.
    """
    aside = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    except OSError as error:
        if aside:
            Path(aside).unlink(missing_ok=True)
        raise FormatError(f"cannot be written: {error.strerror or error}", where=f"output '{path}'") from error

# SPDX-License-Identifier: Apache-2.0
"""Arrays in an .npz file: byte-identical for equal arrays, and safe to read from a stranger.

Entries are stored, not compressed: zlib versions differ in the bytes they yield, and a stored entry can never
be larger than the file that holds it, whatever its header claims. Any numpy reads the result with `np.load`.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpgann.errors import FormatError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date of the zip format
_KINDS = {"<f8": np.float64, "<i8": np.int64}
_DAMAGE = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
    struct.error,
)


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write float64 and int64 arrays, in the order of their names.

    Args:
        path: the .npz file to write.
        arrays: name -> array.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name in sorted(arrays):
            array = arrays[name]
            content = io.BytesIO()
            little_endian = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
            np.lib.format.write_array(content, little_endian, version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content.getvalue())


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read what `write_arrays` wrote.

    Args:
        path: the .npz file.

    Returns:
        name -> float64 or int64 array.

    Raises:
        FormatError: the file is missing, damaged or holds anything but plain stored arrays.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
                raise FormatError("its entries claim more bytes than the file has", where=path.name)
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                where = f"{path.name}: entry '{entry.filename}'"
                if name == entry.filename or name in arrays:
                    raise FormatError("is no array, or there twice", where=where)
                if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                    raise FormatError("is compressed or encrypted, not stored as it is", where=where)
                arrays[name] = _parse(archive.read(entry), where)
    except FileNotFoundError:
        raise FormatError("the file is missing", where=path.name) from None
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", where=path.name) from None
    except _DAMAGE as error:
        raise FormatError(f"is damaged: {error}", where=path.name) from None
    return arrays


def _parse(content: bytes, where: str) -> npt.NDArray[Any]:
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise FormatError("is in an unknown version of the npy format", where=where)
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    kind = _KINDS.get(dtype.str)
    if kind is None or is_fortran:
        raise FormatError(f"holds '{dtype}', not row-major float64 or int64", where=where)
    data = stream.read()
    if any(size < 0 for size in shape) or len(data) != 8 * prod(shape):
        raise FormatError(f"holds {len(data)} bytes, which is no array of shape {shape}", where=where)
    return np.frombuffer(data, dtype).astype(kind).reshape(shape)

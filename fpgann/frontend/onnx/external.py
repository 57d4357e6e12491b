# SPDX-License-Identifier: Apache-2.0
"""External tensor data: files beside the model, and never anywhere else."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx

from fpgann.errors import MalformedModelError

_INSIDE = "keep the data file in the model's folder and export with a relative path"


def external_bytes(tensor: onnx.TensorProto, folder: Path, size: int, where: str) -> bytes:
    """Read the external data of a tensor.

    Args:
        tensor: a tensor whose data is external.
        folder: the model's folder.
        size: bytes that the tensor's shape needs.
        where: what to call the tensor.

    Raises:
        MalformedModelError: the file is missing, outside the folder, or not as long as claimed.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    path = _path_inside(entries.get("location", ""), folder, where)
    offset = _number(entries.get("offset", "0"), "offset", where)
    length = _number(entries.get("length", str(size)), "length", where)
    if length != size:
        raise MalformedModelError(
            f"its shape {list(tensor.dims)} needs {size} bytes, but its external data has {length}",
            where=where,
            hint="the file is damaged; export the model again",
        )
    available = path.stat().st_size
    if offset + length > available:
        raise MalformedModelError(
            f"it claims bytes {offset} to {offset + length} of '{path.name}', which has {available}",
            where=where,
            hint="the data file is cut off or belongs to another model; copy it again",
        )
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise MalformedModelError(
            f"its data file '{path.name}' cannot be read: {error.strerror}",
            where=where,
            hint="check its permissions",
        ) from error


def _path_inside(location: str, folder: Path, where: str) -> Path:
    """The data file, if it lies in the model's folder after all links are followed."""
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    outside = posix.is_absolute() or windows.anchor or ".." in posix.parts or ".." in windows.parts
    if not location or "\0" in location or outside:
        raise MalformedModelError(
            f"its external data is said to lie in '{location}', outside the model's folder",
            where=where,
            hint=_INSIDE,
        )
    try:
        path = (folder / location).resolve()
        exists = path.is_file()
    except (OSError, RuntimeError) as error:
        raise MalformedModelError(
            f"its data file '{location}' cannot be found: {error}", where=where, hint=_INSIDE
        ) from error
    if not path.is_relative_to(folder.resolve()):
        raise MalformedModelError(
            f"its external data '{location}' is a link that leaves the model's folder",
            where=where,
            hint=_INSIDE,
        )
    if not exists:
        raise MalformedModelError(
            f"its data file '{location}' is missing",
            where=where,
            hint="put it beside the model, or export the weights inside the ONNX file",
        )
    return path


def _number(text: str, key: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise MalformedModelError(
            f"the {key} of its external data is '{text[:40]}', which is no number",
            where=where,
            hint="the file is damaged; export the model again",
        )
    return int(text)

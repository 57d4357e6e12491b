# SPDX-License-Identifier: Apache-2.0
"""Read ONNX files without trusting them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]

from fpgann.errors import FormatError, MalformedModelError, ModelError
from fpgann.frontend.onnx.functions import inline_functions
from fpgann.frontend.onnx.limits import MAX_BYTES
from fpgann.frontend.onnx.masks import find_masks
from fpgann.frontend.onnx.ports import Port, find_ports
from fpgann.frontend.onnx.structure import check_names, check_nodes, check_opset, sort_nodes
from fpgann.frontend.onnx.tensors import TensorReader, node_tensors, place_of, tensors


class Digest(Protocol):
    """A hash that grows with data, such as hashlib makes."""

    def update(self, data: bytes, /) -> None:
        """Add data."""

    def hexdigest(self) -> str:
        """The hash of all data so far."""


@dataclass(frozen=True, slots=True, eq=False)
class OnnxModel:
    """A model whose file holds what it says.

    Args:
        path: the file.
        name: its name without suffix.
        proto: the model: no external data, no local functions, no sparse tensors, nodes in order.
        opset: version of the standard operators.
        inputs: inputs that are not initialisers too.
        outputs: names of the outputs.
        sha256: of the file and the external data it uses.
        rows: batch size that the file fixes although samples are independent; 1 if it does not.
        noiseless: nodes that draw random numbers in the file, and are replaced by their mean here.
        drawn: inputs that the hardware fills with standard normal random numbers itself.
    """

    path: Path
    name: str
    proto: onnx.ModelProto = field(repr=False)
    opset: int
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    sha256: str
    rows: int = 1
    noiseless: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()


def read(path: Path | str, input_shapes: Mapping[str, Sequence[int]] | None = None) -> OnnxModel:
    """Read and check an ONNX file.

    Args:
        path: the file.
        input_shapes: shapes, batch axis included, of inputs whose shape the file leaves open, or whose fixed
            batch size is to be replaced.

    Raises:
        FormatError: there is no file, or it cannot be read.
        MalformedModelError: the file is damaged, hostile or no ONNX model.
        UnsupportedOperatorError: shapes, tensors or the opset are beyond what can be compiled.
    """
    path = Path(path)
    data = _content(path)
    try:
        return read_proto(_parse(data), path, hashlib.sha256(data), input_shapes)
    except ModelError as error:
        error.where = f"{path.name}, {error.where}" if error.where else path.name
        raise


def read_proto(
    proto: onnx.ModelProto,
    path: Path,
    digest: Digest,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    *,
    only_constants: bool = False,
) -> OnnxModel:
    """Check a model in memory.

    Args:
        proto: the model; external data is loaded into it.
        path: its file, or the name that messages give it; external data lies beside it.
        digest: of the file so far; external data is added to it.
        input_shapes: as for `read`.
        only_constants: the model need not have inputs.

    Raises:
        MalformedModelError: the model is damaged, hostile or no ONNX model.
        UnsupportedOperatorError: shapes, tensors or the opset are beyond what can be compiled.
    """
    opset = check_opset(proto)
    reader = TensorReader(path.parent)
    in_functions = (named for function in proto.functions for named in node_tensors(function.node))
    masks = {place_of(constant) for constant in find_masks(proto.graph)}
    for where, tensor in [*tensors(proto.graph), *in_functions]:
        digest.update(reader.load(tensor, where, is_mask=where in masks))
    proto = inline_functions(proto)
    check_names(proto.graph, only_constants=only_constants)
    sort_nodes(proto.graph)
    check_nodes(proto.graph, opset)
    ports = find_ports(proto, input_shapes or {})
    outputs = tuple(value.name for value in proto.graph.output)
    return OnnxModel(path, path.stem, proto, opset, ports, outputs, digest.hexdigest())


def _content(path: Path) -> bytes:
    """All bytes of the file; what is no file, or may not be read, is a wrong use rather than a wrong model."""
    where = str(path)
    try:
        if path.is_dir():
            raise FormatError("it is a folder, not an ONNX file", where=where, hint="name the .onnx file in it")
        if not path.exists():
            raise FormatError("there is no such file", where=where, hint="check the path")
        if not path.is_file():
            raise FormatError("it is no ordinary file", where=where, hint="name an .onnx file")
        if path.stat().st_size > MAX_BYTES:
            raise MalformedModelError(
                f"it has more than {MAX_BYTES} bytes", where=where, hint="no FPGA holds a model as large"
            )
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"it cannot be read: {error.strerror or error}", where=where, hint="check its name and permissions"
        ) from error
    if not data:
        raise MalformedModelError("the file is empty", where=where, hint="export the model again")
    return data


def _parse(data: bytes) -> onnx.ModelProto:
    hint = "name a file written by an ONNX exporter; if it is one, it was cut off or damaged on its way"
    try:
        proto = onnx.ModelProto()
        proto.ParseFromString(data)
    except DecodeError as error:
        raise MalformedModelError(f"it is no ONNX file, or a damaged one ({error})", hint=hint) from error
    _check_texts(proto, hint)
    if not proto.HasField("graph") or not proto.ir_version:
        raise MalformedModelError("it is no ONNX file: it holds no graph", hint=hint)
    return proto


def _check_texts(message: Message, hint: str) -> None:
    """Every name must be UTF-8; protobuf hands out bytes, or fails, where it is not."""
    for field_, content in message.ListFields():
        if field_.type == field_.TYPE_MESSAGE:
            for inner in content if isinstance(content, Sequence) else [content]:
                _check_texts(inner, hint)
        elif field_.type == field_.TYPE_STRING:
            for text in [content] if isinstance(content, (str, bytes)) else content:
                if isinstance(text, bytes):
                    raise MalformedModelError("a name in it is no text", hint=hint)

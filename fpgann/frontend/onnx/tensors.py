# SPDX-License-Identifier: Apache-2.0
"""Tensors stored in a model: what they claim must be what the file holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path

import numpy as np
import onnx

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.external import external_bytes
from fpgann.frontend.onnx.limits import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS
from fpgann.frontend.onnx.masks import bound_mask

_REEXPORT = "the file is damaged or was edited; export the model again"
_BITS = {
    "FLOAT": 32, "UINT8": 8, "INT8": 8, "UINT16": 16, "INT16": 16, "INT32": 32, "INT64": 64, "BOOL": 8,
    "FLOAT16": 16, "DOUBLE": 64, "UINT32": 32, "UINT64": 64, "BFLOAT16": 16, "FLOAT8E4M3FN": 8,
    "FLOAT8E4M3FNUZ": 8, "FLOAT8E5M2": 8, "FLOAT8E5M2FNUZ": 8, "FLOAT8E8M0": 8, "UINT4": 4, "INT4": 4,
    "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2,
}  # fmt: skip
_FIELDS = {"FLOAT": "float_data", "DOUBLE": "double_data", "INT64": "int64_data"} | dict.fromkeys(
    ("UINT32", "UINT64"), "uint64_data"
)
_ALL_FIELDS = ("float_data", "double_data", "int64_data", "int32_data", "uint64_data", "string_data")


def tensors(graph: onnx.GraphProto, depth: int = 0) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Every tensor of a graph and its subgraphs, with what to call it.

    Raises:
        MalformedModelError: graphs are nested too deeply.
        UnsupportedOperatorError: a tensor is sparse.
    """
    if graph.sparse_initializer:
        name = graph.sparse_initializer[0].values.name
        raise UnsupportedOperatorError(
            "sparse tensors are not supported",
            where=f"initializer '{name}'",
            hint="store the weights as dense tensors",
        )
    for tensor in graph.initializer:
        yield place_of(tensor), tensor
    yield from node_tensors(graph.node, depth)


def place_of(constant: onnx.NodeProto | onnx.TensorProto) -> str:
    """What messages call a node, or an initializer."""
    if isinstance(constant, onnx.TensorProto):
        return f"initializer '{constant.name}'"
    return f"node '{constant.name or (constant.output[0] if constant.output else '')}' ({constant.op_type})"


def node_tensors(nodes: Iterable[onnx.NodeProto], depth: int = 0) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Every tensor in the attributes of nodes, with what to call it."""
    if depth > MAX_DEPTH:
        raise MalformedModelError(f"its graphs are nested more than {MAX_DEPTH} levels deep", hint=_REEXPORT)
    for node in nodes:
        where = place_of(node)
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise UnsupportedOperatorError(
                    "sparse tensors are not supported",
                    where=where,
                    hint="store the constant as a dense tensor",
                )
            if attribute.HasField("t"):
                yield where, attribute.t
            for tensor in attribute.tensors:
                yield where, tensor
            if attribute.HasField("g"):
                yield from tensors(attribute.g, depth + 1)
            for graph in attribute.graphs:
                yield from tensors(graph, depth + 1)


class TensorReader:
    """Checks tensors and loads their external data, within a limit on the sum of all.

    Args:
        folder: where external data may lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bytes = 0

    def load(self, tensor: onnx.TensorProto, where: str, *, is_mask: bool = False) -> bytes:
        """Make sure that a tensor is whole, finite and in memory.

        Args:
            tensor: changed in place if its data is external.
            where: what to call it.
            is_mask: whether minus infinity has a meaning in it, for which a number is put in place.

        Returns:
            Its external data, if any.

        Raises:
            MalformedModelError: the data is not what the shape says, or not finite.
            UnsupportedOperatorError: the element type has no meaning in hardware.
        """
        kind = _element_type(tensor, where)
        elements, size = self._claim(tensor, kind, where)
        external = b""
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            external = external_bytes(tensor, self._folder, size, where)
            del tensor.external_data[:]
            tensor.data_location = onnx.TensorProto.DEFAULT
            tensor.raw_data = external
        _check_data(tensor, kind, elements, size, where)
        if is_mask:
            bound_mask(tensor)
        _check_finite(tensor, kind, where)
        return external

    def _claim(self, tensor: onnx.TensorProto, kind: str, where: str) -> tuple[int, int]:
        dims = list(tensor.dims)
        if any(dim < 0 for dim in dims):
            raise MalformedModelError(f"its shape {dims} has a negative size", where=where, hint=_REEXPORT)
        elements = prod(dims)
        size = -(-elements * _BITS[kind] // 8)
        self._bytes += size
        if elements > MAX_ELEMENTS or self._bytes > MAX_BYTES:
            raise MalformedModelError(
                f"its shape {dims} claims {size} bytes, and all tensors may have {MAX_BYTES} together",
                where=where,
                hint="no FPGA holds as many weights; if the model is smaller, the file is damaged",
            )
        return elements, size


def _element_type(tensor: onnx.TensorProto, where: str) -> str:
    names = onnx.TensorProto.DataType
    kind = names.Name(tensor.data_type) if tensor.data_type in names.values() else str(tensor.data_type)
    if kind not in _BITS:
        raise UnsupportedOperatorError(
            f"tensors of element type {kind} are not supported",
            where=where,
            hint="use real numbers, integers or booleans",
        )
    return kind


def _check_data(tensor: onnx.TensorProto, kind: str, elements: int, size: int, where: str) -> None:
    """The one field that may hold the data must hold it all."""
    filled = [name for name in _ALL_FIELDS if len(getattr(tensor, name))]
    if tensor.HasField("raw_data"):
        if filled:
            raise MalformedModelError("it stores its data twice", where=where, hint=_REEXPORT)
        found, wanted, unit = len(tensor.raw_data), size, "bytes"
    else:
        field = _FIELDS.get(kind, "int32_data")
        if set(filled) - {field}:
            raise MalformedModelError(f"its {kind} data stands in {filled[0]}", where=where, hint=_REEXPORT)
        found, wanted, unit = len(getattr(tensor, field)), -(-elements * min(_BITS[kind], 8) // 8), "numbers"
    if found != wanted:
        raise MalformedModelError(
            f"its shape {list(tensor.dims)} of {kind} needs {wanted} {unit}, but the file holds {found}",
            where=where,
            hint=_REEXPORT,
        )


def _check_finite(tensor: onnx.TensorProto, kind: str, where: str) -> None:
    if not kind.startswith(("FLOAT", "DOUBLE", "BFLOAT")):
        return
    array = onnx.numpy_helper.to_array(tensor)
    finite = np.isfinite(array.astype(np.float32) if array.dtype.itemsize < 2 else array)
    if not np.all(finite):
        index = [int(i) for i in np.argwhere(~finite)[0]]
        count = int(np.sum(~finite))
        raise MalformedModelError(
            f"{count} of its {array.size} numbers are NaN or infinite, the first at {index}",
            where=where,
            hint="retrain or repair the weights; no fixed-point number stands for NaN or infinity",
        )

# SPDX-License-Identifier: Apache-2.0
"""Inputs of a model and their shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import onnx

from fpgann.errors import ConfigError, MalformedModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.limits import MAX_INPUT_ELEMENTS


@dataclass(frozen=True, slots=True)
class Port:
    """An input of the model.

    Args:
        name: its name.
        shape: literal shape, batch axis included; a batch axis that the file leaves open counts as 1.
        batched: whether the file leaves the batch axis open.
        element_type: ONNX name of the element type, FLOAT for instance.
    """

    name: str
    shape: tuple[int, ...]
    batched: bool
    element_type: str


def find_ports(proto: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> tuple[Port, ...]:
    """The inputs that a user feeds; the model's own shapes are replaced by the given ones.

    Args:
        proto: the model; input shapes that are given are written into it.
        shapes: given shapes by input name.

    Raises:
        ConfigError: a given shape does not fit.
        MalformedModelError: an input is no tensor or has no shape.
        UnsupportedOperatorError: a size other than the batch size is open.
    """
    constants = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in constants]
    names = [value.name for value in inputs]
    for name in shapes:
        if name not in names:
            raise ConfigError(f"the model has no input '{name}'", hint=f"its inputs are {', '.join(names)}")
    known = _symbols(inputs, shapes)
    ports = tuple(_port(value, shapes.get(value.name), known) for value in inputs)
    if shapes:
        _forget_shapes(proto)
    return ports


def _symbols(inputs: Sequence[onnx.ValueInfoProto], shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Sizes by the name that the file gives them: 1 for batch sizes, and those of given shapes."""
    known: dict[str, int] = {}
    for value in inputs:
        dims, given = value.type.tensor_type.shape.dim, shapes.get(value.name)
        if given is None and dims and dims[0].dim_param:
            known.setdefault(dims[0].dim_param, 1)
        elif given is not None and len(given) == len(dims):
            known.update({dim.dim_param: size for dim, size in zip(dims, given, strict=True) if dim.dim_param})
    return known


def _port(value: onnx.ValueInfoProto, given: Sequence[int] | None, known: Mapping[str, int]) -> Port:
    """One input; a name of a size stands for the same number in all of them."""
    where = f"input '{value.name}'"
    if not value.type.HasField("tensor_type"):
        raise UnsupportedOperatorError(
            f"it is a {value.type.WhichOneof('value') or 'value of no type'}, not a tensor",
            where=where,
            hint="export the model with tensors as inputs",
        )
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise MalformedModelError("its shape is not given", where=where, hint="export the model with input shapes")
    dims = list(tensor.shape.dim)
    sizes = [dim.dim_value if dim.dim_value > 0 else None for dim in dims]
    batched = bool(sizes) and sizes[0] is None and given is None
    for i, dim in enumerate(dims):
        if given is None and sizes[i] is None and dim.dim_param in known and (i or known[dim.dim_param] != 1):
            sizes[i] = dim.dim_value = known[dim.dim_param]  # takes the place of the name
    if given is not None:
        _check_given(sizes, given, where)
        for dim, size in zip(dims, given, strict=True):
            dim.dim_value = size
        sizes = list(given)
    open_axes = [i for i, size in enumerate(sizes) if size is None and i > 0]
    if open_axes:
        named = ", ".join(f"axis {i} ('{dims[i].dim_param}')" if dims[i].dim_param else f"axis {i}" for i in open_axes)
        raise UnsupportedOperatorError(
            f"the size of {named} is not fixed; only the batch axis (0) may be open",
            where=where,
            hint="export the model with a fixed size there, or give the shape with --input-shape",
        )
    shape = tuple(size or 1 for size in sizes)
    if prod(shape[1:]) > MAX_INPUT_ELEMENTS:
        raise _too_large(value.name, shape)
    names = onnx.TensorProto.DataType
    has_name = tensor.elem_type in names.values()
    return Port(value.name, shape, batched, names.Name(tensor.elem_type) if has_name else str(tensor.elem_type))


def check_sizes(ports: Sequence[Port]) -> None:
    """Refuse inputs that no hardware takes; an absurd batch size may have been replaced before.

    Raises:
        UnsupportedOperatorError: there is one.
    """
    for port in ports:
        if prod(port.shape) > MAX_INPUT_ELEMENTS:
            raise _too_large(port.name, port.shape)


def _too_large(name: str, shape: tuple[int, ...]) -> UnsupportedOperatorError:
    return UnsupportedOperatorError(
        f"its shape {list(shape)} has {prod(shape)} elements",
        where=f"input '{name}'",
        hint="if its first size is the batch size, export with 1, or give the shape with --input-shape",
    )


def _check_given(sizes: list[int | None], given: Sequence[int], where: str) -> None:
    """A given shape may replace open sizes and the batch size."""
    fits = len(given) == len(sizes) and all(size > 0 for size in given)
    if not fits or any(size not in (None, new) for size, new in zip(sizes[1:], given[1:], strict=False)):
        shown = ["?" if size is None else size for size in sizes]
        raise ConfigError(
            f"shape {list(given)} does not fit the model's {shown}",
            where=where,
            hint="only open sizes and axis 0 can change",
        )


def _forget_shapes(proto: onnx.ModelProto) -> None:
    """Shapes of intermediate values and outputs no longer hold."""
    del proto.graph.value_info[:]
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")

# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses as JSON and back, guided by their annotations.

An annotation says what a field may hold, so a file can name no class and no type that the source does
not. Known are bool, int, float, str, None, Fraction ("p/q"), enums (by name), tuples, unions, arrays and
dataclasses of these. A field excluded from comparison is a cache and is not written.

Arrays stand beside the JSON, under the path of their field; object arrays (integers beyond 63 bits) stand in
it, as decimal strings.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import operator
import re
import types
import typing
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias, TypeGuard

import numpy as np

from fpgann.errors import ConfigError, FormatError, VerificationError
from fpgann.ir.operator import OPERATORS, Operator
from fpgann.ir.types import Constant, Encoding, TensorType
from fpgann.numerics import steps
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.functions import TABLE
from fpgann.numerics.integers import FLOAT64_EXACT, FloatArray, IntArray
from fpgann.numerics.scalar_map import Rounder

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Arrays: TypeAlias = dict[str, IntArray]

MAX_INTEGER_BITS = 4096
MAX_ELEMENTS = 2**31
_DECIMAL = re.compile(r"-?[0-9]{1,1300}")
_RATIO = re.compile(r"(-?[0-9]{1,1300})/([0-9]{1,1300})")


def class_name(cls: type) -> str:
    """What a file calls a class: operators go by their stem, other classes by their Python name."""
    return cls.name if issubclass(cls, Operator) else cls.__name__


@cache
def stored_fields(cls: type) -> Mapping[str, Any]:
    """Name and annotation of every field that is part of a value."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls) if f.compare and f.init}


@cache
def choices(hint: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation: those of a union, every operator for `Operator`, else itself."""
    if hint is Operator:
        return tuple(OPERATORS.values())
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(c for part in typing.get_args(hint) for c in choices(part))
    return (hint,)


def _is_class(hint: Any) -> TypeGuard[type]:
    """Whether an annotation is a plain class; before Python 3.11 `tuple[int, ...]` is an instance of type too."""
    return isinstance(hint, type) and typing.get_origin(hint) is None


def encode(value: object, hint: Any, path: str, arrays: Arrays) -> Json:
    """A value as JSON.

    Args:
        value: what to write.
        hint: its annotation.
        path: where it stands, as in "3.weight.data".
        arrays: receives the arrays met, by path.

    Returns:
        The JSON form.

    Raises:
        VerificationError: the value is not what its annotation says, or the annotation is of no known kind.
    """
    if value is None and type(None) in choices(hint):
        return None
    if isinstance(value, np.ndarray):
        return _encode_array(value, hint, path, arrays)
    for choice in choices(hint):
        if dataclasses.is_dataclass(choice) and type(value) is choice:
            fields = {
                name: encode(getattr(value, name), field, f"{path}.{name}", arrays)
                for name, field in stored_fields(choice).items()
            }
            if _is_nonsense(value):
                raise VerificationError(f"makes no sense: {value!r:.120}", where=path)
            return {"class": class_name(choice)} | fields
        if typing.get_origin(choice) is tuple and isinstance(value, tuple):
            items = _tuple_items(choice, len(value))
            if items is not None:
                pairs = zip(value, items, range(len(value)), strict=True)
                return [encode(item, wanted, f"{path}.{i}", arrays) for item, wanted, i in pairs]
        if _is_class(choice) and (scalar := _encode_scalar(value, choice)) is not None:
            return scalar
    raise VerificationError(f"a {type(value).__name__} cannot be written as {_show(hint)}", where=path)


def _encode_scalar(value: object, choice: type) -> Json:
    """The JSON form of a scalar of a type, or None if it is no such scalar."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value) if choice is bool else None
    if choice is int and isinstance(value, (int, np.integer)) and _is_short(value):
        return operator.index(value)
    if choice is float and isinstance(value, (float, np.floating)) and math.isfinite(value):
        return float(value)
    if choice is float and isinstance(value, int) and abs(value) <= FLOAT64_EXACT:
        return float(value)
    if choice is str and isinstance(value, str):
        return str(value)
    if choice is Fraction and isinstance(value, (Fraction, int)) and _is_short(value):
        return f"{value.numerator}/{value.denominator}"
    if issubclass(choice, enum.Enum) and isinstance(value, choice):
        return value.name
    return None


def _encode_array(value: IntArray, hint: Any, path: str, arrays: Arrays) -> Json:
    wanted = {np.dtype(np.float64): FloatArray, np.dtype(np.int64): IntArray, np.dtype(object): IntArray}
    if wanted.get(value.dtype, object) not in choices(hint):
        raise VerificationError(f"an array of {value.dtype} cannot be written as {_show(hint)}", where=path)
    if value.dtype == object:
        digits = [_encode_scalar(v, int) for v in value.flat]
        if None in digits:
            raise VerificationError("an object array holds more than integers", where=path)
        return {"integers": [str(d) for d in digits], "shape": list(value.shape)}
    if not np.isfinite(value).all():
        raise VerificationError("an array holds a number that is not finite", where=path)
    arrays[path] = value
    return {"array": path}


def _is_short(number: int | np.integer[Any] | Fraction) -> bool:
    """Whether a number can be written: Python limits the digits that it converts."""
    return max(int(number.numerator).bit_length(), int(number.denominator).bit_length()) <= MAX_INTEGER_BITS


def decode(data: Json, hint: Any, path: str, take_array: Callable[[str], IntArray]) -> Any:
    """The value of a JSON form; the inverse of `encode`.

    Args:
        data: parsed JSON, not trusted.
        hint: the annotation of what is wanted.
        path: where it stands, for messages.
        take_array: hands out an array by name; raises FormatError if there is none.

    Returns:
        A value that the annotation allows.

    Raises:
        FormatError: the data is no such value.
    """
    kinds = choices(hint)
    if data is None and type(None) in kinds:
        return None
    if isinstance(data, dict):
        if "class" in data:
            return _decode_dataclass(data, hint, path, take_array)
        if IntArray in kinds or FloatArray in kinds:
            return _decode_array(data, hint, path, take_array)
    for choice in kinds:
        if typing.get_origin(choice) is tuple and isinstance(data, list):
            items = _tuple_items(choice, len(data))
            if items is not None:
                pairs = zip(data, items, range(len(data)), strict=True)
                return tuple(decode(item, wanted, f"{path}.{i}", take_array) for item, wanted, i in pairs)
        if _is_class(choice) and (scalar := _decode_scalar(data, choice, path)) is not None:
            return scalar
    shown = "an object" if isinstance(data, dict) else "a list" if isinstance(data, list) else repr(data)[:60]
    raise FormatError(f"{shown} is not {_show(hint)}", where=path)


def _decode_scalar(data: Json, choice: type, path: str) -> object:
    """The scalar of a type that JSON data stands for, or None if it stands for none."""
    if choice is int and type(data) is int:
        if data.bit_length() > MAX_INTEGER_BITS:
            raise FormatError(f"an integer of {data.bit_length()} bits", where=path)
        return data
    if choice is float and type(data) is float and math.isfinite(data):
        return data
    if choice in (bool, str) and type(data) is choice:
        return data
    if choice is Fraction and isinstance(data, str):
        match = _RATIO.fullmatch(data)
        return Fraction(int(match[1]), int(match[2])) if match and int(match[2]) else None
    if issubclass(choice, enum.Enum) and isinstance(data, str):
        return choice.__members__.get(data)
    return None


def _decode_dataclass(data: dict[str, Json], hint: Any, path: str, take_array: Callable[[str], IntArray]) -> object:
    known = {class_name(c): c for c in choices(hint) if _is_class(c) and dataclasses.is_dataclass(c)}
    name = data["class"]
    cls = known.get(name) if isinstance(name, str) else None
    name = str(name)[:60]
    if cls is None:
        raise FormatError(f"class {name!r} is not {_show(hint)}", where=path)
    fields = stored_fields(cls)
    wrong = sorted(set(fields).symmetric_difference(data.keys() - {"class"}))
    if wrong:
        problem = "lacks" if wrong[0] in fields else "has an unknown"
        raise FormatError(f"{name} {problem} field '{wrong[0]:.60}'", where=path)
    values = {f: decode(data[f], field, f"{path}.{f}", take_array) for f, field in fields.items()}
    try:
        value = cls(**values)
    except (ConfigError, ValueError) as error:
        raise FormatError(str(error), where=path) from None
    if _is_nonsense(value):
        raise FormatError(f"makes no sense: {value!r:.120}", where=path)
    return value


def _decode_array(data: dict[str, Json], hint: Any, path: str, take_array: Callable[[str], IntArray]) -> IntArray:
    kinds = choices(hint)
    if data.keys() == {"array"} and isinstance(data["array"], str):
        array = take_array(data["array"])
        if (FloatArray if array.dtype == np.float64 else IntArray) not in kinds:
            raise FormatError(f"array '{data['array']}' of {array.dtype} is not {_show(hint)}", where=path)
        if array.dtype == np.float64 and not np.isfinite(array).all():
            raise FormatError(f"array '{data['array']}' holds a number that is not finite", where=path)
        return array
    if data.keys() == {"integers", "shape"} and IntArray in kinds:
        shape, digits = data["shape"], data["integers"]
        if isinstance(shape, list) and isinstance(digits, list):
            sizes = [size for size in shape if type(size) is int and size >= 0]
            strings = [d for d in digits if isinstance(d, str) and _DECIMAL.fullmatch(d)]
            if len(sizes) == len(shape) <= 32 and len(strings) == len(digits) == math.prod(sizes):
                integers = np.empty(len(strings), object)
                integers[:] = [int(s) for s in strings]
                return integers.reshape(sizes)
    raise FormatError("is no array", where=path)


def _tuple_items(hint: Any, length: int) -> list[Any] | None:
    """The annotation of each item of a tuple, or None if it cannot have that length."""
    items = typing.get_args(hint)
    if len(items) == 2 and items[1] is Ellipsis:
        return [items[0]] * length
    return list(items) if len(items) == length else None


def _is_nonsense(value: object) -> bool:
    """Whether a constructor lets through what no graph of fpgann holds: it would hang or crash later."""
    match value:
        case FixedType(frac=frac):
            return abs(frac) > MAX_INTEGER_BITS
        case TensorType(shape=shape):
            elements = math.prod(max(1, size) for size in shape)
            return len(shape) > 32 or min(shape, default=0) < 0 or elements > MAX_ELEMENTS
        case Constant(data=data, encoding=None):
            return data.dtype != np.float64
        case Constant(data=data, encoding=Encoding(range=codes)):
            low, high = (int(data.min()), int(data.max())) if data.size else (codes.low, codes.high)
            return data.dtype == np.float64 or low not in codes or high not in codes
        case Encoding(scale=scale, offset=offset) | steps.Affine(scale=scale, offset=offset):
            return not scale or not offset
        case steps.Normalize(gamma=gamma, beta=beta, mean=mean, variance=variance):
            return not (gamma and beta and mean and variance) or min(variance) <= 0
        case steps.Curve(name=name, parameters=parameters):
            known = {f.value: len(definition.parameters) for f, definition in TABLE.items()}
            return known.get(name) != len(parameters) or not all(parameters)
        case Rounder(low=low, high=high):
            return low > high
    return False


def _show(hint: Any) -> str:
    """An annotation as the source writes it."""
    names = {FloatArray: "float64 array", IntArray: "integer array", type(None): "null", Operator: "operator"}
    shown = [
        names.get(choice) or (class_name(choice) if _is_class(choice) else str(choice))
        for choice in ((hint,) if hint is Operator else choices(hint))
    ]
    return f"a known {shown[0]}" if hint is Operator else " or ".join(shown)

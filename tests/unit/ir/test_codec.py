# SPDX-License-Identifier: Apache-2.0
"""Values as JSON and back, one annotation at a time."""

from __future__ import annotations

import dataclasses
import json
import typing
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import fpgann.ir.ops  # noqa: F401  registers the operators
from fpgann.errors import FormatError, VerificationError
from fpgann.ir import Constant, Encoding, TensorType, Value, codec
from fpgann.ir.codec import Arrays, Json, decode, encode
from fpgann.ir.operator import OPERATORS, Operator
from fpgann.ir.ops.activation import Function
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.requantize import Requantize
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.numerics.steps import Affine, Clip, Curve, Normalize, Step
from tests.unit.ir import samples
from tests.unit.ir.samples import BYTE, F
from tests.unit.numerics.properties import holds


def there_and_back(value: object, hint: Any) -> object:
    """Written as text and read again; all arrays are used."""
    arrays: Arrays = {}
    data = json.loads(json.dumps(encode(value, hint, "v", arrays), allow_nan=False))
    result = decode(data, hint, "v", arrays.pop)
    assert not arrays
    return result


@pytest.mark.parametrize(
    ("value", "hint", "text"),
    [
        (True, bool, "true"),
        (0, int, "0"),
        (-(2**1030), int, str(-(2**1030))),
        (1e-5, float, "1e-05"),
        (-0.0, float, "-0.0"),
        (5e-324, float, "5e-324"),
        ("ö\n\ud800", str, '"\\u00f6\\n\\ud800"'),
        (None, int | None, "null"),
        (3, int | None, "3"),
        (F(-7, 3), Fraction, '"-7/3"'),
        (F(1, 2**1074), Fraction, f'"1/{2**1074}"'),
        (Rounding.RND_CONV, Rounding, '"RND_CONV"'),
        (Function.RELU, Function, '"RELU"'),
        ((1, 2), tuple[int, ...], "[1, 2]"),
        ((), tuple[int, ...], "[]"),
        ((1, "a"), tuple[int, str], '[1, "a"]'),
        ((F(1), None), tuple[Fraction | None, ...], '["1/1", null]'),
        (CodeRange(-1, 2), CodeRange, '{"class": "CodeRange", "low": -1, "high": 2}'),
        (Clip(None, F(1)), Step, '{"class": "Clip", "low": null, "high": "1/1"}'),
    ],
)
def test_json(value: object, hint: Any, text: str) -> None:
    assert json.dumps(encode(value, hint, "v", {})) == text
    assert samples.same(there_and_back(value, hint), value)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (np.int64(3), int, 3),
        (np.float64(0.5), float, 0.5),
        (2, float, 2.0),
        (np.bool_(True), bool, True),
        (3, Fraction, F(3)),
        (np.str_("a"), str, "a"),
    ],
)
def test_relatives_become_what_is_announced(value: object, hint: Any, expected: object) -> None:
    assert samples.same(there_and_back(value, hint), expected)


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, -0.0]]),
        np.array(7),
        np.zeros((0, 3)),
        np.array([-(2**63), 2**63 - 1]),
        np.array([[2**63, -5], [0, 2**1000]], object),
        np.array([1, 2], object),
        np.array(2**70, object),
        np.zeros((2, 0), object),
    ],
)
def test_arrays(array: np.ndarray) -> None:
    hint = FloatArray if array.dtype == np.float64 else IntArray
    assert samples.same(there_and_back(array, hint), array)


def test_numpy_integers_in_object_arrays() -> None:
    back = there_and_back(np.array([np.int64(3), 2**70], object), IntArray)
    assert [type(v) for v in back] == [int, int]


def test_caches_are_not_written() -> None:
    scalar_map = samples.staircase(Curve("tanh"))
    before = encode(scalar_map, ScalarMap, "v", {})
    scalar_map.apply(np.arange(9))
    assert scalar_map._staircases
    assert encode(scalar_map, ScalarMap, "v", {}) == before
    assert set(before) == {"class", "steps", "rounder"}


@dataclasses.dataclass(frozen=True)
class Odd:
    """Has a field that no file can hold."""

    field: dict[str, int]


@pytest.mark.parametrize(
    ("value", "hint", "message"),
    [
        (1, bool, "v: a int cannot be written as bool"),
        (True, int, "v: a bool cannot be written as int"),
        (1.0, int, "v: a float cannot be written as int"),
        (2**5000, int, "v: a int cannot be written as int"),
        (True, float, "a bool cannot be written as float"),
        (float("nan"), float, "a float cannot be written as float"),
        (float("inf"), float, "a float cannot be written as float"),
        (0.5, Fraction, "a float cannot be written as Fraction"),
        (F(1, 2**5000), Fraction, "a Fraction cannot be written as Fraction"),
        ("RND", Rounding, "a str cannot be written as Rounding"),
        (Function.RELU, Rounding, "a Function cannot be written as Rounding"),
        (None, int, "a NoneType cannot be written as int"),
        ([1], tuple[int, ...], r"a list cannot be written as tuple\[int, \.\.\.\]"),
        ((1, 2, 3), tuple[int, str], "a tuple cannot be written"),
        (((1,), ("a",)), tuple[tuple[int, ...], ...], r"v\.1\.0: a str cannot be written as int"),
        (CodeRange(0, 1), FixedType, "a CodeRange cannot be written as FixedType"),
        (CodeRange(0, 1), Operator, "a CodeRange cannot be written as a known operator"),
        (CodeRange(0, 1), Step, "a CodeRange cannot be written as Affine or Normalize or Clip or Curve"),
        (Odd({"a": 1}), Odd, r"v\.field: a dict cannot be written as dict\[str, int\]"),
        (np.ones(2, np.float32), FloatArray, "an array of float32 cannot be written as float64 array"),
        (np.ones(2, np.int8), IntArray, "an array of int8 cannot be written as integer array"),
        (np.ones(2, np.int64), FloatArray, "an array of int64 cannot be written as float64 array"),
        (np.ones(2), IntArray, "an array of float64 cannot be written as integer array"),
        (np.array([1.5], object), IntArray, "an object array holds more than integers"),
        (np.array([True], object), IntArray, "an object array holds more than integers"),
        (np.array([2**5000]), IntArray, "an object array holds more than integers"),
        (np.array([np.inf]), FloatArray, "an array holds a number that is not finite"),
        (np.ones(2), int, "an array of float64 cannot be written as int"),
        (10**400, float, "a int cannot be written as float"),
        (2**53 + 1, float, "a int cannot be written as float"),
        (Constant(np.ones(2, np.int64)), Constant, "v: makes no sense: Constant"),
        (Constant(np.ones(2), Encoding.of(BYTE)), Constant, "makes no sense: Constant"),
        (Constant(np.array([128]), Encoding.of(BYTE)), Constant, "makes no sense: Constant"),
        (Constant(np.array([-129], object), Encoding.of(BYTE)), Constant, "makes no sense: Constant"),
        (FixedType(True, 8, 10**9), FixedType, "makes no sense: FixedType"),
    ],
)
def test_what_cannot_be_written(value: object, hint: Any, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        encode(value, hint, "v", {})


RANGE = {"class": "CodeRange", "low": 0, "high": 1}
FIXED = {"class": "FixedType", "signed": True, "width": 8, "frac": 4}
AFFINE = {"class": "Affine", "scale": ["1/1"], "offset": ["0/1"]}
NORMALIZE = {"class": "Normalize", "gamma": ["1/1"], "beta": ["0/1"], "mean": ["0/1"], "variance": ["1/1"]}
TENSOR = {"class": "TensorType", "shape": [1], "encoding": None}


@pytest.mark.parametrize(
    ("data", "hint", "message"),
    [
        (1, bool, "v: 1 is not bool"),
        (True, int, "True is not int"),
        (1.0, int, r"1\.0 is not int"),
        ("1", int, "'1' is not int"),
        (2**5000, int, "an integer of 5001 bits"),
        (1, float, "1 is not float"),
        (float("inf"), float, "inf is not float"),
        (None, int, "None is not int"),
        ([], int, "a list is not int"),
        ({}, int, "an object is not int"),
        (0.5, Fraction, r"0\.5 is not Fraction"),
        ("1", Fraction, "'1' is not Fraction"),
        ("1/0", Fraction, "'1/0' is not Fraction"),
        ("1/-2", Fraction, "'1/-2' is not Fraction"),
        (" 1/2", Fraction, "' 1/2' is not Fraction"),
        ("1e99999999/1", Fraction, "is not Fraction"),
        ("١/٢", Fraction, "is not Fraction"),
        ("1" * 5000 + "/1", Fraction, "is not Fraction"),
        ("NEAREST", Rounding, "'NEAREST' is not Rounding"),
        ("__members__", Rounding, "'__members__' is not Rounding"),
        (0, Rounding, "0 is not Rounding"),
        (["a"], tuple[int, ...], r"v\.0: 'a' is not int"),
        ([1, 2, 3], tuple[int, str], r"a list is not tuple\[int, str\]"),
        ({"class": "Path"}, Operator, "class 'Path' is not a known operator"),
        ({"class": "fpgann.ir.ops.dense.Dense"}, Operator, "is not a known operator"),
        ({"class": "Dense"}, Operator, "class 'Dense' is not a known operator"),
        ({"class": ["dense"]}, Operator, r"class .*dense.* is not a known operator"),
        ({"class": None}, CodeRange, "class 'None' is not CodeRange"),
        (FIXED, CodeRange, "class 'FixedType' is not CodeRange"),
        (RANGE, Step, "class 'CodeRange' is not Affine or Normalize or Clip or Curve"),
        ({"low": 0, "high": 1}, CodeRange, "an object is not CodeRange"),
        ({"class": "CodeRange", "low": 0}, CodeRange, "CodeRange lacks field 'high'"),
        (RANGE | {"step": 1}, CodeRange, "CodeRange has an unknown field 'step'"),
        (RANGE | {"__class__": 1}, CodeRange, "has an unknown field '__class__'"),
        ({"class": "ScalarMap", "steps": [], "rounder": None, "_staircases": {}}, ScalarMap, "unknown field '_stair"),
        (RANGE | {"low": 2}, CodeRange, r"v: empty range 2\.\.1"),
        (RANGE | {"low": "0"}, CodeRange, r"v\.low: '0' is not int"),
        (FIXED | {"width": 0}, FixedType, "a fixed-point width must be 1 to 1024 bits, not 0"),
        (FIXED | {"width": 10**9}, FixedType, "a fixed-point width must be"),
        (FIXED | {"frac": 10**9}, FixedType, "v: makes no sense: FixedType"),
        (AFFINE | {"scale": []}, Step, "makes no sense: Affine"),
        (AFFINE | {"offset": []}, Step, "makes no sense: Affine"),
        (NORMALIZE | {"variance": ["0/1"]}, Step, "makes no sense: Normalize"),
        (NORMALIZE | {"variance": ["-1/1"]}, Step, "makes no sense: Normalize"),
        (NORMALIZE | {"mean": []}, Step, "makes no sense: Normalize"),
        ({"class": "Curve", "name": "wavy", "parameters": []}, Step, "makes no sense: Curve"),
        ({"class": "Curve", "name": "elu", "parameters": []}, Step, "makes no sense: Curve"),
        ({"class": "Curve", "name": "elu", "parameters": [[]]}, Step, "makes no sense: Curve"),
        ({"class": "Rounder", "mode": "RND", "low": 1, "high": 0}, Rounder, "makes no sense: Rounder"),
        (TENSOR | {"shape": [-1]}, TensorType, "makes no sense: TensorType"),
        (TENSOR | {"shape": [10**18]}, TensorType, "makes no sense: TensorType"),
        (TENSOR | {"shape": [2**16] * 2}, TensorType, "makes no sense: TensorType"),
        (TENSOR | {"shape": [0, 10**18]}, TensorType, "makes no sense: TensorType"),
        (TENSOR | {"shape": [1] * 33}, TensorType, "makes no sense: TensorType"),
        ({"class": "Constant", "data": {"array": "i"}, "encoding": None}, Constant, "makes no sense: Constant"),
        ({"array": "gone"}, FloatArray, "no array of that name"),
        ({"array": 3}, FloatArray, "v: is no array"),
        ({"array": "f", "x": 1}, FloatArray, "v: is no array"),
        ({}, FloatArray, "v: is no array"),
        ([1.5], FloatArray, "a list is not float64 array"),
        ({"array": "f"}, IntArray, "array 'f' of float64 is not integer array"),
        ({"array": "i"}, FloatArray, "array 'i' of int64 is not float64 array"),
        ({"array": "nan"}, FloatArray, "array 'nan' holds a number that is not finite"),
        ({"integers": ["1"], "shape": [1]}, FloatArray, "v: is no array"),
        ({"integers": ["1"], "shape": [2]}, IntArray, "v: is no array"),
        ({"integers": ["1"], "shape": [10**18]}, IntArray, "v: is no array"),
        ({"integers": [], "shape": [0, -1]}, IntArray, "v: is no array"),
        ({"integers": [1], "shape": [1]}, IntArray, "v: is no array"),
        ({"integers": ["1.5"], "shape": [1]}, IntArray, "v: is no array"),
        ({"integers": ["1"], "shape": [True]}, IntArray, "v: is no array"),
        ({"integers": ["1"], "shape": [1] * 65}, IntArray, "v: is no array"),
        ({"integers": "1", "shape": [1]}, IntArray, "v: is no array"),
    ],
)
def test_what_cannot_be_read(data: Json, hint: Any, message: str) -> None:
    arrays = {"f": np.ones(2), "i": np.ones(2, np.int64), "nan": np.array([np.nan])}

    def take(name: str) -> np.ndarray:
        if name not in arrays:
            raise FormatError("no array of that name")
        return arrays[name]

    with pytest.raises(FormatError, match=message):
        decode(data, hint, "v", take)


@holds(samples.encodings(channels=3), st.lists(samples.positives, min_size=1, max_size=3))
def values(encoding: Encoding, numbers: list[Fraction]) -> None:
    many = tuple(numbers)
    steps = (Affine(many, (F(1, 3),)), Normalize(many, many, (F(0),), many), Clip(None, F(2)), Curve("sigmoid"))
    scalar_map = ScalarMap(steps, Rounder(Rounding.TRN_ZERO, -3, 2**20))
    requantize = Requantize(scalar_map, encoding, -2, "sigmoid")
    constant = Constant(np.full((2, 3), encoding.range.low), encoding)
    for value, hint in (
        (encoding, Encoding),
        (scalar_map, ScalarMap | None),
        (requantize, Operator),
        (Dense(constant, None), Operator),
        (Value("x", TensorType((1, 3), encoding), scalar_map), Value),
    ):
        assert samples.same(there_and_back(value, hint), value)


def annotations(hint: Any, within: tuple[Any, ...] = ()) -> list[Any]:
    """Every annotation within another one; an operator may hold operators."""
    found = []
    for choice in codec.choices(hint):
        found.append(choice)
        if choice in within:
            continue
        inside = (*within, choice)
        if typing.get_origin(choice) is tuple:
            parts = [part for part in typing.get_args(choice) if part is not ...]
        else:
            parts = list(codec.stored_fields(choice).values()) if dataclasses.is_dataclass(choice) else []
        found += [inner for part in parts for inner in annotations(part, inside)]
    return found


@pytest.mark.parametrize("root", [*OPERATORS.values(), Value], ids=lambda cls: cls.__name__)
def test_every_field_can_be_stored(root: type) -> None:
    """A new operator with a field that no file can hold is noticed here."""
    for hint in annotations(root):
        known = (
            hint in (bool, int, float, str, type(None), Fraction, IntArray, FloatArray)
            or dataclasses.is_dataclass(hint)
            or typing.get_origin(hint) is tuple
            or (isinstance(hint, type) and hasattr(hint, "__members__"))
        )
        assert known, f"{root.__name__} holds {hint}"


def test_classes_have_one_name_each() -> None:
    classes = {c for root in (*OPERATORS.values(), Value) for c in annotations(root) if dataclasses.is_dataclass(c)}
    assert len({codec.class_name(cls) for cls in classes}) == len(classes)


def test_twin_that_forgets_a_field(monkeypatch: pytest.MonkeyPatch) -> None:
    original = codec.stored_fields
    monkeypatch.setattr(
        codec, "stored_fields", lambda cls: {k: v for k, v in original(cls).items() if (cls, k) != (Encoding, "axis")}
    )
    turned = dataclasses.replace(Encoding.of(BYTE), axis=-2)
    assert not samples.same(there_and_back(turned, Encoding), turned)


def test_twin_that_rounds_fractions(monkeypatch: pytest.MonkeyPatch) -> None:
    original = codec._encode_scalar

    def broken(value: object, choice: type) -> Json:
        return original(F(float(value)) if isinstance(value, Fraction) else value, choice)

    monkeypatch.setattr(codec, "_encode_scalar", broken)
    values.must_fail()

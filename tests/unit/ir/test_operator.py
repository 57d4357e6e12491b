# SPDX-License-Identifier: Apache-2.0
"""The registry of operators."""

from __future__ import annotations

import dataclasses

import pytest

import fpgann.ir.ops  # noqa: F401  registers the operators
from fpgann.errors import ModelError
from fpgann.ir.operator import OPERATORS, Operator, expect


def test_every_operator_is_registered_by_its_stem() -> None:
    pending, found = [Operator], set()
    while pending:
        pending += (subclasses := pending.pop().__subclasses__())
        found.update(subclasses)
    # a dataclass with slots is a copy of the class it was made of; both are subclasses
    registered = {cls for cls in found if "__dataclass_fields__" in vars(cls) and cls.stored}
    assert set(OPERATORS.values()) <= registered
    assert {cls.__qualname__ for cls in registered} == {cls.__qualname__ for cls in OPERATORS.values()}
    for name, cls in OPERATORS.items():
        assert (cls.name, cls.__module__) == (name, f"fpgann.ir.ops.{name}")


@pytest.mark.parametrize("cls", OPERATORS.values(), ids=str)
def test_operators_are_frozen(cls: type[Operator]) -> None:
    assert dataclasses.is_dataclass(cls)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert cls.__dataclass_params__.eq is False  # type: ignore[attr-defined]
    assert "__slots__" in vars(cls)


def test_expect() -> None:
    expect(True, "nothing happens")
    with pytest.raises(ModelError, match="what is wrong"):
        expect(False, "what is wrong")

# SPDX-License-Identifier: Apache-2.0
"""What every operator of the graph offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, TypeVar

from fpgann.errors import ModelError
from fpgann.ir.types import TensorType

OPERATORS: dict[str, type[Operator]] = {}
OperatorT = TypeVar("OperatorT", bound="type[Operator]")


class Operator(ABC):
    """One tensor operation: a frozen dataclass of its attributes.

    Attributes:
        name: the operator's stem, shared by the files of all levels.
        inputs: how many tensors it reads.
        stored: whether graphs on disk may hold it.
    """

    name: ClassVar[str]
    inputs: ClassVar[int] = 1
    stored: ClassVar[bool] = True

    @abstractmethod
    def infer(self, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """Types of the results, from the types of the operands.

        Raises:
            ModelError: the operands do not fit the operator.
        """

    def describe(self) -> str:
        """Attributes as short text for the graph dump."""
        return ""


def register(operator: OperatorT) -> OperatorT:
    """Class decorator: make an operator known by its name, for reading graphs from disk."""
    OPERATORS[operator.name] = operator
    return operator


def expect(condition: bool, message: str) -> None:  # noqa: FBT001  reads like assert
    """Raise ModelError with a message unless a condition on operands holds."""
    if not condition:
        raise ModelError(message)

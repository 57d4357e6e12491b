# SPDX-License-Identifier: Apache-2.0
"""The graph: named values in single-assignment form, nodes in execution order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fpgann.errors import FpgannError
from fpgann.ir.operator import Operator
from fpgann.ir.types import TensorType
from fpgann.numerics.scalar_map import ScalarMap


@dataclass(frozen=True, slots=True)
class Value:
    """A named tensor at the border of a graph.

    Args:
        name: its name.
        type: its type.
        entry: for an input of codes, how the host turns real numbers into them; None on real inputs.
    """

    name: str
    type: TensorType
    entry: ScalarMap | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operator applied to named values.

    Args:
        name: unique in the graph; the layer name that reports and generated code show.
        op: the operator with its attributes.
        inputs: names of the values read.
        outputs: names of the values defined.
    """

    name: str
    op: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def output(self) -> str:
        """The only output."""
        (name,) = self.outputs
        return name


@dataclass(frozen=True)
class Graph:
    """An immutable tensor graph.

    Args:
        name: the model's name.
        inputs: graph inputs, in order.
        outputs: names of the values delivered, in order, by the name under which each is delivered.
        nodes: nodes; every value is defined before it is read.
        types: the type of every value.
    """

    name: str
    inputs: tuple[Value, ...]
    outputs: Mapping[str, str]
    nodes: tuple[Node, ...]
    types: Mapping[str, TensorType] = field(repr=False)

    def producers(self) -> dict[str, Node]:
        """The node that defines each value."""
        return {name: node for node in self.nodes for name in node.outputs}

    def consumers(self) -> dict[str, list[Node]]:
        """The nodes that read each value, in order."""
        readers: dict[str, list[Node]] = {name: [] for name in self.types}
        for node in self.nodes:
            for name in node.inputs:
                readers[name].append(node)
        return readers

    def only_reader(self, name: str) -> Node | None:
        """The single node that reads a value, if there is exactly one and the value is no graph output."""
        readers = [node for node in self.nodes if name in node.inputs]
        return readers[0] if len(readers) == 1 and name not in self.outputs.values() else None


class GraphBuilder:
    """Builds a graph node by node; types are inferred as it grows.

    Args:
        name: the model's name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._inputs: list[Value] = []
        self._nodes: list[Node] = []
        self._types: dict[str, TensorType] = {}
        self._node_names: set[str] = set()
        self._wanted_names: dict[str, str] = {}  # node name -> the name that was asked for

    def input(self, name: str, type_: TensorType, entry: ScalarMap | None = None) -> str:
        """Add a graph input."""
        self._define(name, type_)
        self._inputs.append(Value(name, type_, entry))
        return name

    def add(self, op: Operator, inputs: Iterable[str], *, name: str, outputs: Iterable[str] = ()) -> str:
        """Add a node.

        Args:
            op: the operator.
            inputs: names of values defined before.
            name: wanted node name; made unique if taken.
            outputs: names of the results; by default the node's name.

        Returns:
            The name of the first result.

        Raises:
            FpgannError: the operator refuses the operand types; the message names the node.
        """
        operands, results = tuple(inputs), tuple(outputs)
        unique = self._unique(name, self._node_names)
        try:
            types = op.infer(tuple(self._types[operand] for operand in operands))
        except FpgannError as error:
            error.where = error.where or f"node '{name}' ({op.name})"
            raise
        results = results or tuple(
            self._unique(unique if i == 0 else f"{unique}_{i}", self._types) for i in range(len(types))
        )
        self._node_names.add(unique)
        self._wanted_names[unique] = name
        for result, type_ in zip(results, types, strict=True):
            self._define(result, type_)
        self._nodes.append(Node(unique, op, operands, results))
        return results[0]

    def type(self, name: str) -> TensorType:
        """The type of a value defined so far."""
        return self._types[name]

    def build(self, outputs: Mapping[str, str]) -> Graph:
        """Finish: keep what the outputs need; names that dropped nodes had taken are free again.

        Args:
            outputs: delivered name -> value name.
        """
        needed = set(outputs.values())
        kept: list[Node] = []
        for node in reversed(self._nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        taken: set[str] = set()
        nodes = []
        for node in reversed(kept):
            name = self._unique(self._wanted_names[node.name], taken)
            taken.add(name)
            nodes.append(replace(node, name=name))
        defined = {v.name for v in self._inputs}.union(*(node.outputs for node in nodes))
        types = {name: type_ for name, type_ in self._types.items() if name in defined}
        return Graph(self._name, tuple(self._inputs), dict(outputs), tuple(nodes), types)

    def _define(self, name: str, type_: TensorType) -> None:
        if name in self._types:
            raise ValueError(f"value '{name}' is defined twice")
        self._types[name] = type_

    @staticmethod
    def _unique(name: str, taken: Iterable[str]) -> str:
        names = taken if isinstance(taken, (set, dict)) else set(taken)
        candidate, count = name, 2
        while candidate in names:
            candidate, count = f"{name}_{count}", count + 1
        return candidate

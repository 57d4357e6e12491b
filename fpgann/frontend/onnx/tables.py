# SPDX-License-Identifier: Apache-2.0
"""Which function imports which ONNX operator, and what it is handed to do so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import NoReturn, TypeAlias

import numpy as np
import onnx_ir

from fpgann.dispatch import StageTable
from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.constants import Known
from fpgann.frontend.onnx.limits import MAX_ELEMENTS, MAX_FOLDED_ELEMENTS
from fpgann.ir import GraphBuilder, Operator
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.integers import FloatArray

STANDARD = ""
_GRAPHS = frozenset({onnx_ir.AttributeType.GRAPH, onnx_ir.AttributeType.GRAPHS})
QONNX = "qonnx.custom_op.general"


@dataclass
class Progress:
    """What the import has found so far.

    Args:
        builder: the graph being built.
        opsets: domain -> version.
        reserved: value names of the ONNX graph, which intermediate results must not take.
        known: ONNX value name -> its constant.
        values: ONNX value name -> name of the graph's value that holds it.
        folded_elements: sum of the sizes of all constants computed.
        quantizes: the model has a quantizer between computed values.
        scope: what stands before the names of values inside of a node.
        walk: imports the nodes of a graph inside of a node.
    """

    builder: GraphBuilder
    opsets: dict[str, int]
    reserved: set[str]
    known: dict[str, Known] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    folded_elements: int = 0
    quantizes: bool = False
    scope: str = ""
    walk: Callable[[onnx_ir.Graph, Progress], None] | None = None


class Site:
    """One ONNX node being imported: its operands, its attributes, and where its results go.

    Args:
        node: the node.
        progress: everything imported before it.
    """

    def __init__(self, node: onnx_ir.Node, progress: Progress) -> None:
        self.node = node
        self.op_type = node.op_type
        self.name = node.name or (node.outputs[0].name if node.outputs else "") or node.op_type
        self.opset = progress.opsets.get(node.domain, 1)
        self.built: list[Operator] = []
        self.results: list[str] = []
        self._progress = progress
        self._name_is_free = True

    @property
    def nested(self) -> bool:
        """Whether graphs inside the node may read more than its operands."""
        return any(attribute.type in _GRAPHS for attribute in self.node.attributes.values())

    @property
    def quantizes(self) -> bool:
        """Whether anything before it is quantized by the model."""
        return self._progress.quantizes

    # -- operands

    def operand(self, index: int) -> str:
        """The ONNX name of an operand; empty if it is left out."""
        if index >= len(self.node.inputs):
            return ""
        value = self.node.inputs[index]
        return (value.name or "") if value is not None else ""

    def has(self, index: int) -> bool:
        """Whether an operand is given."""
        return bool(self.operand(index))

    def is_known(self, index: int) -> bool:
        """Whether an operand is a constant."""
        return self.operand(index) in self._progress.known

    def known(self, index: int, role: str) -> Known:
        """A constant operand.

        Args:
            index: which operand.
            role: what it is, for the message.

        Raises:
            UnsupportedOperatorError: it is computed from the model's inputs.
            MalformedModelError: it is missing.
        """
        name = self.operand(index)
        if not name:
            raise MalformedModelError(f"its {role} is missing")
        constant = self._progress.known.get(name)
        if constant is None:
            raise UnsupportedOperatorError(
                f"its {role} ('{name}') is computed from the model's inputs",
                hint=f"export the model with a constant {role}",
            )
        return constant

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of an operand that is not constant."""
        return self._progress.builder.type(self.value(index)).shape

    def element_type(self, index: int) -> onnx_ir.DataType | None:
        """The element type of an operand, if it is known."""
        value = self.node.inputs[index] if index < len(self.node.inputs) else None
        if value is None:
            return None
        return value.dtype or (None if value.const_value is None else value.const_value.dtype)

    def value(self, index: int) -> str:
        """The graph's name of an operand that is not constant.

        Raises:
            MalformedModelError: the operand is missing.
            UnsupportedOperatorError: it is constant.
        """
        name = self.operand(index)
        if not name:
            raise MalformedModelError(f"its operand {index} is missing")
        if name not in self._progress.values:
            self.refuse(
                f"its operand {index} ('{name}') is a constant",
                "only the other operands may be constants; re-export the model with constants folded",
            )
        return self._progress.values[name]

    # -- graphs inside

    def captured(self, graph: onnx_ir.Graph) -> dict[str, str]:
        """What a graph inside of the node reads of the values computed around it, with their graph names."""
        inside = {value.name for value in graph.inputs} | set(graph.initializers)
        read: dict[str, str] = {}
        for node in graph.all_nodes():
            inside.update(value.name for value in node.outputs)
            inner = [a.as_graph() for a in node.attributes.values() if a.type == onnx_ir.AttributeType.GRAPH]
            inside.update(value.name for body in inner for value in body.inputs)
            inside.update(name for body in inner for name in body.initializers)
        values = [value for node in graph.all_nodes() for value in node.inputs]
        for value in (*values, *graph.outputs):
            name = "" if value is None else value.name or ""
            if name not in inside and name in self._progress.values:
                read[name] = self._progress.values[name]
        return read

    def enter(
        self,
        graph: onnx_ir.Graph,
        scope: str,
        *,
        builder: GraphBuilder | None = None,
        known: Mapping[str, Known] | None = None,
        values: Mapping[str, str] | None = None,
    ) -> Progress:
        """Import a graph inside of the node.

        Args:
            graph: the graph.
            scope: what tells its values from those of the same graph elsewhere.
            builder: where its nodes go; by default where this node goes.
            known: constants that it reads, besides those around it.
            values: graph names of values that it reads; all of them if there is a builder.

        Returns:
            What was built: its results are among the constants and values.

        Raises:
            ModelError: one of its nodes cannot be built.
        """
        outer = self._progress
        inner = replace(
            outer,
            builder=builder or outer.builder,
            known={**outer.known, **(known or {})},
            values={**({} if builder else outer.values), **(values or {})},
            scope=f"{outer.scope}{self.name}/{scope}",
        )
        assert outer.walk is not None
        outer.walk(graph, inner)
        outer.folded_elements, outer.quantizes = inner.folded_elements, inner.quantizes
        if builder is None:
            self.results += [inner.values[name] for name in inner.values.keys() - outer.values.keys()]
        return inner

    # -- attributes

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        attribute = self.attribute(name, onnx_ir.AttributeType.INT)
        return default if attribute is None else attribute.as_int()

    def number(self, name: str, default: float) -> float:
        """A float attribute, exactly as stored."""
        attribute = self.attribute(name, onnx_ir.AttributeType.FLOAT)
        return default if attribute is None else float(attribute.as_float())

    def numbers(self, name: str) -> tuple[float, ...]:
        """An attribute that is a list of floats, exactly as stored; empty if it is left out."""
        attribute = self.attribute(name, onnx_ir.AttributeType.FLOATS)
        return () if attribute is None else tuple(float(number) for number in attribute.as_floats())

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        attribute = self.attribute(name, onnx_ir.AttributeType.STRING)
        return default if attribute is None else attribute.as_string()

    def integers(self, name: str) -> tuple[int, ...] | None:
        """An attribute that is a list of integers; None if it is left out."""
        attribute = self.attribute(name, onnx_ir.AttributeType.INTS)
        return None if attribute is None else tuple(attribute.as_ints())

    def attribute(self, name: str, kind: onnx_ir.AttributeType) -> onnx_ir.Attr | None:
        """An attribute of a kind; None if it is left out.

        Raises:
            MalformedModelError: it is of another kind.
        """
        attribute = self.node.attributes.get(name)
        if attribute is not None and attribute.type != kind:
            raise MalformedModelError(f"attribute '{name}' must be {kind.name}, not {attribute.type.name}")
        return attribute

    # -- results

    def apply(self, op: Operator, operands: str | tuple[str, ...], suffix: str) -> str:
        """Add a node whose result stays inside this ONNX node.

        Args:
            op: the operator.
            operands: graph names of what it reads.
            suffix: appended to the ONNX node's name.

        Returns:
            The graph name of the result.
        """
        name = f"{self.name}_{suffix}"
        return self._add(op, operands, name, self._unused(name))

    def apply_layer(self, op: Operator, operands: str | tuple[str, ...]) -> str:
        """Add the layer that this ONNX node is, with more to follow inside; options and reports know it by its name.

        Args:
            op: the operator.
            operands: graph names of what it reads.

        Returns:
            The graph name of the result.
        """
        self._name_is_free = False
        return self._add(op, operands, self.name, self._unused(f"{self.name}_product"))

    def apply_all(self, op: Operator, operands: tuple[str, ...], suffix: str) -> tuple[str, ...]:
        """Add a node of several results that stay inside this ONNX node; their graph names."""
        builder = self._progress.builder
        types = op.infer(tuple(builder.type(operand) for operand in operands))
        results = tuple(self.inner_name(f"{suffix}_{i}") for i in range(len(types)))
        self.built.append(op)
        self.results += results
        builder.add(op, operands, name=f"{self.name}_{suffix}", outputs=results)
        return results

    def inner_name(self, suffix: str) -> str:
        """A name for a value inside this ONNX node that no other value has."""
        return self._unused(f"{self.name}_{suffix}")

    def _unused(self, name: str) -> str:
        """A name for a value that no value of the ONNX graph has."""
        result, count = name, 2
        while result in self._progress.reserved:
            result, count = f"{name}_{count}", count + 1
        self._progress.reserved.add(result)
        return result

    def deliver(self, op: Operator, operands: str | tuple[str, ...], index: int = 0) -> None:
        """Add the node that computes one output of the ONNX node, the first by default."""
        output, scope = self.output(index), self._progress.scope
        name = self.name if index == 0 and self._name_is_free else f"{self.name}_{index or 'result'}"
        result = self._unused(f"{scope}{output}") if scope else output
        self._progress.values[output] = self._add(op, operands, name, result)

    def alias(self, operand: str, index: int = 0) -> None:
        """Make an output another name of a value, the first by default."""
        self._progress.values[self.output(index)] = operand

    def settle(self, constant: Known, index: int = 0) -> None:
        """Make an output a constant, the first by default."""
        self._progress.known[self.output(index)] = constant

    def shape_of(self, index: int) -> tuple[int, ...]:
        """The shape of an operand, constant or not."""
        return self.known(index, "operand").data.shape if self.is_known(index) else self.shape(index)

    def shape_of_value(self, name: str) -> tuple[int, ...]:
        """The shape of a value of the graph."""
        return self._progress.builder.type(name).shape

    def tensor(self, index: int) -> str:
        """The graph's name of an operand; a constant one becomes a tensor of the graph that reads nothing."""
        if not self.is_known(index):
            return self.value(index)
        return self.constant(self.known(index, "operand").reals, f"operand_{index}")

    def constant(self, numbers: FloatArray, suffix: str) -> str:
        """Constants as a tensor of the graph that reads nothing."""
        operands = (self.operand(i) for i in range(len(self.node.inputs)))
        values = self._progress.values
        beside = next((values[name] for name in operands if name in values), next(iter(values.values()), None))
        if beside is None:
            self.refuse("all of its operands are constants", "re-export the model with constants folded")
        start = prod(self.shape_of_value(beside))
        index = (start + np.arange(numbers.size)).reshape(numbers.shape)
        op = Arrange(index, numbers.reshape(-1), kind="constant")
        return self.apply(op, beside, suffix)

    def reserve(self, elements: int) -> None:
        """Account for a constant about to be computed.

        Raises:
            MalformedModelError: all of them together would be too large.
        """
        self._progress.folded_elements += elements
        if self._progress.folded_elements > MAX_FOLDED_ELEMENTS:
            raise MalformedModelError(
                f"its constant result of {elements} elements would be too large",
                hint="the file is damaged or hostile; export the model again",
            )

    def output(self, index: int = 0) -> str:
        """The ONNX name of an output, the first by default.

        Raises:
            MalformedModelError: it is missing.
        """
        name = self.node.outputs[index].name if self.has_output(index) else None
        if not name:
            raise MalformedModelError("it has no output")
        return name

    def is_used(self, index: int) -> bool:
        """Whether anything reads an output."""
        output = self.node.outputs[index]
        return self.has_output(index) and bool(output.uses() or output.is_graph_output())

    def has_output(self, index: int) -> bool:
        """Whether an output is given a name."""
        return index < len(self.node.outputs) and bool(self.node.outputs[index].name)

    def refuse_outputs(self, hint: str) -> None:
        """Refuse a node of which any output but the first is used."""
        for output in self.node.outputs[1:]:
            if output.name and (output.uses() or output.is_graph_output()):
                raise UnsupportedOperatorError(f"its output '{output.name}' is not supported", hint=hint)

    def refuse(self, message: str, hint: str) -> NoReturn:
        """Refuse the node.

        Raises:
            UnsupportedOperatorError: always.
        """
        raise UnsupportedOperatorError(message, hint=hint)

    def _add(self, op: Operator, operands: str | tuple[str, ...], name: str, result: str) -> str:
        builder = self._progress.builder
        read = (operands,) if isinstance(operands, str) else operands
        shapes = [type_.shape for type_ in op.infer(tuple(builder.type(operand) for operand in read))]
        if any(prod(shape) > MAX_ELEMENTS for shape in shapes):
            self.refuse(f"its result of shape {list(shapes[0])} is too large", "check the operands' shapes")
        self._progress.quantizes |= isinstance(op, Quantize)
        self.built.append(op)
        self.results.append(result)
        return builder.add(op, read, name=name, outputs=(result,))


Importer: TypeAlias = Callable[[Site], None]
Folder: TypeAlias = Callable[[Site], "Known | None"]

IMPORTERS: StageTable[Importer] = StageTable("ONNX import")  # keys are (domain, operator type)
FOLDERS: StageTable[Folder] = StageTable("ONNX constant folding")

# SPDX-License-Identifier: Apache-2.0
"""Move transposes down until pairs of them cancel: maps then have their channels last from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from fpgann.ir import Graph, GraphBuilder, Node, Operator
from fpgann.ir.ops.activation import Activation
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.compare import Compare
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.keep_winner import KeepWinner
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.reduce import Reduce
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.select import Select
from fpgann.ir.ops.softmax import Softmax
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.ops.windows import Windows
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.passes.rewrite import copy_node, rebuild, within_bodies

_JOINS = (Add, Multiply, Extreme, Compare, Select, KeepWinner)


@dataclass(frozen=True, slots=True)
class Moved:
    """A value that is another one with its axes in another order, and perhaps flattened then.

    Args:
        source: value of the new graph.
        permutation: axis i of the value is axis permutation[i] of the source.
        flat: shape that the transposed source is given.
    """

    source: str
    permutation: tuple[int, ...]
    flat: tuple[int, ...] | None = None

    @property
    def inverse(self) -> tuple[int, ...]:
        """Where each axis of the source comes to lie."""
        return tuple(int(axis) for axis in np.argsort(self.permutation))

    def axis(self, axis: int) -> int:
        """The axis of the source, counted from the end, that an axis of the value (likewise) is."""
        rank = len(self.permutation)
        return self.permutation[axis + rank] - rank

    def positions(self, shape: tuple[int, ...]) -> IntArray:
        """For each element of the value its place in the source, whose shape is given; both row-major."""
        return np.asarray(np.arange(prod(shape)).reshape(shape).transpose(self.permutation).reshape(-1))


@dataclass(frozen=True, slots=True)
class MoveTransposes:
    """Operators work on what a transpose reads, and the transpose follows them.

    A transpose in front of a dense layer that reads a flattened map is taken by its weights. Only graphs with windows
    are changed: there the channels come to lie last.
    """

    def apply(self, graph: Graph) -> Graph:
        """The graph with as few transposes as may be."""
        graph = within_bodies(graph, self.apply)
        if not any(isinstance(node.op, Windows) for node in graph.nodes):
            return graph
        mover = _Mover(graph)
        return rebuild(graph, mover.visit)


@dataclass
class _Mover:
    """One walk over the graph.

    Args:
        graph: the graph as it is.
        moved: values of the old graph that are not made as such unless somebody asks for them.
        made: those that are, each by its name in the new graph.
    """

    graph: Graph
    moved: dict[str, Moved] = field(default_factory=dict)
    made: dict[Moved, str] = field(default_factory=dict)

    def visit(self, builder: GraphBuilder, node: Node, names: dict[str, str]) -> None:
        if not self._move(builder, node, names):
            for name in node.inputs:
                self._make(builder, name, names)
            copy_node(builder, node, names)
        for name in node.outputs:
            if name in self.graph.outputs.values():
                self._make(builder, name, names)

    def _make(self, builder: GraphBuilder, name: str, names: dict[str, str]) -> None:
        """Make sure that a value exists in its own order."""
        if name in names:
            return
        moved = self.moved[name]
        if moved not in self.made:
            self.made[moved] = self._made(builder, name, moved)
        names[name] = self.made[moved]

    def _made(self, builder: GraphBuilder, name: str, moved: Moved) -> str:
        shape = builder.type(moved.source).shape
        value, wanted = moved.source, tuple(shape[axis] for axis in moved.permutation)
        if _keeps_order(moved.permutation, shape):
            return builder.add(Reshape(moved.flat or wanted), (value,), name=f"{name}_shape")
        value = builder.add(Transpose(moved.permutation), (value,), name=f"{name}_transposed")
        return value if moved.flat is None else builder.add(Reshape(moved.flat), (value,), name=f"{name}_flat")

    def _move(self, builder: GraphBuilder, node: Node, names: dict[str, str]) -> bool:
        """Let a node work on what transposes read, if it can; False leaves all as it is."""
        if isinstance(node.op, Transpose):
            return self._transpose(node, node.op, names)
        pending = [self.moved[name] for name in node.inputs if name in self.moved]
        if not pending or len(node.outputs) != 1:
            return False
        first = pending[0]
        shape = self.graph.types[node.inputs[0]].shape
        match node.op:
            case Reshape():
                return self._reshape(builder, node, node.op, first)
            case Arrange():
                self._arrange(builder, node, node.op, names)
                return True
            case Dense() if first.flat is not None:
                return self._dense(builder, node, node.op, names)
            case Dense() if first.permutation[-1] != len(first.permutation) - 1:
                return False
            case _ if isinstance(node.op, _JOINS):
                return self._join(builder, node, names)
        op = _moved_operator(node.op, first, shape, self.graph.types[node.output].shape)
        if op is None:
            return False
        result = builder.add(op, (first.source,), name=node.name, outputs=node.outputs)
        self.moved[node.output] = replace(first, source=result)
        return True

    def _transpose(self, node: Node, op: Transpose, names: dict[str, str]) -> bool:
        (name,) = node.inputs
        before = self.moved.get(name)
        if before is not None and before.flat is not None:
            return False
        source, permutation = names.get(name, ""), op.permutation
        if before is not None:
            source, permutation = before.source, tuple(before.permutation[axis] for axis in op.permutation)
        if permutation == tuple(range(len(permutation))):
            names[node.output] = source
        else:
            self.moved[node.output] = Moved(source, permutation)
        return True

    def _reshape(self, builder: GraphBuilder, node: Node, op: Reshape, moved: Moved) -> bool:
        shape = builder.type(moved.source).shape
        if _keeps_order(moved.permutation, shape):
            return False  # a reshape of the source alone
        if moved.flat is None and (squeezed := _squeezed(moved, shape, op.shape)) is not None:
            result = moved.source
            if squeezed[0] != shape:
                result = builder.add(Reshape(squeezed[0]), (result,), name=node.name, outputs=node.outputs)
            self.moved[node.output] = Moved(result, squeezed[1])
        else:
            self.moved[node.output] = replace(moved, flat=op.shape)
        return True

    def _dense(self, builder: GraphBuilder, node: Node, op: Dense, names: dict[str, str]) -> bool:
        """Rows of the weights change places instead of elements."""
        moved = self.moved[node.inputs[0]]
        assert moved.flat is not None
        if op.groups > 1 or prod(moved.flat[:-1]) != 1:
            return False
        positions = moved.positions(builder.type(moved.source).shape)
        weight = replace(op.weight, data=op.weight.data[np.argsort(positions)])
        row = builder.add(Reshape(moved.flat), (moved.source,), name=f"{node.name}_row")
        builder.add(replace(op, weight=weight), (row,), name=node.name, outputs=node.outputs)
        names[node.output] = node.output
        return True

    def _arrange(self, builder: GraphBuilder, node: Node, op: Arrange, names: dict[str, str]) -> None:
        """The index says where elements are taken from, and in which order they are left."""
        pool, sources, start = [], [], 0
        for name in node.inputs:
            moved, size = self.moved.get(name), self.graph.types[name].size
            if moved is None:
                sources.append(names[name])
                pool.append(start + np.arange(size))
            else:
                sources.append(moved.source)
                pool.append(start + moved.positions(builder.type(moved.source).shape))
            start += size
        pool.append(start + np.arange(op.constants.size))
        index = np.concatenate(pool)[op.index]
        like = next((m for name in node.inputs if (m := self.moved.get(name)) and m.flat is None), None)
        if like is None or len(like.permutation) != index.ndim:
            builder.add(replace(op, index=index), sources, name=node.name, outputs=node.outputs)
            names[node.output] = node.output
            return
        index = np.ascontiguousarray(index.transpose(like.inverse))
        result = builder.add(replace(op, index=index), sources, name=node.name, outputs=node.outputs)
        self.moved[node.output] = replace(like, source=result)

    def _join(self, builder: GraphBuilder, node: Node, names: dict[str, str]) -> bool:
        """Operands in another order than the rest get the order of the rest, if that is less work."""
        shape = self.graph.types[node.output].shape
        alike: dict[tuple[tuple[int, ...], tuple[int, ...] | None], int] = {}
        for name in node.inputs:
            moved = self.moved.get(name)
            if moved is not None and (moved.flat or len(moved.permutation) == len(shape)):
                key = (moved.permutation, moved.flat and builder.type(moved.source).shape)
                alike[key] = alike.get(key, 0) + self.graph.types[name].size
        if not alike:
            return False
        (permutation, flat), size = max(alike.items(), key=lambda item: item[1])
        others = [name for name in node.inputs if not self._has_order(builder, name, permutation, flat)]
        if sum(s for name in others if (s := self.graph.types[name].size) > 1) > size or (flat and others):
            return False
        sources = []
        pattern = Moved("", permutation)
        for name in node.inputs:
            if name in others:
                self._make(builder, name, names)
                sources.append(self._reordered(builder, names[name], pattern, len(shape)))
            else:
                sources.append(self.moved[name].source)
        op = node.op
        if isinstance(op, KeepWinner):
            if flat:
                return False
            op = replace(op, axis=pattern.axis(op.axis))
        result = builder.add(op, sources, name=node.name, outputs=node.outputs)
        self.moved[node.output] = Moved(result, permutation, shape if flat else None)
        return True

    def _has_order(
        self, builder: GraphBuilder, name: str, permutation: tuple[int, ...], flat: tuple[int, ...] | None
    ) -> bool:
        moved = self.moved.get(name)
        if moved is None or moved.permutation != permutation:
            return False
        return (moved.flat and builder.type(moved.source).shape) == flat

    def _reordered(self, builder: GraphBuilder, value: str, pattern: Moved, rank: int) -> str:
        """A value of which the pattern makes the given one."""
        shape = builder.type(value).shape
        if prod(shape) == 1:
            return value if len(shape) <= rank else builder.add(Reshape((1,) * rank), (value,), name=f"{value}_shape")
        whole = (1,) * (rank - len(shape)) + shape
        if whole != shape:
            value = builder.add(Reshape(whole), (value,), name=f"{value}_axes")
        if _keeps_order(pattern.inverse, whole):
            wanted = tuple(whole[axis] for axis in pattern.inverse)
            return builder.add(Reshape(wanted), (value,), name=f"{value}_shape") if wanted != whole else value
        return builder.add(Transpose(pattern.inverse), (value,), name=f"{value}_reordered")


def _moved_operator(op: Operator, moved: Moved, shape: tuple[int, ...], result: tuple[int, ...]) -> Operator | None:
    """What an operator of one operand is on the source of a moved value; None if it has to see the value itself."""
    if isinstance(op, Quantize | Affine | Activation):
        return _elementwise(op, moved, shape, result)
    if moved.flat is not None:
        return None
    match op:
        case BatchNormalization():
            return replace(op, axis=moved.permutation[op.axis])
        case Reduce():
            return replace(op, axes=tuple(sorted(moved.axis(axis) for axis in op.axes)))
        case Softmax() | ArgExtreme():
            return replace(op, axis=moved.axis(op.axis))
        case Dense():
            return op
    return None


def _elementwise(
    op: Quantize | Affine | Activation, moved: Moved, shape: tuple[int, ...], result: tuple[int, ...]
) -> Operator | None:
    if result != shape:
        return None
    constants = _constants(op)
    if moved.flat is not None:
        return op if all(c.size == 1 and c.ndim <= 1 for c in constants) else None
    if any(c.ndim > len(shape) for c in constants):
        return None
    return _with_constants(op, [_permuted(c, moved.inverse) for c in constants])


def _constants(op: Quantize | Affine | Activation) -> tuple[FloatArray, ...]:
    match op:
        case Quantize():
            return op.scale, op.zero_point
        case Affine():
            return op.multiplier, op.divisor, op.addend
        case Activation():
            return op.parameters


def _with_constants(op: Quantize | Affine | Activation, constants: Sequence[FloatArray]) -> Operator:
    match op:
        case Quantize():
            return replace(op, scale=constants[0], zero_point=constants[1])
        case Affine():
            return replace(op, multiplier=constants[0], divisor=constants[1], addend=constants[2])
        case Activation():
            return replace(op, parameters=tuple(constants))


def _permuted(constant: FloatArray, inverse: tuple[int, ...]) -> FloatArray:
    """Constants in a shape that broadcasts against the source."""
    if constant.size == 1:
        return constant.reshape(())
    whole = constant.reshape((1,) * (len(inverse) - constant.ndim) + constant.shape)
    return np.ascontiguousarray(whole.transpose(inverse))


def _keeps_order(permutation: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a transpose leaves all elements where they are."""
    long = [axis for axis in permutation if shape[axis] != 1]
    return long == sorted(long)


def _squeezed(
    moved: Moved, source: tuple[int, ...], wanted: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Shape of the source and permutation of a value that loses or gains axes of size 1; None if more happens."""
    old = [source[axis] for axis in moved.permutation if source[axis] != 1]
    if old != [size for size in wanted if size != 1]:
        return None
    long = [axis for axis in range(len(source)) if source[axis] != 1]
    ones = len(wanted) - len(long)
    if ones < 0:
        return None
    shape = (1,) * ones + tuple(source[axis] for axis in long)
    places = iter(ones + long.index(axis) for axis in moved.permutation if source[axis] != 1)
    spare = iter(range(ones))
    return shape, tuple(next(spare) if size == 1 else next(places) for size in wanted)

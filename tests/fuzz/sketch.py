# SPDX-License-Identifier: Apache-2.0
"""A model while it is drawn, node by node; each node is run at once, so shapes and values are always known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

import numpy as np
import onnx
from onnx import helper

from tests.fuzz.evaluate import IR_VERSION, RejectedError, opset_imports, run_node, tensor_of

ELEMENTS = 32  # of a tensor
GREATEST = 24.0  # of values: default types have six integer bits
LEAST = 0.02  # of the values of a tensor, the largest


@dataclass(frozen=True)
class Tensor:
    """A computed tensor on all samples.

    Args:
        name: its name in the model.
        data: shape (samples, *shape).
    """

    name: str
    data: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape[1:]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def kind(self) -> str:
        """`real`, `bit` or `integer`."""
        return {"f": "real", "b": "bit"}.get(self.data.dtype.kind, "integer")


@dataclass
class Sketch:
    """A model as it grows.

    Args:
        rng: decides everything.
        opset: of the standard operators.
    """

    rng: np.random.Generator
    opset: int
    inputs: list[Tensor] = field(default_factory=list)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    count: int = 0

    # chance

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def whole(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def axis(self, x: Tensor, first: int = 0) -> int:
        """An axis from `first` on, counted from either end."""
        if x.rank <= first:
            raise RejectedError("there is no such axis")
        axis = self.whole(first, x.rank - 1)
        return axis - x.rank if self.chance(0.4) else axis

    def real(self) -> Tensor:
        return self.operand("real")

    def operand(self, kind: str, fits: Callable[[Tensor], bool] = lambda _: True) -> Tensor:
        """A tensor of a kind; those that nothing reads yet come first, and late ones before early ones."""
        found = [t for t in self.tensors.values() if t.kind == kind and fits(t)]
        if not found:
            raise RejectedError(f"nothing is {kind}")
        fresh = self.unread()
        weights = np.array([(i + 1) * (6 if t.name in fresh else 1) for i, t in enumerate(found)], float)
        return found[int(self.rng.choice(len(found), p=weights / weights.sum()))]

    def partner(self, x: Tensor) -> Tensor:
        """A tensor of the same kind that broadcasts against another."""

        def fits(other: Tensor) -> bool:
            try:
                return prod(np.broadcast_shapes(other.shape, x.shape)) <= ELEMENTS
            except ValueError:
                return False

        return self.operand(x.kind, fits)

    def unread(self) -> set[str]:
        """Tensors that no node reads."""
        return set(self.tensors) - {name for node in self.nodes for name in node.input}

    # parts of a graph

    def constant(self, array, dtype=np.float32, kind: int | None = None) -> str:
        self.count += 1
        name = f"c{self.count}"
        self.constants[name] = tensor_of(np.asarray(array, dtype), name, kind)
        return name

    def integers(self, *numbers: int) -> str:
        return self.constant(numbers, np.int64)

    def shape_constant(self, x: Tensor) -> tuple[int, ...]:
        """The shape of a constant that broadcasts to a tensor: one number, channels, rows, everything."""
        each = tuple(size if self.chance(0.5) else 1 for size in x.shape)
        return self.pick((), (1,), x.shape[-1:], x.shape, each)

    def numbers(self, shape: tuple[int, ...], size: float = 1.0) -> np.ndarray:
        """Weights and the like: zeros, powers of two and extremes among them."""
        array = self.rng.normal(0, size, shape)
        form = self.whole(0, 9)
        if form == 0:
            array = np.where(self.rng.random(shape) < 0.4, 0.0, array)
        elif form == 1:
            array = np.sign(array) * 2.0 ** np.round(np.log2(np.abs(array) + 1e-3))
        elif form == 2:
            array = np.round(array * 4) / 4
        return np.asarray(array, np.float32)

    def away_from_zero(self, shape: tuple[int, ...]) -> np.ndarray:
        """Numbers to multiply with or to divide by."""
        array = self.numbers(shape)
        return np.asarray(np.where(array < 0, -1, 1) * np.clip(np.abs(array), 0.3, 3.0), np.float32)

    def add(self, op_type: str, inputs: list[str], *, domain: str = "", outputs: int = 1, **attributes) -> Tensor:
        """Append a node and run it; its first output.

        Raises:
            RejectedError: onnxruntime refuses the node, or its values are too many, too large or not finite.
        """
        names = [f"t{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        node = helper.make_node(op_type, inputs, names, self._node_name(op_type), domain=domain, **attributes)
        computed = {name: self.tensors[name].data for name in inputs if name in self.tensors}
        used = {name: self.constants[name] for name in inputs if name in self.constants}
        results = run_node(node, computed, used, self.opset)
        for name, data in zip(names, results, strict=True):
            self._check(data)
            self.tensors[name] = Tensor(name, data)
        self.nodes.append(node)
        return self.tensors[names[0]]

    def _node_name(self, op_type: str) -> str:
        """Now and then a name that is no VHDL identifier, or a word of the language, or no name at all."""
        number = len(self.nodes)
        if self.chance(0.95):
            return f"{op_type.lower()}{number}"
        name = self.pick("", "signal", "process", "/block/Op_", "in_valid", "Layer", "layer", "é", "_", "entity__")
        taken = {node.name for node in self.nodes}
        return name if name not in taken else f"{name}{number}"

    def fold(self, op_type: str, inputs: list[str], *, domain: str = "", **attributes) -> str:
        """A node on constants alone, whose result counts as a constant."""
        name = f"t{len(self.nodes)}"
        node = helper.make_node(
            op_type, inputs, [name], f"{op_type.lower()}{len(self.nodes)}", domain=domain, **attributes
        )
        used = {name: self.constants[name] for name in inputs if name in self.constants}
        (result,) = run_node(node, {}, used, self.opset)
        self.nodes.append(node)
        self.constants[name] = tensor_of(result[0], name)
        return name

    def _check(self, data: np.ndarray) -> None:
        if data[0].size == 0 or data[0].size > ELEMENTS:
            raise RejectedError("the tensor is empty or too large")
        if data.ndim > 6:
            raise RejectedError("the tensor has too many axes")
        if data.dtype.kind == "f":
            largest = float(np.abs(data).max())
            if not np.all(np.isfinite(data)) or not LEAST <= largest <= GREATEST:
                raise RejectedError("its values are not tame")
        elif data.dtype.kind in "iu" and float(np.abs(data.astype(np.float64)).max()) > 2**20:
            raise RejectedError("its integers are large")
        if np.all(data == data[:1]) and self.chance(0.9):
            raise RejectedError("it does not depend on the inputs")

    def attempt(self, draw: Callable[[Sketch], object]) -> bool:
        """Draw something; nothing is left of it if it is rejected."""
        nodes, constants, tensors = list(self.nodes), dict(self.constants), dict(self.tensors)
        try:
            draw(self)
        except RejectedError:
            self.nodes, self.constants, self.tensors = nodes, constants, tensors
            return False
        return True

    def model(self, outputs: list[str]) -> onnx.ModelProto:
        """The nodes that lead to some tensors, as a model."""
        wanted, kept = set(outputs), []
        for node in reversed(self.nodes):
            if wanted & set(node.output):
                kept.append(node)
                wanted |= set(node.input)
        graph = helper.make_graph(
            kept[::-1],
            "fuzz",
            [_described(t, shaped=True) for t in self.inputs if t.name in wanted],
            [_described(self.tensors[name], shaped=False) for name in outputs],
            [t for name, t in self.constants.items() if name in wanted and not any(name in n.output for n in kept)],
        )
        return helper.make_model(graph, opset_imports=opset_imports(self.opset), ir_version=IR_VERSION)


def _described(tensor: Tensor, *, shaped: bool) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(tensor.data.dtype)
    return helper.make_tensor_value_info(tensor.name, kind, tensor.shape if shaped else None)

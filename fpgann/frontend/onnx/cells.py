# SPDX-License-Identifier: Apache-2.0
"""One step of RNN, LSTM and GRU in operators of the graph, from the definitions of ONNX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.constants import Known
from fpgann.frontend.onnx.ops.dense import bias_constant, weight_constant
from fpgann.ir import Graph, GraphBuilder, Operator, TensorType
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.multiply import Multiply
from fpgann.numerics.integers import FloatArray

_ONE, _ZERO = np.ones(()), np.zeros(())
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
STATES = {"RNN": 1, "LSTM": 2, "GRU": 1}
ACTIVATIONS = {"RNN": ("Tanh",), "LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh")}
# name in lower case -> function, defaults of alpha and beta as far as it takes them
_FUNCTIONS: dict[str, tuple[Function, tuple[float, ...]]] = {
    "relu": (Function.RELU, ()),
    "tanh": (Function.TANH, ()),
    "sigmoid": (Function.SIGMOID, ()),
    "softsign": (Function.SOFTSIGN, ()),
    "softplus": (Function.SOFTPLUS, ()),
    "leakyrelu": (Function.LEAKY_RELU, (0.01,)),
    "thresholdedrelu": (Function.THRESHOLDED_RELU, (1.0,)),
    "hardsigmoid": (Function.HARD_SIGMOID, (0.2, 0.5)),
    "elu": (Function.ELU, (1.0,)),
}
_LINES = {"affine": (1.0, 0.0), "scaledtanh": (1.0, 1.0)}


@dataclass(frozen=True, slots=True)
class Shape:
    """A function of the gates: x, or tanh of it, between two lines.

    Args:
        function: what stands in the middle; None for nothing.
        parameters: its numbers.
        before: factor of its argument.
        after: factor and addend of its result.
    """

    function: Function | None
    parameters: tuple[float, ...] = ()
    before: float = 1.0
    after: tuple[float, float] = (1.0, 0.0)


def shapes_of(names: tuple[str, ...], alphas: tuple[float, ...], betas: tuple[float, ...]) -> list[Shape]:
    """Activations by name; each takes the next alpha and beta if it has any.

    Raises:
        MalformedModelError: there is no such function.
    """
    alpha_left, beta_left = list(alphas), list(betas)
    found = []
    for name in names:
        key = name.lower()
        if key not in _FUNCTIONS and key not in _LINES:
            raise MalformedModelError(f"activation '{name:.40}' does not exist")
        defaults = _LINES[key] if key in _LINES else _FUNCTIONS[key][1]
        lists = (alpha_left, beta_left)
        numbers = tuple(
            left.pop(0) if left else float(np.float32(default)) for left, default in zip(lists, defaults, strict=False)
        )
        if key == "affine":
            found.append(Shape(None, after=(numbers[0], numbers[1])))
        elif key == "scaledtanh":
            found.append(Shape(Function.TANH, before=numbers[1], after=(numbers[0], 0.0)))
        else:
            found.append(Shape(_FUNCTIONS[key][0], numbers))
    return found


@dataclass(frozen=True)
class Cell:
    """What one direction of a recurrent layer is made of.

    Args:
        kind: RNN, LSTM or GRU.
        inputs: weights of the input, shape (gates * hidden, inputs).
        recurrent: weights of the state, shape (gates * hidden, hidden).
        biases: bias of the input and of the state, shape (gates * hidden,) each; None for none.
        peepholes: weights of the cell state at the gates i, o, f, shape (3, hidden); None for none.
        shapes: the activations.
        clip: limit of their arguments; None for none.
        coupled: the forget gate of an LSTM is one minus its input gate.
        linear_first: a GRU multiplies the state with its weights before the reset gate.
        joined: input and state come in units that one matrix product can take.
    """

    kind: str
    inputs: Known
    recurrent: Known
    biases: tuple[Known, Known] | None
    peepholes: FloatArray | None
    shapes: list[Shape]
    clip: float | None
    coupled: bool
    linear_first: bool
    joined: bool

    @property
    def hidden(self) -> int:
        """How many units it has."""
        return int(self.recurrent.data.shape[1])


class StepBuilder:
    """Builds the body of one layer.

    Args:
        cell: the layer.
        rows: how many rows are computed side by side.
        name: gives every value a name that is unique in the model.
    """

    def __init__(self, cell: Cell, rows: int, name: Callable[[str], str]) -> None:
        self._cell, self._rows, self._name = cell, rows, name
        self._builder = GraphBuilder(name("step"))

    def build(self, *, stacked: bool) -> Graph:
        """The body: inputs h (and c), then x; outputs their new values, then h once more where it is to be stacked."""
        cell = self._cell
        state = (self._rows, cell.hidden)
        states = [self._input(name, state) for name in ("h", "c")[: STATES[cell.kind]]]
        x = self._input("x", (self._rows, int(cell.inputs.data.shape[1])))
        if cell.kind == "LSTM":
            results = self._long_short(x, *states)
        else:
            results = self._gated(x, *states) if cell.kind == "GRU" else self._simple(x, *states)
        ends = [*results, *([results[0]] if stacked else [])]
        return self._builder.build({str(i): value for i, value in enumerate(ends)})

    def _simple(self, x: str, h: str) -> tuple[str, ...]:
        """h' = f(W x + R h + b)."""
        return (self._shaped(self._sums(x, h, slice(0, 1), "sum"), 0, "state"),)

    def _long_short(self, x: str, h: str, c: str) -> tuple[str, ...]:
        """The gates i, o, f; c' = f * c + i * g(...), h' = o * h(c')."""
        sums = self._sums(x, h, slice(0, 4), "gates")
        peeps = self._cell.peepholes
        if peeps is None:
            gates = self._shaped(self._part(sums, 0, 3, "gates_iof"), 0, "gates")
            i, o, f = (self._part(gates, k, 1, name) for k, name in enumerate(("i", "o", "f")))
        else:
            i, f = (
                self._shaped(self._peeped(self._part(sums, k, 1, f"{name}_sum"), c, peeps[k], name), 0, name)
                for k, name in ((0, "i"), (2, "f"))
            )
        if self._cell.coupled:
            f = self._apply(Affine(-_ONE, _ONE, _ONE), (i,), "coupled")
        g = self._shaped(self._part(sums, 3, 1, "g_sum"), 1, "g")
        kept = self._apply(Multiply(), (f, c), "kept")
        fresh = self._apply(Multiply(), (i, g), "fresh")
        cell = self._apply(Add(), (kept, fresh), "cell")
        if peeps is not None:
            o = self._shaped(self._peeped(self._part(sums, 1, 1, "o_sum"), cell, peeps[1], "o"), 0, "o")
        return self._apply(Multiply(), (o, self._shaped(cell, 2, "cell", clipped=False)), "state"), cell

    def _gated(self, x: str, h: str) -> tuple[str, ...]:
        """The gates z, r; n = g(W x + r * (R h) ...), h' = (1 - z) * n + z * h."""
        gates = self._shaped(self._sums(x, h, slice(0, 2), "gates"), 0, "gates")
        z, r = (self._part(gates, k, 1, name) for k, name in enumerate(("z", "r")))
        if self._cell.linear_first:
            linear = self._product(h, self._cell.recurrent, 1, slice(2, 3), "linear")
            reset = self._apply(Multiply(), (r, linear), "reset")
            sums = self._apply(Add(), (self._product(x, self._cell.inputs, 0, slice(2, 3), "input"), reset), "sum")
        else:
            sums = self._sums(x, self._apply(Multiply(), (r, h), "reset"), slice(2, 3), "sum")
        n = self._shaped(sums, 1, "candidate")
        fresh = self._apply(Multiply(), (self._apply(Affine(-_ONE, _ONE, _ONE), (z,), "rest"), n), "fresh")
        return (self._apply(Add(), (fresh, self._apply(Multiply(), (z, h), "kept")), "state"),)

    # -- products

    def _sums(self, x: str, h: str, gates: slice, suffix: str) -> str:
        """W x + R h + both biases, for some gates."""
        cell = self._cell
        if not cell.joined:
            parts = (
                self._product(x, cell.inputs, 0, gates, f"{suffix}_input"),
                self._product(h, cell.recurrent, 1, gates, f"{suffix}_state"),
            )
            return self._apply(Add(), parts, suffix)
        sizes = [self._builder.type(value).shape[-1] for value in (x, h)]
        numbers = np.arange(self._rows * sum(sizes))
        ends = np.split(numbers, [self._rows * sizes[0]])
        index = np.concatenate([end.reshape(self._rows, -1) for end in ends], axis=1)
        joined = self._apply(Arrange(index, np.zeros(0), kind="concat"), (x, h), f"{suffix}_operand")
        rows = self._rows_of(gates)
        weight = np.concatenate([cell.inputs.reals[rows], cell.recurrent.reals[rows]], axis=1)
        known = Known(np.zeros(len(weight)))
        if cell.biases is not None:
            known = Known(cell.biases[0].reals[rows] + cell.biases[1].reals[rows])
        return self._apply(_layer(Known(weight), known), (joined,), suffix)

    def _product(self, value: str, weights: Known, which: int, gates: slice, suffix: str) -> str:
        """A value times its weights for some gates, with its own bias."""
        rows = self._rows_of(gates)
        biases = self._cell.biases
        bias = None if biases is None else _taken(biases[which], rows)
        return self._apply(_layer(_taken(weights, rows), bias), (value,), suffix)

    def _rows_of(self, gates: slice) -> slice:
        return slice(gates.start * self._cell.hidden, gates.stop * self._cell.hidden)

    def _peeped(self, value: str, c: str, weights: FloatArray, gate: str) -> str:
        """The sum of a gate and what it sees of the cell state."""
        seen = self._apply(Affine(weights, _ONE, _ZERO), (c,), f"{gate}_seen")
        return self._apply(Add(), (value, seen), f"{gate}_peeped")

    # -- elements

    def _part(self, value: str, first: int, count: int, suffix: str) -> str:
        """Some gates of several side by side."""
        rows, width = self._builder.type(value).shape
        hidden = self._cell.hidden
        index = np.arange(rows * width).reshape(rows, width)[:, first * hidden : (first + count) * hidden]
        return self._apply(Arrange(index.copy(), np.zeros(0), kind="slice"), (value,), suffix)

    def _shaped(self, value: str, which: int, suffix: str, *, clipped: bool = True) -> str:
        """An activation."""
        shape = self._cell.shapes[which]
        if self._cell.clip is not None and clipped:
            limits = (np.array(-self._cell.clip), np.array(self._cell.clip))
            value = self._apply(Activation(Function.CLIP, limits), (value,), f"{suffix}_clipped")
        if shape.before != 1.0:
            value = self._apply(Affine(np.array(shape.before), _ONE, _ZERO), (value,), f"{suffix}_scaled")
        if shape.function is not None:
            parameters = tuple(np.array(number) for number in shape.parameters)
            name = f"{suffix}_{shape.function.value}"
            value = self._apply(Activation(shape.function, parameters), (value,), name)
        if shape.after != (1.0, 0.0):
            factor, addend = (np.array(number) for number in shape.after)
            value = self._apply(Affine(factor, _ONE, addend), (value,), f"{suffix}_line")
        return value

    def _input(self, suffix: str, shape: tuple[int, ...]) -> str:
        return self._builder.input(self._name(suffix), TensorType(shape))

    def _apply(self, op: Operator, operands: tuple[str, ...], suffix: str) -> str:
        name = self._name(suffix)
        return self._builder.add(op, operands, name=name, outputs=(name,))


def _taken(known: Known, rows: slice) -> Known:
    return known.moved(lambda array: array[rows])


def _layer(weight: Known, bias: Known | None) -> Dense:
    """Rows of weights as the neurons of a layer."""
    constant = weight_constant(weight.moved(lambda array: array.T), 1.0)
    if bias is None or not np.any(bias.reals):
        return Dense(constant)
    return Dense(constant, bias_constant(bias, 1.0, bias.data.shape[0]))

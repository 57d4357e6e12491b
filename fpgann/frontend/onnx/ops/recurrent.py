# SPDX-License-Identifier: Apache-2.0
"""RNN, LSTM and GRU: one recurrence per direction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.cells import ACTIVATIONS, GATES, STATES, Cell, StepBuilder, shapes_of
from fpgann.frontend.onnx.constants import Known
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.recurrence import Recurrence
from fpgann.numerics.integers import IntArray

_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
_Places = tuple[IntArray | int, ...]
_X, _WEIGHTS, _RECURRENT, _BIAS, _LENGTHS, _STATES, _PEEPHOLES = 0, 1, 2, 3, 4, (5, 6), 7


@IMPORTERS.register(*((STANDARD, op_type) for op_type in GATES))
def import_recurrent(site: Site) -> None:
    """One recurrence per direction, and per length where rows of a batch have several."""
    backward = _DIRECTIONS.get(site.text("direction", "forward"))
    if backward is None:
        raise MalformedModelError(f"direction '{site.text('direction', ''):.20}' does not exist")
    layout = site.integer("layout", 0)
    shape = site.shape_of(_X)
    if len(shape) != 3:
        raise MalformedModelError(f"its input of shape {list(shape)} does not have the axes step, row, feature")
    places = np.arange(int(np.prod(shape))).reshape(shape)
    layer = _Layer(site, backward, layout, places.transpose(1, 0, 2) if layout else places)
    layer.check()
    pieces = [layer.run(*piece) for piece in layer.pieces()]
    layer.deliver(pieces)


@dataclass(frozen=True)
class _Piece:
    """What a recurrence yields for some rows in one direction.

    Args:
        direction: 0, or 1 for the second of two.
        rows: the rows.
        steps: the steps in the order in which they run.
        states: the last states.
        stack: all states h one after another; empty if nobody asks.
    """

    direction: int
    rows: IntArray
    steps: IntArray
    states: tuple[str, ...]
    stack: str


class _Layer:
    """One node.

    Args:
        site: the node.
        backward: for each direction whether it runs from the end.
        layout: 1 where rows come before steps.
        places: positions of the elements of the input, by step, row and feature.
    """

    def __init__(self, site: Site, backward: tuple[bool, ...], layout: int, places: IntArray) -> None:
        self._site, self._backward, self._layout, self._places = site, backward, layout, places
        self._steps, self._rows, _ = places.shape
        self._kind = site.op_type
        self._known = {i: site.known(i, name) for i, name in ((_WEIGHTS, "W"), (_RECURRENT, "R"))}
        if site.has(_BIAS):
            self._known[_BIAS] = site.known(_BIAS, "B")
        self._hidden = int(self._known[_RECURRENT].data.shape[-1])

    def check(self) -> None:
        """Shapes of weights and states are those of the standard.

        Raises:
            MalformedModelError: they are not.
        """
        directions, gates = len(self._backward), GATES[self._kind] * self._hidden
        wanted = {
            _WEIGHTS: (directions, gates, self._places.shape[2]),
            _RECURRENT: (directions, gates, self._hidden),
            _BIAS: (directions, 2 * gates),
        }
        for index, known in self._known.items():
            if known.data.shape != wanted[index]:
                raise MalformedModelError(f"operand {index} is of shape {list(known.data.shape)}, not {wanted[index]}")
        for index in _STATES[: STATES[self._kind]]:
            shape = (self._rows, directions) if self._layout else (directions, self._rows)
            if self._site.has(index) and self._site.shape_of(index) != (*shape, self._hidden):
                raise MalformedModelError(f"a state of shape {list(self._site.shape_of(index))} does not fit its input")
        if self._site.integer("hidden_size", self._hidden) != self._hidden:
            raise MalformedModelError(f"its weights are those of {self._hidden} units, not as many as hidden_size says")

    def pieces(self) -> Iterator[tuple[int, IntArray, IntArray]]:
        """For each direction and length of rows: the direction, the rows, the steps in order."""
        lengths = np.full(self._rows, self._steps)
        if self._site.has(_LENGTHS):
            lengths = self._site.known(_LENGTHS, "sequence_lens").data.reshape(-1).astype(np.int64)
        if lengths.shape != (self._rows,) or lengths.min() < 0 or lengths.max() > self._steps:
            raise MalformedModelError(f"sequence_lens {lengths.tolist()} do not fit {self._rows} rows")
        for direction, backward in enumerate(self._backward):
            for length in np.unique(lengths[lengths > 0]).tolist():
                steps = np.arange(length)
                yield direction, np.flatnonzero(lengths == length), steps[::-1].copy() if backward else steps

    def run(self, direction: int, rows: IntArray, steps: IntArray) -> _Piece:
        """One recurrence."""
        site = self._site
        suffix = f"{'backward' if self._backward[direction] else 'forward'}" + (f"_{rows[0]}" if rows[0] else "")
        stacked = site.has_output(0)
        cell = self._cell(direction)
        body = StepBuilder(cell, rows.size, lambda name: site.inner_name(f"{suffix}_{name}")).build(stacked=stacked)
        states = tuple(self._initial(i, direction, rows, suffix) for i in range(STATES[self._kind]))
        index = self._places[steps][:, rows]
        x = site.tensor(_X)
        if not np.array_equal(index, np.arange(index.size).reshape(index.shape)) or index.shape != site.shape_of(_X):
            x = site.apply(Arrange(index, np.zeros(0), kind="steps"), x, f"{suffix}_steps")
        results = site.apply_all(Recurrence(body, len(states), 1, steps.size), (*states, x), suffix)
        return _Piece(direction, rows, steps, results[: len(states)], results[-1] if stacked else "")

    def _initial(self, state: int, direction: int, rows: IntArray, suffix: str) -> str:
        """A state before the first step."""
        site, operand = self._site, _STATES[state]
        if not site.has(operand):
            return site.constant(np.zeros((rows.size, self._hidden)), f"{suffix}_zeros_{state}")
        shape = site.shape_of(operand)
        places = np.arange(int(np.prod(shape))).reshape(shape)
        index = places[rows, direction] if self._layout else places[direction, rows]
        if site.is_known(operand):
            return site.constant(site.known(operand, "state").reals.reshape(-1)[index], f"{suffix}_initial_{state}")
        return site.apply(Arrange(index, np.zeros(0), kind="state"), site.value(operand), f"{suffix}_initial_{state}")

    def _cell(self, direction: int) -> Cell:
        site, kind = self._site, self._kind
        names = _texts(site, "activations") or ACTIVATIONS[kind] * len(self._backward)
        alphas, betas = _numbers(site, "activation_alpha"), _numbers(site, "activation_beta")
        each = len(ACTIVATIONS[kind])
        if len(names) < each * len(self._backward):
            raise MalformedModelError(f"{len(names)} activations are less than {each} per direction")
        weights, recurrent = (_of(self._known[index], direction) for index in (_WEIGHTS, _RECURRENT))
        biases = None
        if _BIAS in self._known:
            both, half = _of(self._known[_BIAS], direction), GATES[kind] * self._hidden
            biases = (_part(both, slice(0, half)), _part(both, slice(half, 2 * half)))
        peepholes = None
        if kind == "LSTM" and site.has(_PEEPHOLES):
            peepholes = site.known(_PEEPHOLES, "P").reals[direction].reshape(3, self._hidden)
        clip = site.number("clip", 0.0)
        quantized = any(known.codes is not None for known in self._known.values())
        return Cell(
            kind,
            weights,
            recurrent,
            biases,
            peepholes,
            shapes_of(names, alphas, betas)[direction * each : (direction + 1) * each],
            clip if clip > 0 else None,
            bool(site.integer("input_forget", 0)),
            bool(site.integer("linear_before_reset", 0)),
            joined=not (quantized or site.quantizes),
        )

    def deliver(self, pieces: list[_Piece]) -> None:
        """Put the results of all directions and rows together."""
        directions, hidden = len(self._backward), self._hidden
        if self._site.has_output(0):
            parts = [(p.stack, _places(p.steps[:, None], p.direction, p.rows[None, :])) for p in pieces]
            order = (2, 0, 1, 3) if self._layout else (0, 1, 2, 3)
            self._join(parts, (self._steps, directions, self._rows, hidden), order, 0)
        for state in range(STATES[self._kind]):
            if self._site.has_output(state + 1):
                ends = [(piece.states[state], _places(piece.direction, piece.rows)) for piece in pieces]
                self._join(ends, (directions, self._rows, hidden), (1, 0, 2) if self._layout else (0, 1, 2), state + 1)

    def _join(
        self,
        parts: list[tuple[str, _Places]],
        shape: tuple[int, ...],
        axes: tuple[int, ...],
        output: int,
    ) -> None:
        """Deliver an output: values and where they go in a tensor of zeros, whose axes are then permuted."""
        index = np.full(shape, -1)
        count = 0
        for value, places in parts:
            part = self._site.shape_of_value(value)
            index[places] = count + np.arange(int(np.prod(part))).reshape(part)
            count += int(np.prod(part))
        values = tuple(value for value, _ in parts)
        zeros = np.zeros(1 if np.any(index < 0) else 0)
        index = np.where(index < 0, count, index).transpose(axes)
        self._site.deliver(Arrange(index, zeros, kind="states"), values, output)


def _places(*places: IntArray | int) -> _Places:
    return places


def _of(known: Known, direction: int) -> Known:
    return known.moved(lambda array: array[direction])


def _part(known: Known, elements: slice) -> Known:
    return known.moved(lambda array: array[elements])


def _texts(site: Site, name: str) -> tuple[str, ...]:
    attribute = site.attribute(name, onnx_ir.AttributeType.STRINGS)
    return () if attribute is None else tuple(attribute.as_strings())


def _numbers(site: Site, name: str) -> tuple[float, ...]:
    attribute = site.attribute(name, onnx_ir.AttributeType.FLOATS)
    return () if attribute is None else tuple(float(number) for number in attribute.as_floats())

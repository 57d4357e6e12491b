# SPDX-License-Identifier: Apache-2.0
"""The graph of codes while it is made: what real values are in it, and the points where new codes are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from fpgann.errors import UnsupportedOperatorError
from fpgann.ir import Encoding, Graph, GraphBuilder, Operator, TensorType
from fpgann.ir.ops.activation import Activation
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.batch_normalization import BatchNormalization
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.recurrence import Recurrence, StateCodes
from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.types import ONE, ZERO
from fpgann.numerics import steps as scalar
from fpgann.numerics.fit_lines import interpolate
from fpgann.numerics.fixed import FixedType, Precision
from fpgann.numerics.functions import TABLE
from fpgann.numerics.integers import FloatArray
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.scalar_map import Rounder, ScalarMap
from fpgann.passes.calibrate import MissingTypeError, Plan, QuantizationPoint
from fpgann.passes.channels import channels_along, spread
from fpgann.passes.lines import clipped_line, decoding, is_shift
from fpgann.passes.pending import Pending, precision_rounder

TABLE_ARGUMENT_BITS = 12  # a function of more bits is computed by lines rather than by a table
SEARCH_BITS = 6  # results of so few bits are found by a search among their thresholds


class Lowering:
    """The state of one lowering: the integer graph that grows, and what every real value has become.

    Args:
        graph: the real graph.
        plan: types of the values that the model file leaves unquantized; None to find out which these are.
        coded: meaning of the inputs that are codes already.
    """

    def __init__(self, graph: Graph, plan: Plan | None, coded: Mapping[str, Encoding] | None = None) -> None:
        self.graph = graph
        self.plan = plan
        self.builder = GraphBuilder(graph.name)
        self.values: dict[str, Pending] = {}
        self.points: dict[str, QuantizationPoint] = {}
        self.states: dict[str, StateCodes] = {}  # of recurrences, by their names in the bodies
        self.defined = any(_quantizes(node.op) for node in graph.nodes)  # the model arrives quantized
        self._shapes = {value.name: value.type.shape for value in graph.inputs}
        for name, shape in self._shapes.items():
            if coded is None or name not in coded:
                self._define_input(name)
            else:
                self.builder.input(name, TensorType(shape, coded[name]))
                self.values[name] = Pending(name, (decoding(coded[name]),), coded[name].axis, exact=True)

    def _define_input(self, name: str) -> None:
        """Give an input its planned type now, unless it waits for the model's own input quantizer."""
        planned = self.plan is not None and name in self.plan.types
        if not planned and self._reaches_only_quantizer(name):
            self.values[name] = Pending(name, raw=True)
            return
        precision = self.type_of(QuantizationPoint(name, signed=True))
        target = Encoding.of(precision.fixed)
        entry = ScalarMap((scalar.Affine((1 / target.fixed.lsb,), (Fraction(0),)),), precision_rounder(precision))
        self.builder.input(name, TensorType(self._shapes[name], target), entry)
        self.values[name] = Pending(name, (decoding(target),), exact=True)

    def _reaches_only_quantizer(self, name: str) -> bool:
        """Whether element-wise operators alone lead from an input to one quantizer of the model.

        Reshapes and transposes may lie between if no constant on the way differs between channels.
        """
        node = self.graph.only_reader(name)
        moves = per_channel = False
        while node is not None and not isinstance(node.op, Quantize):
            if isinstance(node.op, Reshape | Transpose):
                moves = True
            elif isinstance(node.op, Affine | BatchNormalization | Activation):
                constants = _constants(node.op, len(self.graph.types[node.inputs[0]].shape))
                if any(c.size > 1 and c.shape[-1] != c.size for c in constants):
                    return False  # channels along another axis than the last
                per_channel = per_channel or any(c.size > 1 for c in constants)
            else:
                return False
            node = self.graph.only_reader(node.output)
        if node is None or not isinstance(node.op, Quantize):
            return False
        return node.op.scale.size == node.op.zero_point.size == 1 and not (moves and per_channel)

    def type_of(self, point: QuantizationPoint) -> Precision:
        """The planned type of a value; without a plan, any.

        Raises:
            MissingTypeError: the plan has none. Which values need one depends on types chosen before them.
        """
        self.points[point.value] = point
        if self.plan is None:
            return Precision(FixedType(True, 16, 8))
        if point.value not in self.plan.types:
            raise MissingTypeError(point)
        return self.plan.types[point.value]

    def then(self, name: str, step: scalar.Step, absorbed: str, axis: int = -1) -> Pending:
        """A value after one more step, whose channels, if several, lie along `axis`."""
        return self.joined(self.values[name], step, absorbed, axis, self.graph.types[name].shape)

    def joined(self, pending: Pending, step: scalar.Step, absorbed: str, axis: int, shape: tuple[int, ...]) -> Pending:
        """One more step; where channels lie along different axes, every element becomes a channel of its own."""
        if step.channels > 1 and not pending.raw and (pending.flat or pending.conflicts(axis)):
            pending = self.flattened(pending, shape)
            step, axis = spread(step, channels_along(shape, axis)), -1
        return pending.then(step, absorbed, axis)

    def flattened(self, pending: Pending, shape: tuple[int, ...]) -> Pending:
        """The same value as one row in which every element is a channel."""
        if pending.flat:
            return pending
        channels = channels_along(shape, pending.axis)
        source = self.per_tensor(pending.source)
        source = self.builder.add(Reshape((1, len(channels))), (source,), name=f"{pending.source}_row")
        steps = tuple(spread(step, channels) for step in pending.steps)
        return replace(pending, source=source, steps=steps, axis=-1, flat=True)

    def per_tensor(self, source: str) -> str:
        """Codes whose scale differs between channels, as plain integers: steps keep their meaning."""
        if self.builder.type(source).codes.per_tensor:
            return source
        return self.builder.add(Reinterpret(ONE, ZERO), (source,), name=f"{source}_codes")

    def is_codes(self, pending: Pending) -> bool:
        """Whether a value is exactly its decoded codes, nothing pending."""
        return (
            not pending.raw
            and not pending.flat
            and pending.steps == (decoding(self.builder.type(pending.source).codes),)
        )

    def codes_of(self, name: str, node: str, *, channels: bool = False) -> str:
        """A coded value with one common scale that equals a real value, quantized to its planned type if need be.

        Codes that the model file defines are not rounded again where one line leads from them to the value, with
        clipping at some of them: they only get its meaning.

        Args:
            name: the real value.
            node: name for the node that quantizes.
            channels: scales that differ between channels will do as well.
        """
        pending = self.values[name]
        curves = [TABLE[step.function] for step in pending.steps if isinstance(step, scalar.Curve)]
        settled = pending.exact or self.defined  # else an accumulator of a float model, with bits to be rounded
        if settled and self.is_codes(pending) and (channels or self.builder.type(pending.source).codes.per_tensor):
            return pending.source
        if (coded := self._same_codes(pending, node)) is not None:
            self.values[name] = Pending(coded, (decoding(self.builder.type(coded).codes),), exact=True)
            return coded
        by_lines = any(not (curve.is_lines or curve.is_steps) for curve in curves)
        pending = self.settled(pending, node)
        bounded = any(curve.bounded for curve in curves)
        precision = self.type_of(QuantizationPoint(name, signed=not self._never_negative(name), bounded=bounded))
        target = Encoding.of(precision.fixed)
        producer = self.graph.producers().get(name)
        if producer is not None and not isinstance(producer.op, Dense):
            node = producer.name
        scaling = (1 / target.fixed.lsb, Fraction(0))
        return self.requantize(pending, name, target, scaling, precision_rounder(precision), node, by_lines=by_lines)

    def _same_codes(self, pending: Pending, node: str) -> str | None:
        """Codes of the model file with the meaning that a line gives them; None if there is more to do."""
        if pending.raw or pending.flat or not pending.exact:
            return None
        codes = self.builder.type(pending.source).codes
        if (found := clipped_line(pending.steps, codes.range)) is None:
            return None
        line, kept = found
        if not (self.defined or is_shift(line)):
            return None  # a scale of many digits would make sums with other values wide
        if kept == codes.range:
            return pending.source if line == decoding(codes) else self.reinterpreted(pending.source, line, node)
        scale = (line.scale[0] / codes.fixed.lsb,)
        target = Encoding(FixedType.holding(kept, codes.fixed.frac), kept, scale, line.offset)
        clamp = ScalarMap((scalar.Affine(ONE, ZERO),), Rounder(Rounding.TRN, kept.low, kept.high))
        op = Requantize(clamp, target, function=", ".join(pending.absorbed))
        return self.builder.add(op, (pending.source,), name=node)

    def reinterpreted(self, source: str, line: scalar.Affine, node: str, axis: int = -1) -> str:
        """The same codes with another meaning, which is per channel along an axis if it differs."""
        lsb = self.builder.type(source).codes.fixed.lsb
        op = Reinterpret(tuple(scale / lsb for scale in line.scale), line.offset, axis if line.channels > 1 else -1)
        return self.builder.add(op, (source,), name=node)

    def settled(self, pending: Pending, node: str) -> Pending:
        """A value that waits with the argument of its first function rounded, so that a table or lines can compute it.

        Where constants of several channels follow, its result is rounded too: one table then serves all channels.
        """
        mark = pending.before_curve
        if mark is None:
            return pending
        tail = pending.steps[mark.steps :]
        signed = not self._never_negative(mark.argument)
        through = tail if all(step.channels == 1 for step in tail) else tail[:1]
        point = QuantizationPoint(mark.argument, signed=signed, through=through)
        head = replace(pending, steps=pending.steps[: mark.steps], absorbed=pending.absorbed[: mark.absorbed])
        absorbed = pending.absorbed[mark.absorbed :]
        rounded = self._rounded(head, mark.argument, point, f"{node}_argument", by_lines=False)
        rest = replace(rounded, absorbed=absorbed, axis=pending.axis)
        curve, *others = tail
        if curve.channels == 1 and any(step.channels > 1 for step in others):
            assert isinstance(curve, scalar.Curve)
            bounded = TABLE[curve.function].bounded
            point = QuantizationPoint(mark.result, signed=not self._never_negative(mark.result), bounded=bounded)
            alone = replace(rest, steps=(*rounded.steps, curve), absorbed=absorbed[:1])
            rounded = self._rounded(alone, mark.result, point, f"{node}_function", by_lines=True)
            rest, tail = replace(rounded, absorbed=absorbed[1:], axis=pending.axis), tuple(others)
        if pending.flat:
            shape = self.builder.type(rest.source).shape
            source = self.builder.add(Reshape((1, prod(shape))), (rest.source,), name=f"{rest.source}_row")
            rest = replace(rest, source=source, flat=True)
        return replace(rest, steps=(*rest.steps, *tail))

    def _rounded(self, pending: Pending, name: str, point: QuantizationPoint, node: str, *, by_lines: bool) -> Pending:
        """A value rounded to its planned type: codes, nothing pending; what was codes before stays so for others."""
        before = self.values[name]
        precision = self.type_of(point)
        target = Encoding.of(precision.fixed)
        plain = replace(pending, before_curve=None)
        scaling = (1 / target.fixed.lsb, Fraction(0))
        self.requantize(plain, name, target, scaling, precision_rounder(precision), node, by_lines=by_lines)
        rounded = self.values[name]
        if before.exact and self.is_codes(before):
            self.values[name] = before
        return rounded

    def requantize(
        self,
        pending: Pending,
        name: str,
        target: Encoding,
        scaling: tuple[Fraction, Fraction] | scalar.Affine,
        rounder: Rounder,
        node: str,
        axis: int = -1,
        *,
        by_lines: bool = False,
    ) -> str:
        """Round a value to codes, and let `name` stand for them from now on.

        Codes that are integers of the target already are taken as they are.

        Args:
            pending: the value.
            name: its name in the real graph.
            target: meaning of the codes.
            scaling: factor and addend (or a step) that turn reals into codes before rounding.
            rounder: rounding and saturation.
            node: name for the node, if one is needed (a raw input needs none: the host encodes it).
            axis: channel axis of the scaling, if it has several.
            by_lines: the codes of the source are many, and lines may stand for the functions.

        Raises:
            UnsupportedOperatorError: scaling and earlier steps have channels along different axes.
        """
        last = scaling if isinstance(scaling, scalar.Affine) else scalar.Affine((scaling[0],), (scaling[1],))
        pending = self.joined(pending, last, "", axis, self.graph.types[name].shape)
        scalar_map = ScalarMap(pending.steps, rounder)
        if pending.raw:
            shape = self._shapes[pending.source]
            coded = self.builder.input(pending.source, TensorType(shape, target), scalar_map)
            for move in pending.moves:
                coded = self.builder.add(move.op, (coded,), name=move.name)
        elif self._are_codes_of(pending, target, rounder):
            same = decoding(self.builder.type(pending.source).codes) == decoding(target)
            coded = pending.source if same else self.reinterpreted(pending.source, decoding(target), node)
        elif pending.flat:
            coded = self._requantize_row(pending, name, target, rounder, node)
        else:
            lines = self._lines(scalar_map, self.builder.type(pending.source).codes.range) if by_lines else None
            op = Requantize(lines or scalar_map, target, pending.axis, ", ".join(pending.absorbed))
            coded = self.builder.add(op, (pending.source,), name=node)
        self.values[name] = Pending(coded, (decoding(target),), target.axis, exact=True)
        return coded

    def _lines(self, scalar_map: ScalarMap, codes: CodeRange) -> Interpolation | None:
        """Lines in the place of a table that would be too long; None where the map is cheap to compute exactly."""
        few_results = scalar_map.rounder.high - scalar_map.rounder.low < 1 << SEARCH_BITS
        if self.plan is None or self.plan.exact_functions or codes.width_bits <= TABLE_ARGUMENT_BITS or few_results:
            return None
        return interpolate(scalar_map, codes)

    def _requantize_row(self, pending: Pending, name: str, target: Encoding, rounder: Rounder, node: str) -> str:
        """Round every element by a staircase of its own, then give the row its shape and the codes their meaning."""
        plain = replace(target, scale=ONE, offset=ZERO)
        op = Requantize(ScalarMap(pending.steps, rounder), plain, -1, ", ".join(pending.absorbed))
        row = self.builder.add(op, (pending.source,), name=node)
        coded = self.builder.add(Reshape(self.graph.types[name].shape), (row,), name=f"{node}_shape")
        if target.scale == ONE and target.offset == ZERO:
            return coded
        if not target.per_tensor and target.axis != -1:
            raise UnsupportedOperatorError(
                "its scale varies along another axis than constants before it",
                hint="use one scale for the whole tensor",
            )
        return self.builder.add(Reinterpret(target.scale, target.offset), (coded,), name=f"{node}_scaled")

    def _are_codes_of(self, pending: Pending, target: Encoding, rounder: Rounder) -> bool:
        """Whether what is about to be rounded are codes of the target already."""
        codes = self.builder.type(pending.source).codes
        inside = rounder.low <= codes.range.low and codes.range.high <= rounder.high
        identity = (scalar.Affine(ONE, ZERO), codes.range)
        is_identity = not pending.flat and clipped_line(pending.steps, codes.range) == identity
        return is_identity and inside and target.per_tensor

    def _never_negative(self, name: str) -> bool:
        """Whether a value comes out of a function that has no negative results, past operators that only move it."""
        producer = self.graph.producers().get(name)
        while producer is not None and isinstance(producer.op, Reshape | Transpose):
            producer = self.graph.producers().get(producer.inputs[0])
        if producer is None or not isinstance(producer.op, Activation):
            return False
        op = producer.op
        rows = (
            {tuple(Fraction(float(v)) for v in row) for row in np.broadcast(*op.parameters)} if op.parameters else [()]
        )
        return all(TABLE[op.function].never_negative(*row) for row in rows)


def _quantizes(op: Operator) -> bool:
    """Whether an operator makes codes of real numbers; bits at an input say nothing about the rest of a model."""
    if isinstance(op, Recurrence):
        return any(_quantizes(node.op) for node in op.body.nodes)
    return isinstance(op, Quantize) and not (op.keeps_integers and op.high - op.low <= 1)


def _constants(op: Affine | BatchNormalization | Activation, rank: int) -> tuple[FloatArray, ...]:
    """The constants of an element-wise operator, in shapes that broadcast against its operand."""
    if isinstance(op, Affine):
        return op.multiplier, op.divisor, op.addend
    if isinstance(op, Activation):
        return op.parameters
    return (op.gamma.reshape(-1, *(1,) * (rank - 1 - op.axis)),)

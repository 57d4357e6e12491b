# SPDX-License-Identifier: Apache-2.0
"""What a quantized model means: real arithmetic on the numbers stored in its file, without any rounding but its own.

Read with `onnx` alone. Samples lie along a new first axis of every computed tensor; constants have none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from tests.oracle.exact import Exact, Image, Root, each, fractions, integers, round_codes
from tests.oracle.integer import IntegerOperators, integer_types
from tests.oracle.windows import WindowOperators

SUMS = frozenset(
    {"MatMul", "Gemm", "QGemm", "MatMulInteger", "QLinearMatMul"}
    | {"Conv", "ConvTranspose", "ConvInteger", "QLinearConv"}
)


@dataclass
class Quantized:
    """What one quantizer of computed numbers did.

    Args:
        name: its output.
        codes: integers; bipolar quantizers have -1 and 1.
        entering: the exact numbers before it.
        scale: fractions, broadcast to the tensor.
        zero: likewise.
        mode: rounding mode, or "BIPOLAR".
        low: least code, broadcast likewise.
        high: greatest code.
    """

    name: str
    codes: np.ndarray
    entering: Exact | Image
    scale: np.ndarray
    zero: np.ndarray
    mode: str
    low: int | np.ndarray
    high: int | np.ndarray

    def before_rounding(self) -> Exact | Image:
        """The numbers that are rounded, in code steps."""
        return self.entering / Exact.of_fractions(self.scale) + Exact.of_fractions(self.zero)


@dataclass
class Run:
    """All values of a model.

    Args:
        values: exact numbers by name; the first axis of computed ones are the samples.
        computed: names of values that depend on the inputs.
        quantized: every quantizer of computed numbers, in order.
        logits: outputs that a softmax computes: the name of its argument.
        sums: the result of the last matrix product on the way to each value.
    """

    values: dict[str, Exact]
    computed: set[str]
    quantized: list[Quantized] = field(default_factory=list)
    logits: dict[str, str] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    found = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def load(path: Path) -> onnx.ModelProto:
    return onnx.load(str(path))


def stored_constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Initializers and Constant nodes; integers of 4 bits in 8."""
    found = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            found[node.output[0]] = numpy_helper.to_array(attributes(node)["value"])
    narrow = {"int4": np.int8, "uint4": np.uint8}
    return {name: a.astype(narrow.get(a.dtype.name, a.dtype)) for name, a in found.items()}


def code_range(node: onnx.NodeProto, bits: int) -> tuple[int, int]:
    options = attributes(node)
    narrow = int(options.get("narrow", 0))
    if options.get("signed", 1):
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def run(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> Run:
    """Evaluate.

    Args:
        model: the model.
        inputs: real numbers (float64 or fractions) of shape (samples, *shape of the model's input).
    """
    evaluator = _Evaluator(model, inputs)
    for node in model.graph.node:
        evaluator.evaluate(node)
    return evaluator.run


class _Evaluator(IntegerOperators, WindowOperators):
    def __init__(self, model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> None:
        constants = stored_constants(model)
        self.opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        self.run = Run({name: Exact.of(a) for name, a in constants.items() if a.dtype.kind in "fiub"}, set(inputs))
        for name, array in inputs.items():
            self.run.values[name] = Exact.of_fractions(array) if array.dtype == object else Exact.of(array)
        self.types = integer_types(model)

    def evaluate(self, node: onnx.NodeProto) -> None:
        if node.op_type == "Constant":
            return
        run, (output,) = self.run, node.output[:1]
        names = [name for name in node.input if name]
        operands = [run.values[name] for name in names if name in run.values]
        computed = any(name in run.computed for name in names)
        if computed and node.op_type not in ("Shape", "Gather", "Unsqueeze", "Concat"):
            run.computed.add(output)
        function = getattr(self, f"_{node.op_type.lower()}", None)
        assert function is not None, f"the definition of {node.op_type} is not written yet"
        result = function(node, *operands)
        if result is not None:
            run.values[output] = result
        if node.op_type in SUMS:
            run.sums[output] = output
        else:
            run.sums.update((output, run.sums[name]) for name in names if name in run.sums)

    def _shape_of(self, name: str) -> tuple[int, ...]:
        shape = self.run.values[name].shape
        return shape[1:] if name in self.run.computed else shape

    # shapes

    def _shape(self, node, _x):
        return Exact.of(np.array(self._shape_of(node.input[0])))

    def _gather(self, node, data, index):
        assert node.input[0] not in self.run.computed
        axis = attributes(node).get("axis", 0)
        return data.moved(lambda a: np.take(a, index.num, axis))

    def _unsqueeze(self, node, data, *axes):
        where = axes[0].num.tolist() if axes else attributes(node)["axes"]
        return data.moved(lambda a: np.expand_dims(a, tuple(where)))

    def _concat(self, node, *parts):
        axis = attributes(node)["axis"]
        if not self.run.computed.intersection(node.input):
            assert all(p.unit == 1 for p in parts)
            return Exact.of(np.concatenate([p.num for p in parts], axis))
        self.run.computed.add(node.output[0])
        joined = np.concatenate([p.fractions() for p in parts], axis + 1 if axis >= 0 else axis)
        return Exact.of_fractions(joined)

    def _reshape(self, node, x, shape):
        wanted, old = [int(s) for s in shape.num], self._shape_of(node.input[0])
        wanted = [old[i] if s == 0 and not attributes(node).get("allowzero", 0) else s for i, s in enumerate(wanted)]
        batch = (x.shape[0],) if node.input[0] in self.run.computed else ()
        if -1 in wanted:
            rest = int(np.prod(old)) // -int(np.prod(wanted))
            wanted = [rest if s == -1 else s for s in wanted]
        return x.moved(lambda a: a.reshape(*batch, *wanted))

    def _flatten(self, node, x):
        old, axis = self._shape_of(node.input[0]), attributes(node).get("axis", 1)
        sizes = (int(np.prod(old[:axis])), int(np.prod(old[axis:])))
        batch = (x.shape[0],) if node.input[0] in self.run.computed else ()
        return x.moved(lambda a: a.reshape(*batch, *sizes))

    def _transpose(self, node, x):
        rank = len(self._shape_of(node.input[0]))
        order = list(attributes(node).get("perm", range(rank)[::-1]))
        if node.input[0] in self.run.computed:
            order = [0, *(axis + 1 for axis in order)]
        return x.moved(lambda a: a.transpose(order))

    def _identity(self, node, x):
        return x

    # arithmetic

    def _add(self, node, a, b):
        return a + b

    def _sub(self, node, a, b):
        return a - b

    def _mul(self, node, a, b):
        return a * b

    def _div(self, node, a, b):
        return a / b

    def _pow(self, node, a, b):
        assert b.fractions().reshape(-1).tolist() == [0.5]
        return a.square_root()

    def _relu(self, node, x):
        return x.relu()

    def _matmul(self, node, x, weight):
        assert node.input[1] not in self.run.computed
        return x @ weight

    def _gemm(self, node, x, weight, *bias):
        options = attributes(node)
        assert not options.get("transA", 0)
        weight = weight.moved(np.transpose) if options.get("transB", 0) else weight
        result = x @ weight * Exact.of(np.float64(options.get("alpha", 1.0)))
        return result + bias[0] * Exact.of(np.float64(options.get("beta", 1.0))) if bias else result

    def _batchnormalization(self, node, x, gamma, beta, mean, variance):
        rank = len(x.shape) - 1  # without samples
        column = [1, -1] + [1] * (rank - 2)
        gamma, beta, mean, variance = (p.moved(lambda a: a.reshape(column)) for p in (gamma, beta, mean, variance))
        epsilon = Exact.of(np.float64(attributes(node).get("epsilon", np.float32(1e-5))))
        radicand = (variance + epsilon).fractions()
        coefficient = each(lambda x, g, v: x * g / v, (x - mean).fractions(), gamma.fractions(), radicand)
        num = np.broadcast_to(beta.num, coefficient.shape)
        return Exact(num, beta.unit, Root(coefficient, np.broadcast_to(radicand, coefficient.shape)))

    def _sigmoid(self, node, x):
        return Image("sigmoid", x)

    def _softmax(self, node, x):
        self.run.logits[node.output[0]] = node.input[0]
        return x

    # quantizers

    def _quant(self, node, x, scale, zero, bits):
        bits = int(bits.fractions().reshape(-1)[0])
        if attributes(node).get("signed", 1) and bits == 1:
            return self._bipolarquant(node, x, scale)
        low, high = code_range(node, bits)
        mode = attributes(node).get("rounding_mode", "ROUND")
        scales, zeros = scale.fractions(), zero.fractions()
        doubled, exact = x.floor(each(lambda s: 2 / s, scales), 2 * zeros)
        codes = np.clip(round_codes(doubled, exact, mode), low, high)
        self._note(node, Quantized(node.output[0], codes, x, scales, zeros, mode, low, high))
        return Exact(integers(codes), Fraction(1)) * scale - zero * scale

    _intquant = _quant

    def _trunc(self, node, x, scale, zero, in_bits, *rest):
        """docs/qonnx-custom-ops/trunc_v1.md and trunc_v2.md of qonnx; two operands at the end make version 2."""
        scales, zeros = scale.fractions(), zero.fractions()
        doubled, exact = x.floor(each(lambda s: 2 / s, scales), 2 * zeros)
        whole = Exact(integers(round_codes(doubled, exact, "ROUND")), Fraction(1))
        bits, out_bits = (int(b.fractions().reshape(-1)[0]) for b in (in_bits, rest[-1]))
        if len(rest) == 2:
            ratio = float(rest[0].fractions().reshape(-1)[0] / scales.reshape(-1)[0])
            dropped = int(np.round(np.log2(ratio)))
        else:
            dropped = bits - out_bits
        factor = np.array(Fraction(2) ** (1 - dropped), object)
        codes = round_codes(*whole.floor(factor, 0 * factor), attributes(node).get("rounding_mode", "FLOOR"))
        if len(rest) == 2:
            codes = np.clip(codes, *code_range(node, out_bits))
            zero, scale = zero * Exact.of_fractions(np.array(factor / 2, object)), rest[0]
        return (Exact(integers(codes), Fraction(1)) - zero) * scale

    def _bipolarquant(self, node, x, scale):
        codes = np.where(x.negative(), -1, 1)
        zeros = fractions(np.zeros(scale.shape, int))
        self._note(node, Quantized(node.output[0], codes, x, scale.fractions(), zeros, "BIPOLAR", -1, 1))
        return Exact(codes, Fraction(1)) * scale

    def _note(self, node, quantized: Quantized) -> None:
        if node.input[0] in self.run.computed:
            self.run.quantized.append(quantized)

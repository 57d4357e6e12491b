# SPDX-License-Identifier: Apache-2.0
"""Random small networks with all the odd things that models hold, and random options to compile them with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fpgann.config import CompileOptions
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy
from fpgann.numerics.fixed import parse_precision

QONNX = "qonnx.custom_op.general"
MODES = ("ROUND", "HALF_EVEN", "HALF_UP", "HALF_DOWN", "CEIL", "FLOOR", "UP", "DOWN")
TYPE_MODES = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_MIN_INF", "RND_INF", "RND_CONV")
GRID = 2.0**-10  # of inputs that get the default type
SAMPLES = 48


@dataclass(frozen=True)
class Case:
    """A model and how to compile it.

    Args:
        model: the network.
        options: precision, strategies, reuse factors.
        inputs: samples of every input.
        calibrated: whether the samples choose the binary points.
        defined: the file quantizes everything, so what it means is exactly known.
    """

    model: onnx.ModelProto
    options: CompileOptions
    inputs: dict[str, np.ndarray]
    calibrated: bool
    defined: bool


def make_case(seed: int) -> Case:
    maker = _Maker(np.random.default_rng(seed))
    return maker.quantized_case() if maker.chance(0.6) else maker.real_case()


@dataclass
class _Value:
    """A computed tensor, and whether numbers that differ between channels wait for the next quantizer."""

    name: str
    shape: tuple[int, ...]
    channels: bool = False


@dataclass
class _Maker:
    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    curved: bool = False

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    # parts of a graph

    def constant(self, array, dtype=np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def node(self, op_type: str, inputs: list[str], *, domain: str = "", name: str = "", **attributes) -> str:
        output = f"v{len(self.nodes)}"
        name = name or f"{op_type.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=name, domain=domain, **attributes))
        return output

    def scale(self, shape: tuple[int, ...] = (), middle: float = 0.1) -> np.ndarray:
        if self.chance(0.3):
            return np.full(shape, 2.0 ** self.rng.integers(-6, 2), np.float32)
        return (middle * np.exp(self.rng.normal(0, 0.8, shape))).astype(np.float32)

    def quantize(self, x: str, bits: int, scale: np.ndarray, *, signed: bool | None = None, zero: bool = True) -> str:
        """A quantizer of any kind."""
        if self.chance(0.1):
            return self.node("BipolarQuant", [x, self.constant(scale)], domain=QONNX)
        signed = self.chance(0.6) if signed is None else signed
        narrow = self.chance(0.3) and bits > 1
        zeros = 0.0
        if zero and self.chance(0.25) and bits > 1:
            zeros = float(self.rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1)))
        operands = [x, self.constant(scale), self.constant(zeros), self.constant(float(bits))]
        mode = self.pick(*MODES)
        return self.node("Quant", operands, domain=QONNX, signed=int(signed), narrow=int(narrow), rounding_mode=mode)

    def move(self, x: _Value) -> _Value:
        """Now and then other shapes and other orders."""
        if self.chance(0.7) or self.avoids(x):
            return x
        size = prod(x.shape)
        first = self.pick(*(d for d in range(1, size + 1) if size % d == 0))
        shape = (1, first, size // first)
        name = self.node("Reshape", [x.name, self.constant(shape, np.int64)])
        if self.chance(0.7):
            name, shape = self.node("Transpose", [name], perm=[0, 2, 1]), (1, shape[2], shape[1])
        if self.chance(0.7):
            name, shape = self.node("Reshape", [name, self.constant((1, -1), np.int64)]), (1, size)
        return _Value(name, shape, x.channels)

    def avoids(self, x: _Value) -> bool:
        """Mostly no second axis of channels before a quantizer: the compiler refuses that."""
        return x.channels and self.chance(0.97)

    def normalize(self, x: _Value) -> _Value:
        """Batch normalization: negative gains, now and then one of zero."""
        if len(x.shape) > 2 and self.avoids(x):
            return x
        channels = x.shape[1]
        gamma = self.rng.normal(0, 1, channels)
        gamma[self.rng.random(channels) < 0.08] = 0.0
        beta, mean = self.rng.normal(0, 0.5, channels), self.rng.normal(0, 1, channels)
        variance = np.exp(self.rng.normal(0, 1, channels))
        names = [self.constant(a) for a in (gamma, beta, mean, variance)]
        epsilon = float(self.pick(1e-5, 1e-3))
        name = self.node("BatchNormalization", [x.name, *names], epsilon=epsilon)
        return replace(x, name=name, channels=channels > 1)

    def stretch(self, x: _Value) -> _Value:
        """One arithmetic operation with a constant."""
        shape = () if len(x.shape) > 2 and self.avoids(x) else self.pick((), (1,), x.shape[-1:])
        op_type = self.pick("Add", "Sub", "Mul", "Div")
        constant = self.rng.normal(0, 1, shape)
        if op_type in ("Mul", "Div"):
            constant = np.sign(constant) * np.exp(0.5 * constant)
        names = [x.name, self.constant(constant)]
        if op_type != "Div" and self.chance(0.3):
            names.reverse()
        return replace(x, name=self.node(op_type, names), channels=x.channels or prod(shape) > 1)

    def dense(self, x: _Value, *, coded: bool, step: float | None) -> _Value:
        """A layer of weights, with or without bias."""
        inputs, outputs = x.shape[-1], int(self.rng.integers(1, 13))
        weight = self.rng.normal(0, 1 / np.sqrt(inputs), (inputs, outputs))
        if self.chance(0.3):
            weight[:, self.rng.random(outputs) < 0.4] = 0.0
        gemm = len(x.shape) == 2 and self.chance(0.5)
        transposed = gemm and self.chance(0.5)
        name = self.constant(weight.T if transposed else weight)
        weight_step: np.ndarray | None = None
        if coded:
            bits = int(self.pick(1, 2, 2, 3, 4, 6, 8, 16))
            shape = ((outputs, 1) if transposed else (1, outputs)) if self.chance(0.4) else ()
            weight_step = self.scale(shape, 2.0 / 2**bits)
            name = self.quantize(name, bits, weight_step, signed=True if bits == 1 else None)
        layer = f"dense{len(self.layers)}"
        self.layers.append(layer)
        bias = self.bias(outputs, step, weight_step, coded=coded)
        if gemm:
            operands = [x.name, name, *([bias] if bias else [])]
            result = self.node("Gemm", operands, name=layer, transB=int(transposed))
        else:
            result = self.node("MatMul", [x.name, name], name=layer)
            result = self.node("Add", [result, bias]) if bias else result
        channels = coded and outputs > 1 and (bool(bias) or (weight_step is not None and weight_step.size > 1))
        return _Value(result, (*x.shape[:-1], outputs), channels)

    def bias(self, outputs: int, step: float | None, weight_step: np.ndarray | None, *, coded: bool) -> str:
        if self.chance(0.25):
            return ""
        values = self.rng.normal(0, 0.5, outputs)
        if coded and step is not None and weight_step is not None and weight_step.size == 1 and self.chance(0.5):
            unit = step * float(weight_step.reshape(-1)[0])  # a multiple of the accumulator's step, if it is exact
            return self.constant(np.round(values / unit) * unit)
        name = self.constant(values)
        if coded and self.chance(0.5):
            return self.quantize(name, int(self.rng.integers(2, 9)), self.scale(), signed=True)
        return name

    # whole networks

    def finish(
        self, shapes: dict[str, tuple[int, ...]], options: CompileOptions, inputs: dict[str, np.ndarray], **facts: bool
    ) -> Case:
        graph = helper.make_graph(
            self.nodes,
            "random",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.outputs],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 2)]
        return Case(helper.make_model(graph, opset_imports=opsets, ir_version=8), options, inputs, **facts)

    def hardware(self) -> HardwareOptions:
        layers = {}
        for layer in self.layers:
            strategy = self.pick(Strategy.FOLDED, Strategy.FOLDED, Strategy.UNROLLED, Strategy.AUTO)
            reuse = None if self.chance(0.3) else int(self.pick(1, 2, 3, 4, 6, 12, 40, 144))
            layers[layer] = LayerOptions(strategy, reuse)
        return HardwareOptions(LayerOptions(), layers, int(self.rng.integers(1, 5)))

    def shape(self) -> tuple[int, ...]:
        features = int(self.rng.integers(1, 13))
        return (1, int(self.rng.integers(1, 4)), features) if self.chance(0.2) else (1, features)

    def quantized_case(self) -> Case:
        """Everything between inputs and outputs is quantized by the model."""
        shapes = {name: self.shape() for name in (("x", "y") if self.chance(0.25) else ("x",))}
        branches = [*shapes, *(["x"] if self.chance(0.15) else [])]
        for name in branches:
            self.quantized_branch(_Value(name, shapes[name]))
        on_grid = len(branches) > len(shapes) or self.chance(0.5)
        options = CompileOptions(hardware=self.hardware())
        if on_grid and self.chance(0.6):
            options = replace(options, input_precision=parse_precision("fixed<16,6>"))
        inputs = {}
        for name, shape in shapes.items():
            data = np.clip(self.rng.normal(0, self.pick(0.3, 1.0, 4.0), (SAMPLES, *shape)), -31, 31)
            inputs[name] = np.round(data / GRID) * GRID if on_grid else data.astype(np.float32).astype(np.float64)
        return self.finish(shapes, options, inputs, calibrated=False, defined=not self.curved)

    def quantized_branch(self, x: _Value) -> None:
        x, step = self.activation(self.move(x), first=True)
        count = int(self.pick(0, 1, 1, 2, 2, 3, 4))
        for number in range(count):
            x = self.dense(self.move(x), coded=True, step=step)
            last = number == count - 1
            if last and self.chance(0.3):  # delivered as it is: the exact accumulator
                x = self.stretch(x) if self.chance(0.3) else x
                break
            x, step = self.activation(x, last=last)
            x = self.move(x)
            if not last and self.chance(0.15):
                self.outputs.append(x.name)
        self.outputs.append(x.name)

    def activation(self, x: _Value, *, first: bool = False, last: bool = False) -> tuple[_Value, float]:
        """Something between a product and the next, ending in a quantizer."""
        if not first and self.chance(0.5):
            x = self.normalize(x)
        if self.chance(0.2):
            x = self.stretch(x)
        if self.chance(0.5):
            x = replace(x, name=self.node("Relu", [x.name]))
        elif self.chance(0.08):
            self.curved = True
            x = replace(x, name=self.node(self.pick("Sigmoid", "Tanh"), [x.name]))
        x = self.move(x)
        bits = int(self.pick(1, 2, 2, 3, 4, 4, 5, 6, 8, 11))
        # a quantizer with one scale per channel only where no product follows: that needs one for all
        scale = self.scale((1, x.shape[-1]) if last and len(x.shape) == 2 and self.chance(0.2) else (), 3.0 / 2**bits)
        x = _Value(self.quantize(x.name, bits, scale), x.shape, channels=scale.size > 1)
        return x, float(scale.reshape(-1)[0])

    def real_case(self) -> Case:
        """A model of real numbers, quantized by the compiler."""
        shapes = {name: self.shape() for name in (("x", "y") if self.chance(0.2) else ("x",))}
        narrow = self.chance(0.4)  # what cannot be folded into weights is a search among all codes
        for name, shape in shapes.items():
            self.real_branch(_Value(name, shape), narrow=narrow)
        calibrated = self.chance(0.5)
        widest = 11 if narrow or (self.curved and not calibrated) else 20
        inputs = {
            name: self.rng.normal(0, self.pick(0.2, 1.0, 30.0), (SAMPLES, *shape)) for name, shape in shapes.items()
        }
        options = CompileOptions(self.precision(widest), self.precision(widest), self.hardware())
        if self.chance(0.5):
            options = replace(options, input_precision=None)
        if self.chance(0.2) and widest > 11:
            options = replace(options, precision=None)
        return self.finish(shapes, options, inputs, calibrated=calibrated, defined=False)

    def precision(self, widest: int):
        width = int(self.rng.integers(2, widest + 1))
        integer = int(self.rng.integers(-2, width + 3)) if self.chance(0.3) else int(self.rng.integers(1, 6))
        return parse_precision(f"fixed<{width},{integer},{self.pick(*TYPE_MODES)},{self.pick('SAT', 'SAT_SYM')}>")

    def real_branch(self, x: _Value, *, narrow: bool) -> None:
        count = int(self.pick(1, 1, 2, 3, 4))
        for number in range(count):
            x = self.dense(self.move(x), coded=False, step=None)
            if self.chance(0.25) and (len(x.shape) == 2 or narrow):
                x = self.normalize(x)
            if self.chance(0.1):
                x = self.stretch(x)
            function = self.pick("Relu", "Relu", "Sigmoid", "Tanh", "")
            if function:
                self.curved |= function != "Relu"
                x = replace(x, name=self.node(function, [x.name]))
            x = self.move(x)
            if number < count - 1 and self.chance(0.15):
                self.outputs.append(x.name)
        self.outputs.append(x.name)

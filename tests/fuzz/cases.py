# SPDX-License-Identifier: Apache-2.0
"""A random model, the options to compile it with, and samples: everything follows from a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import onnx

from fpgann.config import CompileOptions, Softmax
from fpgann.hardware.options import HardwareOptions, Io, LayerOptions, Strategy, Weights
from fpgann.numerics.fixed import Precision, parse_precision
from tests.fuzz.maps import MAPS
from tests.fuzz.moves import MOVES
from tests.fuzz.operators import OPERATORS, Draw, layer
from tests.fuzz.quantizers import QOPERATORS, codes_delivered, quantized, quantized_layer
from tests.fuzz.sequences import SEQUENCES
from tests.fuzz.sketch import Sketch, Tensor

SAMPLES = 40
GRID = 2.0**-10  # of the default type of inputs
NODES = 12
ATTEMPTS = 60
OPSETS = (9, 11, 13, 17, 18, 21, 21, 23)
STYLES = ("float", "float", "float", "qonnx", "qonnx", "qdq", "qdq", "qoperator", "mixed")
TYPE_MODES = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_MIN_INF", "RND_INF", "RND_CONV")


@dataclass(frozen=True)
class Case:
    """A model and how to compile it.

    Args:
        seed: of everything.
        style: how its numbers are quantized.
        model: the network.
        options: precision, interfaces, strategies.
        inputs: samples of every input, float64, shape (samples, *shape).
        calibrated: whether the samples choose the binary points.
        outputs: what onnxruntime computes, node by node, for every output.
        sketch: where it comes from, to make smaller models of it.
    """

    seed: int
    style: str
    model: onnx.ModelProto
    options: CompileOptions
    inputs: dict[str, np.ndarray]
    calibrated: bool
    outputs: dict[str, np.ndarray]
    sketch: Sketch

    def cut(self, outputs: list[str]) -> Case:
        """The same model with other outputs, and without what these do not need."""
        model = self.sketch.model(outputs)
        names = {value.name for value in model.graph.input}
        inputs = {name: data for name, data in self.inputs.items() if name in names}
        layers = {n.name or n.output[0] for n in model.graph.node}
        hardware = self.options.hardware
        kept = {name: options for name, options in hardware.layers.items() if name in layers}
        options = replace(self.options, hardware=replace(hardware, layers=kept))
        results = {name: self.sketch.tensors[name].data for name in outputs}
        return replace(self, model=model, inputs=inputs, options=options, outputs=results)


def make_case(seed: int) -> Case:
    """Draw the case of a seed."""
    s = Sketch(np.random.default_rng(seed), 0)
    s.opset, style = s.pick(*OPSETS), s.pick(*STYLES)
    coded = style in ("qdq", "qoperator") and s.opset >= 13
    for number in range(s.pick(1, 1, 1, 2, 2, 3)):
        _add_input(s, f"x{number}", coded=coded and s.chance(0.25))
    _grow(s, style)
    outputs = _outputs(s)
    case = Case(seed, style, s.model(outputs), CompileOptions(), {}, False, {}, s)
    inputs = {t.name: t.data.astype(np.float64) for t in s.inputs}
    calibrated = s.chance(0.6)
    options = _options(s, style, calibrated=calibrated)
    return replace(case, options=options, inputs=inputs, calibrated=calibrated).cut(outputs)


def _add_input(s: Sketch, name: str, *, coded: bool) -> None:
    rank = s.pick(1, 2, 2, 2, 3, 3, 4)
    shape = (1, *(s.pick(*((2, 3, 4, 6) if rank < 4 else (1, 2, 4))) for _ in range(rank - 1)))
    if rank == 2:
        shape = (1, s.whole(2, 12))
    if int(np.prod(shape)) > 24:
        shape = shape[:2]
    if coded:
        dtype = s.pick(np.int8, np.uint8)
        limits = np.iinfo(dtype)
        data = s.rng.integers(limits.min, limits.max, (SAMPLES, *shape), dtype, endpoint=True)
    elif s.inputs and s.chance(0.15):
        data = s.rng.random((SAMPLES, *shape)) < 0.5
    else:
        data = np.clip(s.rng.normal(0, s.pick(0.5, 1.0, 1.0, 2.0), (SAMPLES, *shape)), -8, 8)
        data[0] = 0
        data = (np.round(data / GRID) * GRID).astype(np.float32)
    s.tensors[name] = Tensor(name, data)
    s.inputs.append(s.tensors[name])
    if coded:
        zero = s.constant(s.whole(-10, 10) + (int(limits.min) + int(limits.max) + 1) // 2, dtype)
        s.attempt(lambda s: s.add("DequantizeLinear", [name, s.constant(s.pick(1 / 64, 0.0173, 0.031)), zero]))


def _grow(s: Sketch, style: str) -> None:
    """Nodes one after another, as the style wants them."""
    wanted = s.whole(2, NODES)
    if style in ("qonnx", "qdq"):
        for _ in s.inputs:
            s.attempt(lambda s: quantized(s, style))
    for _ in range(ATTEMPTS):
        if len(s.nodes) >= wanted:
            break
        s.attempt(_drawn(s, style))
    if not s.nodes:
        s.attempt(lambda s: s.add("Relu", [s.real().name]))


def _drawn(s: Sketch, style: str) -> Draw:
    """What to draw next."""
    quantizing = {"float": 0.0, "mixed": 0.15, "qoperator": 0.1}.get(style, 0.3)
    kind = s.pick("qonnx", "qdq") if style == "mixed" else ("qdq" if style == "qoperator" else style)
    if s.chance(quantizing):
        channels = s.chance(0.15)
        return lambda s: quantized(s, kind, channels=channels)
    if style == "qdq" and s.chance(0.03):
        return codes_delivered
    if style in ("qonnx", "qdq", "mixed") and s.chance(0.25):
        return lambda s: quantized_layer(s, kind)
    if style == "qoperator" and s.chance(0.5):
        return _weighted(s, QOPERATORS)
    if s.chance(0.12):
        return _weighted(s, MAPS)
    if s.chance(0.1):
        return _weighted(s, SEQUENCES)
    if s.chance(0.3):
        return _weighted(s, MOVES)
    if not any(n.op_type in ("MatMul", "Gemm") for n in s.nodes) and s.chance(0.2):
        return layer
    return _weighted(s, OPERATORS)


def _weighted(s: Sketch, table: dict[Draw, float]) -> Draw:
    weights = np.array(list(table.values()))
    return list(table)[int(s.rng.choice(len(table), p=weights / weights.sum()))]


def _outputs(s: Sketch) -> list[str]:
    """What nothing reads, but no more than three; now and then something from the middle."""
    inputs = {t.name for t in s.inputs}
    results = {name for node in s.nodes for name in node.output}
    ends = [name for name in s.tensors if name in s.unread() and name in results][-3:]
    ends = ends or [next(reversed(s.tensors))]
    middle = [name for name in s.tensors if name in results and name not in ends and name not in inputs]
    if middle and s.chance(0.2):
        ends.append(s.pick(*middle))
    return ends


def _options(s: Sketch, style: str, *, calibrated: bool) -> CompileOptions:
    weights = Weights.RUNTIME if s.chance(0.08) else Weights.CONSTANT
    unrolled = [Strategy.UNROLLED] if weights is Weights.CONSTANT else []
    layers = {}
    for node in s.nodes:
        is_layer = node.op_type in ("Gemm", "MatMul", "Conv", "ConvTranspose") and any(
            name in s.constants for name in node.input[:2]
        )
        if is_layer and s.chance(0.7):
            strategy = s.pick(Strategy.FOLDED, Strategy.FOLDED, Strategy.AUTO, *unrolled)
            layers[node.name or node.output[0]] = LayerOptions(
                strategy, None if s.chance(0.4) else s.pick(1, 2, 3, 4, 6, 12, 40)
            )
    io = s.pick(Io.PARALLEL, Io.PARALLEL, Io.STREAM)
    width = s.pick(None, 8, 24, 32, 40, 56, 72, 136) if io is Io.STREAM else None
    hardware = HardwareOptions(LayerOptions(), layers, s.whole(1, 4), io, width, weights)
    options = CompileOptions(hardware=hardware, softmax=s.pick(Softmax.PROBABILITIES, Softmax.LOGITS))
    if s.chance(0.75):
        options = replace(options, precision=_precision(s))
    if not calibrated or s.chance(0.2):
        chosen = _precision(s) if style == "float" else parse_precision("fixed<16,6>")
        options = replace(options, input_precision=chosen if s.chance(0.5) else None)
    return options


def _precision(s: Sketch) -> Precision:
    """Mostly narrow: tables and products are small then, and simulated soon."""
    width = s.whole(6, 12) if s.chance(0.85) else s.whole(13, 20)
    integer = s.whole(3, min(width, 6))
    return parse_precision(f"fixed<{width},{integer},{s.pick(*TYPE_MODES)},{s.pick('SAT', 'SAT_SYM')}>")

# SPDX-License-Identifier: Apache-2.0
"""Change the layers of an ONNX model and write it again: other weights, fewer neurons, quantizers.

A layer is a Gemm, MatMul or Conv whose weights the file holds as real numbers. All else stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
import onnx_ir
from onnx import helper, numpy_helper

from fpgann.frontend.onnx.normalise import normalise
from fpgann.frontend.onnx.reader import OnnxModel, read_proto
from fpgann.frontend.onnx.tables import QONNX
from fpgann.numerics.integers import FloatArray

_BIAS_BITS = 32
_HOMOGENEOUS = frozenset({"Relu", "LeakyRelu", "Identity", "MaxPool", "AveragePool", "GlobalAveragePool"})
_CHANNELWISE = _HOMOGENEOUS | {"Sigmoid", "Tanh"}
_MOVES = frozenset({"Flatten", "Reshape"})
_MAX_SLOPE = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer with real weights.

    Args:
        name: the node's name, or that of its result.
        kind: Gemm, MatMul or Conv.
        weight: float64, shape (outputs, inputs, ...).
        bias: float64, shape (outputs,).
        reads: the value it multiplies.
        writes: the value with the sums, bias included.
        groups: of a convolution.
    """

    name: str
    kind: str
    weight: FloatArray
    bias: FloatArray
    reads: str
    writes: str
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Function:
    """An operator between two layers.

    Args:
        op: its ONNX name.
        slope: of a LeakyRelu.
    """

    op: str
    slope: float = 0.01

    def __call__(self, values: FloatArray) -> FloatArray:
        """What it makes of numbers that are the same everywhere in their channel."""
        match self.op:
            case "Relu":
                return np.maximum(values, 0.0)
            case "LeakyRelu":
                return np.where(values < 0, self.slope * values, values)
            case "Sigmoid":
                return np.asarray(1 / (1 + np.exp(-values)))
            case "Tanh":
                return np.tanh(values)
        return values


@dataclass(frozen=True, slots=True)
class LayerLink:
    """Two layers, the second of which reads the first through functions of single channels, and nothing else does.

    Args:
        source: name of the first.
        target: name of the second.
        functions: what stands between.
        homogeneous: whether positive factors go through.
    """

    source: str
    target: str
    functions: tuple[Function, ...]
    homogeneous: bool


@dataclass(frozen=True, slots=True)
class Codes:
    """A quantizer to put in.

    Args:
        scale: value of a step; one number, or one for each output of the layer.
        bits: width of the codes.
        signed: whether they have a sign.
    """

    scale: tuple[float, ...]
    bits: int
    signed: bool


@dataclass
class EditableModel:
    """A model whose layers can be changed.

    Args:
        model: as read; stays as it is.
        layers: the layers by name, in order; replace entries with `set_layer`.
    """

    model: OnnxModel
    layers: dict[str, Layer] = field(init=False)
    _proto: onnx.ModelProto = field(init=False, repr=False)
    _nodes: dict[str, onnx.NodeProto] = field(init=False, repr=False)
    _absorbed: dict[str, list[str]] = field(init=False, default_factory=dict)
    _weights: dict[str, Codes] = field(init=False, default_factory=dict)
    _inputs: dict[str, Codes] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Find the layers."""
        self._proto = onnx_ir.to_proto(normalise(self.model))
        graph = self._proto.graph
        for number, node in enumerate(graph.node):
            node.name = node.name or f"{node.op_type}_{number}"
        constants = {tensor.name: tensor for tensor in graph.initializer}
        self.layers, self._nodes = {}, {}
        for node in graph.node:
            layer = self._layer(node, constants)
            if layer is not None:
                self._nodes[layer.name] = node
                self.layers[layer.name] = self._normalized(layer, constants)

    def _normalized(self, layer: Layer, constants: Mapping[str, onnx.TensorProto]) -> Layer:
        """The layer with the batch normalization that alone reads it, if there is one."""
        readers = self._readers(layer.writes)
        if len(readers) != 1 or readers[0].op_type != "BatchNormalization":
            return layer
        (norm,) = readers
        if not all(name in constants for name in norm.input[1:]) or len(norm.output) > 1:
            return layer
        if layer.kind != "Conv" and not self._is_matrix(layer.reads):
            return layer
        gamma, beta, mean, variance = (
            numpy_helper.to_array(constants[name]).astype(np.float64) for name in norm.input[1:]
        )
        epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
        gain = gamma / np.sqrt(variance + epsilon)
        weight = layer.weight * gain.reshape(-1, *[1] * (layer.weight.ndim - 1))
        self._absorbed[layer.name].append(norm.name)
        return replace(layer, weight=weight, bias=(layer.bias - mean) * gain + beta, writes=norm.output[0])

    def _is_matrix(self, value: str) -> bool:
        """Whether a value surely has two axes, batch and features, so that channels are the last axis."""
        for port in self.model.inputs:
            if port.name == value:
                return len(port.shape) == 2
        node = next((node for node in self._proto.graph.node if value in node.output), None)
        if node is None or node.op_type in ("Gemm", "Flatten"):
            return node is not None
        known = _CHANNELWISE | {"MatMul", "Add", "BatchNormalization"}
        return node.op_type in known and self._is_matrix(node.input[0])

    def _layer(self, node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Layer | None:
        """The layer that a node is, if it is one that can be changed."""
        if node.op_type not in ("Gemm", "MatMul", "Conv") or node.domain or node.input[0] in constants:
            return None
        tensor = constants.get(node.input[1])
        real = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)
        if tensor is None or tensor.data_type not in real:
            return None
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        weight = numpy_helper.to_array(tensor).astype(np.float64)
        if node.op_type == "Gemm":
            if attributes.get("transA", 0):
                return None
            weight = (weight if attributes.get("transB", 0) else weight.T) * attributes.get("alpha", 1.0)
        elif node.op_type == "MatMul":
            if weight.ndim != 2:
                return None
            weight = weight.T
        found = self._bias(node, len(weight), constants)
        if found is None:
            return None
        bias, writes, absorbed = found
        self._absorbed[node.name] = absorbed
        bias = bias * attributes.get("beta", 1.0)
        return Layer(node.name, node.op_type, weight, bias, node.input[0], writes, int(attributes.get("group", 1)))

    def _bias(
        self, node: onnx.NodeProto, outputs: int, constants: Mapping[str, onnx.TensorProto]
    ) -> tuple[FloatArray, str, list[str]] | None:
        """The bias, the value that has it, and the node that adds it; None if the bias is computed."""
        if len(node.input) > 2 and node.input[2]:
            tensor = constants.get(node.input[2])
            if tensor is None:
                return None
            given = numpy_helper.to_array(tensor).astype(np.float64).reshape(-1)
            return (np.broadcast_to(given, outputs).copy(), node.output[0], []) if given.size in (1, outputs) else None
        adder = self._adder(node, constants)
        if node.op_type == "MatMul" and adder is not None:
            name = next(name for name in adder.input if name != node.output[0])
            given = numpy_helper.to_array(constants[name]).astype(np.float64)
            if given.size == outputs and given.shape[-1] == outputs:
                return given.reshape(-1), adder.output[0], [adder.name]
        return np.zeros(outputs), node.output[0], []

    def _adder(self, node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> onnx.NodeProto | None:
        """The addition of a constant that alone reads a product."""
        readers = self._readers(node.output[0])
        if len(readers) != 1 or readers[0].op_type != "Add":
            return None
        return readers[0] if any(name in constants for name in readers[0].input) else None

    def _readers(self, value: str) -> list[onnx.NodeProto]:
        """Who reads a value; an output of the model counts twice, as its value must stay."""
        graph = self._proto.graph
        found = [node for node in graph.node if value in node.input]
        return found * 2 if any(output.name == value for output in graph.output) else found

    def links(self) -> list[LayerLink]:
        """Pairs of layers between which neurons can be merged, in order.

        Convolutions with groups have none, nor layers whose results are moved about other than by flattening.
        """
        by_node = {node.name: name for name, node in self._nodes.items()}
        found = []
        for name, layer in self.layers.items():
            link = self._follow(name, layer, by_node)
            if link is not None:
                found.append(link)
        return found

    def _follow(self, name: str, layer: Layer, by_node: Mapping[str, str]) -> LayerLink | None:
        value, functions = layer.writes, list[Function]()
        while True:
            readers = self._readers(value)
            if len(readers) != 1:
                return None
            (node,) = readers
            if node.name in by_node:
                target = self.layers[by_node[node.name]]
                is_operand = node.input[0] == value
                fits = target.weight.shape[1] % len(layer.weight) == 0 and target.groups == layer.groups == 1
                same_rank = layer.kind == "Conv" or target.weight.shape[1] == len(layer.weight)
                if not (is_operand and fits and same_rank):
                    return None
                homogeneous = all(function.op in _HOMOGENEOUS | _MOVES for function in functions)
                return LayerLink(name, target.name, tuple(functions), homogeneous)
            if node.op_type not in _CHANNELWISE | _MOVES or node.domain or node.input[0] != value:
                return None
            if node.op_type in _MOVES and layer.kind != "Conv":
                return None
            slope = next((a.f for a in node.attribute if a.name == "alpha"), 0.01)
            if not 0 <= slope <= _MAX_SLOPE:
                return None
            functions.append(Function(node.op_type, slope))
            value = node.output[0]

    def set_layer(self, name: str, weight: FloatArray, bias: FloatArray) -> None:
        """Give a layer other weights, perhaps of another shape."""
        self.layers[name] = replace(self.layers[name], weight=weight, bias=bias)

    def quantize(self, name: str, weight: Codes | None, reads: Codes | None) -> None:
        """Put quantizers before the weights and the operand of a layer; its bias then becomes codes of the sums."""
        if weight is not None:
            self._weights[name] = weight
        if reads is not None:
            self._inputs[name] = reads

    def model_now(self) -> OnnxModel:
        """The model as it is by now, ready to be run."""
        proto = self.write()
        digest = hashlib.sha256(proto.SerializeToString(deterministic=True))
        return read_proto(proto, self.model.path, digest)

    def write(self) -> onnx.ModelProto:
        """The model as it is by now."""
        proto = onnx.ModelProto()
        proto.CopyFrom(self._proto)
        graph = proto.graph
        taken = {tensor.name for tensor in graph.initializer} | {value.name for value in graph.input}
        writer = _Writer(proto, taken.union(*([node.name, *node.output] for node in graph.node)))
        for name, layer in self.layers.items():
            writer.write(layer, self._nodes[name].name, self._weights.get(name), self._inputs.get(name))
            writer.drop(self._absorbed[name])
        writer.finish()
        batched = {port.name for port in self.model.inputs if port.batched}
        for value in proto.graph.input:
            if value.name in batched:
                value.type.tensor_type.shape.dim[0].dim_param = "batch"
        del proto.graph.value_info[:]
        del proto.graph.output[:]
        proto.graph.output.extend(self.model.proto.graph.output)
        if (self._weights or self._inputs) and all(entry.domain != QONNX for entry in proto.opset_import):
            proto.opset_import.append(helper.make_opsetid(QONNX, 1))
        return proto


@dataclass
class _Writer:
    """Puts layers into a copy of the model."""

    proto: onnx.ModelProto
    taken: set[str]
    quantized: dict[tuple[str, Codes], str] = field(default_factory=dict)

    def write(self, layer: Layer, node_name: str, weight: Codes | None, reads: Codes | None) -> None:
        """One layer: a node with new weights and bias, quantizers before it."""
        graph = self.proto.graph
        index, node = next((i, n) for i, n in enumerate(graph.node) if n.name == node_name)
        before: list[onnx.NodeProto] = []
        operand = layer.reads if reads is None else self._quantizer(layer.reads, reads, (), before)
        matrix = layer.weight if layer.kind == "Conv" else layer.weight.T
        weights = self._constant(f"{layer.name}_weight", matrix)
        axes = layer.weight.ndim
        if weight is not None:
            shape = () if len(weight.scale) == 1 else (-1, *[1] * (axes - 1)) if layer.kind == "Conv" else (1, -1)
            weights = self._quantizer(weights, weight, shape, before)
        bias = self._constant(f"{layer.name}_bias", layer.bias)
        if weight is not None and reads is not None:
            scales = tuple(np.float32(w) * np.float32(reads.scale[0]) for w in weight.scale)
            codes = Codes(tuple(float(s) for s in scales), _BIAS_BITS, signed=True)
            bias = self._quantizer(bias, codes, () if len(scales) == 1 else (-1,), before)
        new = self._node(layer, node, operand, weights, bias)
        graph.node.remove(node)
        for offset, part in enumerate([*before, *new]):
            graph.node.insert(index + offset, part)

    def _node(self, layer: Layer, node: onnx.NodeProto, operand: str, weights: str, bias: str) -> list[onnx.NodeProto]:
        """The nodes of a layer."""
        if layer.kind == "MatMul":
            product = self._unique(f"{layer.name}_product")
            return [
                helper.make_node("MatMul", [operand, weights], [product], name=node.name),
                helper.make_node("Add", [product, bias], [layer.writes], name=self._unique(f"{layer.name}_bias_add")),
            ]
        if layer.kind == "Gemm":
            return [helper.make_node("Gemm", [operand, weights, bias], [layer.writes], name=node.name)]
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        del kept.input[:], kept.output[:]
        kept.input.extend([operand, weights, bias])
        kept.output.append(layer.writes)
        return [kept]

    def drop(self, names: list[str]) -> None:
        """Remove nodes whose work a layer does now."""
        graph = self.proto.graph
        for node in [node for node in graph.node if node.name in names]:
            graph.node.remove(node)

    def finish(self) -> None:
        """Drop constants that nothing reads any more."""
        graph = self.proto.graph
        read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
            graph.initializer.remove(tensor)

    def _quantizer(self, value: str, codes: Codes, shape: tuple[int, ...], before: list[onnx.NodeProto]) -> str:
        """A value behind a quantizer; one that several layers share is made once."""
        known = self.quantized.get((value, codes))
        if known is not None:
            return known
        name = self._unique(f"{value}_quant")
        scale = self._constant(f"{name}_scale", np.array(codes.scale).reshape(shape))
        zero, bits = self._constant(f"{name}_zero", np.array(0.0)), self._constant(f"{name}_bits", np.array(codes.bits))
        node = helper.make_node("Quant", [value, scale, zero, bits], [name], name=name, domain=QONNX)
        options: dict[str, int | str] = {"signed": int(codes.signed), "narrow": 0, "rounding_mode": "ROUND"}
        node.attribute.extend(helper.make_attribute(key, option) for key, option in options.items())
        before.append(node)
        self.quantized[value, codes] = name
        return name

    def _constant(self, name: str, values: FloatArray) -> str:
        unique = self._unique(name)
        self.proto.graph.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), unique))
        return unique

    def _unique(self, name: str) -> str:
        candidate, number = name, 2
        while candidate in self.taken:
            candidate, number = f"{name}_{number}", number + 1
        self.taken.add(candidate)
        return candidate


def file_bytes(proto: onnx.ModelProto) -> bytes:
    """A model as the bytes of its file, the same for the same model."""
    proto.producer_name = "fpgann"
    proto.ClearField("producer_version")
    return bytes(proto.SerializeToString(deterministic=True))

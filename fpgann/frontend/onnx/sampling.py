# SPDX-License-Identifier: Apache-2.0
"""Models that draw random numbers while they run: put the mean in the place of the noise, or let it come from outside,
which may be a generator beside the network.

A variational autoencoder computes mean + noise * deviation. Without the noise it delivers its mean, which is what it is
used for once it is trained; deviation and all that only it needs disappear. With the noise as an input it can sample.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from fpgann.errors import UnsupportedOperatorError
from fpgann.frontend.onnx.libraries import LIBRARY_ERRORS
from fpgann.frontend.onnx.ports import find_ports
from fpgann.frontend.onnx.reader import OnnxModel
from fpgann.frontend.onnx.structure import node_name

_NORMAL = frozenset({"RandomNormal", "RandomNormalLike"})
_UNIFORM = frozenset({"RandomUniform", "RandomUniformLike"})
_HINT = "hand over the part of the model that works on the mean"


def without_sampling(model: OnnxModel) -> OnnxModel:
    """The model with the mean of every random number in its place; the same model if there is none.

    Sums and products may use the noise: a product with a mean of 0 disappears, and so does adding it.

    Returns:
        The model; `noiseless` names the nodes that are gone.

    Raises:
        UnsupportedOperatorError: something else uses the noise.
    """
    graph = model.proto.graph
    if not any(node.op_type in _NORMAL | _UNIFORM for node in graph.node):
        return model
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    rewriting = _Rewriting(model)
    nodes = [kept for node in graph.node for kept in rewriting.visit(node)]
    for output in graph.output:
        if output.name in rewriting.means:
            raise _refusal(model, f"output '{output.name}'", "it is nothing but random numbers")
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    for name, mean in rewriting.means.items():
        if name in used:
            proto.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(mean), name))
    return replace(model, proto=proto, noiseless=tuple(rewriting.noise))


def with_sampling_inputs(model: OnnxModel) -> OnnxModel:
    """The model with an input in the place of every random tensor, named after it; the same model if there is none.

    Whoever feeds it draws the numbers, from the distribution that the node names.

    Raises:
        UnsupportedOperatorError: it is not known how many numbers there are.
    """
    if not any(node.op_type in _NORMAL | _UNIFORM for node in model.proto.graph.node):
        return model
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    shapes = _inferred(model.proto)
    drawing = [node for node in proto.graph.node if node.op_type in _NORMAL | _UNIFORM]
    for node in drawing:
        shape = shapes.get(node.output[0])
        if not shape:
            raise _refusal(model, node_name(node), "it is not known how many random numbers it draws")
        proto.graph.input.append(onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, shape))
        proto.graph.node.remove(node)
    drawn = {node.output[0] for node in drawing}
    added = tuple(port for port in find_ports(proto, {}) if port.name in drawn)
    return replace(model, proto=proto, inputs=model.inputs + added)


def with_drawn_inputs(model: OnnxModel) -> OnnxModel:
    """The same for a generator beside the network, which draws standard normal numbers: `drawn` names the inputs.

    Mean and deviation that a node names become a product and a sum of the model.

    Raises:
        UnsupportedOperatorError: the numbers are distributed otherwise, or nothing else enters the model.
    """
    if not any(node.op_type in _NORMAL | _UNIFORM for node in model.proto.graph.node):
        return model
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    del proto.graph.node[:]
    for node in model.proto.graph.node:
        if node.op_type in _UNIFORM:
            hint = "feed them with --sampling input"
            where = f"{model.path.name}, {node_name(node)}"
            raise UnsupportedOperatorError("generators draw normal numbers, not uniform ones", where=where, hint=hint)
        proto.graph.node.extend(_standardised(node, proto) if node.op_type in _NORMAL else [node])
    if not model.inputs:
        hint = "feed them with --sampling input"
        where = f"model '{model.path.name}'"
        raise UnsupportedOperatorError("nothing but random numbers enters it", where=where, hint=hint)
    found = with_sampling_inputs(replace(model, proto=proto))
    return replace(found, drawn=tuple(port.name for port in found.inputs[len(model.inputs) :]))


def _standardised(node: onnx.NodeProto, proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The node with mean 0 and deviation 1, and what makes its own of these."""
    given = {attribute.name: attribute.f for attribute in node.attribute if attribute.type == onnx.AttributeProto.FLOAT}
    mean, scale, result = given.get("mean", 0.0), given.get("scale", 1.0), node.output[0]
    if (mean, scale) == (0.0, 1.0):
        return [node]
    drawn = onnx.NodeProto()
    drawn.CopyFrom(node)
    drawn.output[0] = f"{result}_standard"
    numbers = (("scale", scale), ("mean", mean))
    for what, number in numbers:
        proto.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(number), f"{result}_{what}"))
    scaled = onnx.helper.make_node("Mul", [drawn.output[0], f"{result}_scale"], [f"{result}_scaled"])
    return [drawn, scaled, onnx.helper.make_node("Add", [f"{result}_scaled", f"{result}_mean"], [result])]


class _Rewriting:
    """One walk over the nodes.

    `means` holds the values that are the same number wherever they are used; they have lost their shape.
    """

    def __init__(self, model: OnnxModel) -> None:
        self.means: dict[str, float] = {}
        self.noise: list[str] = []
        self._model = model
        self._shapes = _inferred(model.proto)

    def visit(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """What is left of a node."""
        if node.op_type in _NORMAL | _UNIFORM:
            self.means[node.output[0]] = _mean(node)
            self.noise.append(node.name or node.output[0])
            return []
        means = [self.means.get(name) for name in node.input]
        if all(mean is None for mean in means):
            return [node]
        match node.op_type, means:
            case ("Identity" | "Cast", [float(mean)]):
                self.means[node.output[0]] = mean
            case ("Mul", [0.0, _] | [_, 0.0]):
                self.means[node.output[0]] = 0.0
            case ("Add", [0.0, None]):
                return [self._handed_on(node, node.input[1])]
            case ("Add" | "Sub", [None, 0.0]):
                return [self._handed_on(node, node.input[0])]
            case ("Add" | "Sub" | "Mul", [None, float()]):
                return [self._kept(node, node.input[0])]
            case ("Add" | "Sub" | "Mul", [float(), None]):
                return [self._kept(node, node.input[1])]
            case _:
                raise _refusal(
                    self._model, node_name(node), "it uses random numbers in another way than sums and products"
                )
        return []

    def _handed_on(self, node: onnx.NodeProto, source: str) -> onnx.NodeProto:
        """A sum without its noise."""
        kept = self._kept(node, source)
        return onnx.helper.make_node("Identity", [source], list(node.output), name=kept.name)

    def _kept(self, node: onnx.NodeProto, source: str) -> onnx.NodeProto:
        """A node whose noise has lost its shape, so it must not have been the larger operand."""
        before, after = self._shapes.get(source), self._shapes.get(node.output[0])
        if before is not None and after is not None and before != after:
            raise _refusal(self._model, node_name(node), "its random numbers enlarge the tensor")
        return node


def _mean(node: onnx.NodeProto) -> float:
    given = {attribute.name: attribute.f for attribute in node.attribute if attribute.type == onnx.AttributeProto.FLOAT}
    if node.op_type in _NORMAL:
        return float(given.get("mean", 0.0))
    return (float(given.get("low", 0.0)) + float(given.get("high", 1.0))) / 2


def _inferred(proto: onnx.ModelProto) -> dict[str, list[int | str]]:
    """Shapes by name, as far as ONNX finds them."""
    try:
        graph = onnx.shape_inference.infer_shapes(proto).graph
    except LIBRARY_ERRORS:
        return {}
    values = [*graph.value_info, *graph.output, *graph.input]
    return {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in values
        if value.type.tensor_type.HasField("shape")
    }


def _refusal(model: OnnxModel, where: str, message: str) -> UnsupportedOperatorError:
    return UnsupportedOperatorError(message, where=f"{model.path.name}, {where}", hint=_HINT)

# SPDX-License-Identifier: Apache-2.0
"""Replace the layers of a torch module by quantized ones of Brevitas, with the same parameters."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, replace

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.quant import Int32Bias
from torch import Tensor, nn

from fpgann.errors import ConfigError
from fpgann.numerics.integers import FloatArray
from fpgann.train.merging import capture_inputs
from fpgann.train.plan import CompressionPlan, LayerPlan, Per, Weights
from fpgann.train.quantizers import ActivationQuantizer, WeightQuantizer, activation_injector, weight_injector
from fpgann.train.sensitivity import assign_bits
from fpgann.train.topology import TRANSPOSED, layers_of, replace_module


@dataclass(frozen=True, eq=False)
class Compressed:
    """A layer that trains as the plan wants it.

    Args:
        name: its name in the module.
        module: the layer of Brevitas.
        plan: what it has of its own.
        weight_quantizer: what its weights become.
        input_quantizer: what it reads.
        input_rms: root mean square of each input on the samples, of a shape that goes with the weights.
    """

    name: str
    module: nn.Module
    plan: LayerPlan
    weight_quantizer: WeightQuantizer
    input_quantizer: ActivationQuantizer
    input_rms: FloatArray

    @property
    def weight(self) -> Tensor:
        """The weights as the optimizer sees them."""
        return self.module.weight

    def quantized(self) -> Tensor:
        """The weights as they are computed with."""
        with torch.no_grad():
            values: Tensor = self.weight_quantizer(self.module.weight)[0]
        return values

    def codes(self) -> Tensor:
        """The weights as integers."""
        with torch.no_grad():
            values, step, _, _ = self.weight_quantizer(self.module.weight)
            return torch.round(values / step).to(torch.int64)


def compress_layers(model: nn.Module, plan: CompressionPlan, samples: tuple[Tensor, ...]) -> dict[str, Compressed]:
    """Replace every layer in place.

    Args:
        model: the float module.
        plan: what to do.
        samples: inputs of the module, batch first.

    Raises:
        ConfigError: the module has no layer, or the plan names one that is not there.
    """
    layers = layers_of(model)
    if not layers:
        hint = "it must hold modules of torch.nn: Linear, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d"
        raise ConfigError("there is no layer to compress", where=f"module '{type(model).__name__}'", hint=hint)
    own = _layer_plans(plan, list(layers))
    inputs = capture_inputs(model, list(layers), samples)
    missing = [name for name in layers if name not in inputs]
    if missing:
        raise ConfigError("the module never calls it", where=f"layer '{missing[0]}'", hint="remove it")
    if plan.search.budget:
        own = _searched(model, layers, own, plan, samples)
    found = {}
    for number, (name, layer) in enumerate(layers.items()):
        found[name] = _compress(name, layer, own[name], plan, inputs[name], is_first=number == 0)
        replace_module(model, name, found[name].module)
    return found


def _layer_plans(plan: CompressionPlan, names: list[str]) -> dict[str, LayerPlan]:
    """What each layer has of its own; the last pattern that fits decides."""
    own = dict.fromkeys(names, LayerPlan())
    for pattern, entry in plan.layers.items():
        matching = fnmatch.filter(names, pattern)
        if not matching:
            hint = f"the layers are {', '.join(names)}"
            raise ConfigError("there is no such layer", where=f"plan, layer '{pattern}'", hint=hint)
        own |= dict.fromkeys(matching, entry)
    return own


def _searched(
    model: nn.Module,
    layers: Mapping[str, nn.Module],
    own: Mapping[str, LayerPlan],
    plan: CompressionPlan,
    samples: tuple[Tensor, ...],
) -> dict[str, LayerPlan]:
    """Widths of weights by how much each layer's rounding moves the module's outputs."""
    before = {name: layer.weight.detach().clone() for name, layer in layers.items()}
    per_channel = plan.quantize.per is Per.CHANNEL

    def outputs() -> Tensor:
        with torch.no_grad():
            results = model(*samples)
        return torch.cat([r.reshape(-1) for r in (results if isinstance(results, tuple) else (results,))])

    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    wanted = outputs()

    def error(bits: Mapping[str, int]) -> float:
        """Squared error of the outputs with rounded weights."""
        for name, width in bits.items():
            axis = _channel_axis(layers[name]) if per_channel else None
            rounded = WeightQuantizer(before[name], Weights.FIXED, width, plan.quantize.scale, channel_axis=axis)
            layers[name].weight.data.copy_(rounded(before[name])[0].detach())
        found = float(torch.sum((outputs() - wanted) ** 2))
        for name, weight in before.items():
            layers[name].weight.data.copy_(weight)
        return found

    sizes, search = {name: weight.numel() for name, weight in before.items()}, plan.search
    bits = assign_bits(sizes, error, budget=search.budget, least=search.least, most=search.most)
    for part, training in modes:
        part.training = training
    return {name: replace(entry, weight_bits=bits[name]) for name, entry in own.items()}


def _compress(
    name: str, layer: nn.Module, own: LayerPlan, plan: CompressionPlan, values: Tensor, *, is_first: bool
) -> Compressed:
    quantize = plan.quantize
    kind = own.weights or quantize.weights
    weights = WeightQuantizer(
        layer.weight,
        kind,
        own.weight_bits or quantize.weight_bits,
        quantize.scale,
        channel_axis=_channel_axis(layer) if quantize.per is Per.CHANNEL else None,
        learn_bits=quantize.learn_bits and kind is Weights.FIXED,
    )
    bits = own.activation_bits or (quantize.input_bits if is_first else 0) or quantize.activation_bits
    inputs = ActivationQuantizer(values, bits, quantize.scale, learn_bits=quantize.learn_bits)
    quantizers = {
        "weight_quant": weight_injector(weights),
        "input_quant": activation_injector(inputs),
        "bias_quant": None if layer.bias is None else Int32Bias,
    }
    module = _module(layer, quantizers)
    module.weight, module.bias = layer.weight, layer.bias
    return Compressed(name, module.to(layer.weight.device), own, weights, inputs, _input_rms(layer, values))


def _channel_axis(layer: nn.Module) -> int:
    """Which axis of the weights counts the neurons."""
    return int(isinstance(layer, TRANSPOSED) and layer.groups == 1)


def _input_rms(layer: nn.Module, values: Tensor) -> FloatArray:
    """Root mean square of what each weight of a neuron multiplies, one number a channel in convolutions."""
    if isinstance(layer, nn.Linear):
        squares = values.reshape(-1, values.shape[-1]).square().mean(dim=0)[None]
    else:
        channels = values.square().mean(dim=(0, *range(2, values.dim())))
        if isinstance(layer, TRANSPOSED):
            squares = channels.reshape(-1, *[1] * (layer.weight.dim() - 1))
            return np.asarray(squares.sqrt().cpu().numpy(), np.float64)
        blocks = channels.reshape(layer.groups, -1).repeat_interleave(layer.out_channels // layer.groups, dim=0)
        squares = blocks.reshape(*layer.weight.shape[:2], *[1] * (layer.weight.dim() - 2))
    return np.asarray(squares.sqrt().cpu().numpy(), np.float64)


def _module(layer: nn.Module, quantizers: Mapping[str, object]) -> nn.Module:
    """A layer of Brevitas of the same shape."""
    has_bias = layer.bias is not None
    if isinstance(layer, nn.Linear):
        return qnn.QuantLinear(layer.in_features, layer.out_features, bias=has_bias, **quantizers)
    more = {"output_padding": layer.output_padding} if isinstance(layer, TRANSPOSED) else {}
    kind = next(quantized for float_kind, quantized in _CONVOLUTIONS.items() if isinstance(layer, float_kind))
    return kind(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        padding_mode=layer.padding_mode,
        bias=has_bias,
        **more,
        **quantizers,
    )


_CONVOLUTIONS = {
    nn.Conv1d: qnn.QuantConv1d,
    nn.Conv2d: qnn.QuantConv2d,
    nn.ConvTranspose1d: qnn.QuantConvTranspose1d,
    nn.ConvTranspose2d: qnn.QuantConvTranspose2d,
}

# SPDX-License-Identifier: Apache-2.0
"""Quantizers that train: weights and activations as codes times a scale, hosted by Brevitas.

Each returns what Brevitas wants of a quantizer: the quantized values, their scale, their zero point and their width.
Rounding passes gradients on as if it were not there (Bengio et al. 2013). Masks, ties of weights and limits of digits
belong to the quantizer of the weights, so no optimizer can undo them, and checkpoints hold them.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from brevitas.function.ops_ste import round_ste
from brevitas.inject import ExtendedInjector
from brevitas.proxy import ActQuantProxyFromInjector, WeightQuantProxyFromInjector
from torch import Tensor, nn

from fpgann.passes.prune import MAX_DIGITS
from fpgann.passes.scales import binary_scale, fixed_scale, ternary_scale
from fpgann.train.plan import Scale, Weights

Quantized = tuple[Tensor, Tensor, Tensor, Tensor]

_LOG_2 = math.log(2.0)


class Step(nn.Module):
    """The scale of a quantizer, trained as its binary logarithm.

    Args:
        first: scales to begin with, of the shape that the scale has.
        scale: whether it stays a power of two.
    """

    def __init__(self, first: Tensor, scale: Scale) -> None:
        super().__init__()
        self.log2 = nn.Parameter(torch.log2(first.to(torch.float64)).to(torch.float32))
        self.power_of_two = scale is Scale.POWER_OF_TWO

    def forward(self) -> Tensor:
        """The scale."""
        if self.power_of_two:
            exponent = torch.round(self.log2).detach()
            # 2**e is exact; multiplied by 1 with a gradient
            return torch.ldexp(torch.ones_like(exponent), exponent) * (1 + _LOG_2 * (self.log2 - self.log2.detach()))
        return torch.exp2(self.log2)


class WeightQuantizer(nn.Module):
    """Weights as they are computed with: masked, tied, rounded, their digits limited.

    Args:
        weight: the weights to begin with.
        kind: fixed point, ternary or binary.
        bits: width of fixed-point weights.
        scale: powers of two or free.
        channel_axis: one scale for each entry of this axis; None for one scale.
        learn_bits: whether each weight learns how coarse it may be.
    """

    def __init__(
        self,
        weight: Tensor,
        kind: Weights,
        bits: int,
        scale: Scale,
        *,
        channel_axis: int | None,
        learn_bits: bool = False,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.bits = {Weights.FIXED: bits, Weights.TERNARY: 2, Weights.BINARY: 1}[kind]
        data = weight.detach()
        rows = data.reshape(1, -1) if channel_axis is None else data.movedim(channel_axis, 0).flatten(1)
        first, threshold = _first_scales(rows, kind, self.bits, scale)
        shape = () if channel_axis is None else tuple(len(rows) if i == channel_axis else 1 for i in range(data.dim()))
        self.step = Step(first.reshape(shape), scale)
        self.threshold = nn.Parameter(torch.logit(threshold.reshape(shape))) if kind is Weights.TERNARY else None
        self.coarse = nn.Parameter(torch.zeros_like(data)) if learn_bits else None
        self.register_buffer("mask", torch.ones_like(data))
        self.register_buffer("group", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("digits", torch.full((0,), MAX_DIGITS, dtype=torch.int64))

    def forward(self, weight: Tensor) -> Quantized:
        """Quantized weights."""
        step = self.step()
        real = weight * self.mask
        if self.group.numel():
            real = self.tied(real)
        codes = self.codes(real / step)
        bits = self.bits
        if self.digits.numel():
            codes = codes + (limited(codes.detach(), self.digits) - codes).detach()
            bits += 1  # one digit of 31 is 32
        return codes * step, step, torch.zeros_like(step).reshape(-1)[0], torch.tensor(float(bits))

    def codes(self, scaled: Tensor) -> Tensor:
        """Integers for weights in units of the scale, with gradients."""
        if self.kind is Weights.BINARY:
            sign = torch.where(scaled >= 0, 1.0, -1.0)
            near = torch.clamp(scaled, -1, 1)
            return near + (sign - near).detach()
        if self.kind is Weights.TERNARY:
            # beyond the threshold t the magnitude times 1 / (2 t) rounds to 1
            half = 0.5 / torch.sigmoid(self.threshold)
            return torch.sign(scaled) * round_ste(torch.clamp(torch.abs(scaled) * half, 0, 1))
        largest = 2 ** (self.bits - 1) - 1
        if self.coarse is None:
            return round_ste(torch.clamp(scaled, -largest, largest))
        grain = torch.exp2(round_ste(torch.clamp(self.coarse, 0, self.bits)))
        rounded = round_ste(scaled / grain) * grain
        return torch.clamp(rounded, -largest, largest)

    def tied(self, weight: Tensor) -> Tensor:
        """Every weight as the mean of its group; gradients go to all of them."""
        flat, group = weight.reshape(-1), self.group.reshape(-1)
        count = int(group.max()) + 1
        sums = torch.zeros(count, dtype=flat.dtype, device=flat.device).index_add(0, group, flat)
        sizes = torch.bincount(group, minlength=count).clamp(min=1)
        means = sums / sizes
        means = torch.cat([torch.zeros_like(means[:1]), means[1:]])  # group 0: what has been pruned
        return means[group].reshape(weight.shape)

    def bit_counts(self, weight: Tensor) -> Tensor:
        """How many bits each weight has, with gradients: log2(1 + magnitude in units of its step)."""
        step = self.step()
        if self.coarse is not None:
            step = step * torch.exp2(torch.clamp(self.coarse, 0, self.bits))
        return torch.log2(1 + torch.abs(weight * self.mask) / step)


class ActivationQuantizer(nn.Module):
    """What a layer reads, as codes.

    Args:
        samples: values to choose the first scale from.
        bits: width.
        scale: power of two or free.
        learn_bits: whether the width is learned.
    """

    def __init__(self, samples: Tensor, bits: int, scale: Scale, *, learn_bits: bool = False) -> None:
        super().__init__()
        self.bits = bits
        self.signed = bool(samples.min() < 0)
        self._most = bits - 1 - self.signed  # bits that can go
        self.step = Step(_activation_scale(samples, bits, scale, signed=self.signed), scale)
        self.coarse = nn.Parameter(torch.zeros(())) if learn_bits else None

    def forward(self, values: Tensor) -> Quantized:
        """Quantized values."""
        step = self.step()
        if self.coarse is not None:
            step = step * torch.exp2(round_ste(torch.clamp(self.coarse, 0, self._most)))
        width = self.width()
        low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if self.signed else (0, 2**width - 1)
        codes = torch.clamp(round_ste(values / step), low, high)
        return codes * step, step, torch.zeros_like(step), torch.tensor(float(width))

    def width(self) -> int:
        """Bits of a code."""
        coarse = 0.0 if self.coarse is None else float(self.coarse.detach())
        return self.bits - round(min(max(coarse, 0.0), self._most))

    def bit_count(self) -> Tensor:
        """The width, with a gradient."""
        if self.coarse is None:
            return torch.tensor(float(self.bits))
        return self.bits - torch.clamp(self.coarse, 0, self._most)


def limited(codes: Tensor, digits: Tensor) -> Tensor:
    """Codes with their first signed digits only, as `fpgann.passes.prune.signed_digits` counts them."""
    rest, result = codes, torch.zeros_like(codes)
    for number in range(MAX_DIGITS):
        magnitude = torch.abs(rest)
        exponent = torch.floor(torch.log2(torch.clamp(magnitude, min=1) / 1.5)) + 1
        digit = torch.sign(rest) * torch.ldexp(torch.ones_like(exponent), exponent)
        result = result + torch.where(digits > number, digit, torch.zeros_like(digit))
        rest = rest - digit
    return result


def weight_injector(quantizer: WeightQuantizer) -> type[ExtendedInjector]:
    """The quantizer as Brevitas layers take one."""

    class Injected(ExtendedInjector):
        """Brevitas reads these by name."""

        proxy_class = WeightQuantProxyFromInjector
        tensor_quant = quantizer
        signed = True
        narrow_range = True
        float_to_int_impl_type = "round"

    return Injected


def activation_injector(quantizer: ActivationQuantizer) -> type[ExtendedInjector]:
    """The quantizer as Brevitas layers take one."""

    class Injected(ExtendedInjector):
        """Brevitas reads these by name."""

        proxy_class = ActQuantProxyFromInjector
        tensor_quant = quantizer
        signed = quantizer.signed
        narrow_range = False
        float_to_int_impl_type = "round"
        act_impl = None
        passthrough_act = True

    return Injected


def _first_scales(rows: Tensor, kind: Weights, bits: int, scale: Scale) -> tuple[Tensor, Tensor]:
    """The scale of each row with the least squared error, and for ternary weights the threshold in units of it."""
    power_of_two = scale is Scale.POWER_OF_TWO
    scales, thresholds = [], []
    for row in np.asarray(rows.cpu().numpy(), np.float64):
        threshold = 0.5
        if kind is Weights.BINARY:
            found = binary_scale(row, power_of_two=power_of_two)
        elif kind is Weights.TERNARY:
            found, threshold = ternary_scale(row, power_of_two=power_of_two)
        else:
            found = fixed_scale(row, bits, signed=True, power_of_two=power_of_two)
        scales.append(found)
        thresholds.append(threshold)
    return torch.tensor(scales, device=rows.device), torch.tensor(thresholds, device=rows.device)


def _activation_scale(samples: Tensor, bits: int, scale: Scale, *, signed: bool) -> Tensor:
    values = np.asarray(samples.detach().cpu().numpy(), np.float64)
    found = fixed_scale(values, bits, signed=signed, power_of_two=scale is Scale.POWER_OF_TWO)
    return torch.tensor(found, device=samples.device)

# SPDX-License-Identifier: Apache-2.0
"""Compress an ONNX file with nothing but samples of its inputs: merge, prune, share, quantize, correct biases."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fpgann.errors import ConfigError, UnsupportedOperatorError
from fpgann.frontend.onnx.editing import Codes, EditableModel, Layer, LayerLink
from fpgann.frontend.onnx.reader import OnnxModel
from fpgann.frontend.onnx.runtime import Float32Runtime
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.passes.cluster import MergeReport, Pair, code_book, drop_dead, merge_neurons
from fpgann.passes.prune import Mask, digit_limits, neuron_masks, signed_digits, weight_masks
from fpgann.passes.scales import binary_scale, fixed_scale, ternary_scale
from fpgann.train.plan import By, CompressionPlan, LayerPlan, Per, Scale, Scope, Weights, What
from fpgann.train.sensitivity import assign_bits

Samples = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A compressed model.

    Args:
        model: the model, ready to be written.
        merged: what merging did.
    """

    model: EditableModel
    merged: tuple[MergeReport, ...]


def compress_model(model: OnnxModel, plan: CompressionPlan, samples: Samples) -> Outcome:
    """Compress a float model without training.

    Args:
        model: the model.
        plan: what to do; schedules and distillation are for trainings, and mean nothing here.
        samples: by input, shape (samples, *shape).

    Raises:
        UnsupportedOperatorError: the model has no layer with real weights.
        ConfigError: the plan wants something that only a training can do, or names a layer that is not there.
    """
    if plan.quantize.learn_bits:
        hint = "hand over a training with --train, or give the widths"
        raise ConfigError("widths are learned by training", where="plan, learn_bits", hint=hint)
    edited = EditableModel(model)
    if not edited.layers:
        hint = "hand over the float model: what is quantized already cannot be compressed again"
        raise UnsupportedOperatorError("it has no layer with real weights", where=model.path.name, hint=hint)
    own = _layer_plans(plan, list(edited.layers))
    merged = _merge(edited, plan, samples)
    wanted = _values(edited, edited.model_now(), samples)
    for name, stays in _prune(edited, plan, own, wanted).items():
        layer = edited.layers[name]
        wanted[layer.writes] = np.compress(stays, wanted[layer.writes], _channel_axis(layer, wanted[layer.writes]))
    if plan.share.values:
        for name, layer in list(edited.layers.items()):
            book, entries = code_book(layer.weight, plan.share.values)
            edited.set_layer(name, book[entries], layer.bias)
    if plan.search.budget:
        own = _searched(edited, plan, own, samples)
    limits = _digit_limits(edited, plan, own, wanted)
    for number, name in enumerate(edited.layers):
        _quantize(edited, name, own[name], plan, wanted, limits.get(name), is_first=number == 0)
        _correct_bias(edited, name, samples, wanted)
    return Outcome(edited, merged)


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


def _values(edited: EditableModel, model: OnnxModel, samples: Samples) -> dict[str, FloatArray]:
    """What every layer reads and computes, shape (samples, 1, ...)."""
    names = {name for layer in edited.layers.values() for name in (layer.reads, layer.writes)}
    fed = {name for name in names if name in samples}
    found = Float32Runtime(model).run(dict(samples), extra_outputs=tuple(sorted(names - fed)))
    return {name: np.asarray(found[name] if name in found else samples[name], np.float64) for name in names}


def _merge(edited: EditableModel, plan: CompressionPlan, samples: Samples) -> tuple[MergeReport, ...]:
    """Drop dead neurons and copies, then merge similar ones."""
    done = []
    for link in edited.links():
        before = len(edited.layers[link.source].weight)
        padded = edited.layers[link.source].kind == "Conv"
        dropped = drop_dead(_pair(edited, link), functools.partial(_through, link), padded=padded)
        _set_pair(edited, link, dropped.pair)
        keep = max(1, round(plan.merge.keep * before)) if plan.merge.keep < 1 else None
        largest, moments = _inputs(edited, edited.layers[link.source], samples)
        merged = merge_neurons(
            dropped.pair,
            keep=keep,
            distance=plan.merge.distance,
            homogeneous=link.homogeneous,
            largest_input=largest,
            moments=moments,
        )
        _set_pair(edited, link, merged.pair)
        done.append(MergeReport(link.source, before, len(merged.members), merged.error_bound))
    return tuple(done)


def _through(link: LayerLink, values: FloatArray) -> FloatArray:
    for function in link.functions:
        values = function(values)
    return values


def _pair(edited: EditableModel, link: LayerLink) -> Pair:
    source, target = edited.layers[link.source], edited.layers[link.target]
    neurons = len(source.weight)
    columns = target.weight.reshape(len(target.weight), neurons, -1)
    return Pair(source.weight.reshape(neurons, -1), source.bias, columns, target.bias)


def _set_pair(edited: EditableModel, link: LayerLink, pair: Pair) -> None:
    source, target = edited.layers[link.source], edited.layers[link.target]
    edited.set_layer(link.source, pair.rows.reshape(len(pair.rows), *source.weight.shape[1:]), pair.bias)
    shape = (len(target.weight), -1, *target.weight.shape[2:])
    edited.set_layer(link.target, pair.columns.reshape(shape), pair.next_bias)


def _inputs(edited: EditableModel, layer: Layer, samples: Samples) -> tuple[FloatArray, FloatArray | None]:
    """The largest magnitude of each input of a neuron; for dense layers mean products of the inputs and 1 too."""
    values = _values(edited, edited.model_now(), samples)[layer.reads]
    if layer.kind == "Conv":  # (samples, 1, channel, *positions)
        largest = np.abs(values).max(axis=(0, 1, *range(3, values.ndim)))
        return np.repeat(largest, layer.weight[0, 0].size), None
    flat = values.reshape(-1, values.shape[-1])
    with_one = np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
    return np.abs(flat).max(axis=0), with_one.T @ with_one / len(flat)


def _importance(layer: Layer, plan: CompressionPlan, wanted: Mapping[str, FloatArray]) -> FloatArray:
    """How much a unit of each weight matters, of a shape that goes with the weights."""
    if plan.prune.by is By.MAGNITUDE:
        return np.ones(())
    values = wanted[layer.reads]
    if layer.kind != "Conv":
        return np.asarray(np.sqrt(np.mean(values.reshape(-1, values.shape[-1]) ** 2, axis=0))[None])
    channels = np.sqrt(np.mean(values**2, axis=(0, 1, *range(3, values.ndim))))
    blocks = np.repeat(channels.reshape(layer.groups, -1), len(layer.weight) // layer.groups, axis=0)
    return blocks.reshape(*layer.weight.shape[:2], *[1] * (layer.weight.ndim - 2))


def _prune(
    edited: EditableModel, plan: CompressionPlan, own: Mapping[str, LayerPlan], wanted: Mapping[str, FloatArray]
) -> dict[str, Mask]:
    """Weights or neurons; which neurons of which layer stay, where some go."""
    if plan.prune.what is What.DIGITS or not plan.prune.sparsity:
        return {}
    shares = _sparsity(plan, own)
    if plan.prune.what is What.WEIGHTS:
        scores = {name: layer.weight * _importance(layer, plan, wanted) for name, layer in edited.layers.items()}
        for name, mask in weight_masks(scores, shares, among_all=plan.prune.scope is Scope.GLOBAL).items():
            layer = edited.layers[name]
            edited.set_layer(name, layer.weight * mask, layer.bias)
        return {}
    kept = {}
    for link in edited.links():
        pair = _pair(edited, link)
        (stays,) = neuron_masks({link.source: pair.rows}, shares).values()
        _set_pair(edited, link, Pair(pair.rows[stays], pair.bias[stays], pair.columns[:, stays], pair.next_bias))
        kept[link.source] = stays
    return kept


def _sparsity(plan: CompressionPlan, own: Mapping[str, LayerPlan]) -> dict[str, float]:
    return {n: plan.prune.sparsity if entry.sparsity is None else entry.sparsity for n, entry in own.items()}


def _searched(
    edited: EditableModel,
    plan: CompressionPlan,
    own: Mapping[str, LayerPlan],
    samples: Samples,
) -> dict[str, LayerPlan]:
    """Widths of weights by how much each layer's rounding moves the outputs."""
    outputs = edited.model.outputs
    before = dict(edited.layers)
    real = Float32Runtime(edited.model_now()).run(dict(samples))
    scale = max(float(sum(np.sum(np.square(real[name])) for name in outputs)), float(np.finfo(np.float64).tiny))

    def error(bits: Mapping[str, int]) -> float:
        """Squared error of the outputs, relative to the outputs, with rounded weights."""
        for name, width in bits.items():
            layer = before[name]
            step, _ = _scales(layer.weight, replace(own[name], weight_bits=width), plan)
            edited.set_layer(name, _codes(layer.weight, step, width) * step, layer.bias)
        got = Float32Runtime(edited.model_now()).run(dict(samples))
        edited.layers.update(before)
        return float(sum(np.sum((got[name] - real[name]) ** 2) for name in outputs) / scale)

    search, sizes = plan.search, {name: layer.weight.size for name, layer in before.items()}
    bits = assign_bits(sizes, error, budget=search.budget, least=search.least, most=search.most)
    return {name: replace(entry, weight_bits=bits[name]) for name, entry in own.items()}


def _digit_limits(
    edited: EditableModel, plan: CompressionPlan, own: Mapping[str, LayerPlan], wanted: Mapping[str, FloatArray]
) -> dict[str, IntArray]:
    """How many signed digits weights keep; none are named if all stay."""
    if plan.prune.what is not What.DIGITS or not plan.prune.sparsity:
        return {}
    codes, steps, bits = {}, {}, {}
    for name, layer in edited.layers.items():
        scales = _scales(layer.weight, own[name], plan)[0]
        width = own[name].weight_bits or plan.quantize.weight_bits
        codes[name] = _codes(layer.weight, scales, width)
        steps[name] = scales * _importance(layer, plan, wanted)
        bits[name] = own[name].activation_bits or plan.quantize.activation_bits
    return digit_limits(codes, steps, _sparsity(plan, own), bits, among_all=plan.prune.scope is Scope.GLOBAL)


def _codes(weight: FloatArray, step: FloatArray, bits: int) -> IntArray:
    largest = 2 ** (bits - 1) - 1
    return np.clip(np.rint(weight / step), -largest, largest).astype(np.int64)


def _scales(weight: FloatArray, own: LayerPlan, plan: CompressionPlan) -> tuple[FloatArray, FloatArray]:
    """Scales and, for ternary weights, thresholds in units of them, each of a shape that goes with the weights."""
    kind, bits = own.weights or plan.quantize.weights, own.weight_bits or plan.quantize.weight_bits
    power_of_two = plan.quantize.scale is Scale.POWER_OF_TWO
    rows = weight.reshape(len(weight), -1) if plan.quantize.per is Per.CHANNEL else weight.reshape(1, -1)
    found = []
    for row in rows:
        if kind is Weights.TERNARY:
            found.append(ternary_scale(row, power_of_two=power_of_two))
        elif kind is Weights.BINARY:
            found.append((binary_scale(row, power_of_two=power_of_two), 0.5))
        else:
            found.append((fixed_scale(row, bits, signed=True, power_of_two=power_of_two), 0.5))
    shape = (-1, *[1] * (weight.ndim - 1)) if len(rows) > 1 else ()
    both = np.array(found, np.float64)
    return both[:, 0].reshape(shape), both[:, 1].reshape(shape)


def _quantize(
    edited: EditableModel,
    name: str,
    own: LayerPlan,
    plan: CompressionPlan,
    wanted: Mapping[str, FloatArray],
    limits: IntArray | None,
    *,
    is_first: bool,
) -> None:
    """One layer: codes for its weights, a quantizer before its operand."""
    layer, quantize = edited.layers[name], plan.quantize
    kind, bits = own.weights or quantize.weights, own.weight_bits or quantize.weight_bits
    step, threshold = _scales(layer.weight, own, plan)
    if kind is Weights.TERNARY:
        codes, bits = (np.sign(layer.weight) * (np.abs(layer.weight) > threshold * step)).astype(np.int64), 2
    elif kind is Weights.BINARY:
        codes, bits = np.where(layer.weight >= 0, 1, -1), 2
    else:
        codes = _codes(layer.weight, step, bits)
    if limits is not None:
        digits = signed_digits(codes)
        place = np.arange(len(digits)).reshape(-1, *[1] * codes.ndim)
        codes, bits = np.sum(digits * (place < limits), axis=0), bits + 1
    edited.set_layer(name, codes * step, layer.bias)
    width = own.activation_bits or (quantize.input_bits if is_first else 0) or quantize.activation_bits
    values = wanted[layer.reads]
    signed = bool(values.min() < 0)
    power_of_two = quantize.scale is Scale.POWER_OF_TWO
    reads = Codes((fixed_scale(values, width, signed=signed, power_of_two=power_of_two),), width, signed)
    edited.quantize(name, Codes(tuple(float(s) for s in step.reshape(-1)), bits, signed=True), reads)


def _correct_bias(edited: EditableModel, name: str, samples: Samples, wanted: Mapping[str, FloatArray]) -> None:
    """Add to the bias of a layer what its sums have lost on the mean of the samples (Nagel et al. 2019).

    All layers before it are quantized already, so their errors count too.
    """
    layer = edited.layers[name]
    got = Float32Runtime(edited.model_now()).run(dict(samples), extra_outputs=(layer.writes,))[layer.writes]
    lost = wanted[layer.writes] - np.asarray(got, np.float64)
    axis = _channel_axis(layer, lost)
    mean = lost.mean(axis=tuple(a for a in range(lost.ndim) if a != axis))
    edited.set_layer(name, layer.weight, layer.bias + mean)


def _channel_axis(layer: Layer, values: FloatArray) -> int:
    """The axis of the neurons in what a layer computes, shape (samples, 1, ...)."""
    return 2 if layer.kind == "Conv" else values.ndim - 1

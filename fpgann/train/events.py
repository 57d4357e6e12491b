# SPDX-License-Identifier: Apache-2.0
"""What happens to compressed layers at times of the plan: pruning, cutting digits, tying weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from fpgann.numerics.integers import FloatArray
from fpgann.passes.cluster import code_book
from fpgann.passes.prune import Mask, digit_limits, neuron_masks, weight_masks
from fpgann.train.attaching import Compressed
from fpgann.train.plan import By, Prune, Scope, What
from fpgann.train.topology import TRANSPOSED, Link

Entry = TypeVar("Entry", bound=np.generic)


def prune_layers(layers: Mapping[str, Compressed], links: Sequence[Link], prune: Prune, sparsity: float) -> None:
    """Take away all that is to have gone by now.

    Args:
        layers: the compressed layers.
        links: which layers follow one another, for neurons.
        prune: the wish.
        sparsity: share of all layers without a share of their own that has to be gone; theirs follow in proportion.
    """
    progress = sparsity / prune.sparsity
    wanted = {n: sparsity if c.plan.sparsity is None else c.plan.sparsity * progress for n, c in layers.items()}
    if prune.what is What.DIGITS:
        _cut_digits(layers, wanted, prune)
    elif prune.what is What.NEURONS:
        _silence_neurons(layers, links, wanted)
    else:
        weights = {name: _masked(layer) * _importance(layer, prune) for name, layer in layers.items()}
        for name, mask in weight_masks(weights, wanted, among_all=prune.scope is Scope.GLOBAL).items():
            _set_mask(layers[name], mask)


def tie_weights(layers: Mapping[str, Compressed], values: int) -> None:
    """Tie the weights of each layer in as many groups as its code book has values; zeros stay zeros."""
    for layer in layers.values():
        _, entries = code_book(_masked(layer), values)
        layer.weight_quantizer.group = torch.from_numpy(entries).to(layer.weight.device)


def _masked(layer: Compressed) -> FloatArray:
    """Weights that are left."""
    left = layer.weight.detach() * layer.weight_quantizer.mask
    return np.asarray(left.cpu().numpy(), np.float64)


def _importance(layer: Compressed, prune: Prune) -> FloatArray:
    """How much a unit of each weight matters."""
    return layer.input_rms if prune.by is By.EFFECT else np.ones(())


def _set_mask(layer: Compressed, mask: Mask) -> None:
    tensor = torch.from_numpy(mask.astype(np.float32))
    with torch.no_grad():
        layer.weight_quantizer.mask.copy_(tensor)


def _silence_neurons(layers: Mapping[str, Compressed], links: Sequence[Link], wanted: Mapping[str, float]) -> None:
    """Neurons that read nothing and that nobody reads, whatever their bias; only layers with one reader have such."""
    sources = {link.source: _neurons_first(layers[link.source], _masked(layers[link.source])) for link in links}
    kept = neuron_masks(sources, wanted)
    rows: dict[str, Mask] = {name: np.ones(layer.weight.shape, bool) for name, layer in layers.items()}
    for link in links:
        stays = kept[link.source]
        source, target = (_neurons_first(layers[name], rows[name]) for name in (link.source, link.target))  # views
        source &= stays.reshape(-1, *[1] * (source.ndim - 1))
        target &= np.repeat(stays, target.shape[1] // len(stays)).reshape(1, -1, *[1] * (target.ndim - 2))
    for name, mask in rows.items():
        _set_mask(layers[name], mask)


def _neurons_first(layer: Compressed, array: npt.NDArray[Entry]) -> npt.NDArray[Entry]:
    return array.swapaxes(0, 1) if isinstance(layer.module, TRANSPOSED) else array


def _cut_digits(layers: Mapping[str, Compressed], wanted: Mapping[str, float], prune: Prune) -> None:
    codes, steps, bits = {}, {}, {}
    with torch.no_grad():
        for name, layer in layers.items():
            quantizer = layer.weight_quantizer
            step = quantizer.step()
            codes[name] = quantizer.codes(layer.weight * quantizer.mask / step).cpu().numpy().astype(np.int64)
            steps[name] = np.asarray(step.cpu().numpy(), np.float64) * _importance(layer, prune)
            bits[name] = layer.input_quantizer.width()
    among_all = prune.scope is Scope.GLOBAL
    for name, limits in digit_limits(codes, steps, wanted, bits, among_all=among_all).items():
        layers[name].weight_quantizer.digits = torch.from_numpy(limits).to(layers[name].weight.device)

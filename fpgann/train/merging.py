# SPDX-License-Identifier: Apache-2.0
"""Merge neurons of a torch module, in place, before it is trained again."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from fpgann.numerics.integers import FloatArray
from fpgann.passes.cluster import Merged, MergeReport, Pair, drop_dead, merge_neurons
from fpgann.train.plan import Merge
from fpgann.train.topology import TRANSPOSED, Link, neurons_first, neurons_of


def merge_model(
    model: nn.Module, links: Sequence[Link], merge: Merge, samples: tuple[Tensor, ...]
) -> list[MergeReport]:
    """Drop dead neurons, merge copies, then similar neurons as far as the plan wants.

    Args:
        model: the module; its layers change.
        links: which layers follow one another.
        merge: the wish.
        samples: inputs of the module, batch first: they say which neurons are alike.
    """
    reports = []
    for link in links:
        before = neurons_of(model.get_submodule(link.source))
        is_linear = isinstance(model.get_submodule(link.source), nn.Linear)
        dropped = drop_dead(_pair(model, link), functools.partial(_between, link), padded=not is_linear)
        _set_pair(model, link, dropped.pair)
        keep = max(1, round(merge.keep * before)) if merge.keep < 1 else None
        largest, moments = _inputs(model, link.source, samples)
        merged: Merged = merge_neurons(
            dropped.pair,
            keep=keep,
            distance=merge.distance,
            homogeneous=link.homogeneous,
            largest_input=largest,
            moments=moments,
        )
        _set_pair(model, link, merged.pair)
        reports.append(MergeReport(link.source, before, len(merged.members), merged.error_bound))
    return reports


def capture_inputs(model: nn.Module, names: list[str], samples: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """What each layer reads when the module gets the samples, in inference."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        def hook(part: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            del part
            values = arguments[0].detach()
            found[name] = torch.cat([found[name], values]) if name in found else values

        return model.get_submodule(name).register_forward_pre_hook(hook)

    handles = [keep(name) for name in names]
    modes = [(part, part.training) for part in model.modules()]
    try:
        with torch.no_grad():
            model.eval()(*samples)
    finally:
        for handle in handles:
            handle.remove()  # type: ignore[attr-defined]
        for part, training in modes:
            part.training = training
    return found


def _pair(model: nn.Module, link: Link) -> Pair:
    source, target = model.get_submodule(link.source), model.get_submodule(link.target)
    rows = _array(neurons_first(source, source.weight)).reshape(neurons_of(source), -1)
    columns = _array(neurons_first(target, target.weight)).reshape(neurons_of(target), len(rows), -1)
    return Pair(rows, _bias(source), columns, _bias(target))


def _array(tensor: Tensor) -> FloatArray:
    return np.asarray(tensor.detach().cpu().numpy(), np.float64)


def _bias(layer: nn.Module) -> FloatArray:
    return np.zeros(neurons_of(layer)) if layer.bias is None else _array(layer.bias)


def _set_pair(model: nn.Module, link: Link, pair: Pair) -> None:
    source, target = model.get_submodule(link.source), model.get_submodule(link.target)
    neurons = len(pair.rows)
    _set(source, pair.rows.reshape(neurons, *neurons_first(source, source.weight).shape[1:]), pair.bias)
    shape = (neurons_of(target), -1, *target.weight.shape[2:])
    _set(target, pair.columns.reshape(shape), pair.next_bias)


def _set(layer: nn.Module, weight: FloatArray, bias: FloatArray) -> None:
    """New numbers, neurons first, in the same parameters, so that an optimizer goes on with them.

    A bias is made only if there is one.
    """
    with torch.no_grad():
        numbers = torch.as_tensor(weight, dtype=layer.weight.dtype, device=layer.weight.device)
        layer.weight.data = neurons_first(layer, numbers).contiguous()
        layer.weight.grad = None
        if layer.bias is not None:
            layer.bias.data = torch.as_tensor(bias, dtype=layer.bias.dtype, device=layer.bias.device)
            layer.bias.grad = None
        elif np.any(bias):
            layer.bias = nn.Parameter(torch.as_tensor(bias, dtype=layer.weight.dtype, device=layer.weight.device))
    names = ("out_features", "in_features") if isinstance(layer, nn.Linear) else ("out_channels", "in_channels")
    setattr(layer, names[0], weight.shape[0])
    setattr(layer, names[1], weight.shape[1])


def _between(link: Link, values: FloatArray) -> FloatArray:
    """What constant neurons of a linear layer become on their way to the next one."""
    tensor = torch.as_tensor(values, dtype=torch.float32)[None]
    with torch.no_grad():
        for function in link.functions:
            tensor = function(tensor)
    return _array(tensor[0])


def _inputs(model: nn.Module, name: str, samples: tuple[Tensor, ...]) -> tuple[FloatArray, FloatArray | None]:
    """The largest magnitude of each input of a layer, and mean products of the inputs and 1."""
    layer = model.get_submodule(name)
    values = capture_inputs(model, [name], samples)[name]
    if isinstance(layer, nn.Linear):
        flat = _array(values).reshape(-1, values.shape[-1])
    elif isinstance(layer, TRANSPOSED) or isinstance(layer.padding, str):
        # windows are not worth their trouble here: compare weights
        channels = _array(values.abs().amax(dim=(0, *range(2, values.dim()))))
        return np.repeat(channels, layer.weight[0, 0].numel()), None
    else:
        flat = _array(windows(layer, values))
    with_one = np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
    return np.abs(flat).max(axis=0), with_one.T @ with_one / len(flat)


def windows(layer: nn.Module, values: Tensor) -> Tensor:
    """What a convolution multiplies its weights with, shape (windows, inputs of a neuron)."""
    one_dimensional = values.dim() == 3
    image = values[:, :, None] if one_dimensional else values
    extra = (0,) if one_dimensional else ()
    kernel, padding = ((1,) if one_dimensional else ()) + tuple(layer.kernel_size), extra + tuple(layer.padding)
    ones = (1,) if one_dimensional else ()
    dilation, stride = ones + tuple(layer.dilation), ones + tuple(layer.stride)
    cut = nn.functional.unfold(image, kernel, dilation, padding, stride)
    return cut.transpose(1, 2).reshape(-1, cut.shape[1])

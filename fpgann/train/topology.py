# SPDX-License-Identifier: Apache-2.0
"""What stands between the layers of a torch module: which batch normalization can be folded, which neurons merged."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, *TRANSPOSED)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_MOVES = (nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.Flatten)
"""What leaves a constant as it is."""
_HOMOGENEOUS = (nn.ReLU, nn.LeakyReLU, nn.Identity, nn.Dropout, *_MOVES)
_CHANNELWISE = (*_HOMOGENEOUS, nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.ReLU6, nn.GELU, nn.SiLU, nn.ELU)
_FUNCTIONS = {
    torch.relu: True,
    nn.functional.relu: True,
    nn.functional.leaky_relu: True,
    nn.functional.max_pool2d: True,
    torch.flatten: True,
    torch.sigmoid: False,
    torch.tanh: False,
}
"""Functions that treat channels one by one, and whether a positive factor goes through them."""


@dataclass(frozen=True)
class Link:
    """Two layers, the second of which reads the first through functions of single channels, and nothing else does.

    Args:
        source: name of the first layer.
        target: name of the second.
        functions: what happens to values between the two, in order; not how they are moved or pooled.
        homogeneous: whether a positive factor goes through these functions.
    """

    source: str
    target: str
    functions: tuple[Callable[[Tensor], Tensor], ...]
    homogeneous: bool


def neurons_first(layer: nn.Module, weight: Tensor) -> Tensor:
    """Weights, or what goes with them, in the order (neurons, inputs, ...); turns it back, too.

    Transposed convolutions alone have their inputs first.
    """
    return weight.transpose(0, 1) if isinstance(layer, TRANSPOSED) else weight


def neurons_of(layer: nn.Module) -> int:
    """How many neurons or channels a layer computes."""
    return int(layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """The layers that can be compressed, by name, in the order of definition."""
    return {name: part for name, part in model.named_modules() if isinstance(part, LAYERS)}


def trace(model: nn.Module) -> fx.Graph | None:
    """The graph of calls; None where the module's control flow depends on data."""
    try:
        return fx.symbolic_trace(model).graph
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError):
        return None


def fold_batch_norms(model: nn.Module) -> list[str]:
    """Fold each batch normalization behind a layer into it, in place; it becomes the identity.

    Returns:
        Names of the normalizations that were folded.
    """
    graph = trace(model)
    if graph is None:
        return []
    modules, calls = dict(model.named_modules()), _calls(graph)
    folded = []
    for node in graph.nodes:
        norm = modules.get(str(node.target)) if node.op == "call_module" else None
        source = node.args[0] if isinstance(norm, _NORMS) else None
        layer = modules.get(str(source.target)) if isinstance(source, fx.Node) and source.op == "call_module" else None
        if not isinstance(layer, LAYERS) or not isinstance(source, fx.Node) or len(source.users) != 1:
            continue
        if calls[str(node.target)] != 1 or calls[str(source.target)] != 1:
            continue  # a module that is called twice serves two places
        if isinstance(layer, TRANSPOSED) and layer.groups != 1:
            continue
        _fold(layer, norm)
        replace_module(model, str(node.target), nn.Identity())
        folded.append(str(node.target))
    return folded


def _fold(layer: nn.Module, norm: nn.Module) -> None:
    """Into the weights and bias of a layer, which keep their identity where there was one."""
    fuse: Callable[..., tuple[Tensor, Tensor]] = fuse_linear_bn_weights
    if not isinstance(layer, nn.Linear):
        fuse = functools.partial(fuse_conv_bn_weights, transpose=isinstance(layer, TRANSPOSED))
    gamma = torch.ones_like(norm.running_mean) if norm.weight is None else norm.weight
    beta = torch.zeros_like(norm.running_mean) if norm.bias is None else norm.bias
    with torch.no_grad():
        weight, bias = fuse(
            layer.weight, layer.bias, norm.running_mean, norm.running_var, norm.eps, gamma.detach(), beta.detach()
        )
        layer.weight.copy_(weight)
        if layer.bias is None:
            layer.bias = nn.Parameter(bias.detach().clone())
        else:
            layer.bias.copy_(bias)


def find_links(model: nn.Module) -> list[Link]:
    """Pairs of layers between which neurons can be merged, in the order in which data pass them."""
    graph = trace(model)
    if graph is None:
        return []
    modules, calls = dict(model.named_modules()), _calls(graph)
    found = []
    for node in graph.nodes:
        layer = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(layer, LAYERS) and calls[str(node.target)] == 1:
            link = _follow(node, modules, calls)
            if link is not None and _fits(layer, modules[link.target]):
                found.append(link)
    return found


def _calls(graph: fx.Graph) -> Counter[str]:
    """How often each module is called."""
    return Counter(str(node.target) for node in graph.nodes if node.op == "call_module")


def _follow(start: fx.Node, modules: dict[str, nn.Module], calls: Counter[str]) -> Link | None:
    """Through functions of single channels to the next layer."""
    node, homogeneous = start, True
    functions: list[Callable[[Tensor], Tensor]] = []
    while len(node.users) == 1:
        (node,) = node.users
        if node.op == "call_function" and node.target in _FUNCTIONS:
            homogeneous = homogeneous and _FUNCTIONS[node.target]
            if node.target not in (torch.flatten, nn.functional.max_pool2d):
                functions.append(functools.partial(_call, node.target, node.args[1:], node.kwargs))
        elif node.op == "call_module":
            part = modules[str(node.target)]
            if isinstance(part, LAYERS):
                single = calls[str(node.target)] == 1
                return Link(str(start.target), str(node.target), tuple(functions), homogeneous) if single else None
            if not isinstance(part, _CHANNELWISE):
                return None
            homogeneous = homogeneous and isinstance(part, _HOMOGENEOUS)
            if not isinstance(part, _MOVES):
                functions.append(part)
        else:
            return None
    return None


def _call(function: Callable[..., Tensor], rest: tuple[object, ...], named: dict[str, object], x: Tensor) -> Tensor:
    """A function as the module calls it."""
    return function(x, *rest, **named)


def _fits(source: nn.Module, target: nn.Module) -> bool:
    """Whether each channel of the first is a block of inputs of the second."""
    if any(isinstance(part, nn.modules.conv._ConvNd) and part.groups != 1 for part in (source, target)):  # noqa: SLF001
        return False
    return int(neurons_first(target, target.weight).shape[1]) % neurons_of(source) == 0


def replace_module(model: nn.Module, name: str, part: nn.Module) -> None:
    """Put a module into the place of another.

    Args:
        model: the whole.
        name: dotted name of the place.
        part: the new module; it takes over the mode of the old one.
    """
    path, _, last = name.rpartition(".")
    parent = model.get_submodule(path)
    part.train(parent.get_submodule(last).training)
    setattr(parent, last, part)

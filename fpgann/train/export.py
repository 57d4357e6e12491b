# SPDX-License-Identifier: Apache-2.0
"""Write a compressed module as QONNX."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from fpgann.frontend.torch import exported
from fpgann.train.attaching import Compressed
from fpgann.train.quantizers import WeightQuantizer
from fpgann.train.topology import TRANSPOSED, Link, neurons_first, neurons_of


def export_model(
    model: nn.Module, layers: Mapping[str, Compressed], links: Sequence[Link], path: Path, example: tuple[Tensor, ...]
) -> Path:
    """Write a file that holds exactly what the module computes in inference, in eval mode.

    Args:
        model: the module; it does not change.
        layers: its compressed layers.
        links: which layers follow one another.
        path: file to write.
        example: one sample of each input.

    Raises:
        UnsupportedOperatorError: the exporter fails.
    """
    clone = copy.deepcopy(model).cpu().eval()
    for link in links:
        _leave_out_silent(clone, link)
    for name in layers:
        module = clone.get_submodule(name)
        quantizer: WeightQuantizer = module.weight_quant.tensor_quant
        with torch.no_grad():
            module.weight.copy_(
                quantizer(module.weight)[0]
            )  # the file holds codes; quantizing them again changes nothing
    return _write(clone, path, example)


def export_float(model: nn.Module, path: Path, example: tuple[Tensor, ...]) -> Path:
    """Write a float module, in eval mode.

    Args:
        model: the module; it does not change.
        path: file to write.
        example: one sample of each input.

    Raises:
        UnsupportedOperatorError: the exporter fails.
    """
    return _write(copy.deepcopy(model).cpu().eval(), path, example)


def _write(module: nn.Module, path: Path, example: tuple[Tensor, ...]) -> Path:
    with exported(module, tuple(sample.cpu() for sample in example)) as file:
        for part in file.parent.iterdir():  # some exporters put the weights into a file of their own
            shutil.copyfile(part, path if part == file else path.with_name(part.name))
    return path


def _leave_out_silent(clone: nn.Module, link: Link) -> None:
    """Remove neurons that nobody reads."""
    source, target = clone.get_submodule(link.source), clone.get_submodule(link.target)
    first: WeightQuantizer = source.weight_quant.tensor_quant
    second: WeightQuantizer = target.weight_quant.tensor_quant
    neurons = neurons_of(source)
    read = neurons_first(target, second.mask).reshape(neurons_of(target), neurons, -1).any(dim=2).any(dim=0)
    if bool(read.all()) or not bool(read.any()):
        return
    stay = torch.nonzero(read).reshape(-1)
    block = neurons_first(target, target.weight).shape[1] // neurons
    columns = (stay[:, None] * block + torch.arange(block)).reshape(-1)
    _select(source, first, int(isinstance(source, TRANSPOSED)), stay)
    _select(target, second, int(not isinstance(target, TRANSPOSED)), columns)
    if source.bias is not None:
        source.bias.data = source.bias.data[stay]
    for module in (source, target):
        _resize(module, *neurons_first(module, module.weight).shape[:2])


def _resize(module: nn.Module, outputs: int, inputs: int) -> None:
    """Tell a layer how large its weights are."""
    kind = "features" if isinstance(module, nn.Linear) else "channels"
    setattr(module, f"out_{kind}", outputs)
    setattr(module, f"in_{kind}", inputs)


def _select(module: nn.Module, quantizer: WeightQuantizer, axis: int, kept: Tensor) -> None:
    """Some rows or columns of the weights, and of all that goes with them."""
    size = module.weight.shape[axis]
    module.weight.data = module.weight.data.index_select(axis, kept)
    for name in ("mask", "group", "digits"):
        tensor = getattr(quantizer, name)
        if tensor.numel():
            setattr(quantizer, name, tensor.index_select(axis, kept))
    if quantizer.coarse is not None:
        quantizer.coarse.data = quantizer.coarse.data.index_select(axis, kept)
    for part in (quantizer.step.log2, quantizer.threshold):
        if part is not None and part.dim() > axis and part.shape[axis] == size:
            part.data = part.data.index_select(axis, kept)

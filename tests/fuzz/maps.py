# SPDX-License-Identifier: Apache-2.0
"""Convolutions and pools of maps of one or two axes."""

from __future__ import annotations

from tests.fuzz.evaluate import RejectedError
from tests.fuzz.operators import Draw
from tests.fuzz.sketch import Sketch, Tensor


def a_map(s: Sketch) -> Tensor:
    """Something with channels and positions; a smaller tensor is given the axes that it lacks."""
    x = s.operand("real", lambda t: t.rank in (2, 3, 4) and t.shape[0] == 1)
    if x.rank == 2:
        channels = s.pick(*(n for n in (1, 2, 3) if x.shape[1] % n == 0))
        x = s.add("Reshape", [x.name, s.integers(1, channels, x.shape[1] // channels)])
    return x


def geometry(s: Sketch, x: Tensor, *, pool: bool) -> dict[str, object]:
    """Attributes that fit.

    Steps larger than the kernel and dilations under auto_pad mean different things to ONNX and onnxruntime.
    """
    sizes = x.shape[2:]
    kernel = [s.whole(1, min(3, size)) for size in sizes]
    found: dict[str, object] = {"kernel_shape": kernel}
    if s.chance(0.5):
        found["strides"] = [s.whole(1, size if pool else 2) for size in kernel]
    if s.chance(0.2):
        found["auto_pad"] = s.pick("SAME_UPPER", "SAME_LOWER", "VALID")
    elif s.chance(0.5):
        found["pads"] = [s.whole(0, size - 1) for size in kernel * 2]
    if "auto_pad" not in found and s.chance(0.2) and not pool:
        found["dilations"] = [s.whole(1, 2) for _ in sizes]
    return found


def convolution(s: Sketch) -> Tensor:
    x = a_map(s)
    channels = x.shape[1]
    groups = s.pick(1, 1, channels)
    outputs = groups * s.pick(1, 2)
    attributes = geometry(s, x, pool=False)
    weights = s.numbers((outputs, channels // groups, *attributes["kernel_shape"]), 0.6)
    operands = [x.name, s.constant(weights)]
    if s.chance(0.5):
        operands.append(s.constant(s.numbers((outputs,), 0.5)))
    return s.add("Conv", operands, group=groups, **attributes)


def transposed_convolution(s: Sketch) -> Tensor:
    x = a_map(s)
    channels = x.shape[1]
    groups = s.pick(1, 1, channels)
    attributes = geometry(s, x, pool=False)
    attributes.pop("auto_pad", None)
    weights = s.numbers((channels, s.pick(1, 2), *attributes["kernel_shape"]), 0.6)
    return s.add("ConvTranspose", [x.name, s.constant(weights)], group=groups, **attributes)


def pool(s: Sketch) -> Tensor:
    x = a_map(s)
    op_type = s.pick("MaxPool", "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")
    if op_type.startswith("Global"):
        return s.add(op_type, [x.name])
    attributes = geometry(s, x, pool=True)
    if s.opset < 10 and op_type == "AveragePool" and "auto_pad" in attributes:
        raise RejectedError("onnxruntime reads it in its own way")
    if s.opset >= 10 and "auto_pad" not in attributes and s.chance(0.3):
        attributes["ceil_mode"] = 1
    if op_type == "AveragePool" and s.chance(0.4):
        attributes["count_include_pad"] = 1
    return s.add(op_type, [x.name], **attributes)


MAPS: dict[Draw, float] = {convolution: 4, transposed_convolution: 1.5, pool: 3}
"""What is drawn, and how often."""

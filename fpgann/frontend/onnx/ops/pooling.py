# SPDX-License-Identifier: Apache-2.0
"""Pools: windows, and the greatest, the mean or a norm of what each sees of a channel."""

from __future__ import annotations

from math import prod

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.ops.qlinear import deliver_quantized, mean_of_operand, operand_reals
from fpgann.frontend.onnx.ops.quantize_linear import MICROSOFT
from fpgann.frontend.onnx.ops.reduction import reduced, scaled
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.frontend.onnx.window_geometry import (
    Geometry,
    channels_first,
    channels_last,
    deliver_channels_first,
    read_geometry,
)
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape
from fpgann.numerics.integers import IntArray

_ONE, _ZERO = np.ones(()), np.zeros(())


@IMPORTERS.register((STANDARD, "MaxPool"), (MICROSOFT, "NhwcMaxPool"))
def import_max_pool(site: Site) -> None:
    """Padded places never win; positions of the winners are not delivered."""
    site.refuse_outputs("the positions of the greatest (Indices) have no hardware; export the model without them")
    if site.op_type == "NhwcMaxPool":
        site.alias(_greatest(site, site.value(0)))
    else:
        deliver_channels_first(site, _greatest(site, channels_last(site, site.value(0))))


@IMPORTERS.register((STANDARD, "AveragePool"))
def import_average_pool(site: Site) -> None:
    """The sum over the number of elements; padded places count if `count_include_pad` says so."""
    deliver_channels_first(site, _mean(site, channels_last(site, site.value(0))))


@IMPORTERS.register((STANDARD, "LpPool"), (STANDARD, "GlobalLpPool"))
def import_lp_pool(site: Site) -> None:
    """(sum of |x|**p)**(1/p)."""
    power = site.integer("p", 2)
    if power < 1:
        raise MalformedModelError(f"p = {power} is no norm")
    value = _powers(site, site.value(0), power)
    if site.op_type == "LpPool":
        value = channels_last(site, value)
        geometry = _geometry(site, value)
        value = _over_windows(site, value, geometry, Reduction.SUM, 0.0)
        value = site.apply(channels_first(len(site.shape_of_value(value))), value, "channels_first")
    else:
        value = reduced(site, value, Reduction.SUM, _positions(site))
    if power == 2:
        value = site.apply(Activation(Function.SQRT), value, "root")
    elif power > 2:
        value = site.apply(Activation(Function.POW, (np.array(1 / power),)), value, "root")
    site.alias(value)


@IMPORTERS.register((STANDARD, "GlobalAveragePool"), (STANDARD, "GlobalMaxPool"))
def import_global_pool(site: Site) -> None:
    """Over all axes behind the channels."""
    axes = _positions(site)
    if site.op_type == "GlobalMaxPool":
        site.alias(reduced(site, site.value(0), Reduction.MAXIMUM, axes))
        return
    count = prod(site.shape(0)[axis] for axis in axes)
    site.alias(scaled(site, reduced(site, site.value(0), Reduction.SUM, axes), count, "mean"))


@IMPORTERS.register((MICROSOFT, "QLinearGlobalAveragePool"))
def import_qlinear_global_pool(site: Site) -> None:
    """The mean over all axes but the first and that of the channels."""
    rank = len(site.shape(0))
    axes = tuple(range(1 - rank, -1) if site.integer("channels_last", 0) else range(2 - rank, 0))
    deliver_quantized(site, mean_of_operand(site, axes), 3)


@IMPORTERS.register((MICROSOFT, "QLinearAveragePool"))
def import_qlinear_average_pool(site: Site) -> None:
    """The mean of what the windows see."""
    last = bool(site.integer("channels_last", 0))
    x = operand_reals(site, 0, 1, 2)
    value = _mean(site, x if last else channels_last(site, x))
    if not last:
        value = site.apply(channels_first(len(site.shape_of_value(value))), value, "channels_first")
    deliver_quantized(site, value, 3)


def _geometry(site: Site, value: str) -> Geometry:
    shape = site.shape_of_value(value)
    if len(shape) < 3:
        raise MalformedModelError(f"its input of shape {list(shape)} has no axes behind the channels")
    return read_geometry(site, shape[1:-1], None)


def _positions(site: Site) -> tuple[int, ...]:
    """The axes behind the channels."""
    shape = site.shape(0)
    if len(shape) < 3:
        raise MalformedModelError(f"its input of shape {list(shape)} has no axes behind the channels")
    return tuple(range(2 - len(shape), 0))


def _greatest(site: Site, value: str) -> str:
    geometry = _geometry(site, value)
    _refuse_empty(geometry.elements_seen(padding=False))
    return _over_windows(site, value, geometry, Reduction.MAXIMUM, float("-inf"))


def _mean(site: Site, value: str) -> str:
    geometry = _geometry(site, value)
    counts = geometry.elements_seen(padding=bool(site.integer("count_include_pad", 0)))
    _refuse_empty(counts)
    total = _over_windows(site, value, geometry, Reduction.SUM, 0.0)
    if counts.min() == counts.max():
        return scaled(site, total, int(counts.min()), "mean")
    return site.apply(Affine(_ONE, counts[..., None].astype(np.float64), _ZERO), total, "mean")


def _refuse_empty(counts: IntArray) -> None:
    if counts.min() == 0:
        raise MalformedModelError("its windows lie in the padding alone; pads must be smaller than the kernel")


def _over_windows(site: Site, value: str, geometry: Geometry, reduction: Reduction, fill: float) -> str:
    """One number for each channel of each window; the value has its channels last."""
    if geometry.is_global:
        return reduced(site, value, reduction, tuple(range(-1 - len(geometry.sizes), -1)))
    channels = site.shape_of_value(value)[-1]
    op = geometry.windows(fill)
    seen = site.apply(op, value, "windows")
    shape = site.shape_of_value(seen)[:-1]
    taps = site.apply(Reshape((*shape, op.taps, channels)), seen, "taps")
    return site.apply(
        Reshape((*shape, channels)), site.apply(Reduce(reduction, (-2,)), taps, reduction.value), "pooled"
    )


def _powers(site: Site, value: str, power: int) -> str:
    """|x|**p; padded places stay 0."""
    if power == 2:
        return site.apply(Multiply(), (value, value), "squares")
    size = site.apply(Activation(Function.ABS), value, "abs")
    return size if power == 1 else site.apply(Activation(Function.POW, (np.array(float(power)),)), size, "powers")

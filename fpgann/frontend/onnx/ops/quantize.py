# SPDX-License-Identifier: Apache-2.0
"""Quant, BipolarQuant and Trunc of QONNX.

Meaning and rounding modes follow `src/qonnx/custom_op/general/intquant.py` and `docs/qonnx-custom-ops` of
github.com/fastmachinelearning/qonnx (the table of rounding modes in intquant_v1.md):

    ROUND, HALF_EVEN   np.round                          ties to even            RND_CONV
    HALF_UP            sign(x) * floor(|x| + 0.5)        ties away from zero     RND_INF
    HALF_DOWN          sign(x) * ceil(|x| - 0.5)         ties towards zero       RND_ZERO
    CEIL               np.ceil                           towards +infinity       CEIL
    FLOOR              np.floor                          towards -infinity       TRN
    UP                 sign(x) * ceil(|x|)               away from zero          UP
    DOWN               np.fix                            towards zero            TRN_ZERO

The zero point is added before rounding. A signed Quant of one bit is a BipolarQuant, as qonnx executes it.
"""

from __future__ import annotations

import numpy as np

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.constants import Known
from fpgann.frontend.onnx.quantizer import Quantizer
from fpgann.frontend.onnx.tables import FOLDERS, IMPORTERS, QONNX, Site
from fpgann.frontend.onnx.truncation import Truncation, read_truncation
from fpgann.ir.ops.quantize import Quantize
from fpgann.numerics.integers import FloatArray
from fpgann.numerics.rounding import Rounding

ROUNDING_MODES = {
    "ROUND": Rounding.RND_CONV,
    "HALF_EVEN": Rounding.RND_CONV,
    "HALF_UP": Rounding.RND_INF,
    "HALF_DOWN": Rounding.RND_ZERO,
    "CEIL": Rounding.CEIL,
    "FLOOR": Rounding.TRN,
    "UP": Rounding.UP,
    "DOWN": Rounding.TRN_ZERO,
}
MAX_BITS = 32
_KEYS = [(QONNX, op_type) for op_type in ("Quant", "IntQuant", "BipolarQuant")]


@IMPORTERS.register(*_KEYS)
def import_quantize(site: Site) -> None:
    """A quantizer between computed values."""
    quantizer = quantizer_of(site)
    shape = site.shape(0)
    scale, zero = _fitted(quantizer.scale, shape, "scale"), _fitted(quantizer.zero_point, shape, "zero point")
    long_axes = {i - a.ndim for a in (scale, zero) for i, size in enumerate(a.shape) if size > 1}
    if len(long_axes) > 1:
        raise UnsupportedOperatorError(
            f"its scale of shape {list(scale.shape)} varies along several axes",
            hint="use one scale for the tensor or one per channel",
        )
    op = Quantize(scale, zero, quantizer.low, quantizer.high, quantizer.rounding, quantizer.bipolar)
    site.deliver(op, site.value(0))


@FOLDERS.register(*_KEYS)
def fold_quantize(site: Site) -> Known:
    """A quantized constant: its codes, in exact arithmetic."""
    values = site.known(0, "input").reals
    quantizer = quantizer_of(site)
    _fitted(quantizer.scale, values.shape, "scale")
    _fitted(quantizer.zero_point, values.shape, "zero point")
    return Known.coded(quantizer.codes(values))


@IMPORTERS.register((QONNX, "Trunc"))
def import_truncation(site: Site) -> None:
    """Low bits of computed numbers are dropped."""
    *first, last = truncation_of(site).steps
    value = site.value(0)
    for op, suffix in zip(first, ("rounded", "shortened"), strict=False):
        value = site.apply(op, value, suffix)
    site.deliver(last, value)


@IMPORTERS.register((QONNX, "FloatQuant"))
def refuse_float_quantizer(site: Site) -> None:
    """Refused: its numbers have exponents of their own, and hardware here computes with integers."""
    refuse_float_constants(site)


@FOLDERS.register((QONNX, "FloatQuant"))
def refuse_float_constants(site: Site) -> Known | None:
    """Refused for constants too."""
    site.refuse(
        "it quantizes to floating-point numbers of few bits",
        "quantize to integers (Quant), whose products and sums are exact",
    )


def truncation_of(site: Site) -> Truncation:
    """What a Trunc node does, from its constant operands and its attributes."""
    rounding = _rounding(site, "FLOOR")
    if not site.has(5):
        return read_truncation(site, rounding, None)
    signed, narrow = bool(site.integer("signed", 1)), bool(site.integer("narrow", 0))
    return read_truncation(site, rounding, code_range(_bits(site, 5), signed=signed, narrow=narrow))


def quantizer_of(site: Site) -> Quantizer:
    """What a Quant or BipolarQuant node does, from its constant operands and its attributes."""
    scale = site.known(1, "scale").reals
    if not (np.all(np.isfinite(scale)) and np.all(scale > 0) and scale.size):
        raise UnsupportedOperatorError(
            f"its scale must be positive, but is {_shown(scale[~(scale > 0)]) if scale.size else 'empty'}",
            hint="a scale of zero means that the quantizer was never calibrated or trained",
        )
    if site.op_type == "BipolarQuant":
        return Quantizer(_collapsed(scale), np.zeros(()), -1, 1, Rounding.TRN, bipolar=True)
    zero = site.known(2, "zero point").reals
    if not np.all(zero == np.rint(zero)) or np.any(np.abs(zero) > 2**MAX_BITS):
        raise UnsupportedOperatorError(
            f"its zero point must be an integer, but is {_shown(zero)}",
            hint="export with integral zero points",
        )
    bits = _bits(site, 3)
    signed, narrow = bool(site.integer("signed", 1)), bool(site.integer("narrow", 0))
    rounding = _rounding(site, "ROUND")
    if signed and bits == 1:
        if np.any(zero != 0):
            raise UnsupportedOperatorError(
                "a signed quantizer of one bit has a zero point", hint="use BipolarQuant, or no zero point"
            )
        return Quantizer(_collapsed(scale), np.zeros(()), -1, 1, Rounding.TRN, bipolar=True)
    low, high = code_range(bits, signed=signed, narrow=narrow)
    if low == high:
        raise UnsupportedOperatorError(
            "an unsigned narrow quantizer of one bit yields nothing but zeros",
            hint="set narrow to 0, or use more bits",
        )
    return Quantizer(_collapsed(scale), _collapsed(zero), low, high, rounding)


def code_range(bits: int, *, signed: bool, narrow: bool) -> tuple[int, int]:
    """Least and greatest code (`min_int` and `max_int` of qonnx)."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def _rounding(site: Site, default: str) -> Rounding:
    mode = site.text("rounding_mode", default).upper()
    if mode not in ROUNDING_MODES:
        raise UnsupportedOperatorError(
            f"rounding mode '{mode}' is unknown", hint=f"QONNX knows {', '.join(ROUNDING_MODES)}"
        )
    return ROUNDING_MODES[mode]


def _bits(site: Site, index: int) -> int:
    bits = site.known(index, "bit width").reals
    if bits.size != 1 or bits.reshape(-1)[0] != np.rint(bits.reshape(-1)[0]):
        raise UnsupportedOperatorError(
            f"its bit width must be one integer, but is {_shown(bits)}",
            hint="export with integral bit widths",
        )
    width = int(bits.reshape(-1)[0])
    if not 1 <= width <= MAX_BITS:
        raise UnsupportedOperatorError(
            f"its bit width is {width}", hint=f"quantize to 1 to {MAX_BITS} bits, or leave out this quantizer"
        )
    return width


def _collapsed(parameter: FloatArray) -> FloatArray:
    """One number instead of many equal ones."""
    if parameter.size and np.all(parameter == parameter.reshape(-1)[0]):
        return np.asarray(parameter.reshape(-1)[0])
    return parameter


def _fitted(parameter: FloatArray, shape: tuple[int, ...], role: str) -> FloatArray:
    """A parameter that broadcasts to the quantized tensor."""
    try:
        fits = np.broadcast_shapes(parameter.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise MalformedModelError(
            f"its {role} of shape {list(parameter.shape)} does not fit a tensor of shape {list(shape)}"
        )
    return parameter


def _shown(array: FloatArray) -> str:
    numbers = ", ".join(f"{number:g}" for number in array.reshape(-1)[:3])
    return numbers if array.size <= 3 else f"{numbers}, ..."

# SPDX-License-Identifier: Apache-2.0
"""Element-wise functions of one tensor: Relu, Sigmoid, Gelu, Clip, Exp, Abs, Pow with a constant and the like."""

from __future__ import annotations

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.ops.integers import integer_kind, truncated
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.affine import Affine

MICROSOFT = "com.microsoft"  # contributed operators of onnxruntime

_PLAIN = {
    "Relu": Function.RELU,
    "Sigmoid": Function.SIGMOID,
    "Tanh": Function.TANH,
    "HardSwish": Function.HARD_SWISH,
    "Softplus": Function.SOFTPLUS,
    "Softsign": Function.SOFTSIGN,
    "Mish": Function.MISH,
    "Erf": Function.ERF,
    "Exp": Function.EXP,
    "Log": Function.LOG,
    "Sqrt": Function.SQRT,
    "Reciprocal": Function.RECIPROCAL,
    "Abs": Function.ABS,
    "Sign": Function.SIGN,
    "Floor": Function.FLOOR,
    "Ceil": Function.CEIL,
    "Round": Function.ROUND,
}

# ONNX operator -> function, and its attributes with their defaults in the order of the function's parameters
_SHAPED: dict[str, tuple[Function, tuple[tuple[str, float], ...]]] = {
    "LeakyRelu": (Function.LEAKY_RELU, (("alpha", 0.01),)),
    "ThresholdedRelu": (Function.THRESHOLDED_RELU, (("alpha", 1.0),)),
    "HardSigmoid": (Function.HARD_SIGMOID, (("alpha", 0.2), ("beta", 0.5))),
    "Elu": (Function.ELU, (("alpha", 1.0),)),
    "Celu": (Function.CELU, (("alpha", 1.0),)),
    "Selu": (Function.SELU, (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875))),
    "Swish": (Function.SWISH, (("alpha", 1.0),)),
}
_POWERS = {2.0: Function.SQUARE, 0.5: Function.SQRT, -1.0: Function.RECIPROCAL, -0.5: Function.RSQRT}
_GREATEST = float(np.finfo(np.float32).max)


@IMPORTERS.register(*((STANDARD, op_type) for op_type in _PLAIN))
def import_activation(site: Site) -> None:
    """One scalar function on every element."""
    site.deliver(Activation(_PLAIN[site.op_type]), site.value(0))


@IMPORTERS.register(*((STANDARD, op_type) for op_type in _SHAPED))
def import_shaped_activation(site: Site) -> None:
    """A function whose attributes are float32 numbers, taken exactly."""
    function, attributes = _SHAPED[site.op_type]
    # a default is the float32 number that a file would hold
    parameters = tuple(np.array(site.number(name, float(np.float32(default)))) for name, default in attributes)
    if function is Function.CELU and parameters[0] <= 0:
        site.refuse(
            f"its alpha is {float(parameters[0]):.6g}", "Celu is a continuous function for a positive alpha only"
        )
    site.deliver(Activation(function, parameters), site.value(0))


@IMPORTERS.register((STANDARD, "PRelu"))
def import_prelu(site: Site) -> None:
    """Negative elements times a constant slope, one for all or one for each channel."""
    slope, shape = site.known(1, "slope").reals, site.shape(0)
    if site.opset < 7 and slope.ndim == 1 and slope.size > 1:  # PRelu-6: one slope per channel, along axis 1
        slope = slope.reshape(-1, *(1,) * (len(shape) - 2))
    while slope.ndim > len(shape) and slope.shape[0] == 1:
        slope = slope[0]
    site.deliver(Activation(Function.LEAKY_RELU, (slope,)), site.value(0))


@IMPORTERS.register((STANDARD, "Clip"))
def import_clip(site: Site) -> None:
    """Limits are attributes before opset 11 and constant operands since; either may be left out."""
    limits = []
    for index, name, default in ((1, "min", -_GREATEST), (2, "max", _GREATEST)):
        if site.opset < 11:
            limits.append(np.array(site.number(name, default)))
            continue
        limit = site.known(index, f"{name}imum").reals if site.has(index) else np.array(default)
        if limit.size != 1:
            raise MalformedModelError(f"its {name}imum has {limit.size} numbers; it must be a scalar")
        limits.append(limit.reshape(()))
    site.deliver(Activation(Function.CLIP, tuple(limits)), site.value(0))


@IMPORTERS.register((STANDARD, "Gelu"))
def import_gelu(site: Site) -> None:
    """With the error function, or with tanh in its place if the attribute `approximate` says so."""
    approximate = site.text("approximate", "none")
    if approximate not in ("none", "tanh"):
        raise MalformedModelError(f"attribute 'approximate' must be none or tanh, not '{approximate:.40}'")
    site.deliver(Activation(Function.GELU if approximate == "none" else Function.GELU_TANH), site.value(0))


@IMPORTERS.register((MICROSOFT, "Gelu"), (MICROSOFT, "FastGelu"), (MICROSOFT, "BiasGelu"))
def import_contributed_gelu(site: Site) -> None:
    """Gelu of onnxruntime; FastGelu is the tanh form; a second operand is added first."""
    value = site.value(0)
    if site.has(1):
        one = np.ones(())
        value = site.apply(Affine(one, one, site.known(1, "bias").reals), value, "bias")
    site.deliver(Activation(Function.GELU_TANH if site.op_type == "FastGelu" else Function.GELU), value)


@IMPORTERS.register((MICROSOFT, "QuickGelu"))
def import_quick_gelu(site: Site) -> None:
    """x * sigmoid(alpha * x)."""
    alpha = np.array(site.number("alpha", float(np.float32(1.702))))
    site.deliver(Activation(Function.SWISH, (alpha,)), site.value(0))


@IMPORTERS.register((STANDARD, "Pow"))
def import_power(site: Site) -> None:
    """The exponent must be constant; integers stay integers."""
    exponents, value = site.known(1, "exponent").reals, site.value(0)
    shape = np.broadcast_shapes(exponents.shape, site.shape(0))
    if shape != site.shape(0):
        value = site.apply(Affine(np.ones(shape), np.ones(()), np.zeros(())), value, "expanded")
    exponent = float(exponents.flat[0]) if np.unique(exponents).size == 1 else None
    if exponent == 1.0:
        site.alias(value)
        return
    function = Function.POW if exponent is None else _POWERS.get(exponent, Function.POW)
    parameters = (np.array(exponents if exponent is None else exponent),) if function is Function.POW else ()
    power, kind = Activation(function, parameters), integer_kind(site.element_type(0))
    if kind is None or (np.all(exponents >= 0) and np.all(exponents == np.floor(exponents))):
        site.deliver(power, value)
    else:
        site.alias(truncated(site, site.apply(power, value, "power"), kind))

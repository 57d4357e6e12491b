# SPDX-License-Identifier: Apache-2.0
"""Products of two computed tensors, of stacks of constant matrices, and sums of them with computed tensors."""

from __future__ import annotations

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import Site
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose

_ONE, _ZERO = np.ones(()), np.zeros(())


def import_product(site: Site) -> None:
    """MatMul as NumPy has it: a vector on the left is a row, one on the right a column, leading axes broadcast."""
    left, right = site.shape_of(0), site.shape_of(1)
    if not left or not right:
        raise MalformedModelError("it multiplies with a number; it takes vectors and matrices")
    try:
        result = np.matmul(np.zeros(left, np.bool_), np.zeros(right, np.bool_)).shape
    except ValueError:
        raise MalformedModelError(f"shapes {list(left)} and {list(right)} are no matrices that fit") from None
    x, y = (_uncoded(site, index) for index in (0, 1))
    if len(left) == 1:
        x = site.apply(Reshape((1, *left)), x, "row")
    if len(right) == 1:
        y = site.apply(Reshape((*right, 1)), y, "column")
    if min(len(left), len(right)) > 1:
        site.deliver(MatrixProduct(), (x, y))
    else:
        site.deliver(Reshape(result), site.apply(MatrixProduct(), (x, y), "product"))


def import_general_gemm(site: Site) -> None:
    """alpha * A' @ B' + beta * C, each of them computed or constant, but not all."""
    for index in (0, 1):
        if len(site.shape_of(index)) != 2:
            raise MalformedModelError(f"its operand {index} must have two axes, not shape {list(site.shape_of(index))}")
    x, y = (_transposed(site, index, name) for index, name in ((0, "transA"), (1, "transB")))
    value = site.apply(MatrixProduct(), (x, y), "product")
    value = _scaled(site, value, site.number("alpha", 1.0), "alpha")
    site.alias(with_bias(site, value))


def with_bias(site: Site, product: str) -> str:
    """A product plus beta * C of a Gemm, if there is a C."""
    beta = site.number("beta", 1.0)
    if not site.has(2) or beta == 0:
        return product
    result = site.shape_of_value(product)
    try:
        fits = np.broadcast_shapes(site.shape_of(2), result) == result
    except ValueError:
        fits = False
    if not fits:
        raise MalformedModelError(
            f"a bias of shape {list(site.shape_of(2))} does not fit a result of shape {list(result)}"
        )
    if site.is_known(2):
        return site.apply(Affine(_ONE, _ONE, beta * site.known(2, "bias").reals), product, "shifted")
    return site.apply(Add(), (product, _scaled(site, site.value(2), beta, "beta")), "shifted")


def _transposed(site: Site, index: int, attribute: str) -> str:
    """An operand, transposed if an attribute says so."""
    value = _uncoded(site, index)
    return site.apply(Transpose((1, 0)), value, attribute) if site.integer(attribute, 0) else value


def _scaled(site: Site, value: str, factor: float, suffix: str) -> str:
    return value if factor == 1 else site.apply(Affine(np.array(factor), _ONE, _ZERO), value, suffix)


def _uncoded(site: Site, index: int) -> str:
    """An operand; the scales of constant codes would be lost here."""
    if site.is_known(index) and site.known(index, "weight").codes is not None:
        shape = list(site.shape_of(index))
        site.refuse(
            f"quantized weights of shape {shape} hold several matrices, or stand on the left",
            "split the product into one MatMul per matrix, with the weights on the right",
        )
    return site.tensor(index)

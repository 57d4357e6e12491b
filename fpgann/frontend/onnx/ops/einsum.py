# SPDX-License-Identifier: Apache-2.0
"""Einsum of one or two operands: diagonals, sums, transposes, one matrix product."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.ops.dense import weight_constant
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.matrix_product import MatrixProduct
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics.integers import IntArray

_TERM = re.compile(r"[A-Za-z]*(\.\.\.)?[A-Za-z]*")


@dataclass(frozen=True)
class _Term:
    """A tensor and what its axes are called.

    Args:
        value: its name in the graph.
        labels: a name per axis; those of the ellipsis are numbers counted from its end.
    """

    value: str
    labels: tuple[str, ...]


@IMPORTERS.register((STANDARD, "Einsum"))
def import_einsum(site: Site) -> None:
    """Labels of both operands that the result has are a batch, those that it lacks are summed over."""
    count = len(site.node.inputs)
    equation = site.text("equation", "").replace(" ", "")
    shapes = [site.shape_of(i) for i in range(count)]
    terms, wanted = _parsed(equation, shapes)
    if count > 2:
        site.refuse(f"it has {count} operands", "write it as several Einsum nodes of two operands")
    if count == 2 and site.is_known(1) and _is_layer(terms, wanted):
        _import_layer(site, terms, wanted)
        return
    operands = [_diagonal(site, _Term(site.tensor(i), terms[i])) for i in range(count)]
    for i, operand in enumerate(operands):
        others = {label for j, other in enumerate(operands) if j != i for label in other.labels}
        operands[i] = _summed(site, operand, keep=others | set(wanted))
    result = operands[0] if count == 1 else _product(site, operands[0], operands[1], wanted)
    site.alias(_ordered(site, result, wanted).value)


def _parsed(equation: str, shapes: list[tuple[int, ...]]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Labels of every operand and of the result.

    Raises:
        MalformedModelError: the equation fits no operands of these shapes.
    """
    left, arrow, right = equation.partition("->")
    texts = left.split(",")
    if len(texts) != len(shapes) or not all(_TERM.fullmatch(text) for text in (*texts, right)):
        raise MalformedModelError(f"equation '{equation:.60}' does not fit {len(shapes)} operands")
    rest = max(
        (len(s) - len(t.replace("...", "")) for t, s in zip(texts, shapes, strict=True) if "..." in t), default=0
    )
    terms = []
    sizes: dict[str, int] = {}
    for text, shape in zip(texts, shapes, strict=True):
        labels = _labels(text, len(shape) - len(text.replace("...", "")))
        if len(labels) != len(shape):
            raise MalformedModelError(f"'{text:.40}' does not name the axes of shape {list(shape)}")
        for label, size in zip(labels, shape, strict=True):
            if size != 1 and sizes.setdefault(label, size) != size:
                raise MalformedModelError(f"axis '{label}' has sizes {sizes[label]} and {size}")
        terms.append(labels)
    if arrow:
        wanted = _labels(right, rest)
    else:
        every = [label for labels in terms for label in labels]
        once = sorted(label for label in set(every) if every.count(label) == 1 and label.isalpha())
        wanted = (*_labels("..." if any("..." in text for text in texts) else "", rest), *once)
    known = {label for labels in terms for label in labels}
    if len(set(wanted)) != len(wanted) or not set(wanted) <= known:
        raise MalformedModelError(f"equation '{equation:.60}' has no result")
    return terms, wanted


def _labels(text: str, rest: int) -> tuple[str, ...]:
    before, dots, after = text.partition("...")
    middle = [str(i) for i in range(rest - 1, -1, -1)] if dots else []
    return (*before, *middle, *after)


def _is_layer(terms: list[tuple[str, ...]], wanted: tuple[str, ...]) -> bool:
    """Whether the second operand is a matrix of weights: no label is in both operands and in the result."""
    x, weight = terms
    repeated = any(len(set(labels)) != len(labels) for labels in terms)
    shared = set(x) & set(weight)
    return not repeated and bool(shared) and not shared & set(wanted) and set(weight) - shared <= set(wanted)


def _import_layer(site: Site, terms: list[tuple[str, ...]], wanted: tuple[str, ...]) -> None:
    """Weights as a dense layer over the shared axes."""
    known = site.known(1, "weight")
    summed = tuple(label for label in terms[0] if label in terms[1])
    fresh = tuple(label for label in terms[1] if label not in summed)
    order = [terms[1].index(label) for label in (*summed, *fresh)]
    shape = [known.data.shape[axis] for axis in order]
    matrix = (prod(shape[: len(summed)]), prod(shape[len(summed) :]))
    x = _summed(site, _Term(site.value(0), terms[0]), keep=set(wanted) | set(summed))
    sizes = dict(zip(x.labels, site.shape_of_value(x.value), strict=True))
    if prod(sizes[label] for label in summed) != matrix[0]:
        site.refuse("an axis of its weights is repeated", "write the weights out")
    moved = known.moved(lambda array: np.transpose(array, order).reshape(matrix))
    rows = tuple(label for label in x.labels if label not in summed)
    x = _ordered(site, x, (*rows, *summed))
    leading = tuple(sizes[label] for label in rows)
    value = _shaped(site, x.value, (*leading, matrix[0]), "rows")
    layer = site.apply_layer(Dense(weight_constant(moved, 1.0)), value)
    result = _Term(_shaped(site, layer, (*leading, *shape[len(summed) :]), "axes"), (*rows, *fresh))
    site.alias(_ordered(site, result, wanted).value)


def _product(site: Site, x: _Term, y: _Term, wanted: tuple[str, ...]) -> _Term:
    """Both operands as stacks of matrices: shared labels that stay, labels of x, shared ones that go, labels of y."""
    shared = [label for label in x.labels if label in y.labels]
    batch = [label for label in shared if label in wanted]
    summed = [label for label in shared if label not in wanted]
    rows = [label for label in x.labels if label not in shared]
    columns = [label for label in y.labels if label not in shared]
    sizes: dict[str, int] = {}
    for term in (x, y):
        for label, size in zip(term.labels, site.shape_of_value(term.value), strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    x, y = (_widened(site, term, sizes, {*batch, *summed}) for term in (x, y))
    left = _ordered(site, x, (*batch, *rows, *summed))
    right = _ordered(site, y, (*batch, *summed, *columns))
    b, r, s, c = (prod(sizes[label] for label in labels) for labels in (batch, rows, summed, columns))
    product = site.apply(
        MatrixProduct(),
        (_shaped(site, left.value, (b, r, s), "left"), _shaped(site, right.value, (b, s, c), "right")),
        "product",
    )
    labels = (*batch, *rows, *columns)
    return _Term(_shaped(site, product, tuple(sizes[label] for label in labels), "axes"), labels)


def _widened(site: Site, term: _Term, sizes: dict[str, int], labels: set[str]) -> _Term:
    """Axes of size 1 repeated where the other operand has more."""
    shape = site.shape_of_value(term.value)
    wide = tuple(sizes[label] if label in labels else size for label, size in zip(term.labels, shape, strict=True))
    if wide == shape:
        return term
    index = np.broadcast_to(np.arange(prod(shape)).reshape(shape), wide).copy()
    return _Term(site.apply(Arrange(index, np.zeros(0), kind="expand"), term.value, "expanded"), term.labels)


def _diagonal(site: Site, term: _Term) -> _Term:
    """Axes of the same label as one."""
    labels = tuple(dict.fromkeys(term.labels))
    if labels == term.labels:
        return term
    shape = site.shape_of_value(term.value)
    sizes = {label: max(s for n, s in zip(term.labels, shape, strict=True) if n == label) for label in labels}
    places = np.indices([sizes[label] for label in labels])
    along: list[IntArray] = [
        np.minimum(places[labels.index(label)], size - 1) for label, size in zip(term.labels, shape, strict=True)
    ]
    index = np.ravel_multi_index(along, shape)
    return _Term(site.apply(Arrange(np.asarray(index), np.zeros(0), kind="diagonal"), term.value, "diagonal"), labels)


def _summed(site: Site, term: _Term, *, keep: set[str]) -> _Term:
    """Labels that stand in no other place are summed over."""
    rank = len(term.labels)
    axes = tuple(i - rank for i, label in enumerate(term.labels) if label not in keep)
    if not axes:
        return term
    total = site.apply(Reduce(Reduction.SUM, axes), term.value, "sum")
    shape = site.shape_of_value(total)
    kept = tuple(size for i, size in enumerate(shape) if i - rank not in axes)
    return _Term(_shaped(site, total, kept, "summed"), tuple(label for label in term.labels if label in keep))


def _ordered(site: Site, term: _Term, labels: Sequence[str]) -> _Term:
    """The axes in an order."""
    if tuple(labels) == term.labels:
        return term
    order = tuple(term.labels.index(label) for label in labels)
    return _Term(site.apply(Transpose(order), term.value, "transposed"), tuple(labels))


def _shaped(site: Site, value: str, shape: tuple[int, ...], suffix: str) -> str:
    return value if site.shape_of_value(value) == shape else site.apply(Reshape(shape), value, suffix)

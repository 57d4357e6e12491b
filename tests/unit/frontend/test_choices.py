# SPDX-License-Identifier: Apache-2.0
"""TopK, gathering and scattering at computed places, Einsum: against onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from tests.unit.frontend.models import agree, load, model, names, node, value


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize(("axis", "count"), [(-1, 1), (-1, 3), (0, 2), (1, 5)])
def test_top_k(tmp_path, largest, axis, count):
    nodes = [node("TopK", ["x", "k"], ["y", "i"], axis=axis, largest=largest), node("Cast", ["i"], ["z"], to=1)]
    graph = agree(tmp_path, model(nodes, (2, 5), {"k": ints(count)}, outputs=("y", "z")))
    assert names(graph) == ["top_k", "top_k"]


def test_the_first_of_equal_elements_comes_first(tmp_path):
    nodes = [node("Sign", ["x"], ["s"]), node("TopK", ["s", "k"], ["v", "i"]), node("Cast", ["i"], ["y"], to=1)]
    assert names(agree(tmp_path, model(nodes, (3, 6), {"k": ints(4)}))) == ["activation", "top_k"]


def test_k_as_an_attribute(tmp_path):
    agree(tmp_path, model([node("TopK", ["x"], ["y", "i"], k=2)], (1, 4), opset=9))


def test_too_many_elements(tmp_path):
    with pytest.raises(MalformedModelError, match=r"k = \[9\] cannot be taken of 4"):
        load(tmp_path, model([node("TopK", ["x", "k"], ["y", "i"])], (1, 4), {"k": ints(9)}))


def places(count: int, axis: int = -1) -> list:
    """Positions of the greatest elements of p, as computed indices."""
    return [node("TopK", ["p", "k"], ["v", "i"], axis=axis)], {"k": ints(count)}


def computed(operator, shape, keys, count, constants=(), before=(), outputs=("y",)):
    nodes, numbers = places(count)
    inputs = [value("x", shape), value("p", keys)]
    return model([*nodes, *before, operator], constants={**numbers, **dict(constants)}, inputs=inputs, opset=18)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather(tmp_path, axis):
    size = (3, 4, 2)[axis]
    graph = agree(tmp_path, computed(node("Gather", ["x", "i"], axis=axis), (3, 4, 2), (2, size), 2))
    assert "gather" in names(graph)


def test_gather_from_a_constant(tmp_path):
    table = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    nodes, numbers = places(2)
    proto = model([*nodes, node("Gather", ["t", "i"])], constants={**numbers, "t": table}, inputs=[value("p", (1, 5))])
    agree(tmp_path, proto)


def test_gather_backwards(tmp_path):
    back = [node("Sub", ["i", "n"], ["j"])]
    agree(tmp_path, computed(node("Gather", ["x", "j"], axis=1), (2, 4), (2, 4), 3, {"n": ints(4)}, back))


@pytest.mark.parametrize(("axis", "keys"), [(1, (2, 4)), (0, (3, 3)), (-1, (3, 4))])
def test_gather_elements(tmp_path, axis, keys):
    agree(tmp_path, computed(node("GatherElements", ["x", "i"], axis=axis), (3, 4), keys, 3))


@pytest.mark.parametrize("batch", [0, 1])
def test_gather_tuples(tmp_path, batch):
    before = [node("Unsqueeze", ["i", "last"], ["j"])]
    taken = node("GatherND", ["x", "j"], batch_dims=batch)
    agree(tmp_path, computed(taken, (2, 4, 3), (2, 2 if batch == 0 else 4), 2, {"last": ints(-1)}, before))


@pytest.mark.parametrize("shift", [0, -2])
def test_gather_tuples_of_two_indices(tmp_path, shift):
    """Columns of the data: a place along two axes, both perhaps counted from the end."""
    before = [node("Add", ["i", "s"], ["j"])]
    agree(tmp_path, computed(node("GatherND", ["x", "j"]), (2, 2, 3), (4, 2), 2, {"s": ints(shift)}, before))


REDUCTIONS = ["none", "add", "mul", "max", "min"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("axis", [0, 1])
def test_scatter_elements(tmp_path, axis, reduction):
    keys = (2, 4) if axis else (2, 3)
    nodes, numbers = places(2)
    scatter = node("ScatterElements", ["x", "i", "u"], axis=axis, reduction=reduction)
    inputs = [value("x", (3, 4)), value("p", keys), value("u", (2, 2))]
    agree(tmp_path, model([*nodes, scatter], constants=numbers, inputs=inputs, opset=18))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("depth", [1, 2])
def test_scatter_slices(tmp_path, depth, reduction):
    """The same place may be named twice, but for `none`, whose order onnxruntime leaves open."""
    nodes, numbers = places(depth)
    rows = 1 if reduction == "none" else 3
    scatter = node("ScatterND", ["x", "i", "u"], reduction=reduction)
    inputs = [value("x", (2, 2, 3)), value("p", (rows, 2)), value("u", (rows, *(2, 2, 3)[depth:]))]
    agree(tmp_path, model([*nodes, scatter], constants=numbers, inputs=inputs, opset=18))


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij->ji", [(2, 3)]),
        ("ij->", [(2, 3)]),
        ("ii->i", [(3, 3)]),
        ("iij->j", [(3, 3, 2)]),
        ("...ij->...ji", [(2, 4, 2, 3)]),
        ("ba", [(2, 3)]),
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]),
        ("bhqd,bhkd->bhqk", [(1, 2, 3, 4), (1, 2, 5, 4)]),
        ("i,j->ij", [(2,), (3,)]),
        ("ijk,k->ji", [(2, 3, 4), (4,)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
        ("ij,ij->ij", [(2, 3), (2, 3)]),
        ("...i,...i->...", [(2, 3, 4), (2, 1, 4)]),
        ("bik,bjk->bij", [(1, 4, 3), (2, 4, 3)]),
        ("ija,kj->ki", [(2, 3, 2), (4, 3)]),
    ],
)
def test_einsum(tmp_path, equation, shapes):
    inputs = [value(name, shape) for name, shape in zip("xz", shapes, strict=False)]
    einsum = node("Einsum", [port.name for port in inputs], equation=equation)
    agree(tmp_path, model([einsum], inputs=inputs))


@pytest.mark.parametrize("equation", ["bij,jk->bik", "bij,kj->kbi", "bij,jkl->bikl", "bij,ijk->bk", "bij,bk->ijk"])
def test_einsum_with_weights(tmp_path, equation):
    right = equation.partition("->")[0].partition(",")[2]
    sizes = {"b": 2, "i": 3, "j": 4, "k": 5, "l": 2}
    weight = np.random.default_rng(0).normal(size=[sizes[label] for label in right]).astype(np.float32)
    graph = agree(tmp_path, model([node("Einsum", ["x", "w"], equation=equation)], (2, 3, 4), {"w": weight}))
    assert "dense" in names(graph)


@pytest.mark.parametrize(
    ("equation", "message"),
    [("ij,jk->ik", "does not fit 1 operands"), ("ijk->i", "does not name the axes"), ("ij->ik", "has no result")],
)
def test_equations_that_do_not_fit(tmp_path, equation, message):
    with pytest.raises(MalformedModelError, match=message):
        load(tmp_path, model([node("Einsum", ["x"], equation=equation)], (2, 3)))


def test_einsum_of_three(tmp_path):
    inputs = [value(name, (2, 2)) for name in "xzw"]
    with pytest.raises(UnsupportedOperatorError, match="it has 3 operands"):
        load(tmp_path, model([node("Einsum", ["x", "z", "w"], equation="ij,jk,kl->il")], inputs=inputs))

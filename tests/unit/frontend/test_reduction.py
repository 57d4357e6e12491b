# SPDX-License-Identifier: Apache-2.0
"""Reductions and normalizations: axes as attribute and as operand, every opset that changed them."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from tests.unit.frontend.models import agree, load, model, names, node, operators

AXES = [None, (0,), (1,), (-1,), (0, 2), (-1, 0), (0, 1, 2)]
REDUCTIONS = [
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceProd",
    "ReduceLogSumExp",
]


def reduction(op_type, axes, opset, x="x", **attributes):
    """A node and its constants: axes are an operand from opset 13 (ReduceSum) or 18 on."""
    if axes is None or opset < (13 if op_type == "ReduceSum" else 18):
        given = {} if axes is None else {"axes": list(axes)}
        return [node(op_type, [x], **given, **attributes)], {}
    return [node(op_type, [x, "axes"], **attributes)], {"axes": np.array(axes, np.int64)}


@pytest.mark.parametrize("opset", [8, 12, 13, 18])
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("op_type", REDUCTIONS)
def test_reductions(tmp_path, op_type, axes, opset):
    if axes is not None and min(axes) < 0 and opset < 11:
        axes = tuple(axis % 3 for axis in axes)  # negative ones came with opset 11
    nodes, constants = reduction(op_type, axes, opset)
    agree(tmp_path, model(nodes, (2, 3, 4), constants, opset=opset), tolerance=1e-4)


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("op_type", REDUCTIONS)
def test_kept_axes(tmp_path, op_type, keepdims):
    nodes, constants = reduction(op_type, (1,), 18, keepdims=keepdims)
    graph = agree(tmp_path, model(nodes, (2, 3, 4), constants, opset=18), tolerance=1e-4)
    assert graph.types[graph.outputs["y"]].shape == ((2, 1, 4) if keepdims else (2, 4))


def test_the_logarithm_of_a_sum(tmp_path):
    nodes, constants = reduction("ReduceLogSum", (1,), 17, x="a")
    agree(tmp_path, model([node("Exp", ["x"], ["a"]), *nodes], (2, 3), constants))


def test_no_axes_and_nothing_to_do(tmp_path):
    nodes = [node("ReduceSum", ["x"], ["s"], noop_with_empty_axes=1), node("Relu", ["s"])]
    assert names(agree(tmp_path, model(nodes, (2, 3), opset=18))) == ["activation"]


@pytest.mark.parametrize("axes", [(3,), (-4,)])
def test_axes_that_do_not_exist(tmp_path, axes):
    nodes, constants = reduction("ReduceSum", axes, 17)
    with pytest.raises(MalformedModelError, match="do not exist in 3 dimensions"):
        load(tmp_path, model(nodes, (2, 3, 4), constants))


@pytest.mark.parametrize("op_type", ["GlobalAveragePool", "GlobalMaxPool"])
@pytest.mark.parametrize("shape", [(1, 2, 5), (2, 3, 4, 4)])
def test_global_pools(tmp_path, op_type, shape):
    agree(tmp_path, model([node(op_type, ["x"])], shape))


@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_positions(tmp_path, op_type, axis, keepdims):
    nodes = [node(op_type, ["x"], ["p"], axis=axis, keepdims=keepdims), node("Cast", ["p"], to=1)]
    agree(tmp_path, model(nodes, (2, 3, 4)))


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
def test_equal_extremes(tmp_path, op_type, last):
    nodes = [
        node("Round", ["x"], ["r"]),  # makes many equal elements
        node(op_type, ["r"], ["p"], axis=1, select_last_index=last),
        node("Cast", ["p"], to=1),
    ]
    agree(tmp_path, model(nodes, (3, 16)), samples=32)


class TestNormalization:
    def constants(self, *shape):
        rng = np.random.default_rng(4)
        return {name: rng.normal(1, 0.5, shape).astype(np.float32) for name in ("g", "b")}

    @pytest.mark.parametrize("axis", [0, 1, -1])
    @pytest.mark.parametrize("operands", [["x", "g"], ["x", "g", "b"]])
    def test_layer_normalization(self, tmp_path, axis, operands):
        constants = self.constants(*(3, 2, 4)[axis:])
        used = {name: c for name, c in constants.items() if name in operands}
        agree(tmp_path, model([node("LayerNormalization", operands, axis=axis)], (3, 2, 4), used), tolerance=1e-4)

    def test_its_statistics(self, tmp_path):
        layer = node("LayerNormalization", ["x", "g"], ["y", "mean", "deviation"], epsilon=0.5)
        proto = model([layer], (3, 4), {"g": np.ones(4, np.float32)}, outputs=("y", "mean", "deviation"))
        graph = agree(tmp_path, proto)
        assert graph.types[graph.outputs["mean"]].shape == (3, 1)

    def test_instance_normalization(self, tmp_path):
        constants = self.constants(3)
        agree(tmp_path, model([node("InstanceNormalization", ["x", "g", "b"])], (2, 3, 5), constants), tolerance=1e-4)

    @pytest.mark.parametrize("opset", [18, 21])
    def test_group_normalization(self, tmp_path, opset):
        constants = self.constants(2 if opset < 21 else 4)
        layer = node("GroupNormalization", ["x", "g", "b"], num_groups=2)
        agree(tmp_path, model([layer], (1, 4, 3, 2), constants, opset=opset), tolerance=1e-4)

    def test_mean_variance_normalization(self, tmp_path):
        agree(tmp_path, model([node("MeanVarianceNormalization", ["x"])], (2, 3, 4, 4)), tolerance=1e-4)

    @pytest.mark.parametrize("order", [1, 2])
    @pytest.mark.parametrize("axis", [0, -1])
    def test_lp_normalization(self, tmp_path, order, axis):
        agree(tmp_path, model([node("LpNormalization", ["x"], p=order, axis=axis)], (3, 4)))

    @pytest.mark.parametrize("shape", [(2,), (2, 3), (2, 3, 4), (1, 3, 2, 2, 2)])
    def test_batch_normalization_of_any_rank(self, tmp_path, shape):
        if len(shape) < 2:
            with pytest.raises(UnsupportedOperatorError, match="no channel axis"):
                load(tmp_path, self.batch(shape, 2))
            return
        agree(tmp_path, self.batch(shape, shape[1]))

    def batch(self, shape, channels):
        rng = np.random.default_rng(5)
        constants = {name: rng.uniform(0.5, 2, channels).astype(np.float32) for name in "gbmv"}
        return model([node("BatchNormalization", ["x", *"gbmv"])], shape, constants)

    @pytest.mark.parametrize(
        ("layer", "shape", "message"),
        [
            (node("LayerNormalization", ["x", "g"], axis=3), (2, 4), "axis 3 does not exist"),
            (node("InstanceNormalization", ["x", "g", "b"]), (2, 4), "no axes behind the channels"),
            (node("GroupNormalization", ["x", "g", "b"], num_groups=3), (1, 4, 2), "4 channels do not form 3 groups"),
            (node("LpNormalization", ["x"], p=3), (2, 4), "norm 3 does not exist"),
        ],
    )
    def test_malformed(self, tmp_path, layer, shape, message):
        constants = {} if layer.op_type == "LpNormalization" else self.constants(4)
        used = {name: c for name, c in constants.items() if name in layer.input}
        opset = 18 if layer.op_type == "GroupNormalization" else 17
        with pytest.raises(MalformedModelError, match=message):
            load(tmp_path, model([layer], shape, used, opset=opset))


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize(
    ("axis", "opset"), [(0, 11), (1, 11), (2, 11), (0, 13), (1, 13), (-1, 13), (None, 11), (None, 13)]
)
def test_softmax_and_its_kin(tmp_path, op_type, axis, opset):
    attributes = {} if axis is None else {"axis": axis}
    graph = agree(tmp_path, model([node(op_type, ["x"], **attributes)], (2, 3, 4), opset=opset))
    if op_type != "Hardmax":
        assert [op.log for op in operators(graph) if op.name == "softmax"] == [op_type == "LogSoftmax"]

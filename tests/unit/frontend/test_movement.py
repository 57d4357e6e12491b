# SPDX-License-Identifier: Apache-2.0
"""Operators that move elements: every one against onnxruntime, as attribute and as operand where that changed."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from tests.unit.frontend.models import agree, load, model, names, node, operators, value


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("operands", [["x", "x"], ["x", "c"], ["c", "x", "c"]])
def test_concat(tmp_path, axis, operands):
    constants = {"c": np.arange(6, dtype=np.float32).reshape(2, 3)} if "c" in operands else {}
    graph = agree(tmp_path, model([node("Concat", operands, axis=axis)], (2, 3), constants))
    assert names(graph) == ["arrange"]


def test_concat_with_nothing(tmp_path):
    nodes = [node("Concat", ["x", "e"], ["c"], axis=0), node("Relu", ["c"])]
    assert names(agree(tmp_path, model(nodes, (2, 3), {"e": np.zeros((0, 3), np.float32)}))) == ["activation"]


@pytest.mark.parametrize("opset", [11, 13])
def test_split(tmp_path, opset):
    options = {"split": [1, 3]} if opset < 13 else {}
    inputs = ["x"] if opset < 13 else ["x", "s"]
    nodes = [node("Split", inputs, ["y", "z"], axis=1, **options)]
    constants = {} if opset < 13 else {"s": ints(1, 3)}
    agree(tmp_path, model(nodes, (2, 4), constants, opset=opset, outputs=("y", "z")))


def test_split_into_equal_parts(tmp_path):
    agree(
        tmp_path,
        model([node("Split", ["x"], ["y", "z"], axis=-1, num_outputs=2)], (2, 5), opset=18, outputs=("y", "z")),
    )


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps"),
    [((0,), (2,), (1,), (1,)), ((-1, 0), (-100, 3), (1, 0), (-2, 1)), ((1,), (2**62,), (-1,), (3,))],
)
def test_slice(tmp_path, starts, ends, axes, steps):
    constants = {"s": ints(*starts), "e": ints(*ends), "a": ints(*axes), "t": ints(*steps)}
    agree(tmp_path, model([node("Slice", ["x", "s", "e", "a", "t"])], (3, 5), constants))


def test_slice_by_attributes(tmp_path):
    agree(tmp_path, model([node("Slice", ["x"], starts=[1], ends=[-1], axes=[1])], (3, 5), opset=9))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("indices", [ints(1, 0, -1), np.array(1), ints(0, 1, 1, 0).reshape(2, 2)])
def test_gather(tmp_path, axis, indices):
    agree(tmp_path, model([node("Gather", ["x", "i"], axis=axis)], (2, 3), {"i": indices.astype(np.int64)}))


def test_gather_elements_and_nd(tmp_path):
    agree(tmp_path, model([node("GatherElements", ["x", "i"], axis=1)], (2, 3), {"i": ints(2, 0, 1, 1).reshape(2, 2)}))
    agree(tmp_path, model([node("GatherND", ["x", "i"])], (2, 3), {"i": ints(1, 2, 0, 0).reshape(2, 2)}))
    agree(tmp_path, model([node("GatherND", ["x", "i"], batch_dims=1)], (2, 3), {"i": ints(1, 2).reshape(2, 1)}))


@pytest.mark.parametrize("shape", [(3, 2, 4), (2, 1), (1,)])
def test_expand(tmp_path, shape):
    agree(tmp_path, model([node("Expand", ["x", "s"])], (2, 1), {"s": ints(*shape)}))


def test_tile(tmp_path):
    agree(tmp_path, model([node("Tile", ["x", "r"])], (2, 3), {"r": ints(2, 2)}))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("opset", [10, 11, 18])
def test_pad(tmp_path, mode, opset):
    pads = [0, 1, 0, 2]
    if opset == 10:
        agree(tmp_path, model([node("Pad", ["x"], mode=mode, pads=pads, value=2.0)], (2, 3), opset=opset))
        return
    constants = {"p": ints(*pads), "v": np.float32(2.0)}
    inputs = ["x", "p", "v"] if mode == "constant" else ["x", "p"]
    agree(tmp_path, model([node("Pad", inputs, mode=mode)], (2, 3), constants, opset=opset))


@pytest.mark.parametrize("fill", [0.0, 0.25, -2.0, 3.0, 1e6])
def test_what_pad_puts_in_is_no_position(tmp_path, fill):
    agree(tmp_path, model([node("Pad", ["x"], pads=[1, 0, 0, 2], value=fill)], (2, 3), opset=9))


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space_and_back(tmp_path, mode):
    nodes = [node("DepthToSpace", ["x"], ["d"], blocksize=2, mode=mode), node("SpaceToDepth", ["d"], blocksize=2)]
    agree(tmp_path, model(nodes, (1, 8, 2, 3)))


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [None, -1, 2])
def test_trilu(tmp_path, upper, k):
    constants = {} if k is None else {"k": np.array(k, np.int64)}
    agree(tmp_path, model([node("Trilu", ["x", *constants], upper=upper)], (3, 4), constants))


def test_reverse_sequence(tmp_path):
    attributes = {"batch_axis": 0, "time_axis": 1}
    agree(tmp_path, model([node("ReverseSequence", ["x", "l"], **attributes)], (2, 4), {"l": ints(3, 4)}))


@pytest.mark.parametrize("places", ["asymmetric", "half_pixel"])
def test_resize_to_nearest_elements(tmp_path, places):
    resize = node("Resize", ["x", "", "s"], coordinate_transformation_mode=places)
    agree(tmp_path, model([resize], (1, 1, 2, 3), {"s": np.float32([1, 1, 2, 2])}))


@pytest.mark.parametrize("places", ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("scales", [(2, 2), (1, 2.5), (0.5, 3), (0.25, 1.5)])
def test_resize_that_interpolates(tmp_path, places, scales):
    resize = node("Resize", ["x", "", "s"], mode="linear", coordinate_transformation_mode=places)
    agree(tmp_path, model([resize], (1, 2, 4, 6), {"s": np.float32([1, 1, *scales])}))


@pytest.mark.parametrize("places", ["half_pixel", "half_pixel_symmetric", "align_corners"])
def test_resize_to_sizes_is_exact(tmp_path, places):
    """Sixths and sevenths: codes with a scale of their own."""
    resize = node("Resize", ["x", "", "", "s"], mode="linear", coordinate_transformation_mode=places)
    graph = agree(tmp_path, model([resize], (1, 1, 3, 5), {"s": ints(1, 1, 7, 6)}, opset=19))
    weights = [op.weight for op in operators(graph) if op.name == "dense"]
    assert len(weights) == 2
    assert all(weight.encoding is not None for weight in weights)


def test_resize_of_some_axes(tmp_path):
    attributes = {"mode": "linear", "axes": [3, 2]}
    agree(
        tmp_path,
        model([node("Resize", ["x", "", "s"], **attributes)], (1, 2, 3, 4), {"s": np.float32([2, 1])}, opset=18),
    )


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"mode": "cubic"}, "it interpolates"),
        ({"mode": "linear", "antialias": 1}, "smooths"),
        ({"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"}, "it interpolates"),
    ],
)
def test_resize_that_is_refused(tmp_path, attributes, message):
    resize = node("Resize", ["x", "roi", "s"], **attributes)
    constants = {"roi": np.zeros(8, np.float32), "s": np.float32([1, 1, 2, 2])}
    with pytest.raises(UnsupportedOperatorError, match=message):
        load(tmp_path, model([resize], (1, 1, 2, 2), constants, opset=18))


def test_a_movement_that_moves_nothing_leaves_no_node(tmp_path):
    nodes = [node("Slice", ["x", "zero", "end"], ["s"]), node("Relu", ["s"])]
    assert names(agree(tmp_path, model(nodes, (2, 3), {"zero": ints(0), "end": ints(9)}))) == ["activation"]


class TestScatter:
    INDICES = ints(0, 1, 1, 0, 0, -1).reshape(2, 3)

    def proto(self, op_type, indices, updates, opset, **attributes):
        inputs = [value("x", (2, 3)), value("z", updates)]
        return model(
            [node(op_type, ["x", "i", "z"], **attributes)], constants={"i": indices}, inputs=inputs, opset=opset
        )

    @pytest.mark.parametrize(("op_type", "opset"), [("Scatter", 10), ("ScatterElements", 11), ("ScatterElements", 18)])
    @pytest.mark.parametrize("axis", [0, 1, -1])
    def test_replaced_elements(self, tmp_path, op_type, opset, axis):
        indices = ints(0, 1, 1, 1, 0, 0).reshape(2, 3) if axis == 0 else ints(2, 0, 1, -1, 1, 0).reshape(2, 3)
        graph = agree(tmp_path, self.proto(op_type, indices, (2, 3), opset, axis=axis))
        assert names(graph) == ["arrange"]

    @pytest.mark.parametrize("reduction", ["add", "mul", "max", "min"])
    def test_combined_elements(self, tmp_path, reduction):
        agree(tmp_path, self.proto("ScatterElements", self.INDICES, (2, 3), 18, reduction=reduction, axis=0))

    @pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
    def test_slices(self, tmp_path, reduction):
        indices = ints(1) if reduction == "none" else ints(1, 0, 1, 1)
        proto = self.proto("ScatterND", indices.reshape(-1, 1), (indices.size, 3), 18, reduction=reduction)
        agree(tmp_path, proto)

    def test_single_elements(self, tmp_path):
        agree(tmp_path, self.proto("ScatterND", ints(0, 1, 1, -1).reshape(2, 2), (2,), 18))

    def test_constant_data(self, tmp_path):
        proto = model(
            [node("ScatterND", ["d", "i", "x"])],
            (2,),
            {"d": np.zeros((2, 3), np.float32), "i": ints(0, 1, 1, 2).reshape(2, 2)},
        )
        (op,) = operators(agree(tmp_path, proto))[-1:]
        assert op.name == "arrange"

    @pytest.mark.parametrize(
        ("op_type", "indices", "updates"),
        [
            ("ScatterElements", ints(5, 0, 0).reshape(1, 3), (1, 3)),
            ("ScatterElements", ints(0, 0).reshape(1, 2), (1, 3)),
            ("ScatterND", ints(4).reshape(1, 1), (1, 3)),
            ("ScatterND", ints(0, 0, 0).reshape(1, 3), (1,)),
        ],
    )
    def test_indices_that_do_not_fit(self, tmp_path, op_type, indices, updates):
        with pytest.raises(MalformedModelError, match=r"lie outside of|do not fit"):
            load(tmp_path, self.proto(op_type, indices, updates, 16))

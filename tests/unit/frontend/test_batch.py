# SPDX-License-Identifier: Apache-2.0
"""Batch sizes that exporters fix or name."""

from __future__ import annotations

import numpy as np
import pytest

import fpgann
from fpgann.errors import UnsupportedOperatorError
from fpgann.frontend import import_onnx, samplewise
from fpgann.frontend.onnx.runtime import Float32Runtime
from tests.unit.frontend.models import QONNX, model, node, read, tensor, value, write

W = np.arange(-8, 8, dtype=np.float32).reshape(4, 4) / 4
DENSE = [node("MatMul", ["x", "w"], ["h"], name="fc"), node("Relu", ["h"])]


def rows(tmp_path, proto):
    """The number of rows taken for samples, and the shape of the output."""
    found = samplewise(read(tmp_path, proto))
    graph = import_onnx(found)
    return found.rows, graph.types[graph.outputs["y"]].shape


@pytest.mark.parametrize("size", [2, 64, 1000, 789_444, 2**22])
def test_independent_rows_are_samples(tmp_path, size):
    assert rows(tmp_path, model(DENSE, (size, 4), {"w": W})) == (size, (1, 4))


@pytest.mark.parametrize("size", [1, "n", None, 0, -1])
def test_open_batch_sizes_are_one(tmp_path, size):
    assert rows(tmp_path, model(DENSE, (size, 4), {"w": W})) == (1, (1, 4))


@pytest.mark.parametrize("opset", [6, 9, 13, 17, 21])
@pytest.mark.parametrize("through_node", [False, True])
def test_reshapes_to_the_fixed_size(tmp_path, opset, through_node):
    nodes = [
        node("Reshape", ["x", "flat"], ["f"]),
        node("MatMul", ["f", "w"], ["h"]),
        node("Reshape", ["h", "cube"], ["c"]),
        node("Relu", ["c"]),
    ]
    flat, cube = np.array([6, -1], np.int64), np.array([6, 2, 2], np.int64)
    constants = {"w": W, "cube": cube}
    if through_node:
        tensor_ = tensor("flat", flat, np.int64)
        nodes.insert(0, node("Constant", [], ["flat"], value=tensor_))
    else:
        constants["flat"] = flat
    proto = model(nodes, (6, 2, 2), constants, opset=opset)
    assert rows(tmp_path, proto) == (6, (1, 2, 2))
    found = samplewise(read(tmp_path, proto))
    data = np.random.default_rng(0).normal(size=(6, 1, 2, 2))
    together = Float32Runtime(read(tmp_path, proto)).run({"x": data.reshape(1, 6, 2, 2)})["y"]
    assert np.allclose(Float32Runtime(found).run({"x": data})["y"][:, 0], together[0])


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("Softmax", ["x"], axis=0)], {}),
        ([node("Add", ["x", "c"])], {"c": np.ones((6, 4), np.float32)}),
        ([node("Transpose", ["x"])], {}),
        ([node("Reshape", ["x", "s"])], {"s": np.array([1, 24], np.int64)}),
        (
            [node("Reshape", ["x", "s"], ["r"]), node("Transpose", ["r"], perm=[1, 0])],
            {"s": np.array([6, 4], np.int64)},
        ),
        ([node("Reshape", ["x", "s"])], {"s": np.array([6, 2, 2], np.int64), "unused": W}),
    ],
)
def test_what_mixes_rows_stays_as_it_is(tmp_path, nodes, constants):
    """The last one is no mixture: it shows that the test would notice."""
    wanted = 6 if "unused" in constants else 1
    assert samplewise(read(tmp_path, model(nodes, (6, 4), constants))).rows == wanted


def test_a_reshape_that_only_looks_like_a_batch(tmp_path):
    """The number 4 is the width here, not the number of rows."""
    nodes = [node("Transpose", ["x"], ["t"]), node("Reshape", ["t", "s"], ["r"]), node("Transpose", ["r"])]
    found = samplewise(read(tmp_path, model(nodes, (4, 4), {"s": np.array([4, 4], np.int64)})))
    graph = import_onnx(found)
    assert graph.types[graph.outputs["y"]].shape == (found.inputs[0].shape[0], 4)
    data = np.arange(16.0).reshape(4, 1, 4) if found.rows == 4 else np.arange(16.0).reshape(1, 4, 4)
    assert np.array_equal(Float32Runtime(found).run({"x": data})["y"].reshape(4, 4), np.arange(16.0).reshape(4, 4))


def test_several_inputs(tmp_path):
    inputs = [value("x", [8, 4]), value("z", [8, 4])]
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("MatMul", ["z", "w"], ["y"])]
    found = samplewise(read(tmp_path, model(nodes, constants={"w": W}, inputs=inputs, outputs=("y", "h"))))
    assert [port.shape for port in found.inputs] == [(1, 4), (1, 4)]
    inputs[1] = value("z", [3, 4])
    found = samplewise(read(tmp_path, model(nodes, constants={"w": W}, inputs=inputs, outputs=("y", "h"))))
    assert [port.shape for port in found.inputs] == [(8, 4), (3, 4)]


def test_quantized_models(tmp_path):
    constants = {"w": W, "s": np.float32(0.5), "z": np.float32(0), "b": np.float32(4)}
    nodes = [node("Quant", ["x", "s", "z", "b"], ["q"], domain=QONNX), node("MatMul", ["q", "w"])]
    assert rows(tmp_path, model(nodes, (10, 4), constants)) == (10, (1, 4))


def test_shapes_that_the_user_gives_stay(tmp_path):
    path = write(tmp_path, model(DENSE, (6, 4), {"w": W}))
    design = fpgann.compile(path, tmp_path / "rows")
    assert design.shapes() == {"x": (1, 4)}
    assert "the file fixes a batch of 6 rows: each row is a sample of its own" in design.warnings
    assert all(plan.supported for plan in fpgann.check(path, input_shapes={"x": (2, 4)}))
    outputs = design.emulate({"x": np.ones((6, 4))})
    assert outputs["y"].shape == (6, 4)


def test_absurd_sizes_that_cannot_be_split(tmp_path):
    proto = model([node("Softmax", ["x"], axis=0)], (789_444, 16))
    with pytest.raises(UnsupportedOperatorError, match=r"input 'x': its shape .* --input-shape"):
        import_onnx(samplewise(read(tmp_path, proto)))


def test_one_name_is_one_size(tmp_path):
    """A batch size that is not at axis 0 everywhere, as states of recurrent networks have it."""
    inputs = [value("x", ["batch", 4]), value("state", [2, "batch", 4])]
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("MatMul", ["state", "w"])]
    proto = model(nodes, constants={"w": W}, inputs=inputs, outputs=("y", "h"))
    assert [port.shape for port in read(tmp_path, proto).inputs] == [(1, 4), (2, 1, 4)]
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "length"
    proto.graph.input[1].type.tensor_type.shape.dim[2].dim_param = "length"
    found = read(tmp_path, proto, input_shapes={"x": (1, 4)})
    assert [port.shape for port in found.inputs] == [(1, 4), (2, 1, 4)]
    with pytest.raises(UnsupportedOperatorError, match=r"axis 1 \('length'\)"):
        read(tmp_path, proto)

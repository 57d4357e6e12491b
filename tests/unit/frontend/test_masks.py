# SPDX-License-Identifier: Apache-2.0
"""Minus infinity is a mask where it is only added or chosen, and a damaged weight elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from fpgann.errors import MalformedModelError
from fpgann.frontend import read_model
from fpgann.frontend.onnx.masks import LOWEST
from tests.unit.frontend.models import model, node, write

MASK = np.array([0.0, -np.inf, 0.0, -np.inf], np.float32)
WHERE = [node("Where", ["on", "m", "x"])]
ON = {"on": np.array([True, False, True, False])}
MOVED = [node("Unsqueeze", ["m", "axis"], ["a"]), node("Expand", ["a", "shape"], ["b"]), node("Add", ["x", "b"])]
MOVES = {"axis": np.array([0]), "shape": np.array([1, 4])}


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [([node("Add", ["m", "x"])], {}), (WHERE, ON), (MOVED, MOVES)],
    ids=["added", "chosen", "moved"],
)
def test_masks_become_numbers(tmp_path: Path, nodes: list[onnx.NodeProto], constants: dict[str, object]) -> None:
    read = read_model(write(tmp_path, model(nodes, constants={"m": MASK, **constants})))
    (held,) = (t for t in read.proto.graph.initializer if t.name == "m")
    assert onnx.numpy_helper.to_array(held).tolist() == [0.0, LOWEST, 0.0, LOWEST]


@pytest.mark.parametrize("number", [np.inf, np.nan])
def test_other_numbers_are_damage(tmp_path: Path, number: float) -> None:
    proto = model([node("Add", ["x", "m"])], constants={"m": np.array([0, number, 0, 0], np.float32)})
    with pytest.raises(MalformedModelError, match="1 of its 4 numbers are NaN or infinite"):
        read_model(write(tmp_path, proto))


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Mul", ["x", "m"])],
        [node("Add", ["x", "m"], ["h"]), node("Mul", ["h", "m"])],
        [node("Unsqueeze", ["m", "axis"], ["a"]), node("Mul", ["x", "a"])],
    ],
)
def test_elsewhere_it_is_damage(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    proto = model(nodes, constants={"m": MASK, "axis": np.array([0])})
    with pytest.raises(MalformedModelError, match="2 of its 4 numbers are NaN or infinite"):
        read_model(write(tmp_path, proto))


def test_a_mask_that_is_delivered_is_damage(tmp_path: Path) -> None:
    proto = model([node("Add", ["x", "m"])], constants={"m": MASK}, outputs=("y", "m"))
    with pytest.raises(MalformedModelError, match="NaN or infinite"):
        read_model(write(tmp_path, proto))

# SPDX-License-Identifier: Apache-2.0
"""Small designs to synthesise, and the tools for it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from fpgann import api
from fpgann.config import CompileOptions, override
from fpgann.design import Design
from tests.command_line import cli
from tests.conftest import require_tool

__all__ = ["cli", "compiled", "network"]


def network(path: Path, sizes: tuple[int, ...], seed: int = 0) -> Path:
    """A float network with weights that are multiples of 1/8, ReLUs between its layers `layer0`, `layer1`, ..."""
    rng = np.random.default_rng(seed)
    nodes, constants, value = [], [], "x"
    for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        weights, bias = rng.integers(-8, 8, (inputs, outputs)) / 8, rng.integers(-8, 8, outputs) / 8
        names = [f"w{index}", f"b{index}"]
        constants += [
            numpy_helper.from_array(a.astype(np.float32), n) for a, n in zip((weights, bias), names, strict=True)
        ]
        last = index == len(sizes) - 2
        nodes.append(helper.make_node("Gemm", [value, *names], ["y" if last else f"g{index}"], name=f"layer{index}"))
        if not last:
            value = f"r{index}"
            nodes.append(helper.make_node("Relu", [f"g{index}"], [value], name=f"relu{index}"))
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in (("x", sizes[0]), ("y", sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "network", ports[:1], ports[1:], constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def compiled(folder: Path, sizes: tuple[int, ...], **options: object) -> Design:
    """Such a network, compiled to 8 bits."""
    model = network(folder / "model.onnx", sizes)
    chosen = override(CompileOptions(), precision="fixed<8,4>", name="pocket", **options)  # type: ignore[arg-type]
    return api.compile(model, folder / "build", chosen)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """Two layers of adders; not to be changed, but synthesised."""
    for name in ("ghdl", "yosys"):
        require_tool(name)
    return compiled(tmp_path_factory.mktemp("tiny"), (3, 3, 2), strategy="unrolled")

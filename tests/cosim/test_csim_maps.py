# SPDX-License-Identifier: Apache-2.0
"""HLS C++ of maps that come token by token: windows, ways that part, larger maps, the order of the model."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from fpgann import api, reference
from fpgann.config import CompileOptions, override
from fpgann.cosim.csim import run_csim
from fpgann.cosim.vectors import corner_and_random
from fpgann.eda.cpp import Dialect
from fpgann.errors import MismatchError, ToolFailedError
from tests.conftest import require_tool
from tests.cosim.cpp_checks import COMPILERS, assert_formatted, assert_no_warning
from tests.cosim.test_maps import Model, classifier, decoder, random_ways, separable

Writer = Callable[[Path], Path]
FOLDED = {"strategy": "folded", "reuse_factor": 4}


def strides(path: Path) -> Path:
    """Strides, dilations, uneven padding, a signal's pooling, a sum over a map, channels that are repeated."""
    m = Model()
    x = m.conv("x", 2, 3, kernel_shape=[3, 2], strides=[2, 3], pads=[2, 0, 1, 1])
    y = m.conv(x, 3, 3, kernel_shape=[2, 2], dilations=[2, 1], pads=[1, 1, 1, 0])
    scale = m.node("Sigmoid", m.node("GlobalAveragePool", y))
    return m.write(path, (1, 2, 7, 10), m.node("Mul", y, scale))


def signal(path: Path) -> Path:
    m = Model()
    x = m.conv("x", 2, 3, kernel_shape=[3], dilations=[2], pads=[4, 0])
    return m.write(path, (1, 2, 9), m.node("MaxPool", x, kernel_shape=[2], strides=[2]))


def build(network: Writer, folder: Path, **options: object) -> api.Design:
    require_tool("g++")
    chosen = override(CompileOptions(), target="hls", io="stream", precision="fixed<6,3>", **options)
    return api.compile(network(folder / "net.onnx"), folder / "build", chosen)


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory) -> api.Design:
    return build(classifier, tmp_path_factory.mktemp("maps"))


@pytest.mark.parametrize(
    ("network", "options"),
    [
        (decoder, {}),
        (separable, {"strategy": "folded", "reuse_factor": 7}),
        (strides, FOLDED),
        (signal, {"stream_width": 64}),
        (lambda path: random_ways(path, 3), FOLDED),
    ],
    ids=["decoder", "separable", "strides", "signal", "ways"],
)
def test_maps_are_exact(network: Writer, options: dict[str, object], tmp_path: Path) -> None:
    design = build(network, tmp_path, **options)
    assert "fpgann::windows<" in (design.folder / "hls" / f"{design.manifest['top']}.cpp").read_text()
    design.simulate(batch=True).require_exact()


def test_names_longer_than_identifiers(tmp_path: Path) -> None:
    """A pipeline has another name than its layer, also where that is cut."""

    def network(path: Path) -> Path:
        model = onnx.load(classifier(path))
        (sum_,) = (node for node in model.graph.node if node.op_type == "Add")
        sum_.name += "_of_a_module_within_a_module" * 4
        onnx.save(model, path)
        return path

    build(network, tmp_path).simulate(batch=True).require_exact()


@pytest.mark.parametrize("dialect", [Dialect.AP_TYPES, Dialect.AC_TYPES])
def test_every_pipeline_is_exact(classified: api.Design, dialect: Dialect, tmp_path: Path) -> None:
    require_tool("hls4ml")
    values = reference.run_codes(classified.graph, corner_and_random(classified.graph, 16, seed=1))
    run = run_csim(classified.folder, values, dialect=dialect, work=tmp_path)
    assert run.verdict["bit_exact"], run.verdict
    assert run.verdict["compared"] == "layers"


def test_samples_keep_the_order_of_the_model(tmp_path: Path) -> None:
    """Tokens have their channels last; whoever simulates does not see that."""
    design = build(decoder, tmp_path)
    samples = {"x": np.random.default_rng(2).normal(0, 1, (3, 3, 3, 4))}
    simulation, emulated = design.simulate(samples, batch=True), design.emulate(samples)
    (name,) = (port["name"] for port in design.manifest["outputs"])
    assert simulation.outputs is not None
    assert np.array_equal(simulation.outputs[f"{name}__raw"], emulated[f"{name}__raw"])
    assert emulated[name].shape == (3, 2, 6, 8)


@pytest.mark.parametrize(
    ("file", "pattern", "wrong"),
    [
        ("shells.h", r"top = 1;", "top = 2;\n  static constexpr int unused = 1;"),
        ("shells.h", r"stride_rows = 2;", "stride_rows = 1;"),
        ("shells.h", r"fill = \d+;", "fill = 1;"),
        ("fpgann/maps.h", r": lines\[above\]\[column\]", ": lines[1][column]"),
        ("fpgann/maps.h", r"whole.element\[part \* N \+ i\] = ", "whole.element[part * N + N - 1 - i] = "),
        ("layers/*.h", r"product<product_t>\(", "sum<product_t>("),
    ],
)
def test_one_change_is_found(classified: api.Design, file: str, pattern: str, wrong: str, tmp_path: Path) -> None:
    shutil.copytree(classified.folder, tmp_path / "build")
    design = api.Design(tmp_path / "build")
    changed = 0
    for path in sorted((design.folder / "hls").glob(file)):
        text, count = re.subn(pattern, wrong, path.read_text(), count=1)
        path.write_text(text)
        changed += count
    assert changed, f"nothing in {file} is {pattern}"
    with pytest.raises(MismatchError, match="expected"):
        design.simulate(batch=True).require_exact()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("fpgann/maps.h", "first : sum<Y>(", "first : difference<Y>("),
        ("shells.h", "dilation_rows = 2", "dilation_rows = 1"),
        ("shells.h", "column_factor = ", "column_factor = 1 + 0 * "),
    ],
)
def test_one_change_of_uncommon_shells_is_found(file: str, old: str, new: str, tmp_path: Path) -> None:
    design = build(strides, tmp_path)
    path = design.folder / "hls" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises((MismatchError, ToolFailedError)):
        design.simulate(batch=True).require_exact()


@pytest.mark.parametrize(("network", "options"), [(classifier, FOLDED), (decoder, {}), (strides, {})])
def test_maps_are_clean(network: Writer, options: dict[str, object], tmp_path: Path) -> None:
    """No compiler warns, and clang-format changes nothing."""
    design = build(network, tmp_path, **options)
    assert_formatted(design)
    for compiler in COMPILERS:
        assert_no_warning(design, compiler)


def test_the_bench_of_the_build_runs_by_itself(classified: api.Design, tmp_path: Path) -> None:
    require_tool("make")
    shutil.copytree(classified.folder / "hls", tmp_path / "hls")
    done = subprocess.run(["make", "native"], cwd=tmp_path / "hls", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert " 0 wrong codes" in done.stdout

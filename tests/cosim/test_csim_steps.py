# SPDX-License-Identifier: Apache-2.0
"""HLS C++ of steps that hardware keeps: recurrences, and what is done for every row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fpgann import api
from fpgann.config import CompileOptions, Target
from fpgann.errors import MismatchError
from fpgann.hardware.options import HardwareOptions, Io, LayerOptions, Recurrences, Rows, Strategy
from fpgann.numerics.fixed import parse_precision
from tests.conftest import require_tool
from tests.cosim.cpp_checks import COMPILERS, assert_formatted, assert_no_warning
from tests.cosim.test_sequences import edge_convolution
from tests.cosim.test_sequences import recurrent as any_recurrent
from tests.cosim.test_step_streams import two_layers

UNROLLED = LayerOptions(strategy=Strategy.UNROLLED)
FOLDED = LayerOptions(strategy=Strategy.FOLDED, reuse_factor=4)
STATES = HardwareOptions(UNROLLED, recurrence=Recurrences.FOLDED)
SHARED = HardwareOptions(FOLDED, recurrence=Recurrences.FOLDED)
STREAMED = HardwareOptions(FOLDED, recurrence=Recurrences.FOLDED, io=Io.STREAM)
ROWS = HardwareOptions(UNROLLED, rows=Rows.FOLDED)
FOLDED_ROWS = HardwareOptions(FOLDED, rows=Rows.FOLDED)

Writer = Callable[[Path], Path]


def recurrent(kind: str, output: str = "y", **attributes: int | str) -> Writer:
    return any_recurrent(kind, outputs=(output,), **attributes)


def build(network: Writer, folder: Path, hardware: HardwareOptions) -> api.Design:
    require_tool("g++")
    options = CompileOptions(precision=parse_precision("fixed<8,3>"), hardware=hardware, target=Target.HLS)
    return api.compile(network(folder / "net.onnx"), folder / "build", options)


@pytest.mark.parametrize(
    ("network", "hardware"),
    [
        (recurrent("RNN"), STATES),
        (recurrent("LSTM"), SHARED),
        (recurrent("GRU"), STREAMED),
        (recurrent("GRU", linear_before_reset=1, direction="bidirectional"), SHARED),
        (recurrent("LSTM", "h", direction="bidirectional"), STATES),
        (edge_convolution(4, 2), ROWS),
        (edge_convolution(4, 2), FOLDED_ROWS),
    ],
)
def test_steps_are_exact(network: Writer, hardware: HardwareOptions, tmp_path: Path) -> None:
    design = build(network, tmp_path, hardware)
    assert any(node.op.name == "repeat" for node in design.graph.nodes)
    loop = "is_last" if hardware is STREAMED else "step < "
    assert any(loop in path.read_text() for path in (design.folder / "hls" / "layers").iterdir())
    design.simulate(batch=True).require_exact()


def test_steps_that_come_one_after_another(tmp_path: Path) -> None:
    """States stay between tokens, and begin again with every sequence: sequences follow each other."""
    design = build(two_layers, tmp_path, STREAMED)
    assert any("is_last" in path.read_text() for path in (design.folder / "hls" / "layers").iterdir())
    design.simulate(batch=True).require_exact()
    assert_formatted(design)
    for compiler in COMPILERS:
        assert_no_warning(design, compiler)
    layers = [path for path in (design.folder / "hls" / "layers").iterdir() if "is_last" in path.read_text()]
    layers[0].write_text(layers[0].read_text().replace("const bool is_last = ", "const bool is_last = false && "))
    with pytest.raises(MismatchError, match="expected"):
        design.simulate(batch=True).require_exact()


@pytest.mark.parametrize(("network", "hardware"), [(recurrent("GRU"), SHARED), (edge_convolution(4, 2), ROWS)])
def test_no_type_is_too_narrow_in_a_step(network: Writer, hardware: HardwareOptions, tmp_path: Path) -> None:
    require_tool("hls4ml")
    build(network, tmp_path, hardware).simulate().require_exact()


@pytest.mark.parametrize(
    ("network", "old", "new"),
    [
        (recurrent("RNN"), "step < 3", "step < 2"),
        (recurrent("RNN"), "[step * 2 + i]", "[step + i]"),
        (edge_convolution(4, 2), "y[step * 2 + i]", "y[step * 2 + 1 - i]"),
    ],
)
def test_one_change_of_a_loop_is_found(network: Writer, old: str, new: str, tmp_path: Path) -> None:
    design = build(network, tmp_path, HardwareOptions(UNROLLED, recurrence=Recurrences.FOLDED, rows=Rows.FOLDED))
    changed = [path for path in (design.folder / "hls" / "layers").iterdir() if old in path.read_text()]
    assert changed, f"no layer contains {old}"
    for path in changed:
        path.write_text(path.read_text().replace(old, new))
    with pytest.raises(MismatchError, match="expected"):
        design.simulate(batch=True).require_exact()


@pytest.mark.parametrize(("network", "hardware"), [(recurrent("LSTM"), SHARED), (edge_convolution(4, 2), ROWS)])
def test_steps_are_clean(network: Writer, hardware: HardwareOptions, tmp_path: Path) -> None:
    """No compiler warns, and clang-format changes nothing."""
    design = build(network, tmp_path, hardware)
    assert_formatted(design)
    for compiler in COMPILERS:
        assert_no_warning(design, compiler)

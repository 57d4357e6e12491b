# SPDX-License-Identifier: Apache-2.0
"""HLS C++ in C simulation: every layer equal to the reference, and every single change of it found."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fpgann import api, reference
from fpgann.config import CompileOptions, Target
from fpgann.cosim.csim import CsimLibrary, run_csim
from fpgann.cosim.vectors import corner_and_random
from fpgann.eda import cpp
from fpgann.eda.cpp import Dialect
from fpgann.errors import ConfigError, MismatchError, ToolNotFoundError
from fpgann.hardware.options import HardwareOptions, Io, LayerOptions, Strategy
from fpgann.numerics.fixed import parse_precision
from tests.conftest import require_tool
from tests.cosim.cpp_checks import COMPILERS, assert_formatted, assert_no_warning
from tests.cosim.models import Network, real_network, scaled_network
from tests.cosim.test_operands import arithmetic, choices, moves, quantized

PARALLEL = HardwareOptions()
FOLDED = HardwareOptions(LayerOptions(Strategy.FOLDED, reuse_factor=4))
UNEVEN = HardwareOptions(LayerOptions(Strategy.FOLDED, reuse_factor=5))
STREAM = HardwareOptions(LayerOptions(Strategy.FOLDED), io=Io.STREAM, stream_width_bits=32)
Writer = Callable[[Path], Path]


def real(path: Path) -> Path:
    return real_network().write(path)


def scaled(path: Path) -> Path:
    return scaled_network().write(path)


def build(network: Writer, folder: Path, hardware: HardwareOptions = PARALLEL) -> api.Design:
    require_tool("g++")
    options = CompileOptions(hardware=hardware, target=Target.HLS)
    return api.compile(network(folder / "net.onnx"), folder / "build", options)


def codes(design: api.Design, count: int = 64) -> dict[str, np.ndarray]:
    return reference.run_codes(design.graph, corner_and_random(design.graph, count, seed=1))


@pytest.mark.parametrize(
    ("network", "hardware"),
    [
        *((network, hardware) for network in (real, scaled) for hardware in (FOLDED, UNEVEN)),
        *((network, PARALLEL) for network in (arithmetic, choices, moves, quantized)),
        *((network, STREAM) for network in (scaled, quantized)),
    ],
)
def test_outputs_are_exact(network: Writer, hardware: HardwareOptions, tmp_path: Path) -> None:
    design = build(network, tmp_path, hardware)
    design.simulate(batch=True).require_exact()


@pytest.mark.parametrize("dialect", [Dialect.AP_TYPES, Dialect.AC_TYPES])
@pytest.mark.parametrize(("network", "hardware"), [(scaled, FOLDED), (real, STREAM), (choices, PARALLEL)])
def test_every_layer_is_exact(network: Writer, hardware: HardwareOptions, dialect: Dialect, tmp_path: Path) -> None:
    require_tool("hls4ml")
    design = build(network, tmp_path, hardware)
    run = run_csim(design.folder, codes(design), dialect=dialect, work=None)
    assert run.verdict["bit_exact"], run.verdict
    assert run.verdict["compared"] == "layers"


@pytest.mark.parametrize(
    ("network", "hardware", "file", "old", "new"),
    [
        (
            scaled,
            PARALLEL,
            "weights/broad.h",
            "broad_weights[6][4] =\n    {{",
            "broad_weights[6][4] =\n    {{1 + ",
        ),  # a weight
        (
            scaled,
            FOLDED,
            "layers/hidden.h",
            "using hidden_acc_t = fpgann::sint<1",
            "using hidden_acc_t = fpgann::sint<",
        ),
        (real, PARALLEL, "layers/hidden.h", "Rounding::RND>", "Rounding::TRN>"),
        (real, FOLDED, "layers/last.h", "x[fold * 6 + lane]", "x[fold * 6]"),
        (arithmetic, PARALLEL, "layers/*.h", "larger_of", "smaller_of"),
        (choices, PARALLEL, "layers/*.h", "left > right", "left >= right"),
        (choices, PARALLEL, "layers/*.h", "element > best", "element >= best"),
        (moves, PARALLEL, "layers/*.h", "(768)", "(769)"),
        (quantized, PARALLEL, "layers/*.h", "fpgann::sum<", "fpgann::difference<"),
        (quantized, STREAM, "fpgann/axis.h", "(one, lane, from[first + lane])", "(one, lane, from[first])"),
    ],
)
def test_one_change_is_found(
    network: Writer, hardware: HardwareOptions, file: str, old: str, new: str, tmp_path: Path
) -> None:
    require_tool("hls4ml")
    design = build(network, tmp_path, hardware)
    for path in sorted((design.folder / "hls").glob(file)):
        text = path.read_text()
        if old in text:
            path.write_text(text.replace(old, new, 1))
            break
    else:
        pytest.fail(f"nothing contains {old}: {[p.name for p in (design.folder / 'hls').glob('*/*.h')]}")
    with pytest.raises(MismatchError, match="expected"):
        design.simulate().require_exact()


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(("network", "hardware"), [(scaled, FOLDED), (quantized, STREAM), (moves, PARALLEL)])
def test_no_compiler_warns(network: Writer, hardware: HardwareOptions, compiler: str, tmp_path: Path) -> None:
    assert_no_warning(build(network, tmp_path, hardware), compiler)


@pytest.mark.parametrize(("network", "hardware"), [(scaled, FOLDED), (quantized, STREAM), (real, PARALLEL)])
def test_the_code_is_formatted(network: Writer, hardware: HardwareOptions, tmp_path: Path) -> None:
    assert_formatted(build(network, tmp_path, hardware))


def test_the_bench_of_the_build_runs_by_itself(tmp_path: Path) -> None:
    require_tool("make")
    design = build(scaled, tmp_path, STREAM)
    done = subprocess.run(["make", "native"], cwd=design.folder / "hls", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "64 samples, 0 wrong codes" in done.stdout
    expected = (design.folder / "hls" / "vectors" / "expected.txt").read_text().split()
    assert (design.folder / "hls" / "results.txt").read_text().split() == expected


def test_the_bench_of_the_build_counts_wrong_codes(tmp_path: Path) -> None:
    require_tool("make")
    design = build(scaled, tmp_path)
    expected = design.folder / "hls" / "vectors" / "expected.txt"
    first, _, rest = expected.read_text().partition(" ")
    expected.write_text(f"{int(first, 16) ^ 1:x} {rest}")
    done = subprocess.run(["make", "native"], cwd=design.folder / "hls", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "64 samples, 1 wrong codes" in done.stdout


@pytest.mark.parametrize("bits", [40, 64])
def test_sums_of_more_than_64_bits(bits: int, tmp_path: Path) -> None:
    require_tool("hls4ml")
    precision = parse_precision(f"fixed<{bits},{bits // 4}>")
    network = Network(5, 3).dense("first", 6).node("Relu", name="relu").dense("second", 2).node("Relu", name="relu2")
    options = CompileOptions(precision=precision, target=Target.HLS)
    design = api.compile(network.write(tmp_path / "net.onnx"), tmp_path / "build", options)
    widest = max(design.graph.types[node.output].codes.range.width_bits for node in design.graph.nodes)
    assert widest > 64
    for dialect in Dialect:
        run = run_csim(design.folder, codes(design), dialect=dialect, work=None)
        assert run.verdict["bit_exact"], (dialect, run.verdict)


def test_the_library_is_an_emulator(tmp_path: Path) -> None:
    design = build(scaled, tmp_path)
    values = codes(design, 3000)
    library = CsimLibrary(design.folder)
    (port,) = library.description["outputs"]
    outputs = library.run({value.name: values[value.name] for value in design.graph.inputs})
    assert np.array_equal(outputs[port["port"]], values[port["value"]].reshape(3000, -1))
    assert len(list((design.folder / "sim" / "csim").iterdir())) == 1
    CsimLibrary(design.folder)
    assert len(list((design.folder / "sim" / "csim").iterdir())) == 1, "it is compiled once"


def test_missing_headers_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = build(scaled, tmp_path)
    monkeypatch.setattr(cpp, "_PACKAGE", "hls4ml")
    monkeypatch.setattr(cpp.importlib.util, "find_spec", lambda name: None)
    for variable in ("XILINX_HLS", "XILINX_VITIS", "AP_TYPES"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ToolNotFoundError, match=r"ap_int.h is not installed") as caught:
        design.simulate()
    assert "pip install fpgann[hls]" in caught.value.hint
    folder = tmp_path / "vitis" / "include"
    folder.mkdir(parents=True)
    (folder / "ap_int.h").touch()
    monkeypatch.setenv("XILINX_HLS", str(tmp_path / "vitis"))
    assert cpp.find_headers(Dialect.AP_TYPES) == folder.resolve()


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    design = build(scaled, tmp_path)
    with pytest.raises(ConfigError, match="ghdl is not for this build"):
        design.simulate(simulator="ghdl")
    with pytest.raises(ConfigError, match="neither waves nor netlists"):
        design.simulate(waves=True)
    with pytest.raises(ConfigError, match="this build is C"):
        design.synthesize("ice40")
    vhdl = api.compile(scaled(tmp_path / "net.onnx"), tmp_path / "vhdl")
    with pytest.raises(ConfigError, match="csim is not for this build"):
        vhdl.simulate(simulator="csim")

# SPDX-License-Identifier: Apache-2.0
"""Everything that must hold for a model, from the file to the simulated hardware."""

from __future__ import annotations

import contextlib
import re
import signal
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from fpgann import api, reference
from fpgann.codegen.build_folder import write_build
from fpgann.config import CompileOptions, Softmax, override
from fpgann.cosim.vectors import corner_and_random
from fpgann.design import Design
from fpgann.eda.verilog import analyse
from fpgann.errors import ConfigError, FpgannError, ModelError
from fpgann.frontend import import_onnx
from fpgann.hardware.options import Weights
from fpgann.ir.ops.dense import Dense
from fpgann.ir.serialize import save_graph
from fpgann.ir.text import to_text
from tests.fuzz import exact
from tests.fuzz.cases import Case
from tests.fuzz.closeness import JUMPING, tolerances
from tests.oracle.compare import decode

MANY = 0.08  # of the elements may lie on the other side of a jump
FEW = 0.01  # of the elements of others may have worse luck than all tries of noise
SECONDS = 900  # for one model on a busy machine


class CheckError(Exception):
    """A check that failed.

    Args:
        check: its name.
        message: what was found.
    """

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Args:
        seed: of the case.
        status: `passed`, `refused` or `failed`.
        check: the check that failed.
        message: one line.
        detail: all that is known.
        seconds: how long it took.
    """

    seed: int
    status: str
    check: str = ""
    message: str = ""
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Effort:
    """What to run beside the reference.

    Args:
        hardware: simulate in GHDL.
        verilator: simulate as a compiled engine too.
    """

    hardware: bool = True
    verilator: bool = False


def run_case(case: Case, effort: Effort) -> Outcome:
    """All checks of a case; the first that fails counts."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        try:
            with _limited(SECONDS):
                _check(case, Path(name), effort)
        except ModelError as error:
            return Outcome(case.seed, "refused", "compile", str(error))
        except CheckError as wrong:
            return Outcome(case.seed, "failed", wrong.check, str(wrong))
        except FpgannError as error:
            return Outcome(case.seed, "failed", type(error).__name__, str(error), traceback.format_exc())
        except Exception as error:  # noqa: BLE001  whatever it is, it is a bug
            return Outcome(case.seed, "failed", "crash", f"{type(error).__name__}: {error}", traceback.format_exc())
    return Outcome(case.seed, "passed")


def _lowered(source: Path, options: CompileOptions, calibration: Path | None) -> tuple[api.Compiled, CompileOptions]:
    """Compile with the options that were drawn, or with what messages say would work instead."""
    try:
        return api.lower(source, options, calibration=calibration), options
    except ConfigError as error:  # a beat that holds no element
        if (least := re.search(r"the least that works is (\d+)", str(error))) is not None:
            options = override(options, stream_width=int(least[1]))
        elif "weights constant" in str(error) and options.hardware.weights is not Weights.CONSTANT:
            options = replace(options, hardware=replace(options.hardware, weights=Weights.CONSTANT))
        else:
            raise
        return _lowered(source, options, calibration)


def _check(case: Case, folder: Path, effort: Effort) -> None:
    source, data, build = folder / "model.onnx", folder / "samples.npz", folder / "build"
    source.write_bytes(case.model.SerializeToString())
    np.savez(data, **case.inputs)
    calibration = data if case.calibrated else None
    compiled, options = _lowered(source, case.options, calibration)
    write_build(build, api.build_files(compiled, options), force=False)
    design = Design(build)
    _check_files(design, compiled, folder)
    _check_emulation(design, case)
    _check_meaning(design, compiled, case)
    if effort.hardware:
        _check_analysis(build / "rtl", folder / "analysed")
        design.simulate(seed=case.seed).require_exact()
    if effort.verilator:
        design.simulate(simulator="verilator", batch=True, seed=case.seed).require_exact()


def _check_files(design: Design, compiled: api.Compiled, folder: Path) -> None:
    """What is read again is what was written."""
    _expect("files", to_text(design.graph) == to_text(compiled.graph), "the graph differs when it is read again")
    save_graph(design.graph, folder / "again")
    for path in (folder / "again").iterdir():
        same = path.read_bytes() == (design.folder / "model" / path.name).read_bytes()
        _expect("files", same, f"{path.name} differs when it is written again")


def _check_emulation(design: Design, case: Case) -> None:
    """The compiled reference gives the same bits as the definition, on samples and on corners."""
    corners = corner_and_random(design.graph, 48, case.seed)
    decoded = {v.name: v.type.codes.decode(corners[v.name]) for v in design.graph.inputs}
    for inputs in (case.inputs, decoded):
        encoded = {v.name: reference.encode_input(v, inputs[v.name]) for v in design.graph.inputs}
        values = reference.run_codes(design.graph, encoded)
        if any(values[name].dtype == object for name in design.graph.outputs.values()):
            continue  # codes wider than 64 bits are refused with a message
        emulated = design.emulate(inputs)
        for name, value in design.graph.outputs.items():
            wanted = values[value].reshape(emulated[f"{name}__raw"].shape)
            same = np.array_equal(emulated[f"{name}__raw"], wanted)
            _expect("emulation", same, f"output '{name}' differs from the definition")


def _check_meaning(design: Design, compiled: api.Compiled, case: Case) -> None:
    """Outputs are what the model means: exactly, where it quantizes all, else as near as its types allow."""
    encoded = {v.name: reference.encode_input(v, case.inputs[v.name]) for v in design.graph.inputs}
    codes = reference.run_codes(design.graph, encoded)
    delivered = {name: decode(design.graph.types[v].codes, codes[v]) for name, v in design.graph.outputs.items()}
    _check_winners(delivered, compiled, case)
    compared = [name for name in delivered if name not in compiled.logits]
    if case.style != "float" and _is_defined(compiled, case):
        entered = {}
        for value in design.graph.inputs:
            given = value.name in compiled.plan.types
            data = case.inputs[value.name]
            entered[value.name] = value.type.codes.decode(encoded[value.name]) if given else data
        with contextlib.suppress(exact.NotExactError):
            meant = exact.run(case.model, entered)
            for name in compared:
                wrong = np.argwhere(delivered[name] != meant[name].reshape(delivered[name].shape))
                where = tuple(wrong[0]) if len(wrong) else ()
                found = f"{float(delivered[name][where])}, not {float(meant[name][where])}" if len(wrong) else ""
                _expect("exact", not len(wrong), f"output '{name}': {len(wrong)} elements, first {where}: {found}")
            return
    _check_closeness(delivered, compared, compiled, case)


def _is_defined(compiled: api.Compiled, case: Case) -> bool:
    """Whether the model file quantizes everything between inputs and outputs."""
    real = import_onnx(compiled.model)
    coded = all(node.op.weight.encoding is not None for node in real.nodes if isinstance(node.op, Dense))
    return coded and set(compiled.plan.types) <= set(case.inputs)


def _check_closeness(delivered, compared: list[str], compiled: api.Compiled, case: Case) -> None:
    real = api._folded(import_onnx(compiled.model), Softmax.PROBABILITIES)
    allowed = tolerances(real, compiled.plan, case.inputs)
    jumps = any(node.op_type in JUMPING for node in case.model.graph.node)
    for name in compared:
        got = delivered[name].astype(np.float64)
        wanted = np.asarray(case.outputs[name], np.float64).reshape(got.shape)
        tolerance = allowed[name].reshape(got.shape)
        if not jumps:
            tolerance = np.maximum(tolerance, np.median(tolerance))
        wrong = np.abs(got - wanted) > tolerance
        share = float(np.mean(wrong))
        if share > (MANY if jumps else FEW):
            where = tuple(np.argwhere(wrong)[0])
            found = f"{got[where]:.6g}, not {wanted[where]:.6g} within {tolerance[where]:.2g}"
            raise CheckError("closeness", f"output '{name}': {100 * share:.3g} % are off, first {where}: {found}")


def _check_winners(delivered, compiled: api.Compiled, case: Case) -> None:
    """The largest probability is that of the largest logit, where both are delivered."""
    for node in case.model.graph.node:
        both = node.op_type in ("Softmax", "LogSoftmax") and {node.input[0], node.output[0]} <= set(delivered)
        if not both or node.output[0] in compiled.logits:
            continue
        axis = next(a.i for a in node.attribute if a.name == "axis")
        logits, results = delivered[node.input[0]], delivered[node.output[0]]
        axis = axis + 1 if axis >= 0 else axis
        winner = np.expand_dims(results.argmax(axis=axis), axis)
        best = np.take_along_axis(logits, winner, axis) == logits.max(axis=axis, keepdims=True)
        _expect("winner", bool(np.all(best)), f"output '{node.output[0]}' is largest where its logits are not")


def _check_analysis(rtl: Path, work: Path) -> None:
    """GHDL has nothing to say about the files."""
    work.mkdir()
    order = [line.split(maxsplit=1) for line in (rtl / "compile_order.txt").read_text().splitlines()]
    for library, lines in groupby(order, key=lambda line: line[0]):
        said = analyse(rtl, library, [path for _, path in lines], work)
        _expect("analysis", not said.strip(), said.strip().splitlines()[0] if said.strip() else "")


def _expect(check: str, holds: bool, message: str) -> None:
    if not holds:
        raise CheckError(check, message)


@contextlib.contextmanager
def _limited(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

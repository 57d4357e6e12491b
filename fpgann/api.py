# SPDX-License-Identifier: Apache-2.0
"""The pipeline as readable functions: read, transform, lower, render."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fpgann import frontend, passes, reference
from fpgann.building import (
    check_hardware,
    choose_hardware,
    device_of,
    drawing,
    fitted_hardware,
    planned_hardware,
    require_drawn,
    streams_steps,
)
from fpgann.codegen.build_folder import check_destination, write_build
from fpgann.codegen.files import hls_files, rtl_files
from fpgann.codegen.manifest import describe_build, describe_simulation, to_json
from fpgann.codegen.project import Wanted
from fpgann.config import DEFAULT_PRECISION, CompileOptions, Sampling, Softmax, Target
from fpgann.cosim.vectors import DEFAULT_VECTORS, corner_and_random, vectors_document, vectors_in, with_noise
from fpgann.design import Design, Simulation, decode_outputs
from fpgann.eda.find import find_tool
from fpgann.eda.verilog import GHDL_MINIMUM
from fpgann.errors import UnsupportedOperatorError
from fpgann.frontend import OnnxModel
from fpgann.hardware import Design as HardwareDesign
from fpgann.hardware.loading import plan_address_map
from fpgann.hardware.map_budget import check_map_fit
from fpgann.hardware.options import Recurrences, Rows, Weights
from fpgann.hardware.token_graph import MapDesign, Streams
from fpgann.ir import Graph
from fpgann.ir.ops.dense import Dense
from fpgann.ir.serialize import save_graph
from fpgann.ir.text import to_text
from fpgann.ir.verify import verify
from fpgann.model_data import affordable, check_import, model_data, reading_warnings, run_onnxruntime, warnings_of
from fpgann.numerics.fixed import Precision, parse_precision
from fpgann.numerics.integers import FloatArray
from fpgann.pages import PAGE, render_page
from fpgann.passes.calibrate import LoadableTypes
from fpgann.passes.fold_rows import FoldRows
from fpgann.passes.stack_steps import StackSteps
from fpgann.passes.strip_softmax import stripped_outputs
from fpgann.reference.equivalence import check_same_codes
from fpgann.reference.gaussian import NUMBER
from fpgann.report.drift import drifts
from fpgann.report.measured import matched_samples
from fpgann.report.nodes import Lowered, NodePlan, plan_nodes, unplanned
from fpgann.report.options import unused_options
from fpgann.report.summary import accuracy, summarise
from fpgann.weight_sets import PLAN_FILE, WeightSet, describe_plan, matched_plan, read_plan, weight_set_of

VALIDATION_SAMPLES = 48
_FOLDING_SAMPLES = 12

__all__ = ["Compiled", "Design", "Simulation", "build_files", "check", "compile", "lower", "weights"]

Progress = Callable[[str], None]


def _quiet(step: str) -> None:
    del step


def check(
    model: Path | str,
    options: CompileOptions | None = None,
    *,
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> list[NodePlan]:
    """For every node of a model: whether it is supported, how it would be built, what to change if not.

    Args:
        model: ONNX file.
        options: as for `compile`; they decide how layers are built.
        input_shapes: shapes of inputs that the file leaves open, batch axis included, beyond those in the options.

    Raises:
        ModelError: the file itself is no valid model.
    """
    chosen = options or CompileOptions()
    source = _read(Path(model), {**chosen.input_shapes, **(input_shapes or {})}, chosen.sampling)
    nodes = frontend.explain(source)
    if not all(node.supported for node in nodes):
        return unplanned(nodes)
    try:
        imported = frontend.import_onnx(source)
        chosen = drawing(chosen, source.drawn)
        real = _folded(imported, chosen.softmax)
        values = reference.run_values(real, model_data(imported, None, source.drawn))
        _, graph, _ = _quantize(real, values, chosen, calibrated=False)
        require_drawn(graph, chosen)
        design = planned_hardware(graph, chosen)
    except UnsupportedOperatorError as error:
        return _refuse(unplanned(nodes), error)
    return plan_nodes(nodes, Lowered(imported, real, graph, design))


def _read(path: Path, input_shapes: Mapping[str, tuple[int, ...]], sampling: Sampling) -> OnnxModel:
    """A model for one sample at a time, unless the user says which shapes it has."""
    model = frontend.read_model(path, input_shapes)
    if sampling is Sampling.MEAN:
        model = frontend.without_sampling(model)
    elif sampling is Sampling.INPUT:
        model = frontend.with_sampling_inputs(model)
    elif sampling is Sampling.GENERATOR:
        model = frontend.with_drawn_inputs(model)
    return model if input_shapes else frontend.samplewise(model)


def _folded(imported: Graph, softmax: Softmax) -> Graph:
    """The graph in terms of what hardware has, and as little of it as may be."""
    fused = passes.FuseGates().apply(imported)
    stripped = passes.StripSoftmax().apply(fused) if softmax is Softmax.LOGITS else fused
    moved = passes.MoveTransposes().apply(stripped)
    folded = passes.FoldAffine().apply(passes.ExpandSoftmax().apply(moved))
    return passes.HoistQuantize().apply(passes.QuantizeEarly().apply(folded))


def _refuse(nodes: list[NodePlan], error: UnsupportedOperatorError) -> list[NodePlan]:
    """Mark the node that could be built by itself, but not where it stands."""
    wrong = [node for node in nodes if error.where.startswith(f"node '{node.name}'")]
    if not wrong:
        return [*nodes, NodePlan(error.where, "model", supported=False, built_as=error.message, hint=error.hint)]
    return [replace(n, supported=False, built_as=error.message, hint=error.hint) if n in wrong else n for n in nodes]


@dataclass(frozen=True)
class Compiled:
    """Everything between the model file and the BUILD folder.

    Args:
        model: the model as read.
        graph: the graph of codes: the reference model.
        design: the hardware.
        report: contents of report.json.
        warnings: what the user should know.
        logits: outputs that deliver logits because their softmax is left out.
        plan: the types that were chosen for what the model leaves real.
        options: the user's, with what was chosen to fit a device.
        streams: AXI4-Stream interfaces around the hardware, if the user wants them.
    """

    model: OnnxModel
    graph: Graph
    design: HardwareDesign
    report: dict[str, Any]
    warnings: tuple[str, ...]
    logits: tuple[str, ...]
    plan: passes.Plan
    options: CompileOptions
    streams: Streams | None = None


def lower(
    model_path: Path,
    options: CompileOptions,
    *,
    calibration: Path | None = None,
    progress: Progress = _quiet,
) -> Compiled:
    """Read a model and lower it to hardware, checking every step.

    Args:
        model_path: ONNX file.
        options: the user's choices.
        calibration: npz with samples of every input, to choose binary points and to measure accuracy.
        progress: called with the name of each step.

    Raises:
        FpgannError: the model, the options or the data are refused, or a check failed.
    """
    device = device_of(options)
    progress("reading the model")
    model = _read(model_path, options.input_shapes, options.sampling)
    options = drawing(options, model.drawn)
    imported = verify(frontend.import_onnx(model), "the ONNX import")
    data = model_data(imported, calibration, model.drawn)

    progress("folding")
    real = verify(_folded(imported, options.softmax), "folding")
    values = reference.run_values(real, data)
    logits = _logits(imported, options.softmax)
    runtime = run_onnxruntime(model, data, logits)
    check_import(real, values, runtime)

    progress("quantizing")
    plan, graph, meanings = _quantize(real, values, options, calibrated=calibration is not None)

    require_drawn(graph, options)

    progress("building the hardware")
    options, design, streams = choose_hardware(graph, options, device)
    if isinstance(streams, MapDesign):
        if device is not None:
            check_map_fit(streams, device)
    elif device is not None:
        options, design, streams = fitted_hardware(graph, options, design, streams, device)

    progress("checking")
    check_hardware(
        design, streams, reference.run_codes(graph, corner_and_random(graph, affordable(graph, VALIDATION_SAMPLES)))
    )
    encoded = {value.name: reference.encode_input(value, data[value.name]) for value in graph.inputs}
    codes = reference.run_codes(graph, encoded)
    check_hardware(design, streams, codes)
    measured = accuracy(decode_outputs(graph, codes), runtime)
    measured["data"] = "calibration" if calibration is not None else "synthetic"
    warnings = reading_warnings(model) + warnings_of(logits, plan, measured) + unused_options(design, options.hardware)
    report = summarise(
        design,
        graph,
        model=options.name or model.name,
        options=options.to_json(),
        changed_options=options.changed(),
        measured=measured,
        saturation={n: {"saturated": s.saturated, "samples": s.total} for n, s in plan.saturation.items()},
        source={"name": model.name, "sha256": model.sha256},
        warnings=warnings,
        streams=streams,
        samples=matched_samples(graph, codes, values, meanings.values),
        drift=drifts(reference.state_codes(graph, codes, meanings.states), values),
        device=device,
    )
    return Compiled(model, graph, design, report, warnings, tuple(logits), plan, options, streams)


def compile(  # noqa: A001  the name of the command
    model: Path | str,
    output: Path | str,
    options: CompileOptions | None = None,
    *,
    calibration: Path | str | None = None,
    force: bool = False,
    progress: Progress = _quiet,
) -> Design:
    """Compile a model to VHDL, or to HLS C++.

    Args:
        model: ONNX file.
        output: folder to write; it must be new or empty unless `force` is set.
        options: choices; all left to the compiler by default.
        calibration: npz with samples of every input.
        force: replace an earlier build.
        progress: called with the name of each step.

    Returns:
        The build, ready to emulate and simulate.

    Raises:
        FpgannError: nothing has been written then.
    """
    chosen, folder = options or CompileOptions(), Path(output)
    source, data = Path(model), None if calibration is None else Path(calibration)
    check_destination(folder, force=force, sources=[source] if data is None else [source, data])
    if chosen.target is Target.VERILOG:
        find_tool("ghdl", at_least=GHDL_MINIMUM)
    compiled = lower(source, chosen, calibration=data, progress=progress)
    progress("writing")
    write_build(folder, build_files(compiled, compiled.options), force=force)
    return Design(folder, warnings=compiled.warnings)


def weights(build: Path | str, model: Path | str) -> WeightSet:
    """The weights of another model for the memories of a build that was compiled with `--weights runtime`.

    Args:
        build: the BUILD folder.
        model: ONNX file; it may differ from the one that was compiled in the weights and biases of layers that are
            loaded at run time, and in nothing else.

    Raises:
        FormatError: the build takes no weights, or not these.
    """
    design = Design(build)
    loading, options, where = design.address_map(), design.manifest["options"], f"model '{model}'"
    shapes = {name: tuple(shape) for name, shape in options["input_shapes"].items()}
    imported = frontend.import_onnx(_read(Path(model), shapes, Sampling(options["sampling"])))
    real = verify(_folded(verify(imported, "the ONNX import"), Softmax(options["softmax"])), "folding")
    plan = matched_plan(read_plan(design.folder), design.graph, real, where)
    plan = replace(plan, folded_recurrences=options.get("recurrence") == Recurrences.FOLDED.value)
    graph = verify(passes.QuantizeGraph(plan).apply(real), "quantization")
    return weight_set_of(loading, design.graph, graph, where)


def build_files(compiled: Compiled, options: CompileOptions) -> dict[str, bytes]:
    """All files of a BUILD folder by relative path."""
    graph, design = compiled.graph, compiled.design
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="fpgann-") as name:
        save_graph(graph, Path(name))
        files |= {f"model/{path.name}": path.read_bytes() for path in sorted(Path(name).iterdir())}
    files["model/graph.txt"] = to_text(graph).encode(errors="backslashreplace")  # a file's name may be no text
    loading = plan_address_map(design, files["model/graph.json"])
    vectors = with_noise(corner_and_random(graph, _vector_count(compiled)), design.noise)
    values = reference.run_codes(graph, vectors)
    wanted = Wanted(options.clock_period_ns, options.device)
    if options.target is Target.HLS:
        files |= hls_files(graph, design, compiled.streams, values, wanted)
    else:
        files |= rtl_files(design, compiled.streams, loading, wanted, verilog=options.target is Target.VERILOG)
        simulation = describe_simulation(design, compiled.streams, loading)
        files["sim/design.json"] = to_json(simulation)
        files["sim/vectors.json"] = to_json(vectors_document(simulation, values, seed=0))
    if loading is not None:
        files[f"model/{PLAN_FILE}"] = to_json(describe_plan(compiled.plan))
    files["report.json"] = to_json(compiled.report)
    files[PAGE] = render_page(compiled.report)
    source = {
        "name": compiled.model.name,
        "sha256": compiled.model.sha256,
        "logits_instead_of_softmax": list(compiled.logits),
    }
    described = describe_build(design, graph, source, options.to_json(), files, compiled.streams, loading)
    files["manifest.json"] = to_json(described)
    return files


def _vector_count(compiled: Compiled) -> int:
    """How many vectors a build brings along; fewer where an inference takes many cycles."""
    streams = compiled.streams
    return vectors_in(streams.interval_cycles) if isinstance(streams, MapDesign) else DEFAULT_VECTORS


def _quantize(
    real: Graph, values: Mapping[str, FloatArray], options: CompileOptions, *, calibrated: bool
) -> tuple[passes.Plan, Graph, passes.Meanings]:
    """Choose types for what the model leaves real, and lower it to codes; last, what these stand for."""
    layers = [node.name for node in real.nodes if isinstance(node.op, Dense)]
    loaded = [name for name in layers if options.hardware.weights_of(name) is Weights.RUNTIME]
    samples = passes.within_reach(real, values)

    def choose(points: list[passes.QuantizationPoint]) -> passes.Plan:
        plan = _plan(real, points, samples, options, calibrated=calibrated)
        folded = options.hardware.recurrence is Recurrences.FOLDED
        return replace(plan, loadable=dict.fromkeys(loaded, LoadableTypes()), folded_recurrences=folded)

    plan, graph, meanings = passes.plan_and_lower(real, choose)
    graph = verify(graph, "quantization")
    if streams_steps(options.hardware):
        graph, stacks = StackSteps().lower(graph)
        graph, meanings = verify(graph, "stacking steps"), meanings.moved(stacks)
    if options.hardware.rows is Rows.FOLDED:
        folded = verify(FoldRows().apply(graph), "folding rows")
        check_same_codes(graph, folded, corner_and_random(graph, _FOLDING_SAMPLES), "folding rows")
        graph, meanings = folded, meanings.within(folded)
    return plan, graph, meanings


def _plan(
    graph: Graph,
    points: list[passes.QuantizationPoint],
    values: Mapping[str, FloatArray],
    options: CompileOptions,
    *,
    calibrated: bool,
) -> passes.Plan:
    """Types for what the model leaves real: fitted to samples, or the user's type as it is."""
    precision = options.precision or parse_precision(DEFAULT_PRECISION)
    given: dict[str, Precision] = {}
    input_type = options.input_precision or (None if calibrated else precision)
    needed = {point.value for point in points}
    for value in graph.inputs:
        if value.name in options.hardware.noise:
            given[value.name] = Precision(NUMBER)
        elif input_type is not None and (options.input_precision is not None or value.name in needed):
            given[value.name] = input_type
    return passes.choose_plan(
        points,
        values,
        precision,
        fit_binary_point=calibrated or options.precision is None,
        guard_bits=0 if calibrated else 1,
        fixed_types=given,
    )


def _logits(imported: Graph, softmax: Softmax) -> dict[str, str]:
    """Outputs that deliver logits because their softmax is left out, and the values that hold these."""
    return stripped_outputs(imported) if softmax is Softmax.LOGITS else {}

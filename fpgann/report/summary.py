# SPDX-License-Identifier: Apache-2.0
"""report.json: cost and timing per layer, accuracy against the float model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fpgann import __version__
from fpgann.hardware.design import Design, FoldedKernel, Port, Stage
from fpgann.hardware.devices import Device
from fpgann.hardware.estimate import Resources, estimate_between, estimate_streams, estimates
from fpgann.hardware.estimate_fabric import DEFAULT_FAMILY, FABRICS
from fpgann.hardware.estimate_maps import estimate_ports, estimate_shell
from fpgann.hardware.streaming import StreamDesign
from fpgann.hardware.token_graph import (
    Accumulate,
    Actor,
    Draw,
    Expand,
    Fifo,
    Fork,
    MapDesign,
    Regroup,
    Streams,
    TokenStage,
    WindowBuffer,
)
from fpgann.ir import Graph
from fpgann.ir.ops.dense import Dense
from fpgann.numerics.integers import FloatArray
from fpgann.numerics.interval import CodeRange
from fpgann.report.drift import Drift
from fpgann.report.measured import Histogram, Samples, histogram, layer_error


def accuracy(hardware: Mapping[str, FloatArray], model: Mapping[str, FloatArray]) -> dict[str, Any]:
    """How far the outputs of the hardware are from those of onnxruntime.

    Args:
        hardware: real outputs of the reference model, shape (samples, *shape).
        model: the same of onnxruntime.

    Returns:
        Largest absolute error, root mean square error, signal to quantization noise ratio in dB (null if the
        error or the signal is zero) and the share of samples whose greatest element is the same (null for outputs
        of one element), over all outputs. Where several elements of the hardware are exactly equal and greatest,
        any of them counts: float32 rounding alone decides between them in onnxruntime.
    """
    errors = [hardware[name].reshape(-1) - model[name].reshape(-1) for name in model]
    error, signal = np.concatenate(errors), np.concatenate([m.reshape(-1) for m in model.values()])
    noise_power, signal_power = float(np.mean(error**2)), float(np.mean(signal**2))
    agreements = [_same_maximum(hardware[name], model[name]) for name in model if model[name].shape[-1:] > (1,)]
    return {
        "max_abs_error": float(np.max(np.abs(error))),
        "rmse": noise_power**0.5,
        "sqnr_db": float(10 * np.log10(signal_power / noise_power)) if noise_power and signal_power else None,
        "top1_agreement": min(agreements) if agreements else None,
        "samples": len(next(iter(model.values()))),
    }


def _same_maximum(hardware: FloatArray, model: FloatArray) -> float:
    at_choice = np.take_along_axis(hardware, np.argmax(model, axis=-1, keepdims=True), axis=-1)
    return float(np.mean(at_choice == hardware.max(axis=-1, keepdims=True)))


def summarise(
    design: Design,
    graph: Graph,
    *,
    model: str,
    options: Mapping[str, Any],
    changed_options: Mapping[str, Any],
    measured: Mapping[str, Any],
    saturation: Mapping[str, Mapping[str, int]],
    source: Mapping[str, str],
    warnings: Sequence[str],
    streams: Streams | None = None,
    samples: Samples | None = None,
    drift: Sequence[Drift] = (),
    device: Device | None = None,
) -> dict[str, Any]:
    """The whole report.

    Args:
        design: the design.
        graph: its graph of codes.
        model: the model's name.
        options: options of the compilation.
        changed_options: those of them that are not as they are by default.
        measured: what `accuracy` returned, with the kind of data.
        saturation: per value: samples cut off by its type, and samples in all.
        source: name and sha256 of the model file.
        warnings: what the user should know.
        streams: AXI4-Stream interfaces around the design, if it has any.
        samples: what the layers compute, to measure their errors.
        drift: errors of the states of recurrences, step by step.
        device: what the design is for; the figures of its family come first.
    """
    family = DEFAULT_FAMILY if device is None else device.family
    interval = (streams or design).interval_cycles
    costs = [estimates(stage) for stage in design.stages]
    layers = [
        _layer(stage, graph, cost, family, samples or Samples(), interval)
        for stage, cost in zip(design.stages, costs, strict=True)
    ]
    if isinstance(streams, MapDesign):
        layers, rest = _map_layers(streams, graph, layers, family)
        shells = [{f: estimate_shell(actor, f) for f in FABRICS} for actor in streams.actors]
        interface: dict[str, Any] = {}
    else:
        between = {f: estimate_between(design, f) for f in FABRICS}
        around = {} if streams is None else {f: estimate_streams(streams, f) for f in FABRICS}
        interface = {} if streams is None else {"streams": _streams(streams, around, family)}
        rest = {f: between[f] + around.get(f, Resources()) for f in FABRICS}
        shells = []
    total = {f: sum((cost[f] for cost in (*costs, *shells)), rest[f]) for f in FABRICS}
    return {
        "fpgann": __version__,
        "model": model,
        "source": dict(source),
        "options": dict(options),
        "changed_options": dict(changed_options),
        "clock_period_ns": options["clock_period"],
        "warnings": list(warnings),
        "accuracy": dict(measured),
        "saturation": {name: dict(entry) for name, entry in saturation.items()},
        "inputs": [_port(port, graph) for port in design.inputs],
        "outputs": [_port(port, graph) for port in design.outputs],
        "family": family,
        "device": None if device is None else device.to_json(total[family]),
        "layers": layers,
        "drift": list(drift),
        **interface,
        "rest": _costs(rest, family),
        "total": {
            **_costs(total, family),
            "weights": sum(layer["weights"] for layer in layers),
            "latency_cycles": (streams or design).latency_cycles,
            "ii": interval,
            **_all_multipliers(layers, interval),
        },
        "estimates": "LUTs by coefficients fitted to synthesised layers, the rest counted; docs/estimates.md",
    }


def _costs(costs: Mapping[str, Resources], family: str) -> dict[str, Any]:
    """Figures of the family of the report, their relative errors (standard deviation), and figures of every family."""
    own = costs[family]
    errors = {
        "lut_error": round(own.lut_error / own.lut, 4) if own.lut else 0.0,
        "ff_error": round(own.ff_error / own.ff, 4) if own.ff else 0.0,
    }
    return {**_resources(own), **errors, "estimates": {name: _resources(cost) for name, cost in costs.items()}}


def _resources(resources: Resources) -> dict[str, float]:
    blocks = int(resources.bram36) if resources.bram36 == int(resources.bram36) else resources.bram36
    return {"lut": resources.lut, "ff": resources.ff, "dsp": resources.dsp, "bram36": blocks}


def _streams(streams: StreamDesign, costs: Mapping[str, Resources], family: str) -> dict[str, Any]:
    """Converters and FIFOs between the layers and AXI4-Stream; latency and ii are without the layers."""
    return {
        "latency_cycles": streams.latency_cycles - streams.core.latency_cycles,
        "ii": max(port.beats for port in (*streams.inputs, *streams.outputs)),
        "fifo_frames": streams.fifo_frames,
        **_costs(costs, family),
    }


def _port(port: Port, graph: Graph) -> dict[str, Any]:
    """An input or output; `stream` is what layers read and drive."""
    tensor = graph.types[port.stream.value]
    return {
        "name": port.model_name,
        "stream": port.stream.name,
        "type": str(tensor.codes.fixed),
        "shape": list(tensor.shape),
    }


def _multipliers(stage: Stage, items: int, interval: int) -> dict[str, Any]:
    """Multipliers of a folded layer, and the part of the time of an inference in which they compute products.

    Args:
        stage: the stage.
        items: how many items it computes for an inference.
        interval: cycles from one inference to the next.
    """
    kernel = stage.kernel
    if not isinstance(kernel, FoldedKernel):
        return {"multipliers": 0, "multiplications": 0, "utilisation": None}
    products = kernel.multiplications * items
    share = round(products / (kernel.multiplier_count * interval), 4)
    return {"multipliers": kernel.multiplier_count, "multiplications": products, "utilisation": share}


def _all_multipliers(layers: Sequence[Mapping[str, Any]], interval: int) -> dict[str, Any]:
    """The same of all layers."""
    count, products = (sum(layer[key] for layer in layers) for key in ("multipliers", "multiplications"))
    share = round(products / (count * interval), 4) if count else None
    return {"multipliers": count, "multiplications": products, "utilisation": share}


def _layer(
    stage: Stage,
    graph: Graph,
    costs: Mapping[str, Resources],
    family: str,
    samples: Samples,
    interval: int,
) -> dict[str, Any]:
    weights, weight_bits = _weights(stage, graph)
    reuse = stage.kernel.steps if isinstance(stage.kernel, FoldedKernel) else 1
    return {
        "name": stage.layers[0],
        "entity": stage.name,
        "instances": [f"{stage.target.name}_stage"],
        "nodes": list(stage.layers),
        "op": stage.op,
        "strategy": stage.strategy.value,
        "reuse_factor": reuse,
        **_multipliers(stage, 1, interval),
        "latency_cycles": stage.latency_cycles,
        "ii": stage.interval_cycles,
        **_costs(costs, family),
        "weights": weights,
        "weight_bits": weight_bits,
        "in_type": ", ".join(str(graph.types[stream.value].codes.fixed) for stream in stage.sources),
        "out_type": str(graph.types[stage.target.value].codes.fixed),
        "shape": list(graph.types[stage.target.value].shape),
        "reads": [stream.name for stream in stage.sources],
        "starts_cycle": stage.target.delay_cycles - stage.latency_cycles,
        **_measured(stage, graph, samples),
    }


def _map_layers(
    maps: MapDesign, graph: Graph, stages: list[dict[str, Any]], family: str
) -> tuple[list[dict[str, Any]], dict[str, Resources]]:
    """Layers of a network of maps: shells, then the stages of each pipeline; ii is what an inference takes of each.

    Returns:
        The layers; the cost of the converters at the interfaces.
    """
    found, position = [], 0
    reads = {target.name: actor.name for actor in maps.actors for target in actor.targets}
    last = {actor.name: actor.name for actor in maps.actors}
    for actor in maps.actors:
        sources = [last.get(reads.get(s.name, ""), s.name) for s in actor.sources]
        found.append(_shell_layer(actor, graph, sources, family))
        if isinstance(actor, TokenStage):
            kernels = actor.core.stages
            for built, stage in zip(kernels, stages[position : position + len(kernels)], strict=True):
                inner = {f"{actor.name}_{port.stream.name}" for port in actor.core.inputs}
                own = [actor.name if name in inner else name for name in stage["reads"]]
                tokens = actor.targets[0].tokens
                busy = _multipliers(built, tokens, maps.interval_cycles)
                instances = [f"{actor.name}_core/{built.target.name}_stage"]
                found.append({**stage, "instances": instances, "reads": own, "ii": stage["ii"] * tokens, **busy})
            if actor.core.stages:
                last[actor.name] = found[-1]["entity"]
            position += len(actor.core.stages)
    return found, {f: estimate_ports(maps, f) for f in FABRICS}


def _shell_layer(actor: Actor, graph: Graph, reads: list[str], family: str) -> dict[str, Any]:
    """What moves tokens; around a pipeline its FIFOs."""
    target = actor.targets[0]
    source = actor.sources[0] if actor.sources else target
    costs = {f: estimate_shell(actor, f) for f in FABRICS}
    encoding = graph.types[target.value].codes.fixed if target.value in graph.types else None
    return {
        "name": actor.layers[0] if actor.layers and not isinstance(actor, TokenStage) else actor.name,
        "entity": actor.name,
        "instances": _instances(actor),
        "nodes": [] if isinstance(actor, TokenStage) else list(actor.layers),
        "op": _KINDS[type(actor)],
        "strategy": "stream",
        "reuse_factor": 1,
        "multipliers": 0,
        "multiplications": 0,
        "utilisation": None,
        "latency_cycles": _LATENCIES[type(actor)],
        "ii": max(source.tokens, target.tokens),
        **_costs(costs, family),
        "weights": 0,
        "weight_bits": 0,
        "in_type": str(graph.types[source.value].codes.fixed) if reads and source.value in graph.types else "",
        "out_type": str(encoding or ""),
        "shape": [target.tokens, target.elements],
        "reads": reads,
        "starts_cycle": 0,
        "error": None,
        "result_histogram": None,
        "weight_histogram": None,
    }


def _instances(actor: Actor) -> list[str]:
    """Where an actor is in the VHDL: names of instances."""
    match actor:
        case TokenStage():
            return [f"{actor.name}_join", f"{actor.name}_core", *(f"{target.name}_fifo" for target in actor.targets)]
        case Fork():
            return [f"{actor.name}_fork"]
        case Fifo():
            return [f"{actor.name}_fifo"]
        case _:
            return [f"{actor.name}_shell"]


_KINDS: dict[type[Actor], str] = {
    WindowBuffer: "windows",
    TokenStage: "fifo",
    Fork: "fork",
    Fifo: "fifo",
    Regroup: "regroup",
    Accumulate: "reduce",
    Expand: "arrange",
    Draw: "draw",
}
_LATENCIES: dict[type[Actor], int] = {
    WindowBuffer: 2,
    TokenStage: 2,
    Fork: 0,
    Fifo: 2,
    Regroup: 1,
    Accumulate: 1,
    Expand: 2,
    Draw: 0,
}  # the headers in hdl/ say the same


def _measured(stage: Stage, graph: Graph, samples: Samples) -> dict[str, Any]:
    """Error of a layer's result on the samples, and how its weights and results fill their types; null if unknown."""
    value = stage.target.value
    codes, real = samples.codes.get(value), samples.values.get(value)
    if codes is None or (real is not None and real.size != codes.size):
        real = None
    encoding = graph.types[value].codes
    return {
        "error": None if codes is None or real is None else layer_error(encoding, codes, real),
        "result_histogram": None if codes is None else histogram(encoding, codes, real),
        "weight_histogram": _weight_histogram(stage, graph),
    }


def _weight_histogram(stage: Stage, graph: Graph) -> Histogram | None:
    """Of the weights of the layer that names a stage."""
    op = next((node.op for node in graph.nodes if node.name == stage.layers[0]), None)
    if not isinstance(op, Dense) or op.weight.encoding is None:
        return None
    return histogram(op.weight.encoding, op.weight.data)


def _weights(stage: Stage, graph: Graph) -> tuple[int, int]:
    """How many weights a stage has, and how many bits each takes in two's complement."""
    layers = [node.op for node in graph.nodes if node.name in stage.layers and isinstance(node.op, Dense)]
    if not layers:
        return 0, 0
    codes = [layer.weight.data for layer in layers]
    low, high = min(int(c.min()) for c in codes), max(int(c.max()) for c in codes)
    return sum(int(c.size) for c in codes), CodeRange(min(-1, low), max(0, high)).width_bits

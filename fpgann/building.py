# SPDX-License-Identifier: Apache-2.0
"""The hardware of a graph of codes, as the options want it: unrolled or streamed, fast enough, small enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fpgann.config import CompileOptions
from fpgann.errors import ConfigError, UnsupportedOperatorError
from fpgann.hardware import Design as HardwareDesign
from fpgann.hardware import build_design
from fpgann.hardware.devices import Device, find_device
from fpgann.hardware.fit import check_fit, fitting_options
from fpgann.hardware.map_fit import fitted_maps
from fpgann.hardware.map_partition import has_maps
from fpgann.hardware.map_validate import all_stages, check_maps
from fpgann.hardware.maps import build_maps, build_maps_within, sketch_maps
from fpgann.hardware.options import HardwareOptions, Io, Weights
from fpgann.hardware.streaming import StreamDesign, plan_streams
from fpgann.hardware.token_graph import MapDesign, Streams
from fpgann.hardware.validate import check_design
from fpgann.ir import Graph
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.stepwise import has_steps
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.reference.gaussian import NUMBER

_MOST_PLANNED = 10_000  # elements that are unrolled to tell what becomes of a model
_MOST_AT_ONCE = 100_000  # 17 LUTs each in the largest device


def require_drawn(graph: Graph, options: CompileOptions) -> None:
    """Refuse models that want other numbers than generators draw.

    Raises:
        UnsupportedOperatorError: the model quantizes them.
    """
    codes = np.arange(NUMBER.range.low, NUMBER.range.high + 1)
    for value in graph.inputs:
        if value.name not in options.hardware.noise:
            continue
        entry = value.entry
        numbers: FloatArray = np.ldexp(codes.astype(np.float64), -NUMBER.frac)[:, None]
        if entry is None or entry.channels > 1 or not np.array_equal(entry.apply_floats(numbers)[:, 0], codes):
            hint = "feed them with --sampling input"
            where = f"input '{value.name}'"
            raise UnsupportedOperatorError("the model quantizes its random numbers", where=where, hint=hint)


def drawing(options: CompileOptions, drawn: Sequence[str]) -> CompileOptions:
    """Options with the inputs that generators on the chip drive, each with a seed of its own."""
    noise = {name: options.sampling_seed + (number << 32) for number, name in enumerate(drawn)}
    return replace(options, hardware=replace(options.hardware, noise=noise))


def device_of(options: CompileOptions) -> Device | None:
    """What the design has to fit."""
    if options.device is not None:
        return find_device(options.device)
    if options.fit:
        raise ConfigError("there is nothing to fit", where="--fit", hint="name a part: --device xc7a35t")
    return None


def choose_hardware(
    graph: Graph, options: CompileOptions, device: Device | None
) -> tuple[CompileOptions, HardwareDesign, Streams | None]:
    """The hardware, and what stands between it and AXI4-Stream: maps come token by token, all else at once.

    The options say what was chosen to make maps fit the device, if the user wants that.
    """
    if _streams_tokens(graph, options.hardware):
        _refuse_with_maps(options.hardware)
        options, maps = _maps(graph, options, device)
        return options, all_stages(maps), maps
    if options.target_throughput is not None:
        hint = "leave it out, and choose a --reuse-factor"
        raise ConfigError("it is for streamed convolutions", where="--target-throughput", hint=hint)
    _refuse_too_many(graph)
    design = build_design(graph, options.hardware, options.name)
    return options, design, _streams(design, options)


def fitted_hardware(
    graph: Graph, options: CompileOptions, design: HardwareDesign, streams: StreamDesign | None, device: Device
) -> tuple[CompileOptions, HardwareDesign, StreamDesign | None]:
    """Hardware that fits a device, made to fit if the user wants that; the options that lead to it.

    Raises:
        ResourceBudgetError: it is too large.
    """
    if options.fit:
        options = replace(options, hardware=fitting_options(graph, options.hardware, design, device, streams))
        design = build_design(graph, options.hardware, options.name)
        streams = _streams(design, options)
    check_fit(graph, options.hardware, design, device, streams)
    return options, design, streams


def _maps(graph: Graph, options: CompileOptions, device: Device | None) -> tuple[CompileOptions, MapDesign]:
    """The network of a graph with maps, as fast as the user wants it, or as the device allows."""
    cycles = None
    if options.target_throughput is not None:
        cycles = max(1, int(1e9 / (options.clock_period_ns * options.target_throughput)))
    if options.fit and device is not None:
        hardware, maps = fitted_maps(graph, options.hardware, options.name, device, cycles)
        if cycles is not None and maps.interval_cycles > cycles:
            found = f"an inference takes {maps.interval_cycles} cycles at best on {device.part}, {cycles} are wanted"
            hint = "choose a lower one or a larger device"
            raise ConfigError(f"cannot be reached: {found}", where="--target-throughput", hint=hint)
        return replace(options, hardware=hardware), maps
    if cycles is None:
        return options, build_maps(graph, options.hardware, options.name)
    return options, build_maps_within(graph, options.hardware, options.name, cycles)


def streams_steps(hardware: HardwareOptions) -> bool:
    """Whether recurrences come step by step; weights that are loaded are those of whole sequences."""
    return hardware.io is Io.STREAM and not _loads_weights(hardware)


def _streams_tokens(graph: Graph, hardware: HardwareOptions) -> bool:
    """Whether a network comes position by position, or step by step."""
    return hardware.io is Io.STREAM and (has_maps(graph) or (streams_steps(hardware) and has_steps(graph)))


def _loads_weights(hardware: HardwareOptions) -> bool:
    """Whether any layer's weights are loaded at run time."""
    return hardware.weights is Weights.RUNTIME or any(o.weights is Weights.RUNTIME for o in hardware.layers.values())


def _refuse_with_maps(hardware: HardwareOptions) -> None:
    """Refuse what pipelines between streams of tokens cannot do yet."""
    if _loads_weights(hardware):
        hint = "leave weights constant, or use --io parallel"
        raise ConfigError("weights of streamed convolutions are constants", where="--weights runtime", hint=hint)


def check_hardware(design: HardwareDesign, streams: Streams | None, values: Mapping[str, IntArray]) -> None:
    """Compare all stages with the reference."""
    if isinstance(streams, MapDesign):
        check_maps(streams, values)
    else:
        check_design(design, values)


def _streams(design: HardwareDesign, options: CompileOptions) -> StreamDesign | None:
    """AXI4-Stream interfaces around the design, if the user wants them."""
    width = options.hardware.stream_width_bits
    if options.hardware.io is Io.STREAM:
        return plan_streams(design, width)
    if width is not None:
        raise ConfigError("parallel ports have no stream width", where="--stream-width", hint="add --io stream")
    return None


def planned_hardware(graph: Graph, options: CompileOptions) -> HardwareDesign:
    """The hardware that `fpgann check` tells of; with more maps than can be unrolled, that of streams of them."""
    is_large = has_maps(graph) and _elements(graph) > _MOST_PLANNED
    if is_large or _streams_tokens(graph, options.hardware):
        return all_stages(sketch_maps(graph, options.hardware, options.name))
    return build_design(graph, options.hardware, options.name)


def _elements(graph: Graph) -> int:
    """Elements that get new codes: each is a circuit of its own where nothing is shared."""
    return sum(graph.types[node.output].size for node in graph.nodes if isinstance(node.op, Requantize))


def _refuse_too_many(graph: Graph) -> None:
    """Refuse maps of which no device holds every element at once, before hours are spent on them."""
    elements = _elements(graph)
    if has_maps(graph) and elements > _MOST_AT_ONCE:
        found = f"{elements} elements would be computed at once, each by a circuit of its own"
        raise ConfigError(f"too large to unroll: {found}", where="--io parallel", hint="use --io stream")

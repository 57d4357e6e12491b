# SPDX-License-Identifier: Apache-2.0
"""What stands in manifest.json and sim/design.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from fpgann import __version__
from fpgann.errors import FormatError
from fpgann.hardware.design import Design, Port
from fpgann.hardware.loading import MAP_VERSION, AddressMap, LayerWindows, Window
from fpgann.hardware.names import AXIL_PREFIX
from fpgann.hardware.noise import Noise
from fpgann.hardware.streaming import StreamPort
from fpgann.hardware.token_graph import MapDesign, Streams, TokenPort, TokenStream
from fpgann.ir import Encoding, Graph, Operator, Value
from fpgann.ir.ops.dense import Dense

FORMAT = "fpgann build"
VERSION = 1
_VISIBLE_BITS = 4096  # of a token that benches compare: simulators are slow with wider ones


def describe_simulation(
    design: Design, streams: Streams | None = None, loading: AddressMap | None = None
) -> dict[str, Any]:
    """Ports and stages as the bench needs them (sim/design.json).

    Args:
        design: the design.
        streams: AXI4-Stream interfaces around it, if it has any.
        loading: addresses of the weights that are loaded at run time, if it has such.
    """
    if isinstance(streams, MapDesign):
        return describe_map_simulation(streams)

    def port(item: Port) -> dict[str, Any]:
        stream = item.stream
        return {
            "port": item.name,
            "stream": stream.name,
            "value": stream.value,
            "elements": stream.elements,
            "element_bits": stream.element_bits,
            "signed": stream.codes.signed,
        }

    described: dict[str, Any] = {
        "top": design.name,
        "bench": "bench_parallel" if streams is None else "bench_stream",
        "latency_cycles": (streams or design).latency_cycles,
        "interval_cycles": (streams or design).interval_cycles,
        "inputs": [port(item) for item in design.inputs],
        "outputs": [port(item) for item in design.outputs],
        "stages": [
            {
                "layer": stage.layers[0],
                "stream": stage.target.name,
                "value": stage.target.value,
                "elements": stage.target.elements,
                "element_bits": stage.target.element_bits,
                "signed": stage.target.codes.signed,
                "delay_cycles": stage.target.delay_cycles,
            }
            for stage in design.stages
        ],
    }
    if streams is not None:
        described["core"] = streams.core_entity
        described["core_interval_cycles"] = design.interval_cycles
        described["fifo_frames"] = streams.fifo_frames
        for side, interfaces in (("inputs", streams.inputs), ("outputs", streams.outputs)):
            for entry, interface in zip(described[side], interfaces, strict=True):
                entry |= _beats(interface)
    if loading is not None:
        described["loading"] = {
            **_slave(loading),
            "windows": [{"base": w.base, "size": w.size} for w in loading.windows],
        }
    if design.noise:
        described["draws"] = True
    return described


def describe_map_simulation(maps: MapDesign) -> dict[str, Any]:
    """The same for a network of maps: its stages are the streams of tokens that carry values of the graph."""

    def tokens(stream: TokenStream) -> dict[str, Any]:
        return {
            "stream": stream.name,
            "value": stream.value,
            "elements": stream.tokens * stream.elements,
            "tokens": stream.tokens,
            "element_bits": stream.element_bits,
            "signed": stream.codes.signed,
        }

    def port(interface: TokenPort) -> dict[str, Any]:
        return {**tokens(interface.stream), **_interface(interface)}

    drawn = _drawn_streams(maps)
    named = [
        (actor.layers[0] if actor.layers else actor.name, stream)
        for actor in maps.actors
        for stream in actor.targets
        if stream.value and stream.name not in drawn and stream.elements * stream.element_bits <= _VISIBLE_BITS
    ]
    return {
        **({"draws": True} if drawn else {}),
        "top": maps.name,
        "bench": "bench_maps",
        "latency_cycles": maps.latency_cycles,
        "interval_cycles": maps.interval_cycles,
        "settling_maps": maps.settling_maps,
        "warm_up_cycles": maps.warm_up_cycles,
        "inputs": [port(interface) for interface in maps.inputs],
        "outputs": [port(interface) for interface in maps.outputs],
        "stages": [{"layer": layer, **tokens(stream)} for layer, stream in named],
    }


def _drawn_streams(maps: MapDesign) -> set[str]:
    """Streams made of random numbers alone: they run ahead of the maps, so benches cannot tell whose they are."""
    drawn: set[str] = set()
    for actor in maps.actors:
        if all(source.name in drawn for source in actor.sources):
            drawn |= {target.name for target in actor.targets}
    return drawn


def read_noise(manifest: Mapping[str, Any], where: str) -> tuple[Noise, ...]:
    """What a manifest says of random numbers that the hardware draws.

    Raises:
        FormatError: it is damaged.
    """
    try:
        return tuple(
            Noise(
                str(drawn["name"]),
                int(drawn["seed"]),
                int(drawn["tokens"]),
                int(drawn["lanes"]),
                tuple(int(size) for size in drawn["order"]["shape"]),
                tuple(int(axis) for axis in drawn["order"]["axes"]),
            )
            for drawn in manifest.get("noise", [])
        )
    except (KeyError, TypeError, ValueError) as error:
        hint = "compile the model again"
        raise FormatError(f"manifest.json is damaged: {error} in 'noise'", where=where, hint=hint) from None


def describe_build(
    design: Design,
    graph: Graph,
    source: Mapping[str, Any],
    options: Mapping[str, Any],
    files: Mapping[str, bytes],
    streams: Streams | None = None,
    loading: AddressMap | None = None,
) -> dict[str, Any]:
    """The manifest.

    Args:
        design: the design.
        graph: its graph of codes.
        source: name and sha256 of the model, and what was done to its outputs.
        options: the options of the compilation.
        files: every file of the build by relative path.
        streams: AXI4-Stream interfaces around it, if it has any.
        loading: addresses of the weights that are loaded at run time, if it has such.
    """
    inputs = {value.name: value for value in graph.inputs}
    described: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "fpgann": __version__,
        "model": dict(source),
        "options": dict(options),
        "top": design.name,
        "latency_cycles": (streams or design).latency_cycles,
        "interval_cycles": (streams or design).interval_cycles,
        "inputs": [_input(port, inputs[port.model_name]) for port in design.inputs],
        "outputs": [
            _tensor(p, graph.types[graph.outputs[p.model_name]].shape, graph.types[graph.outputs[p.model_name]].codes)
            for p in design.outputs
        ],
        "files": {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())},
    }
    if streams is not None:
        sides: dict[str, Sequence[StreamPort | TokenPort]] = {"inputs": streams.inputs, "outputs": streams.outputs}
        for side, interfaces in sides.items():
            for entry, interface in zip(described[side], interfaces, strict=True):
                entry |= _beats(interface)
    if loading is not None:
        ops = {node.name: node.op for node in graph.nodes}
        layers = [_loaded_layer(layer, ops[layer.layer]) for layer in loading.layers]
        described["loading"] = {**_slave(loading), "layers": layers}
    if design.noise:
        described["noise"] = [_drawn(noise) for noise in design.noise]
    return described


def _drawn(noise: Noise) -> dict[str, Any]:
    """Random numbers that the hardware draws; fpgann/reference/gaussian.py says what these are.

    For each sample `lanes` numbers are drawn `tokens` times. `order` is as for maps: the tensor that they make up, and
    for each axis of the model's tensor which of these it is.
    """
    order = {"shape": list(noise.shape), "axes": list(noise.axes)}
    return {"name": noise.name, "seed": noise.seed, "tokens": noise.tokens, "lanes": noise.lanes, "order": order}


def _slave(loading: AddressMap) -> dict[str, Any]:
    """The AXI4-Lite slave: what stands in its registers at 0x0 and 0x4."""
    return {
        "interface": AXIL_PREFIX,
        "address_bits": loading.address_bits,
        "version": MAP_VERSION,
        "identity": loading.identity,
    }


def _loaded_layer(layer: LayerWindows, op: Operator) -> dict[str, Any]:
    """Where a layer's weights and biases go; fpgann/hardware/loading.py says how elements are ordered."""
    assert isinstance(op, Dense)
    assert op.bias is not None

    def window(memory: Window, encoding: Encoding | None) -> dict[str, Any]:
        assert encoding is not None
        return {
            "base": memory.base,
            "lanes": memory.lanes,
            "depth": memory.depth,
            "element_bits": memory.element_bits,
            "lane_stride": memory.lane_stride,
            "step_stride": memory.step_stride,
            "type": str(encoding.fixed),
            "code_range": [encoding.range.low, encoding.range.high],
            "scale": [float(s) for s in encoding.scale],
        }

    return {
        "layer": layer.layer,
        "name": layer.name,
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        "pe": layer.pe,
        "simd": layer.simd,
        "weights": window(layer.weights, op.weight.encoding),
        "biases": window(layer.biases, op.bias.encoding),
    }


def _beats(port: StreamPort | TokenPort) -> dict[str, Any]:
    """How an AXI4-Stream interface carries a tensor; `port` is what the names of its signals begin with.

    Of a map in `tokens` (positions with all their channels), `order` tells the tensor in the order in which its
    elements come, row-major: its shape, and for each axis of the model's tensor which of these it is.
    """
    if isinstance(port, TokenPort):
        axes = list(range(len(port.shape))) if port.permutation is None else list(port.permutation)
        order = {"shape": list(port.shape), "axes": axes}
        return {**_interface(port), "tokens": port.stream.tokens, "order": None if port.permutation is None else order}
    return _interface(port)


def _interface(port: StreamPort | TokenPort) -> dict[str, Any]:
    return {
        "port": port.name,
        "beat_bits": port.beat_bits,
        "elements_per_beat": port.elements_per_beat,
        "element_bytes": port.element_bytes,
        "beats": port.beats,
        "tkeep": port.has_keep,
    }


def _tensor(port: Port, shape: tuple[int, ...], encoding: Encoding) -> dict[str, Any]:
    """How a port carries a tensor: value = code * 2**-frac * scale + offset, element 0 in the low bits.

    Several scales or offsets lie along the last axis unless `channel_axis`, counted from the end, says otherwise.
    """
    elsewhere = encoding.axis != -1 and not encoding.per_tensor
    return {
        "name": port.model_name,
        "port": port.name,
        "shape": list(shape),
        "type": str(encoding.fixed),
        "frac": encoding.fixed.frac,
        "element_bits": port.stream.element_bits,
        "signed": port.stream.codes.signed,
        "code_range": [encoding.range.low, encoding.range.high],
        "scale": [float(s) for s in encoding.scale],
        "offset": [float(o) for o in encoding.offset],
    } | ({"channel_axis": encoding.axis} if elsewhere else {})


def _input(port: Port, value: Value) -> dict[str, Any]:
    """How a port carries an input, and in `entry` how the host gets there, exactly.

    code = clamp(round((numerator * value + addend) / denominator), low, high), each number one for all or one per
    channel along the last axis. Where real numbers pass a curve or a root on their way (a batch normalization in
    front of the first quantizer), `linear` is null and model/graph.json holds the map.
    """
    described = _tensor(port, value.type.shape, value.type.codes)
    if value.entry is None:
        return described
    rounder, linear = value.entry.rounder, value.entry.linear
    numbers = None
    if linear is not None:
        columns = {key: getattr(linear, key) for key in ("numerator", "denominator", "low", "high")}
        columns["addend"] = linear.constant
        numbers = {key: [int(number) for number in column] for key, column in columns.items()}
    entry = {"rounding": rounder.mode.value, "overflow": "SAT", "code_range": [rounder.low, rounder.high]}
    return {**described, "entry": {**entry, "linear": numbers}}


def to_json(document: Any) -> bytes:
    """Readable JSON with a fixed layout."""
    return (json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode()

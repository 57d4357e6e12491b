# SPDX-License-Identifier: Apache-2.0
"""Layers of one step of a recurrence that use the same neurons, one after another.

Each layer keeps its memories and its staircases; when it computes is decided here, once for all steps. Of the layers
whose inputs are there, that goes first from whose result the way to the end of the step is longest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from fpgann.hardware.design import Design, FoldedKernel, Stage
from fpgann.hardware.neurons import Share, SharedArray
from fpgann.hardware.options import HardwareOptions, LayerOptions
from fpgann.ir import Graph, GraphBuilder, Node
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.types import Constant
from fpgann.numerics.interval import CodeRange


def split_parts(graph: Graph) -> tuple[Graph, dict[str, str]]:
    """Matrices of which every reader takes a part of the outputs become one matrix for each.

    Args:
        graph: graph of codes.

    Returns:
        The same function, and for every layer that is new the one that it is a part of.
    """
    builder = GraphBuilder(graph.name)
    names = {value.name: builder.input(value.name, value.type, value.entry) for value in graph.inputs}
    readers, parts, done = graph.consumers(), dict[str, str](), set[str]()
    for node in graph.nodes:
        if node.name in done:
            continue
        chain = [node, *_staircases(graph, node)] if isinstance(node.op, Dense) else [node]
        takers = readers[chain[-1].output] if _is_divided(graph, chain, readers[chain[-1].output]) else []
        if not takers:
            names[node.output] = builder.add(node.op, [names[n] for n in node.inputs], name=node.name)
            continue
        done.update(inner.name for inner in (*chain, *takers))
        for number, taker in enumerate(takers):
            assert isinstance(node.op, Dense)
            assert isinstance(taker.op, Arrange)
            columns = np.unique(taker.op.index)
            value = names[node.inputs[0]]
            for inner in chain:
                op = _part(node.op, columns) if inner is node else inner.op
                value = builder.add(op, [value], name=f"{inner.name}_part_{number}")
            parts[f"{node.name}_part_{number}"] = node.name
            order = replace(taker.op, index=np.searchsorted(columns, taker.op.index))
            names[taker.output] = builder.add(order, [value], name=taker.name)
    return builder.build({delivered: names[name] for delivered, name in graph.outputs.items()}), parts


def _staircases(graph: Graph, node: Node) -> list[Node]:
    """The staircases behind a layer that treat all outputs alike."""
    chain: list[Node] = []
    reader = graph.only_reader(node.output)
    while reader is not None and isinstance(reader.op, Requantize) and reader.op.map.channels == 1:
        chain.append(reader)
        reader = graph.only_reader(reader.output)
    return chain


def _is_divided(graph: Graph, chain: list[Node], takers: list[Node]) -> bool:
    """Whether readers take parts of a single row that have nothing in common, and nothing else."""
    op, value = chain[0].op, chain[-1].output
    if not isinstance(op, Dense) or op.groups > 1 or op.loadable or len(takers) < 2 or value in graph.outputs.values():
        return False
    if graph.types[value].size != op.weight.data.shape[1] or not graph.types[chain[0].output].codes.per_tensor:
        return False
    seen: set[int] = set()
    for taker in takers:
        if not isinstance(taker.op, Arrange) or len(taker.inputs) > 1 or taker.op.constants.size:
            return False
        taken = set(taker.op.index.reshape(-1).tolist())
        if seen & taken:
            return False
        seen |= taken
    return True


def _part(op: Dense, columns: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Dense:
    bias = None if op.bias is None else Constant(op.bias.data[columns], op.bias.encoding)
    return replace(op, weight=Constant(op.weight.data[:, columns], op.weight.encoding), bias=bias)


def plan_shares(design: Design, options: HardwareOptions) -> dict[str, Share]:
    """Neurons for all layers of a pipeline with the same options, and when each layer uses them.

    Args:
        design: the pipeline with neurons of its own for each layer.
        options: the user's choices.

    Returns:
        What each layer shares, by name; nothing where no two layers could.
    """
    groups: dict[LayerOptions, list[Stage]] = {}
    for stage in design.stages:
        kernel = stage.kernel
        if isinstance(kernel, FoldedKernel) and kernel.copies == kernel.parts == 1 and kernel.loadable is None:
            key = options.key_of(stage.layers[0])
            groups.setdefault(options.default if key is None else options.layers[key], []).append(stage)
    arrays: dict[str, SharedArray] = {}
    for layer, stages in groups.items():
        if len(stages) > 1:
            array = _array(f"neurons_{len(arrays)}", stages, layer)
            arrays |= {stage.name: array for stage in stages}
    pauses = _pauses(design, arrays)
    return {
        stage.layers[0]: Share(arrays[stage.name], pauses[stage.name])
        for stage in design.stages
        if stage.name in arrays
    }


def _array(name: str, stages: list[Stage], layer: LayerOptions) -> SharedArray:
    """No more multipliers than do all products in as many cycles as the reuse factor says."""
    kernels = _kernels(stages)
    products = sum(kernel.multiplications for kernel in kernels)
    widest, most = max(kernel.inputs for kernel in kernels), max(kernel.outputs for kernel in kernels)
    wanted = max(1, products // (widest if layer.reuse_factor is None else layer.reuse_factor))
    shapes = [
        (pe, min(widest, wanted // pe)) for pe in range(min(most, wanted), 0, -1)
    ]  # of equally fast ones the first
    pe, simd = min(shapes, key=lambda shape: sum(kernel.folded(*shape).steps for kernel in kernels))
    return SharedArray(
        name,
        pe,
        simd,
        max(stage.source.element_bits + (not stage.source.codes.signed) for stage in stages),
        max(kernel.weight_bits for kernel in kernels),
        max(kernel.bias_bits for kernel in kernels),
        max(CodeRange(min(k.accumulator.low, -1), k.accumulator.high).width_bits for k in kernels),
        kernels[0].multipliers,
    )


def _kernels(stages: Iterable[Stage]) -> list[FoldedKernel]:
    return [stage.kernel for stage in stages if isinstance(stage.kernel, FoldedKernel)]


def _pauses(design: Design, arrays: Mapping[str, SharedArray]) -> dict[str, int]:
    """How long each layer waits for its neurons."""
    tails = _tails(design)
    pauses: dict[str, int] = {}
    free = dict.fromkeys((array.name for array in arrays.values()), 0)
    while len(pauses) < len(arrays):
        starts = _starts(design, arrays, pauses)
        turns = [
            (max(starts[name], free[arrays[name].name]), -tails[name], name)
            for name in arrays
            if name in starts and name not in pauses
        ]
        cycle, _, chosen = min(turns)
        pauses[chosen] = cycle - starts[chosen]
        (kernel,) = _kernels(stage for stage in design.stages if stage.name == chosen)
        free[arrays[chosen].name] = cycle + kernel.folded(arrays[chosen].pe, arrays[chosen].simd).steps
    return pauses


def _starts(design: Design, arrays: Mapping[str, SharedArray], pauses: Mapping[str, int]) -> dict[str, int]:
    """When the sources of each stage are there, as far as that is decided."""
    delays = {port.stream.name: 0 for port in design.inputs}
    starts: dict[str, int] = {}
    for stage in design.stages:
        if all(stream.name in delays for stream in stage.sources):
            starts[stage.name] = max(delays[stream.name] for stream in stage.sources)
            if stage.name not in arrays:
                delays[stage.target.name] = starts[stage.name] + stage.latency_cycles
            elif stage.name in pauses:
                (kernel,) = _kernels([stage])
                shared = kernel.sharing(Share(arrays[stage.name], pauses[stage.name]))
                delays[stage.target.name] = starts[stage.name] + shared.latency_cycles
    return starts


def _tails(design: Design) -> dict[str, int]:
    """Cycles from the result of each stage to the last result that depends on it."""
    tails: dict[str, int] = {}
    for stage in reversed(design.stages):
        later = [
            reader.latency_cycles + tails[reader.name] for reader in design.stages if stage.target in reader.sources
        ]
        tails[stage.name] = max(later, default=0)
    return tails

# SPDX-License-Identifier: Apache-2.0
"""Share multipliers among the layers of a network of maps so that all take about the same time for an inference."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fpgann.errors import ConfigError
from fpgann.hardware.map_drafts import Cluster
from fpgann.hardware.map_partition import Partition
from fpgann.hardware.ops.dense import UNROLLED_WEIGHTS
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy
from fpgann.ir import Node
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.repeat import Repeat
from fpgann.ir.ops.step import Step

FEW_WEIGHTS = 256  # automatic strategy: nonzero weights up to which a layer is unrolled though it has time


def core_options(
    partition: Partition, options: HardwareOptions, target_cycles: int | None
) -> Mapping[int, HardwareOptions]:
    """Options of each pipeline, by its place among the drafts of a partition.

    A layer without a reuse factor of the user gets the greatest one with which all its tokens take no longer than
    the target. Without a target that is the time of the slowest layer with one multiplier a neuron.

    Args:
        partition: the division of a graph.
        options: the user's choices.
        target_cycles: cycles from one inference to the next.

    Raises:
        ConfigError: options name a layer that does not exist.
    """
    clusters = {n: draft for n, draft in enumerate(partition.drafts) if isinstance(draft, Cluster)}
    nodes = [(node, cluster) for cluster in clusters.values() for node, _ in cluster.nodes]
    inside = {node.name: _body_layers(node) for node, _ in nodes}
    _refuse_unknown_layers([layer for node, _ in nodes for layer in (node, *inside[node.name])], options)
    times = [cluster.tokens * _inputs(node.op) for node, cluster in nodes if isinstance(node.op, Dense)]
    target = target_cycles or max(times, default=1)
    found = {}
    for number, cluster in clusters.items():
        layers = {}
        for node, _ in cluster.nodes:
            key = options.key_of(node.name)
            own = options.default if key is None else options.layers[key]
            if isinstance(node.op, Dense):
                layers[node.name] = _folded(node.op, own, max(1, target // cluster.tokens))
            elif key is not None:
                layers[node.name] = own
            for inner in inside[node.name]:  # they have the time that the user gives them
                if (key := options.key_of(inner.name)) is not None:
                    layers[key] = options.layers[key]
        found[number] = replace(options, layers=layers, noise={})
    return found


def _body_layers(node: Node) -> list[Node]:
    """The layers that a recurrence computes in each step."""
    repeat = node.op.repeat if isinstance(node.op, Step) else node.op
    return [*repeat.body().nodes] if isinstance(repeat, Repeat) else []


def _inputs(op: Dense) -> int:
    return int(op.weight.data.shape[0]) * op.groups


def _folded(op: Dense, options: LayerOptions, reuse_factor: int) -> LayerOptions:
    """Options with what the user leaves open: a layer with no time to share multipliers is unrolled."""
    nonzero = int(np.count_nonzero(op.weight.data))
    strategy = options.strategy
    if strategy is Strategy.AUTO:
        few = FEW_WEIGHTS if reuse_factor > 1 else UNROLLED_WEIGHTS
        strategy = Strategy.UNROLLED if nonzero <= few else Strategy.FOLDED
    if options.reuse_factor is not None:
        return replace(options, strategy=strategy)
    return replace(options, strategy=strategy, reuse_factor=reuse_factor)


def _refuse_unknown_layers(nodes: list[Node], options: HardwareOptions) -> None:
    unknown = sorted(set(options.layers) - {options.key_of(node.name) or "" for node in nodes})
    if not unknown:
        return
    layers = [node.name for node in nodes if isinstance(node.op, Dense)]
    near = difflib.get_close_matches(unknown[0], layers, 1, 0.5)
    shown = ", ".join(f"'{name}'" for name in layers[:8]) + (", ..." if len(layers) > 8 else "")
    hint = f"did you mean '{near[0]}'?" if near else f"layers with options are {shown or 'none'}"
    raise ConfigError(f"there is no layer '{unknown[0]}' that takes options", where="layer options", hint=hint)

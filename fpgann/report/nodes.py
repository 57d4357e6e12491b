# SPDX-License-Identifier: Apache-2.0
"""What becomes of every ONNX node: which circuit it joins, and what that costs (`fpgann check`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from fpgann.frontend import NodeSupport
from fpgann.hardware.cost import Cost, CostClass, costs_of
from fpgann.hardware.design import Design, FoldedKernel, Stage
from fpgann.ir import Graph, Node
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.requantize import Requantize

_NOTHING = Cost(CostClass.NONE)


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What becomes of one ONNX node. Fields are the keys of `fpgann check --json`.

    Args:
        name: the node's name, or its first output's; or the name of an input, output or initializer of the model.
        op: operator type, with its domain if it is not ONNX's own; or `input`, `output`, `initializer`, `model`.
        supported: whether it can be built.
        built_as: how it would be built; what is wrong with it if it cannot be.
        hint: what to change in the model if it cannot be built.
        layer: layer of the design (as in report.json) whose circuit it becomes or joins; empty if there is none.
        strategy: `unrolled` or `folded`; empty without a layer.
        reuse_factor: multiplications that share one multiplier; 0 without a layer.
        cost: what the circuit mostly consists of, a value of `CostClass`; empty if not known.
        counts: how much of it is there for this node alone, before any synthesis (see `Cost`).
    """

    name: str
    op: str
    supported: bool
    built_as: str
    hint: str = ""
    layer: str = ""
    strategy: str = ""
    reuse_factor: int = 0
    cost: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


def unplanned(nodes: Sequence[NodeSupport]) -> list[NodePlan]:
    """The nodes of a model that cannot be built as a whole: without layers and costs."""
    return [NodePlan(n.name, n.op, n.supported, n.built_as, n.hint) for n in nodes]


@dataclass(frozen=True)
class Lowered:
    """One model on its way to hardware.

    Args:
        imported: the graph as imported.
        folded: the same after scaling is folded into weights.
        codes: the graph of codes.
        design: the hardware.
    """

    imported: Graph
    folded: Graph
    codes: Graph
    design: Design


def plan_nodes(nodes: Sequence[NodeSupport], lowered: Lowered) -> list[NodePlan]:
    """Find the circuit of every node.

    Args:
        nodes: the nodes of the model, all of them supported.
        lowered: what became of the model.
    """
    atlas = _Atlas(lowered)
    return [atlas.plan(node, plan) for node, plan in zip(nodes, unplanned(nodes), strict=True)]


@dataclass(frozen=True)
class _Place:
    """Where a node of the imported graph ends up.

    Args:
        rank: the lower, the more it says about the ONNX node.
        remark: what is to be said beyond the operator.
        cost: its own cost.
        stage: the stage it becomes or joins.
    """

    rank: int
    remark: str
    cost: Cost
    stage: Stage | None = None


class _Atlas:
    """Where everything is."""

    def __init__(self, lowered: Lowered) -> None:
        self._lowered = lowered
        self._imported = lowered.imported.producers()
        self._readers = lowered.imported.consumers()
        self._folded = lowered.folded.producers()
        self._codes = {node.name: node for node in lowered.codes.nodes}
        self._stages = {
            layer: (stage, position) for stage in lowered.design.stages for position, layer in enumerate(stage.layers)
        }

    def plan(self, node: NodeSupport, plan: NodePlan) -> NodePlan:
        """Complete the plan of one ONNX node."""
        places = [self._place(self._imported[value]) for value in node.values if value in self._imported]
        if not places:
            return replace(plan, cost=CostClass.NONE.value)
        best = min(places, key=lambda place: place.rank)
        built_as = f"{plan.built_as}; {best.remark}" if best.remark else plan.built_as
        plan = replace(plan, built_as=built_as, cost=best.cost.kind.value, counts=dict(best.cost.counts))
        if best.stage is None:
            return plan
        kernel = best.stage.kernel
        reuse = kernel.steps if isinstance(kernel, FoldedKernel) else 1
        return replace(plan, layer=best.stage.layers[0], strategy=best.stage.strategy.value, reuse_factor=reuse)

    def _place(self, node: Node) -> _Place:
        if node.name in self._stages:
            stage, position = self._stages[node.name]
            cost = self._with_products(costs_of(stage)[position], node)
            return _Place(0 if position == 0 else 1, "", cost, stage)
        if node.name in self._codes:
            return _Place(2, "", Cost(CostClass.WIRES))
        owner, reader = self._folded.get(node.outputs[0]), self._first_staged_reader(node)
        if owner is None or owner.name != node.name:  # another node computes its value now, or none has to
            layer = self._real_layer_before(node) or reader
            return _Place(4, "", _NOTHING) if layer is None else self._joined(layer, "folded into the weights")
        if reader is None:
            return _Place(4, "in scale and offset of the output", _NOTHING)
        if isinstance(self._codes[reader].op, Requantize):
            return self._joined(reader, "part of a staircase")
        return _Place(4, "done by the host that encodes the input", _NOTHING)

    def _joined(self, layer: str, how: str) -> _Place:
        return _Place(3, how, _NOTHING, self._stages[layer][0])

    def _real_layer_before(self, node: Node) -> str | None:
        """The dense layer in front of it, if its weights can absorb what follows."""
        before = self._imported.get(node.inputs[0]) if node.inputs else None
        while before is not None and before.name not in self._stages and before.inputs:
            before = self._imported.get(before.inputs[0])
        if before is None or not isinstance(before.op, Dense) or before.op.coded or before.name not in self._stages:
            return None
        return before.name

    def _first_staged_reader(self, node: Node) -> str | None:
        """The nearest node behind it that has a circuit."""
        waiting, seen = list(node.outputs), set[str]()
        while waiting:
            value = waiting.pop(0)
            for reader in self._readers.get(value, []):
                if reader.name in self._stages:
                    return reader.name
                waiting += [output for output in reader.outputs if output not in seen]
                seen.update(reader.outputs)
        return None

    def _with_products(self, cost: Cost, node: Node) -> Cost:
        """Add how many products a dense layer stands for, however it is built."""
        op = self._codes[node.name].op if node.name in self._codes else None
        if not isinstance(op, Dense) or "multiplications" in cost.counts:
            return cost
        rows = prod(self._lowered.codes.types[self._codes[node.name].output].shape[:-1])
        return Cost(cost.kind, {"multiplications": int(np.count_nonzero(op.weight.data)) * rows, **cost.counts})

# SPDX-License-Identifier: Apache-2.0
"""What a graph of codes is divided into before streams have names: pipelines, shells between them, borders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fpgann.hardware.map_moves import Enlargement, Extract
from fpgann.hardware.token_graph import WindowGeometry
from fpgann.hardware.token_ops import TokenOperator
from fpgann.ir import Node
from fpgann.ir.ops.reduce import Reduction


class Key(NamedTuple):
    """Tokens of a root: how many it is divided into, and how often each comes."""

    root: str
    tokens: int
    repeats: int = 1


@dataclass(slots=True)
class Cluster:
    """Nodes that one pipeline computes for each token.

    Args:
        tokens: how many.
        nodes: nodes, what each computes for a token, and the shapes of its operands and result there.
        inputs: values that enter.
        outputs: values that leave, which are known at the end.
    """

    tokens: int
    nodes: list[tuple[Node, TokenOperator]] = field(default_factory=list)
    inputs: dict[str, Key] = field(default_factory=dict)
    outputs: list[Key] = field(default_factory=list)

    @property
    def values(self) -> set[str]:
        """What its nodes define."""
        return {name for node, _ in self.nodes for name in node.outputs}


@dataclass(frozen=True, slots=True)
class Shell:
    """Something that moves tokens, or collects them.

    Args:
        what: which circuit, with its parameters.
        layers: graph nodes.
        source: what enters.
        target: what leaves.
    """

    what: WindowShell | Reduction | Enlargement | Extract | None
    layers: tuple[str, ...]
    source: Key
    target: Key


@dataclass(frozen=True, slots=True)
class WindowShell:
    """Windows of a map.

    Args:
        geometry: how they lie.
        groups: parts of a token.
        fill: code of the padding.
    """

    geometry: WindowGeometry
    groups: int
    fill: int


@dataclass(frozen=True, slots=True)
class Border:
    """An input or output of the graph.

    Args:
        name: name in the model.
        key: the tokens.
        shape: of the tensor that they make up, in their order.
        permutation: its axes in the order of the model; None where that is the same.
    """

    name: str
    key: Key
    shape: tuple[int, ...]
    permutation: tuple[int, ...] | None

# SPDX-License-Identifier: Apache-2.0
"""Divide a graph of codes among actors: what works on the same tokens becomes one pipeline, the rest shells.

A *root* is a value that hardware computes; others are its elements in another shape, with another meaning, and share
its streams. Each root comes in a number of tokens. A reader that wants another number gets the tokens put side by side
or taken apart, in the worst case a whole tensor as one token: then any operator goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from fpgann.hardware.map_drafts import Border, Cluster, Key, Shell, WindowShell
from fpgann.hardware.map_moves import Enlargement, Extract, match_enlargement, match_extract, moved_places
from fpgann.hardware.token_graph import WindowGeometry
from fpgann.hardware.token_ops import TokenOperator, lead_of, token_operator, token_shape
from fpgann.ir import Graph, GraphBuilder, Node, TensorType
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.reduce import Reduce
from fpgann.ir.ops.reinterpret import Reinterpret
from fpgann.ir.ops.repeat import Repeat
from fpgann.ir.ops.requantize import Requantize
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.step import Step
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.ops.windows import Windows
from fpgann.ir.stepwise import comes_stepwise, initial_states
from fpgann.numerics.integers import IntArray


def has_maps(graph: Graph) -> bool:
    """Whether a graph has maps, which can come position by position."""
    return any(isinstance(node.op, Windows) for node in graph.nodes)


class Partition:
    """The actors of a graph, in the order of the data.

    Args:
        graph: graph of codes.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.roots: dict[str, str] = {}
        self.tokens: dict[str, int] = {}
        self.types: dict[str, TensorType] = dict(graph.types)
        self.layouts: dict[str, tuple[int, ...]] = {}
        self.drafts: list[Cluster | Shell] = []
        self.inputs: list[Border] = []
        self.outputs: list[Border] = []
        self._readers = graph.consumers()
        self._nodes = graph.producers()
        self._cluster_of: dict[str, Cluster] = {}
        self._done: set[str] = set()
        self._regrouped: set[Key] = set()
        self._delivered: dict[str, Transpose] = {}
        for value in graph.inputs:
            self._enter(value.name)
        for node in graph.nodes:
            self._done |= initial_states(graph, node)
        for node in graph.nodes:
            if node.name not in self._done:
                self._place(node)
        self._leave()

    # -- borders -----------------------------------------------------------------------------------------------------

    def _enter(self, name: str) -> None:
        """A graph input comes channels-last: what moves its axes at once is left to the sender."""
        readers, shape, permutation = self._readers[name], self.types[name].shape, None
        root, outputs = name, set(self.graph.outputs.values())
        moves = {r.op.permutation if isinstance(r.op, Transpose) else None for r in readers}
        move = next(iter(moves), None)
        if len(moves) == 1 and move is not None and name not in outputs:
            root = readers[0].output
            shape, permutation = self.types[root].shape, tuple(int(i) for i in np.argsort(move))
            for reader in readers:
                self._alias(reader, root)
        elif readers and all(isinstance(r.op, Reshape) for r in readers):
            shape = self.types[readers[0].output].shape
        self.roots[name] = name
        self.roots[root] = root
        self.tokens[root] = prod(shape[:-1]) if len(shape) > 2 else 1
        self.inputs.append(Border(name, Key(root, self.tokens[root]), shape, permutation))

    def _leave(self) -> None:
        for delivered, value in self.graph.outputs.items():
            move = self._delivered.get(value)
            source = value if move is None else self._nodes[value].inputs[0]
            root = self.roots[source]
            key = self._need(source, self.tokens[root])
            permutation = None if move is None else move.permutation
            self.outputs.append(Border(delivered, key, self.types[source].shape, permutation))

    # -- nodes -------------------------------------------------------------------------------------------------------

    def _place(self, node: Node) -> None:
        if self._keeps_order(node):
            self._alias(node, self.roots[node.inputs[0]])
        elif self._is_delivered(node):
            assert isinstance(node.op, Transpose)
            self._delivered[node.output] = node.op
            self._done.add(node.name)
        elif not any(
            place(node) for place in (self._windows, self._steps, self._accumulate, self._through, self._move)
        ):
            self._compute(node)

    def _keeps_order(self, node: Node) -> bool:
        op = node.op
        if isinstance(op, Reshape | Reinterpret):
            return True
        if isinstance(op, Windows):
            plain = {*op.kernel, *op.strides} == {1} and not any(op.pads)
            return plain and self._root_type(node.output) == self._root_type(node.inputs[0])
        if not isinstance(op, Transpose | Arrange) or len(node.inputs) != 1:
            return False
        if self.types[node.output].size != self.types[node.inputs[0]].size:
            return False
        if self._root_type(node.output) != self._root_type(node.inputs[0]):
            return False
        places = moved_places(op, self.types[node.inputs[0]].shape)
        return places is not None and np.array_equal(places, np.arange(places.size))

    def _root_type(self, value: str) -> tuple[int, bool]:
        """Width and sign of a value's codes."""
        codes = self.types[value].codes.range
        return codes.width_bits, codes.signed

    def _alias(self, node: Node, root: str) -> None:
        self.roots[node.output] = root
        self._done.add(node.name)

    def _is_delivered(self, node: Node) -> bool:
        """Whether a node only brings an output's map into the order of the model: left to the receiver."""
        source = node.inputs[0]
        is_last = node.output in self.graph.outputs.values() and not self._readers[node.output]
        return isinstance(node.op, Transpose) and is_last and self.tokens[self.roots[source]] > 1

    def _produce(self, node: Node, value: str, tokens: int) -> Key:
        self.roots[value] = value
        self.tokens[value] = tokens
        self._done.add(node.name)
        return Key(value, tokens)

    def _windows(self, node: Node) -> bool:
        op, source = node.op, node.inputs[0]
        shape = self.types[source].shape
        if not isinstance(op, Windows) or len(op.kernel) > 2:
            return False
        geometry = _geometry(op, shape[1:-1])
        key = self._need(source, prod(shape[1:-1]))
        target = self._produce(node, node.output, prod(self.types[node.output].shape[1:-1]))
        self.drafts.append(Shell(WindowShell(geometry, op.groups, int(op.fill)), (node.name,), key, target))
        return True

    def _steps(self, node: Node) -> bool:
        """A recurrence whose slices come one after another."""
        op = node.op
        if not isinstance(op, Repeat) or not comes_stepwise(self.graph, node):
            return False
        source, shape = node.inputs[-1], self.types[node.output].shape
        self.layouts[node.output] = (1, *shape)
        step = Step(op, token_shape((1, *shape), op.steps))
        self._join(Node(node.name, step, (source,), node.outputs), TokenOperator(step, (op.steps,)), op.steps)
        return True

    def _accumulate(self, node: Node) -> bool:
        """A reduction over the last axes that count tokens."""
        op, source = node.op, node.inputs[0]
        if not isinstance(op, Reduce):
            return False
        shape, tokens = self.types[source].shape, self.tokens[self.roots[source]]
        lead = lead_of(shape, tokens)
        if tokens == 1 or lead is None:
            return False
        reduced = {len(shape) + axis for axis in op.axes}
        first = min(reduced)
        kept = [axis for axis in range(first, lead) if axis not in reduced and shape[axis] > 1]
        if kept or any(axis >= lead and shape[axis] > 1 for axis in reduced):
            return False
        count = prod(shape[axis] for axis in reduced)
        if count == 1 or lead_of(self.types[node.output].shape, tokens // count) is None:
            return False
        key = self._need(source, tokens)
        target = self._produce(node, node.output, tokens // count)
        self.drafts.append(Shell(op.reduction, (node.name,), key, target))
        return True

    def _through(self, node: Node) -> bool:
        """A function of single elements, where a change of shape in front of it hides the tokens."""
        op, source = node.op, node.inputs[0]
        root = self.roots[source]
        if not isinstance(op, Requantize) or op.map.channels > 1 or self.tokens[root] == 1:
            return False
        hidden = lead_of(self.types[source].shape, self.tokens[root]) is None
        if not hidden or self.types[root].encoding != self.types[source].encoding:
            return False
        tokens = self.tokens[root]
        self._join(Node(node.name, op, (root,), node.outputs), TokenOperator(op, (tokens,)), tokens)
        self.layouts[node.output] = self.layout(root)
        return True

    def layout(self, value: str) -> tuple[int, ...]:
        """The shape in which leading axes count the tokens of a value."""
        return self.layouts.get(value, self.types[value].shape)

    def _compute(self, node: Node) -> None:
        """A node of a pipeline, with as many tokens as it can have."""
        shape = self.types[node.outputs[0]].shape
        roots = [self.roots[name] for name in node.inputs]
        most = max(self.tokens[root] for root in roots)
        counts = [most] if most > 1 else []
        counts += [prod(shape[:lead]) for lead in range(len(shape) - 1, 0, -1)]
        operands = [self.types[name].shape for name in node.inputs]
        for tokens in [*dict.fromkeys(counts), 1]:
            found = token_operator(node.op, operands, shape, tokens)
            if found is not None:
                self._join(node, found, tokens)
                return

    def _join(self, node: Node, found: TokenOperator, tokens: int) -> None:
        """Add a node to the pipeline that computes its operands, or begin one."""
        candidates = {
            id(cluster): cluster
            for name in node.inputs
            if (cluster := self._cluster_of.get(self.roots[name])) is not None and cluster.tokens == tokens
        }
        cluster = next(iter(candidates.values())) if len(candidates) == 1 else None
        if cluster is None or not self._reach(cluster, node, found, tokens):
            cluster = Cluster(tokens)
            for name, count in zip(node.inputs, found.operands, strict=True):
                cluster.inputs[name] = self._need(name, count, tokens // count)
            self.drafts.append(cluster)  # behind what makes its tokens
        cluster.nodes.append((node, found))
        for value in node.outputs:
            self._produce(node, value, tokens)
            self._cluster_of[value] = cluster

    def _reach(self, cluster: Cluster, node: Node, found: TokenOperator, tokens: int) -> bool:
        """Whether a pipeline has all operands of a node, after what only changes their shape was added to it."""
        chains: list[Node] = []
        known = cluster.values | set(cluster.inputs)
        for name, count in zip(node.inputs, found.operands, strict=True):
            chain: list[Node] = []
            value = name
            while value not in known:
                before = self._nodes.get(value)
                if before is None or self.roots[value] == value or count != tokens:
                    return False
                chain.append(before)
                value = before.inputs[0]
            chains += [each for each in reversed(chain) if each not in chains]
        steps = []
        for each in chains:
            source, result = self.types[each.inputs[0]].shape, self.types[each.output].shape
            if lead_of(source, tokens) is None or lead_of(result, tokens) is None:
                return False
            op = each.op if isinstance(each.op, Reinterpret) else Reshape(token_shape(result, tokens))
            steps.append((each, TokenOperator(op, (tokens,))))
        cluster.nodes += steps
        return True

    def _move(self, node: Node) -> bool:
        """Nodes that move elements among tokens, where a circuit does what they do together."""
        source = node.inputs[0]
        root = self.roots[source]
        tokens = self.tokens[root]
        shape = self.layout(root)
        lead = lead_of(shape, tokens)
        if tokens == 1 or lead is None or not _is_move(node):
            return False
        operands = [self.types[name].shape for name in node.inputs]
        if token_operator(node.op, operands, self.types[node.output].shape, tokens) is not None:
            return False
        elements = prod(shape[lead:])
        places: IntArray = np.arange(prod(shape))
        nodes: list[Node] = []
        following: Node | None = node
        while following is not None and _is_move(following):
            step = moved_places(following.op, self.types[following.inputs[0]].shape)
            if step is None:
                return False
            places = np.where(step < 0, -1, places[np.maximum(step, 0)])
            nodes.append(following)
            result = self.types[following.output].shape
            is_one = places.size == elements  # it needs no axes that count tokens
            counted = (1,) * lead + (elements,) if is_one else result
            extract = match_extract(places, shape[1:lead], elements, counted, _fill(nodes))
            if extract is not None and extract.elements == tuple(range(elements)):
                target = self._finish(nodes, 1 if is_one else prod(result[1:-1]))
                self.drafts.append(Shell(extract, tuple(n.name for n in nodes), Key(root, tokens), target))
                return True
            enlarged = match_enlargement(places, shape[1:lead], elements, result)
            if enlarged is not None:
                return self._enlarge(nodes, Key(root, tokens), enlarged)
            following = self.graph.only_reader(following.output)
        return False

    def _enlarge(self, nodes: list[Node], key: Key, found: Enlargement) -> bool:
        layers, value = tuple(node.name for node in nodes), nodes[-1].output
        shape = self.types[value].shape
        target = self._finish(nodes, prod(shape[1:-1]))
        if found.crop is None:
            self.drafts.append(Shell(found, layers, key, target))
            return True
        whole = f"{value} before cropping"
        rows, columns = found.crop.sizes
        self.roots[whole], self.tokens[whole] = whole, rows * columns
        self.types[whole] = TensorType((1, rows, columns, shape[-1]), self.types[value].encoding)
        between = Key(whole, rows * columns)
        self.drafts.append(Shell(found, layers, key, between))
        self.drafts.append(Shell(Extract(found.crop, 0, tuple(range(shape[-1]))), layers, between, target))
        return True

    def _finish(self, nodes: list[Node], tokens: int) -> Key:
        for node in nodes:
            self._done.add(node.name)
        return self._produce(nodes[-1], nodes[-1].output, tokens)

    # -- streams -----------------------------------------------------------------------------------------------------

    def _need(self, value: str, tokens: int, repeats: int = 1) -> Key:
        """Tokens of a value, after whatever makes them was added."""
        root = self.roots[value]
        have, wanted = Key(root, self.tokens[root]), Key(root, tokens)
        if have.tokens != tokens and have.tokens % tokens and tokens % have.tokens:
            have = self._need(value, 1)
        if have != wanted and wanted not in self._regrouped:
            self._regrouped.add(wanted)
            self.drafts.append(Shell(None, (), have, wanted))
        key = Key(root, tokens, repeats)
        if repeats > 1 and key not in self._regrouped:
            self._regrouped.add(key)
            every = tuple(range(self.types[root].size // tokens))
            self.drafts.append(Shell(Enlargement(1, (1, repeats), (every,), None), (), wanted, key))
        return key


def token_graph(partition: Partition, cluster: Cluster, name: str) -> Graph:
    """What a pipeline computes for one token, as a graph of its own.

    Args:
        partition: the division that it belongs to.
        cluster: the pipeline; its outputs are known.
        name: name of the graph.
    """
    builder = GraphBuilder(name)
    for value, key in cluster.inputs.items():
        shape = partition.layout(value)
        builder.input(value, TensorType(token_shape(shape, key.tokens), partition.types[value].encoding))
    for node, found in cluster.nodes:
        builder.add(found.op, node.inputs, name=node.name, outputs=node.outputs)
    return builder.build({key.root: key.root for key in cluster.outputs})


def _geometry(op: Windows, positions: Sequence[int]) -> WindowGeometry:
    """Rows and columns; a map of one column, like a signal, becomes one row."""
    fronts, behinds = op.borders
    lines = [tuple(line) for line in (positions, op.kernel, op.strides, op.dilations, fronts, behinds)]
    if len(positions) == 2 and positions[1] == op.kernel[1] == 1 and fronts[1] == behinds[1] == 0:
        lines = [line[:1] for line in lines]
    if len(lines[0]) == 1:
        lines = [(alone, line[0]) for alone, line in zip((1, 1, 1, 1, 0, 0), lines, strict=True)]
    return WindowGeometry(*((int(row), int(column)) for row, column in lines))


def _is_move(node: Node) -> bool:
    return isinstance(node.op, Transpose | Arrange | Reshape) and len(node.inputs) == 1


def _fill(nodes: Sequence[Node]) -> int:
    """The code of the padding that moves add; they agree on one, or only one of them adds any."""
    codes = [int(c) for n in nodes if isinstance(n.op, Arrange) for c in n.op.constants.reshape(-1)[:1]]
    return codes[-1] if codes else 0

# SPDX-License-Identifier: Apache-2.0
"""The verifier finds what is wrong with a graph and says where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fpgann.errors import VerificationError
from fpgann.ir import Encoding, Graph, Node, TensorType, Value
from fpgann.ir import verify as module
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.verify import verify
from fpgann.numerics.interval import CodeRange
from tests.unit.ir import samples
from tests.unit.ir.samples import BYTE, CODES, QUANTIZER, REALS
from tests.unit.numerics.properties import holds


def with_node(graph: Graph, wanted: str, /, **changes: object) -> Graph:
    """The graph with one node changed."""
    nodes = tuple(
        Node(**({f: getattr(n, f) for f in ("name", "op", "inputs", "outputs")} | changes)) if n.name == wanted else n
        for n in graph.nodes
    )
    return replace(graph, nodes=nodes)


def with_type(graph: Graph, name: str, type_: TensorType | None) -> Graph:
    """The graph with one type changed, or missing."""
    types = {**graph.types, name: type_}
    return replace(graph, types={n: t for n, t in types.items() if t is not None})


def with_input(graph: Graph, value: Value) -> Graph:
    """The graph with its input changed, and the listed type with it."""
    return with_type(replace(graph, inputs=(value,)), value.name, value.type)


DENSE, ACT = r"node 'layers/0:dense' \(dense\)", r"node 'act' \(requantize\)"
FULL = Encoding(BYTE, CodeRange(-128, 128))

TAMPERINGS: list[tuple[Callable[[Graph], Graph], str]] = [
    (lambda g: with_node(g, "act", name="layers/0:dense"), r"node 'layers/0:dense' \(requantize\): .*is taken"),
    (lambda g: with_node(g, "act", inputs=("scaled",)), f"{ACT}: .*reads 'scaled' before it is defined"),
    (lambda g: with_node(g, "act", inputs=("nowhere",)), f"{ACT}: .*reads 'nowhere' before it is defined"),
    (lambda g: with_node(g, "act", inputs=()), f"{ACT}: .*reads 0 values, not 1"),
    (lambda g: with_node(g, "act", inputs=("x", "x")), f"{ACT}: .*reads 2 values, not 1"),
    (lambda g: with_node(g, "act", outputs=("x",)), f"{ACT}: .*defines 'x' again"),
    (lambda g: with_node(g, "act", outputs=()), f"{ACT}: .*defines 0 values, not 1"),
    (lambda g: with_node(g, "act", outputs=("act", "act")), f"{ACT}: .*defines 2 values, not 1"),
    (lambda g: with_node(g, "act", op=Reshape((5,))), r"node 'act' \(reshape\): .*4 elements do not fit shape \(5,\)"),
    (lambda g: with_node(g, "act", inputs=("x",)), f"{ACT}: .*4 staircases along axis -1 do not fit"),
    (lambda g: replace(g, nodes=g.nodes[::-1]), r"node 'scaled' \(reinterpret\): .*reads 'wide' before it is defined"),
    (lambda g: replace(g, nodes=g.nodes[1:]), f"{ACT}: .*reads 'layers/0:dense' before it is defined"),
    (lambda g: replace(g, nodes=g.nodes[:-1]), "output 'y': .*value 'scaled' is never defined"),
    (lambda g: replace(g, outputs={"z": "no"}), "output 'z': .*value 'no' is never defined"),
    (lambda g: with_type(g, "act", REALS), rf"{ACT}: .*'act' is real\[1x3\] but the operator yields u?fixed<4,0>"),
    (lambda g: with_type(g, "act", None), f"{ACT}: .*'act' is None but the operator yields"),
    (lambda g: with_type(g, "layers/0:dense", replace(g.types["layers/0:dense"], shape=(4,))), f"{DENSE}: .*yields"),
    (lambda g: with_type(g, "x", REALS), r"input 'x': .*it is fixed<8,4>\[1x3\] but the graph lists real\[1x3\]"),
    (lambda g: with_type(g, "x", None), "input 'x': .*but the graph lists None"),
    (lambda g: with_type(g, "ghost", REALS), "value 'ghost': .*it has a type but is never defined"),
    (lambda g: replace(g, inputs=g.inputs * 2), "input 'x': .*its name is taken"),
    (lambda g: replace(g, inputs=()), f"{DENSE}: .*reads 'x' before it is defined"),
    (lambda g: with_input(g, Value("x", REALS, QUANTIZER)), "input 'x': .*real numbers need no map to codes"),
    (lambda g: with_input(g, Value("x", TensorType((1, 3), FULL))), r"input 'x': .*codes -128\.\.128 do not fit fixed"),
    (lambda g: with_input(g, Value("x", replace(CODES, shape=(1, 4)))), f"{DENSE}: .*weights of 3 rows do not fit"),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "message"), TAMPERINGS, ids=[message for _, message in TAMPERINGS])
def test_tampering(tamper: Callable[[Graph], Graph], message: str) -> None:
    graph = tamper(samples.small_network())
    with pytest.raises(VerificationError, match=f"^{message}") as caught:
        verify(graph, "tampering")
    assert caught.value.message.startswith("after tampering: ")
    assert "this is a bug of fpgann, please report it" in str(caught.value)


def test_a_requantizer_may_not_leave_its_type() -> None:
    graph = samples.small_network()
    act = next(node for node in graph.nodes if node.name == "act")
    narrow = replace(act.op, map=samples.staircase(high=99), target=act.op.target)
    (yielded,) = narrow.infer((graph.types["layers/0:dense"],))
    tampered = with_type(with_node(graph, "act", op=narrow), "act", yielded)
    with pytest.raises(VerificationError, match=rf"^{ACT}: .*codes \d+\.\.\d+ do not fit ufixed<4,0>"):
        verify(tampered, "tampering")


def test_sound_graphs_pass() -> None:
    for graph in (samples.small_network(), samples.real_network()):
        assert verify(graph, "building") is graph


@holds(samples.graphs())
def built_graphs(graph: Graph) -> None:
    assert verify(graph, "building") is graph


def test_twin_that_checks_no_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_check_node", lambda *args: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_tampering(*TAMPERINGS[1])


def test_twin_whose_operator_yields_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = samples.small_network()
    monkeypatch.setattr(Reshape, "infer", lambda self, operands: operands)
    with pytest.raises(VerificationError, match=r"^node 'act_2' \(reshape\)"):
        verify(graph, "a broken rule")

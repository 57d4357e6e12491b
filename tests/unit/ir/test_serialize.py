# SPDX-License-Identifier: Apache-2.0
"""Graphs on disk: round trips, equal bytes, and files from damaged disks and strangers."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.errors import FormatError, VerificationError
from fpgann.ir import Constant, Graph, GraphBuilder, Node, serialize
from fpgann.ir.archive import read_arrays, write_arrays
from fpgann.ir.ops.dense import Dense
from fpgann.ir.serialize import GRAPH_FILE, WEIGHTS_FILE, load_graph, save_graph
from fpgann.ir.text import to_text
from fpgann.ir.verify import verify
from tests.unit.ir import samples
from tests.unit.ir.samples import REALS
from tests.unit.numerics.properties import holds

NETWORKS = {"small": samples.small_network, "real": samples.real_network}


def content(folder: Path) -> dict[str, bytes]:
    """The bytes of every file."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def check_round_trip(graph: Graph) -> None:
    """Nothing is lost, and writing again yields the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "a" / "b", Path(folder) / "c"
        save_graph(graph, first)
        back = load_graph(first)
        save_graph(back, second)
        assert samples.same(back, graph)
        assert content(first) == content(second)
        assert sorted(content(first)) == [GRAPH_FILE, WEIGHTS_FILE]


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    check_round_trip(NETWORKS[name]())


def test_empty_graph() -> None:
    check_round_trip(GraphBuilder("").build({}))


@holds(samples.graphs())
def round_trip(graph: Graph) -> None:
    check_round_trip(graph)


def test_use_leaves_no_trace(tmp_path: Path) -> None:
    """Staircases computed on the way are caches."""
    graph = samples.small_network()
    save_graph(graph, tmp_path / "before")
    verify(graph, "building")
    graph.inputs[0].entry.apply_floats(np.ones((1, 3)))
    save_graph(graph, tmp_path / "after")
    assert content(tmp_path / "before") == content(tmp_path / "after")


def test_layout_of_arrays_does_not_count(tmp_path: Path) -> None:
    weight = np.arange(12.0).reshape(3, 4)
    for name, array in (("c", weight), ("f", np.asfortranarray(weight)), ("view", np.repeat(weight, 2, 0)[::2])):
        build = GraphBuilder("net")
        y = build.add(Dense(Constant(array)), [build.input("x", REALS)], name="fc")
        save_graph(build.build({"y": y}), tmp_path / name)
    assert content(tmp_path / "c") == content(tmp_path / "f") == content(tmp_path / "view")


def test_overwrites(tmp_path: Path) -> None:
    save_graph(samples.real_network(), tmp_path)
    save_graph(samples.small_network(), tmp_path)
    assert to_text(load_graph(tmp_path)) == to_text(samples.small_network())


def test_files_are_readable(tmp_path: Path) -> None:
    save_graph(samples.small_network(), tmp_path)
    text = (tmp_path / GRAPH_FILE).read_text(encoding="ascii")
    assert text.endswith("}\n")
    assert "\r" not in text
    document = json.loads(text)
    assert (document["format"], document["version"]) == ("fpgann graph", 1)
    with np.load(tmp_path / WEIGHTS_FILE, allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["0.bias.data", "0.weight.data"]  # the wide weights stand in the JSON


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.ones((3, 2), np.float32), "an array of float32 cannot be written"),
        (np.full((3, 2), np.nan), "an array holds a number that is not finite"),
        (np.array([[1.5, 2]] * 3, object), "an object array holds more than integers"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, data: np.ndarray, message: str) -> None:
    build = GraphBuilder("net")
    y = build.add(Dense(Constant(data)), [build.input("x", REALS)], name="a/b")
    with pytest.raises(VerificationError, match=rf"^node 'a/b' \(dense\), 0\.weight\.data: {message}"):
        save_graph(build.build({"y": y}), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A sound folder."""
    save_graph(samples.small_network(), tmp_path)
    return tmp_path


def edit(folder: Path, change: Callable[[Any], object]) -> None:
    """Change the JSON document in place."""
    document = json.loads((folder / GRAPH_FILE).read_text())
    change(document)
    (folder / GRAPH_FILE).write_text(json.dumps(document))


DENSE, ACT = r"graph\.json: node 'layers/0:dense'", r"graph\.json: node 'act'"
TAMPERINGS: list[tuple[Callable[[Any], object], str]] = [
    (lambda d: d.update(format="onnx"), "^graph.json: is no graph of fpgann"),
    (lambda d: d.pop("format"), "^graph.json: is no graph of fpgann"),
    (lambda d: d.update(version=2), "^graph.json: is in version 2 of the format, but this fpgann reads version 1;"),
    (lambda d: d.update(version=True), "is in version True of the format"),
    (lambda d: d.update(version=1.0), r"is in version 1\.0 of the format"),
    (lambda d: d.update(version="1" * 99), "is in version 1{20} of the format"),
    (lambda d: d.pop("version"), "is in version None of the format"),
    (lambda d: d.pop("nodes"), "^graph.json: graph: must have exactly format, inputs, name, nodes, outputs, version"),
    (lambda d: d.update(comment=""), "graph: must have exactly"),
    (lambda d: d.update(name=3), "^graph.json: name: 3 is not str"),
    (lambda d: d.update(nodes={}), "^graph.json: nodes: must be a list"),
    (lambda d: d.update(outputs=None), "^graph.json: outputs: must be a list"),
    (lambda d: d.update(inputs=[]), r"^graph.json: node 'layers/0:dense' \(dense\): .*reads 'x' before it is defined"),
    (lambda d: d["inputs"].append(d["inputs"][0]), "^graph.json: input 'x': .*its name is taken"),
    (lambda d: d["inputs"][0]["type"].update(shape=[10**18]), r"^graph.json: inputs\.0\.type: makes no sense"),
    (lambda d: d["inputs"][0]["type"].update(shape=[1, 4]), f"^{DENSE} .*weights of 3 rows do not fit"),
    (lambda d: d["outputs"].append(d["outputs"][0]), "^graph.json: output 'y' is there twice"),
    (lambda d: d["outputs"][0].update(value="no"), "^graph.json: output 'y': .*value 'no' is never defined"),
    (lambda d: d["outputs"][0].pop("value"), "^graph.json: output: must have exactly name, value"),
    (lambda d: d["nodes"].reverse(), r"node 'scaled' \(reinterpret\): .*reads 'wide' before it is defined"),
    (lambda d: d["nodes"].pop(), "output 'y': .*value 'scaled' is never defined"),
    (lambda d: d["nodes"].pop(0), "array '0.bias.data' belongs to no node"),
    (lambda d: d["nodes"][1].update(name="layers/0:dense"), f"^{DENSE} .*its name is taken"),
    (lambda d: d["nodes"][1].update(inputs=["x", "x"]), rf"^{ACT} \(requantize\): .*reads 2 values, not 1"),
    (lambda d: d["nodes"][1].update(inputs="x"), f"^{ACT} inputs: 'x' is not tuple"),
    (lambda d: d["nodes"][1].pop("inputs"), "^graph.json: nodes.1: must have exactly inputs, name, op, outputs"),
    (lambda d: d["nodes"][1]["op"].update({"class": "os.system"}), f"^{ACT}: class 'os.system' is not a known"),
    (lambda d: d["nodes"][1]["op"].update({"class": "dense"}), f"^{ACT}: dense has an unknown field 'axis'"),
    (lambda d: d["nodes"][1]["op"].update(axis=7), rf"^{ACT} \(requantize\): .*4 staircases along axis 7 do not fit"),
    (lambda d: d["nodes"][1]["op"]["map"]["rounder"].update(low=1), rf"^{ACT} .*but the operator"),
    (lambda d: d["nodes"][1]["op"]["map"]["rounder"].update(mode="UPWARDS"), f"{ACT}.map.rounder.mode: 'UPWARDS'"),
    (lambda d: d["nodes"][1]["op"]["map"]["steps"][0].update(scale=["1/0"]), f"{ACT}.map.steps.0.scale.0: '1/0'"),
    (lambda d: d["nodes"][1]["outputs"][0]["type"]["encoding"]["fixed"].update(width=5), rf"^{ACT} .*but the"),
    (lambda d: d["nodes"][1]["outputs"].append(d["nodes"][1]["outputs"][0]), f"^{ACT} .*defines 2 values, not 1"),
    (lambda d: d["nodes"][1]["outputs"][0].update(name="x"), "input 'x': .*but the graph lists|defines 'x' again"),
    (lambda d: d["nodes"][0]["op"]["weight"]["data"].update(array="no"), "^weights.npz: array 'no' is missing or used"),
    (
        lambda d: d["nodes"][0]["op"]["bias"]["data"].update(array="0.weight.data"),
        "^weights.npz: array '0.weight.data' is missing or used twice",
    ),
    (lambda d: d["nodes"][0]["op"].update(bias=None), "^weights.npz: array '0.bias.data' belongs to no node"),
    (lambda d: d["nodes"][4]["op"]["weight"]["data"].update(shape=[4]), r"^graph.json: node 'wide' .*must be a matrix"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), TAMPERINGS, ids=[message for _, message in TAMPERINGS])
def test_tampering(saved: Path, change: Callable[[Any], object], message: str) -> None:
    edit(saved, change)
    with pytest.raises(FormatError, match=message):
        load_graph(saved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "^graph.json: is damaged"),
        (b"\xff\xfe", "^graph.json: is damaged"),
        (b"[]", "^graph.json: is no graph of fpgann"),
        (b"null", "^graph.json: is no graph of fpgann"),
        (b'{"format": NaN}', "^graph.json: is damaged: NaN is no number"),
        (b'{"a": 1, "a": 2}', "^graph.json: is damaged: a key is there twice"),
        (b"9" * 10_000, "^graph.json: is damaged"),
        (b"[" * 200_000, "^graph.json: is nested too deeply"),
        (b'{"a":' * 200_000, "^graph.json: is nested too deeply"),
    ],
)
def test_bad_json(saved: Path, text: bytes, message: str) -> None:
    (saved / GRAPH_FILE).write_bytes(text)
    with pytest.raises(FormatError, match=message):
        load_graph(saved)


@pytest.mark.parametrize("name", [GRAPH_FILE, WEIGHTS_FILE])
def test_missing_files(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(FormatError, match=f"^{name}: the file is missing"):
        load_graph(saved)
    (saved / name).mkdir()
    with pytest.raises(FormatError, match=f"^{name}: cannot be read: Is a directory"):
        load_graph(saved)
    with pytest.raises(FormatError, match="the file is missing"):
        load_graph(saved / "no" / "folder")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("0.weight.data"), "array '0.weight.data' is missing or used twice"),
        (lambda a: a.update(extra=np.ones(1)), "array 'extra' belongs to no node"),
        (lambda a: a.update({"0.bias.data": np.ones(4)}), rf"^{DENSE}\.bias: makes no sense: Constant"),
        (lambda a: a.update({"0.bias.data": np.ones(5, np.int64)}), f"^{DENSE} .*the bias must have 4 entries"),
        (lambda a: a.update({"0.weight.data": a["0.weight.data"] + 1}), rf"^{DENSE}\.weight: makes no sense: Constant"),
        (lambda a: a.update({"0.weight.data": np.ones(3, np.int64)}), f"^{DENSE} .*weights must be a matrix"),
        (lambda a: a.update({"0.weight.data": np.ones((0, 0), np.int64)}), f"^{DENSE} .*weights must be a matrix"),
        (lambda a: a.update({"0.weight.data": -1 - a["0.weight.data"]}), f"^{DENSE} .*but the operator yields"),
    ],
)
def test_wrong_weights(saved: Path, change: Callable[[dict[str, np.ndarray]], object], message: str) -> None:
    arrays = read_arrays(saved / WEIGHTS_FILE)
    change(arrays)
    write_arrays(saved / WEIGHTS_FILE, arrays)
    with pytest.raises(FormatError, match=message):
        load_graph(saved)


def test_weights_of_another_graph(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    save_graph(samples.real_network(), other)
    (other / WEIGHTS_FILE).replace(saved / WEIGHTS_FILE)
    with pytest.raises(FormatError, match=r"^weights\.npz: array '0\.weight\.data' is missing or used twice"):
        load_graph(saved)


def test_every_truncation(tmp_path: Path) -> None:
    build = GraphBuilder("net")
    y = build.add(Dense(Constant(np.ones((3, 1)))), [build.input("x", REALS)], name="fc")
    save_graph(build.build({"y": y}), tmp_path)
    for path in tmp_path.iterdir():
        whole = path.read_bytes()
        for length in range(0, len(whole) - 1, 7):
            path.write_bytes(whole[:length])
            with pytest.raises(FormatError):
                load_graph(tmp_path)
        path.write_bytes(whole)
    load_graph(tmp_path)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value of a JSON document."""
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


with tempfile.TemporaryDirectory() as _folder:
    save_graph(samples.small_network(), Path(_folder))
    SOUND = json.loads((Path(_folder) / GRAPH_FILE).read_text())
    WEIGHTS = (Path(_folder) / WEIGHTS_FILE).read_bytes()

PLACES = list(places(SOUND))
INTERESTING = [0, 1, -1, 2**31, -(2**63), 10**30, 1.5, -1e308, True, None, "", "x", "act", "-1/3", "RELU", [], {}, [[]]]
rubbish = st.one_of(
    st.sampled_from(INTERESTING),
    st.sampled_from(PLACES).map(lambda path: copy.deepcopy(at(SOUND, path))),
    st.recursive(st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=4),
)


def at(data: Any, path: tuple[Any, ...]) -> Any:
    """The value at a path."""
    for key in path:
        data = data[key]
    return data


@holds(st.sampled_from(PLACES[1:]), rubbish, st.booleans())
def any_value_replaced(path: tuple[Any, ...], value: Any, removed: bool) -> None:
    """Whatever stands anywhere in the file, it is refused clearly or describes a well-formed graph."""
    document = copy.deepcopy(SOUND)
    if removed:
        del at(document, path[:-1])[path[-1]]
    else:
        at(document, path[:-1])[path[-1]] = value
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / GRAPH_FILE).write_text(json.dumps(document))
        (folder / WEIGHTS_FILE).write_bytes(WEIGHTS)
        with contextlib.suppress(FormatError):
            verify(load_graph(folder), "reading")


# Mutation twins


def test_twin_that_loses_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Node
    monkeypatch.setattr(serialize, "Node", lambda name, op, i, o: original(f"{name}'", op, i, o))
    with pytest.raises(AssertionError):
        check_round_trip(samples.small_network())


def test_twin_that_does_not_infer_types(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    edit(saved, lambda d: d["nodes"][1]["outputs"][0]["type"].update(shape=[2, 2]))
    monkeypatch.setattr(serialize, "verify", lambda graph, after: graph)
    assert load_graph(saved).types["act"].shape == (2, 2)
    monkeypatch.undo()
    with pytest.raises(FormatError, match=ACT):
        load_graph(saved)


def test_twin_with_the_time_of_day(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_graph(samples.small_network(), tmp_path / "a")
    monkeypatch.setattr("fpgann.ir.archive._EPOCH", (2026, 1, 2, 3, 4, 6))
    save_graph(samples.small_network(), tmp_path / "b")
    assert content(tmp_path / "a") != content(tmp_path / "b")

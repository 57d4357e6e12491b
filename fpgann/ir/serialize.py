# SPDX-License-Identifier: Apache-2.0
"""A graph on disk: `graph.json`, for people to read, and `weights.npz`, the constant tensors.

The same graph always yields the same bytes. Nothing is pickled. What is read is not trusted: each value must
be what the annotation of its field says, and all types are inferred again and compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import fpgann.ir.ops  # noqa: F401  registers the operators
from fpgann.errors import FormatError, VerificationError
from fpgann.ir.archive import read_arrays, write_arrays
from fpgann.ir.codec import Arrays, Json, decode, encode
from fpgann.ir.graph import Graph, Node, Value
from fpgann.ir.operator import Operator
from fpgann.ir.types import TensorType
from fpgann.ir.verify import verify
from fpgann.numerics.integers import IntArray

FORMAT = "fpgann graph"
VERSION = 1
GRAPH_FILE, WEIGHTS_FILE = "graph.json", "weights.npz"


def save_graph(graph: Graph, folder: Path) -> None:
    """Write a graph into a folder, which is made if needed.

    Args:
        graph: a verified graph.
        folder: receives `graph.json` and `weights.npz`.

    Raises:
        VerificationError: a node holds something that its annotations do not announce.
    """
    arrays: Arrays = {}
    nodes: list[Json] = []
    for index, node in enumerate(graph.nodes):
        try:
            op = encode(node.op, Operator, str(index), arrays)
        except VerificationError as error:
            error.where = f"node '{node.name}' ({node.op.name}), {error.where}"
            raise
        results: list[Json] = [
            {"name": name, "type": encode(graph.types[name], TensorType, name, arrays)} for name in node.outputs
        ]
        nodes.append({"name": node.name, "op": op, "inputs": list(node.inputs), "outputs": results})
    document: dict[str, Json] = {
        "format": FORMAT,
        "version": VERSION,
        "name": graph.name,
        "inputs": [encode(value, Value, value.name, arrays) for value in graph.inputs],
        "nodes": nodes,
        "outputs": [{"name": name, "value": value} for name, value in graph.outputs.items()],
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_arrays(folder / WEIGHTS_FILE, arrays)
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    (folder / GRAPH_FILE).write_text(f"{text}\n", encoding="ascii", newline="\n")


def load_graph(folder: Path) -> Graph:
    """Read the graph that `save_graph` wrote.

    Args:
        folder: holds `graph.json` and `weights.npz`.

    Returns:
        The graph, verified.

    Raises:
        FormatError: a file is missing, damaged, of another version, or describes no well-formed graph.
    """
    try:
        document = _read_json(folder / GRAPH_FILE)
        arrays = read_arrays(folder / WEIGHTS_FILE)
        graph = _build(document, arrays)
    except RecursionError:
        raise FormatError("is nested too deeply", where=GRAPH_FILE) from None
    return _check_types(graph)


def _read_json(path: Path) -> dict[str, Json]:
    try:
        text = path.read_bytes()
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except FileNotFoundError:
        raise FormatError("the file is missing", where=path.name) from None
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", where=path.name) from None
    except ValueError as error:  # JSON and unicode errors, integers of absurd length
        raise FormatError(f"is damaged: {error}", where=path.name) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FormatError("is no graph of fpgann", where=path.name)
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        raise FormatError(
            f"is in version {str(version)[:20]} of the format, but this fpgann reads version {VERSION}",
            where=path.name,
            hint="compile the model again",
        )
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _unique_keys(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)


def _build(document: Mapping[str, Json], arrays: Arrays) -> Graph:
    unused = set(arrays)

    def take_array(name: str) -> IntArray:
        if name not in unused:
            raise FormatError(f"array '{name:.60}' is missing or used twice", where=WEIGHTS_FILE)
        unused.remove(name)
        return arrays[name]

    def read(data: Json, hint: Any, where: str) -> Any:
        return decode(data, hint, f"{GRAPH_FILE}: {where}", take_array)

    _expect_keys(document, {"format", "version", "name", "inputs", "nodes", "outputs"}, "graph")
    inputs: tuple[Value, ...] = read(document["inputs"], tuple[Value, ...], "inputs")
    types = {value.name: value.type for value in inputs}
    nodes = []
    for index, item in enumerate(_list(document["nodes"], "nodes")):
        entry = _expect_keys(item, {"name", "op", "inputs", "outputs"}, f"nodes.{index}")
        name = read(entry["name"], str, f"nodes.{index}.name")
        where = f"node '{name}'"
        results = []
        for result in _list(entry["outputs"], where):
            fields = _expect_keys(result, {"name", "type"}, f"{where} output")
            results.append(read(fields["name"], str, f"{where} output"))
            types[results[-1]] = read(fields["type"], TensorType, f"{where} output '{results[-1]}'")
        op = read(entry["op"], Operator, where)
        operands = read(entry["inputs"], tuple[str, ...], f"{where} inputs")
        nodes.append(Node(name, op, operands, tuple(results)))
    outputs = {}
    for item in _list(document["outputs"], "outputs"):
        entry = _expect_keys(item, {"name", "value"}, "output")
        delivered = read(entry["name"], str, "output")
        if delivered in outputs:
            raise FormatError(f"output '{delivered}' is there twice", where=GRAPH_FILE)
        outputs[delivered] = read(entry["value"], str, f"output '{delivered}'")
    if unused:
        raise FormatError(f"array '{min(unused)}' belongs to no node", where=WEIGHTS_FILE)
    return Graph(read(document["name"], str, "name"), inputs, outputs, tuple(nodes), types)


def _list(data: Json, where: str) -> list[Json]:
    if not isinstance(data, list):
        raise FormatError("must be a list", where=f"{GRAPH_FILE}: {where}")
    return data


def _expect_keys(data: Json | Mapping[str, Json], keys: set[str], where: str) -> Mapping[str, Json]:
    if not isinstance(data, Mapping) or data.keys() != keys:
        raise FormatError(f"must have exactly {', '.join(sorted(keys))}", where=f"{GRAPH_FILE}: {where}")
    return data


def _check_types(graph: Graph) -> Graph:
    try:
        return verify(graph, f"reading {GRAPH_FILE}")
    except VerificationError as error:
        raise FormatError(error.message, where=f"{GRAPH_FILE}: {error.where}") from None
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise FormatError(f"describes no graph: {error}", where=GRAPH_FILE) from error

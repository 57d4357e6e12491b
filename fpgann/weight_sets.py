# SPDX-License-Identifier: Apache-2.0
"""Other weights for the memories of a build: taken from a retrained model, stored, put into the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from fpgann.codegen.build_folder import write_file
from fpgann.documents import HINT, Pattern, check_document, read_document
from fpgann.errors import ConfigError, FormatError
from fpgann.hardware.loading import AddressMap, LayerWindows, Window, codes_in
from fpgann.ir import Encoding, Graph, Node
from fpgann.ir.archive import read_arrays
from fpgann.ir.codec import Arrays, encode
from fpgann.ir.operator import Operator
from fpgann.ir.ops.dense import Dense
from fpgann.numerics.fixed import FixedType, Overflow, Precision
from fpgann.numerics.integers import IntArray
from fpgann.numerics.rounding import Rounding
from fpgann.passes import Plan, quantization_points
from fpgann.passes.calibrate import LoadableTypes
from fpgann.samples import check_output, write_samples

PLAN_FILE = "plan.json"
_TYPE: Pattern = {"value": str, "signed": bool, "width": int, "frac": int, "rounding": str, "overflow": str}
_PLAN: Pattern = {"types": [_TYPE], "weight_bits": int}
_WINDOW: Pattern = {"base": int, "element_bits": int}
_LAYER: Pattern = {
    "layer": str,
    "name": str,
    **dict.fromkeys(("inputs", "outputs", "pe", "simd"), int),
    "weights": _WINDOW,
    "biases": _WINDOW,
}
_LOADING: Pattern = {"identity": int, "layers": [_LAYER]}
_RECOMPILE = "compile the new model instead"


@dataclass(frozen=True, slots=True, eq=False)
class WeightSet:
    """Codes for all layers of a design that are loaded at run time.

    Args:
        codes: HDL name of each layer -> weights of shape (inputs, outputs) and biases of shape (outputs,).
        identity: of the design they are for.
    """

    codes: Mapping[str, tuple[IntArray, IntArray]]
    identity: int


def describe_plan(plan: Plan) -> dict[str, Any]:
    """plan.json: the types of the values that the model leaves real, in the order of its operators."""
    types = [
        {
            "value": name,
            "signed": chosen.fixed.signed,
            "width": chosen.fixed.width,
            "frac": chosen.fixed.frac,
            "rounding": chosen.rounding.value,
            "overflow": chosen.overflow.value,
        }
        for name, chosen in plan.types.items()
    ]
    return {"types": types, "weight_bits": plan.weight_bits}


def read_plan(build: Path) -> Plan:
    """The plan of a build whose weights can be loaded.

    Raises:
        FormatError: plan.json is missing or damaged.
    """
    where = f"build '{build}'"
    document = read_document(build / "model" / PLAN_FILE, _PLAN, where)
    try:
        types = {
            entry["value"]: Precision(
                FixedType(entry["signed"], entry["width"], entry["frac"]),
                Rounding(entry["rounding"]),
                Overflow(entry["overflow"]),
            )
            for entry in document["types"]
        }
    except (ValueError, ConfigError) as error:
        raise FormatError(f"{PLAN_FILE} is damaged: {error}", where=where, hint=HINT) from None
    return Plan(types, document["weight_bits"])


def read_address_map(manifest: Mapping[str, Any], graph: Graph, where: str) -> AddressMap:
    """The addresses of a build's weights.

    Args:
        manifest: contents of manifest.json.
        graph: graph of codes of the build.
        where: what to call the build in messages.

    Raises:
        FormatError: its weights are constant, or the manifest is damaged.
    """
    described = manifest.get("loading")
    if described is None:
        hint = "compile the model with --weights runtime"
        raise FormatError("its weights are part of the circuit", where=where, hint=hint)
    check_document({"loading": described}, {"loading": _LOADING}, "manifest.json", where)
    ops = {node.name: node.op for node in graph.nodes}
    layers = []
    for entry in described["layers"]:
        inputs, outputs, pe, simd = (entry[key] for key in ("inputs", "outputs", "pe", "simd"))
        op = ops.get(entry["layer"])
        fits = isinstance(op, Dense) and op.loadable and op.weight.data.shape == (inputs, outputs)
        if not fits or min(pe, simd) < 1 or outputs % pe or inputs % simd:
            raise FormatError(f"manifest.json is damaged: '{entry['layer']:.60}'", where=where, hint=HINT)
        groups, folds = outputs // pe, inputs // simd
        weights = Window(entry["weights"]["base"], entry["weights"]["element_bits"], pe * simd, groups * folds)
        biases = Window(entry["biases"]["base"], entry["biases"]["element_bits"], pe, groups)
        layers.append(LayerWindows(entry["name"], entry["layer"], inputs, outputs, pe, simd, weights, biases))
    return AddressMap(tuple(layers), described["identity"])


def matched_plan(plan: Plan, built: Graph, real: Graph, where: str) -> Plan:
    """The plan of a build for the values and layers of another model, which stand in the same order.

    Args:
        plan: of the build.
        built: graph of codes of the build.
        real: the other model, before quantization.
        where: what to call the other model in messages.

    Raises:
        FormatError: the other model has more or fewer values or layers.
    """
    points = quantization_points(real)
    layers = [node for node in real.nodes if isinstance(node.op, Dense)]
    kept = [node.op for node in built.nodes if isinstance(node.op, Dense)]
    if len(points) != len(plan.types) or len(layers) != len(kept):
        raise FormatError(
            f"it has {len(layers)} dense layers and {len(points)} values to round, "
            f"the build {len(kept)} and {len(plan.types)}",
            where=where,
            hint=_RECOMPILE,
        )
    types = {point.value: precision for point, precision in zip(points, plan.types.values(), strict=True)}
    loadable = {}
    for node, op in zip(layers, kept, strict=True):
        if op.loadable:
            weights, biases = _encodings(op)
            loadable[node.name] = LoadableTypes(weights.fixed, biases.fixed)
    return Plan(types, plan.weight_bits, loadable=loadable)


def weight_set_of(loading: AddressMap, built: Graph, other: Graph, where: str) -> WeightSet:
    """The weights of another graph of codes that is the same but for loadable weights and biases.

    Args:
        loading: addresses of the build.
        built: graph of codes of the build.
        other: graph of codes of the retrained model.
        where: what to call it in messages.

    Raises:
        FormatError: the graphs differ in something that is part of the circuit; the message names the node.
    """

    def refuse(node: Node, what: str) -> NoReturn:
        raise FormatError(f"{what}: that is part of the circuit", where=f"{where}, node '{node.name}'", hint=_RECOMPILE)

    if len(built.nodes) != len(other.nodes) or len(built.inputs) != len(other.inputs):
        raise FormatError("it has another structure than the build", where=where, hint=_RECOMPILE)
    names: dict[str, str] = {}
    for kept, value in zip(built.inputs, other.inputs, strict=True):
        if kept.type != value.type or kept.entry != value.entry:
            raise FormatError(f"input '{value.name}' has another type or scale", where=where, hint=_RECOMPILE)
        names[value.name] = kept.name
    by_layer = {layer.layer: layer for layer in loading.layers}
    codes = {}
    for mine, its in zip(built.nodes, other.nodes, strict=True):
        if type(mine.op) is not type(its.op) or [names[n] for n in its.inputs] != list(mine.inputs):
            refuse(its, f"it does not stand in the place of '{mine.name}' ({mine.op.name})")
        if isinstance(mine.op, Dense) and isinstance(its.op, Dense) and mine.op.loadable:
            _require_same_types(mine, its, refuse)
            assert its.op.bias is not None
            codes[by_layer[mine.name].name] = (its.op.weight.data, its.op.bias.data)
        elif not _equal(mine.op, its.op):
            refuse(its, _difference(mine.op))
        names |= dict(zip(its.outputs, mine.outputs, strict=True))
    if [names[value] for value in other.outputs.values()] != list(built.outputs.values()):
        raise FormatError("its outputs are other values", where=where, hint=_RECOMPILE)
    return WeightSet(codes, loading.identity)


def graph_with(graph: Graph, loading: AddressMap, weights: WeightSet) -> Graph:
    """The reference model with other weights and biases in the layers that can be loaded.

    Args:
        graph: graph of codes of the build.
        loading: addresses of the build.
        weights: the codes.
    """
    names = {layer.layer: layer.name for layer in loading.layers}
    nodes = []
    for node in graph.nodes:
        op = node.op
        if node.name in names and isinstance(op, Dense) and op.bias is not None:
            weight, bias = weights.codes[names[node.name]]
            op = replace(op, weight=replace(op.weight, data=weight), bias=replace(op.bias, data=bias))
        nodes.append(replace(node, op=op))
    return replace(graph, nodes=tuple(nodes))


def loadable_codes(graph: Graph) -> dict[str, tuple[IntArray, IntArray]]:
    """Codes of the weights and biases that can be loaded, by the layer's name in the model."""
    return {
        node.name: (node.op.weight.data, node.op.bias.data)
        for node in graph.nodes
        if isinstance(node.op, Dense) and node.op.loadable and node.op.bias is not None
    }


def read_weight_set(path: Path, loading: AddressMap, graph: Graph) -> WeightSet:
    """Read what `fpgann weights` wrote, or an npz of the same arrays.

    Args:
        path: npz with int64 arrays `NAME.weight` (inputs, outputs) and `NAME.bias` (outputs,) for each layer.
        loading: addresses of the build.
        graph: graph of codes of the build.

    Raises:
        FormatError: the file is damaged or for another build, or codes do not fit.
    """
    where = f"weights '{path}'"
    try:
        arrays = read_arrays(path)
    except FormatError as error:
        error.where = where
        raise
    identity = arrays.get("identity")
    if identity is not None and (identity.shape != () or int(identity) != loading.identity):
        raise FormatError("they are for another build", where=where, hint="make them with 'fpgann weights'")
    ops = {node.name: node.op for node in graph.nodes}
    codes = {}
    for layer in loading.layers:
        op = ops[layer.layer]
        assert isinstance(op, Dense)
        weights, biases = _encodings(op)
        codes[layer.name] = (
            _checked(arrays, f"{layer.name}.weight", (layer.inputs, layer.outputs), weights, where),
            _checked(arrays, f"{layer.name}.bias", (layer.outputs,), biases, where),
        )
    return WeightSet(codes, loading.identity)


def check_weight_file(path: Path) -> None:
    """Refuse a name that says nothing about the format.

    Raises:
        ConfigError: it ends in none of .npz, .csv and .h.
    """
    if path.suffix not in (".npz", ".csv", ".h"):
        raise ConfigError(f"'{path.suffix}' is no format of weights", where="--output", hint="use .npz, .csv or .h")


def write_weight_set(path: Path, weights: WeightSet, loading: AddressMap) -> int:
    """Write weights in the format that the file's name asks for; how many words of 32 bits they are.

    An .npz holds the codes (`NAME.weight`, `NAME.bias`), the `identity` of the design, and `addresses` and `data` of
    the writes that load them. A .csv has a line `address,data` for each write, a .h is an array of these in C.

    Args:
        path: the file.
        weights: the codes.
        loading: addresses of the build.

    Raises:
        FormatError: the file cannot be written; nothing is left behind.
    """
    addresses, data = loading.writes(weights.codes)
    if path.suffix == ".npz":
        arrays = {"identity": np.array(weights.identity, np.int64)}
        for name, (weight, bias) in weights.codes.items():
            arrays |= {f"{name}.weight": weight, f"{name}.bias": bias}
        write_samples(path, {**arrays, "addresses": np.array(addresses), "data": np.array(data)})
        return len(data)
    check_output(path)
    lines = _c_lines(addresses, data, weights.identity) if path.suffix == ".h" else _csv_lines(addresses, data)
    write_file(path, "".join(f"{line}\n" for line in lines).encode())
    return len(data)


def _csv_lines(addresses: list[int], data: list[int]) -> list[str]:
    return ["address,data", *(f"0x{a:08x},0x{d:08x}" for a, d in zip(addresses, data, strict=True))]


def _c_lines(addresses: list[int], data: list[int], identity: int) -> list[str]:
    pairs = [f"    {{0x{a:08x}u, 0x{d:08x}u}}," for a, d in zip(addresses, data, strict=True)]
    return [
        "/* Weights for an AXI4-Lite slave made by fpgann: write each word to its address, in this order. */",
        "#include <stdint.h>",
        "",
        f"#define FPGANN_WEIGHTS_IDENTITY 0x{identity:08x}u /* what the word at address 4 must read */",
        f"#define FPGANN_WEIGHTS_COUNT {len(data)}",
        "",
        "static const struct {",
        "    uint32_t address, data;",
        "} fpgann_weights[FPGANN_WEIGHTS_COUNT] = {",
        *pairs,
        "};",
    ]


def _checked(
    arrays: Mapping[str, IntArray], name: str, shape: tuple[int, ...], encoding: Encoding, where: str
) -> IntArray:
    place, hint = f"{where}, array '{name}'", "make them with 'fpgann weights'"
    if name not in arrays:
        raise FormatError("it is missing", where=place, hint=hint)
    array = arrays[name]
    if array.dtype != np.int64 or array.shape != shape:
        raise FormatError(f"it holds {array.dtype}{list(array.shape)}, not int64{list(shape)}", where=place, hint=hint)
    if not codes_in(array, encoding.range):
        bounds = f"{encoding.range.low}..{encoding.range.high}"
        raise FormatError(f"codes {array.min()}..{array.max()} leave {bounds}", where=place, hint=hint)
    return array


def _encodings(op: Dense) -> tuple[Encoding, Encoding]:
    """Meaning of the weights and the biases of a loadable layer."""
    assert op.bias is not None
    assert op.weight.encoding is not None
    assert op.bias.encoding is not None
    return op.weight.encoding, op.bias.encoding


def _require_same_types(mine: Node, its: Node, refuse: Callable[[Node, str], NoReturn]) -> None:
    assert isinstance(mine.op, Dense)
    assert isinstance(its.op, Dense)
    shapes = [list(op.weight.data.shape) for op in (mine.op, its.op)]
    if shapes[0] != shapes[1]:
        refuse(its, f"its weights have shape {shapes[1]}, not {shapes[0]}")
    if _encodings(mine.op) != _encodings(its.op):
        refuse(its, "its weights have another type or scale")


def _difference(op: Operator) -> str:
    """What is to blame where operators differ."""
    if op.name == "dense":
        return "its weights differ and are constant"
    if op.name == "requantize":
        return "its scale, or what stands before it (a bias, a normalization), differs"
    return f"its {op.name} differs"


def _equal(mine: Operator, its: Operator) -> bool:
    """Whether two operators are the same, constants included."""
    arrays: tuple[Arrays, Arrays] = ({}, {})
    if encode(mine, Operator, "", arrays[0]) != encode(its, Operator, "", arrays[1]):
        return False
    return all(np.array_equal(array, arrays[1][path]) for path, array in arrays[0].items())

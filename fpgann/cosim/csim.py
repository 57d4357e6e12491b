# SPDX-License-Identifier: Apache-2.0
"""C simulation: the HLS C++ of a build as a shared library, compared with the reference code by code."""

from __future__ import annotations

import ctypes
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fpgann.documents import HINT, Pattern, read_document
from fpgann.eda.cpp import Dialect, compile_library, dialect_flags, machine_flags
from fpgann.eda.find import find_tool
from fpgann.errors import ConfigError, FormatError, ToolFailedError
from fpgann.numerics.integers import IntArray

SIMULATOR = "csim"
_ARRAY: dict[str, Pattern] = {"name": str, "value": str, "elements": int, "words": int, "signed": bool}
_PORT: Pattern = {**_ARRAY, "port": str, "shape": [int], "order": [int]}
_DESCRIPTION: Pattern = {
    "top": str,
    "stack_bytes": int,
    "native": bool,
    "inputs": [_PORT],
    "outputs": [_PORT],
    "weights": [{**_ARRAY, "tensor": str}],
    "layers": [{**_ARRAY, "layer": str}],
}
_OPTIONS: Mapping[Dialect, tuple[str, ...]] = {
    Dialect.AP_TYPES: ("-O1",),  # a class for every width: optimising it all takes longer than it saves
    Dialect.AC_TYPES: ("-O1",),
    Dialect.NATIVE: ("-O2",),  # -O3 of GCC 12.2 was seen to compute wrongly in sound code
}

Weights = Mapping[str, tuple[IntArray, IntArray]]
"""Layer -> codes of its weights, shape (inputs, outputs), and biases, shape (outputs,)."""

_Words = npt.NDArray[np.int64]
_WordPointer = ctypes.POINTER(ctypes.c_int64)


@dataclass(frozen=True, slots=True)
class CsimRun:
    """What came of it.

    Attributes:
        verdict: as a bench writes it; C simulation knows no cycles.
        outputs: port -> codes of shape (samples, elements).
    """

    verdict: dict[str, Any]
    outputs: dict[str, IntArray]


class CsimLibrary:
    """The program of a build as a function of codes.

    Args:
        build: the BUILD folder, of target hls.
        dialect: what it computes with.
        work: where compiled libraries are kept; in the build by default.

    Raises:
        ToolError: the compiler or headers are missing, or it failed.
        FormatError: the build is damaged, or libraries cannot be kept.
    """

    def __init__(self, build: Path, dialect: Dialect = Dialect.NATIVE, work: Path | None = None) -> None:
        where = f"build '{build}'"
        self.description = read_document(build / "hls" / "design.json", _DESCRIPTION, where)
        if dialect is Dialect.NATIVE and not self.description["native"]:
            dialect = Dialect.AP_TYPES  # there are codes that no machine integer holds
        self.dialect = dialect
        path = _library_for(build / "hls", self.description["top"], dialect, work or build / "sim" / "csim")
        try:
            self._library = ctypes.CDLL(str(path.resolve()))
        except OSError as error:
            raise ToolFailedError(f"its library cannot be loaded: {error}", where="g++", hint=HINT) from None

    def run(self, values: Mapping[str, IntArray], weights: Weights | None = None) -> dict[str, IntArray]:
        """Codes of every output port, shape (samples, elements).

        Args:
            values: codes of every input value, shape (samples, ...).
            weights: of a build with `--weights runtime`, for each layer that is loaded.

        Raises:
            ConfigError: the build needs weights that are not given.
        """
        found = self._call("fpgann_run", values, weights, self.description["outputs"])
        ports = zip(self.description["outputs"], found, strict=True)
        return {port["port"]: _reordered(codes, port) for port, codes in ports}

    def trace(self, values: Mapping[str, IntArray], weights: Weights | None = None) -> dict[str, IntArray]:
        """Codes of the graph value behind every layer, shape (samples, elements).

        Args:
            values: codes of every input value, shape (samples, ...).
            weights: of a build with `--weights runtime`, for each layer that is loaded.

        Raises:
            ConfigError: the build needs weights that are not given.
        """
        layers = self.description["layers"]
        found = self._call("fpgann_trace", values, weights, layers)
        return {layer["value"]: codes for layer, codes in zip(layers, found, strict=True)}

    def _call(
        self, name: str, values: Mapping[str, IntArray], weights: Weights | None, results: Sequence[Mapping[str, Any]]
    ) -> list[IntArray]:
        ports = self.description["inputs"]
        inputs = [_to_words(_reordered(values[port["value"]], port), port["words"]) for port in ports]
        samples = len(inputs[0])
        for array in self.description["weights"]:
            if array["value"] not in (weights or {}):
                hint = "give weights and biases of all layers that are loaded"
                raise ConfigError("it is loaded at run time", where=f"layer '{array['value']}'", hint=hint)
            weight, bias = (weights or {})[array["value"]]
            codes = weight if array["tensor"] == "weight" else bias
            inputs.append(_to_words(codes.reshape(1, -1), array["words"]))
        words = [np.zeros((samples, array["elements"] * array["words"]), np.int64) for array in results]
        stack = ctypes.c_longlong(self.description["stack_bytes"])
        function = getattr(self._library, name)
        if function(_pointers(inputs), _pointers(words), ctypes.c_longlong(samples), stack):
            raise ToolFailedError("there is no memory for its arrays", where=SIMULATOR, hint="give fewer samples")
        return [_from_words(codes, array) for codes, array in zip(words, results, strict=True)]


def _pointers(arrays: Sequence[_Words]) -> ctypes.Array[Any]:
    return (_WordPointer * len(arrays))(*(array.ctypes.data_as(_WordPointer) for array in arrays))


def _reordered(codes: IntArray, port: Mapping[str, Any]) -> IntArray:
    """Codes in the order behind an interface, shape (samples, elements), where maps have theirs with channels last."""
    if port["order"]:
        axes = [0, *(axis + 1 for axis in port["order"])]
        codes = codes.reshape(len(codes), *port["shape"]).transpose(axes)
    return codes.reshape(len(codes), -1)


def _to_words(codes: IntArray, words: int) -> _Words:
    """Words of each code side by side, the lowest first."""
    flat = codes.reshape(len(codes), -1)
    if flat.dtype != object:
        parts = [flat.astype(np.int64) >> min(63, 64 * word) for word in range(words)]
    else:
        parts = [_wrapped(flat >> (64 * word)) for word in range(words)]
    return np.ascontiguousarray(np.stack(parts, axis=-1).reshape(len(codes), -1))


def _wrapped(codes: IntArray) -> _Words:
    """The lowest 64 bits in two's complement."""
    half = 1 << 63
    return np.asarray((codes + half) % (2 * half) - half).astype(np.int64)


def _from_words(words: _Words, array: Mapping[str, Any]) -> IntArray:
    parts = words.reshape(len(words), array["elements"], array["words"])
    if array["words"] == 1 and (array["signed"] or not parts.size or int(parts.min()) >= 0):
        return parts[..., 0]
    codes: IntArray = parts[..., -1].astype(object)
    if not array["signed"]:
        codes = codes % (1 << 64)
    for word in reversed(range(array["words"] - 1)):
        codes = (codes << 64) + parts[..., word].astype(object) % (1 << 64)
    return codes


def _library_for(sources: Path, top: str, dialect: Dialect, cache: Path) -> Path:
    """The shared library of a program; compiled unless `cache` holds it."""
    compiler = find_tool("g++")
    flags, machine = [*_OPTIONS[dialect], *dialect_flags(dialect)], ""
    if dialect is Dialect.NATIVE:
        tuning, machine = machine_flags(compiler)
        flags += tuning
    digest = hashlib.sha256("\0".join([compiler.version_text, machine, *flags]).encode())
    for path in sorted(path for path in sources.rglob("*") if path.suffix in (".h", ".cpp")):
        digest.update(path.relative_to(sources).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    target = cache / f"{digest.hexdigest()[:20]}.so"
    if target.is_file():
        return target
    aside = target.with_name(f".{secrets.token_hex(6)}.so")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        try:
            compile_library(sources, ["bridge.cpp", f"{top}.cpp"], flags, aside)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        hint = "name a folder where you may write with --work"
        raise FormatError(f"cannot be written: {error.strerror or error}", where=f"'{target}'", hint=hint) from error
    return target


def run_csim(
    build: Path,
    values: Mapping[str, IntArray],
    *,
    dialect: Dialect,
    work: Path | None,
    weights: Weights | None = None,
) -> CsimRun:
    """Run a build's C++ on codes and compare.

    With machine integers the outputs are compared; else every layer's result as well.

    Args:
        build: the BUILD folder.
        values: the reference's codes of every graph value, shape (samples, *shape).
        dialect: what it computes with.
        work: where compiled libraries are kept; in the build by default.
        weights: of a build with `--weights runtime`, for each layer that is loaded.

    Raises:
        ConfigError: the build needs weights that are not given.
        ToolError: the compiler or headers are missing, or it failed.
        FormatError: the build is damaged, or libraries cannot be kept.
    """
    library = CsimLibrary(build, dialect, work)
    outputs = library.run(values, weights)
    results = [
        (f"output {port['port']}", outputs[port["port"]], _rows(values, port))
        for port in library.description["outputs"]
    ]
    layers: list[tuple[str, IntArray, IntArray]] = []
    if library.dialect is not Dialect.NATIVE:
        traced = library.trace(values, weights)
        described = library.description["layers"]
        layers = [(layer["layer"], traced[layer["value"]], _rows(values, layer)) for layer in described]
    samples = len(next(iter(outputs.values())))
    wrong = np.zeros(samples, bool)
    divergence: dict[str, Any] | None = None
    for layer, got, expected in [*layers, *results]:
        differs = got != expected
        wrong |= differs.any(axis=1)
        if divergence is None and differs.any():
            vector = int(differs.any(axis=1).argmax())
            element = int(differs[vector].argmax())
            place = {"layer": layer, "vector": vector, "cycle": None, "element": element}
            numbers = {"expected": int(expected[vector, element]), "got": int(got[vector, element])}
            divergence = {**place, **numbers}
    verdict: dict[str, Any] = {
        "compared": "outputs" if library.dialect is Dialect.NATIVE else "layers",
        "types": library.dialect.value,
        "vectors": samples,
        "mismatches": int(wrong.sum()),
        "bit_exact": divergence is None,
        "latency_cycles": None,
        "latencies_seen": [],
        "ii": None,
        "intervals_seen": [],
        "first_divergence": divergence,
    }
    return CsimRun(verdict, outputs)


def _rows(values: Mapping[str, IntArray], array: Mapping[str, Any]) -> IntArray:
    codes = values[array["value"]]
    return codes.reshape(len(codes), -1)

# SPDX-License-Identifier: Apache-2.0
"""A BUILD folder as an object: emulate it, simulate it, read its report."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fpgann import reference, samples
from fpgann.codegen.build_folder import read_manifest, write_file
from fpgann.codegen.manifest import read_noise, to_json
from fpgann.cosim.batch import check_batch, run_batch
from fpgann.cosim.csim import SIMULATOR, run_csim
from fpgann.cosim.simulate import run_bench
from fpgann.cosim.vectors import DEFAULT_VECTORS, corner_and_random, unpack, vectors_in, with_noise
from fpgann.documents import HINT, Pattern, read_document
from fpgann.eda.cpp import Dialect
from fpgann.eda.progress import Progress, silent
from fpgann.errors import ConfigError, FormatError, MismatchError
from fpgann.hardware.loading import AddressMap
from fpgann.implementation import Routing, family_of, implement, simulated_netlist
from fpgann.ir import Graph
from fpgann.ir.serialize import load_graph
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.pages import write_page
from fpgann.reference.compiled import CompiledGraph
from fpgann.weight_sets import WeightSet, graph_with, loadable_codes, read_address_map, read_weight_set

_NUMBER: Pattern = (float, type(None))
_COUNTS: dict[str, Pattern] = dict.fromkeys(("latency_cycles", "ii", "lut", "ff", "dsp"), int)
_FIGURES: dict[str, Pattern] = {**_COUNTS, "bram36": float}
_TEXTS: dict[str, Pattern] = dict.fromkeys(("name", "op", "strategy", "in_type", "out_type"), str)
_REPORT: Pattern = {
    "model": str,
    "layers": [{**_TEXTS, **_FIGURES, "reuse_factor": int}],
    "total": _FIGURES,
    "accuracy": {
        "samples": int,
        "data": str,
        "max_abs_error": float,
        "rmse": float,
        "sqnr_db": _NUMBER,
        "top1_agreement": _NUMBER,
    },
}


class Design:
    """A BUILD folder.

    Args:
        folder: what `compile` wrote.
        warnings: what `compile` wants the user to know.
    """

    def __init__(self, folder: Path | str, warnings: tuple[str, ...] = ()) -> None:
        self.folder = Path(folder)
        self.warnings = warnings
        self.weight_set: WeightSet | None = None
        self.manifest = read_manifest(self.folder)
        where = f"build '{self.folder}'"
        try:
            self.graph = load_graph(self.folder / "model")
        except FormatError as error:
            error.where, error.hint = f"{where}, {error.where}", error.hint or HINT
            raise
        self.noise = read_noise(self.manifest, where)
        described = {port["name"]: tuple(port["shape"]) for port in self.manifest["outputs"]}
        if described != {name: self.graph.types[value].shape for name, value in self.graph.outputs.items()}:
            raise FormatError("manifest.json and model/graph.json differ in their outputs", where=where, hint=HINT)

    @property
    def report(self) -> dict[str, Any]:
        """Contents of report.json."""
        return read_document(self.folder / "report.json", _REPORT, f"build '{self.folder}'")

    def write_report(self) -> Path:
        """Write report.html anew, with what has been simulated and synthesised since `compile`.

        Returns:
            Where it is.
        """
        return write_page(self.folder, self.manifest, self.report)

    def address_map(self) -> AddressMap:
        """Where weights are loaded to, in a build with `--weights runtime`.

        Raises:
            FormatError: the weights of this build are constant.
        """
        return read_address_map(self.manifest, self.graph, f"build '{self.folder}'")

    def with_weights(self, weights: WeightSet | Path | str) -> Design:
        """The same build with other weights loaded: emulated and simulated with those from now on.

        Args:
            weights: a set from `fpgann.weights`, or the npz file of one.

        Raises:
            FormatError: the weights of this build are constant, or these are not for it.
        """
        loading = self.address_map()
        chosen = weights if isinstance(weights, WeightSet) else read_weight_set(Path(weights), loading, self.graph)
        if chosen.identity != loading.identity:
            hint = "make them with 'fpgann weights'"
            raise FormatError("the weights are for another build", where=f"build '{self.folder}'", hint=hint)
        loaded = copy.copy(self)
        loaded.__dict__.pop("_compiled", None)
        loaded.graph = graph_with(self.graph, loading, chosen)
        loaded.weight_set = chosen
        return loaded

    def changed_files(self) -> list[str]:
        """Files that differ from what `compile` wrote, or are gone."""

        def digest(path: Path) -> str:
            return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

        return [path for path, wanted in self.manifest["files"].items() if digest(self.folder / path) != wanted]

    def emulate(self, inputs: Mapping[str, FloatArray]) -> dict[str, Any]:
        """Run the integer reference model.

        Args:
            inputs: input name -> real numbers, shape (samples, *shape), with or without the batch axis of 1. What the
                hardware draws at random is what it draws behind a reset.

        Returns:
            Output name -> float64 of shape (samples, *shape without a batch axis of 1), and `<name>__raw` with the
            int64 codes.
        """
        checked = samples.check_samples(inputs, self.shapes())
        count = len(next(iter(checked.values())))
        drawn = {each.name: each.numbers(count) for each in self.noise}
        return self._outputs(self._compiled.run_floats({**checked, **drawn}))

    @cached_property
    def _compiled(self) -> CompiledGraph:
        """The integer reference model, at speed; made when it is first asked for."""
        return CompiledGraph(self.graph)

    def simulate(
        self,
        inputs: Mapping[str, FloatArray] | None = None,
        *,
        simulator: str | None = None,
        seed: int = 0,
        waves: bool = False,
        batch: bool = False,
        work: Path | None = None,
        netlist: str | None = None,
        time_limit_s: float | None = None,
    ) -> Simulation:
        """Simulate the hardware and compare every stage with the reference model, bit by bit and cycle by cycle.

        Args:
            inputs: as for `emulate`; corner and random codes by default.
            simulator: name of the simulator; GHDL by default, for C++ its compiler (csim).
            seed: for default inputs and random pauses.
            waves: leave a wave file in the build.
            batch: compile the design into a program of its own (Verilator): slow to start, then hundreds of
                thousands of samples a second; it compares the outputs, not the stages. C++ computes with machine
                integers then.
            work: where such programs are kept; in the build by default.
            netlist: simulate what `synthesize` mapped to this family, in such a program.
            time_limit_s: seconds that a bench may run; by default enough for large designs on a busy machine.

        Returns:
            The verdict; it is written to simulate.json as well.
        """
        values = (
            self._run(inputs)
            if inputs is not None
            else self._run_codes(corner_and_random(self.graph, self._vector_count(), seed))
        )
        self._require_files()
        simulator = simulator or (SIMULATOR if self.is_cpp else "ghdl")
        if self.is_cpp != (simulator == SIMULATOR):
            hint = f"use --simulator {SIMULATOR}" if self.is_cpp else "compile the model with --target hls"
            raise ConfigError(f"{simulator} is not for this build", where=f"build '{self.folder}'", hint=hint)
        if simulator == SIMULATOR:
            return self._run_csim(values, batch=batch, waves=waves, work=work, netlist=netlist)
        if time_limit_s is not None and batch:
            raise ConfigError("programs need no other", where="--time-limit", hint="leave it out")
        mapped = None if netlist is None else simulated_netlist(self.folder, family_of(netlist))
        if mapped is not None and not batch:
            raise ConfigError("netlists run in a compiled program", where="--netlist", hint="add --batch")
        writes = None if self.weight_set is None else self.address_map().writes(self.weight_set.codes)
        result: dict[str, Any]
        codes: dict[str, IntArray] | None
        if batch:
            check_batch(simulator, waves=waves)
            if writes is not None:
                hint = "leave out --batch"
                raise ConfigError("it runs the weights that were compiled", where="--batch", hint=hint)
            run = run_batch(self.folder, self.manifest, values, seed=seed, work=work, netlist=mapped)
            result, codes = {"compared": "outputs", **run.verdict}, self._shaped(run.outputs)
        else:
            result = run_bench(
                self.folder,
                self.manifest,
                values,
                simulator=simulator,
                seed=seed,
                waves=waves,
                writes=writes,
                time_limit_s=time_limit_s,
            )
            codes = self._codes_of(result.pop("outputs"))
            result = {"compared": "stages", **result}
        predicted = {"latency_cycles": self.manifest["latency_cycles"], "ii": self.manifest["interval_cycles"]}
        if result["ii"] is None and not result["intervals_seen"]:
            predicted["ii"] = None  # too few vectors to see an interval
        timing_holds = all(result[key] == value for key, value in predicted.items())
        mapping = {} if netlist is None else {"netlist": netlist}
        verdict = {"simulator": simulator, **mapping, **result, "predicted": predicted}
        verdict["bit_exact"] = bool(result["bit_exact"] and timing_holds)
        if verdict["bit_exact"] and not self._agree(codes, values):
            hint = "it was changed since 'fpgann compile' wrote it; compile the model again"
            raise MismatchError("the bench calls wrong outputs exact", where=f"'{self.folder}/sim'", hint=hint)
        write_file(self.folder / "simulate.json", to_json(verdict))
        return Simulation(verdict, lambda: None if codes is None else self._outputs(codes))

    @property
    def is_cpp(self) -> bool:
        """Whether the build is HLS C++."""
        return bool(self.manifest["options"].get("target") == "hls")

    def _run_csim(
        self, values: Mapping[str, IntArray], *, batch: bool, waves: bool, work: Path | None, netlist: str | None
    ) -> Simulation:
        if waves or netlist is not None:
            raise ConfigError("C++ has neither waves nor netlists", where="--waves or --netlist", hint="leave it out")
        dialect = Dialect.NATIVE if batch else Dialect.AP_TYPES
        run = run_csim(self.folder, values, dialect=dialect, work=work, weights=loadable_codes(self.graph))
        verdict = {"simulator": SIMULATOR, **run.verdict}
        write_file(self.folder / "simulate.json", to_json(verdict))
        codes = self._shaped(run.outputs)
        return Simulation(verdict, lambda: self._outputs(codes))

    def synthesize(
        self,
        family: str,
        *,
        place_and_route: bool = False,
        bitstream: bool = False,
        device: str | None = None,
        seeds: Sequence[int] = (1,),
        target_mhz: float | None = None,
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Synthesise the hardware with Yosys, out of context, and count its cells layer by layer.

        Args:
            family: what to map to, a name of `fpgann.eda.families.FAMILIES`.
            place_and_route: run nextpnr as well, for the highest clock frequency and the critical path.
            bitstream: make a bitstream as well; the design then stands behind a shift register.
            device: the part; the smallest that the design fits by default.
            seeds: one placement each.
            target_mhz: the clock frequency that placement aims at.
            progress: takes what is being done.

        Returns:
            What is written to synth.json, and shown in report.html (`fpgann.report.cells` says what is what).
        """
        chosen = family_of(family)
        if (device, target_mhz, tuple(seeds)) != (None, None, (1,)) and not (place_and_route or bitstream):
            hint = "add --place-and-route, or leave it out"
            raise ConfigError("devices, seeds and frequencies are for place and route", where="synth", hint=hint)
        routing = Routing(bitstream, device, tuple(seeds), target_mhz) if place_and_route or bitstream else None
        if self.is_cpp:
            hint = "run BUILD/hls/run_hls.tcl in Vitis HLS, or compile the model without --target hls"
            raise ConfigError("this build is C++", where=f"build '{self.folder}'", hint=hint)
        self._require_files()
        result = implement(self.folder, self.manifest, self.report, chosen, routing, progress)
        self.write_report()
        return result

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Input name -> shape of one sample, batch axis included; without what the hardware draws itself."""
        drawn = {each.name for each in self.noise}
        return {value.name: value.type.shape for value in self.graph.inputs if value.name not in drawn}

    def _run(self, inputs: Mapping[str, FloatArray]) -> dict[str, IntArray]:
        checked = samples.check_samples(inputs, self.shapes())
        given = [value for value in self.graph.inputs if value.name in checked]
        return self._run_codes({value.name: reference.encode_input(value, checked[value.name]) for value in given})

    def _run_codes(self, codes: Mapping[str, IntArray]) -> dict[str, IntArray]:
        return reference.run_codes(self.graph, with_noise(codes, self.noise))

    def _outputs(self, values: Mapping[str, IntArray]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        decoded = decode_outputs(self.graph, values)
        for delivered, name in self.graph.outputs.items():
            codes, raw = values[name], f"{delivered}__raw"
            if codes.dtype == object:
                hint = "quantize the output"
                raise FormatError("its codes are wider than 64 bits", where=f"output '{delivered}'", hint=hint)
            if raw in self.graph.outputs:
                hint = "rename one of them in the model"
                raise FormatError(
                    f"its codes go by the name of output '{raw}'", where=f"output '{delivered}'", hint=hint
                )
            result[delivered], result[raw] = _without_batch(decoded[delivered]), _without_batch(codes)
        return result

    def _shaped(self, seen: Mapping[str, IntArray]) -> dict[str, IntArray]:
        """Output values from the codes of each port, shape (samples, elements)."""
        values = {}
        for port in self.manifest["outputs"]:
            values[self.graph.outputs[port["name"]]] = _ordered(seen[port["port"]], port)
        return values

    def _codes_of(self, seen: Mapping[str, list[str]]) -> dict[str, IntArray] | None:
        """Output values as the simulated hardware delivered them; None if any bit was undefined."""
        values: dict[str, IntArray] = {}
        for port in self.manifest["outputs"]:
            count = int(np.prod(port["shape"]))
            codes = unpack(seen[port["port"]], count, port["element_bits"], signed=port["signed"])
            if codes is None:
                return None
            values[self.graph.outputs[port["name"]]] = _ordered(codes, port)
        return values

    def _vector_count(self) -> int:
        """How many vectors are simulated by default; fewer where a map takes many cycles."""
        is_map = any("tokens" in port for port in self.manifest["inputs"])
        return vectors_in(self.manifest["interval_cycles"]) if is_map else DEFAULT_VECTORS

    def _agree(self, codes: Mapping[str, IntArray] | None, values: Mapping[str, IntArray]) -> bool:
        """Whether simulated outputs are those of the reference; the bench has compared them already."""
        return codes is not None and all(np.array_equal(codes[name], values[name]) for name in codes)

    def _require_files(self) -> None:
        """Refuse to simulate a build that lacks files."""
        wanted = [path for path in self.manifest["files"] if path.startswith(("rtl/", "sim/", "hls/"))]
        missing = [path for path in wanted if not (self.folder / path).is_file()]
        if missing:
            more = f", and {len(missing) - 1} files more" if len(missing) > 1 else ""
            raise FormatError(f"{missing[0]} is missing{more}", where=f"build '{self.folder}'", hint=HINT)


@dataclass(frozen=True)
class Simulation:
    """Outcome of a simulation.

    Args:
        verdict: contents of simulate.json.
        deliver: what `outputs` returns.
    """

    verdict: dict[str, Any]
    deliver: Callable[[], dict[str, Any] | None]

    @property
    def outputs(self) -> dict[str, Any] | None:
        """What the hardware delivered, as from `emulate`; None where bits were undefined."""
        return self.deliver()

    def describe(self) -> str:
        """One line: how many vectors, mismatches, measured latency and interval."""
        verdict = self.verdict
        if verdict["simulator"] == SIMULATOR:
            word, types = ("bit-exact" if verdict["bit_exact"] else "NOT exact"), verdict["types"]
            counted = f"{verdict['vectors']} vectors, {verdict['mismatches']} mismatches"
            return f"{word}: {counted}; all {verdict['compared']} compared ({SIMULATOR}, {types})"
        every = {None: "", 1: ", one input each cycle"}
        interval = every.get(verdict["ii"], f", one input each {verdict['ii']} cycles")
        exact = "bit-exact" if verdict["bit_exact"] else "NOT exact"
        by = f"{verdict['simulator']}{', compiled: outputs only' if verdict['compared'] == 'outputs' else ''}"
        return (
            f"{exact}: {verdict['vectors']} vectors, {verdict['mismatches']} mismatches; "
            f"latency {verdict['latency_cycles']} cycles{interval}, "
            f"{'as' if verdict['bit_exact'] else 'not as'} predicted ({by})"
        )

    def require_exact(self) -> None:
        """Raise MismatchError unless every bit and every cycle was as predicted."""
        verdict = self.verdict
        if verdict["bit_exact"]:
            return
        found, by_outputs = verdict["first_divergence"], verdict["compared"] == "outputs"
        if found is None:
            measured = f"latency {verdict['latencies_seen']}, interval {verdict['intervals_seen']}"
            raise MismatchError(f"timing differs: measured {measured}, predicted {verdict['predicted']}")
        element = "" if found["element"] is None else f" element {found['element']}"
        cycle = "" if found["cycle"] is None else f" in cycle {found['cycle']}"
        raise MismatchError(
            f"vector {found['vector']}{element}{cycle}: expected {found['expected']}, got {found['got']}",
            where=f"layer '{found['layer']}'",
            hint="run again without --batch to see the stage"
            if by_outputs
            else "run again with --waves to see the signals",
        )


def _ordered(codes: IntArray, port: Mapping[str, Any]) -> IntArray:
    """Codes as they come, shape (samples, elements), in the shape of the model's tensor."""
    order = port.get("order")
    if order is None:
        return codes.reshape(len(codes), *port["shape"])
    axes = [0, *(axis + 1 for axis in order["axes"])]
    ordered: IntArray = codes.reshape(len(codes), *order["shape"]).transpose(axes)
    return ordered


def decode_outputs(graph: Graph, values: Mapping[str, IntArray]) -> dict[str, FloatArray]:
    """Real outputs by the name under which they are delivered."""
    return {delivered: graph.types[name].codes.decode(values[name]) for delivered, name in graph.outputs.items()}


def _without_batch(array: Any) -> Any:
    return array[:, 0] if array.ndim > 1 and array.shape[1] == 1 else array

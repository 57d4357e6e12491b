# SPDX-License-Identifier: Apache-2.0
"""A graph of codes, compiled: planned once, run in pieces that fit the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod

import numpy as np

import fpgann.reference.compiled.ops
import fpgann.reference.ops  # noqa: F401  registers the evaluators
from fpgann.ir import Graph, Value
from fpgann.numerics.integers import FloatArray, IntArray, integers
from fpgann.numerics.interval import CodeRange
from fpgann.reference.compiled.carrier import integer_carrier
from fpgann.reference.compiled.entry import Entry, compile_entry
from fpgann.reference.compiled.kernel import Array, Run, View
from fpgann.reference.compiled.plan import Plan, make_plan

_CACHE_BYTES = 1 << 19  # of all intermediate results together: half of a common second-level cache
_MOST_ROWS = 1024
_FEWEST_ROWS = 16


class CompiledGraph:
    """Computes what `run_codes` defines, fast and in the calling thread.

    Codes travel as float32 or float64 wherever the exact ranges in the graph's types prove that nothing rounds.

    Args:
        graph: graph of codes; its types must hold the exact ranges.
        wanted: names of the values to deliver; by default those of the graph's outputs.
    """

    def __init__(self, graph: Graph, wanted: Iterable[str] | None = None) -> None:
        self.graph = graph
        self.wanted = tuple(dict.fromkeys(graph.outputs.values() if wanted is None else wanted))
        self.plan: Plan = make_plan(graph, self.wanted)
        self._entries: dict[str, Entry] = {}

    def run(self, inputs: Mapping[str, IntArray]) -> dict[str, IntArray]:
        """Evaluate on codes.

        Args:
            inputs: graph input name -> codes of shape (samples, *shape).

        Returns:
            The wanted values by name, int64 (object beyond 63 bits), shape (samples, *shape).

        Raises:
            ValueError: codes leave the range of an input, so that nothing would be proven.
        """
        arrays = {value.name: _as_integers(inputs[value.name]) for value in self.graph.inputs}

        def feed(value: Value, rows: slice, out: Array) -> None:
            codes = arrays[value.name][rows]
            _check(value.name, codes, value.type.codes.range)
            np.copyto(out, codes, casting="unsafe")

        return self._run({name: len(array) for name, array in arrays.items()}, feed)

    def run_floats(self, inputs: Mapping[str, FloatArray]) -> dict[str, IntArray]:
        """Evaluate on real numbers, turned into codes as the inputs' entry maps define.

        Args:
            inputs: graph input name -> finite float64 of shape (samples, *shape).

        Returns:
            As from `run`.
        """
        arrays = {value.name: np.asarray(inputs[value.name], np.float64) for value in self.graph.inputs}

        def feed(value: Value, rows: slice, out: Array) -> None:
            if value.name not in self._entries:
                self._entries[value.name] = compile_entry(value, self.plan.inputs[value.name][1])
            self._entries[value.name](arrays[value.name][rows], out)

        return self._run({name: len(array) for name, array in arrays.items()}, feed)

    def _run(self, counts: Mapping[str, int], feed: Callable[[Value, slice, Array], None]) -> dict[str, IntArray]:
        if len(set(counts.values())) != 1:
            raise ValueError(f"inputs of different numbers of samples: {dict(counts)}")
        samples = next(iter(counts.values()))
        rows = max(1, min(samples, self.rows))
        bound = _Bound(self.plan, rows)
        results = {name: self._result(name, samples) for name in self.wanted}
        for start in range(0, samples, rows):
            piece = slice(start, min(start + rows, samples))
            arrays = bound.start(piece.stop - piece.start)
            for value in self.graph.inputs:
                feed(value, piece, arrays[bound.slots[self.plan.inputs[value.name]]])
            bound.run(arrays)
            for name, result in results.items():
                np.copyto(result[piece], arrays[bound.slots[self.plan.delivered[name]]], casting="unsafe")
        return {name: integers(array) if array.dtype == object else array for name, array in results.items()}

    @property
    def rows(self) -> int:
        """How many samples are computed at a time."""
        sample = sum(key[1].dtype.itemsize * prod(shape) for key, shape in self.plan.buffers())
        fitting = _CACHE_BYTES // max(1, sample)
        return min(_MOST_ROWS, max(_FEWEST_ROWS, 1 << max(0, fitting.bit_length() - 1)))

    def _result(self, name: str, samples: int) -> IntArray:
        type_ = self.graph.types[name]
        return np.empty((samples, *type_.shape), integer_carrier(type_.codes.range).dtype)


class _Bound:
    """A plan with memory for some rows; every run has its own, so that runs may overlap.

    Args:
        plan: the plan.
        rows: greatest number of samples at a time.
    """

    def __init__(self, plan: Plan, rows: int) -> None:
        keys = [*plan.inputs.values(), *(step.output for step in plan.steps)]
        self.slots = {key: slot for slot, key in enumerate(keys)}
        self._rows = rows
        self._buffers: list[Array | None] = [None] * len(keys)
        for key, shape in plan.buffers():
            self._buffers[self.slots[key]] = np.empty((rows, *shape), key[1].dtype)
        self._runs: list[tuple[Run | None, Callable[[Array], Array] | None, int, tuple[int, ...]]] = []
        for step in plan.steps:
            look = step.kernel.look if isinstance(step.kernel, View) else None
            run = None if isinstance(step.kernel, View) else step.kernel.bind(rows)
            self._runs.append((run, look, self.slots[step.output], tuple(self.slots[key] for key in step.inputs)))

    def start(self, count: int) -> list[Array]:
        """Memory for some samples; what is only a view of other memory comes later."""
        empty = np.empty(0)
        return [empty if buffer is None else buffer[:count] for buffer in self._buffers]

    def run(self, arrays: list[Array]) -> None:
        """Compute everything from the inputs."""
        for run, look, output, inputs in self._runs:
            if run is not None:
                run(arrays[output], *[arrays[slot] for slot in inputs])
            elif look is not None:
                arrays[output] = look(arrays[inputs[0]])


def _as_integers(codes: IntArray) -> IntArray:
    array = np.asarray(codes)
    if array.dtype.kind not in "iubO":
        raise TypeError(f"codes are integers, not {array.dtype}")
    return array if array.dtype == np.int64 else integers(array)


def _check(name: str, codes: IntArray, allowed: CodeRange) -> None:
    if codes.size and (codes.min() < allowed.low or codes.max() > allowed.high):
        raise ValueError(
            f"input '{name}': codes {codes.min()}..{codes.max()} leave the range {allowed.low}..{allowed.high}"
        )

# SPDX-License-Identifier: Apache-2.0
"""Calls of a plan's layers inside a function, and the arrays between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from fpgann.codegen.hls.block import Block, signature
from fpgann.codegen.hls.plan import Array, Plan

_LONGEST_LEVELS = 1  # a reader this many levels further takes what is there


@dataclass(frozen=True, slots=True)
class ForkView:
    """A function that copies an array."""

    name: str
    signature: tuple[str, ...]
    body: tuple[str, ...]


class Region:
    """The part of a function that computes a plan.

    Args:
        plan: what is called.
        inputs: names of the variables that hold the plan's inputs.
        outputs: names of variables for the plan's outputs; none to read them where `names` says they are.
        is_dataflow: whether calls overlap, so that every reader needs an array of its own.
        declares: whether the variables of the outputs are to be declared.

    Attributes:
        forks: functions that the calls need in front of them.
        names: the variables that hold an array and have no reader yet, by its name.
    """

    def __init__(
        self,
        plan: Plan,
        inputs: Sequence[str],
        outputs: Sequence[str] = (),
        *,
        is_dataflow: bool = False,
        declares: bool = True,
    ) -> None:
        self.plan = plan
        self.is_dataflow = is_dataflow
        self.declares = declares
        self.forks: list[ForkView] = []
        self.names: dict[str, list[str]] = {}
        self._inputs = list(zip(inputs, plan.inputs, strict=True))
        self._outputs = list(zip(outputs, plan.outputs, strict=True)) if outputs else []

    def write(self, code: Block) -> None:
        """Write the calls."""
        for name, array in self._inputs:
            self._deliver(code, array, name)
        for array, _ in self.plan.drawn:
            self.declare(code, array, array.name)
            code.call(f"fpgann::draw<noise::{array.name}>", [array.name])
            self._deliver(code, array, array.name)
        for layer in self.plan.layers:
            sources = [_next(self.names[source.name]) for source in layer.sources]
            ports = [name for name, array in self._outputs if array == layer.result]
            direct = bool(ports) and self._readers(layer.result) == 1
            target = ports[0] if direct else layer.name
            if not direct or self.declares:
                self.declare(code, layer.result, target)
            loaded = [loaded.array.name for loaded in layer.loaded]
            code.call(f"layers::{layer.name}", [*sources, *loaded, target])
            if direct:
                self.names[layer.result.name] = [target]
            else:
                self._deliver(code, layer.result, layer.name)

    def declare(self, code: Block, array: Array, name: str, *, stays: bool = False) -> None:
        """Declare a variable for an array; one that stays is zero at first, and keeps what it holds between calls."""
        storage, start = ("FPGANN_STATIC ", " = {}") if stays else ("", "")
        code.line(f"{storage}{array.qualified} {name}[{array.elements}]{start};")
        partition = self._partition(array)
        if partition:
            code.pragma(f"ARRAY_PARTITION variable={name} {partition}")
        depth = self._distance(array)
        if self.is_dataflow and depth > _LONGEST_LEVELS:
            code.pragma(f"STREAM variable={name} type=pipo depth={depth + 1}")

    def _readers(self, array: Array) -> int:
        return sum(array in layer.sources for layer in self.plan.layers) + sum(a == array for _, a in self._outputs)

    def _deliver(self, code: Block, array: Array, name: str) -> None:
        """Give every reader of an array what it reads."""
        readers = [layer for layer in self.plan.layers if array in layer.sources]
        ports = [port for port, wanted in self._outputs if wanted == array]
        self.names[array.name] = [name]
        copies = list(ports)
        if self.is_dataflow and len(readers) + len(ports) > 1:
            self.names[array.name] = [f"{name}_for_{reader.name}" for reader in readers]
            copies += self.names[array.name]
        if not copies:
            return
        for copy in copies:
            if copy not in ports or self.declares:
                self.declare(code, array, copy)
        self._fork(array, len(copies))
        code.call(f"fork_{array.name}", [name, *copies])

    def _fork(self, array: Array, copies: int) -> None:
        kind, body = array.qualified, Block()
        with body.loop("i", array.elements, "UNROLL" if not self.is_dataflow else "PIPELINE II=1"):
            for index in range(copies):
                body.line(f"copy{index}[i] = from[i];")
        parameters = [f"const {kind} from[{array.elements}]"]
        parameters += [f"{kind} copy{index}[{array.elements}]" for index in range(copies)]
        head = tuple(signature(f"inline void fork_{array.name}", parameters, " {"))
        self.forks.append(ForkView(array.name, head, tuple(body.lines)))

    def _distance(self, array: Array) -> int:
        """Levels between an array and the last layer that reads it: so many items are under way in between."""
        levels = {a.name: 0 for a in (*self.plan.inputs, *(drawn for drawn, _ in self.plan.drawn))}
        furthest = 0
        for layer in self.plan.layers:
            levels[layer.name] = 1 + max(levels[source.name] for source in layer.sources)
            if array in layer.sources:
                furthest = max(furthest, levels[layer.name] - levels[array.name])
        return furthest

    def _partition(self, array: Array) -> str:
        """How many elements of an array must be there at once."""
        writers = [layer for layer in self.plan.layers if layer.result == array]
        readers = [layer for layer in self.plan.layers if array in layer.sources]
        if self.plan.unrolled or any(layer.schedule.unrolled for layer in (*writers, *readers)):
            return "complete"
        factors = [max(1, layer.schedule.pe) for layer in writers] + [max(1, r.schedule.simd) for r in readers]
        factor = lcm(*factors) if factors else 1
        if factor == 1:
            return ""
        return f"cyclic factor={factor}" if array.elements % factor == 0 else "complete"


def _next(names: list[str]) -> str:
    """The next reader's array: one of its own, or the one for all."""
    return names.pop(0) if len(names) > 1 else names[0]

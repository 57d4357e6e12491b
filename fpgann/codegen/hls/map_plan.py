# SPDX-License-Identifier: Apache-2.0
"""Maps token by token: which streams there are in C++, and the pipeline of each stage."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fpgann.codegen.hls.names import CppNamespace
from fpgann.codegen.hls.plan import Array, Plan, plan_program
from fpgann.hardware.token_graph import (
    Accumulate,
    Actor,
    Draw,
    Expand,
    Fifo,
    Fork,
    MapDesign,
    Regroup,
    TokenStage,
    TokenStream,
    WindowBuffer,
)

_SLACK = 2  # places of every stream: the registers that entities of hdl/ have at both ends


@dataclass(frozen=True, slots=True)
class Channel:
    """A stream of tokens.

    Args:
        name: C++ variable.
        tokens: how many make up a map.
        elements: of a token.
        array: all of a map's elements; its type is theirs, and that of other arrays with its name.
        places: how many tokens wait.
    """

    name: str
    tokens: int
    elements: int
    array: Array
    places: int = _SLACK

    @property
    def kind(self) -> str:
        """C++ type."""
        return f"fpgann::stream<fpgann::token<{self.array.qualified}, {self.elements}>>"


@dataclass(frozen=True, slots=True)
class MapPlan:
    """Streams, and what each pipeline calls.

    Args:
        channels: C++ of every stream, by its HDL name; FIFOs are places of the stream in front of them.
        plans: of every stage, by its name.
        shells: C++ names for what windows and larger maps look like, by the actor's name.
        declared: streams that carry codes of their own, each with the actor that makes them; None for inputs.
    """

    channels: dict[str, Channel]
    plans: dict[str, Plan]
    shells: dict[str, str]
    declared: tuple[tuple[Channel, Actor | None], ...]

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All arrays."""
        inner = (array for plan in self.plans.values() for array in plan.arrays)
        return (*(channel.array for channel in self.channels.values()), *inner)


def plan_maps(maps: MapDesign) -> MapPlan:
    """Give everything a C++ name."""
    return _Planner(maps).plan()


class _Planner:
    def __init__(self, maps: MapDesign) -> None:
        self.maps = maps
        most = max((len(actor.sources) + len(actor.targets) for actor in maps.actors), default=0)
        inner = [f"{name}{index}" for name in ("from", "to", "result") for index in range(most)]
        ports = [port.name for port in (*maps.inputs, *maps.outputs)]
        # what stands in the namespaces of layers and of shells, and in the top function
        self.layers, self.shell_names = CppNamespace({"number", *inner}), CppNamespace()
        self.variables = CppNamespace({maps.name, *ports})
        self.channels: dict[str, Channel] = {}
        self.plans: dict[str, Plan] = {}
        self.shells: dict[str, str] = {}
        self.declared: list[tuple[Channel, Actor | None]] = []

    def plan(self) -> MapPlan:
        for port in self.maps.inputs:
            self._declare(port.stream, self._fresh(port.stream))
        for actor in self.maps.actors:
            self._add(actor)
        return MapPlan(self.channels, self.plans, self.shells, tuple(self.declared))

    def _add(self, actor: Actor) -> None:
        match actor:
            case Fifo():
                source = self.channels[actor.source.name]
                longer = replace(source, places=source.places + actor.places)
                self.channels[actor.source.name] = self.channels[actor.target.name] = longer
            case Fork() | Regroup():
                for target in actor.targets:
                    self._declare(target, self.channels[actor.source.name].array, is_new=False)
            case Expand():
                self._declare(actor.target, self.channels[actor.source.name].array, actor)
            case TokenStage():
                entering = [self.channels[source.name].array for source in actor.sources]
                plan = plan_program(actor.graph, actor.core, self.layers, entering=entering)
                self.plans[actor.name] = plan
                for target, array in zip(actor.targets, plan.outputs, strict=True):
                    self._declare(target, array, actor, places=actor.places)
            case WindowBuffer() | Accumulate() | Draw():
                self._declare(actor.target, self._fresh(actor.target), actor)
        if isinstance(actor, TokenStage):  # tools name modules after functions without their namespaces
            self.shells[actor.name] = self.layers.claim(actor.name, "stage", prefix="run_")
        elif isinstance(actor, WindowBuffer | Expand | Draw):
            self.shells[actor.name] = self.shell_names.claim(actor.name, "shell")

    def _fresh(self, stream: TokenStream) -> Array:
        """A type of its own."""
        return Array(self.layers.claim(stream.name, "stream"), stream.value, 0, stream.codes)

    def _declare(
        self, stream: TokenStream, like: Array, actor: Actor | None = None, *, places: int = 0, is_new: bool = True
    ) -> None:
        """Add a stream whose elements have the type of an array's."""
        array = replace(like, value=stream.value, elements=stream.tokens * stream.elements)
        name = self.variables.claim(stream.name, "stream")
        self.channels[stream.name] = Channel(name, stream.tokens, stream.elements, array, _SLACK + places)
        if is_new:
            self.declared.append((self.channels[stream.name], actor))

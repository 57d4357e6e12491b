# SPDX-License-Identifier: Apache-2.0
"""The top function of maps that come token by token: pipelines, and what moves tokens between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from fpgann.codegen.hls.block import Block
from fpgann.codegen.hls.harness import read_array, write_array
from fpgann.codegen.hls.interface import Beats, HostPort, Interface
from fpgann.codegen.hls.layer import render_layers
from fpgann.codegen.hls.map_plan import Channel, MapPlan, plan_maps
from fpgann.codegen.hls.noise import LIBRARY as NOISE_LIBRARY
from fpgann.codegen.hls.noise import render_noise
from fpgann.codegen.hls.pipeline import render_pipeline
from fpgann.codegen.hls.plan import Array
from fpgann.codegen.hls.program import TypesView, TypeView, plan_types, render_top, stack_bytes, type_view
from fpgann.codegen.hls.shells import ShellView, expansion, window_shape
from fpgann.codegen.render import render
from fpgann.hardware.names import printable
from fpgann.hardware.token_graph import (
    Accumulate,
    Actor,
    Draw,
    Expand,
    Fifo,
    Fork,
    MapDesign,
    Regroup,
    TokenPort,
    TokenStage,
    WindowBuffer,
)
from fpgann.ir import Graph


@dataclass(frozen=True, slots=True)
class ShellsView:
    """Vocabulary of templates/hls/shells.h.j2."""

    shells: tuple[ShellView, ...]


class MapProgram:
    """A network of maps between AXI4-Stream interfaces.

    Args:
        graph: graph of codes.
        maps: its hardware.
    """

    def __init__(self, graph: Graph, maps: MapDesign) -> None:
        self.graph = graph
        self.maps = maps
        self.plan: MapPlan = plan_maps(maps)
        self._generators = {self.plan.shells[a.name]: a.noise for a in maps.actors if isinstance(a, Draw)}

    @property
    def library(self) -> tuple[str, ...]:
        """Headers of fpgann/ that only some designs need."""
        return NOISE_LIBRARY if self._generators else ("axis.h", "maps.h")

    @property
    def interface(self) -> Interface:
        """What it has to the outside."""
        inputs = tuple(self._port(port, port.model_name, is_input=True) for port in self.maps.inputs)
        outputs = tuple(
            self._port(port, self.graph.outputs[port.model_name], is_input=False) for port in self.maps.outputs
        )
        return Interface(self.maps.name, inputs, outputs, (), self._headers, stack_bytes(self.plan.arrays))

    def _port(self, port: TokenPort, value: str, *, is_input: bool) -> HostPort:
        channel = self.plan.channels[port.stream.name]
        beats = Beats(port.name, port.beat_bits, port.element_bytes, port.elements_per_beat)
        shape, order = port.shape, port.permutation or ()
        if order and is_input:  # of the model's tensor, in the order of the tokens
            shape = tuple(port.shape[axis] for axis in order)
            order = tuple(int(axis) for axis in np.argsort(order))
        array = replace(channel.array, elements=prod(port.shape))
        return HostPort(channel.name, array, value, beats, shape if order else (), order)

    @property
    def traced(self) -> list[tuple[Array, str]]:
        """Arrays that a trace delivers, and the layer in front of each."""
        layers = {channel.name: actor.layers[-1] for channel, actor in self.plan.declared if actor and actor.layers}
        return [(channel.array, layers[channel.name]) for channel in self._traced]

    @property
    def _traced(self) -> list[Channel]:
        """The streams that hold a value of the graph, behind what computes it."""
        return [
            channel
            for channel, actor in self.plan.declared
            if actor is not None and actor.layers and channel.array.value
        ]

    @property
    def _headers(self) -> tuple[str, ...]:
        pipelines = (f"pipelines/{self.plan.shells[stage.name]}.h" for stage in self.maps.cores)
        noise = ["noise.h"] if self._generators else []
        shells = ["shells.h"] if self._shells else []
        return tuple(sorted(["fpgann/maps.h", *noise, *shells, *pipelines]))

    @property
    def _shells(self) -> tuple[ShellView, ...]:
        names = self.plan.shells
        return tuple(
            window_shape(names[a.name], a) if isinstance(a, WindowBuffer) else expansion(names[a.name], a)
            for a in self.maps.actors
            if isinstance(a, WindowBuffer | Expand)
        )

    def render(self) -> dict[str, str]:
        """Its files by path below hls/.

        Raises:
            UnsupportedOperatorError: an operator has no C++.
        """
        files: dict[str, str] = {}
        for stage in self.maps.cores:
            plan, name = self.plan.plans[stage.name], self.plan.shells[stage.name]
            channels = tuple([self.plan.channels[s.name] for s in side] for side in (stage.sources, stage.targets))
            files |= render_layers(plan)
            files[f"pipelines/{name}.h"] = render_pipeline(name, stage, plan, channels[0], channels[1])
        if self._shells:
            files["shells.h"] = render("hls/shells.h.j2", ShellsView(self._shells))
        if self._generators:
            files["noise.h"] = render_noise(self._generators)
        types = [self._type(channel) for channel, _ in self.plan.declared]
        types += [view for plan in self.plan.plans.values() for view in plan_types(plan)]
        views = tuple({view.name: view for view in reversed(types)}.values())[::-1]  # streams share types with arrays
        files["types.h"] = render("hls/types.h.j2", TypesView(("fpgann/axis.h", "fpgann/integers.h"), views))
        ports = (*self.interface.inputs, *self.interface.outputs)
        parameters = [f"{port.beats.stream_type} &{port.port}" for port in ports if port.beats is not None]
        return files | render_top(
            self.maps.name, self.maps.interval_cycles, parameters, self._body(), self._headers, ()
        )

    def _type(self, channel: Channel) -> TypeView:
        array = channel.array
        if array.value in self.graph.types:
            return type_view(array, self.graph)
        return TypeView(array.kind, array.kind_text, f"what lies between layers around '{printable((channel.name,))}'")

    def _body(self) -> Block:
        code = Block()
        for port in (*self.maps.inputs, *self.maps.outputs):
            code.pragma(f"INTERFACE mode=axis port={port.name}")
        code.pragma("INTERFACE mode=ap_ctrl_none port=return")
        code.pragma("DATAFLOW")
        for port in self.maps.inputs:
            channel = self.plan.channels[port.stream.name]
            _declare(code, channel)
            signed = "true" if channel.array.codes.signed else "false"
            sizes = f"{channel.tokens}, {port.elements_per_beat}, {signed}, {port.element_bytes}, {port.beat_bits}"
            code.call(f"fpgann::receive_tokens<{sizes}>", [port.name, channel.name])
        for actor in self.maps.actors:
            self._call(code, actor)
        for port in self.maps.outputs:
            channel = self.plan.channels[port.stream.name]
            sizes = f"{channel.tokens}, {port.elements_per_beat}, {port.element_bytes}, {port.beat_bits}"
            code.call(f"fpgann::send_tokens<{sizes}>", [channel.name, port.name])
        return code

    def trace(self) -> Block:
        """One actor after another; the results of layers are delivered."""
        code = Block()
        for index, port in enumerate(self.maps.inputs):
            channel = self.plan.channels[port.stream.name]
            codes = f"{channel.name}_codes"
            read_array(code, channel.array, codes, index)
            code.line(f"{channel.kind} {channel.name};")
            code.call(f"fpgann::fill<{channel.tokens}>", [codes, channel.name])
        delivered = {channel.name: index for index, channel in enumerate(self._traced)}
        for actor in self.maps.actors:
            self._call(code, actor, is_synthesised=False)
            for target in () if isinstance(actor, Fork | Fifo | Regroup) else actor.targets:
                channel = self.plan.channels[target.name]
                if channel.name in delivered:
                    codes = f"{channel.name}_codes"
                    code.line(f"{channel.array.qualified} {codes}[{channel.array.elements}];")
                    code.call(f"fpgann::peek<{channel.tokens}>", [channel.name, codes])
                    write_array(code, channel.array, codes, delivered[channel.name])
        for port in self.maps.outputs:
            channel = self.plan.channels[port.stream.name]
            code.call(f"fpgann::discard<{channel.tokens}>", [channel.name])
        return code

    def _call(self, code: Block, actor: Actor, *, is_synthesised: bool = True) -> None:
        """Declare what an actor drives, and call it."""
        if isinstance(actor, Fifo):
            return
        sources, targets = ([self.plan.channels[s.name] for s in side] for side in (actor.sources, actor.targets))
        for target in targets:
            _declare(code, target, is_synthesised=is_synthesised)
        names = [channel.name for channel in (*sources, *targets)]
        code.call(self._function(actor, sources, targets), names)

    def _function(self, actor: Actor, sources: Sequence[Channel], targets: Sequence[Channel]) -> str:
        fewer = min(channel.tokens for channel in (*sources, *targets))
        match actor:
            case TokenStage():
                return f"pipelines::{self.plan.shells[actor.name]}"
            case WindowBuffer():
                return f"fpgann::windows<shells::{self.plan.shells[actor.name]}>"
            case Expand():
                return f"fpgann::expand<shells::{self.plan.shells[actor.name]}>"
            case Accumulate(factor=factor, reduction=reduction):
                kind = f"fpgann::Reduction::{reduction.name}"
                return f"fpgann::reduce<{fewer}, {factor}, {kind}>"
            case Regroup(gathers=gathers, factor=factor):
                return f"fpgann::{'gather' if gathers else 'scatter'}<{fewer}, {factor}>"
            case Fork() | Fifo():
                return f"fpgann::fork<{sources[0].tokens}>"
            case Draw():
                return f"fpgann::draw_tokens<noise::{self.plan.shells[actor.name]}, {fewer}>"


def _declare(code: Block, channel: Channel, *, is_synthesised: bool = True) -> None:
    code.line(f"{channel.kind} {channel.name};")
    if is_synthesised:
        code.pragma(f"STREAM variable={channel.name} depth={channel.places}")

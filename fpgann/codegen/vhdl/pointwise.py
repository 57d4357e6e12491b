# SPDX-License-Identifier: Apache-2.0
"""Stages that apply one staircase to every element."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.codegen.render import render
from fpgann.codegen.vhdl.requantizers import MemoryView, RequantizerView, view_requantizer
from fpgann.hardware.design import PointwiseKernel, Stage
from fpgann.hardware.names import printable


@dataclass(frozen=True, slots=True)
class PointwiseView:
    """Vocabulary of templates/vhdl/pointwise.vhd.j2."""

    entity: str
    layers: str
    elements: int
    latency_cycles: int
    in_bits: int
    out_bits: int
    memories: tuple[MemoryView, ...]
    declarations: tuple[str, ...]
    requantizers: tuple[RequantizerView, ...]
    last: str


def render_pointwise(stage: Stage, entity: str) -> str:
    """The entity of a pointwise stage."""
    kernel = stage.kernel
    assert isinstance(kernel, PointwiseKernel)
    lanes = [[channel] for channel in kernel.channels]
    view = view_requantizer(kernel.requantizer, "mapped", "entry", lanes, 0)
    declarations = (
        "signal entry_valid : std_ulogic;",
        f"signal entry_data : std_ulogic_vector({stage.source.bits - 1} downto 0);",
        *view.declarations,
    )
    return render(
        "vhdl/pointwise.vhd.j2",
        PointwiseView(
            entity=entity,
            layers=printable(stage.layers),
            elements=stage.source.elements,
            latency_cycles=stage.latency_cycles,
            in_bits=stage.source.bits,
            out_bits=stage.target.bits,
            memories=view.memories,
            declarations=declarations,
            requantizers=(view,),
            last=view.name,
        ),
    )

# SPDX-License-Identifier: Apache-2.0
"""What the actors of a network of maps cost beside the stages of their pipelines: memories, registers, counters."""

from __future__ import annotations

from collections.abc import Sequence

from fpgann.hardware.estimate import Resources, estimate_between, noise_amounts, resources_of
from fpgann.hardware.estimate_blocks import Amounts, counter_bits, two_port_memory
from fpgann.hardware.estimate_calibration import Kind
from fpgann.hardware.estimate_fabric import DEFAULT_FAMILY, FABRICS, Fabric
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
from fpgann.ir.ops.reduce import Reduction


def estimate_shell(actor: Actor, family: str = DEFAULT_FAMILY) -> Resources:
    """Cost of an actor; of a pipeline without its stages: what paces it, and the FIFOs behind it."""
    own = resources_of(_amounts(actor, FABRICS[family]), Kind.STREAM, family)
    return own + estimate_between(actor.core, family) if isinstance(actor, TokenStage) else own


def estimate_ports(maps: MapDesign, family: str = DEFAULT_FAMILY) -> Resources:
    """Cost of the converters at the interfaces."""
    total = Amounts()
    for port in (*maps.inputs, *maps.outputs):
        total.add(_port(port))
    return resources_of(total, Kind.STREAM, family)


def estimate_network(maps: MapDesign, family: str = DEFAULT_FAMILY) -> Resources:
    """Cost of everything beside the stages of the pipelines."""
    return sum((estimate_shell(actor, family) for actor in maps.actors), estimate_ports(maps, family))


def _port(port: TokenPort) -> Amounts:
    total = Amounts()
    counters = _counters(total, (port.stream.tokens, port.beats_per_token))
    total.ff += port.stream.bits + counters + 4
    total.logic["ring"] += port.stream.bits if port.beats_per_token > 1 else 0
    total.logic["control"] += 1
    return total


def _counters(total: Amounts, states: Sequence[int]) -> int:
    """Count counters; their registers."""
    registers = sum(counter_bits(count) for count in states)
    total.logic["counter"] += registers
    return registers


def _fifo(fabric: Fabric, places: int, bits: int) -> Amounts:
    total = Amounts()
    total.ff += _counters(total, (places + 1, places + 1, places, places)) + 1
    total.add(two_port_memory(fabric, places, bits) if places > 1 else Amounts(ff=2 * bits))
    return total


def _amounts(actor: Actor, fabric: Fabric) -> Amounts:
    total = Amounts()
    match actor:
        case WindowBuffer():
            return _window(actor, fabric)
        case Draw(noise=noise):
            total.add(noise_amounts(noise, fabric))
        case TokenStage(targets=targets):
            total.logic["control"] += 1
            for target in targets:
                total.add(_fifo(fabric, actor.places, target.bits))
        case Fifo(source=source, places=places):
            total.add(_fifo(fabric, places, source.bits))
        case Fork(targets=targets):
            total.ff += len(targets)
            total.logic["control"] += 1
        case Regroup(source=source, target=target, factor=factor):
            bits = max(source.bits, target.bits)
            total.ff += bits + _counters(total, (factor,)) + 1
            total.logic["ring"] += 0 if actor.gathers else bits
        case Accumulate(target=target, factor=factor, reduction=reduction):
            total.ff += target.bits + _counters(total, (factor,)) + 1
            kind = "accumulator" if reduction is Reduction.SUM else "compare"
            total.logic[kind] += target.bits
        case Expand(source=source, target=target, columns=columns, factors=factors, parts=parts):
            total.ff += source.bits + _counters(total, (2 * columns + 1, 2 * columns, columns, *factors)) + 2
            total.logic["ring"] += target.bits * (parts - 1)
            total.add(two_port_memory(fabric, 2 * columns, source.bits))
    return total


def _window(actor: WindowBuffer, fabric: Fabric) -> Amounts:
    """The memory of rows, the columns that windows see, the token on its way, counters of places."""
    geometry, total = actor.geometry, Amounts()
    rows, columns = (size + gap for size, gap in zip(geometry.sizes, geometry.gaps, strict=True))
    column_bits = geometry.kernel[0] * actor.token_bits
    states = (rows, columns, rows, columns, *geometry.strides, max(1, actor.line_depth), max(1, actor.line_depth))
    total.ff += (geometry.reach[1] + 1) * column_bits + actor.token_bits + _counters(total, states) + 4
    if actor.line_depth:
        total.add(two_port_memory(fabric, actor.line_depth, column_bits - actor.token_bits))
    total.logic["control"] += 1
    return total

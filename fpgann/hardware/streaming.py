# SPDX-License-Identifier: Apache-2.0
"""AXI4-Stream around a design with parallel ports: how tensors become beats, FIFO depths, latency, interval.

Between the stream interfaces and the fixed-latency core (no backpressure inside) stand entities of hdl/:

    s_axis -> stream_to_frame -+-> frame_join -> core -+-> frame_fifo -> frame_to_stream -> m_axis
    s_axis -> stream_to_frame -+                       +-> frame_fifo -> frame_to_stream -> m_axis
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from fpgann.errors import ConfigError
from fpgann.hardware.design import Design, Port
from fpgann.hardware.names import Namespace

GATHER_CYCLES = 1  # last beat to frame: fpgann_stream_to_frame
FIFO_CYCLES = 2  # fpgann_frame_fifo
SEND_CYCLES = 1  # frame to first beat: fpgann_frame_to_stream
MAX_WIDTH_BITS = 4096  # IHI 0051B sets no limit; AXI4-Stream infrastructure ends at 512 bytes (PG085)

# What the top entity calls by the name of an interface
INTERFACE_SUFFIXES = (
    "",
    *(f"_{signal}" for signal in ("tdata", "tkeep", "tlast", "tready", "tvalid")),
    *(f"_{part}" for part in ("fifo", "frame", "gather", "result", "send")),
)


@dataclass(frozen=True, slots=True)
class StreamPort:
    """An AXI4-Stream interface: one packet is one tensor.

    Element 0 comes first, in the low bytes. An element begins at a multiple of `element_bytes`, in two's
    complement extended to whole bytes; a beat holds as many whole elements as fit, and is zero above them.

    Args:
        name: what the names of its signals begin with, like `s_axis`.
        port: the core's port behind it.
        beat_bits: width of tdata.
    """

    name: str
    port: Port
    beat_bits: int

    @property
    def element_bytes(self) -> int:
        """Bytes of an element."""
        return _element_bytes(self.port)

    @property
    def beat_bytes(self) -> int:
        """Bytes of a beat."""
        return self.beat_bits // 8

    @property
    def elements_per_beat(self) -> int:
        """Elements of every beat but the last."""
        return self.beat_bytes // self.element_bytes

    @property
    def beats(self) -> int:
        """Beats of a packet."""
        return ceil(self.port.stream.elements / self.elements_per_beat)

    @property
    def last_elements(self) -> int:
        """Elements of the last beat."""
        return self.port.stream.elements - (self.beats - 1) * self.elements_per_beat

    @property
    def has_keep(self) -> bool:
        """Whether some beat is not filled with elements, so that tkeep has something to say."""
        return self.last_elements * self.element_bytes != self.beat_bytes


@dataclass(frozen=True, slots=True)
class StreamDesign:
    """A design with AXI4-Stream interfaces.

    Args:
        core: what computes.
        inputs: slaves, in the model's order.
        outputs: masters, in the model's order.
    """

    core: Design
    inputs: tuple[StreamPort, ...]
    outputs: tuple[StreamPort, ...]

    @property
    def core_entity(self) -> str:
        """HDL name of the core's entity; the design's own name is that of the top entity."""
        return f"{self.core.name}_core"

    @property
    def latency_cycles(self) -> int:
        """From the last beat of the inputs to the first beat of the outputs, if nothing stalls."""
        return GATHER_CYCLES + self.core.latency_cycles + FIFO_CYCLES + SEND_CYCLES

    @property
    def interval_cycles(self) -> int:
        """From one packet to the next, if nothing stalls."""
        return max(self.core.interval_cycles, *(port.beats for port in (*self.inputs, *self.outputs)))

    @property
    def fifo_frames(self) -> int:
        """Places that a FIFO behind the core has.

        A frame holds its place from when the core accepts it until the FIFO's output register takes it: latency + 1
        cycles later, and one cycle passes until the place can be given away again. By Little's law a frame each
        interval needs ceil((latency + 2) / interval) places; one more evens out a consumer that is not in step.
        """
        return ceil((self.core.latency_cycles + FIFO_CYCLES) / self.interval_cycles) + 1


def plan_streams(core: Design, width_bits: int | None) -> StreamDesign:
    """Put AXI4-Stream interfaces around a design.

    Args:
        core: the design.
        width_bits: width of every tdata; None gives each interface one element a beat.

    Raises:
        ConfigError: the width is no number of bytes, or below an element.
    """
    if width_bits is not None:
        _check_width(core, width_bits)
    names = Namespace()

    def interfaces(ports: tuple[Port, ...], prefix: str) -> tuple[StreamPort, ...]:
        found = []
        for port in ports:
            name = port.name.partition("_")[2] if len(ports) > 1 else ""
            full = names.claim(name, "data", prefix=f"{prefix}_", suffixes=INTERFACE_SUFFIXES) if name else prefix
            found.append(StreamPort(full, port, width_bits or 8 * _element_bytes(port)))
        return tuple(found)

    return StreamDesign(core, interfaces(core.inputs, "s_axis"), interfaces(core.outputs, "m_axis"))


def _element_bytes(port: Port) -> int:
    return ceil(port.stream.element_bits / 8)


def _check_width(core: Design, width_bits: int) -> None:
    where = "--stream-width"
    if width_bits % 8 or not 8 <= width_bits <= MAX_WIDTH_BITS:
        hint = f"give a multiple of 8 up to {MAX_WIDTH_BITS}"
        raise ConfigError(f"{width_bits} bits are no whole number of bytes in range", where=where, hint=hint)
    widest = max((*core.inputs, *core.outputs), key=_element_bytes)
    least = 8 * _element_bytes(widest)
    if width_bits < least:
        raise ConfigError(
            f"a beat of {width_bits} bits holds no element of '{widest.model_name}' "
            f"({widest.stream.element_bits} bits)",
            where=where,
            hint=f"the least that works is {least}",
        )

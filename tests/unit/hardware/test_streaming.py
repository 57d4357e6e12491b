# SPDX-License-Identifier: Apache-2.0
"""Beats of AXI4-Stream, places of FIFOs, latency and interval."""

from __future__ import annotations

from collections import deque
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgann.errors import ConfigError
from fpgann.hardware.design import Design, Port, Stream
from fpgann.hardware.estimate import estimate_streams
from fpgann.hardware.streaming import MAX_WIDTH_BITS, StreamDesign, plan_streams
from fpgann.numerics.interval import CodeRange
from sim import models


def design(*ports: tuple[str, int, int], latency: int = 5, interval: int = 1) -> Design:
    """A core without stages; ports are (in_NAME or out_NAME, elements, bits)."""

    def made(name: str, elements: int, bits: int) -> Port:
        codes = CodeRange(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        return Port(name, name.partition("_")[2], Stream(name, name, elements, codes, 0))

    found = [made(*port) for port in ports]
    inputs = tuple(port for port in found if port.name.startswith("in_"))
    outputs = tuple(port for port in found if port.name.startswith("out_"))
    return Design("net", inputs, outputs, (), latency, interval, {})


@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 40))
def test_beats_are_those_of_the_model(elements: int, bits: int, beat_bytes: int) -> None:
    core = design(("in_x", elements, bits), ("out_y", 1, 1))
    size = ceil(bits / 8)
    if beat_bytes < size:
        with pytest.raises(ConfigError, match=f"the least that works is {8 * size}"):
            plan_streams(core, 8 * beat_bytes)
        return
    (port,) = plan_streams(core, 8 * beat_bytes).inputs
    layout = models.beat_layout(elements, size, beat_bytes)
    assert (port.beats, port.last_elements, port.element_bytes) == (len(layout), layout[-1], size)
    assert port.has_keep == any(count * size != beat_bytes for count in layout)


def test_one_element_a_beat_by_default() -> None:
    streams = plan_streams(design(("in_x", 3, 9), ("in_y", 2, 8), ("out_z", 4, 33)), None)
    ports = (*streams.inputs, *streams.outputs)
    assert [(p.name, p.beat_bits, p.elements_per_beat, p.beats, p.has_keep) for p in ports] == [
        ("s_axis_x", 16, 1, 3, False),
        ("s_axis_y", 8, 1, 2, False),
        ("m_axis", 40, 1, 4, False),
    ]


@pytest.mark.parametrize("width", [1, 7, 9, 12, 33, MAX_WIDTH_BITS + 8, 1 << 70])
def test_widths_are_whole_bytes(width: int) -> None:
    with pytest.raises(ConfigError, match=f"multiple of 8 up to {MAX_WIDTH_BITS}"):
        plan_streams(design(("in_x", 1, 1), ("out_y", 1, 1)), width)


def test_names_of_signals_never_meet() -> None:
    names = ["in_a", "in_a_frame", "in_a_frame_tdata", "in_frame", "in_gather", "in_a_gather", "in_a_tdata"]
    streams = plan_streams(design(*((name, 1, 1) for name in names), ("out_a", 1, 1), ("out_a_fifo", 1, 1)), None)
    parts = ("tdata", "tkeep", "tlast", "tready", "tvalid", "fifo", "frame", "gather", "result", "send")
    signals = [f"{port.name}_{part}" for port in (*streams.inputs, *streams.outputs) for part in parts]
    assert len(set(signals)) == len(signals)


def measured_interval(places: int, latency: int, interval: int) -> float:
    """Cycles between frames that are always on offer, each of which keeps a place for latency + 2 cycles."""
    held: deque[int] = deque()
    starts: list[int] = []
    for cycle in range(60 * (latency + interval + 4)):
        while held and held[0] <= cycle:
            held.popleft()
        if len(held) < places and (not starts or cycle - starts[-1] >= interval):
            starts.append(cycle)
            held.append(cycle + latency + 2)
    half = len(starts) // 2
    return (starts[-1] - starts[half]) / (len(starts) - 1 - half)


@given(st.integers(1, 60), st.integers(1, 30))
def test_places_keep_full_speed_with_one_to_spare(latency: int, interval: int) -> None:
    streams = plan_streams(design(("in_x", 1, 1), ("out_y", 1, 1), latency=latency, interval=interval), None)
    places = streams.fifo_frames
    assert measured_interval(places - 1, latency, interval) == interval
    if places > 2:
        assert measured_interval(places - 2, latency, interval) > interval


def test_interval_and_latency() -> None:
    def streams(*ports: tuple[str, int, int], interval: int) -> StreamDesign:
        return plan_streams(design(*ports, latency=9, interval=interval), 16)

    assert streams(("in_x", 7, 8), ("out_y", 3, 12), interval=1).interval_cycles == 4
    assert streams(("in_x", 7, 8), ("out_y", 5, 12), interval=1).interval_cycles == 5
    assert streams(("in_x", 7, 8), ("out_y", 5, 12), interval=6).interval_cycles == 6
    assert streams(("in_x", 7, 8), ("out_y", 5, 12), interval=6).latency_cycles == 13


def test_cost_grows_with_frames_and_places() -> None:
    small = estimate_streams(plan_streams(design(("in_x", 4, 8), ("out_y", 4, 8)), None))
    large = estimate_streams(plan_streams(design(("in_x", 64, 8), ("out_y", 64, 8)), None))
    deep = estimate_streams(plan_streams(design(("in_x", 4, 8), ("out_y", 4, 8), latency=2000), None))
    assert large.ff > small.ff > 2 * 32
    assert large.lut > small.lut
    assert deep.bram36 > 0

# SPDX-License-Identifier: Apache-2.0
"""Line charts as SVG files, without any library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 720.0, 420.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 72.0, 18.0, 40.0, 52.0
_COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2")
_FONT = 'font-family="system-ui, sans-serif" font-size="13"'
_TICKS = 6
_MOST_POINTS = 600

Points = Sequence[tuple[float, float]]


def line_chart(
    title: str,
    x_label: str,
    y_label: str,
    series: Mapping[str, Points],
    *,
    log_x: bool = False,
    joined: bool = True,
) -> str:
    """A chart with one line a series, points marked where there are few.

    Args:
        title: above the chart.
        x_label: below it.
        y_label: at its left.
        series: points by the name in the legend; at least one point in all.
        log_x: a logarithmic axis, for positive numbers.
        joined: lines from point to point; else the points alone.
    """
    thin = {name: points[:: max(1, len(points) // _MOST_POINTS)] for name, points in series.items()}
    xs = [x for points in thin.values() for x, _ in points]
    ys = [y for points in thin.values() for _, y in points]
    across = _Axis(min(xs), max(xs), _LEFT, _WIDTH - _RIGHT, log=log_x)
    up = _Axis(min(ys), max(ys), _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" {_FONT}>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{_LEFT:g}" y="24" font-size="16">{escape(title)}</text>',
    ]
    for value in across.ticks():
        x = across.place(value)
        parts.append(f'<path d="M{x:.1f} {_TOP:g}V{_HEIGHT - _BOTTOM:g}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 32:g}" text-anchor="middle">{value:.6g}</text>')
    for value in up.ticks():
        y = up.place(value)
        parts.append(f'<path d="M{_LEFT:g} {y:.1f}H{_WIDTH - _RIGHT:g}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{_LEFT - 8:g}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>')
    parts.append(f'<text x="{_WIDTH / 2:g}" y="{_HEIGHT - 10:g}" text-anchor="middle">{escape(x_label)}</text>')
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    turned = f'x="16" y="{middle:g}" text-anchor="middle" transform="rotate(-90 16 {middle:g})"'
    parts.append(f"<text {turned}>{escape(y_label)}</text>")
    for number, (name, points) in enumerate(thin.items()):
        parts += _line(points, across, up, _COLOURS[number % len(_COLOURS)], joined=joined)
        y = _TOP + 18 * (number + 1)
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<circle cx="{_WIDTH - 190:g}" cy="{y - 4:g}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{_WIDTH - 180:g}" y="{y:g}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _line(points: Points, across: _Axis, up: _Axis, colour: str, *, joined: bool) -> list[str]:
    places = [f"{across.place(x):.1f} {up.place(y):.1f}" for x, y in points]
    drawn = []
    if places and joined:
        drawn = [f'<path d="M{"L".join(places)}" fill="none" stroke="{colour}" stroke-width="1.6"/>']
    if len(points) <= 40 or not joined:
        drawn += [f'<circle cx="{p.split()[0]}" cy="{p.split()[1]}" r="3.5" fill="{colour}"/>' for p in places]
    return drawn


class _Axis:
    """From numbers to places on the page.

    Args:
        low: least number.
        high: greatest number.
        start: place of the least.
        end: place of the greatest.
        log: logarithmic.
    """

    def __init__(self, low: float, high: float, start: float, end: float, *, log: bool = False) -> None:
        self._log = log
        self._low, self._high = (math.log10(low), math.log10(high)) if log else (low, high)
        if self._high == self._low:
            self._low, self._high = self._low - 0.5, self._high + 0.5
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        """Where a number stands."""
        number = math.log10(value) if self._log else value
        return self._start + (number - self._low) / (self._high - self._low) * (self._end - self._start)

    def ticks(self) -> list[float]:
        """Round numbers on the axis."""
        if self._log:
            decades = range(math.floor(self._low), math.ceil(self._high) + 1)
            every = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
            return [value for value in every if self._low <= math.log10(value) <= self._high]
        step = 10.0 ** math.floor(math.log10((self._high - self._low) / _TICKS))
        step *= next(f for f in (1, 2, 5, 10) if (self._high - self._low) / (f * step) <= _TICKS)
        first = math.ceil(self._low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self._high / step + 1e-9) + 1)]

# SPDX-License-Identifier: Apache-2.0
"""The estimate beside what synthesis found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fpgann.report.charts import RESOURCES
from fpgann.report.text import shown, whole

_FAR = 0.2  # a difference that is worth a colour


@dataclass(frozen=True, slots=True)
class ComparedView:
    """Estimate and synthesis of one resource; `tone` is a class of the style sheet."""

    estimated: str
    found: str
    difference: str
    tone: str


@dataclass(frozen=True, slots=True)
class ComparedRowView:
    """A layer, or all of them."""

    name: str
    cells: tuple[ComparedView, ...]


@dataclass(frozen=True, slots=True)
class SynthesisView:
    """What `fpgann synth` found, if it has run."""

    is_there: bool
    title: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[ComparedRowView, ...] = ()
    total: tuple[ComparedView, ...] = ()


def view_synthesis(synthesis: Mapping[str, Any] | None) -> SynthesisView:
    """Compare the estimates of a build with its synthesis.

    Args:
        synthesis: contents of synth.json.
    """
    if synthesis is None:
        return SynthesisView(is_there=False)
    rows = [
        ComparedRowView(shown(f"{layer['name']} ({layer['op']})", 60), _compared(layer))
        for layer in synthesis["layers"]
    ]
    rows.append(ComparedRowView("between the layers", _compared(synthesis["rest"])))
    return SynthesisView(
        is_there=True,
        title=f"{shown(synthesis['family'])}, {shown(synthesis['tool'])}",
        columns=tuple(title for _, title in RESOURCES),
        rows=tuple(rows),
        total=_compared(synthesis),
    )


def _compared(found: Mapping[str, Any]) -> tuple[ComparedView, ...]:
    """Figures with the `estimate` beside them; what lies between the layers may have none."""
    estimate = found.get("estimate", {})
    return tuple(_one(estimate.get(key), found.get(key)) for key, _ in RESOURCES)


def _one(estimated: float | None, found: float | None) -> ComparedView:
    if estimated is None or found is None:
        return ComparedView(_known(estimated), _known(found), "", "plain")
    if estimated == found:
        return ComparedView(whole(estimated), whole(found), "=", "good")
    if not found:
        return ComparedView(whole(estimated), whole(found), "", "bad")
    ratio = estimated / found - 1
    return ComparedView(
        whole(estimated), whole(found), f"{100 * ratio:+.1f} %", "bad" if abs(ratio) > _FAR else "plain"
    )


def _known(number: float | None) -> str:
    return "–" if number is None else whole(number)

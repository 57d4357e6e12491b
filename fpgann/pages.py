# SPDX-License-Identifier: Apache-2.0
"""report.html: one page about a build, without anything from outside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpgann.codegen.build_folder import MANIFEST, write_file
from fpgann.codegen.manifest import to_json
from fpgann.codegen.render import render_markup
from fpgann.documents import Pattern, check_document, read_document
from fpgann.report.page import PAGE_TEMPLATE, view_page

PAGE = "report.html"

_NUMBER: Pattern = (float, type(None))
_TENSOR: Pattern = {"name": str, "stream": str, "type": str, "shape": [int]}
_FIGURES: dict[str, Pattern] = dict.fromkeys(("latency_cycles", "ii", "lut", "ff", "dsp", "bram36"), float)
_SHARES: dict[str, Pattern] = dict.fromkeys(
    ("low", "high", "range_low", "range_high", "outside", "at_low", "at_high"), float
)
_HISTOGRAM: Pattern = ({"unit": str, "counts": [int], "count": int, **_SHARES}, type(None))
_TEXTS: dict[str, Pattern] = dict.fromkeys(("name", "entity", "op", "strategy", "in_type", "out_type"), str)
_COUNTS: dict[str, Pattern] = dict.fromkeys(("reuse_factor", "weights", "weight_bits", "starts_cycle"), int)
_COMPARED: dict[str, Pattern] = dict.fromkeys(("lut", "ff", "dsp", "bram36"), float)
_LAYER: Pattern = {
    **_FIGURES,
    **_TEXTS,
    **_COUNTS,
    "nodes": [str],
    "reads": [str],
    "shape": [int],
    "error": ({"max_abs_error": float, "rmse": float, "sqnr_db": _NUMBER}, type(None)),
    "result_histogram": _HISTOGRAM,
    "weight_histogram": _HISTOGRAM,
}
_REPORT: Pattern = {
    "fpgann": str,
    "source": {"sha256": str},
    "options": {},
    "changed_options": {},
    "clock_period_ns": float,
    "warnings": [str],
    "inputs": [_TENSOR],
    "outputs": [_TENSOR],
    "layers": [_LAYER],
    "drift": [{"state": str, "type": str, "steps": [{"max_abs_error": float, "rmse": float}]}],
    "total": {**_FIGURES, "weights": int},
    "family": str,
    "rest": _COMPARED,
    "estimates": str,
}
_SIMULATION: Pattern = {"simulator": str, "vectors": int, "bit_exact": bool}
_SYNTHESIS: Pattern = {
    "tool": str,
    "family": str,
    "fmax_mhz": _NUMBER,
    "layers": [{"name": str, "op": str, **_COMPARED}],
    "rest": {},
    **_COMPARED,
}


def render_page(
    report: Mapping[str, Any],
    *,
    synthesis: Mapping[str, Any] | None = None,
    simulation: Mapping[str, Any] | None = None,
) -> bytes:
    """The page of a build.

    Args:
        report: contents of report.json.
        synthesis: contents of synth.json, if there is one.
        simulation: contents of simulate.json, if there is one.
    """
    return render_markup(PAGE_TEMPLATE, view_page(report, synthesis=synthesis, simulation=simulation)).encode()


def write_page(folder: Path, manifest: dict[str, Any], report: dict[str, Any]) -> Path:
    """Write report.html anew, with what has been simulated and synthesised since.

    Args:
        folder: the build.
        manifest: its manifest; the digest of the page in there follows.
        report: contents of its report.json.

    Raises:
        FormatError: a file of the build is damaged or cannot be written.
    """
    where = f"build '{folder}'"
    check_document(report, _REPORT, "report.json", where)
    page = render_page(
        report,
        synthesis=_optional(folder / "synth.json", _SYNTHESIS, where),
        simulation=_optional(folder / "simulate.json", _SIMULATION, where),
    )
    write_file(folder / PAGE, page)
    digest = hashlib.sha256(page).hexdigest()
    if manifest["files"].get(PAGE) != digest:
        manifest["files"] = dict(sorted({**manifest["files"], PAGE: digest}.items()))
        write_file(folder / MANIFEST, to_json(manifest))
    return folder / PAGE


def _optional(path: Path, pattern: Pattern, where: str) -> dict[str, Any] | None:
    return read_document(path, pattern, where) if path.is_file() else None

# SPDX-License-Identifier: Apache-2.0
"""Coefficients of the estimates and their measured errors, from calibration.json beside this file.

`make calibrate` writes the file: it synthesises the layers of benchmarks/calibration_layers.py, and fits.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("calibration.json")


class Kind(enum.Enum):
    """What residuals are kept apart by."""

    UNROLLED = "unrolled"
    FOLDED = "folded"
    POINTWISE = "pointwise"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Errors:
    """Relative errors (root mean square) of layers that were left out of the fit.

    Args:
        lut: of LUTs.
        ff: of flip-flops.
        layers: how many layers that is from.
    """

    lut: float
    ff: float
    layers: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """One family.

    Args:
        lut: LUTs for a bit of each kind of logic.
        cells: LUT cells, likewise.
        errors: how far estimates were from synthesis.
        source: the family whose synthesis that is from; another one where none was measured.
    """

    lut: Mapping[str, float]
    cells: Mapping[str, float]
    errors: Mapping[Kind, Errors]
    source: str


@lru_cache
def calibration(family: str) -> Calibration:
    """The calibration of a family; that of one with equal LUTs stands in for a family that was not measured."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    source = family if family in document["families"] else document["substitutes"][family]
    table = document["families"][source]
    # another family's figures are used with doubt
    doubt = 1.0 if source == family else 2.0
    errors = {
        kind: Errors(doubt * entry["lut"], doubt * entry["ff"], entry["layers"])
        for kind, entry in ((kind, table["errors"][kind.value]) for kind in Kind)
    }
    return Calibration(table["lut"], table["cells"], errors, source)

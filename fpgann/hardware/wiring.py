# SPDX-License-Identifier: Apache-2.0
"""Stages that only change the places of elements."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wire:
    """One element of a result.

    Args:
        element: which element of all sources, one after another, it is; None for a constant.
        shift: left shift of that element.
        constant: its code where there is no element.
    """

    element: int | None
    shift: int = 0
    constant: int = 0


@dataclass(frozen=True, slots=True)
class WiringKernel:
    """Elements change places, and some are constants; no logic.

    Args:
        wires: each element of the result.
    """

    wires: tuple[Wire, ...]

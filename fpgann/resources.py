# SPDX-License-Identifier: Apache-2.0
"""Finds the folders that are not Python: the VHDL library, the templates, the simulation bench.

In a checkout they stand at the root of the repository; in an installed wheel inside the package, in `_data/`.
"""

from __future__ import annotations

from pathlib import Path

from fpgann.errors import FpgannError

_PACKAGE = Path(__file__).resolve().parent


def hdl_dir() -> Path:
    """The VHDL library, with `compile_order.txt`."""
    return _find("hdl")


def templates_dir() -> Path:
    """The Jinja templates, one folder a target."""
    return _find("templates")


def sim_dir() -> Path:
    """The cocotb harness and benches."""
    return _find("sim")


def _find(folder: str) -> Path:
    for candidate in (_PACKAGE / "_data" / folder, _PACKAGE.parent / folder):
        if candidate.is_dir():
            return candidate
    raise FpgannError(
        f"the folder {folder}/ of fpgann is missing",
        where=str(_PACKAGE),
        hint="the installation is incomplete: install fpgann again",
    )

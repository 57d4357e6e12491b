# SPDX-License-Identifier: Apache-2.0
"""The Verilog of a build, for simulators that read nothing else."""

from __future__ import annotations

from pathlib import Path

from fpgann.eda.verilog import CELL_MODELS, to_verilog


def find_verilog(build: Path, top: str, work: Path) -> Path:
    """The Verilog file of a build; made in `work` if the build has only VHDL, or names cells of the device.

    Raises:
        ToolError: it has to be made, and GHDL is missing or failed.
    """
    product = build.resolve() / "rtl" / f"{top}.v"
    models = build.resolve() / "sim" / CELL_MODELS
    if product.is_file() and not models.exists():
        return product
    folder = work / "ghdl"
    folder.mkdir(parents=True)
    target = work / f"{top}.v"
    target.write_text(
        to_verilog(build.resolve() / "rtl", top, folder, models if models.exists() else None), encoding="utf-8"
    )
    return target

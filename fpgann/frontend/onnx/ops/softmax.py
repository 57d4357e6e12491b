# SPDX-License-Identifier: Apache-2.0
"""Softmax."""

from __future__ import annotations

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.softmax import Softmax


@IMPORTERS.register((STANDARD, "Softmax"))
def import_softmax(site: Site) -> None:
    """One axis; before opset 13 all axes from `axis` on count as one."""
    shape = site.shape(0)
    rank = len(shape)
    axis = site.integer("axis", -1 if site.opset >= 13 else 1)
    if not -rank <= axis < max(rank, 1) or rank == 0:
        raise MalformedModelError(f"axis {axis} does not exist in shape {list(shape)}")
    axis %= rank
    if site.opset < 13:
        long_axes = [i for i in range(axis, rank) if shape[i] > 1]
        if len(long_axes) > 1:
            site.refuse(
                f"before opset 13 it runs over all {rank - axis} last axes of shape {list(shape)} at once",
                "flatten its input first, or export with opset 13 or newer",
            )
        axis = long_axes[0] if long_axes else axis
    site.deliver(Softmax(axis - rank), site.value(0))

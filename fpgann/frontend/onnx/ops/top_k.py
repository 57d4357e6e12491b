# SPDX-License-Identifier: Apache-2.0
"""TopK: the greatest or least elements and where they stand."""

from __future__ import annotations

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.top_k import TopK

_K_OPERAND = 10  # opset in which k became an operand


@IMPORTERS.register((STANDARD, "TopK"))
def import_top_k(site: Site) -> None:
    """Of equal elements the first; in order, also where `sorted` does not ask for it."""
    shape = site.shape(0)
    axis = site.integer("axis", -1)
    if not -len(shape) <= axis < len(shape):
        raise MalformedModelError(f"axis {axis} does not exist in shape {list(shape)}")
    axis = axis % len(shape) - len(shape)
    numbers = site.known(1, "k").data.reshape(-1) if site.opset >= _K_OPERAND else [site.integer("k", 0)]
    if len(numbers) != 1 or not 1 <= int(numbers[0]) <= shape[axis]:
        raise MalformedModelError(f"k = {list(map(int, numbers))} cannot be taken of {shape[axis]} elements")
    for output, positions in enumerate((False, True)):
        if site.has_output(output) and (site.is_used(output) or output == 0):
            op = TopK(int(numbers[0]), axis, bool(site.integer("largest", 1)), positions)
            site.deliver(op, site.value(0), output)

# SPDX-License-Identifier: Apache-2.0
"""Transpose."""

from __future__ import annotations

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.transpose import Transpose


@IMPORTERS.register((STANDARD, "Transpose"))
def import_transpose(site: Site) -> None:
    """Axes are reversed unless a permutation is given."""
    rank = len(site.shape(0))
    permutation = site.integers("perm")
    if permutation is None:
        permutation = tuple(reversed(range(rank)))
    if sorted(permutation) != list(range(rank)):
        raise MalformedModelError(f"perm = {list(permutation)} is no permutation of {rank} axes")
    if permutation == tuple(range(rank)):
        site.alias(site.value(0))
    else:
        site.deliver(Transpose(permutation), site.value(0))

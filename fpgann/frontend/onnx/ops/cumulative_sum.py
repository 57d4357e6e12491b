# SPDX-License-Identifier: Apache-2.0
"""CumSum: a product with a triangular matrix of ones."""

from __future__ import annotations

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir import Constant, Encoding
from fpgann.ir.ops.dense import Dense
from fpgann.ir.ops.transpose import Transpose
from fpgann.numerics.fixed import FixedType


@IMPORTERS.register((STANDARD, "CumSum"))
def import_cumulative_sum(site: Site) -> None:
    """Along one axis, from the end if `reverse`, without the element itself if `exclusive`."""
    shape = site.shape(0)
    rank = len(shape)
    axes = site.known(1, "axis").data.reshape(-1)
    if axes.size != 1 or not -rank <= int(axes[0]) < rank:
        raise MalformedModelError(f"axis {axes.tolist()} does not exist in shape {list(shape)}")
    axis = int(axes[0]) % rank
    sums = np.triu(np.ones((shape[axis],) * 2, np.int64), k=1 if site.integer("exclusive", 0) else 0)
    if site.integer("reverse", 0):
        sums = sums.T.copy()
    layer = Dense(Constant(sums, Encoding.of(FixedType(signed=False, width=1, frac=0))))
    if axis == rank - 1:
        site.deliver(layer, site.value(0))
        return
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]  # a swap is its own inverse
    swap = Transpose(tuple(order))
    site.deliver(swap, site.apply(layer, site.apply(swap, site.value(0), "last"), "sums"))

# SPDX-License-Identifier: Apache-2.0
"""OneHot of computed indices."""

from __future__ import annotations

import numpy as np

from fpgann.errors import MalformedModelError
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.ir.ops.reshape import Reshape

_ONE = np.ones(())


@IMPORTERS.register((STANDARD, "OneHot"))
def import_one_hot(site: Site) -> None:
    """Every index is compared with every position; negative indices count from the end, others match nothing."""
    depth = site.known(1, "depth").data
    values = site.known(2, "values").reals.reshape(-1)
    if depth.size != 1 or int(depth.reshape(-1)[0]) < 1 or values.size != 2:
        raise MalformedModelError("its depth must be one positive number, and its values two")
    count = int(depth.reshape(-1)[0])
    shape = site.shape(0)
    rank = len(shape) + 1
    axis = site.integer("axis", -1)
    if not -rank <= axis < rank:
        raise MalformedModelError(f"axis {axis} does not exist in {rank} dimensions")
    axis %= rank
    index = site.apply(Reshape((*shape[:axis], 1, *shape[axis:])), site.value(0), "index")
    positions = np.arange(float(count)).reshape(-1, *(1,) * (rank - 1 - axis))
    hits = [
        site.apply(Compare(Relation.EQUAL), (index, site.constant(numbers, name)), f"{name}_hits")
        for name, numbers in (("from_front", positions), ("from_end", positions - count))
    ]
    off, on = values
    site.deliver(Affine(np.array(on - off), _ONE, np.array(off)), site.apply(Add(), tuple(hits), "hits"))

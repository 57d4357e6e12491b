# SPDX-License-Identifier: Apache-2.0
"""Cast and CastLike."""

from __future__ import annotations

import numpy as np
import onnx_ir

from fpgann.frontend.onnx.integer_types import INPUT_TYPES
from fpgann.frontend.onnx.ops.integers import integer_kind, truncated, wrapped
from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.compare import Compare, Relation

_REAL = frozenset({"FLOAT", "DOUBLE"})  # narrower ones would round


@IMPORTERS.register((STANDARD, "Cast"), (STANDARD, "CastLike"))
def import_cast(site: Site) -> None:
    """Real numbers keep their value (precision is the runtime's), integers truncate or wrap, booleans ask for 0."""
    source, target = site.element_type(0), _target(site)
    name = "" if target is None else target.name
    if name in _REAL or target == source:
        site.alias(site.value(0))
        return
    if name == "BOOL":
        site.deliver(Compare(Relation.NOT_EQUAL), (site.value(0), site.constant(np.zeros(()), "zero")))
        return
    kind, old = INPUT_TYPES.get(name), integer_kind(source, with_booleans=True)
    if kind is None:
        site.refuse(f"a cast to {name or target} is not supported", "cast to float32, integers or booleans")
    if old is None:
        site.alias(truncated(site, site.value(0), kind))
    else:
        holds = kind.low <= old.low and old.high <= kind.high
        site.alias(site.value(0) if holds else wrapped(site, site.value(0), kind))


def _target(site: Site) -> onnx_ir.DataType | None:
    if site.op_type == "CastLike":
        return site.element_type(1)
    number = site.integer("to", 0)
    return onnx_ir.DataType(number) if number in {int(kind) for kind in onnx_ir.DataType} else None

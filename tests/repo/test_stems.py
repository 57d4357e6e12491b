# SPDX-License-Identifier: Apache-2.0
"""Same stem everywhere: the code of an operator has one name in every stage."""

from __future__ import annotations

import importlib
import pkgutil

import fpgann
from fpgann.dispatch import StageTable
from fpgann.ir.operator import Operator

# Need torch to be imported, and hold no stage tables.
_OPTIONAL = ("fpgann.train", "fpgann.frontend.torch")


def _stage_tables() -> list[StageTable]:
    """Every stage table of the package, once, with all handlers registered."""
    tables: dict[int, StageTable] = {}
    for info in pkgutil.walk_packages(fpgann.__path__, prefix="fpgann."):
        if not info.name.startswith(_OPTIONAL):
            for attribute in vars(importlib.import_module(info.name)).values():
                if isinstance(attribute, StageTable):
                    tables[id(attribute)] = attribute
    return list(tables.values())


def _stem(module: str) -> str:
    return module.rpartition(".")[2]


def test_a_handler_stands_in_a_file_of_its_operators_name() -> None:
    tables = _stage_tables()
    assert tables
    found = []
    for table in tables:
        for key in table:
            module = table[key].__module__
            # Only handlers in a folder `ops` follow the rule, and only for operators of the graph.
            follows = isinstance(key, type) and issubclass(key, Operator) and ".ops." in module
            if follows and _stem(module) != _stem(key.__module__):
                found.append(f"{table.stage}: {key.__name__} of {key.__module__} is handled in {module}")
    assert not found, "\n".join(found)

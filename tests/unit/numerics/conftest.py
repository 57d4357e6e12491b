# SPDX-License-Identifier: Apache-2.0
"""Collect properties: each becomes a quick test and a slow, thorough one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.numerics.oracle import Property


@pytest.hookimpl
def pytest_pycollect_makeitem(collector: pytest.Module, name: str, obj: object) -> list[pytest.Item] | None:
    """Tests of a module-level Property."""
    return list(_tests(collector, name, obj)) if isinstance(obj, Property) else None


def _tests(collector: pytest.Module, name: str, found: Property) -> Iterator[pytest.Item]:
    yield pytest.Function.from_parent(collector, name=name, callobj=found.quick)
    thorough = pytest.Function.from_parent(collector, name=f"{name}[thorough]", callobj=found.thorough)
    thorough.add_marker("slow")
    yield thorough

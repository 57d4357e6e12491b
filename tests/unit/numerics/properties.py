# SPDX-License-Identifier: Apache-2.0
"""Properties checked on drawn examples, and the twins that prove them able to fail.

A conftest that imports `pytest_pycollect_makeitem` makes two tests of each property: a quick one, and a slow,
thorough one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest

# Always the same examples: a failure in CI is a failure at home.
QUICK = hypothesis.settings(
    max_examples=100, derandomize=True, database=None, deadline=None, report_multiple_bugs=False
)
UNSHRUNK = hypothesis.settings(QUICK, phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate])
THOROUGH = hypothesis.settings(QUICK, max_examples=2000, suppress_health_check=[hypothesis.HealthCheck.too_slow])


class Property:
    """A property checked on drawn examples: quickly by pytest, thoroughly where a slow test asks for it.

    Args:
        check: the property, a function of one example.
        strategies: where its arguments come from.
        corners: arguments that are always tried, first.
    """

    def __init__(self, check: Callable[..., None], strategies: tuple[Any, ...], corners: tuple[Any, ...]) -> None:
        self.check = check
        for corner in reversed(corners):
            check = hypothesis.example(*corner)(check)
        self.quick: Callable[[], None] = QUICK(hypothesis.given(*strategies)(check))
        self.thorough: Callable[[], None] = THOROUGH(hypothesis.given(*strategies)(check))
        self.unshrunk: Callable[[], None] = UNSHRUNK(hypothesis.given(*strategies)(check))

    def must_fail(self) -> None:
        """Assert that the property notices what a mutation twin has just broken."""
        with pytest.raises((AssertionError, RuntimeWarning)):
            self.unshrunk()


def holds(*strategies: Any, corners: tuple[Any, ...] = ()) -> Callable[[Callable[..., None]], Property]:
    """Decorator: make a property of a function of one example."""
    return lambda check: Property(check, strategies, corners)


def pytest_pycollect_makeitem(collector: pytest.Module, name: str, obj: object) -> list[pytest.Item] | None:
    """Tests of a module-level Property."""
    return list(_tests(collector, name, obj)) if isinstance(obj, Property) else None


def _tests(collector: pytest.Module, name: str, found: Property) -> Iterator[pytest.Item]:
    yield pytest.Function.from_parent(collector, name=name, callobj=found.quick)
    thorough = pytest.Function.from_parent(collector, name=f"{name}[thorough]", callobj=found.thorough)
    thorough.add_marker("slow")
    yield thorough

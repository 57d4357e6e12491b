# SPDX-License-Identifier: Apache-2.0
"""Pages that are made from the code say what the code says."""

from __future__ import annotations

import pytest

from docs.generate import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "out of date: run `make docs`"

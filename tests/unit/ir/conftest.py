# SPDX-License-Identifier: Apache-2.0
"""Collect properties as tests."""

from tests.unit.numerics.properties import pytest_pycollect_makeitem

__all__ = ["pytest_pycollect_makeitem"]

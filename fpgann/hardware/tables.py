# SPDX-License-Identifier: Apache-2.0
"""Stage table of the hardware: which function builds which graph operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fpgann.dispatch import StageTable

BUILDERS: StageTable[Callable[..., Any]] = StageTable("hardware")

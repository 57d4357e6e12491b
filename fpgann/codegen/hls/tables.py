# SPDX-License-Identifier: Apache-2.0
"""Stage table of HLS C++: which function writes the body of which operator's layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fpgann.dispatch import StageTable

EMITTERS: StageTable[Callable[..., Any]] = StageTable("hls")

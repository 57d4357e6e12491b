# SPDX-License-Identifier: Apache-2.0
"""Compression of networks: prune, merge, quantize, retrain. Only what trains needs torch and Brevitas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fpgann.errors import ToolNotFoundError
from fpgann.train.plan import CompressionPlan, read_plan

if TYPE_CHECKING:
    from fpgann.train.session import Session, attach

__all__ = ["CompressionPlan", "Session", "attach", "read_plan"]


def __getattr__(name: str) -> object:
    """Load what needs torch on first use."""
    if name in ("Session", "attach"):
        try:
            from fpgann.train import session
        except ImportError as error:
            hint = "pip install 'fpgann[train]'"
            raise ToolNotFoundError(f"retraining needs {error.name}", where="fpgann.train", hint=hint) from error
        return getattr(session, name)
    raise AttributeError(f"module 'fpgann.train' has no attribute '{name}'")

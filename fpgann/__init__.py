# SPDX-License-Identifier: Apache-2.0
"""fpgann: trained neural networks as FPGA hardware, proven bit-exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fpgann.api import Design
    from fpgann.entry import check, compile, weights  # noqa: A004
    from fpgann.train.compress import compress

__version__ = "0.1.0"
__all__ = ["Design", "__version__", "check", "compile", "compress", "weights"]


def __getattr__(name: str) -> Any:
    """Load the API on first use, so that the command line starts fast."""
    if name == "Design":
        from fpgann.api import Design

        return Design
    if name in ("check", "compile", "weights"):
        from fpgann import entry

        return getattr(entry, name)
    if name == "compress":
        from fpgann.train.compress import compress

        return compress
    raise AttributeError(f"module 'fpgann' has no attribute '{name}'")

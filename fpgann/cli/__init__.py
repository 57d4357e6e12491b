# SPDX-License-Identifier: Apache-2.0
"""The command line."""

from fpgann.cli.main import main

__all__ = ["main"]

# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the frontend's tests."""

from __future__ import annotations

from tests.command_line import cli

__all__ = ["cli"]

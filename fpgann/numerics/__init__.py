# SPDX-License-Identifier: Apache-2.0
"""Exact arithmetic: fixed-point types, rounding, ranges of codes and staircases."""

# SPDX-License-Identifier: Apache-2.0
"""Simulate the generated hardware and compare every bit with the reference model."""

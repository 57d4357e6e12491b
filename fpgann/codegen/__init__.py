# SPDX-License-Identifier: Apache-2.0
"""From a design to files."""

# SPDX-License-Identifier: Apache-2.0
"""Operators of the graph, one file each; importing the package registers them all."""

from fpgann.dispatch import import_submodules

import_submodules(__name__)

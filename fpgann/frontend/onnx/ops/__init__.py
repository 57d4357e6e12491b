# SPDX-License-Identifier: Apache-2.0
"""Importers of ONNX operators, one file per family; importing the package registers them all."""

from fpgann.dispatch import import_submodules

import_submodules(__name__)

# SPDX-License-Identifier: Apache-2.0
"""Bodies of layer functions, one file per operator."""

from fpgann.dispatch import import_submodules

import_submodules(__name__)

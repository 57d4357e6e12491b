# SPDX-License-Identifier: Apache-2.0
"""BatchNormalization at inference."""

from __future__ import annotations

import numpy as np

from fpgann.frontend.onnx.tables import IMPORTERS, STANDARD, Site
from fpgann.ir.ops.batch_normalization import BatchNormalization

_HINT = "export the model for inference (model.eval() in PyTorch)"
_DEFAULT_EPSILON = float(np.float32(1e-5))


@IMPORTERS.register((STANDARD, "BatchNormalization"))
def import_batch_normalization(site: Site) -> None:
    """Channels lie along axis 1; statistics are constants."""
    if site.opset >= 14 and site.integer("training_mode", 0):
        site.refuse("it is in training mode", _HINT)
    if site.opset == 6 and not site.integer("is_test", 0):
        site.refuse("it is in training mode (is_test = 0)", _HINT)
    if site.opset < 9 and not site.integer("spatial", 1):
        site.refuse("statistics per activation (spatial = 0) are not supported", "use statistics per channel")
    if len(site.shape(0)) < 2:
        site.refuse("its input has no channel axis", "give it an input of shape (batch, channels, ...)")
    site.refuse_outputs(_HINT)
    roles = ("scale", "bias", "mean", "variance")
    gamma, beta, mean, variance = (site.known(i + 1, role).reals for i, role in enumerate(roles))
    epsilon = site.number("epsilon", _DEFAULT_EPSILON)
    site.deliver(BatchNormalization(gamma, beta, mean, variance, epsilon), site.value(0))

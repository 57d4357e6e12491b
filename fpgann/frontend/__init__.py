# SPDX-License-Identifier: Apache-2.0
"""Readers of trained models: from files to `fpgann.ir`."""

from fpgann.frontend.onnx.batch import samplewise
from fpgann.frontend.onnx.feeds import FedModel, has_operators, import_fed
from fpgann.frontend.onnx.importer import explain, import_onnx
from fpgann.frontend.onnx.ports import Port
from fpgann.frontend.onnx.reader import OnnxModel
from fpgann.frontend.onnx.reader import read as read_model
from fpgann.frontend.onnx.sampling import with_drawn_inputs, with_sampling_inputs, without_sampling
from fpgann.frontend.onnx.support import NodeSupport

__all__ = [
    "FedModel",
    "NodeSupport",
    "OnnxModel",
    "Port",
    "explain",
    "has_operators",
    "import_fed",
    "import_onnx",
    "read_model",
    "samplewise",
    "with_drawn_inputs",
    "with_sampling_inputs",
    "without_sampling",
]

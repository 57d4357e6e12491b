# SPDX-License-Identifier: Apache-2.0
"""Readers of trained models: from files to `fpgann.ir`."""

from fpgann.frontend.onnx.importer import NodeSupport, explain, import_onnx
from fpgann.frontend.onnx.reader import OnnxModel, Port
from fpgann.frontend.onnx.reader import read as read_model

__all__ = ["NodeSupport", "OnnxModel", "Port", "explain", "import_onnx", "read_model"]

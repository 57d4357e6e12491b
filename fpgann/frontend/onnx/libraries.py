# SPDX-License-Identifier: Apache-2.0
"""Errors of the libraries below: which there are, and what they say."""

from __future__ import annotations

import logging

import onnx
import onnx.version_converter

LIBRARY_ERRORS: tuple[type[Exception], ...] = (
    onnx.checker.ValidationError,
    onnx.defs.SchemaError,
    onnx.shape_inference.InferenceError,
    onnx.version_converter.ConvertError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What onnx, onnx-ir and onnxscript raise on models they cannot handle."""

for _name in ("onnx_ir", "onnxscript"):
    # what they warn about ends in an error of ours, or does not matter; without a handler it would go to stderr
    logging.getLogger(_name).addHandler(logging.NullHandler())


def first_line(error: BaseException) -> str:
    """What a library's error says first."""
    lines = str(error).strip().splitlines()
    return lines[0].strip()[:200] if lines else type(error).__name__

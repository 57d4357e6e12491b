# SPDX-License-Identifier: Apache-2.0
"""What single nodes of a model compute: ONNX operators by onnxruntime, QONNX quantizers from their own pages."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from tests.oracle.definition import code_range

QONNX = "qonnx.custom_op.general"
MICROSOFT = "com.microsoft"
IR_VERSION = 10

# numpy's words for each mode, from the sample implementation in the QONNX documentation
_ROUND = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.fix,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


class RejectedError(Exception):
    """A node that onnxruntime refuses, or a tensor that does not belong into a small, tame network."""


def opset_imports(opset: int) -> list[onnx.OperatorSetIdProto]:
    return [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 2), helper.make_opsetid(MICROSOFT, 1)]


def run_node(
    node: onnx.NodeProto,
    computed: Mapping[str, np.ndarray],
    constants: Mapping[str, onnx.TensorProto],
    opset: int,
) -> list[np.ndarray]:
    """The outputs of a node on every sample.

    Args:
        node: the node.
        computed: its operands that differ between samples, shape (samples, *shape).
        constants: its other operands.
        opset: of the standard operators.

    Returns:
        Arrays of shape (samples, *shape); a single sample where nothing differs.
    """
    samples = len(next(iter(computed.values()))) if computed else 1
    if node.domain == QONNX:
        named = {name: onnx.numpy_helper.to_array(tensor) for name, tensor in constants.items()}
        rows = [
            _qonnx(node, [computed[n][i] if n in computed else named[n] for n in node.input]) for i in range(samples)
        ]
        return [np.stack(rows).astype(np.float32)]
    if not node.domain and not onnx.defs.has(node.op_type, opset, ""):
        raise RejectedError(f"the standard has no {node.op_type} in opset {opset}")  # onnxruntime may know one
    session = _session(node, computed, constants, opset)
    try:
        rows = [
            session.run(None, {name: np.asarray(array[i]) for name, array in computed.items()}) for i in range(samples)
        ]
    except Exception as error:  # noqa: BLE001  onnxruntime has classes of its own
        raise RejectedError(str(error)) from None
    return [np.stack(column) for column in zip(*rows, strict=True)]


def _session(
    node: onnx.NodeProto,
    computed: Mapping[str, np.ndarray],
    constants: Mapping[str, onnx.TensorProto],
    opset: int,
) -> onnxruntime.InferenceSession:
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape[1:])
        for name, array in computed.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
    used = [constants[name] for name in dict.fromkeys(node.input) if name in constants]
    graph = helper.make_graph([node], "node", inputs, outputs, used)
    proto = helper.make_model(graph, opset_imports=opset_imports(opset), ir_version=IR_VERSION)
    try:
        return onnxruntime.InferenceSession(proto.SerializeToString(), _options(), providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  onnxruntime has classes of its own
        raise RejectedError(str(error)) from None


@functools.cache
def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return options


def _qonnx(node: onnx.NodeProto, operands: list[np.ndarray]) -> np.ndarray:
    """One sample of a quantizer, in float64."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    mode = attributes.get("rounding_mode", b"FLOOR" if node.op_type == "Trunc" else b"ROUND").decode()
    x, scale, *rest = (np.asarray(o, np.float64) for o in operands)
    if node.op_type == "BipolarQuant":
        return np.where(x >= 0, 1.0, -1.0) * scale
    zero = rest[0]
    if node.op_type == "Quant":
        bits = int(rest[1])
        if bits == 1 and attributes.get("signed", 1):
            return np.where(x >= 0, 1.0, -1.0) * scale
        low, high = code_range(node, bits)
        return (_ROUND[mode](np.clip(x / scale + zero, low, high)) - zero) * scale
    in_bits, out_scale, out_bits = rest[1:]  # Trunc, version 2
    del in_bits
    dropped = np.round(np.log2(out_scale / scale))
    codes = _ROUND[mode](np.round(x / scale + zero) / 2.0**dropped)
    low, high = code_range(node, int(out_bits))
    return (np.clip(codes, low, high) - zero / 2.0**dropped) * out_scale


def tensor_of(array: np.ndarray, name: str, kind: int | None = None) -> onnx.TensorProto:
    """A stored tensor, also of element types that numpy has no word for."""
    if kind in (TensorProto.INT4, TensorProto.UINT4):
        return helper.make_tensor(name, kind, array.shape, array.reshape(-1).tolist())
    return onnx.numpy_helper.from_array(np.atleast_1d(array).reshape(np.shape(array)), name)

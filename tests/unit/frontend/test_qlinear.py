# SPDX-License-Identifier: Apache-2.0
"""Operators on integers against the oracle, with ==, and against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from fpgann.errors import UnsupportedOperatorError
from tests.unit.frontend.exactness import agree, lower
from tests.unit.frontend.models import model, node, value
from tests.unit.frontend.test_quantize_linear import integer, real

MS = "com.microsoft"
RANDOM = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
SEEDS = st.integers(0, 10**6)


class Case:
    """A model on integers with random scales and zero points; `x` and `w` are its inputs or constants.

    Args:
        seed: for everything.
        shapes: shapes of the integer inputs by name.
    """

    def __init__(self, seed: int, shapes: dict[str, tuple[int, ...]]) -> None:
        self.rng = np.random.default_rng(seed)
        self.kind = str(self.rng.choice(["UINT8", "INT8"]))
        self.low, self.high = (0, 255) if self.kind == "UINT8" else (-128, 127)
        self.constants: list[onnx.TensorProto] = []
        self.shapes = shapes

    def scale(self, name: str, least: float = 0.01, greatest: float = 0.2, count: int = 0) -> str:
        self.constants.append(real(name, self.rng.uniform(least, greatest, (count,) if count else ())))
        return name

    def zero(self, name: str) -> str:
        self.constants.append(integer(name, self.kind, int(self.rng.integers(self.low, self.high + 1))))
        return name

    def integers(self, name: str, shape: tuple[int, ...]) -> str:
        self.constants.append(integer(name, self.kind, self.rng.integers(self.low, self.high + 1, shape)))
        return name

    def grid(self, name: str, **scale) -> list[str]:
        return [self.scale(f"{name}_s", **scale), self.zero(f"{name}_z")]

    def model(self, *nodes: onnx.NodeProto, kind: str = "") -> onnx.ModelProto:
        inputs = [value(name, shape, getattr(TensorProto, self.kind)) for name, shape in self.shapes.items()]
        proto = model(nodes, inputs=inputs, constants=self.constants, opset=17)
        proto.graph.output[0].type.tensor_type.elem_type = getattr(TensorProto, kind or self.kind)
        return proto

    def inputs(self, samples: int = 12) -> dict[str, np.ndarray]:
        drawn = {}
        for name, shape in self.shapes.items():
            array = self.rng.integers(self.low, self.high + 1, (samples, *shape))
            array[0], array[1] = self.low, self.high
            drawn[name] = array.astype(self.kind.lower())
        return drawn


@RANDOM
@given(SEEDS, st.booleans())
def test_qlinear_matmul(tmp_path, seed, per_column):
    case = Case(seed, {"x": (1, 5)})
    operands = ["x", *case.grid("x"), case.integers("w", (5, 3))]
    operands += [
        case.scale("w_s", count=3 if per_column else 0),
        case.zero("w_z"),
        *case.grid("y", greatest=4, least=1),
    ]
    if per_column:
        case.constants = [t for t in case.constants if t.name != "w_z"]
        case.constants.append(integer("w_z", case.kind, case.rng.integers(case.low, case.high + 1, 3)))
    agree(case.model(node("QLinearMatMul", operands)), case.inputs(), tmp_path, runtime=not per_column)


@RANDOM
@given(SEEDS)
def test_qlinear_matmul_of_two_inputs(tmp_path, seed):
    case = Case(seed, {"x": (1, 2, 3), "w": (1, 3, 2)})
    operands = ["x", *case.grid("x"), "w", *case.grid("w"), *case.grid("y", greatest=4, least=1)]
    agree(case.model(node("QLinearMatMul", operands)), case.inputs(), tmp_path)


@RANDOM
@given(SEEDS, st.booleans())
def test_matmul_integer(tmp_path, seed, with_zeros):
    case = Case(seed, {"x": (1, 5)})
    operands = ["x", case.integers("w", (5, 3)), *([case.zero("x_z"), case.zero("w_z")] if with_zeros else [])]
    agree(case.model(node("MatMulInteger", operands), kind="INT32"), case.inputs(), tmp_path)


@RANDOM
@example(854, False, True, False)  # a unit whose numerator needs 64 bits
@given(SEEDS, st.booleans(), st.booleans(), st.booleans())
def test_qgemm(tmp_path, seed, transposed, with_bias, requantized):
    case = Case(seed, {"x": (1, 5)})
    operands = ["x", *case.grid("x"), case.integers("w", (3, 5) if transposed else (5, 3)), *case.grid("w")]
    if with_bias:
        case.constants.append(integer("c", "INT32", case.rng.integers(-(2**31), 2**31, 3)))
    operands += ["c" if with_bias else "", *(case.grid("y", greatest=4, least=1) if requantized else [])]
    operands = operands[:6] if not (with_bias or requantized) else operands
    gemm = node("QGemm", operands, domain=MS, transB=int(transposed), alpha=0.3)
    agree(case.model(gemm, kind="" if requantized else "FLOAT"), case.inputs(), tmp_path)


@RANDOM
@given(SEEDS, st.sampled_from(["QLinearAdd", "QLinearMul"]), st.sampled_from(["input", "left", "right"]))
def test_qlinear_pairs(tmp_path, seed, op_type, constant):
    case = Case(seed, {"x": (1, 4)} if constant != "input" else {"x": (1, 4), "w": (1, 4)})
    if constant != "input":
        case.integers("w", (4,))
    names = ["w", "x"] if constant == "left" else ["x", "w"]
    operands = [part for name in names for part in (name, *case.grid(name))]
    proto = case.model(node(op_type, [*operands, *case.grid("y", greatest=2)], domain=MS))
    agree(proto, case.inputs(), tmp_path)


@RANDOM
@given(SEEDS, st.sampled_from([{}, {"alpha": 0.3}]))
def test_qlinear_leaky_relu(tmp_path, seed, options):
    case = Case(seed, {"x": (1, 4)})
    proto = case.model(node("QLinearLeakyRelu", ["x", *case.grid("x"), *case.grid("y")], domain=MS, **options))
    agree(proto, case.inputs(), tmp_path)


@RANDOM
@given(SEEDS, st.booleans())
def test_qlinear_concat(tmp_path, seed, with_constant):
    case = Case(seed, {"x": (1, 4), "v": (1, 2)})
    operands = [*case.grid("y"), "x", *case.grid("x")]
    if with_constant:
        operands += [case.integers("w", (1, 3)), *case.grid("w")]
    agree(
        case.model(node("QLinearConcat", [*operands, "v", *case.grid("v")], domain=MS, axis=1)), case.inputs(), tmp_path
    )


@RANDOM
@given(SEEDS, st.booleans())
def test_qlinear_global_average_pool(tmp_path, seed, last):
    case = Case(seed, {"x": (1, 3, 3, 2) if last else (1, 2, 3, 3)})
    operands = ["x", *case.grid("x"), *case.grid("y")]
    proto = case.model(node("QLinearGlobalAveragePool", operands, domain=MS, channels_last=int(last)))
    agree(proto, case.inputs(), tmp_path)


@RANDOM
@given(SEEDS, st.booleans())
def test_qlinear_reduce_mean(tmp_path, seed, keep):
    case = Case(seed, {"x": (1, 3, 4)})
    operands = ["x", *case.grid("x"), *case.grid("y")]
    proto = case.model(node("QLinearReduceMean", operands, domain=MS, axes=[-1], keepdims=int(keep)))
    agree(proto, case.inputs(), tmp_path, runtime=False)  # onnxruntime has no kernel for it


@pytest.mark.parametrize(
    ("op_type", "domain", "message"),
    [
        ("DynamicQuantizeMatMul", MS, "depends on the data"),
    ],
)
def test_refusals(tmp_path, op_type, domain, message):
    case = Case(0, {"x": (1, 1, 4, 4)})
    operands = ["x", *case.grid("x"), case.integers("w", (1, 1, 3, 3)), *case.grid("w"), *case.grid("y")]
    with pytest.raises(UnsupportedOperatorError, match=message):
        lower(
            case.model(node(op_type, operands[:3] if op_type == "ConvInteger" else operands, domain=domain)), tmp_path
        )

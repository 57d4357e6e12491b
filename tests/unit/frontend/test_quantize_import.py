# SPDX-License-Identifier: Apache-2.0
"""Quant and BipolarQuant: quantizers between values, weights as codes, other quantized constants as reals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from fpgann.errors import MalformedModelError, UnsupportedOperatorError
from fpgann.frontend import explain
from fpgann.ir.types import Encoding
from fpgann.numerics.fixed import FixedType
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.rounding import Rounding
from tests.unit.frontend.models import QONNX, agree, load, model, names, node, operators, read

DOMAINS = (
    "qonnx.custom_op.general",
    "onnx.brevitas",
    "finn.custom_op.general",
    "qonnx.custom_op.channels_last",
)
W = np.random.default_rng(5).normal(size=(4, 3)).astype(np.float32)


def quant(inputs=("x", "s", "z", "b"), outputs=("y",), op_type="Quant", domain=QONNX, **attributes):
    return node(op_type, inputs, outputs, domain=domain, **attributes)


def constants(scale=0.25, zero=0.0, bits=4.0, **more):
    return {
        "s": np.asarray(scale, np.float32),
        "z": np.asarray(zero, np.float32),
        "b": np.float32(bits),
        **more,
    }


def weight_of(folder, nodes, given, shape=(1, 4)):
    return operators(load(folder, model(nodes, shape, given)))[-1].weight


class TestBetweenValues:
    @pytest.mark.parametrize("domain", DOMAINS)
    @pytest.mark.parametrize("op_type", ["Quant", "IntQuant"])
    def test_domains(self, tmp_path, domain, op_type):
        graph = agree(tmp_path, model([quant(domain=domain, op_type=op_type)], constants=constants()))
        (op,) = operators(graph)
        assert (op.low, op.high, op.rounding, op.bipolar) == (-8, 7, Rounding.RND_CONV, False)
        assert op.scale == 0.25

    def test_domain_without_opset(self, tmp_path):
        proto = model([quant(domain="onnx.brevitas")], constants=constants(), opset=9)
        del proto.opset_import[1:]
        agree(tmp_path, proto)

    @pytest.mark.parametrize("opset", [9, 11, 17])
    @pytest.mark.parametrize(
        ("mode", "rounding"),
        [
            ("ROUND", Rounding.RND_CONV),
            ("half_even", Rounding.RND_CONV),
            ("CEIL", Rounding.CEIL),
            ("FLOOR", Rounding.TRN),
            ("UP", Rounding.UP),
            ("DOWN", Rounding.TRN_ZERO),
            ("HALF_UP", Rounding.RND_INF),
            ("HALF_DOWN", Rounding.RND_ZERO),
        ],
    )
    def test_rounding_modes(self, tmp_path, mode, rounding, opset):
        proto = model([quant(rounding_mode=mode)], (1, 64), constants(zero=1.0, bits=6), opset=opset)
        graph = agree(tmp_path, proto, samples=16)
        assert operators(graph)[0].rounding is rounding

    @pytest.mark.parametrize("signed", [0, 1])
    @pytest.mark.parametrize("narrow", [0, 1])
    @pytest.mark.parametrize("bits", [2, 3, 8, 32])
    def test_ranges(self, tmp_path, signed, narrow, bits):
        nodes = [quant(signed=signed, narrow=narrow)]
        graph = agree(tmp_path, model(nodes, constants=constants(bits=bits)))
        (op,) = operators(graph)
        assert op.high - op.low == 2**bits - 1 - narrow
        assert (op.low == 0) is not bool(signed)

    @pytest.mark.parametrize(("op_type", "bits"), [("BipolarQuant", 1), ("Quant", 1)])
    def test_bipolar(self, tmp_path, op_type, bits):
        given = constants(scale=0.3, bits=bits)
        inputs = ("x", "s") if op_type == "BipolarQuant" else ("x", "s", "z", "b")
        graph = agree(tmp_path, model([quant(inputs, op_type=op_type)], constants=given))
        (op,) = operators(graph)
        assert op.bipolar
        assert op.scale == np.float64(np.float32(0.3))

    @pytest.mark.parametrize("shape", [(4,), (1, 4), (1,), (1, 1)])
    def test_scale_per_channel(self, tmp_path, shape):
        scale = np.linspace(0.1, 0.4, int(np.prod(shape)), dtype=np.float32).reshape(shape)
        graph = agree(tmp_path, model([quant()], constants=constants(scale=scale)))
        assert operators(graph)[0].scale.size == scale.size

    def test_zero_point_per_channel(self, tmp_path):
        agree(tmp_path, model([quant(signed=0)], constants=constants(zero=[[0, 3, 7, 15]])))

    def test_equal_scales_are_one(self, tmp_path):
        (op,) = operators(load(tmp_path, model([quant()], constants=constants(scale=[0.5] * 4))))
        assert op.scale.shape == ()

    def test_integer_parameters(self, tmp_path):
        given = {"s": np.float32(0.5), "z": np.array(0, np.int64), "b": np.array(6, np.int64)}
        agree(tmp_path, model([quant()], constants=given, opset=9))

    def test_parameters_from_nodes(self, tmp_path):
        nodes = [
            node("Constant", [], ["c"], value_float=0.5),
            node("Mul", ["c", "c"], ["s"]),
            quant(),
        ]
        given = constants()
        del given["s"]
        (op,) = operators(agree(tmp_path, model(nodes, constants=given)))
        assert op.scale == 0.25

    @pytest.mark.parametrize(
        ("given", "attributes", "message"),
        [
            ({"scale": 0.0}, {}, "scale must be positive, but is 0"),
            ({"scale": -1.0}, {}, "scale must be positive, but is -1"),
            ({"zero": 0.5}, {}, "zero point must be an integer, but is 0.5"),
            ({"bits": 2.5}, {}, "one integer, but is 2.5"),
            ({"bits": 0}, {}, "bit width is 0"),
            ({"bits": 33}, {}, "bit width is 33"),
            ({}, {"rounding_mode": "SOMEHOW"}, "'SOMEHOW' is unknown.*HALF_DOWN"),
            ({"bits": 1, "zero": 1}, {}, "one bit has a zero point"),
            ({"bits": 1}, {"signed": 0, "narrow": 1}, "nothing but zeros"),
            ({"scale": [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]}, {}, "varies along several axes"),
        ],
    )
    def test_refused(self, tmp_path, given, attributes, message):
        with pytest.raises(UnsupportedOperatorError, match=message) as caught:
            load(tmp_path, model([quant(**attributes)], (2, 4), constants(**given)))
        assert caught.value.hint

    @pytest.mark.parametrize(
        ("inputs", "scale", "kind", "message"),
        [
            (("x", "s", "z"), 0.5, MalformedModelError, "bit width is missing"),
            (("x", "s", "z", "b"), [0.1, 0.2, 0.3], MalformedModelError, "does not fit a tensor of shape"),
            (("x", "x", "z", "b"), 0.5, UnsupportedOperatorError, "scale.*computed"),
        ],
    )
    def test_malformed(self, tmp_path, inputs, scale, kind, message):
        with pytest.raises(kind, match=message):
            load(tmp_path, model([quant(inputs)], constants=constants(scale=scale)))

    def test_wrong_attribute_type(self, tmp_path):
        with pytest.raises(MalformedModelError, match="'signed' must be INT"):
            load(tmp_path, model([quant(signed="yes")], constants=constants()))

    def test_other_operators_of_the_domain(self, tmp_path):
        with pytest.raises(UnsupportedOperatorError, match=r"general::MultiThreshold.*not supported yet"):
            load(tmp_path, model([quant(op_type="MultiThreshold")], constants=constants()))


class TestWeights:
    def dense(self, *steps, first="w"):
        """Nodes that quantize the constant w, do some steps, and multiply."""
        nodes, name = [quant((first, "s", "z", "b"), ["q"], narrow=1)], "q"
        for i, step in enumerate(steps):
            nodes.append(node(step[0], [name, *step[1]], [f"v{i}"], **(step[2] if len(step) > 2 else {})))
            name = f"v{i}"
        return [*nodes, node("MatMul", ["x", name])]

    def test_power_of_two_scale(self, tmp_path):
        weight = weight_of(tmp_path, self.dense(), constants(w=W))
        codes = np.clip(np.round(W.astype(np.float64) * 4), -7, 7).astype(np.int64)
        assert np.array_equal(weight.data, codes)
        assert weight.data.dtype == np.int64
        range_ = CodeRange(int(codes.min()), int(codes.max()))
        assert weight.encoding == Encoding(FixedType(signed=True, width=4, frac=2), range_)

    def test_any_scale(self, tmp_path):
        weight = weight_of(tmp_path, self.dense(), constants(scale=0.3, w=W))
        assert weight.encoding.scale == (Fraction(float(np.float32(0.3))),)
        assert weight.encoding.fixed.frac == 0

    def test_zero_point_is_taken_off_the_codes(self, tmp_path):
        given = constants(scale=0.5, zero=2.0, bits=8, w=W)
        weight = weight_of(tmp_path, self.dense(), given)
        assert np.array_equal(weight.data, np.round(W.astype(np.float64) * 2))
        assert weight.encoding.offset == (0,)
        assert weight.encoding.fixed.range.low <= -127 - 2

    @pytest.mark.parametrize(
        "steps",
        [
            [("Transpose", [], {"perm": [1, 0]})],
            [("Reshape", ["shape34"]), ("Transpose", [])],
            [("Identity", []), ("Unsqueeze", ["axis0"]), ("Squeeze", ["axis0"]), ("Transpose", [])],
        ],
    )
    def test_moved_weights_stay_codes(self, tmp_path, steps):
        given = constants(scale=np.array([[0.1], [0.2], [0.3]]), w=W.T.copy())
        given |= {"shape34": np.array([3, 4], np.int64), "axis0": np.array([0], np.int64)}
        proto = model(self.dense(*steps), constants=given)
        (op,) = operators(agree(tmp_path, proto))
        assert op.weight.data.shape == (4, 3)
        assert op.weight.encoding.scale == tuple(Fraction(float(np.float32(s))) for s in (0.1, 0.2, 0.3))
        assert op.weight.encoding.axis == -1

    def test_scaled_weights_stay_codes(self, tmp_path):
        given = constants(scale=0.3, w=W, f=np.array([[0.7, -1.5, 2.0]], np.float32), d=np.float32(3))
        (op,) = operators(agree(tmp_path, model(self.dense(("Mul", ["f"]), ("Div", ["d"])), constants=given)))
        unit = Fraction(float(np.float32(0.3)))
        assert op.weight.encoding.scale == tuple(unit * Fraction(float(np.float32(f))) / 3 for f in (0.7, -1.5, 2.0))

    def test_masked_weights_stay_codes(self, tmp_path):
        mask = (np.arange(12).reshape(4, 3) % 2).astype(np.float32)
        (op,) = operators(agree(tmp_path, model(self.dense(("Mul", ["m"])), constants=constants(w=W, m=mask))))
        assert op.weight.encoding.plain
        assert not op.weight.data[mask == 0].any()

    def test_freely_scaled_weights_are_reals(self, tmp_path):
        given = constants(w=W, f=np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32))
        (op,) = operators(agree(tmp_path, model(self.dense(("Mul", ["f"])), constants=given)))
        assert op.weight.encoding is None

    def test_scale_along_the_inputs(self, tmp_path):
        given = constants(scale=np.linspace(0.1, 0.4, 4).reshape(4, 1), w=W)
        with pytest.raises(UnsupportedOperatorError, match=r"varies along the inputs.*one per output channel"):
            load(tmp_path, model(self.dense(), constants=given))

    @pytest.mark.parametrize("alpha", [0.5, -0.3, 3.0])
    def test_gemm_alpha_joins_the_scale(self, tmp_path, alpha):
        nodes = [quant(("w", "s", "z", "b"), ["q"]), node("Gemm", ["x", "q"], alpha=alpha)]
        (op,) = operators(agree(tmp_path, model(nodes, constants=constants(w=W))))
        encoding = op.weight.encoding
        exact = Fraction(float(np.float32(alpha))) / 4
        assert encoding.scale[0] * encoding.fixed.lsb == exact

    def test_bipolar_weights(self, tmp_path):
        nodes = [quant(("w", "s"), ["q"], op_type="BipolarQuant"), node("MatMul", ["x", "q"])]
        weight = weight_of(tmp_path, nodes, {"w": W, "s": np.float32(0.125)})
        assert np.array_equal(weight.data, np.where(W >= 0, 1, -1))
        assert weight.encoding == Encoding(FixedType(signed=True, width=2, frac=3), CodeRange(-1, 1))

    def test_quantized_bias_keeps_its_codes(self, tmp_path):
        bias = np.array([0.1, -0.2, 0.3], np.float32)
        nodes = [quant(("b0", "s", "z", "b"), ["bias"]), node("Gemm", ["x", "w", "bias"])]
        (op,) = operators(agree(tmp_path, model(nodes, constants=constants(scale=0.0625, w=W, b0=bias))))
        assert op.bias.data.tolist() == [2, -3, 5]
        assert op.bias.values.tolist() == [0.125, -0.1875, 0.3125]

    def test_quantized_constant_elsewhere_is_real(self, tmp_path):
        nodes = [quant(("c", "s", "z", "b"), ["q"]), node("Add", ["x", "q"])]
        (op,) = operators(agree(tmp_path, model(nodes, constants=constants(c=np.float32(0.3)))))
        assert op.addend == 0.25

    def test_weight_shared_by_two_layers(self, tmp_path):
        nodes = [
            quant(("w", "s", "z", "b"), ["q"]),
            node("MatMul", ["x", "q"], ["h"]),
            node("Transpose", ["q"], ["t"]),
            node("MatMul", ["h", "t"]),
        ]
        graph = agree(tmp_path, model(nodes, constants=constants(w=W)))
        first, second = operators(graph)
        assert np.array_equal(first.weight.data.T, second.weight.data)


def test_explain_says_how_quantizers_are_built(tmp_path):
    nodes = [
        quant(("w", "s", "z", "b"), ["q"]),
        quant(outputs=["h"]),
        node("MatMul", ["h", "q"], name="layer"),
    ]
    report = explain(read(tmp_path, model(nodes, constants=constants(w=W))))
    assert [entry.built_as.split(" ")[0] for entry in report] == ["a", "quantize", "dense"]
    assert all(entry.supported for entry in report)
    assert names(load(tmp_path, model(nodes, constants=constants(w=W)))) == ["quantize", "dense"]

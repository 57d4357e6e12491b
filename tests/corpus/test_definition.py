# SPDX-License-Identifier: Apache-2.0
"""Quantized models mean real arithmetic on the numbers in their file: the reference equals that, code for code.

Of QONNX, of QuantizeLinear and DequantizeLinear, of operators on integers.

The oracle (tests/oracle) reads the file with `onnx` alone and computes with integers, fractions and square roots; it
shares nothing with the package. A model that quantizes its input takes float32 numbers as they are; one that does
not is compiled with an input type so wide that all its vectors are represented without rounding, which is asserted.

Float32 runtimes differ where an exact number lies so close to a rounding boundary that float32 cannot tell the side:
that is shown for each difference with a bound that holds for any order of float32 operations.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest

from fpgann import api
from fpgann.config import CompileOptions, override
from fpgann.design import Design
from tests.corpus.models import Entry, load
from tests.oracle import definition, single
from tests.oracle.compare import count_mismatches
from tests.oracle.exact import Exact

MODELS = [
    "brevitas_qcdq/qmlp_w3a5_po2_bc__qcdq",
    "brevitas_qcdq/qmlp_w4a4_bc__qcdq",
    "brevitas_qcdq/qmlp_w4a4_bc__qcdq_dyn",
    "brevitas_qcdq/qmlp_w8a8_perchannel_bc__qcdq",
    "brevitas_qcdq/tfc_2w2a__qcdq",
    "brevitas_qcdq/tfc_2w2a__qcdq_dyn",
    "brevitas_qonnx/qmlp_w3a5_po2_bc__qonnx",
    "brevitas_qonnx/qmlp_w4a4_bc__qonnx",
    "brevitas_qonnx/qmlp_w4a4_bc__qonnx_dyn",
    "brevitas_qonnx/qmlp_w8a8_perchannel_bc__qonnx",
    "brevitas_qonnx/tfc_1w1a__qonnx",
    "brevitas_qonnx/tfc_2w2a__qonnx",
    "brevitas_qonnx/tfc_2w2a__qonnx_dyn",
    "hls4ml_example_onnx/em_bnn_fc_1layer",
    "mlperf_tiny/mlperf_ad01_int8",
    "ort_quantized/ortq_mlp_2_50_25_1_qdq_s8s8_sym",
    "qkeras_qonnx/qk_3layer",
    "qonnx_zoo/zoo_TFC_1W1A",
    "qonnx_zoo/zoo_TFC_1W2A",
    pytest.param("qonnx_zoo/zoo_kwsmlp_w3a3", marks=pytest.mark.slow),
    "qonnx_zoo/zoo_qkeras_jettagging",
]
MOST_INPUT_BITS = 64
QUANTIZERS = ("Quant", "QuantizeLinear")


@dataclass
class Counts:
    """What was found on one set of vectors.

    Args:
        model: its name.
        vectors: how many.
        mismatches: elements of the outputs where the reference differs from the definition.
        stored_differences: vectors whose stored float32 outputs differ from the definition by more than float32 noise.
        ties: codes that float32 rounds to the other side of a boundary.
        nearest_tie: the greatest distance of such a number from its boundary, as a share of the float32 error bound.
        worst_bound: the greatest float32 error bound before any rounding, in code steps.
    """

    model: str
    vectors: int
    mismatches: int
    stored_differences: int
    ties: int
    nearest_tie: float
    worst_bound: float


@pytest.mark.parametrize("name", MODELS)
def test_the_reference_is_the_definition(corpus: Path, tmp_path: Path, name: str) -> None:
    entry = load(corpus, name)
    model = definition.load(entry.model)
    near = near_rounding_boundaries(model, entry)
    design = build(model, entry, [entry.inputs, near], tmp_path / "build")
    stored = judge(model, design, entry, entry.inputs, entry.outputs)
    provoked = judge(model, design, entry, near, None)
    for counts in (stored, provoked):
        assert counts.mismatches == 0
    found = [asdict(stored), asdict(provoked)]
    (tmp_path / "counts.json").write_text(json.dumps(found, indent=2))
    for counts in found:
        print("\n" + ", ".join(f"{key} {value}" for key, value in counts.items()))


def build(model: onnx.ModelProto, entry: Entry, data: list[dict[str, np.ndarray]], folder: Path) -> Design:
    """Compile; inputs that the model does not quantize get a type that holds all data exactly."""
    options = override(CompileOptions(), softmax="logits")  # a softmax is no part of what the file quantizes
    if any(node.op_type in ("MatMul", "Gemm") and node.input[0] in entry.inputs for node in model.graph.node):
        arrays = [array for inputs in data for array in inputs.values()]
        frac = max(fractional_bits(array) for array in arrays)
        integer = 1 + max(int(np.frexp(np.abs(array).max())[1]) for array in arrays)
        assert frac + integer <= MOST_INPUT_BITS
        options = override(options, input_precision=f"fixed<{frac + integer},{integer}>")
    return api.compile(entry.model, folder, options)


def fractional_bits(array: np.ndarray) -> int:
    """How many bits behind the binary point hold every number of an array."""
    return max(0, *(Fraction(float(v)).denominator.bit_length() - 1 for v in array.reshape(-1)))


def near_rounding_boundaries(model: onnx.ModelProto, entry: Entry) -> dict[str, np.ndarray]:
    """Float32 numbers that the first quantizer can hardly decide on, and the stored ones with some noise.

    Integers are drawn at random.
    """
    rng = np.random.default_rng(1)
    constants = definition.stored_constants(model)
    result = {}
    for name, array in entry.inputs.items():
        if array.dtype.kind in "iu":
            limits = np.iinfo(array.dtype)
            result[name] = rng.integers(limits.min, limits.max + 1, array.shape).astype(array.dtype)
            continue
        quantizers = [n for n in model.graph.node if n.op_type in QUANTIZERS and n.input[0] == name]
        noisy = array + rng.normal(0, 0.1, array.shape)
        if quantizers:
            scale = float(constants[quantizers[0].input[1]])
            ties = (np.floor(array / scale) + 0.5) * scale
            noisy = np.where(rng.random(array.shape) < 0.5, ties, noisy)
        result[name] = np.round(noisy * 2**20) / 2**20 if not quantizers else noisy
        result[name] = result[name].astype(np.float32)
    return result


def judge(
    model: onnx.ModelProto,
    design: Design,
    entry: Entry,
    inputs: dict[str, np.ndarray],
    stored: dict[str, np.ndarray] | None,
) -> Counts:
    exact = definition.run(model, inputs)
    float32 = single.run(model, exact, inputs)
    delivered = design.emulate(inputs)
    mismatches, differing = 0, set()
    for name in entry.outputs:
        value = exact.values[name]
        codes = delivered[f"{name}__raw"].reshape(value.shape)
        mismatches += count_mismatches(design, name, codes, value, exact)
        if stored is not None:
            differing |= differing_samples(value, float32.values[name], stored[name], softmax=bool(exact.logits))
    flips = [d for d in float32.differences if len(d.where)]
    for difference in flips:  # each is a tie: the number lies within the float32 error of the boundary
        assert np.all(difference.distance <= difference.bound), difference.quantizer.name
    for sample in differing:
        assert any(sample in difference.where[:, 0] for difference in flips), f"vector {sample} differs without a tie"
    return Counts(
        model=entry.name,
        vectors=len(next(iter(inputs.values()))),
        mismatches=mismatches,
        stored_differences=len(differing),
        ties=sum(len(d.where) for d in flips),
        nearest_tie=max((float((d.distance / d.bound).max()) for d in flips), default=0.0),
        worst_bound=max(d.worst_bound for d in float32.differences),
    )


def differing_samples(value: Exact, float32: single.Single, stored: np.ndarray, *, softmax: bool) -> set[int]:
    """Vectors whose stored output is off by more than float32 arithmetic after the last quantizer can explain."""
    wanted, bound = value.floats().reshape(stored.shape), float32.error.reshape(stored.shape)
    if softmax:
        powers = np.exp(wanted - wanted.max(axis=-1, keepdims=True))
        wanted = powers / powers.sum(axis=-1, keepdims=True)
        bound = 2 * bound.max(axis=-1, keepdims=True) + 1e-6
    wrong = np.abs(stored - wanted) > bound
    return {int(i) for i in np.unique(np.argwhere(wrong)[:, 0])}

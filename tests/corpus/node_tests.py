# SPDX-License-Identifier: Apache-2.0
"""Tests of single ONNX operators from the corpus, run through the backend adapter, and what is known of each.

`python -m tests.corpus.node_tests` (`make node-table`) runs them all and writes docs/node-tests.json, from which
`make docs` renders docs/node-tests.md. It refuses to note a failure that no reason of this file covers.
"""

from __future__ import annotations

import functools
import io
import json
import os
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from fpgann import onnx_backend
from fpgann.errors import FpgannError
from tests.conftest import REPOSITORY

RTOL, ATOL = 1e-3, 1e-7  # of onnx.backend.test
RESULTS = REPOSITORY / "docs" / "node-tests.json"

# Reason -> operators that are not built yet: every test with one of them is expected to fail.
MISSING = {
    "scales that depend on the data": ("DynamicQuantizeLinear",),
}
# Reason -> tests that are expected to fail for it.
REASONS = {
    "cubic interpolation, smoothing, crops": (
        "onnx_node/test_resize_downsample_scales_cubic",
        "onnx_node/test_resize_downsample_scales_cubic_align_corners",
        "onnx_node/test_resize_downsample_scales_linear_antialias",
        "onnx_node/test_resize_tf_crop_and_resize_axes_2_3",
        "onnx_node/test_resize_tf_crop_and_resize_extrapolation_value",
        "onnx_node/test_resize_upsample_scales_cubic",
        "onnx_node/test_resize_upsample_scales_cubic_align_corners",
        "onnx_node/test_resize_upsample_scales_cubic_asymmetric",
        "onnx_node/test_resize_upsample_sizes_cubic",
    ),
    "training mode": (
        "onnx_node/test_batchnorm_epsilon_training_mode",
        "onnx_node/test_batchnorm_example_training_mode",
        "onnx_node/test_training_dropout",
        "onnx_node/test_training_dropout_mask",
    ),
    "results that are not a number (roots of negative variances, logarithms and powers of negative numbers)": (
        "burn_onnx/batch_norm_partial_constant",
        "burn_onnx/batch_norm_runtime",
        "burn_onnx/log",
        "onnx_pytorch_operator/test_operator_pow",
    ),
    "uninitialised memory as inputs: numbers from 1e-322 to 1e199": (
        "onnx_pytorch_operator/test_operator_add_broadcast",
        "onnx_pytorch_operator/test_operator_add_size1_singleton_broadcast",
    ),
    "the stored result takes the wrong side of a rounding tie (float32)": (
        "onnx_node/test_dynamicquantizelinear_expanded",
    ),
    "positions of the greatest": (
        "onnx2c_local_ops/test_maxpool_stride_2",
        "onnx_node/test_maxpool_with_argmax_2d_precomputed_strides",
    ),
    "opset 1": ("onnx_node/test_not_4d",),
}


@dataclass(frozen=True)
class NodeTest:
    """One test: a model, what to feed, what must come out.

    Args:
        name: `<suite>/<test>`.
        operator: the operator that it is about.
        operators: all operators in the model.
        archive: zip file with the model and its tensors.
        inputs: how many tensors are fed.
        outputs: how many come out.
    """

    name: str
    operator: str
    operators: frozenset[str]
    archive: Path = field(repr=False)
    inputs: int
    outputs: int

    @property
    def reason(self) -> str | None:
        """Why it is expected to fail; None if it is expected to pass."""
        for reason, operators in MISSING.items():
            if self.operators.intersection(operators):
                return reason
        return next((reason for reason, names in REASONS.items() if self.name in names), None)

    def failure(self) -> str | None:
        """Run it: None if it passes, else what is wrong. Anything but a refusal or a wrong result is raised."""
        model, fed, wanted = self._read()
        try:
            results = onnx_backend.run_model(model, fed)
        except FpgannError as error:
            return str(error)
        for result, stored in zip(results, wanted, strict=True):
            if (result.dtype, result.shape) != (stored.dtype, stored.shape):
                return f"{result.dtype}{list(result.shape)} rather than {stored.dtype}{list(stored.shape)}"
            if stored.dtype.kind in "biu" and not np.array_equal(result, stored):
                return f"{result.reshape(-1)[:8]} rather than {stored.reshape(-1)[:8]}"
            if not np.allclose(result, stored, rtol=RTOL, atol=ATOL, equal_nan=True):
                return f"off by {np.nanmax(np.abs(result.astype(np.float64) - stored)):.3g}"
        return None

    def _read(self) -> tuple[onnx.ModelProto, list[np.ndarray], list[np.ndarray]]:
        test = self.name.partition("/")[2]
        archive = _archive(self.archive)
        model = onnx.load_from_string(archive.read(f"{test}.onnx"))
        tensors = np.load(io.BytesIO(archive.read(f"{test}.npz")), allow_pickle=False)
        return (
            model,
            [tensors[f"in{i}"] for i in range(self.inputs)],
            [tensors[f"out{i}"] for i in range(self.outputs)],
        )


@functools.cache
def _archive(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def node_tests(corpus: Path) -> Iterator[NodeTest]:
    """Every test of the corpus, in order."""
    folder = corpus / "node"
    for entry in json.loads((folder / "node_catalog.json").read_text(encoding="utf-8")):
        yield NodeTest(
            f"{entry['suite']}/{entry['name']}",
            entry["primary_op"],
            frozenset(entry["ops"]),
            folder / f"{entry['suite']}.zip",
            len(entry["inputs"]),
            len(entry["outputs"]),
        )


def results(tests: list[NodeTest], failed: set[str]) -> str:
    """What docs/node-tests.json holds: how many tests each operator has, and those that fail, by reason."""
    totals: dict[str, int] = defaultdict(int)
    failing: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for test in tests:
        totals[test.operator] += 1
        if test.name in failed:
            failing[test.reason or "?"][test.operator].append(test.name)
    document = {"totals": dict(sorted(totals.items())), "failing": {**failing}}
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Run all tests and write the results."""
    named = os.environ.get("FPGANN_CORPUS")
    tests = list(node_tests(Path(named) if named else REPOSITORY.parent / "shared" / "corpus"))
    failures = {test: failure for test in tests if (failure := test.failure()) is not None}
    unexplained = {test.name: failure for test, failure in failures.items() if test.reason is None}
    for name, failure in unexplained.items():
        print(f"{name}: {failure}", file=sys.stderr)
    if unexplained:
        return 1
    RESULTS.write_text(results(tests, {test.name for test in failures}), encoding="utf-8")
    print(f"{len(tests) - len(failures)} of {len(tests)} pass; {RESULTS.relative_to(REPOSITORY)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())

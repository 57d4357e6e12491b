# SPDX-License-Identifier: Apache-2.0
"""Codes of a build against defined real numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fpgann.design import Design
from fpgann.ir import Encoding
from tests.oracle.definition import Run
from tests.oracle.exact import Exact, each


def count_mismatches(design: Design, name: str, codes: np.ndarray, value: Exact, exact: Run) -> int:
    """Elements of an output in which code * scale + offset is not the defined number.

    Where the square root of a normalization stands behind the last product, the scale in the build can only be near
    to it (float64). The codes are those of the product itself then, and are compared with that.

    Args:
        design: the build.
        name: the output.
        codes: what the build delivers.
        value: what is defined.
        exact: the run that `value` comes from.
    """
    graph = design.graph
    delivered = graph.outputs[name]
    codes = codes.reshape(value.shape)
    meant = decode(graph.types[delivered].codes, codes)
    if value.root is None:
        return int(np.sum(meant != value.fractions()))
    (scaled,) = (node for node in graph.nodes if node.output == delivered)
    assert scaled.op.name == "reinterpret"
    sums = decode(graph.types[scaled.inputs[0]].codes, codes)
    wanted = value.floats()
    close = np.abs(meant.astype(np.float64) - wanted) <= 1e-14 * np.abs(wanted).max()
    return int(np.sum((sums != exact.values[exact.sums[name]].fractions().reshape(codes.shape)) | ~close))


def decode(encoding: Encoding, codes: np.ndarray) -> np.ndarray:
    """code * 2**-frac * scale + offset, as fractions."""

    def along_axis(numbers: tuple[Fraction, ...]) -> np.ndarray:
        shape = [1] * codes.ndim
        if len(numbers) > 1:
            shape[encoding.axis] = len(numbers)
        array = np.empty(len(numbers), object)
        array[:] = numbers
        return array.reshape(shape)

    lsb = Fraction(2) ** -encoding.fixed.frac
    return each(lambda c, s, o: int(c) * s * lsb + o, codes, along_axis(encoding.scale), along_axis(encoding.offset))

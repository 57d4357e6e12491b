# SPDX-License-Identifier: Apache-2.0
"""Whether two graphs of codes compute the same."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fpgann.errors import VerificationError
from fpgann.ir import Graph
from fpgann.numerics.integers import IntArray
from fpgann.reference.executor import run_codes


def check_same_codes(before: Graph, after: Graph, inputs: Mapping[str, IntArray], step: str) -> None:
    """Compare all outputs, and what stands in both graphs.

    Args:
        before: a graph of codes.
        after: what became of it.
        inputs: codes of the inputs, shape (samples, *shape).
        step: what was done, named in the error.

    Raises:
        VerificationError: a value differs.
    """
    wanted, got = run_codes(before, inputs), run_codes(after, inputs)
    for name in wanted.keys() & got.keys() | set(before.outputs.values()):
        if not np.array_equal(wanted[name], got[name]):
            raise VerificationError(
                f"value '{name}' changes its codes",
                where=f"after {step}",
                hint="this is a bug of fpgann, please report it",
            )

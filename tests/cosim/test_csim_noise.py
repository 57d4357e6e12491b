# SPDX-License-Identifier: Apache-2.0
"""HLS C++ that draws random numbers: those of the reference, sample after sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fpgann.errors import MismatchError
from tests.conftest import require_tool
from tests.cosim.cpp_checks import COMPILERS, assert_formatted, assert_no_warning
from tests.cosim.test_noise import compiled

KINDS = ("parallel", "frames", "maps")


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_are_those_of_the_reference(kind: str, tmp_path: Path) -> None:
    require_tool("hls4ml")
    design = compiled(tmp_path, kind, target="hls")
    for batch in (False, True):
        design.simulate(batch=batch).require_exact()
    samples = {"x": np.random.default_rng(1).normal(0, 1, (40, 4))}
    simulation, emulated = design.simulate(samples, batch=True), design.emulate(samples)
    assert simulation.outputs is not None
    assert np.array_equal(simulation.outputs["y__raw"], emulated["y__raw"])
    same = design.emulate({"x": np.repeat(samples["x"][:1], 40, axis=0)})["y"]
    assert len(np.unique(same.reshape(40, -1), axis=0)) > 30, "every sample gets numbers of its own"


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_is_clean(kind: str, tmp_path: Path) -> None:
    design = compiled(tmp_path, kind, target="hls")
    assert_formatted(design)
    for compiler in COMPILERS:
        assert_no_warning(design, compiler)


@pytest.mark.parametrize(
    ("old", "new"),
    [("bits >> 7", "bits >> 6"), ("term <= 4", "term <= 3"), ("? entry : -entry", "? entry : entry")],
)
def test_one_change_is_found(old: str, new: str, tmp_path: Path) -> None:
    require_tool("g++")
    design = compiled(tmp_path, "maps", target="hls")
    path = design.folder / "hls" / "fpgann" / "gaussian.h"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(MismatchError, match="expected"):
        design.simulate(batch=True).require_exact()

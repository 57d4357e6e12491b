# SPDX-License-Identifier: Apache-2.0
"""Every form of a staircase as compiled C++: equal to the form on every code."""

from __future__ import annotations

import ctypes
import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fpgann import resources
from fpgann.codegen.hls.literals import ConstantArray, type_of
from fpgann.codegen.hls.staircase import StaircaseWriter, write_form
from fpgann.eda.cpp import Dialect, compile_library, dialect_flags
from fpgann.kernel.requantize import (
    Form,
    LinesForm,
    MultiplyForm,
    RunsForm,
    ShiftForm,
    TableForm,
    ThresholdForm,
    apply_form,
)
from fpgann.numerics.interval import CodeRange
from fpgann.numerics.piecewise import Interpolation
from fpgann.numerics.rounding import Rounding
from fpgann.numerics.runs import Runs
from fpgann.numerics.staircases import Staircase
from tests.conftest import require_tool

CODES = CodeRange(-150, 200)


def staircase(base: int, thresholds: Sequence[int], *, rising: bool = True) -> Staircase:
    return Staircase(base, np.array(sorted(thresholds)), rising)


def interpolation(**changes: object) -> Interpolation:
    """Lines of two regions, the second one in two segments."""
    bits = {"rest_bits": 6, "bases": np.array([0, 1]), "segment_bits": np.array([6, 5])}
    lines = {"slopes": np.array([7, -9, 30]), "offsets": np.array([-100, 350, 65]), "shift": 4}
    ends = {"low": 3, "high": 120, "below": -6, "above": 71, "least": -5, "greatest": 70, "bottom": -80, "top": 75}
    return dataclasses.replace(Interpolation(**bits, **lines, **ends), **changes)


FORMS: dict[str, Form] = {
    **{
        f"shift_{mode.value.lower()}_{shift}": ShiftForm(shift, mode, -20, 31)
        for mode in Rounding
        for shift in (1, 2, 5, 11)
    },
    "shift_left": ShiftForm(-3, Rounding.RND, -900, 1023),
    "shift_none": ShiftForm(0, Rounding.TRN, -10_000, 10_000),
    "multiply": MultiplyForm(np.array([37, -5, 0]), np.array([-90, 13, 77]), 4, -128, 127),
    "multiply_wide": MultiplyForm(np.array([(1 << 40) + 7]), np.array([-(1 << 43)]), 38, -500, 500),
    "few": ThresholdForm((staircase(-1, [-3, -3, 90]), staircase(5, [7], rising=False), staircase(2, []))),
    "many": ThresholdForm((staircase(-60, range(-149, 200, 3)), staircase(40, range(-100, 150, 7)))),
    "falling": ThresholdForm((staircase(9, range(-140, 190, 17), rising=False),)),
    "constant": ThresholdForm((staircase(-4, []),)),
    "table": TableForm(np.arange(101) ** 2 % 37 - 18, -20, 80, None),
    "mirrored": TableForm(np.arange(61), 0, 60, 0),
    "mirrored_around": TableForm(np.arange(61) + 128, 0, 60, 256),
    "runs": RunsForm(
        (Runs(np.array([-100, -5, 3, 60]), np.array([4, -9, 4, 0, 12])), Runs(np.array([0]), np.array([1, 2])))
    ),
    "one_run": RunsForm((Runs(np.array([], np.int64), np.array([6])),)),
    "lines": LinesForm(
        np.array([[-10, 40], [0, 1]]), np.array([[1, 5, -2], [9, 9, 3]]), np.array([[0, 3, 200], [7, 0, 1]]), 2, -60, 90
    ),
    "line": LinesForm(np.zeros((1, 0), np.int64), np.array([[3]]), np.array([[1]]), 1, -60, 90),
    "segments": interpolation(),
    "segments_even": interpolation(even=True),
    "segments_mirrored": interpolation(mirror=-3),
}


def channels(form: Form) -> int:
    match form:
        case ThresholdForm(staircases=rows) | RunsForm(runs=rows):
            return len(rows)
        case MultiplyForm(factor=factor) | LinesForm(factor=factor):
            return len(factor)
    return 1


def wanted(form: Form) -> np.ndarray:
    """Results of all codes, shape (channels, codes)."""
    count = channels(form)
    every = np.arange(CODES.low, CODES.high + 1)[:, None].repeat(count, axis=1)
    return np.asarray(apply_form(form, every)).T.astype(np.int64)


def array_text(array: ConstantArray) -> str:
    return f"static const {array.kind} {array.name}{array.shape} =\n" + "\n".join(array.lines) + ";\n"


def source() -> str:
    """A function of codes for each form."""
    parts = ['#include "fpgann/arithmetic.h"\n#include "fpgann/host.h"\n']
    for name, form in FORMS.items():
        results = wanted(form)
        target = CodeRange(int(results.min()), int(results.max()))
        writer = StaircaseWriter(f"f_{name}", CODES, target, type_of(target), lambda array: None)
        write_form(form, writer)
        parts += [array_text(array) for array in writer.constants]
        channel = ", int channel" if writer.uses_channel else ""
        head = f"inline {type_of(target)} f_{name}(const {type_of(CODES)} &code{channel})"
        parts.append("\n".join([f"{head} {{", *writer.code.lines, "}\n"]))
        call = "number, channel" if writer.uses_channel else "number"
        parts.append(
            f'extern "C" void {name}(long long code, int channel, fpgann::word_t *result) {{\n'
            f"  const {type_of(CODES)} number = static_cast<{type_of(CODES)}>(code);\n"
            f"  static_cast<void>(channel);\n  result[0] = fpgann::low_word(f_{name}({call}));\n}}\n"
        )
    return "\n".join(parts)


@pytest.mark.parametrize("dialect", list(Dialect))
def test_forms_are_equal_on_every_code(dialect: Dialect, tmp_path: Path) -> None:
    require_tool("g++")
    if dialect is not Dialect.NATIVE:
        require_tool("hls4ml")
    shutil.copytree(resources.templates_dir() / "hls" / "fpgann", tmp_path / "fpgann")
    (tmp_path / "forms.cpp").write_text(source())
    compile_library(tmp_path, ["forms.cpp"], ["-O1", *dialect_flags(dialect)], tmp_path / "forms.so")
    library, result = ctypes.CDLL(str(tmp_path / "forms.so")), ctypes.c_int64()
    wrong = []
    for name, form in FORMS.items():
        for channel, row in enumerate(wanted(form)):
            for code, expected in zip(range(CODES.low, CODES.high + 1), row.tolist(), strict=True):
                getattr(library, name)(ctypes.c_longlong(code), channel, ctypes.byref(result))
                if result.value != expected:
                    wrong.append(f"{name}[{channel}]({code}) is {result.value}, not {expected}")
                    break
    assert not wrong, "\n".join(wrong)

# SPDX-License-Identifier: Apache-2.0
"""Rules for the VHDL library."""

from __future__ import annotations

from fpgann import resources
from tests.repo.rules import REPOSITORY, compile_order_violations, hdl_violations

FILES = sorted((REPOSITORY / "hdl").glob("*.vhd"))
SPDX = "-- SPDX-License-Identifier: Apache-2.0\n"


def test_every_file_has_its_header_and_its_one_unit() -> None:
    found = [violation for file in FILES for violation in hdl_violations(file.read_text(), file.stem)]
    assert FILES
    assert not found, "\n".join(found)


def test_the_compile_order_is_complete() -> None:
    names = ("compile_order.txt", "compile_order_maps.txt", "compile_order_noise.txt")
    order = "".join((resources.hdl_dir() / name).read_text() for name in names)
    assert compile_order_violations(order, {file.stem for file in FILES}) == []


def test_a_wrong_file_is_noticed() -> None:
    good = SPDX + "entity fpgann_a is\nend entity;\n"
    assert hdl_violations(good, "fpgann_a") == []
    assert hdl_violations(good.removeprefix(SPDX), "fpgann_a") != []
    assert hdl_violations(good, "fpgann_b") != []
    assert hdl_violations(good + "entity fpgann_b is\nend entity;\n", "fpgann_a") != []
    package = SPDX + "package fpgann_p is\nend package;\npackage body fpgann_p is\nend package body;\n"
    assert hdl_violations(package, "fpgann_p") == []


def test_a_wrong_compile_order_is_noticed() -> None:
    assert compile_order_violations("a.vhd\nb.vhd\n", {"a", "b"}) == []
    assert len(compile_order_violations("a.vhd\n", {"a", "b"})) == 1
    assert len(compile_order_violations("a.vhd\nc.vhd\n", {"a"})) == 1
    assert len(compile_order_violations("a.vhd\na.vhd\n", {"a"})) == 1

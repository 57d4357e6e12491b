# SPDX-License-Identifier: Apache-2.0
"""Graphs as text and as files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fpgann.ir.serialize import GRAPH_FILE, WEIGHTS_FILE, save_graph
from fpgann.ir.text import to_text
from tests.golden.conftest import GOLDEN, compare
from tests.unit.ir import samples

NETWORKS = {"small": samples.small_network, "real": samples.real_network}


@pytest.mark.parametrize("name", NETWORKS)
def test_text(golden: Callable[[str, str], None], name: str) -> None:
    golden(f"ir/{name}.txt", to_text(NETWORKS[name]()))


@pytest.mark.parametrize("name", NETWORKS)
def test_files(golden: Callable[[str, str], None], tmp_path: Path, name: str) -> None:
    """The format on disk: it may change only together with its version."""
    save_graph(NETWORKS[name](), tmp_path)
    golden(f"ir/{name}.json", (tmp_path / GRAPH_FILE).read_text(encoding="ascii"))
    digest = hashlib.sha256((tmp_path / WEIGHTS_FILE).read_bytes()).hexdigest()
    golden(f"ir/{name}.npz.sha256", f"{digest}\n")


def test_twin_with_one_line_more() -> None:
    text = to_text(samples.small_network())
    compare(GOLDEN / "ir/small.txt", text)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)if this is meant.*\+one line more"):
        compare(GOLDEN / "ir/small.txt", f"{text}one line more\n")
    with pytest.raises(pytest.fail.Exception, match=r"ir/none\.txt does not exist"):
        compare(GOLDEN / "ir/none.txt", text)

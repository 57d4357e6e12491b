# SPDX-License-Identifier: Apache-2.0
"""JSON files that somebody may have changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpgann import documents
from fpgann.documents import Pattern, find_misfit, read_document
from fpgann.errors import FormatError

PORT: Pattern = {"name": str, "shape": [int]}
PATTERN: Pattern = {"top": str, "ports": [PORT], "error": (float, type(None)), "files": {}}
GOOD = {"top": "t", "ports": [{"name": "x", "shape": [1, 2]}], "error": None, "files": {"a": 1}, "extra": [True]}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({}, None),
        ({"error": 1.5}, None),
        ({"error": 1}, None),
        ({"ports": []}, None),
        ({"error": "1"}, "error"),
        ({"error": True}, "error"),
        ({"top": None}, "top"),
        ({"top": ["t"]}, "top"),
        ({"ports": {}}, "ports"),
        ({"ports": [5]}, "ports.0"),
        ({"ports": [{"name": "x"}]}, "ports.0.shape"),
        ({"ports": [{"name": "x", "shape": [1, True]}]}, "ports.0.shape.1"),
        ({"ports": [{"name": "x", "shape": [1, 2.0]}]}, "ports.0.shape.1"),
        ({"files": []}, "files"),
    ],
)
def test_misfits_are_found(change: dict[str, object], place: str | None) -> None:
    assert find_misfit({**GOOD, **change}, PATTERN) == place


@pytest.mark.parametrize("key", ["top", "ports", "error", "files"])
def test_missing_keys_are_found(key: str) -> None:
    assert find_misfit({k: v for k, v in GOOD.items() if k != key}, PATTERN) == key


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "d.json is damaged"),
        (b"{", "d.json is damaged"),
        (b"\xff\xfe\x00", "d.json is damaged"),
        (b"[]", "it holds no object"),
        (b"null", "it holds no object"),
        (b"[" * 100_000, "d.json is damaged"),
        (b'{"top": ' + b"9" * 5000 + b"}", "d.json is damaged"),
        (b'{"top": NaN}', "NaN is no number"),
        (b'{"top": Infinity}', "Infinity is no number"),
        (b"{}", "d.json is damaged: 'top' is missing or wrong"),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "d.json").write_bytes(content)
    with pytest.raises(FormatError, match=match) as caught:
        read_document(tmp_path / "d.json", PATTERN, "build 'b'")
    assert str(caught.value).startswith("build 'b': d.json")
    assert str(caught.value).endswith("compile the model again")


def test_missing_large_and_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FormatError, match=r"d.json is missing"):
        read_document(tmp_path / "d.json", {}, "b")
    with pytest.raises(FormatError, match="cannot be read: Is a directory"):
        read_document(tmp_path, {}, "b")
    monkeypatch.setattr(documents, "MAX_BYTES", 10)
    (tmp_path / "d.json").write_text('{"a": "too long"}')
    with pytest.raises(FormatError, match=r"d.json is too large"):
        read_document(tmp_path / "d.json", {}, "b")

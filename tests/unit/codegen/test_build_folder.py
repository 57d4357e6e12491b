# SPDX-License-Identifier: Apache-2.0
"""A build is whole or not there, and nothing of anybody else is ever deleted."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fpgann.codegen import build_folder
from fpgann.codegen.build_folder import check_destination, read_manifest, write_build, write_file
from fpgann.codegen.manifest import FORMAT, VERSION
from fpgann.errors import ConfigError, FormatError, FpgannError

PORT = {"name": "x", "port": "in_x", "shape": [1, 2], "element_bits": 8, "signed": True}
MANIFEST = {
    "format": FORMAT,
    "version": VERSION,
    "model": {"name": "m"},
    "top": "m",
    "latency_cycles": 1,
    "interval_cycles": 1,
    "inputs": [PORT],
    "outputs": [PORT],
    "files": {"rtl/m.vhd": "0"},
}


def contents(text: str = "new") -> dict[str, bytes]:
    return {"manifest.json": json.dumps(MANIFEST).encode(), "rtl/m.vhd": text.encode(), "sim/deep/x": b""}


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, hidden files too."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def refuse(folder: Path, match: str, *, force: bool = False, sources: tuple[Path, ...] = ()) -> None:
    with pytest.raises(ConfigError, match=match) as caught:
        check_destination(folder, force=force, sources=sources)
    assert str(caught.value).startswith(f"output '{folder}'")
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_files_and_links_are_no_destination(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("folder")
    before = tree(tmp_path)
    for force in (False, True):
        refuse(tmp_path / "file", "it is not a folder", force=force)
        refuse(tmp_path / "file" / "below", "'.*file' is no folder", force=force)
        refuse(tmp_path / "file" / "far" / "below", "'.*file' is no folder", force=force)
        refuse(tmp_path / "dangling", "it is a link", force=force)
        refuse(tmp_path / "dangling" / "below", "is no folder", force=force)
        refuse(tmp_path / "loop", "it is a link", force=force)
        refuse(tmp_path / "loop" / "below", "is no folder", force=force)
        refuse(tmp_path / "link", "it is a link", force=force)
        refuse(Path("/dev/null"), "it is not a folder", force=force)
        refuse(Path("/proc/build"), "cannot be written there", force=force)
        refuse(tmp_path / ("n" * 300), "cannot be written there: File name too long", force=force)
        refuse(tmp_path / Path(*["n" * 200] * 30), "cannot be written there: File name too long", force=force)
    assert tree(tmp_path) == before


def test_new_empty_and_nested_folders_will_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    for folder in ("new", "a/b/c", "empty", "link/new", "n" * 255, "with space", "ünicode", "-dash", "quote'\"\n"):
        check_destination(tmp_path / folder, force=False)
        write_build(tmp_path / folder, contents(), force=False)
        assert (tmp_path / folder / "rtl" / "m.vhd").read_text() == "new"
    assert not list(tmp_path.rglob(".fpgann-*"))


def test_full_folders_need_force_and_a_build(tmp_path: Path) -> None:
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    refuse(folder, "the folder is not empty; use --force")
    for manifest in (None, "{}", "[]", "garbage", "[" * 100_000, '{"name": "web app", "version": 1}'):
        if manifest is not None:
            (folder / "manifest.json").write_text(manifest)
        refuse(folder, "not written by fpgann; --force replaces builds of fpgann only", force=True)
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()
    refuse(folder, "not written by fpgann", force=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_builds_of_any_version_are_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "build"
    write_build(
        folder, {**contents("old"), "manifest.json": json.dumps({"format": FORMAT, "version": 0}).encode()}, force=False
    )
    refuse(folder, "not empty")
    write_build(folder, contents(), force=True)
    assert tree(folder)["rtl/m.vhd"] == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


def test_the_current_folder_is_not_pulled_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    for folder in (".", "", "..", tmp_path / "a"):
        refuse(Path(folder), "the folder you are in")


def test_sources_are_not_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "build"
    write_build(folder, contents(), force=False)
    model = folder / "model.onnx"
    model.touch()
    refuse(folder, "it holds '.*model.onnx', which would be deleted; move it", force=True, sources=(model,))
    check_destination(folder, force=True, sources=(tmp_path / "model.onnx",))


def disk_full(self: Path, data: bytes) -> int:
    if self.name == "m.vhd":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
    return len(data)


def interrupted(self: Path, data: bytes) -> int:
    raise KeyboardInterrupt


FAILURES = pytest.mark.parametrize(
    ("failure", "kind", "match"),
    [
        (disk_full, FormatError, "cannot be written: No space left on device; free some space"),
        (interrupted, KeyboardInterrupt, "^$"),
    ],
)


@FAILURES
def test_a_failure_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Callable[..., int], kind: type[BaseException], match: str
) -> None:
    monkeypatch.setattr(Path, "write_bytes", failure)
    with pytest.raises(kind, match=match):
        write_build(tmp_path / "a" / "b" / "build", contents(), force=False)
    assert tree(tmp_path) == {}


@FAILURES
def test_a_failure_leaves_the_earlier_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Callable[..., int], kind: type[BaseException], match: str
) -> None:
    folder = tmp_path / "build"
    write_build(folder, contents("old"), force=False)
    before = tree(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", failure)
        with pytest.raises(kind, match=match):
            write_build(folder, contents(), force=True)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("failing", range(1, 5))
@pytest.mark.parametrize("code", [errno.EACCES, errno.EBUSY, errno.EIO])
def test_a_failing_move_leaves_the_earlier_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, code: int
) -> None:
    folder = tmp_path / "build"
    write_build(folder, contents("old"), force=False)
    before, calls, rename = tree(tmp_path), iter(range(1, 100)), Path.rename

    def rename_or_fail(self: Path, target: Path) -> Path:
        if next(calls) == failing:
            raise OSError(code, os.strerror(code))
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename_or_fail)
        try:
            write_build(folder, contents(), force=True)
        except FormatError as error:
            assert os.strerror(code) in str(error)  # noqa: PT017  a late failure does not happen
            assert tree(tmp_path) == before
            return
    assert tree(folder)["rtl/m.vhd"] == b"new"


def test_an_interruption_waits_for_the_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "build"
    write_build(folder, contents("old"), force=False)
    rename = Path.rename
    # a shell's background job, and so perhaps this test, is deaf to interruptions
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, handler))

    def interrupt_and_rename(self: Path, target: Path) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupt_and_rename)
        with pytest.raises(KeyboardInterrupt):
            write_build(folder, contents(), force=True)
    assert tree(folder)["rtl/m.vhd"] == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


def test_someone_else_was_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rename = tmp_path / "build", Path.rename

    def rename_too_late(self: Path, target: Path) -> Path:
        folder.mkdir(exist_ok=True)
        (folder / "theirs").touch()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_too_late)
    with pytest.raises(ConfigError, match="the folder has been filled meanwhile; use --force"):
        write_build(folder, contents(), force=False)
    assert tree(tmp_path) == {"build": None, "build/theirs": b""}


def test_someone_else_never_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rename = tmp_path / "build", Path.rename
    write_build(folder, contents("old"), force=False)

    def rename_and_refill(self: Path, target: Path) -> Path:
        result = rename(self, target)
        if self == folder:
            folder.mkdir()
            (folder / "theirs").touch()
        return result

    monkeypatch.setattr(Path, "rename", rename_and_refill)
    with pytest.raises(FormatError, match="other programs keep writing there"):
        write_build(folder, contents(), force=True)
    assert tree(tmp_path) == {"build": None, "build/theirs": b""}


@pytest.mark.parametrize("force", [False, True])
def test_many_at_once(tmp_path: Path, force: bool) -> None:
    """One build is whole in the end; without force, exactly one writer has succeeded."""
    folder, outcomes = tmp_path / "build", []
    barrier = threading.Barrier(4)

    def write(text: str) -> None:
        barrier.wait()
        try:
            write_build(folder, contents(text) | {f"rtl/{i}": text.encode() for i in range(40)}, force=force)
            outcomes.append(text)
        except FpgannError as error:
            outcomes.append(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_folder, "_check_parent", lambda *_: None)
        writers = [threading.Thread(target=write, args=(f"writer {i}",)) for i in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    written = {data for path, data in tree(folder).items() if path.startswith("rtl/")}
    assert len(written) == 1
    assert written.pop().decode() in outcomes
    assert all(isinstance(outcome, (str, FpgannError)) for outcome in outcomes)
    if not force:
        assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_build(tmp_path / "build", contents(), force=False)
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "build", *(tmp_path / "build").rglob("*"))}
    assert modes == {0}


def test_a_file_of_a_build_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path / "simulate.json", b"old")
    write_file(tmp_path / "simulate.json", b"whole")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FormatError, match="cannot be written: Is a directory; free some space, or copy the build"):
        write_file(tmp_path / "folder", b"new")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_file(tmp_path / "simulate.json", b"new")
    assert tree(tmp_path) == {"simulate.json": b"whole", "folder": None}


def test_a_real_write_that_fails(tmp_path: Path) -> None:
    """As on a full disk, but by a limit on file sizes, which anybody may set."""
    folder = tmp_path / "build"
    write_build(folder, contents("old"), force=False)
    before = tree(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(FormatError, match="cannot be written: File too large"):
            write_build(folder, contents() | {"rtl/large": bytes(20_000)}, force=True)
        with pytest.raises(FormatError, match="cannot be written: File too large"):
            write_file(folder / "manifest.json", bytes(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert tree(tmp_path) == before


def bad_manifest(tmp_path: Path, document: object, match: str) -> None:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(FormatError, match=match) as caught:
        read_manifest(tmp_path)
    assert str(caught.value).startswith(f"build '{tmp_path}'")
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_manifests(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({**MANIFEST, "something": "new"}))
    assert read_manifest(tmp_path)["top"] == "m"
    for content in (b"", b"garbage", b"{", b"\xff", b"[" * 100_000):
        bad_manifest(tmp_path, content, "manifest.json is damaged")
    for document in ([], None, 5, "text"):
        bad_manifest(tmp_path, document, "it holds no object")
    for document in ({}, {"format": "web app"}, {"format": None}):
        bad_manifest(tmp_path, document, "not one of fpgann")
    for version in (None, 0, 2, "1", True, 1.0, "x" * 1000):
        bad_manifest(tmp_path, {**MANIFEST, "version": version}, r"has version .*, not 1; compile the model again")
    for key in set(MANIFEST) - {"format", "version"}:
        bad_manifest(tmp_path, {k: v for k, v in MANIFEST.items() if k != key}, f"'{key}' is missing or wrong")
    for key, value in {"files": [1], "top": 5, "latency_cycles": "7", "outputs": [{"port": "x"}], "model": []}.items():
        bad_manifest(tmp_path, {**MANIFEST, key: value}, f"'{key}.*' is missing or wrong")


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "rtl/../../x", ".."])
def test_manifests_name_no_files_elsewhere(tmp_path: Path, path: str) -> None:
    bad_manifest(tmp_path, {**MANIFEST, "files": {path: "0"}}, "it lists a file")


def test_what_is_no_build(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "manifest.json").mkdir()
    for folder in ("missing", "file", ".", "n" * 300):
        with pytest.raises(FormatError, match=r"there is no manifest.json; name a folder that 'fpgann compile' wrote"):
            read_manifest(tmp_path / folder)

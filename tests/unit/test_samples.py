# SPDX-License-Identifier: Apache-2.0
"""npz files from strangers: read if they are what they should be, refused in one line if not."""

from __future__ import annotations

import errno
import io
import os
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from fpgann import samples
from fpgann.errors import FormatError
from fpgann.samples import check_samples, read_samples, write_samples

SHAPES = {"x": (1, 3)}
GOOD = np.arange(15.0).reshape(5, 3)


def npy(shape: str = "(1, 3)", descr: str = "'<f8'", body: bytes = bytes(24), *, fortran: bool = False) -> bytes:
    """An array file whose header claims what it likes."""
    header = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def saved(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def archive(folder: Path, *entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    path = folder / "data.npz"
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


def patched(folder: Path, *fields: tuple[int, str, int]) -> Path:
    """A good archive with other numbers in its central directory."""
    path = archive(folder, ("x.npy", saved(GOOD)))
    content = bytearray(path.read_bytes())
    directory = content.find(b"PK\x01\x02")
    for offset, layout, number in fields:
        struct.pack_into(layout, content, directory + offset, number)
    path.write_bytes(content)
    return path


def refuse(path: Path, match: str, shapes: Mapping[str, tuple[int, ...]] = SHAPES) -> None:
    with pytest.raises(FormatError, match=match) as caught:
        read_samples(path, shapes)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "|i1", "<u8", "|b1", "<g"])
@pytest.mark.parametrize("shape", [(5, 3), (5, 1, 3)])
def test_numbers_of_any_kind_are_read(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    array = (np.arange(15) % 2).astype(dtype).reshape(shape)
    np.savez(tmp_path / "data.npz", x=array, other=np.array(["of no interest"]))
    result = read_samples(tmp_path / "data.npz", SHAPES)["x"]
    assert result.dtype == np.float64
    assert np.array_equal(result, (np.arange(15) % 2).reshape(5, 1, 3))


def test_compressed_and_column_major_arrays_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "data.npz", x=np.asfortranarray(GOOD))
    assert np.array_equal(read_samples(tmp_path / "data.npz", SHAPES)["x"][:, 0], GOOD)


def test_no_batch_axis_in_the_model(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.zeros((2, 8, 3)))
    assert read_samples(tmp_path / "data.npz", {"x": (8, 3)})["x"].shape == (2, 8, 3)


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros((5, 4)), r"array 'x': its shape is \(5, 4\), not \(samples, 3\) or \(samples, 1, 3\)"),
        (np.zeros(3), r"its shape is \(3,\), not .*samples come first"),
        (np.float64(1), r"its shape is \(\), not"),
        (np.zeros((0, 3)), "there are no samples"),
        (np.array(["a", "b"]), "it holds <U1, not real numbers"),
        (np.zeros((5, 3), complex), "it holds complex128, not real numbers"),
        (np.zeros((5, 3), "M8[s]"), "not real numbers"),
        (np.zeros(5, [("a", float)]), "not real numbers"),
        (np.where(np.eye(5, 3) > 0, np.nan, 1), r"NaN or infinite numbers, the first at \[0, 0\]"),
        (np.array([[1, 2, 3], [1, -np.inf, 3]]), r"NaN or infinite numbers, the first at \[1, 1\]"),
        (np.array([{"a": 1}], object), "pickled objects, which are never loaded"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, array: np.ndarray, match: str) -> None:
    np.savez(tmp_path / "data.npz", x=array)
    refuse(tmp_path / "data.npz", match)


def test_wrong_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", X=GOOD)
    refuse(tmp_path / "data.npz", "there is no array 'x'; it holds 'X'; the model needs 'x'")
    np.savez(tmp_path / "data.npz", **{f"a{i}": GOOD for i in range(50)})
    refuse(tmp_path / "data.npz", r"it holds 'a0', 'a1', 'a10', .*, \.\.\.; the model needs")
    np.savez(tmp_path / "data.npz")
    refuse(tmp_path / "data.npz", "it holds nothing")


def test_unequal_counts(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=GOOD, z=GOOD[:2])
    refuse(tmp_path / "data.npz", "different numbers of samples: 5 of 'x', 2 of 'z'", {"x": (1, 3), "z": (1, 3)})


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (npy("(10000000000000, 3)"), "not those of an array of shape"),
        (npy("(4611686018427387904, 3)"), "not those of an array of shape"),
        (npy(f"({2**70}, 3)"), "not those of an array of shape"),
        (npy("(-1, 3)"), "not those of an array of shape"),
        (npy("(2, 3)"), "not those of an array of shape"),
        (npy("(1, 3)", body=bytes(1000)), "not those of an array of shape"),
        (npy("(1, 3)", "'|O'", b"cos\nsystem\n(S'true'\ntR."), "pickled objects, which are never loaded"),
        (npy("(1, 3)", "\"<f8', __import__('os'): '\""), "no readable npz file"),
        (npy("(" * 60), "no readable npz file"),
        (npy("(" * 5000), "no readable npz file"),
        (b"\x93NUMPY\x01\x00\xff\xff{{{", "no readable npz file"),
        (b"\x93NUMPY\x03\x00" + npy()[8:], "unknown version of the npy format"),
        (b"\x93NUMPY\x09\x09" + npy()[8:], "npy format|no readable npz"),
        (b"hello world, this is text", "no readable npz file"),
        (b"", "no readable npz file"),
    ],
)
def test_hostile_array_headers(tmp_path: Path, content: bytes, match: str) -> None:
    refuse(archive(tmp_path, ("x.npy", content)), match)


@pytest.mark.parametrize("names", [("x.npy", "x.npy"), ("x.npy", "x"), ("x", "x.npy")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_twice(tmp_path: Path, names: Sequence[str]) -> None:
    refuse(archive(tmp_path, *((name, saved(GOOD)) for name in names)), "array 'x' is there twice")


def test_an_archive_that_would_unpack_to_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MAX_BYTES", 1 << 20)
    content = npy(f"({1 << 22},)", "'|i1'", bytes(1 << 22))
    refuse(archive(tmp_path, ("x.npy", content), compression=zipfile.ZIP_DEFLATED), "claim more than")
    content = npy(f"({1 << 19},)", "'|i1'", bytes(1 << 19))  # small, but not as float64
    refuse(archive(tmp_path, ("x.npy", content), compression=zipfile.ZIP_DEFLATED), "numbers")


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ([(20, "<I", 0x7FFFFFFF), (24, "<I", 0x7FFFFFFF)], "not those of an array|no readable npz"),
        ([(24, "<I", 10)], "not those of an array|no readable npz"),
        ([(24, "<I", 0xFFFFFFFF)], "not those of an array|no readable npz"),
        ([(8, "<H", 1)], "encrypted"),
        ([(10, "<H", zipfile.ZIP_BZIP2)], "compressed in a way that numpy does not write"),
        ([(10, "<H", 99)], "compressed in a way that numpy does not write"),
        ([(42, "<I", 0x00FFFFFF)], "no readable npz"),
        ([(16, "<I", 0)], "Bad CRC"),
    ],
)
def test_damaged_directories(tmp_path: Path, fields: list[tuple[int, str, int]], match: str) -> None:
    refuse(patched(tmp_path, *fields), match)


def test_every_truncation_and_many_flipped_bytes(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "good.npz", x=np.random.default_rng(0).normal(size=(5, 3)))
    content = (tmp_path / "good.npz").read_bytes()
    path = tmp_path / "data.npz"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        refuse(path, "no readable npz file|not those of an array")
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        try:  # what does not matter (a date) may change, the rest is told
            read_samples(path, SHAPES)
        except FormatError as error:
            assert "\n" not in str(error)  # noqa: PT017  whether it is raised is open


def test_what_is_no_file(tmp_path: Path) -> None:
    refuse(tmp_path / "missing.npz", "there is no such file")
    refuse(tmp_path, "no ordinary file")
    (tmp_path / "text.npz").write_text("x,y\n1,2\n")
    refuse(tmp_path / "text.npz", "no readable npz file: File is not a zip file")
    (tmp_path / "empty.npz").touch()
    refuse(tmp_path / "empty.npz", "no readable npz file")
    os.mkfifo(tmp_path / "pipe.npz")
    refuse(tmp_path / "pipe.npz", "no ordinary file")
    refuse(tmp_path / "text.npz" / "x.npz", "cannot be read: Not a directory")
    refuse(tmp_path / ("n" * 300), "cannot be read: File name too long")
    (tmp_path / "loop.npz").symlink_to("loop.npz")
    refuse(tmp_path / "loop.npz", "cannot be read: Too many levels")


def test_endless_devices_are_not_read() -> None:
    refuse(Path("/dev/zero"), "no ordinary file")


def test_inputs_of_the_python_api_are_checked_too() -> None:
    assert check_samples({"x": [[1, 2, 3]]}, SHAPES)["x"].shape == (1, 1, 3)
    with pytest.raises(FormatError, match=r"inputs: there is no array 'x'"):
        check_samples({"z": GOOD}, SHAPES)
    with pytest.raises(FormatError, match=r"inputs, array 'x': its shape"):
        check_samples({"x": GOOD.T}, SHAPES)
    with pytest.raises(FormatError, match=r"not real numbers"):
        check_samples({"x": "text"}, SHAPES)


NAMES = ("y", "a/b:0", "file", "allow_pickle", "kwds", "args", "x.npy", "🙂", "größe", "name with\nnewline", "n" * 9999)


def test_outputs_of_any_name_come_back(tmp_path: Path) -> None:
    arrays = {name: np.full((2, 3), float(i)) for i, name in enumerate(NAMES)}
    write_samples(tmp_path / "y.npz", arrays)
    with np.load(tmp_path / "y.npz") as loaded:
        assert {name: loaded[name][0, 0] for name in loaded} == {name: float(i) for i, name in enumerate(NAMES)}
    assert np.array_equal(read_samples(tmp_path / "y.npz", {"file": (1, 3)})["file"][:, 0], arrays["file"])


def test_equal_arrays_give_equal_files(tmp_path: Path) -> None:
    for name in ("1.npz", "2.npz"):
        write_samples(tmp_path / name, {"y": GOOD, "y__raw": GOOD.astype(np.int64)})
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


def fails(path: Path, match: str) -> None:
    with pytest.raises(FormatError, match=match) as caught:
        write_samples(path, {"y": GOOD})
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert not list(path.parent.glob(".fpgann-*"))


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    fails(tmp_path, "it is a folder")
    fails(tmp_path / "file" / "y.npz", "is no folder")
    fails(tmp_path / "file" / "deep" / "y.npz", "is no folder")
    fails(tmp_path / ("n" * 300), "File name too long")
    fails(Path("/proc/y.npz"), "cannot be written")
    assert (tmp_path / "file").read_text() == "mine"


def test_devices_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    fails(tmp_path / "pipe", "no ordinary file")
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "link.npz").symlink_to("real.npz")
    write_samples(tmp_path / "link.npz", {"y": GOOD})
    assert (tmp_path / "link.npz").is_symlink()
    assert read_samples(tmp_path / "real.npz", {"y": (1, 3)})["y"].shape == (5, 1, 3)


def disk_full(*args: object, **kwargs: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("failure", "kind", "match"),
    [(disk_full, FormatError, "No space left on device; free some space"), (interrupted, KeyboardInterrupt, "^$")],
)
def test_an_earlier_file_survives_a_failure(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: Callable[..., None],
    kind: type[BaseException],
    match: str,
) -> None:
    path = tmp_path / "y.npz"
    write_samples(path, {"y": GOOD})
    before = path.read_bytes()
    monkeypatch.setattr(np.lib.format, "write_array", failure)
    with pytest.raises(kind, match=match):
        write_samples(path, {"y": GOOD + 1})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["y.npz"]

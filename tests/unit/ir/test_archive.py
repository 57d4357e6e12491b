# SPDX-License-Identifier: Apache-2.0
"""Arrays on disk: the same bytes for the same arrays, and nothing read that was not written so."""

from __future__ import annotations

import io
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from fpgann.errors import FormatError
from fpgann.ir import archive
from fpgann.ir.archive import read_arrays, write_arrays
from tests.unit.numerics.properties import holds

ARRAYS = {
    "floats": np.array([[1.5, -0.0, 5e-324], [1e308, 2.0**-1074, 3.0]]),
    "codes": np.array([-(2**63), -1, 0, 2**63 - 1]),
    "empty": np.zeros((0, 3), np.int64),
    "scalar": np.array(7),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "big-endian": np.arange(3).astype(">i8"),
    "a/b:ö": np.arange(2),
}


def test_round_trip(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", ARRAYS)
    back = read_arrays(tmp_path / "a.npz")
    assert sorted(back) == sorted(ARRAYS)
    for name, array in ARRAYS.items():
        assert back[name].dtype == array.dtype.newbyteorder("=")
        assert back[name].shape == array.shape
        assert back[name].tobytes() == np.ascontiguousarray(array, back[name].dtype).tobytes()
        assert back[name].flags.writeable


def test_any_numpy_reads_it(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", ARRAYS)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as loaded:
        assert {name: loaded[name].tolist() for name in loaded.files} == {n: a.tolist() for n, a in ARRAYS.items()}


def test_same_bytes(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", ARRAYS)
    write_arrays(tmp_path / "b.npz", {name: ARRAYS[name].copy() for name in reversed(ARRAYS)})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archived:
        assert {entry.date_time for entry in archived.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.compress_type for entry in archived.infolist()} == {zipfile.ZIP_STORED}


def test_no_arrays(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", {})
    assert read_arrays(tmp_path / "a.npz") == {}


def npy(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    """One array in numpy's format."""
    content = io.BytesIO()
    np.lib.format.write_array(content, array, version=version, allow_pickle=True)
    return content.getvalue()


def claiming(shape: str, data: bytes = b"\0" * 24, descr: str = "'<i8'") -> bytes:
    """An array whose header claims any shape and type."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def write_entry(content: bytes, name: str = "x.npy", compression: int = zipfile.ZIP_STORED) -> Callable[[Path], None]:
    """Writes a file with one entry."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", compression) as archived:
            archived.writestr(name, content)

    return write


def write_twice(path: Path) -> None:
    """Two entries of one name."""
    with zipfile.ZipFile(path, "w") as archived, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for value in (1, 2):
            archived.writestr("x.npy", npy(np.array(value)))


def write_overlapping(path: Path) -> None:
    """A small file whose directory lists one large entry a thousand times."""
    write_entry(npy(np.zeros(1000)))(path)
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    listing = data[start:end] * 1000
    tail = bytearray(data[end:])
    tail[8:16] = struct.pack("<HHI", 1000, 1000, len(listing))
    path.write_bytes(data[:start] + listing + bytes(tail))


def write_encrypted(path: Path) -> None:
    """An entry that claims to be encrypted."""
    write_entry(npy(np.arange(3)))(path)
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))


def write_corrupted(path: Path) -> None:
    """One bit of an array flipped."""
    write_entry(npy(np.arange(3)))(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") - 1] ^= 1
    path.write_bytes(bytes(data))


class Boom:
    """Would do harm if it were unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("it was unpickled",))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "^a.npz: the file is missing"),
        (lambda path: path.mkdir(), "^a.npz: cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b""), "^a.npz: is damaged: File is not a zip file"),
        (lambda path: path.write_bytes(b"PK\x05\x06" + b"\xff" * 18), "^a.npz: is damaged"),
        (lambda path: path.write_bytes(npy(np.arange(3))), "^a.npz: is damaged"),
        (write_entry(npy(np.array([Boom()], object))), "entry 'x.npy': holds 'object', not row-major float64 or int64"),
        (write_entry(npy(np.arange(3, dtype=np.int32))), "holds 'int32', not row-major"),
        (write_entry(npy(np.ones(3, np.float32))), "holds 'float32'"),
        (write_entry(npy(np.arange(3).astype(">i8"))), "holds '>i8'"),
        (write_entry(npy(np.array(["a"]))), "holds '<U1'"),
        (write_entry(npy(np.ones((2, 3)).T)), "holds 'float64', not row-major"),
        (write_entry(npy(np.arange(3), (2, 0))), "is in an unknown version of the npy format"),
        (write_entry(b"no array"), "^a.npz: is damaged: the magic string is not correct"),
        (write_entry(b""), "^a.npz: is damaged"),
        (write_entry(claiming("(10**18,)")), "^a.npz: is damaged"),
        (write_entry(claiming("(1000000000000000000,)")), r"holds 24 bytes, which is no array of shape \(10{18},\)"),
        (write_entry(claiming("(9223372036854775807, 3)")), "which is no array of shape"),
        (write_entry(claiming("(4,)")), r"holds 24 bytes, which is no array of shape \(4,\)"),
        (write_entry(claiming("(2,)")), r"holds 24 bytes, which is no array of shape \(2,\)"),
        (write_entry(claiming("(-1, -3)")), r"which is no array of shape \(-1, -3\)"),
        (write_entry(claiming("(0, -3)", b"")), r"which is no array of shape \(0, -3\)"),
        (write_entry(claiming("(3,)", descr="__import__('os')")), "^a.npz: is damaged"),
        (write_entry(claiming("(3,)", descr="[('a', '<i8')]")), "not row-major"),
        (write_entry(npy(np.arange(3)), "x"), "entry 'x': is no array, or there twice"),
        (write_entry(npy(np.zeros(9999)), compression=zipfile.ZIP_DEFLATED), "claim more bytes than the file has"),
        (write_entry(npy(np.arange(3)), compression=zipfile.ZIP_DEFLATED), "is compressed or encrypted"),
        (write_twice, "entry 'x.npy': is no array, or there twice"),
        (write_overlapping, "its entries claim more bytes than the file has"),
        (write_encrypted, "is compressed or encrypted"),
        (write_corrupted, "^a.npz: is damaged: Bad CRC-32"),
    ],
)
def test_damage(tmp_path: Path, write: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "a.npz"
    write(path)
    with pytest.raises(FormatError, match=message):
        read_arrays(path)


FEW = {name: ARRAYS[name] for name in ("codes", "scalar")}


def test_every_truncation(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_arrays(path, FEW)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FormatError):
            read_arrays(path)


def test_every_byte_flipped(tmp_path: Path) -> None:
    """What is read is what was written, if perhaps under another name, or there is a FormatError."""
    path = tmp_path / "a.npz"
    write_arrays(path, FEW)
    whole, sound, unnoticed = path.read_bytes(), [array.tolist() for array in FEW.values()], 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(bytes(damaged))
        try:
            arrays = read_arrays(path)
        except FormatError:
            continue
        unnoticed += 1
        assert all(array.tolist() in sound for array in arrays.values())
    assert unnoticed < len(whole) / 4


@holds(st.binary(max_size=300))
def rubbish(data: bytes) -> None:
    """Neither rubbish as a file nor rubbish as an entry is an array."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        for write in (Path.write_bytes, lambda path, content: write_entry(content)(path)):
            write(path, data)
            with pytest.raises(FormatError):
                read_arrays(path)


def test_twin_that_unpickles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archive, "_parse", lambda content, where: np.load(io.BytesIO(content), allow_pickle=True))
    write_entry(npy(np.array([Boom()], object)))(tmp_path / "a.npz")
    with pytest.raises(pytest.fail.Exception, match="it was unpickled"):
        read_arrays(tmp_path / "a.npz")

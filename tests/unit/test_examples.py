# SPDX-License-Identifier: Apache-2.0
"""Convolutional examples: what their READMEs say of the builds."""

from __future__ import annotations

import importlib.util
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fpgann import api
from fpgann.config import CompileOptions, override

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> ModuleType:
    """A script of the examples as a module."""
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
    return module


EVALUATE = load("evaluate")
BUILDS = [(name, numbers) for name, story in EVALUATE.STORIES.items() for numbers in story.numbers]
FAST = {("denoising_autoencoder", "8 bits"), ("vae", "8 bits, sampled"), ("densenet", "6 bits, trained")}


def test_lenet(tmp_path: Path) -> None:
    folder = EXAMPLES / "lenet"
    options = override(CompileOptions(), io="stream", device="xc7a35t", fit=True, name="lenet")
    build = api.compile(folder / "model.onnx", tmp_path / "build", options)
    assert build.report["total"]["ii"] == 81
    assert build.report["device"]["fits"]
    scores = build.emulate(dict(np.load(folder / "vectors.npz")))["scores"]
    assert np.mean(scores.argmax(axis=-1) == np.load(folder / "truth.npz")["label"]) == 0.98


def shown(name: str) -> dict[str, list[str]]:
    """The rows of the table in an example's README."""
    lines = (EXAMPLES / name / "README.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: row for row in rows}


@pytest.mark.parametrize("name", EVALUATE.STORIES)
def test_every_build_of_a_readme_was_exact(name: str) -> None:
    rows, vectors = shown(name), EVALUATE.read(EXAMPLES / name / "vectors.npz")
    count = len(next(iter(vectors.values())))
    assert [rows[numbers.title][-1] for numbers in EVALUATE.STORIES[name].numbers] == [
        f"{count} of {count} exact" for _ in EVALUATE.STORIES[name].numbers
    ]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        pytest.param(name, numbers, marks=() if (name, numbers.title) in FAST else pytest.mark.slow)
        for name, numbers in BUILDS
    ],
    ids=lambda value: getattr(value, "slug", value),
)
def test_a_build_is_as_good_as_its_readme_says(tmp_path: Path, name: str, numbers: object) -> None:
    """Computed without what makes it fit a device: that changes no bit."""
    example, folder = EVALUATE.STORIES[name], EXAMPLES / name
    options = override(CompileOptions(), io="stream", precision=numbers.precision)
    options = override(options, sampling=numbers.sampling or example.sampling)
    build = api.compile(folder / numbers.model, tmp_path / "b", options, calibration=folder / "calibration.npz")
    delivered = build.emulate(EVALUATE.read(folder / "vectors.npz"))
    assert example.merit(delivered, EVALUATE.read(folder / "truth.npz")) == shown(name)[numbers.title][1]


@pytest.mark.slow
@pytest.mark.parametrize("name", EVALUATE.STORIES)
def test_a_training_script_writes_its_files(tmp_path: Path, name: str) -> None:
    """One pass over the images: the files are those of the example, and the models can be compiled."""
    pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'fpgann[train]')")
    pytest.importorskip("brevitas", reason="brevitas is not installed (pip install 'fpgann[train]')")
    folder = EXAMPLES / name
    command = [sys.executable, str(folder / "train.py"), "--epochs", "1", "--output", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {path.name for path in folder.iterdir() if path.suffix in {".onnx", ".npz"}}
    for file in written:
        assert (tmp_path / file).suffix == ".npz" or all(plan.supported for plan in check(tmp_path / file, name))


def check(model: Path, name: str) -> list[api.NodePlan]:
    return api.check(model, override(CompileOptions(), io="stream", sampling=EVALUATE.STORIES[name].sampling))


def test_pictures() -> None:
    pictures = load("pictures")
    images = np.linspace(0, 1, 3 * 4).reshape(3, 2, 2)
    sheet = pictures.sheet(images, 2, scale=2)
    assert sheet.shape == (2 * 7, 2 * 7)
    assert sheet[2, 2] == 0
    assert sheet[0].min() == 255
    dots = pictures.scatter(np.array([[0.0, 0.0], [9.0, 9.0]]), np.array([1, 2]), 3.0, 21)
    assert (dots[10, 10] == pictures.PALETTE[1]).all()
    assert (dots[1, 19] == pictures.PALETTE[2]).all()


def test_a_picture_is_png(tmp_path: Path) -> None:
    """The header says its size, and the lines come back."""
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    load("pictures").write_png(tmp_path / "p.png", pixels)
    content = (tmp_path / "p.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (3, 2)
    start = content.index(b"IDAT") + 4
    lines = np.frombuffer(zlib.decompress(content[start:]), np.uint8).reshape(2, 1 + 9)
    assert (lines[:, 0] == 0).all()
    assert np.array_equal(lines[:, 1:].reshape(2, 3, 3), pixels)

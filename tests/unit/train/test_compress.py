# SPDX-License-Identifier: Apache-2.0
"""`fpgann compress` from end to end, on files and with a training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import fpgann
from fpgann.errors import ConfigError, FormatError
from fpgann.train.charts import line_chart
from fpgann.train.compress import Task
from fpgann.train.plan import plan_of
from tests.command_line import environment
from tests.unit.train.test_offline import inputs, network

PLAN = {"prune": {"sparsity": 0.5}, "quantize": {"weight_bits": 5, "activation_bits": 6}}


def files(folder: Path) -> dict[str, Path]:
    """A model, a plan, samples and their labels."""
    found = {"model": network(folder), "plan": folder / "plan.toml"}
    found["plan"].write_text("[prune]\nsparsity = 0.5\n[quantize]\nweight_bits = 5\nactivation_bits = 6\n")
    found["data"], found["labels"] = folder / "data.npz", folder / "labels.npz"
    np.savez(found["data"], **inputs())
    np.savez(found["labels"], label=np.arange(64) % 3)
    return found


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fpgann", "compress", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), timeout=300)


def test_a_file_is_compressed_with_samples_alone(tmp_path: Path) -> None:
    given, small = files(tmp_path), tmp_path / "small.onnx"
    result = run(
        given["model"],
        "-o",
        small,
        "--plan",
        given["plan"],
        "--calibration",
        given["data"],
        "--labels",
        given["labels"],
    )
    assert result.returncode == 0, result.stderr
    assert "8 neurons merged to 4, exactly" in result.stdout
    document = json.loads(small.with_suffix(".json").read_bytes())
    float_row, before, after = document["rows"]
    assert float_row["accuracy"] is not None
    assert before["agreement"] > 0.9
    assert (before["nonzero"], before["neurons"]) == (before["weights"] - 5 - 6, 17)
    assert after["nonzero"] <= round(0.5 * after["weights"]) < before["nonzero"]
    assert after["lut"] < before["lut"] / 3
    assert after["digits"] < before["digits"] / 3
    design = fpgann.compile(small, tmp_path / "build")
    assert design.report["total"]["lut"] == after["lut"]


def test_the_twin_in_python_gives_the_same_bytes(tmp_path: Path) -> None:
    given = files(tmp_path)
    first = fpgann.compress(given["model"], tmp_path / "a.onnx", given["plan"], calibration=given["data"])
    second = fpgann.compress(given["model"], tmp_path / "b.onnx", plan_of(PLAN), calibration=given["data"])
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.rows == second.rows
    assert [path.name for path in first.files] == ["a.onnx", "a.json"]
    assert first.rows[2].sparsity >= 0.5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"output": "small.txt"}, "it is no .onnx file"),
        ({"output": "none/small.onnx"}, "its folder is not there"),
        ({"model": None}, "nothing to compress"),
        ({"train": "none.py:f"}, "there is no such script"),
    ],
)
def test_wrong_use_is_refused(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    given = files(tmp_path)
    wish: dict[str, Any] = {"model": given["model"], "output": "small.onnx", **changed}
    with pytest.raises(ConfigError, match=message):
        fpgann.compress(
            wish["model"],
            tmp_path / wish["output"],
            plan_of(PLAN),
            calibration=given["data"],
            train=wish.get("train"),
        )
    assert not list(tmp_path.glob("small*"))


def test_wrong_labels_are_refused(tmp_path: Path) -> None:
    given = files(tmp_path)
    np.savez(given["labels"], label=np.arange(3))
    with pytest.raises(FormatError, match="one array of 64 whole numbers"):
        fpgann.compress(
            given["model"], tmp_path / "s.onnx", plan_of(PLAN), calibration=given["data"], labels=given["labels"]
        )
    assert not (tmp_path / "s.onnx").exists()


SCRIPT = """
import torch
from helper import WIDTH


def retrain(task):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, 3))
    x = torch.randn(64, 5)
    session = task.attach(model, x, steps=20)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    task.resume(optimizer)
    while session.steps_done < 20:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        session.step(loss=float(loss.detach()))
        if session.steps_done == 10:
            task.save(optimizer)
            if STOP:
                raise KeyboardInterrupt


def nothing(task):
    pass


STOP = {stop}
"""


@pytest.mark.filterwarnings("ignore")
def test_a_script_retrains_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pytest.importorskip("brevitas", reason="Brevitas is not installed (pip install 'fpgann[train]')")
    given = files(tmp_path)
    (tmp_path / "helper.py").write_text("WIDTH = 7\n")
    script = tmp_path / "script.py"

    def compress(name: str, *, stop: bool = False, resume: bool = False) -> fpgann.train.compress.Compression:
        script.write_text(SCRIPT.replace("{stop}", str(stop)))
        train = f"{script}:retrain"
        output = tmp_path / name
        return fpgann.compress(None, output, plan_of(PLAN), calibration=given["data"], train=train, resume=resume)

    np.savez(given["data"], input=inputs()["x"])
    whole = compress("whole.onnx")
    assert len(whole.losses) == 20
    assert [path.name for path in whole.files] == ["whole.onnx", "whole.json", "whole.svg"]
    with pytest.raises(KeyboardInterrupt):
        compress("part.onnx", stop=True)
    assert not (tmp_path / "part.onnx").exists()
    resumed = compress("part.onnx", resume=True)
    assert resumed.losses == whole.losses
    assert resumed.path.read_bytes() == whole.path.read_bytes()
    with pytest.raises(ConfigError, match="attached no model"):
        fpgann.compress(None, tmp_path / "n.onnx", plan_of(PLAN), calibration=given["data"], train=f"{script}:nothing")
    with pytest.raises(ConfigError, match="no function 'other'"):
        fpgann.compress(None, tmp_path / "n.onnx", plan_of(PLAN), calibration=given["data"], train=f"{script}:other")


def test_a_task_knows_its_checkpoint(tmp_path: Path) -> None:
    task = Task(plan_of(PLAN), tmp_path / "c", resumed=True, progress=lambda step: None)
    assert task.plan == plan_of(PLAN)
    assert task.session is None


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("points", [[(1.0, 2.0)], [(1.0, 2.0), (1000.0, 0.5)], [(n + 1.0, n % 7) for n in range(5000)]])
def test_charts_are_svg(points: list[tuple[float, float]], log_x: bool) -> None:
    text = line_chart("a < b", "x", "y", {"s & t": points}, log_x=log_x)
    tree = ET.fromstring(text)
    assert tree.tag.endswith("svg")
    assert len(text) < 20_000
    texts = [element.text for element in tree.iter() if element.tag.endswith("text")]
    assert "a < b" in texts
    assert "s & t" in texts


@pytest.mark.parametrize(("joined", "lines"), [(True, 1), (False, 0)])
def test_points_of_a_chart_stand_alone_where_asked(joined: bool, lines: int) -> None:
    text = line_chart("t", "x", "y", {"s": [(float(n), float(n % 5)) for n in range(60)]}, joined=joined)
    assert text.count('stroke-width="1.6"') == lines
    assert (text.count('r="3.5"') == 60) == (not joined)


def test_nothing_but_training_needs_torch(tmp_path: Path) -> None:
    given = files(tmp_path)
    code = (
        "import sys; sys.modules['torch'] = sys.modules['brevitas'] = None\n"
        "import fpgann\n"
        f"fpgann.compress({str(given['model'])!r}, {str(tmp_path / 'small.onnx')!r}, {str(given['plan'])!r}, "
        f"calibration={str(given['data'])!r})\n"
        "from fpgann.train import attach\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment(), timeout=300
    )
    assert (tmp_path / "small.onnx").is_file(), result.stderr
    assert "ToolNotFoundError: fpgann.train: retraining needs" in result.stderr
    assert "pip install 'fpgann[train]'" in result.stderr

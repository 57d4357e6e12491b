# SPDX-License-Identifier: Apache-2.0
"""Streams between functions of HLS C++ are deep enough: all functions at once, on queues of just that depth."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fpgann import api
from fpgann.config import CompileOptions, override
from tests.conftest import require_tool
from tests.cosim.test_maps import classifier, random_ways

TIMEOUT_S = 60
QUEUE = """
template <typename T>
class stream {
 public:
  explicit stream(std::size_t depth = static_cast<std::size_t>(-1)) : depth_(depth) {
  }
  void write(const T &item) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return items_.size() < depth_; });
    items_.push_back(item);
    changed_.notify_all();
  }
  T read() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !items_.empty(); });
    const T item = items_.front();
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

 private:
  std::size_t depth_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
};
"""


def build(network: Callable[[Path], Path], folder: Path, **options: object) -> api.Design:
    require_tool("g++")
    chosen = override(CompileOptions(), target="hls", io="stream", precision="fixed<6,3>", **options)
    return api.compile(network(folder / "net.onnx"), folder / "build", chosen)


def run_at_once(design: api.Design, folder: Path, depth: Callable[[int], int]) -> bool:
    """Run the test bench with a thread for each function; False if they wait for each other."""
    shutil.copytree(design.folder / "hls", folder / "hls")
    axis, top = folder / "hls" / "fpgann" / "axis.h", folder / "hls" / f"{design.manifest['top']}.cpp"
    pattern = re.compile(r"\ntemplate <typename T>\nclass stream \{.*?\n\};\n", re.DOTALL)
    text, count = pattern.subn(lambda _: QUEUE, axis.read_text())
    assert count == 1
    includes = "#include <condition_variable>\n#include <mutex>\n#include <thread>\n#include <vector>\n"
    axis.write_text(text.replace("#include <cstddef>\n", "#include <cstddef>\n" + includes, 1))
    head, _, body = top.read_text().partition("#pragma HLS DATAFLOW\n")
    declarations, calls = [], []
    for statement in body.rpartition("}")[0].split(";\n"):
        depths = re.match(r"#pragma HLS STREAM variable = \w+ depth = (\d+)\n", statement)
        if depths:
            declarations[-1] += f"({depth(int(depths[1]))})"
            statement = statement[depths.end() :]
        if statement.strip().startswith("fpgann::stream<"):
            declarations.append(statement)
        elif statement.strip():
            calls.append(f"  threads.emplace_back([&] {{ {statement.strip()}; }});\n")
    parts = [*(f"{line};\n" for line in declarations), "  std::vector<std::thread> threads;\n", *calls]
    top.write_text(head + "".join(parts) + "  for (auto &thread : threads) {\n    thread.join();\n  }\n}\n")
    try:
        command = ["make", "native", "CXXFLAGS=-O1"]
        subprocess.run([*command[:1], "native.exe", *command[2:]], cwd=folder / "hls", check=True, capture_output=True)
        done = subprocess.run(
            ["./native.exe"], cwd=folder / "hls", capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    assert done.returncode == 0, done.stdout + done.stderr
    return True


@pytest.mark.parametrize(
    ("network", "options"),
    [
        (classifier, {"strategy": "folded", "reuse_factor": 4}),
        *((lambda path, seed=seed: random_ways(path, seed), {}) for seed in range(4)),
    ],
    ids=["classifier", *(f"ways {seed}" for seed in range(4))],
)
def test_functions_do_not_wait_for_each_other(
    network: Callable[[Path], Path], options: dict[str, object], tmp_path: Path
) -> None:
    require_tool("make")
    assert run_at_once(build(network, tmp_path, **options), tmp_path, lambda places: places)


def test_a_stream_that_is_too_short_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_tool("make")
    monkeypatch.setattr("tests.cosim.test_csim_streams.TIMEOUT_S", 5)
    assert not run_at_once(build(classifier, tmp_path), tmp_path, lambda _: 1)

# SPDX-License-Identifier: Apache-2.0
"""fpgann.toml and options: what is wrong is named, with what to write instead."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from fpgann.config import CompileOptions, override, read_config
from fpgann.errors import ConfigError
from fpgann.hardware.options import Io, LayerOptions, Strategy
from fpgann.numerics.fixed import parse_precision

EVERYTHING = """
precision = "fixed<12,4>"
input_precision = "ufixed<8,0,RND_CONV,SAT_SYM>"
strategy = "folded"
reuse_factor = 8
adders_per_stage = 3
io = "stream"
stream_width = 64
name = "net"

[layers."a/b:0"]
strategy = "unrolled"

[layers.'größe']
reuse_factor = 2
"""


def test_every_option(tmp_path: Path) -> None:
    path = tmp_path / "fpgann.toml"
    path.write_text(EVERYTHING, encoding="utf-8")
    options = read_config(path)
    assert options.precision == parse_precision("fixed<12,4>")
    assert options.input_precision == parse_precision("ufixed<8,0,RND_CONV,SAT_SYM>")
    assert options.name == "net"
    assert options.hardware.default == LayerOptions(Strategy.FOLDED, 8)
    assert options.hardware.adders_per_stage == 3
    assert (options.hardware.io, options.hardware.stream_width_bits) == (Io.STREAM, 64)
    assert (options.to_json()["io"], options.to_json()["stream_width"]) == ("stream", 64)
    back = override(options, io="parallel", stream_width=8)
    assert (back.hardware.io, back.hardware.stream_width_bits) == (Io.PARALLEL, 8)
    assert options.hardware.layers == {
        "a/b:0": LayerOptions(Strategy.UNROLLED),
        "größe": LayerOptions(reuse_factor=2),
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "\ufeff", "\ufeffname = 'n'", "name = 'n'\r\n"])
def test_empty_and_windows_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "fpgann.toml"
    path.write_bytes(text.encode())
    assert read_config(path).precision is None


BAD = {
    'precison = "fixed<8,3>"': "no option 'precison'; did you mean 'precision'?",
    "reuse-factor = 3": "no option 'reuse-factor'; did you mean 'reuse_factor'?",
    "xyz = 1": "no option 'xyz'; known are adders_per_stage, ",
    "precision = 5": "precision: must be text; put it in quotes",
    'precision = "fixed<8>"': "precision: 'fixed<8>' lacks the number of integer bits; write it like",
    'input_precision = "float"': "input_precision: 'float' is no fixed-point type; write it like",
    'precision = "fixed<0,0>"': "0 bits wide; a value may have 1 to 64 bits",
    'precision = "fixed<65,3>"': "65 bits wide",
    'precision = "fixed<8,999>"': "puts the binary point 999 bits away",
    'precision = "fixed<16,6,ROUND>"': "'ROUND'.*; modes are RND, RND_ZERO",
    'precision = "fixed<8,3>\\nentity"': "no fixed-point type",
    'strategy = "fast"': "no strategy 'fast'; it is one of auto, unrolled, folded",
    "strategy = []": r"no strategy \[\]; it is one of",
    "strategy = 5": "no strategy 5; it is one of",
    "reuse_factor = 0": "reuse_factor must be a positive whole number, not 0; write a number",
    'reuse_factor = "4"': "positive whole number, not '4'; .*without quotes",
    "reuse_factor = 4.0": "positive whole number, not 4.0",
    "reuse_factor = true": "positive whole number, not True",
    "reuse_factor = -1": "positive whole number, not -1",
    'io = "axi"': "no io 'axi'; it is one of parallel, stream",
    "stream_width = 0": "stream_width must be a positive whole number",
    'stream_width = "32"': "positive whole number, not '32'; .*without quotes",
    "adders_per_stage = 0": "adders_per_stage must be a positive whole number",
    "name = 5": "name: must be text",
    "layers = 5": r"\[layers\]: must be a table; write \[layers",
    "layers = [1]": r"\[layers\]: must be a table",
    "[layers]\nfc1 = 5": "layer 'fc1': must be a table",
    "[layers.fc1]\nreuse = 4": "layer 'fc1': there is no option 'reuse'; did you mean 'reuse_factor'?",
    '[layers.fc1]\nprecision = "fixed<8,3>"': "layer 'fc1': there is no option 'precision'; known are ",
    '[layers.fc1]\nstrategy = "x"': "layer 'fc1': there is no strategy 'x'",
    "a = [[[": "is no TOML",
    "x = 1\nx = 2": "is no TOML",
    "a = " + "[" * 20000: "is no TOML",
    "a = " + "9" * 5000: "is no TOML",
    "# " + "x" * (1 << 20): "too large for options",
}


@pytest.mark.parametrize(("text", "match"), BAD.items(), ids=[text[:30] for text in BAD])
def test_bad_entries(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "fpgann.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=match) as caught:
        read_config(path)
    message = str(caught.value)
    assert message.startswith(f"config '{path}'")
    assert "\n" not in message
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_bad_files(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path, match in [
        (tmp_path / "missing", "cannot be read: No such file or directory; check the path"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "binary", "is no TOML: 'utf-8'"),
        (Path("/dev/zero"), "too large for options"),
    ]:
        with pytest.raises(ConfigError, match=match):
            read_config(path)


def test_a_pipe_will_do(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("reuse_factor = 4",))
    writer.start()
    assert read_config(path).hardware.default.reuse_factor == 4
    writer.join()


def test_the_command_line_is_stronger(tmp_path: Path) -> None:
    path = tmp_path / "fpgann.toml"
    path.write_text(EVERYTHING, encoding="utf-8")
    options = override(read_config(path), precision="fixed<8,3>", strategy="unrolled", reuse_factor=2, name="other")
    assert str(options.precision) == "fixed<8,3,RND,SAT>"
    assert options.hardware.default == LayerOptions(Strategy.UNROLLED, 2)
    assert options.hardware.layers["a/b:0"].strategy is Strategy.UNROLLED
    assert options.name == "other"
    assert override(read_config(path)) == read_config(path)


@pytest.mark.parametrize(
    ("option", "value", "match"),
    [
        ("precision", "", "--precision: '' is no fixed-point type"),
        ("precision", "fixed<16,6>; rm -rf", "--precision: .*is no fixed-point type"),
        ("input_precision", "fixed<16", "--input-precision: 'fixed<16' is no fixed-point type"),
        ("strategy", "quick", "--strategy: there is no strategy 'quick'"),
        ("reuse_factor", 0, "--reuse-factor must be a positive whole number"),
    ],
)
def test_bad_options(option: str, value: object, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        override(CompileOptions(), **{option: value})

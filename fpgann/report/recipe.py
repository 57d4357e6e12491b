# SPDX-License-Identifier: Apache-2.0
"""How to make the same build again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fpgann.report.text import shown

# Options that commands take; all others stand in fpgann.toml.
_ON_COMMAND_LINE = (
    *("target", "io", "stream_width", "precision", "input_precision", "strategy", "reuse_factor", "weights"),
    *("sampling", "sampling_seed", "softmax", "clock_period", "device", "fit"),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """An option and its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """Commands, and the file they need if there is one.

    Args:
        commands: for a shell.
        has_config: whether there are options that no command takes.
        config: contents of fpgann.toml.
    """

    commands: str
    has_config: bool
    config: str


def view_recipe(report: Mapping[str, Any]) -> Recipe:
    """Commands that make a build with the same contents.

    Args:
        report: contents of report.json.
    """
    options = report["changed_options"]
    config = _config({k: v for k, v in options.items() if k not in _ON_COMMAND_LINE and k != "input_shapes"})
    words = ["fpgann", "compile", "MODEL.onnx", "-o", "BUILD", "--name", shown(report["model"])]
    for key in _ON_COMMAND_LINE:
        value = options.get(key)
        if value is not None:
            words += [f"--{key.replace('_', '-')}", *([] if value is True else [_word(value)])]
    for name, shape in options.get("input_shapes", {}).items():
        words += ["--input-shape", f"{shown(name)}={'x'.join(map(str, shape))}"]
    if report["accuracy"]["data"] == "calibration":
        words += ["--calibration", "DATA.npz"]
    if config:
        words += ["--config", "fpgann.toml"]
    commands = [shlex.join(words), "fpgann simulate BUILD", "fpgann report BUILD"]
    return Recipe("\n".join(commands), bool(config), config)


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else shown(str(value))


def _config(options: Mapping[str, Any]) -> str:
    """The lines of an fpgann.toml; JSON's strings and numbers are TOML's too."""
    lines, tables = [], []
    for key, value in options.items():
        if isinstance(value, Mapping):
            for name, inner in value.items():
                entries = {k: v for k, v in inner.items() if v is not None} if isinstance(inner, Mapping) else {}
                tables.append(
                    "\n".join([f"[{key}.{_text(shown(name))}]", *(f"{k} = {_text(v)}" for k, v in entries.items())])
                )
        elif value is not None:
            lines.append(f"{key} = {_text(value)}")
    return "\n\n".join([*(["\n".join(lines)] if lines else []), *tables])


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

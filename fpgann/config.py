# SPDX-License-Identifier: Apache-2.0
"""Options of a compilation, from the command line and from fpgann.toml."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from fpgann.errors import ConfigError
from fpgann.hardware.options import (
    HardwareOptions,
    Io,
    LayerOptions,
    Memory,
    Multipliers,
    Recurrences,
    Rows,
    Strategy,
    TernaryAdders,
    Weights,
)
from fpgann.kernel.matrix_product import Effort
from fpgann.numerics.fixed import Precision, parse_precision

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

DEFAULT_PRECISION = "fixed<16,6>"
DEFAULT_CLOCK_PERIOD_NS = 5.0
MAX_CLOCK_PERIOD_NS = 1e6
MAX_THROUGHPUT = 1e12
MAX_SEED = 1 << 32
_MAX_FILE_BYTES = 1 << 20

EnumT = TypeVar("EnumT", bound=Enum)


class Target(Enum):
    """The language of the product."""

    VHDL = "vhdl"
    VERILOG = "verilog"
    """One Verilog file beside the VHDL."""
    HLS = "hls"
    """C++ for high-level synthesis in the place of the VHDL."""


class Sampling(Enum):
    """What becomes of random numbers that a model draws."""

    REFUSE = "refuse"
    MEAN = "mean"
    """Their mean stands in their place."""
    INPUT = "input"
    """They are inputs of the hardware."""
    GENERATOR = "generator"
    """The hardware draws them."""


class Softmax(Enum):
    """What a softmax at the output delivers."""

    PROBABILITIES = "probabilities"
    """What it computes."""
    LOGITS = "logits"
    """Its argument, which has the same order, without any hardware."""


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """What the user asked for; None leaves the choice to the compiler.

    Args:
        precision: type of values and width of weights that the model leaves unquantized.
        input_precision: type of the inputs.
        hardware: strategies and reuse factors.
        target: the language of the product.
        name: name of the top entity.
        input_shapes: shapes of inputs that the model leaves open, batch axis included.
        sampling: what becomes of random numbers that the model draws.
        sampling_seed: where the hardware's generator begins.
        softmax: what a softmax at the output delivers.
        clock_period_ns: of the clock that scripts for vendor tools ask for, and that the report counts in.
        device: part number, for those scripts and for what has to fit.
        fit: choose strategies and reuse factors so that the design fits the device.
        target_throughput: inferences a second that streamed convolutions reach at the clock period; None for as many as
            one multiplier a neuron of the slowest layer gives.
    """

    precision: Precision | None = None
    input_precision: Precision | None = None
    hardware: HardwareOptions = field(default_factory=HardwareOptions)
    target: Target = Target.VHDL
    name: str | None = None
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sampling: Sampling = Sampling.REFUSE
    sampling_seed: int = 1
    softmax: Softmax = Softmax.PROBABILITIES
    clock_period_ns: float = DEFAULT_CLOCK_PERIOD_NS
    device: str | None = None
    fit: bool = False
    target_throughput: float | None = None

    def changed(self) -> dict[str, Any]:
        """Plain data, only what is not as it is by default."""
        usual = CompileOptions().to_json()
        return {key: value for key, value in self.to_json().items() if value != usual.get(key)}

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the manifest."""

        def layer(options: LayerOptions) -> dict[str, Any]:
            described: dict[str, Any] = {"strategy": options.strategy.value, "reuse_factor": options.reuse_factor}
            described |= {"multipliers": options.multipliers.value, "memory": options.memory.value}
            return described if options.weights is None else {**described, "weights": options.weights.value}

        return {
            "target": self.target.value,
            "io": self.hardware.io.value,
            "stream_width": self.hardware.stream_width_bits,
            "precision": None if self.precision is None else str(self.precision),
            "input_precision": None if self.input_precision is None else str(self.input_precision),
            **layer(self.hardware.default),
            "weights": self.hardware.weights.value,
            "input_shapes": {name: list(shape) for name, shape in sorted(self.input_shapes.items())},
            "sampling": self.sampling.value,
            **({"sampling_seed": self.sampling_seed} if self.sampling is Sampling.GENERATOR else {}),
            "softmax": self.softmax.value,
            "clock_period": self.clock_period_ns,
            "device": self.device,
            "fit": self.fit,
            **({} if self.target_throughput is None else {"target_throughput": self.target_throughput}),
            "adders_per_stage": self.hardware.adders_per_stage,
            "ternary_adders": self.hardware.ternary_adders.value,
            "effort": self.hardware.effort.value,
            "recurrence": self.hardware.recurrence.value,
            **({} if self.hardware.rows is Rows.UNROLLED else {"rows": self.hardware.rows.value}),
            "layers": {name: layer(options) for name, options in sorted(self.hardware.layers.items())},
        }


def read_config(path: Path) -> CompileOptions:
    """Read fpgann.toml.

    Keys: `precision`, `input_precision`, `strategy`, `reuse_factor`, `adders_per_stage`, `ternary_adders`, `effort`,
    `recurrence`, `rows`, `io`, `stream_width`, `target`, `name`, `sampling`, `sampling_seed`, `softmax`, `weights`,
    `clock_period`, `device`, `fit`, and `[layers."NAME"]` with `strategy`, `reuse_factor` and `weights`; in both
    `multipliers` and `memory`.

    Raises:
        ConfigError: the file is missing or no TOML, or a key is unknown or has a wrong value.
    """
    where = f"config '{path}'"
    try:
        with path.open("rb") as file:  # perhaps a pipe, or endless
            content = file.read(_MAX_FILE_BYTES + 1)
        if len(content) > _MAX_FILE_BYTES:
            raise ConfigError("the file is too large for options", where=where, hint="name an fpgann.toml")
        document = tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where, hint="check the path") from None
    except (ValueError, RecursionError) as error:  # TOML, UTF-8, numbers of thousands of digits
        reason = str(error).splitlines()[0]
        raise ConfigError(f"is no TOML: {reason}", where=where, hint="see docs/guide.md for what it may hold") from None
    layer_keys = {"strategy", "reuse_factor", "weights", "multipliers", "memory"}
    known = layer_keys | {"precision", "input_precision", "adders_per_stage", "target", "name", "layers"}
    known |= {"io", "stream_width", "sampling", "softmax", "clock_period", "device", "fit", "ternary_adders", "effort"}
    known |= {"recurrence", "rows", "target_throughput", "sampling_seed"}
    _refuse_unknown(document, known, where)
    layers = _table(document.get("layers", {}), f"{where}, [layers]")
    layer_options = {
        name: _layer(_table(entry, f"{where}, layer '{name}'"), f"{where}, layer '{name}'", layer_keys)
        for name, entry in layers.items()
    }
    hardware = HardwareOptions(
        replace(_layer(document, where, known), weights=None),
        layer_options,
        _positive(document.get("adders_per_stage", 2), "adders_per_stage", where),
        _choice(Io, document.get("io", "parallel"), "io", where),
        _positive(document["stream_width"], "stream_width", where) if "stream_width" in document else None,
        _choice(Weights, document.get("weights", "constant"), "weights", where),
        _choice(TernaryAdders, document.get("ternary_adders", "portable"), "ternary_adders", where),
        _choice(Effort, document.get("effort", "default"), "effort", where),
        _choice(Recurrences, document.get("recurrence", "unrolled"), "recurrence", where),
        _choice(Rows, document.get("rows", "unrolled"), "rows", where),
    )
    return CompileOptions(
        _precision(document.get("precision"), f"{where}, precision"),
        _precision(document.get("input_precision"), f"{where}, input_precision"),
        hardware,
        _choice(Target, document.get("target", "vhdl"), "target", where),
        _text(document.get("name"), f"{where}, name"),
        sampling=_choice(Sampling, document.get("sampling", "refuse"), "sampling", where),
        sampling_seed=_seed(document.get("sampling_seed", 1), "sampling_seed", where),
        softmax=_choice(Softmax, document.get("softmax", "probabilities"), "softmax", where),
        clock_period_ns=_period(document.get("clock_period", DEFAULT_CLOCK_PERIOD_NS), "clock_period", where),
        device=_part(document.get("device"), f"{where}, device"),
        fit=_flag(document.get("fit", False), "fit", where),
        target_throughput=_rate(document.get("target_throughput"), "target_throughput", where),
    )


def override(
    options: CompileOptions,
    *,
    precision: str | None = None,
    input_precision: str | None = None,
    strategy: str | None = None,
    reuse_factor: int | None = None,
    weights: str | None = None,
    io: str | None = None,
    stream_width: int | None = None,
    target: str | None = None,
    name: str | None = None,
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
    sampling: str | None = None,
    sampling_seed: int | None = None,
    softmax: str | None = None,
    clock_period: float | None = None,
    device: str | None = None,
    fit: bool = False,
    target_throughput: float | None = None,
) -> CompileOptions:
    """Options with those of the command line on top."""
    hardware = options.hardware
    if weights is not None:
        hardware = replace(hardware, weights=_choice(Weights, weights, "weights", "--weights"))
    if io is not None:
        hardware = replace(hardware, io=_choice(Io, io, "io", "--io"))
    if stream_width is not None:
        hardware = replace(hardware, stream_width_bits=_positive(stream_width, "--stream-width", "option"))
    default = hardware.default
    if strategy is not None:
        default = replace(default, strategy=_choice(Strategy, strategy, "strategy", "--strategy"))
    if reuse_factor is not None:
        default = replace(default, reuse_factor=_positive(reuse_factor, "--reuse-factor", "option"))
    return replace(
        options,
        precision=options.precision if precision is None else _precision(precision, "--precision"),
        input_precision=options.input_precision
        if input_precision is None
        else _precision(input_precision, "--input-precision"),
        hardware=replace(hardware, default=default),
        target=options.target if target is None else _choice(Target, target, "target", "--target"),
        name=options.name if name is None else name,
        input_shapes={**options.input_shapes, **(input_shapes or {})},
        sampling=options.sampling if sampling is None else _choice(Sampling, sampling, "sampling", "--sampling"),
        sampling_seed=options.sampling_seed
        if sampling_seed is None
        else _seed(sampling_seed, "--sampling-seed", "option"),
        softmax=options.softmax if softmax is None else _choice(Softmax, softmax, "softmax", "--softmax"),
        clock_period_ns=options.clock_period_ns
        if clock_period is None
        else _period(clock_period, "--clock-period", "option"),
        device=options.device if device is None else _part(device, "--device"),
        fit=options.fit or fit,
        target_throughput=options.target_throughput
        if target_throughput is None
        else _rate(target_throughput, "--target-throughput", "option"),
    )


def _layer(entry: Mapping[str, Any], where: str, known: set[str]) -> LayerOptions:
    _refuse_unknown(entry, known, where)
    reuse = entry.get("reuse_factor")
    return LayerOptions(
        _choice(Strategy, entry.get("strategy", "auto"), "strategy", where),
        None if reuse is None else _positive(reuse, "reuse_factor", where),
        _choice(Weights, entry["weights"], "weights", where) if "weights" in entry else None,
        _choice(Multipliers, entry.get("multipliers", "auto"), "multipliers", where),
        _choice(Memory, entry.get("memory", "auto"), "memory", where),
    )


def _refuse_unknown(entry: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"there is no option '{key}'", where=where, hint=hint)


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError("must be a table", where=where, hint='write [layers."NAME"], then a line for each option')
    return value


def _text(value: object, where: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ConfigError("must be text", where=where, hint="put it in quotes")
    return value


def _precision(value: object, where: str) -> Precision | None:
    text = _text(value, where)
    if text is None:
        return None
    try:
        return parse_precision(text)
    except ConfigError as error:
        error.where = where
        raise


def _positive(value: object, key: str, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        hint = "write a number like 4, without quotes"
        raise ConfigError(f"{key} must be a positive whole number, not {value!r:.40}", where=where, hint=hint)
    return value


def _seed(value: object, key: str, where: str) -> int:
    """The seed of a generator."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MAX_SEED:
        hint = "write a whole number from 0 to 4294967295"
        raise ConfigError(f"{key} must be a seed, not {value!r:.40}", where=where, hint=hint)
    return value


def _period(value: object, key: str, where: str) -> float:
    """A clock period in nanoseconds."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < float(str(value)) <= MAX_CLOCK_PERIOD_NS:
        hint = "write nanoseconds, like 5 or 3.2"
        raise ConfigError(f"{key} must be a time above 0, not {value!r:.40}", where=where, hint=hint)
    return float(str(value))


def _rate(value: object, key: str, where: str) -> float | None:
    """Inferences a second."""
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < float(str(value)) <= MAX_THROUGHPUT:
        hint = "write inferences a second, like 10000"
        raise ConfigError(f"{key} must be a rate above 0, not {value!r:.40}", where=where, hint=hint)
    return float(str(value))


def _flag(value: object, key: str, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(
            f"{key} must be true or false, not {value!r:.40}", where=where, hint="write it without quotes"
        )
    return value


def _part(value: object, where: str) -> str | None:
    """A part number; it goes into scripts, so it must be one."""
    text = _text(value, where)
    if text is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", text):
        raise ConfigError(f"'{text:.40}' is no part number", where=where, hint="write one like xczu7ev-ffvc1156-2-e")
    return text


def _choice(kind: type[EnumT], value: object, key: str, where: str) -> EnumT:
    """A member of an enumeration by what users type."""
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(str(member.value) for member in kind)
        raise ConfigError(f"there is no {key} {value!r:.40}", where=where, hint=f"it is one of {names}") from None

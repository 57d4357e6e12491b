# SPDX-License-Identifier: Apache-2.0
"""What a compression does to a network: the plan file, as frozen dataclasses."""

from __future__ import annotations

import difflib
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import TypeVar

from fpgann.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

MAX_BITS = 16  # of a weight or activation: sums of many such products still are exact in float32
_MAX_FILE_BYTES = 1 << 20

Entry = TypeVar("Entry", "Prune", "Merge", "Share", "Quantize", "Search", "Distill", "LayerPlan")


class What(Enum):
    """What pruning takes away."""

    WEIGHTS = "weights"
    """Connections, those of least magnitude first."""
    NEURONS = "neurons"
    """Whole neurons or channels, those with the smallest weights first, in each layer the same share."""
    DIGITS = "digits"
    """Signed digits of weights, each an adder of unrolled hardware: those that change least for their cost first."""


class By(Enum):
    """What makes a weight or digit matter."""

    MAGNITUDE = "magnitude"
    """Its own magnitude."""
    EFFECT = "effect"
    """Its magnitude times the root mean square of what it multiplies (Sun et al. 2023)."""


class Scope(Enum):
    """Where pruning compares."""

    GLOBAL = "global"
    """All layers with one another."""
    LAYER = "layer"
    """Each layer by itself: all get the same sparsity."""


class Schedule(Enum):
    """When pruning happens."""

    ONE_SHOT = "one_shot"
    """At once, at the start."""
    CUBIC = "cubic"
    """Gradually, fast at first: 1 - (1 - t)**3 of the sparsity at time t (Zhu and Gupta 2017)."""
    REWIND = "rewind"
    """In rounds, the same share of what is left each time; what stays goes back to its values at the start."""


class Weights(Enum):
    """What numbers weights become."""

    FIXED = "fixed"
    TERNARY = "ternary"
    """-s, 0 or s; the scale and the threshold are trained."""
    BINARY = "binary"
    """-s or s; the scale is trained."""


class Scale(Enum):
    """What scales quantizers have."""

    POWER_OF_TWO = "power_of_two"
    """Rounding is a shift in hardware, and float32 computes every code exactly."""
    FREE = "free"
    """Any float32 number: finer, a multiplication for each neuron in hardware."""


class Per(Enum):
    """How many scales the weights of a layer have."""

    LAYER = "layer"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Prune:
    """Take away what matters least.

    Args:
        sparsity: share that goes, 0 to 1.
        what: connections, neurons or digits.
        by: what makes a weight or digit matter.
        scope: compare within layers or among all.
        schedule: when.
        start: share of the training steps after which pruning begins.
        end: share of the training steps after which all has gone.
        rounds: how often something is taken away between the two.
    """

    sparsity: float = 0.0
    what: What = What.WEIGHTS
    by: By = By.MAGNITUDE
    scope: Scope = Scope.GLOBAL
    schedule: Schedule = Schedule.CUBIC
    start: float = 0.0
    end: float = 0.6
    rounds: int = 12


@dataclass(frozen=True, slots=True)
class Merge:
    """Merge similar neurons before training. Exact duplicates and dead neurons always go.

    Args:
        keep: share of the hidden neurons that stay.
        distance: merge while the relative distance of two neurons is at most this; instead of `keep`.
    """

    keep: float = 1.0
    distance: float = 0.0


@dataclass(frozen=True, slots=True)
class Share:
    """Give the weights of a layer a few common values, a code book.

    Args:
        values: how many; 0 for no code book.
        start: share of the training steps after which weights are tied.
    """

    values: int = 0
    start: float = 0.3


@dataclass(frozen=True, slots=True)
class Quantize:
    """Numbers of a few bits.

    Args:
        weights: fixed point, ternary or binary.
        weight_bits: width of fixed-point weights, sign included.
        activation_bits: width of what layers read.
        input_bits: the same for the first layer; as `activation_bits` if 0.
        scale: powers of two or free.
        per: one scale a layer, or one a channel.
        learn_bits: learn the width of every weight and of each layer's input.
        bit_cost: factor of the cost (bits of a weight times bits of what it multiplies, summed) in the loss.
    """

    weights: Weights = Weights.FIXED
    weight_bits: int = 8
    activation_bits: int = 8
    input_bits: int = 0
    scale: Scale = Scale.POWER_OF_TWO
    per: Per = Per.LAYER
    learn_bits: bool = False
    bit_cost: float = 1e-5


@dataclass(frozen=True, slots=True)
class Search:
    """Find the widths of weights, layer by layer, by how much each layer's matter for the outputs.

    Args:
        budget: mean bits of a weight; 0 for no search.
        least: bits that every layer keeps.
        most: bits that the search begins with.
    """

    budget: float = 0.0
    least: int = 2
    most: int = 8


@dataclass(frozen=True, slots=True)
class Distill:
    """Learn from the float model too.

    Args:
        weight: share of the float model's answers in the loss, 0 to 1.
        temperature: softens these answers.
    """

    weight: float = 0.0
    temperature: float = 2.0


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """What one layer has of its own; None takes it from the whole plan.

    Args:
        sparsity: share that goes, with the scope `layer`.
        weights: kind of numbers.
        weight_bits: their width.
        activation_bits: width of what the layer reads.
    """

    sparsity: float | None = None
    weights: Weights | None = None
    weight_bits: int | None = None
    activation_bits: int | None = None


@dataclass(frozen=True, slots=True)
class CompressionPlan:
    """All of a compression; every part may be left out.

    Args:
        prune: what goes.
        merge: which neurons become one.
        share: how many values weights have.
        quantize: what numbers are left.
        search: which layers need how many bits.
        distill: how much the float model teaches.
        layers: by the name of a layer, or by a pattern such as `features.*`.
    """

    prune: Prune = field(default_factory=Prune)
    merge: Merge = field(default_factory=Merge)
    share: Share = field(default_factory=Share)
    quantize: Quantize = field(default_factory=Quantize)
    search: Search = field(default_factory=Search)
    distill: Distill = field(default_factory=Distill)
    layers: Mapping[str, LayerPlan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ConfigError: a number is out of range, or two wishes exclude each other.
        """
        _check(self)


def read_plan(path: Path | str) -> CompressionPlan:
    """Read a plan file (TOML): tables `prune`, `merge`, `share`, `quantize`, `search`, `distill` and `layers."NAME"`.

    Raises:
        ConfigError: the file is missing or no TOML, or a key is unknown or has a wrong value.
    """
    where = f"plan '{path}'"
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        if len(content) > _MAX_FILE_BYTES:
            raise ConfigError("the file is too large for a plan", where=where, hint="name a TOML file")
        document = tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where, hint="check the path") from None
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"is no TOML: {reason}", where=where, hint="see docs/compression.md") from None
    return plan_of(document, where)


def plan_of(document: Mapping[str, object], where: str = "plan") -> CompressionPlan:
    """A plan from plain data.

    Raises:
        ConfigError: a key is unknown or has a wrong value.
    """
    _refuse_unknown(document, {f.name for f in fields(CompressionPlan)}, where)
    layers = _table(document.get("layers", {}), f"{where}, [layers]")
    try:
        return CompressionPlan(
            _entry(Prune, document, where),
            _entry(Merge, document, where),
            _entry(Share, document, where),
            _entry(Quantize, document, where),
            _entry(Search, document, where),
            _entry(Distill, document, where),
            {
                name: _read(LayerPlan, _table(entry, where), f"{where}, layer '{name}'")
                for name, entry in layers.items()
            },
        )
    except ConfigError as error:
        error.where = error.where if error.where.startswith(where) else f"{where}, {error.where}"
        raise


def _entry(kind: type[Entry], document: Mapping[str, object], where: str) -> Entry:
    name = kind.__name__.lower()
    return _read(kind, _table(document.get(name, {}), f"{where}, [{name}]"), f"{where}, [{name}]")


def _read(kind: type[Entry], table: Mapping[str, object], where: str) -> Entry:
    """A dataclass from a table with its field names as keys."""
    hints = typing.get_type_hints(kind)
    _refuse_unknown(table, set(hints), where)
    return kind(**{key: _value(hints[key], value, key, where) for key, value in table.items()})


def _value(hint: object, value: object, key: str, where: str) -> typing.Any:
    """A number, flag or choice as the field wants it."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Enum):
            names = [str(member.value) for member in kind]
            if value in names:
                return kind(value)
            raise ConfigError(f"there is no {key} {value!r:.40}", where=where, hint=f"it is one of {', '.join(names)}")
        if kind is bool and isinstance(value, bool):
            return value
        if kind in (int, float) and isinstance(value, int) and not isinstance(value, bool):
            return value if kind is int else float(value)
        if kind is float and isinstance(value, float):
            return value
    wanted = {bool: "true or false", int: "a whole number", float: "a number"}[typing.cast("type", kinds[0])]
    raise ConfigError(f"{key} must be {wanted}, not {value!r:.40}", where=where, hint="write it without quotes")


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ConfigError("must be a table", where=where, hint="write [name], then a line for each option")
    return value


def _refuse_unknown(table: Mapping[str, object], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"there is no option '{key}'", where=where, hint=hint)


def _check(plan: CompressionPlan) -> None:
    prune, quantize = plan.prune, plan.quantize
    shares = {
        "prune, sparsity": prune.sparsity,
        "prune, start": prune.start,
        "prune, end": prune.end,
        "merge, keep": plan.merge.keep,
        "share, start": plan.share.start,
        "distill, weight": plan.distill.weight,
        **{f"layer '{n}', sparsity": p.sparsity for n, p in plan.layers.items() if p.sparsity is not None},
    }
    for where, share in shares.items():
        if not 0 <= share <= 1:
            raise ConfigError(f"{share} is no share", where=where, hint="write a number from 0 to 1")
    widths = {
        "quantize, weight_bits": quantize.weight_bits,
        "quantize, activation_bits": quantize.activation_bits,
        **{f"layer '{n}', weight_bits": p.weight_bits for n, p in plan.layers.items() if p.weight_bits},
        **{f"layer '{n}', activation_bits": p.activation_bits for n, p in plan.layers.items() if p.activation_bits},
    }
    for where, bits in widths.items():
        if not 2 <= bits <= MAX_BITS:
            hint = f"2 to {MAX_BITS}; for less, weights = 'ternary' or 'binary'"
            raise ConfigError(f"{bits} bits are out of range", where=where, hint=hint)
    search = plan.search
    if search.budget and not 2 <= search.least <= search.budget <= search.most <= MAX_BITS:
        hint = f"2 <= least <= budget <= most <= {MAX_BITS}"
        raise ConfigError("its bits are out of order", where="search", hint=hint)
    if search.budget and quantize.weights is not Weights.FIXED:
        raise ConfigError("only fixed-point weights have a width to find", where="search", hint="leave it out")
    if not 0 <= quantize.input_bits <= MAX_BITS:
        raise ConfigError(f"{quantize.input_bits} bits are out of range", where="quantize, input_bits")
    if prune.end < prune.start or prune.rounds < 1:
        raise ConfigError("it ends before it begins", where="prune", hint="start, then end, and at least one round")
    if plan.distill.temperature <= 0 or plan.merge.distance < 0 or plan.share.values < 0 or quantize.bit_cost < 0:
        raise ConfigError("a temperature, distance, count or cost is negative", where="plan")
    kinds = {quantize.weights, *(p.weights for p in plan.layers.values())}
    if Weights.BINARY in kinds and prune.sparsity and prune.what is not What.NEURONS:
        raise ConfigError("binary weights have no zero", where="prune", hint="prune neurons, or make weights ternary")
    if kinds - {Weights.FIXED, None} and (quantize.learn_bits or prune.what is What.DIGITS or plan.share.values):
        hint = "use fixed weights"
        raise ConfigError("binary and ternary weights have nothing to learn, share or cut", where="quantize", hint=hint)

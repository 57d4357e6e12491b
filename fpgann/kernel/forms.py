# SPDX-License-Identifier: Apache-2.0
"""The circuits that can compute a map of codes, as numbers, and what each of them computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from fpgann.numerics.integers import IntArray, integers
from fpgann.numerics.piecewise import Interpolation
from fpgann.numerics.rounding import Rounding, round_shift
from fpgann.numerics.runs import Runs
from fpgann.numerics.scalar_map import Staircase


@dataclass(frozen=True, slots=True)
class ShiftForm:
    """clamp(round(code / 2**shift), low, high), the same for all channels; a negative shift multiplies."""

    shift: int
    rounding: Rounding
    low: int
    high: int


@dataclass(frozen=True, slots=True, eq=False)
class MultiplyForm:
    """clamp(floor((code * factor + offset) / 2**shift), low, high).

    Args:
        factor: integers, shape (channels,).
        offset: integers, shape (channels,).
        shift: common to all channels.
        low: least result.
        high: greatest result.
    """

    factor: IntArray
    offset: IntArray
    shift: int
    low: int
    high: int


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdForm:
    """base plus or minus the number of thresholds not above the code; also the form for a search.

    Args:
        staircases: one per channel.
    """

    staircases: tuple[Staircase, ...]

    @property
    def steps(self) -> int:
        """Thresholds of the longest staircase."""
        return max(len(s.thresholds) for s in self.staircases)


@dataclass(frozen=True, slots=True, eq=False)
class TableForm:
    """A table of results for codes low..high; codes outside take the nearest entry.

    With `mirror` the table holds codes 0..high only and a negative code x yields mirror - table[-x].

    Args:
        words: results.
        low: first code that has an entry.
        high: last code that has an entry.
        mirror: sum of the results of opposite codes, if it is the same for all.
    """

    words: IntArray
    low: int
    high: int
    mirror: int | None


@dataclass(frozen=True, slots=True, eq=False)
class RunsForm:
    """The result that belongs to the run in which the code lies, found by a search among their starts.

    Args:
        runs: one row per channel.
    """

    runs: tuple[Runs, ...]

    @property
    def steps(self) -> int:
        """Starts of the longest row."""
        return max(len(r.starts) for r in self.runs)


@dataclass(frozen=True, slots=True, eq=False)
class LinesForm:
    """A multiply form with numbers of its own on each of a few pieces of the codes.

    Args:
        breaks: first code of every piece but the first, ascending, shape (channels, pieces - 1).
        factor: integers, shape (channels, pieces).
        offset: integers, same shape.
        shift: common to all.
        low: least result.
        high: greatest result.
    """

    breaks: IntArray
    factor: IntArray
    offset: IntArray
    shift: int
    low: int
    high: int


Form: TypeAlias = ShiftForm | MultiplyForm | ThresholdForm | TableForm | RunsForm | LinesForm | Interpolation


def spread(form: Form, channels: Sequence[int]) -> Form:
    """A form whose channel i is channel channels[i] of the given one; what all channels share stays as it is."""
    index = list(channels)
    match form:
        case ThresholdForm(staircases=staircases) if len(staircases) > 1:
            return ThresholdForm(tuple(staircases[channel] for channel in index))
        case RunsForm(runs=runs) if len(runs) > 1:
            return RunsForm(tuple(runs[channel] for channel in index))
        case LinesForm(breaks=breaks, factor=factor, offset=offset) if len(factor) > 1:
            return replace(form, breaks=breaks[index], factor=factor[index], offset=offset[index])
        case MultiplyForm(factor=factor, offset=offset) if len(factor) > 1:
            return replace(form, factor=factor[index], offset=offset[index])
    return form


def apply_form(form: Form, codes: IntArray) -> IntArray:
    """What the hardware of a form computes; channels lie along the last axis.

    Used to check lowerings against the staircase itself, never as the reference.
    """
    match form:
        case ShiftForm():
            return np.asarray(np.clip(round_shift(codes, form.shift, form.rounding), form.low, form.high))
        case MultiplyForm():
            exact = codes.astype(object) * form.factor.astype(object) + form.offset.astype(object)
            return integers(np.clip(exact // (1 << form.shift), form.low, form.high))
        case ThresholdForm():
            if len(form.staircases) == 1:
                return form.staircases[0].apply(codes)
            return np.stack([s.apply(codes[..., c]) for c, s in enumerate(form.staircases)], axis=-1)
        case TableForm():
            if form.mirror is None:
                return np.asarray(form.words[np.clip(codes, form.low, form.high) - form.low])
            entry = form.words[np.minimum(np.abs(codes), form.high)]
            return np.where(codes < 0, form.mirror - entry, entry)
        case RunsForm(runs=runs):
            if len(runs) == 1:
                return runs[0].apply(codes)
            return np.stack([r.apply(codes[..., c]) for c, r in enumerate(runs)], axis=-1)
        case LinesForm():
            piece = np.sum(codes[..., None] >= form.breaks, axis=-1)
            factor, offset = (
                np.take_along_axis(np.broadcast_to(a, (*codes.shape, a.shape[-1])), piece[..., None], -1)[..., 0]
                for a in (form.factor.astype(object), form.offset.astype(object))
            )
            exact = codes.astype(object) * factor + offset
            return integers(np.clip(exact // (1 << form.shift), form.low, form.high))
        case Interpolation():
            return form.apply(codes)

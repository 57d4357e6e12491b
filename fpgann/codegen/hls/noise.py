# SPDX-License-Identifier: Apache-2.0
"""noise.h: how generators of random numbers begin."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from fpgann.codegen.hls.literals import LINE_LENGTH
from fpgann.codegen.render import render
from fpgann.hardware.names import printable
from fpgann.hardware.noise import Noise, noise_table

LIBRARY = ("axis.h", "gaussian.h", "maps.h")


@dataclass(frozen=True, slots=True)
class GeneratorView:
    """A struct of constants."""

    name: str
    comment: str
    lanes: int
    states: tuple[str, ...]
    table: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoiseView:
    """Vocabulary of templates/hls/noise.h.j2."""

    generators: tuple[GeneratorView, ...]


def render_noise(generators: Mapping[str, Noise]) -> str:
    """The file.

    Args:
        generators: what they draw, by C++ name.
    """
    table = _wrapped([str(entry) for entry in noise_table().reshape(-1).tolist()])
    views = tuple(
        GeneratorView(
            name,
            f"The random numbers '{printable((noise.name,))}' of the model; seed {noise.seed}.",
            noise.lanes,
            _wrapped([f"{state:#x}ULL" for state in noise.states]),
            table,
        )
        for name, noise in generators.items()
    )
    return render("hls/noise.h.j2", NoiseView(views))


def _wrapped(numbers: list[str]) -> tuple[str, ...]:
    return tuple(textwrap.wrap(", ".join(numbers), LINE_LENGTH - 10))

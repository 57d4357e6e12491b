# SPDX-License-Identifier: Apache-2.0
"""Everything that a training needs to go on as if nothing had happened, in one file."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from fpgann.errors import FormatError

VERSION = 1
_UNREADABLE = torch.serialization.pickle.UnpicklingError
_DAMAGE = (OSError, RuntimeError, LookupError, ValueError, EOFError, TypeError, AttributeError, _UNREADABLE)


class Stateful(Protocol):
    """An optimizer, or a schedule of its learning rate."""

    def state_dict(self) -> dict[str, object]:
        """All of its state as plain data."""

    def load_state_dict(self, state: dict[str, object], /) -> object:
        """Take over such a state."""


def save(
    path: Path,
    model: nn.Module,
    parts: Mapping[str, Stateful],
    progress: Mapping[str, object],
    generator: torch.Generator | None,
) -> None:
    """Write a checkpoint; the file is replaced at once, never half-written.

    Args:
        path: file to write.
        model: the module in training.
        parts: the optimizer and what else has a state.
        progress: plain numbers and tensors.
        generator: a source of random numbers of the loop's own.
    """
    version, numbers, gauss = random.getstate()
    state = {
        "version": VERSION,
        "model": model.state_dict(),
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "progress": dict(progress),
        "random": torch.get_rng_state(),
        "python_random": [version, list(numbers), gauss],
        "generator": None if generator is None else generator.get_state(),
        "cuda_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    aside = path.with_name(f"{path.name}.part")
    torch.save(state, aside)
    aside.replace(path)


def load(
    path: Path, model: nn.Module, parts: Mapping[str, Stateful], generator: torch.Generator | None
) -> Mapping[str, object]:
    """Bring everything back that `save` wrote.

    Returns:
        The plain numbers and tensors.

    Raises:
        FormatError: the file is missing, damaged or of another training.
    """
    where = f"checkpoint '{path}'"
    try:
        device = next(model.parameters()).device
        state = torch.load(path, weights_only=True, map_location=device)
        if state["version"] != VERSION:
            raise FormatError("another version of fpgann wrote it", where=where, hint="begin the training again")
        _resize(model, state["model"])
        model.load_state_dict(state["model"])
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])
        torch.set_rng_state(state["random"].cpu())
        version, numbers, gauss = state["python_random"]
        random.setstate((version, tuple(numbers), gauss))
        if generator is not None:
            generator.set_state(state["generator"].cpu())
        if torch.cuda.is_available():
            torch.cuda.set_rng_state_all([part.cpu() for part in state["cuda_random"]])
        progress: Mapping[str, object] = state["progress"]
    except _DAMAGE as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        hint = "attach the same plan to the same model, with the same optimizer"
        raise FormatError(f"it cannot be resumed: {reason}", where=where, hint=hint) from error
    return progress


def _resize(model: nn.Module, saved: Mapping[str, Tensor]) -> None:
    """Buffers that begin empty get the size that they had: groups of tied weights, limits of digits."""
    for name, buffer in list(model.named_buffers()):
        if name in saved and buffer.shape != saved[name].shape and not buffer.numel():
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, torch.empty_like(saved[name]))

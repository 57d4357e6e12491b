# SPDX-License-Identifier: Apache-2.0
"""JSON files of a BUILD folder, which may have been changed since they were written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from fpgann.errors import FormatError

Pattern: TypeAlias = "type | tuple[Pattern, ...] | list[Pattern] | dict[str, Pattern]"
"""What a document must look like: a type, alternatives, a list of one kind of item, an object with these keys."""

MAX_BYTES = 256 << 20
HINT = "compile the model again"


def read_document(path: Path, pattern: Pattern, where: str) -> dict[str, Any]:
    """Read a JSON object and check that it looks as it should; further keys are allowed.

    Args:
        path: the file.
        pattern: what it must look like.
        where: what the file is part of, for messages.

    Raises:
        FormatError: the file is missing, damaged, or lacks something.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"{path.name} is too large", where=where, hint=HINT)
        document = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise FormatError(f"{path.name} is missing", where=where, hint=HINT) from None
    except OSError as error:
        raise FormatError(f"{path.name} cannot be read: {error.strerror}", where=where, hint=HINT) from None
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path.name} is damaged: {str(error)[:80]}", where=where, hint=HINT) from None
    if not isinstance(document, dict):
        raise FormatError(f"{path.name} is damaged: it holds no object", where=where, hint=HINT)
    check_document(document, pattern, path.name, where)
    return document


def check_document(document: dict[str, Any], pattern: Pattern, name: str, where: str) -> None:
    """Refuse a document that does not look as it should.

    Args:
        document: the parsed file.
        pattern: what it must look like.
        name: the file's name.
        where: what the file is part of, for messages.

    Raises:
        FormatError: it lacks something.
    """
    place = find_misfit(document, pattern)
    if place is not None:
        raise FormatError(f"{name} is damaged: '{place:.60}' is missing or wrong", where=where, hint=HINT)


def find_misfit(data: object, pattern: Pattern, place: str = "") -> str | None:
    """Where data first differs from a pattern, as in `inputs.0.name`; None if it fits.

    A whole number is no bool, and stands for a float too.
    """
    match pattern:
        case dict():
            if not isinstance(data, dict):
                return place
            for key, inner in pattern.items():
                below = f"{place}.{key}" if place else key
                misfit = find_misfit(data[key], inner, below) if key in data else below
                if misfit is not None:
                    return misfit
            return None
        case list():
            if not isinstance(data, list):
                return place
            items = (find_misfit(item, pattern[0], f"{place}.{index}") for index, item in enumerate(data))
            return next((misfit for misfit in items if misfit is not None), None)
        case tuple():
            return None if any(find_misfit(data, choice, place) is None for choice in pattern) else place
        case _:
            fits = type(data) is pattern or (pattern is float and type(data) is int)
            return None if fits else place


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")

# SPDX-License-Identifier: Apache-2.0
"""The one place where templates become text."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING

import jinja2

from fpgann import resources

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@cache
def _environment() -> jinja2.Environment:
    # The output is VHDL, C++ and scripts, never HTML; every name in it has passed hardware/names.py.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates_dir()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
    )
    environment.filters |= {"high": _high, "field": _field}
    return environment


@cache
def _markup_environment() -> jinja2.Environment:
    # HTML and XML: whatever stands in a view is text, so names of strangers cannot become markup.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates_dir()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
    )
    environment.filters["high"] = _high
    return environment


def _high(length: int) -> int:
    """The last index of a vector."""
    return length - 1


def _field(index: int, bits: int) -> str:
    """The range of one element in a vector of equal elements."""
    return f"{(index + 1) * bits - 1} downto {index * bits}"


def render(template: str, view: DataclassInstance) -> str:
    """Fill a template with the fields of a view.

    Args:
        template: path below templates/.
        view: frozen dataclass whose fields are the template's whole vocabulary.
    """
    return _environment().get_template(template).render(_vocabulary(view))


def render_markup(template: str, view: DataclassInstance) -> str:
    """Fill a template of HTML or XML with the fields of a view, each escaped.

    Args:
        template: path below templates/.
        view: frozen dataclass whose fields are the template's whole vocabulary.
    """
    return _markup_environment().get_template(template).render(_vocabulary(view))


def _vocabulary(view: DataclassInstance) -> dict[str, object]:
    return {field.name: getattr(view, field.name) for field in fields(view)}

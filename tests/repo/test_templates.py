# SPDX-License-Identifier: Apache-2.0
"""Templates wire; they do not compute."""

from __future__ import annotations

import pytest

from tests.repo.rules import REPOSITORY, template_violations


def test_templates_only_name_loop_and_choose() -> None:
    templates = sorted((REPOSITORY / "templates").rglob("*.j2"))
    assert templates, "templates/ holds no template"
    found = [
        violation
        for template in templates
        for violation in template_violations(template.read_text(), template.relative_to(REPOSITORY).as_posix())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "{% set x = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% include a %}",
        "{% if a == b %}{% endif %}",
        "{% if a and b %}{% endif %}",
        "{% if a is defined %}{% endif %}",
        "{% if a %}{% elif b > 1 %}{% endif %}",
        "{% for x in y if x %}{% endfor %}",
        "{% for x in range(3) %}{% endfor %}",
        "{% for x in y %}{{ x + 1 }}{% endfor %}",
        "{{ a.b() }}",
        "{{ a[0] }}",
        "{{ a if b else c }}",
        "{{ a ~ b }}",
        "{{ a | join(b + c) }}",
    ],
)
def test_logic_in_a_template_is_noticed(source: str) -> None:
    assert len(template_violations(source, "t.j2")) == 1


def test_wiring_passes() -> None:
    source = (
        "{# why #}{% for port in view.ports %}{{ port.name | vhdl }} : {{ port.width | pad(4) }}"
        "{% if not loop.last %};{% endif %}{% endfor %}{% if view.registered %}r{% elif view.plain %}p"
        "{% else %}n{% endif %}"
    )
    assert template_violations(source, "t.j2") == []

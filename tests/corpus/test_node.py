# SPDX-License-Identifier: Apache-2.0
"""The operator tests of the corpus through the backend adapter: those pass that docs/node-tests.json says pass."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.corpus.node_tests import MISSING, REASONS, RESULTS, NodeTest, node_tests


@pytest.fixture(scope="module")
def tests(corpus: Path) -> list[NodeTest]:
    return list(node_tests(corpus))


@pytest.fixture(scope="module")
def known() -> dict:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def failing_by_name(known: dict) -> set[str]:
    return {name for operators in known["failing"].values() for names in operators.values() for name in names}


def test_the_results_are_those_of_these_tests(tests, known) -> None:
    assert known["totals"] == dict(Counter(test.operator for test in tests))
    assert failing_by_name(known) <= {test.name for test in tests}


def test_every_reason_is_needed(tests, known) -> None:
    assert set(known["failing"]) == {*MISSING, *REASONS}
    listed = {name for names in REASONS.values() for name in names}
    assert listed <= failing_by_name(known)


OPERATORS = sorted(json.loads(RESULTS.read_text(encoding="utf-8"))["totals"])


@pytest.mark.parametrize("operator", OPERATORS)
def test_operator(operator: str, tests, known) -> None:
    """Each of its tests passes or fails as noted; a pass that is not noted is as wrong as a failure."""
    failing = failing_by_name(known)
    wrong = []
    for test in tests:
        if test.operator == operator:
            failure = test.failure()
            if (failure is not None) != (test.name in failing):
                wrong.append(f"{test.name}: {failure or 'passes now: run `make node-table`'}")
    assert not wrong, "\n".join(wrong)


def test_a_wrong_result_is_noticed(tests, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of every pass: the same test with a result that is off fails."""
    test = next(test for test in tests if test.name == "onnx_node/test_relu")
    model, fed, wanted = test._read()
    assert test.failure() is None
    monkeypatch.setattr(NodeTest, "_read", lambda self: (model, fed, [wanted[0] + 1e-2]))
    assert "off by" in test.failure()
    monkeypatch.setattr(NodeTest, "_read", lambda self: (model, fed, [wanted[0][None]]))
    assert "rather than" in test.failure()

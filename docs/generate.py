# SPDX-License-Identifier: Apache-2.0
"""Writes the pages of docs/ that come from the code (`make docs`); a test demands that they are current."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fpgann.dispatch import StageTable, import_submodules
from fpgann.frontend.onnx.tables import IMPORTERS, QONNX
from fpgann.hardware.tables import BUILDERS
from fpgann.ir.operator import OPERATORS
from fpgann.passes.quantize import LOWERINGS
from fpgann.reference.tables import ON_CODES, ON_VALUES

DOCS = Path(__file__).resolve().parent

_STAGES: tuple[tuple[str, StageTable], ...] = (
    ("float reference", ON_VALUES),
    ("quantization", LOWERINGS),
    ("integer reference", ON_CODES),
    ("hardware", BUILDERS),
)

_HEAD = """\
<!-- Made by docs/generate.py from the stage tables: change those, then run `make docs`. -->

# Operators

## ONNX operators that are read

Constant sub-graphs are folded before; `fpgann check MODEL.onnx` says of every node what becomes of it.

"""

_GRAPH = """
## Operators of the graph

What the compiler works on between ONNX and hardware, and the stages that handle each. An operator without an
integer reference is real arithmetic: quantization replaces it by others.

"""


def operators_page() -> str:
    """The text of docs/operators.md."""
    for package in ("ir.ops", "frontend.onnx.ops", "reference.ops", "hardware.ops"):
        import_submodules(f"fpgann.{package}")
    onnx_rows = sorted(
        (name, "QONNX" if domain == QONNX else domain or "ONNX", _stem(handler), _contract(handler))
        for domain, name, handler in ((*key, IMPORTERS[key]) for key in IMPORTERS)
    )
    graph_rows = (
        (name, _contract(operator), *("yes" if operator in table else "-" for _, table in _STAGES))
        for name, operator in sorted(OPERATORS.items())
    )
    return "".join(
        (
            _HEAD,
            *_table(("operator", "domain", "read by", "how"), onnx_rows),
            _GRAPH,
            *_table(("operator", "meaning", *(stage for stage, _ in _STAGES)), graph_rows),
        )
    )


_NODE_TESTS = """\
<!-- Made by docs/generate.py from docs/node-tests.json: run `make node-table`, then `make docs`. -->

# Operator tests

Tests of single ONNX operators, most of them ONNX's own, run through the [backend adapter](guide.md#onnx-backend): the
integer reference model at 32 bits against the stored results, with the tolerances of `onnx.backend.test` (rtol 1e-3,
atol 1e-7; integers and booleans equal). {passed} of {total} pass. The others are expected to fail, for the reasons
below; `tests/corpus/test_node.py` notices a pass among them as well as a new failure.

"""


def node_tests_page() -> str:
    """The text of docs/node-tests.md."""
    known = json.loads((DOCS / "node-tests.json").read_text(encoding="utf-8"))
    totals: dict[str, int] = known["totals"]
    failing: dict[str, dict[str, list[str]]] = known["failing"]
    passed = {
        operator: count - sum(len(operators.get(operator, ())) for operators in failing.values())
        for operator, count in totals.items()
    }
    operator_rows = (
        (operator, f"{passed[operator]}/{count}", ", ".join(r for r in failing if operator in failing[r]))
        for operator, count in totals.items()
    )
    reason_rows = (
        (reason, str(sum(map(len, operators.values()))), ", ".join(sorted(operators)))
        for reason, operators in failing.items()
    )
    return "".join(
        (
            _NODE_TESTS.format(passed=sum(passed.values()), total=sum(totals.values())),
            *_table(("operator", "passed", "expected to fail for"), operator_rows),
            "\n## Reasons\n\n",
            *_table(("reason", "tests", "about"), reason_rows),
        )
    )


PAGES = {"operators.md": operators_page, "node-tests.md": node_tests_page}


def main() -> int:
    """Write every page whose text has changed."""
    for name, render in PAGES.items():
        page = DOCS / name
        text = render()
        if not page.exists() or page.read_text() != text:
            page.write_text(text)
            print(f"docs/{name} written")
    return 0


def _stem(handler: object) -> str:
    return f"`{inspect.getmodule(handler).__name__.rpartition('.')[2]}`"


def _contract(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n\n")[0].replace("\n", " ").replace("|", r"\|").replace("*", r"\*")


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = tuple(heads)
    for cells in (heads, ("---",) * len(heads), *rows):
        yield f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.exit(main())

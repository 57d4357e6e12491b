# SPDX-License-Identifier: Apache-2.0
"""The repository's rules as functions that return what breaks them, so that the rules can be tested too."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jinja2
import jinja2.nodes

REPOSITORY = Path(__file__).resolve().parents[2]

# Package -> where it may be imported, as prefixes of the path inside fpgann/.
IMPORT_HOMES: dict[str, tuple[str, ...]] = {
    "onnx": ("frontend/onnx/", "onnx_backend.py"),
    "onnx_ir": ("frontend/onnx/",),
    "onnxruntime": ("frontend/onnx/",),
    "onnxscript": ("frontend/onnx/",),
    "jinja2": ("codegen/render.py",),
    "subprocess": ("eda/",),
    "torch": ("train/", "frontend/torch.py"),
    "brevitas": ("train/", "frontend/torch.py"),
    "click": ("cli/",),
    "rich": ("cli/",),
    "pickle": (),
}

# What the tools' layer may import of the package: it knows nothing of networks.
EDA_IMPORTS = ("fpgann.eda", "fpgann.errors", "fpgann.resources")

_FORBIDDEN_CALLS = {"eval", "exec", "os.system", "os.popen"}


def tracked_files() -> list[Path]:
    """Every file under version control that exists, relative to the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout
    return [Path(name) for name in listing.split("\0") if name and (REPOSITORY / name).is_file()]


def package_modules() -> list[Path]:
    """Every module of the package."""
    return sorted((REPOSITORY / "fpgann").rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a module imports; a relative import starts with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def misplaced_imports(source: str, inside: str) -> list[str]:
    """Imports that do not belong into the module at `inside` (its path relative to fpgann/)."""
    found = []
    for line, name in imports(ast.parse(source)):
        homes = IMPORT_HOMES.get(name.split(".")[0])
        if name.startswith("."):
            found.append(f"fpgann/{inside}:{line}: relative import {name}")
        elif homes is not None and not inside.startswith(homes):
            allowed = ", ".join(f"fpgann/{home}" for home in homes) or "nowhere"
            found.append(f"fpgann/{inside}:{line}: {name} may be imported in {allowed}")
        elif inside.startswith("eda/") and name.startswith("fpgann") and not name.startswith(EDA_IMPORTS):
            found.append(f"fpgann/{inside}:{line}: {name} is no business of fpgann/eda/")
    return found


def forbidden_constructs(source: str, inside: str) -> list[str]:
    """Swallowed exceptions, and ways to run text as code or through a shell."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and _swallows_everything(node):
            found.append(f"fpgann/{inside}:{node.lineno}: an exception of any kind is swallowed")
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in _FORBIDDEN_CALLS:
                found.append(f"fpgann/{inside}:{node.lineno}: {name}")
            for keyword in node.keywords:
                value = keyword.value
                if keyword.arg in ("shell", "allow_pickle") and not (
                    isinstance(value, ast.Constant) and value.value is False
                ):
                    found.append(f"fpgann/{inside}:{node.lineno}: {keyword.arg}={ast.unparse(value)}")
            if name == "print" and not inside.startswith("cli/"):
                found.append(f"fpgann/{inside}:{node.lineno}: print outside of fpgann/cli/")
    return found


def _swallows_everything(handler: ast.ExceptHandler) -> bool:
    broad = handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException")
    idle = all(
        isinstance(statement, (ast.Pass, ast.Continue, ast.Break))
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in handler.body
    )
    return broad and idle


_NAMES = (jinja2.nodes.Name, jinja2.nodes.Getattr)


def template_violations(source: str, where: str) -> list[str]:
    """What a template does beyond naming values, filters, `for`, `if` on a boolean, and including a fixed file."""
    tree = jinja2.Environment().parse(source)
    return [f"{where}:{line}: {what}" for line, what in _check_block(tree.body)]


def _check_block(nodes: list[jinja2.nodes.Node]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        if isinstance(node, jinja2.nodes.Output):
            for part in node.nodes:
                if not isinstance(part, jinja2.nodes.TemplateData):
                    yield from _check_value(part)
        elif isinstance(node, jinja2.nodes.For):
            if node.test is not None or node.recursive or node.else_:
                yield node.lineno, "a for with a condition, recursion or else"
            yield from _check_value(node.iter)
            yield from _check_block(node.body)
        elif isinstance(node, jinja2.nodes.If):
            test = node.test.node if isinstance(node.test, jinja2.nodes.Not) else node.test
            if not isinstance(test, _NAMES):
                yield node.lineno, "an if on something other than a name, an attribute, or its negation"
            else:
                yield from _check_value(test)
            yield from _check_block([*node.body, *node.elif_, *node.else_])
        elif isinstance(node, jinja2.nodes.Include):
            if not isinstance(node.template, jinja2.nodes.Const):
                yield node.lineno, "an include of a computed file"
        else:
            yield node.lineno, f"a {type(node).__name__.lower()} block"


def _check_value(node: jinja2.nodes.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, jinja2.nodes.Name):
        return
    if isinstance(node, jinja2.nodes.Getattr):
        yield from _check_value(node.node)
    elif isinstance(node, jinja2.nodes.Filter):
        if node.node is not None:
            yield from _check_value(node.node)
        arguments = [*node.args, *(keyword.value for keyword in node.kwargs)]
        if not all(isinstance(argument, (*_NAMES, jinja2.nodes.Const)) for argument in arguments):
            yield node.lineno, f"the filter {node.name} with a computed argument"
    else:
        yield node.lineno, f"a {type(node).__name__.lower()} expression"


# A path of the machine that wrote it; the character before the slash tells it from `https://host/home/`.
_MACHINE_PATH = re.compile(r"(?:^|[^.A-Za-z0-9])/(?:work|farm|root|home)/")


def machine_paths(text: str, where: str) -> list[str]:
    """Absolute paths of somebody's machine."""
    return [
        f"{where}:{number}: {line.strip()[:100]}"
        for number, line in enumerate(text.splitlines(), start=1)
        if _MACHINE_PATH.search(line)
    ]


_UNIT = re.compile(r"^\s*(?:entity|package)\s+(?!body\b)(\w+)\s+is\b", re.IGNORECASE | re.MULTILINE)
_SPDX = "-- SPDX-License-Identifier: Apache-2.0"


def hdl_violations(source: str, stem: str) -> list[str]:
    """What is wrong with the head and the name of a VHDL file."""
    found = []
    if source.partition("\n")[0] != _SPDX:
        found.append(f"hdl/{stem}.vhd:1: the first line is not {_SPDX!r}")
    units = _UNIT.findall(source)
    if units != [stem]:
        found.append(f"hdl/{stem}.vhd: declares {', '.join(units) or 'nothing'} instead of just {stem}")
    return found


def compile_order_violations(order: str, stems: set[str]) -> list[str]:
    """How the list of files differs from the files."""
    listed = [line.strip() for line in order.splitlines() if line.strip() and not line.startswith("#")]
    names = {f"{stem}.vhd" for stem in stems}
    found = [f"hdl/compile_order.txt does not list {name}" for name in sorted(names - set(listed))]
    found += [f"hdl/compile_order.txt lists {name}, which is not there" for name in sorted(set(listed) - names)]
    found += [f"hdl/compile_order.txt lists {name} twice" for name in sorted(set(listed)) if listed.count(name) > 1]
    return found

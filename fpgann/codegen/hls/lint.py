# SPDX-License-Identifier: Apache-2.0
"""What a vendor's compiler would refuse or ignore in generated C++: wrong directives, loops without end, allocation.

The checks read the text of the files that are synthesised. They know C++ as it is generated: a statement a line,
braces at the ends of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Directives and their options, of AMD's UG1399; the options in the second set need a variable or port in scope
_DIRECTIVES: Mapping[str, frozenset[str]] = {
    "ARRAY_PARTITION": frozenset({"variable", "complete", "cyclic", "block", "factor", "dim"}),
    "ARRAY_RESHAPE": frozenset({"variable", "complete", "cyclic", "block", "factor", "dim"}),
    "BIND_OP": frozenset({"variable", "op", "impl", "latency"}),
    "BIND_STORAGE": frozenset({"variable", "type", "impl"}),
    "DATAFLOW": frozenset(),
    "INLINE": frozenset({"off"}),
    "INTERFACE": frozenset({"mode", "port"}),
    "PIPELINE": frozenset({"II"}),
    "STREAM": frozenset({"variable", "type", "depth"}),
    "UNROLL": frozenset({"factor"}),
}
_VALUES: Mapping[tuple[str, str], frozenset[str]] = {
    ("BIND_OP", "op"): frozenset({"mul"}),
    ("BIND_OP", "impl"): frozenset({"dsp", "fabric"}),
    ("BIND_STORAGE", "type"): frozenset({"rom_1p"}),
    ("BIND_STORAGE", "impl"): frozenset({"bram", "lutram"}),
    ("INTERFACE", "mode"): frozenset({"ap_vld", "ap_ctrl_hs", "ap_ctrl_none", "axis", "bram"}),
    ("STREAM", "type"): frozenset({"pipo", "fifo"}),
}
_PRAGMA = re.compile(r"#pragma HLS (\w+)\s*(.*)")
_OPTION = re.compile(r"(\w+)(?:\s*=\s*(\w+))?")
_ARRAY = re.compile(r"[\w>&]\s+&?(\w+)((?:\[\d+\])+)")
_VARIABLE = re.compile(r"(?:^|[(,])\s*(?:static |const )*[\w:<>, ]+[\s&*]+(\w+)(?= = |\[|;|,|\)|$)")
_LOOP = re.compile(r"\bfor \((.*)\) \{$")
_BOUNDED = re.compile(r"(?:int|std::size_t) (\w+) = .*?; \1 (?:<|>=) [\w.]+; (?:\+\+\1|--\1|\1 \+= \w+)|const \w+ .*")
_FORBIDDEN: Mapping[str, str] = {
    r"\bwhile\b|\bdo\b|\bgoto\b": "a loop whose end is not known",
    r"\bnew\b|\bdelete\b|\b(?:malloc|calloc|free)\(|std::(?:vector|string|map)\b": "memory allocated at run time",
    r"\bthrow\b|\btry\b|\bdynamic_cast\b|\bvirtual\b": "what no hardware has",
    r"\bfloat\b|\bdouble\b": "a floating-point number",
}
_FUNCTION = re.compile(r"^(?:inline |static )*[\w:<>]+ (\w+)\(")


@dataclass(slots=True)
class _Scope:
    """Names that a block declares, with the sizes of arrays."""

    names: dict[str, tuple[int, ...]]
    function: str


def lint(files: Mapping[str, str]) -> list[str]:
    """What is wrong with the files that are synthesised, as lines `file:line: what`.

    Args:
        files: C++ by path, without library, test bench and bridge.
    """
    constants: dict[str, tuple[int, ...]] = {}
    for path, text in files.items():
        if path.startswith("weights/"):
            constants |= {name: _sizes(sizes) for name, sizes in _ARRAY.findall(_declarations(text))}
    found = []
    for path, text in files.items():
        found += [f"{path}:{line}: {what}" for line, what in _lint_file(text, constants)]
    return found


def _declarations(text: str) -> str:
    """The lines of a file that declare constants."""
    return "\n".join(line for line in text.splitlines() if line.startswith("static const"))


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in re.findall(r"\[(\d+)\]", text))


def _lint_file(text: str, constants: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[int, str]]:
    scopes = [_Scope(dict(constants), "")]
    head, is_data = "", False
    for number, line in enumerate(text.splitlines(), start=1):
        is_data = "clang-format off" in line or (is_data and "clang-format on" not in line)
        code = line.partition("//")[0].rstrip()
        if is_data or not code:
            continue
        if code.startswith("#"):
            match = _PRAGMA.match(code)
            wrong = () if match is None else _lint_pragma(match.group(1), match.group(2), scopes)
            yield from ((number, what) for what in wrong)
            continue
        yield from ((number, what) for pattern, what in _FORBIDDEN.items() if re.search(pattern, code))
        loop = _LOOP.search(code)
        if loop is not None and not _BOUNDED.fullmatch(loop.group(1)):
            yield number, f"a loop whose bound is no constant: {loop.group(1)}"
        head = f"{head} {code.strip()}" if head else code
        function = scopes[-1].function
        if function and re.search(rf"(?<![\w:])(?:layers::)?{function}\(", code):
            yield number, f"{function} calls itself"
        if code.endswith(("{", ";", "}")):
            _follow(head, scopes)
            head = ""


def _follow(statement: str, scopes: list[_Scope]) -> None:
    """Keep track of blocks and of the names that they declare."""
    is_namespace = statement.startswith(("namespace", "extern"))
    if statement.strip().startswith("}"):
        if len(scopes) > 1:
            scopes.pop()
        return
    declared: dict[str, tuple[int, ...]] = dict.fromkeys(_VARIABLE.findall(statement), ())
    declared |= {name: _sizes(sizes) for name, sizes in _ARRAY.findall(statement)}
    if statement.endswith("{"):
        function = _FUNCTION.match(statement)
        scopes.append(_Scope(declared, function.group(1) if function and not is_namespace else scopes[-1].function))
    else:
        scopes[-1].names |= declared


def _lint_pragma(name: str, options: str, scopes: list[_Scope]) -> Iterator[str]:
    if name not in _DIRECTIVES:
        yield f"no directive is called {name}"
        return
    given = dict(_OPTION.findall(options))
    for option, value in given.items():
        if option not in _DIRECTIVES[name]:
            yield f"{name} has no option {option}"
        elif (name, option) in _VALUES and value not in _VALUES[name, option]:
            yield f"{name} knows no {option} {value}"
    variable = given.get("variable") or given.get("port")
    if name in ("ARRAY_PARTITION", "ARRAY_RESHAPE", "BIND_OP", "BIND_STORAGE", "STREAM") and not variable:
        yield f"{name} names no variable"
    if variable is None or variable == "return":
        return
    sizes = next((scope.names[variable] for scope in reversed(scopes) if variable in scope.names), None)
    if sizes is None:
        yield f"{name} names {variable}, which is not declared here"
        return
    yield from _lint_shape(name, given, sizes)


def _lint_shape(name: str, given: Mapping[str, str], sizes: tuple[int, ...]) -> Iterator[str]:
    """Whether dimensions exist and factors divide them."""
    if not name.startswith("ARRAY_"):
        return
    dim = int(given.get("dim", "0"))
    if not sizes or dim > len(sizes):
        yield f"{name} asks for dimension {dim} of {len(sizes)}"
    elif "factor" in given:
        factor, size = int(given["factor"]), sizes[dim - 1 if dim else 0]
        if factor < 1 or size % factor:
            yield f"{name} asks for {factor} parts of {size} elements"

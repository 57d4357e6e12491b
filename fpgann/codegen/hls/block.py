# SPDX-License-Identifier: Apache-2.0
"""C++ statements as lines, indented as clang-format would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fpgann.codegen.hls.literals import LINE_LENGTH

INDENT = 2
CONTINUATION = 4


class Block:
    """Statements of a function's body as they are written.

    Attributes:
        lines: the text so far.
    """

    def __init__(self, depth: int = 1) -> None:
        self.lines: list[str] = []
        self._depth = depth

    def line(self, text: str) -> None:
        """A statement that fits a line."""
        self.lines.append(" " * (INDENT * self._depth) + text)

    def pragma(self, text: str) -> None:
        """A directive; it stands at the beginning of the line."""
        self.lines.append(pragma(text))

    def let(self, kind: str, name: str, value: str) -> None:
        """A constant local variable, over two lines where one is too short."""
        self.assign(f"const {kind} {name}", value)

    def assign(self, target: str, value: str) -> None:
        """An assignment, over two lines where one is too short."""
        whole = f"{target} = {value};"
        if len(whole) + INDENT * self._depth <= LINE_LENGTH:
            self.line(whole)
            return
        indent = " " * (INDENT * self._depth + CONTINUATION)
        if len(indent) + len(value) < LINE_LENGTH or not value.endswith(")"):
            self.line(f"{target} =")
            self.lines.append(f"{indent}{value};")
        else:
            self.broken(f"{target} = ", value)

    def give(self, value: str) -> None:
        """A return of a call."""
        whole = f"return {value};"
        if len(whole) + INDENT * self._depth <= LINE_LENGTH:
            self.line(whole)
        else:
            self.broken("return ", value)

    def call(self, function: str, arguments: list[str]) -> None:
        """A call: on one line if it fits, else its arguments on the next one, else one a line."""
        whole = f"{function}({', '.join(arguments)});"
        if len(whole) + INDENT * self._depth <= LINE_LENGTH:
            self.line(whole)
            return
        indent = " " * (INDENT * self._depth + CONTINUATION)
        self.line(f"{function}(")
        together = f"{indent}{', '.join(arguments)});"
        if len(together) <= LINE_LENGTH:
            self.lines.append(together)
        else:
            self.lines += [f"{indent}{argument}," for argument in arguments[:-1]]
            self.lines.append(f"{indent}{arguments[-1]});")

    def broken(self, front: str, value: str) -> None:
        """A call that is broken behind its parenthesis."""
        call, _, arguments = value.partition("(")
        self.line(f"{front}{call}(")
        self.lines.append(" " * (INDENT * self._depth + CONTINUATION) + f"{arguments};")

    @contextmanager
    def braces(self, head: str) -> Iterator[None]:
        """A statement with a body."""
        self.line(f"{head} {{")
        self._depth += 1
        yield
        self._depth -= 1
        self.line("}")

    @contextmanager
    def loop(self, variable: str, count: int, *pragmas: str) -> Iterator[None]:
        """A loop from 0 to count - 1, with directives for it."""
        with self.braces(f"for (int {variable} = 0; {variable} < {count}; ++{variable})"):
            for pragma in pragmas:
                self.pragma(pragma)
            yield

    @contextmanager
    def loops(self, loops: list[tuple[str, int]], *pragmas: str) -> Iterator[None]:
        """Loops inside one another, with the directives for the innermost; none for an empty list."""
        if not loops:
            yield
            return
        (variable, count), inner = loops[0], loops[1:]
        with self.loop(variable, count, *(() if inner else pragmas)), self.loops(inner, *pragmas):
            yield


def pragma(text: str) -> str:
    """A directive for synthesis."""
    return f"#pragma HLS {text.replace('=', ' = ')}"


def signature(head: str, parameters: list[str], tail: str) -> list[str]:
    """A function's head: on one line if it fits, else a parameter a line."""
    whole = f"{head}({', '.join(parameters)}){tail}"
    if len(whole) <= LINE_LENGTH:
        return [whole]
    indent = " " * CONTINUATION
    lines = [f"{indent}{parameter}," for parameter in parameters]
    lines[-1] = lines[-1][:-1] + f"){tail}"
    return [f"{head}(", *lines]

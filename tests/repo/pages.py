# SPDX-License-Identifier: Apache-2.0
"""What pages of documentation promise - links, files, commands, code - and which of it does not hold."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from fpgann.cli.main import cli
from tests.repo.rules import REPOSITORY

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PATH = re.compile(r"(?:fpgann|hdl|templates|sim|docs|examples|tests)/[^\s<>*{}]*")
_COMMAND = re.compile(r"^[ ]*(?:\$ )?(?:[\w.]+/)*fpgann (?P<arguments>\S.*)$", re.MULTILINE)


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^(    .*|```.*)$", "", _FENCE.sub("", text), flags=re.MULTILINE)


def broken_links(text: str, page: Path) -> list[str]:
    """Relative links that lead nowhere, to a file or to a heading in it."""
    found = []
    for link in _LINK.findall(prose(text)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            found.append(f"{page.name}: the link {link} leads to no file")
        elif anchor and anchor not in anchors(text if target == page else target.read_text()):
            found.append(f"{page.name}: the link {link} leads to no heading")
    return found


def anchors(text: str) -> set[str]:
    """The names that headings of a page have on GitHub."""
    headings = _HEADING.findall(_FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def missing_paths(text: str, where: str) -> list[str]:
    """Files and folders of the repository that a page names in backticks and that are not there."""
    named = {code for code in _INLINE.findall(prose(text)) if _PATH.fullmatch(code)}
    return [f"{where}: there is no {path}" for path in sorted(named) if not (REPOSITORY / path).exists()]


def wrong_commands(text: str, where: str) -> list[str]:
    """Command lines shown on a page that the command line would refuse."""
    complaints = {" ".join(line): _complaint(line) for line in commands(text)}
    return [f"{where}: fpgann {line}: {complaint}" for line, complaint in complaints.items() if complaint]


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of every `fpgann ...` in a block of code, and of those in the prose that have more than a name."""
    joined = text.replace("\\\n", " ")
    blocks = [body for _, body in _FENCE.findall(joined)]
    blocks += re.findall(r"^    .*$", _FENCE.sub("", joined), flags=re.MULTILINE)
    blocks += [code for code in _INLINE.findall(prose(joined)) if code.startswith("fpgann ")]
    for block in blocks:
        for match in _COMMAND.finditer(block):
            yield _words(match["arguments"])


def _words(text: str) -> list[str]:
    """The words of a shell command up to a pipe, a redirection or a comment."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|>;&")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= set("|>;&"):
            break
        words.append(word)
    return words


def _complaint(words: list[str]) -> str:
    try:
        _parse(words)
    except click.ClickException as error:
        return error.format_message()
    except click.exceptions.Exit:  # --help, --version
        pass
    return ""


def _parse(words: list[str]) -> None:
    """Let click read a command line as far as it does before it runs the command."""
    rest = [word for word in words if word != "--debug"]
    if rest and rest[0].startswith("-"):
        cli.make_context("fpgann", rest)
        return
    name = rest[0] if rest else ""
    command = cli.get_command(click.Context(cli), name)
    if command is None:
        raise click.UsageError(f"there is no command '{name}'")
    if len(rest) > 1 or not any(isinstance(parameter, click.Argument) for parameter in command.params):
        command.make_context(name, rest[1:])


def transcripts(text: str) -> Iterator[tuple[str, list[str]]]:
    """Commands after `$ ` in fenced blocks, each with the lines shown below it (`...` stands for any)."""
    for _, body in _FENCE.findall(text):
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, _, output = part.replace("\\\n", " ").partition("\n")
            yield command, [line.rstrip() for line in output.splitlines() if line.strip() not in ("", "...")]


def programs(text: str) -> tuple[str, list[str]]:
    """All blocks of Python of a page as one program, and the lines shown, indented, right below them."""
    found = re.findall(r"^```python\n(.*?)^```\n\n((?:    [^\n]+\n)*)", text, re.MULTILINE | re.DOTALL)
    code = "\n".join(block for block, _ in found)
    return code, [line[4:].rstrip() for _, shown in found for line in shown.splitlines()]


def broken_python(text: str, where: str) -> list[str]:
    """Blocks of Python that are none."""
    found = []
    for language, body in _FENCE.findall(text):
        if language == "python":
            try:
                ast.parse(body)
            except SyntaxError as error:
                found.append(f"{where}: {error}: {(error.text or '').strip()}")
    return found

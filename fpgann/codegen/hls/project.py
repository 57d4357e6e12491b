# SPDX-License-Identifier: Apache-2.0
"""All C++ of a design, and what the tools need beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fpgann import resources
from fpgann.codegen.hls.harness import render_bench, render_bridge, vectors_text, weights_text
from fpgann.codegen.hls.interface import describe_array, describe_loaded
from fpgann.codegen.hls.lint import lint
from fpgann.codegen.hls.map_program import MapProgram
from fpgann.codegen.hls.plan import namespace_of, plan_program
from fpgann.codegen.hls.program import Program
from fpgann.codegen.project import Wanted
from fpgann.codegen.render import render
from fpgann.errors import VerificationError
from fpgann.hardware.design import Design
from fpgann.hardware.token_graph import MapDesign, Streams
from fpgann.ir import Graph
from fpgann.numerics.integers import IntArray

DEFAULT_PART = "xcvu13p-flga2577-2-e"
LIBRARY = ("arithmetic.h", "host.h", "integers.h")
NATIVE_BITS = 128  # of the widest machine integer that compilers have
_WIDTH = re.compile(r"\b[su]int<(\d+)>")


@dataclass(frozen=True, slots=True)
class TclView:
    """Vocabulary of templates/hls/run_hls.tcl.j2."""

    top: str
    part: str
    clock_period_ns: str


@dataclass(frozen=True, slots=True)
class MakefileView:
    """Vocabulary of templates/hls/Makefile.j2."""

    top: str


@dataclass(frozen=True, slots=True)
class HlsProject:
    """A design in C++.

    Args:
        files: contents by path below hls/.
        description: what `fpgann simulate --simulator csim` needs to know (hls/design.json).
    """

    files: dict[str, str]
    description: dict[str, Any]


def render_hls(
    graph: Graph,
    design: Design,
    streams: Streams | None,
    values: Mapping[str, IntArray],
    wanted: Wanted,
) -> HlsProject:
    """Every file below hls/.

    Args:
        graph: graph of codes.
        design: its hardware.
        streams: AXI4-Stream interfaces around it, if it has any.
        values: the reference's codes of every graph value, for the vectors of the test bench.
        wanted: clock period and part.

    Raises:
        UnsupportedOperatorError: an operator has no C++.
    """
    program = _program(graph, design, streams)
    interface = program.interface
    folder = resources.templates_dir() / "hls"
    files = {f"fpgann/{name}": (folder / "fpgann" / name).read_text() for name in (*LIBRARY, *program.library)}
    files[".clang-format"] = (folder / "clang-format").read_text()
    files |= program.render()
    files["bridge.cpp"] = render_bridge(interface, program.trace())
    files["main.cpp"] = render_bench(interface)
    if interface.loaded:
        files["vectors/weights.txt"] = weights_text(interface.loaded, graph)
    files["vectors/inputs.txt"] = vectors_text([port.array for port in interface.inputs], values)
    files["vectors/expected.txt"] = vectors_text([port.array for port in interface.outputs], values)
    part = wanted.device or DEFAULT_PART
    files["run_hls.tcl"] = render("hls/run_hls.tcl.j2", TclView(design.name, part, f"{wanted.clock_period_ns:g}"))
    files["Makefile"] = render("hls/Makefile.j2", MakefileView(design.name))
    _check(files)
    native = all(int(width) < NATIVE_BITS for text in files.values() for width in _WIDTH.findall(text))
    description = {
        "top": interface.top,
        "stack_bytes": interface.stack_bytes,
        "native": native,
        "inputs": [port.describe() for port in interface.inputs],
        "outputs": [port.describe() for port in interface.outputs],
        "weights": [describe_loaded(loaded) for loaded in interface.loaded],
        "layers": [{**describe_array(array), "layer": layer} for array, layer in program.traced],
    }
    return HlsProject(files, description)


def _program(graph: Graph, design: Design, streams: Streams | None) -> Program | MapProgram:
    """The functions of a design: of tokens where maps come token by token, else of whole tensors."""
    if isinstance(streams, MapDesign):
        return MapProgram(graph, streams)
    return Program(design, plan_program(graph, design, namespace_of(design)), streams)


def _check(files: Mapping[str, str]) -> None:
    """Refuse C++ of which a vendor's compiler would ignore or refuse something.

    Raises:
        VerificationError: there is such C++.
    """
    synthesised = {
        path: text
        for path, text in files.items()
        if path.endswith((".h", ".cpp")) and not path.startswith("fpgann/") and path not in ("main.cpp", "bridge.cpp")
    }
    found = lint(synthesised)
    if found:
        raise VerificationError(found[0], where="HLS C++", hint="this is a bug of fpgann, please report it")

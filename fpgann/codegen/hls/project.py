# SPDX-License-Identifier: Apache-2.0
"""All C++ of a design, and what the tools need beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fpgann import resources
from fpgann.codegen.hls.harness import render_bench, render_bridge, vectors_text, words_of
from fpgann.codegen.hls.layer import render_layer
from fpgann.codegen.hls.lint import lint
from fpgann.codegen.hls.plan import Array, Plan, namespace_of, plan_program
from fpgann.codegen.hls.program import Program, render_types, stack_bytes
from fpgann.codegen.project import Wanted
from fpgann.codegen.render import render
from fpgann.errors import VerificationError
from fpgann.hardware.design import Design
from fpgann.hardware.streaming import StreamDesign
from fpgann.ir import Graph
from fpgann.numerics.integers import IntArray

DEFAULT_PART = "xcvu13p-flga2577-2-e"
LIBRARY = ("arithmetic.h", "host.h", "integers.h")
STREAM_LIBRARY = ("axis.h",)
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
    streams: StreamDesign | None,
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
    plan = plan_program(graph, design, namespace_of(design))
    library = LIBRARY if streams is None else (*LIBRARY, *STREAM_LIBRARY)
    folder = resources.templates_dir() / "hls"
    files = {f"fpgann/{name}": (folder / "fpgann" / name).read_text() for name in library}
    files[".clang-format"] = (folder / "clang-format").read_text()
    for level in plan.plans:
        for layer in level.layers:
            files |= render_layer(layer, level.graph)
    files["types.h"] = render_types(plan, streams)
    files |= Program(design, plan, streams).render()
    files["bridge.cpp"] = render_bridge(design, plan, streams)
    files["main.cpp"] = render_bench(design, plan, streams)
    files["vectors/inputs.txt"] = vectors_text(plan.inputs, values)
    files["vectors/expected.txt"] = vectors_text(plan.outputs, values)
    part = wanted.device or DEFAULT_PART
    files["run_hls.tcl"] = render("hls/run_hls.tcl.j2", TclView(design.name, part, f"{wanted.clock_period_ns:g}"))
    files["Makefile"] = render("hls/Makefile.j2", MakefileView(design.name))
    _check(files)
    native = all(int(width) < NATIVE_BITS for text in files.values() for width in _WIDTH.findall(text))
    return HlsProject(files, {**_describe(design, plan, streams), "native": native})


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


def _describe(design: Design, plan: Plan, streams: StreamDesign | None) -> dict[str, Any]:
    def array(item: Array) -> dict[str, Any]:
        return {
            "name": item.name,
            "value": item.value,
            "elements": item.elements,
            "words": words_of(item),
            "signed": item.codes.signed,
        }

    ports = [port.name for port in (design.outputs if streams is None else streams.outputs)]
    return {
        "top": design.name,
        "stack_bytes": stack_bytes(plan),
        "inputs": [array(item) for item in plan.inputs],
        "outputs": [{**array(item), "port": name} for item, name in zip(plan.outputs, ports, strict=True)],
        "layers": [{**array(layer.result), "layer": layer.node.name} for layer in plan.layers],
    }

# SPDX-License-Identifier: Apache-2.0
"""The files of a build that are hardware, by relative path: VHDL and Verilog, or C++, and what tools need with them."""

from __future__ import annotations

from collections.abc import Mapping

from fpgann import resources
from fpgann.codegen.hls import render_hls
from fpgann.codegen.manifest import to_json
from fpgann.codegen.project import Wanted, render_project
from fpgann.codegen.verilog import render_verilog
from fpgann.codegen.vhdl import AMD_ADDER, render_design, render_maps
from fpgann.eda.verilog import CELL_MODELS
from fpgann.hardware.design import Design
from fpgann.hardware.loading import AddressMap
from fpgann.hardware.token_graph import MapDesign, Streams
from fpgann.ir import Graph
from fpgann.numerics.integers import IntArray

SIM_FILES = ("bench_parallel.py", "run.py")
STREAM_SIM_FILES = ("bench_stream.py", "load_weights.py", "stream_interface.py", "stream_traffic.py")
MAP_SIM_FILES = ("bench_maps.py",)
LOADING_SIM_FILES = ("load_weights.py",)


def rtl_files(
    design: Design, streams: Streams | None, loading: AddressMap | None, wanted: Wanted, *, verilog: bool
) -> dict[str, bytes]:
    """The VHDL of a design, projects of vendors' tools, the bench.

    Args:
        design: the design.
        streams: AXI4-Stream interfaces around it, if it has any.
        loading: addresses of the weights that are loaded at run time, if it has such.
        wanted: clock period and part.
        verilog: one Verilog file beside it.

    Raises:
        ToolError: GHDL, which makes the Verilog, is missing or failed.
    """
    is_map = isinstance(streams, MapDesign)
    rtl = render_maps(streams) if isinstance(streams, MapDesign) else render_design(design, streams, loading)
    if verilog:
        rtl |= render_verilog(rtl, design.name)
    texts = {f"rtl/{path}": text for path, text in rtl.items()}
    texts |= render_project(design, rtl, wanted, streams, loading)
    files = {path: text.encode() for path, text in texts.items()}
    bench = [*SIM_FILES, *(() if streams is None else STREAM_SIM_FILES)]
    bench += () if loading is None else LOADING_SIM_FILES
    bench += MAP_SIM_FILES if is_map else ()
    files |= {f"sim/{file}": (resources.sim_dir() / file).read_bytes() for file in bench}
    if f"fpgann/{AMD_ADDER}" in rtl:
        files[f"sim/{CELL_MODELS}"] = (resources.hdl_dir() / "amd" / CELL_MODELS).read_bytes()
    return files


def hls_files(
    graph: Graph, design: Design, streams: Streams | None, values: Mapping[str, IntArray], wanted: Wanted
) -> dict[str, bytes]:
    """The C++ of a design, and what tools need to build and run it.

    Args:
        graph: graph of codes.
        design: its hardware.
        streams: AXI4-Stream interfaces around it, if it has any.
        values: the reference's codes of every graph value, for the test bench.
        wanted: clock period and part.

    Raises:
        UnsupportedOperatorError: an operator has no C++.
    """
    project = render_hls(graph, design, streams, values, wanted)
    files = {f"hls/{path}": text.encode() for path, text in project.files.items()}
    return {**files, "hls/design.json": to_json(project.description)}

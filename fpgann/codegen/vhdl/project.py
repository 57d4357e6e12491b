# SPDX-License-Identifier: Apache-2.0
"""All VHDL of a design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fpgann import resources
from fpgann.codegen.vhdl.folded import render_folded
from fpgann.codegen.vhdl.maps import render_maps_top
from fpgann.codegen.vhdl.noise import NOISE_LIBRARY
from fpgann.codegen.vhdl.pointwise import render_pointwise
from fpgann.codegen.vhdl.recurrent import render_recurrent, render_step
from fpgann.codegen.vhdl.stream import render_stream_top
from fpgann.codegen.vhdl.top import render_top
from fpgann.codegen.vhdl.unrolled import render_unrolled
from fpgann.hardware.design import (
    Design,
    FoldedKernel,
    PointwiseKernel,
    RecurrentKernel,
    StepKernel,
    UnrolledKernel,
)
from fpgann.hardware.loading import AddressMap
from fpgann.hardware.names import ENTITY_SUFFIXES, Namespace
from fpgann.hardware.streaming import StreamDesign
from fpgann.hardware.token_graph import MapDesign

AMD_ADDER = "fpgann_add3.vhd"
AMD_CELLS = (
    "fpgann_carry_chain.vhd",
    AMD_ADDER,
    "fpgann_compress6.vhd",
    "fpgann_full_adders.vhd",
    "fpgann_add_rows.vhd",
)


def render_design(
    design: Design, streams: StreamDesign | None = None, loading: AddressMap | None = None
) -> dict[str, str]:
    """Every file below rtl/, in compile order, by relative path.

    The library `fpgann` lies in fpgann/, what is generated for this design beside it (library `work`).

    Args:
        design: the design.
        streams: AXI4-Stream interfaces around it, if it has any; then the design is their core.
        loading: addresses of the weights that are loaded at run time, if it has such.
    """
    library = [*library_files(), *(library_files(NOISE_LIBRARY) if design.noise else ())]
    files = {f"fpgann/{name}": (resources.hdl_dir() / name).read_text() for name in library}
    if _names_cells(design):
        files |= {f"fpgann/{name}": (resources.hdl_dir() / "amd" / name).read_text() for name in AMD_CELLS}
    names = Namespace({design.name} if streams is None else {design.name, streams.core_entity})
    rendered, entities = _render_stages(design, names, loading)
    files |= rendered
    if streams is None:
        files[f"{design.name}.vhd"] = render_top(design, entities, loading)
    else:
        core = replace(design, name=streams.core_entity)
        files[f"{streams.core_entity}.vhd"] = render_top(core, entities, loading)
        files[f"{design.name}.vhd"] = render_stream_top(streams, loading)
    files["compile_order.txt"] = _compile_order(files)
    return files


def render_maps(design: MapDesign) -> dict[str, str]:
    """The same for a network of maps."""
    library = [*library_files(), *library_files("compile_order_maps.txt")]
    library += library_files(NOISE_LIBRARY) if design.noise else []
    files = {f"fpgann/{name}": (resources.hdl_dir() / name).read_text() for name in library}
    if any(_names_cells(actor.core) for actor in design.cores):
        files |= {f"fpgann/{name}": (resources.hdl_dir() / "amd" / name).read_text() for name in AMD_CELLS}
    names = Namespace({design.name})
    cores: dict[str, str] = {}
    for actor in design.cores:
        cores[actor.name] = entity = names.claim(actor.core.name, "pipeline", suffixes=ENTITY_SUFFIXES)
        core = replace(actor.core, name=entity)
        rendered, entities = _render_stages(core, names, None)
        files |= rendered
        files[f"{entity}.vhd"] = render_top(core, entities, None)
    files[f"{design.name}.vhd"] = render_maps_top(design, cores)
    files["compile_order.txt"] = _compile_order(files)
    return files


def _names_cells(design: Design) -> bool:
    """Whether adders name cells of a device."""
    kernels = [stage.kernel for stage in design.stages]
    return any(
        (isinstance(kernel, UnrolledKernel) and kernel.carry_cell is not None)
        or (isinstance(kernel, RecurrentKernel | StepKernel) and _names_cells(kernel.core))
        for kernel in kernels
    )


def _render_stages(
    design: Design, names: Namespace, loading: AddressMap | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Files of all stages, and the entity of each."""
    files: dict[str, str] = {}
    entities: dict[str, str] = {}
    for stage in design.stages:
        entity = names.claim(f"{design.name}_{stage.name}", "layer", suffixes=ENTITY_SUFFIXES)
        match stage.kernel:
            case UnrolledKernel():
                rendered = {entity: render_unrolled(stage, entity)}
            case FoldedKernel():
                rendered = render_folded(stage, entity, loading)
            case PointwiseKernel():
                rendered = {entity: render_pointwise(stage, entity)}
            case RecurrentKernel(core=pipeline) | StepKernel(core=pipeline):
                core = names.claim(f"{entity}_pipeline", "pipeline", suffixes=ENTITY_SUFFIXES)
                named = replace(pipeline, name=core)
                inner, inner_entities = _render_stages(named, names, None)
                files |= inner
                top = render_top(named, inner_entities, None)
                around = render_step if isinstance(stage.kernel, StepKernel) else render_recurrent
                rendered = {core: top, entity: around(stage, entity, core)}
            case _:
                continue
        entities[stage.name] = entity
        files |= {f"{name}.vhd": text for name, text in rendered.items()}
    return files, entities


def _compile_order(files: Mapping[str, str]) -> str:
    order = [f"fpgann {path}" if path.startswith("fpgann/") else f"work {path}" for path in files]
    return "\n".join([*order, ""])


def library_files(order: str = "compile_order.txt") -> list[str]:
    """The hand-written library, in compile order."""
    return (resources.hdl_dir() / order).read_text().split()

# SPDX-License-Identifier: Apache-2.0
"""All VHDL of a design."""

from __future__ import annotations

from dataclasses import replace

from fpgann import resources
from fpgann.codegen.vhdl.folded import render_folded
from fpgann.codegen.vhdl.pointwise import render_pointwise
from fpgann.codegen.vhdl.stream import render_stream_top
from fpgann.codegen.vhdl.top import render_top
from fpgann.codegen.vhdl.unrolled import render_unrolled
from fpgann.hardware.design import Design, FoldedKernel, PointwiseKernel, UnrolledKernel
from fpgann.hardware.loading import AddressMap
from fpgann.hardware.names import ENTITY_SUFFIXES, Namespace
from fpgann.hardware.streaming import StreamDesign

AMD_ADDER = "fpgann_add3.vhd"


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
    files = {f"fpgann/{name}": (resources.hdl_dir() / name).read_text() for name in library_files()}
    if any(isinstance(stage.kernel, UnrolledKernel) and stage.kernel.carry_cell for stage in design.stages):
        files[f"fpgann/{AMD_ADDER}"] = (resources.hdl_dir() / "amd" / AMD_ADDER).read_text()
    names = Namespace({design.name} if streams is None else {design.name, streams.core_entity})
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
            case _:
                continue
        entities[stage.name] = entity
        files |= {f"{name}.vhd": text for name, text in rendered.items()}
    if streams is None:
        files[f"{design.name}.vhd"] = render_top(design, entities, loading)
    else:
        core = replace(design, name=streams.core_entity)
        files[f"{streams.core_entity}.vhd"] = render_top(core, entities, loading)
        files[f"{design.name}.vhd"] = render_stream_top(streams, loading)
    order = [f"fpgann {path}" if path.startswith("fpgann/") else f"work {path}" for path in files]
    files["compile_order.txt"] = "\n".join([*order, ""])
    return files


def library_files() -> list[str]:
    """The hand-written library, in compile order."""
    return (resources.hdl_dir() / "compile_order.txt").read_text().split()

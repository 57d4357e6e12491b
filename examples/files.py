# SPDX-License-Identifier: Apache-2.0
"""ONNX files as the examples keep them: checked, and without a trace of who wrote them."""

from __future__ import annotations

from pathlib import Path

import onnx


def write_model(proto: onnx.ModelProto, path: Path) -> None:
    """Check `proto` and write it to `path`, weights inside the file, no trace of this machine."""
    _strip_metadata(proto)
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def name_output(path: Path, name: str) -> None:
    """Give the only output of the model in a file another name."""
    proto = onnx.load(path)
    (output,) = proto.graph.output
    for node in proto.graph.node:
        node.output[:] = [name if value == output.name else value for value in node.output]
        node.input[:] = [name if value == output.name else value for value in node.input]
    output.name = name
    write_model(proto, path)


def _strip_metadata(proto: onnx.ModelProto) -> None:
    """Remove what exporters write about the source code and the machine, in place; name a fixed producer."""
    proto.producer_name = "fpgann-examples"
    proto.ClearField("producer_version")
    graph = proto.graph
    values = (*graph.input, *graph.output, *graph.value_info)
    for item in (proto, graph, *graph.node, *graph.initializer, *values):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")

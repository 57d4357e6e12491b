# SPDX-License-Identifier: Apache-2.0
"""From a checked ONNX model to the graph of real-valued operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import onnx_ir

import fpgann.frontend.onnx.ops  # noqa: F401  registers the importers
from fpgann.errors import MalformedModelError, ModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.constants import Array, Known
from fpgann.frontend.onnx.element_types import annotate_results
from fpgann.frontend.onnx.evaluate import fold
from fpgann.frontend.onnx.integer_types import INPUT_TYPES, integers_of
from fpgann.frontend.onnx.libraries import LIBRARY_ERRORS, first_line
from fpgann.frontend.onnx.normalise import inferred_shapes, normalise, optimise
from fpgann.frontend.onnx.ports import check_sizes
from fpgann.frontend.onnx.reader import OnnxModel
from fpgann.frontend.onnx.support import NodeSupport, missing_operator, summary
from fpgann.frontend.onnx.tables import IMPORTERS, Progress, Site
from fpgann.ir import Graph, GraphBuilder, TensorType

_CONTRADICTION = "the file contradicts itself; check the exporter and export the model again"
_REAL = frozenset({"FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16"})


def import_onnx(model: OnnxModel) -> Graph:
    """Translate a model into real-valued operators.

    Raises:
        UnsupportedOperatorError: nodes cannot be built; the message lists them all.
        MalformedModelError: nodes contradict themselves or the ONNX standard.
    """
    source = _checked(model, _translate(model))
    outputs = {name: source.values[name] for name in model.outputs}
    return source.builder.build(outputs)


def import_outputs(model: OnnxModel) -> tuple[Graph | None, dict[str, Array]]:
    """Translate a model of which some or all outputs may depend on no input.

    Returns:
        The graph that computes the other outputs, if there are any, and the constant outputs.

    Raises:
        UnsupportedOperatorError: nodes cannot be built; the message lists them all.
        MalformedModelError: nodes contradict themselves or the ONNX standard.
    """
    source = _checked(model, _translate(model, constant_outputs=True))
    constants = {name: source.known[name].data for name in model.outputs if name in source.known}
    outputs = {name: source.values[name] for name in model.outputs if name not in constants}
    return (source.builder.build(outputs) if outputs else None), constants


def _checked(model: OnnxModel, translation: Translation) -> Progress:
    """What was built, if everything could be."""
    failures = [entry for entry in translation.report if not entry.supported]
    if failures:
        kind = MalformedModelError if translation.malformed else UnsupportedOperatorError
        message, where, hint = summary(failures)
        raise kind(message, where=f"{model.path.name}{where}", hint=hint)
    return translation.progress


def explain(model: OnnxModel) -> list[NodeSupport]:
    """For every node, whether and how it can be built; for inputs and outputs, what is wrong with them."""
    return _translate(model).report


@dataclass
class Translation:
    """One walk over the nodes of a model, from inputs to outputs.

    Args:
        model: the model.
        source: its nodes.
        progress: what was built.
        report: what became of each node.
        malformed: whether every failure is the file's fault.
        unchecked: values that nothing is known about, because their node cannot be built.
        failed_constants: constants that could not be computed.
        shapes: what shape inference found, once it was needed.
        constant_outputs: outputs need not depend on an input.
    """

    model: OnnxModel
    source: onnx_ir.Model
    progress: Progress
    report: list[NodeSupport] = field(default_factory=list)
    malformed: bool = True
    unchecked: set[str] = field(default_factory=set)
    failed_constants: set[str] = field(default_factory=set)
    shapes: Mapping[str, tuple[int, ...]] | None = None
    constant_outputs: bool = False

    @property
    def failures(self) -> int:
        """How many nodes cannot be built."""
        return sum(not entry.supported for entry in self.report)

    def run(self) -> None:
        """Import inputs, initialisers, nodes and outputs."""
        for port in self.model.inputs:
            fed = self.progress.builder.input(port.name, TensorType(port.shape))
            kind = INPUT_TYPES.get(port.element_type)
            if kind is not None:
                fed = self.progress.builder.add(integers_of(kind), (fed,), name=f"{port.name}_integers")
            elif port.element_type not in _REAL:
                self._fail(port.name, "input", _unknown_type(port.element_type))
            self.progress.values[port.name] = fed
        self.run_inside(self.source.graph)
        built = self.progress.known if self.constant_outputs else {}
        for name in self.model.outputs:
            if name not in self.progress.values.keys() | built.keys() | self.unchecked | self.failed_constants:
                self._fail(name, "output", _constant_output())

    def run_inside(self, graph: onnx_ir.Graph) -> None:
        """Import initialisers and nodes of the model's graph, or of one inside of a node."""
        for name, value in graph.initializers.items():
            tensor = value.const_value
            if tensor is not None and not self._guard(name, "initializer", partial(self._constant, name, tensor)):
                self.failed_constants.add(name)
        for node in graph:
            self._node(node)

    def _constant(self, name: str, tensor: onnx_ir.TensorProtocol) -> None:
        self.progress.known[name] = Known.of(tensor.numpy())

    def _node(self, node: onnx_ir.Node) -> None:
        site = Site(node, self.progress)
        annotate_results(node, site.opset)
        op = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
        operands = {value.name for value in node.inputs if value is not None and value.name}
        if operands & (self.unchecked | self.failed_constants):
            self._skip(site, op, constant=operands <= self.progress.known.keys() | self.failed_constants)
            return
        if not self._guard(site.name, op, partial(self._import, site)):
            self._substitute(site)
            return
        parts = [f"{part.name} ({text})" if (text := part.describe()) else part.name for part in site.built]
        constant = node.outputs[0].name in self.progress.known if node.outputs else False
        built = ", ".join(parts) or ("a constant" if constant else "nothing, it hands its input on")
        self.report.append(NodeSupport(site.name, op, supported=True, built_as=built, values=tuple(site.results)))

    def _import(self, site: Site) -> None:
        node, known = site.node, self.progress.known
        operands = [value.name or "" if value is not None else "" for value in node.inputs]
        if not site.nested and all(name in known for name in operands if name):
            results = fold(site, [known[name] if name else None for name in operands])
            for value, constant in zip(node.outputs, results, strict=False):
                known[value.name or ""] = constant
            return
        importer = IMPORTERS.get((node.domain, node.op_type))
        if importer is None:
            raise missing_operator(node.domain, node.op_type)
        importer(site)

    def _guard(self, name: str, op: str, step: Callable[[], None]) -> bool:
        """Do one step; note its failure instead of stopping."""
        try:
            step()
        except ModelError as error:
            self._fail(name, op, error)
            return False
        except LIBRARY_ERRORS as error:
            self._fail(name, op, MalformedModelError(f"it cannot be read: {first_line(error)}"))
            return False
        return True

    def _fail(self, name: str, op: str, error: ModelError) -> None:
        self.malformed = self.malformed and isinstance(error, MalformedModelError)
        hint = error.hint or _CONTRADICTION
        self.report.append(NodeSupport(name, op, supported=False, built_as=error.message, hint=hint))

    def _skip(self, site: Site, op: str, *, constant: bool) -> None:
        """A node that cannot be checked; its operator can, unless it only computes a constant."""
        results = self.failed_constants if constant else self.unchecked
        results.update(value.name or "" for value in site.node.outputs)
        if constant or (site.node.domain, site.op_type) in IMPORTERS:
            text = "not checked: it reads the result of a node that cannot be built"
            self.report.append(NodeSupport(site.name, op, supported=True, built_as=text))
        else:
            self._fail(site.name, op, missing_operator(site.node.domain, site.op_type))

    def _substitute(self, site: Site) -> None:
        """Stand-ins for the results of a node that cannot be built, so that those behind it are checked."""
        node = site.node
        if not site.nested and all(v is None or v.name in self.progress.known for v in node.inputs):
            self.failed_constants.update(value.name or "" for value in node.outputs)
            return
        if self.shapes is None:
            self.shapes = inferred_shapes(self.source)
        for value in node.outputs:
            name = value.name or ""
            if name in self.shapes and name not in self.progress.values:
                self.progress.values[name] = self.progress.builder.input(name, TensorType(self.shapes[name]))
            else:
                self.unchecked.add(name)


def _translate(model: OnnxModel, *, constant_outputs: bool = False) -> Translation:
    """Import a model as it is, or else after the optimizer has simplified it.

    Raises:
        UnsupportedOperatorError: an input is too large.
    """
    try:
        check_sizes(model.inputs)
    except ModelError as error:
        error.where = f"{model.path.name}, {error.where}"
        raise
    plain = walk(model, normalise(model), constant_outputs=constant_outputs)
    if not plain.failures:
        return plain
    optimised = optimise(model)
    if optimised is None:
        return plain
    simplified = walk(model, optimised, constant_outputs=constant_outputs)
    return simplified if simplified.failures < plain.failures else plain


def walk(model: OnnxModel, source: onnx_ir.Model, *, constant_outputs: bool = False) -> Translation:
    """Import what can be imported, and note what cannot."""
    names = {value.name for node in source.graph for value in node.outputs if value.name}
    names.update(port.name for port in model.inputs)
    progress = Progress(GraphBuilder(model.name), dict(source.opset_imports), names)
    progress.walk = partial(_walk_inside, model, source)
    translation = Translation(model, source, progress, constant_outputs=constant_outputs)
    translation.run()
    return translation


def _walk_inside(model: OnnxModel, source: onnx_ir.Model, graph: onnx_ir.Graph, progress: Progress) -> None:
    """Import the nodes of a graph inside of a node.

    Raises:
        ModelError: one of them cannot be built; the first is named.
    """
    names = {value.name for node in graph.all_nodes() for value in node.outputs if value.name}
    progress.reserved |= names
    translation = Translation(model, source, progress)
    translation.run_inside(graph)
    for entry in translation.report:
        if not entry.supported:
            kind = MalformedModelError if translation.malformed else UnsupportedOperatorError
            raise kind(f"its node '{entry.name}' ({entry.op}): {entry.built_as}", hint=entry.hint)


def _unknown_type(element_type: str) -> UnsupportedOperatorError:
    return UnsupportedOperatorError(
        f"it takes {element_type}, and only numbers and booleans are supported",
        hint="export the model with a float32 or integer input",
    )


def _constant_output() -> UnsupportedOperatorError:
    return UnsupportedOperatorError("it does not depend on any input", hint="remove it from the model's outputs")

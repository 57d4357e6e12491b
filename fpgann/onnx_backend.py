# SPDX-License-Identifier: Apache-2.0
"""The integer reference model behind ONNX's backend interface, for `onnx.backend.test` and tools that speak it.

    from fpgann import onnx_backend
    outputs = onnx_backend.prepare(onnx.load("model.onnx")).run(inputs)

Every run lowers the model for the very tensors it is given: they are the calibration samples too, so that each value
gets the 32-bit fixed-point type that suits it, and operands that hardware must know when it is built become constants
(`fpgann/frontend/onnx/feeds.py` lists them). Results are those of the integer reference model, cast to the element
types of the outputs. The first axis is an axis like all others here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep

from fpgann import frontend, passes, reference
from fpgann.errors import FormatError
from fpgann.frontend import FedModel
from fpgann.ir import Encoding
from fpgann.ir.verify import verify
from fpgann.numerics.integers import IntArray
from fpgann.passes.widest import widest_plan

WIDTH_BITS = 32

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]


class Representation(BackendRep):
    """A model that is ready to run.

    Args:
        model: the model.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model

    def run(self, inputs: Sequence[Array] | Mapping[str, Array] | Array, **kwargs: Any) -> tuple[Array, ...]:
        """The outputs of the model, in order.

        Args:
            inputs: one tensor per input of the model in order, or by name.
            kwargs: nothing is known; given for the interface's sake.

        Raises:
            FpgannError: the model cannot be built, or the inputs do not fit it.
        """
        del kwargs
        fed = frontend.import_fed(self._model, self._by_name(inputs), self._model.graph.name or "model")
        computed = {} if fed.graph is None else _emulate(fed)
        results = {**{name: np.asarray(data) for name, data in fed.constants.items()}, **computed}
        return tuple(_cast(results[name], kind) for name, kind in fed.element_types.items())

    def _by_name(self, inputs: Sequence[Array] | Mapping[str, Array] | Array) -> dict[str, Array]:
        graph = self._model.graph
        constants = {tensor.name for tensor in graph.initializer}
        names = [value.name for value in graph.input if value.name not in constants]
        if isinstance(inputs, Mapping):
            given = {name: _tensor(name, array) for name, array in inputs.items()}
        else:
            listed = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
            if len(listed) > len(names):
                names = [value.name for value in graph.input]
            given = {name: _tensor(name, array) for name, array in zip(names, listed, strict=False)}
        missing = [name for name in names if name not in given]
        if missing:
            raise FormatError(f"there is no input '{missing[0]}'", where="inputs", hint="feed every input of the model")
        return given


class FpgannBackend(Backend):
    """The functions of this module as ONNX's interface wants them."""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether every operator of a model is known; its operands may still be refused when it runs."""
        del kwargs
        return cls.supports_device(device) and frontend.has_operators(model)

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> Representation:
        """A model that is ready to run.

        Raises:
            ValueError: there is no such device.
        """
        if not cls.supports_device(device):
            raise ValueError(f"there is no device '{device}': the integer reference model runs on the CPU")
        del kwargs
        return Representation(model)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Sequence[Array],
        device: str = "CPU",
        outputs_info: Sequence[tuple[np.dtype[Any], tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Array, ...]:
        """Run a single node.

        Args:
            node: the node.
            inputs: its operands, in order, those left out left out here too.
            device: "CPU".
            outputs_info: element type and shape of every output; float32 if not given.
            kwargs: `opset_version`, the newest by default.
        """
        names = [name for name in node.input if name]
        fed = [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in zip(names, inputs, strict=True)
        ]
        kinds = [np.dtype(kind) for kind, _ in outputs_info or ()] or [np.dtype(np.float32)] * len(node.output)
        delivered = [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(kind), None)
            for name, kind in zip(node.output, kinds, strict=True)
            if name
        ]
        graph = onnx.helper.make_graph([node], "node", fed, delivered)
        version = int(kwargs.pop("opset_version", onnx.defs.onnx_opset_version()))
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid(node.domain, version)])
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Only the CPU computes the reference model."""
        return device.split(":", maxsplit=1)[0] == "CPU"


def _tensor(name: str, fed: Array | onnx.TensorProto) -> Array:
    """An input; types that NumPy does not know may come as ONNX has them."""
    if isinstance(fed, onnx.TensorProto):
        return onnx.numpy_helper.to_array(fed)
    if isinstance(fed, list) or fed is None:
        raise FormatError("it is no tensor", where=f"input '{name}'", hint="feed tensors, not sequences or nothing")
    return np.asarray(fed)


def _emulate(fed: FedModel) -> dict[str, IntArray]:
    """Lower a graph at 32 bits for its inputs, and run the integer reference model on them."""
    assert fed.graph is not None
    real = verify(passes.ExpandSoftmax().apply(passes.FoldAffine().apply(fed.graph)), "folding")
    samples = {name: array[None] for name, array in fed.inputs.items()}
    plan = widest_plan(real, reference.run_values(real, samples), WIDTH_BITS)
    graph = verify(passes.QuantizeGraph(plan).apply(real), "quantization")
    encoded = {value.name: reference.encode_input(value, samples[value.name]) for value in graph.inputs}
    codes = reference.run_codes(graph, encoded)
    return {
        delivered: _decoded(graph.types[name].codes, codes[name]).reshape(graph.types[name].shape)
        for delivered, name in graph.outputs.items()
    }


def _decoded(encoding: Encoding, codes: IntArray) -> IntArray:
    """Real numbers, or integers that are exact beyond those of float64."""
    if encoding.plain and encoding.fixed.frac <= 0:
        return np.asarray(codes.astype(object) * (1 << -encoding.fixed.frac))
    return encoding.decode(codes)


def _cast(array: Array, kind: np.dtype[Any]) -> Array:
    """Numbers in the element type of an output."""
    if kind.kind == "b":
        return np.asarray(array != 0)
    if kind.kind in "iu" and array.dtype.kind == "f":
        return np.rint(array).astype(np.int64).astype(kind)
    return np.asarray(array).astype(kind)


is_compatible = FpgannBackend.is_compatible
prepare = FpgannBackend.prepare
run_model = FpgannBackend.run_model
run_node = FpgannBackend.run_node
supports_device = FpgannBackend.supports_device

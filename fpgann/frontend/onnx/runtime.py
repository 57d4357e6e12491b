# SPDX-License-Identifier: Apache-2.0
"""The model in float32, as onnxruntime computes it: what the accuracy of a design is measured against."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx

from fpgann.errors import ConfigError, FormatError, ModelError, UnsupportedOperatorError
from fpgann.frontend.onnx.constants import Array
from fpgann.frontend.onnx.float32_model import plain_model
from fpgann.frontend.onnx.libraries import first_line
from fpgann.frontend.onnx.ports import Port
from fpgann.frontend.onnx.reader import OnnxModel

_CHUNK = 256  # samples at once


class Float32Runtime:
    """Runs a model sample by sample, or many samples at once where that provably makes no difference.

    Graph optimisations are off and one thread computes, so that results do not depend on the machine's size.

    Args:
        model: the model; quantizers of QONNX are replaced by plain operators that do the same in float32.

    Raises:
        UnsupportedOperatorError: onnxruntime or the replacement of quantizers cannot handle the model.
    """

    def __init__(self, model: OnnxModel) -> None:
        self._model = model
        self._ports: dict[str, Port] = {port.name: port for port in model.inputs}
        self._proto = plain_model(model)
        self._names = {name for node in self._proto.graph.node for name in node.output if name} | {*self._ports}
        self._session = functools.cache(self._make_session)
        self._session(model.outputs)

    def run(self, inputs: Mapping[str, Array], extra_outputs: Iterable[str] = ()) -> dict[str, Array]:
        """Evaluate samples.

        Args:
            inputs: for every input of the model, shape (samples, *shape); a batch axis of 1 may be left out.
            extra_outputs: names of intermediate values to return too.

        Returns:
            Outputs and extra outputs by name, shape (samples, *shape), the batch axis of 1 included.

        Raises:
            FormatError: inputs are missing, unknown or of the wrong shape.
            ConfigError: there is no such intermediate value.
            ModelError: onnxruntime fails.
        """
        names = tuple(dict.fromkeys([*self._model.outputs, *extra_outputs]))
        for name in names:
            if name not in self._names:
                raise ConfigError(f"the model has no value '{name}'", where=self._model.path.name)
        feeds = self._feeds(inputs)
        samples = len(next(iter(feeds.values())))
        session = self._session(names)
        results = self._batched(session, feeds, names) if samples > 1 else None
        if results is None:
            single = [self._call(session, _sample(feeds, i), names) for i in range(samples)]
            results = [np.stack(arrays) for arrays in zip(*single, strict=True)]
        return dict(zip(names, results, strict=True))

    def is_samplewise(self, inputs: Mapping[str, Array]) -> bool:
        """Whether samples come through the batch axis as they do one by one; inputs as for `run`."""
        return self._batched(self._session(self._model.outputs), self._feeds(inputs), self._model.outputs) is not None

    def _feeds(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Inputs of shape (samples, *shape), in the model's element types."""
        missing = [name for name in self._ports if name not in inputs]
        unknown = [name for name in inputs if name not in self._ports]
        if missing or unknown:
            problem = f"input '{missing[0]}' is missing" if missing else f"the model has no input '{unknown[0]}'"
            raise FormatError(problem, where=self._model.path.name, hint=f"its inputs are {', '.join(self._ports)}")
        feeds: dict[str, Array] = {}
        for name, port in self._ports.items():
            array = np.asarray(inputs[name])
            if array.ndim == 0 or array.shape[1:] not in (port.shape, port.shape[1:]):
                raise FormatError(
                    f"input '{name}' has shape {list(array.shape)}",
                    where=self._model.path.name,
                    hint=f"it must be (samples, {', '.join(map(str, port.shape[1:]))})",
                )
            kind = onnx.helper.tensor_dtype_to_np_dtype(onnx.TensorProto.DataType.Value(port.element_type))
            feeds[name] = _of_type(array.reshape(len(array), *port.shape), kind)
        counts = {len(array) for array in feeds.values()}
        if len(counts) != 1 or counts == {0}:
            raise FormatError("inputs must have the same number of samples, at least one", where=self._model.path.name)
        return feeds

    def _batched(self, session: Any, feeds: dict[str, Array], names: tuple[str, ...]) -> list[Array] | None:
        """All samples through the batch axis; None if they come out otherwise than one by one.

        The first and the last sample are compared.
        """
        if not all(port.batched for port in self._ports.values()):
            return None
        samples = len(next(iter(feeds.values())))
        chunks: list[list[Array]] = []
        try:
            for start in range(0, samples, _CHUNK):
                part = {name: array[start : start + _CHUNK, 0] for name, array in feeds.items()}
                chunks.append(self._call(session, part, names))
        except ModelError:
            return None  # a size fixed somewhere inside: one sample at a time will do
        results = []
        first, last = (self._call(session, _sample(feeds, i), names) for i in (0, samples - 1))
        for parts, one, other in zip(zip(*chunks, strict=True), first, last, strict=True):
            if any(part.ndim == 0 or part.shape[1:] != one.shape[1:] for part in parts) or one.shape[0] != 1:
                return None
            together = np.concatenate(parts)[:, None]
            if len(together) != samples or not (_close(together[0], one) and _close(together[-1], other)):
                return None
            results.append(together)
        return results

    def _call(self, session: Any, feeds: dict[str, Array], names: tuple[str, ...]) -> list[Array]:
        from onnxruntime.capi import onnxruntime_pybind11_state as ort

        try:
            return [np.asarray(array) for array in session.run(list(names), feeds)]
        except (ort.Fail, ort.InvalidArgument, ort.RuntimeException, ort.NotImplemented) as error:
            raise ModelError(f"onnxruntime fails: {first_line(error)}", where=self._model.path.name) from error

    def _make_session(self, names: tuple[str, ...]) -> Any:
        # read on import: otherwise onnxruntime reports its use, and leaves a file in the temporary folder
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as ort

        proto = onnx.ModelProto()
        proto.CopyFrom(self._proto)
        delivered = {value.name for value in proto.graph.output}
        proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in delivered)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except (
            ort.Fail,
            ort.InvalidArgument,
            ort.InvalidGraph,
            ort.NotImplemented,
            ort.RuntimeException,
        ) as error:
            raise UnsupportedOperatorError(
                f"onnxruntime cannot run it: {first_line(error)}",
                where=self._model.path.name,
                hint="check the file with onnx.checker and export it again",
            ) from error


def _of_type(array: Array, kind: np.dtype[Any]) -> Array:
    """Integers as an integer input gets them: rounded to even, and saturated."""
    if kind.kind in "iu" and array.dtype.kind == "f":
        limits = np.iinfo(kind)
        array = np.clip(np.rint(array), limits.min, limits.max)
    return array.astype(kind)


def _sample(feeds: dict[str, Array], index: int) -> dict[str, Array]:
    return {name: array[index] for name, array in feeds.items()}


def _close(a: Array, b: Array) -> bool:
    return bool(np.allclose(a, b, rtol=1e-4, atol=1e-5))

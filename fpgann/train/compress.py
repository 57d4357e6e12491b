# SPDX-License-Identifier: Apache-2.0
"""`fpgann.compress`: a model file or a training in, a small QONNX file and a table of what it costs out."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fpgann import api, frontend, samples
from fpgann.codegen.build_folder import write_file
from fpgann.config import CompileOptions
from fpgann.errors import ConfigError, FormatError
from fpgann.frontend.onnx.editing import EditableModel, file_bytes
from fpgann.frontend.onnx.reader import OnnxModel
from fpgann.numerics.integers import FloatArray, IntArray
from fpgann.passes.cluster import MergeReport
from fpgann.train.charts import line_chart
from fpgann.train.figures import Figures, float_outputs, measure, measure_float
from fpgann.train.offline import compress_model
from fpgann.train.plan import CompressionPlan, read_plan

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fpgann.train.checkpoints import Stateful
    from fpgann.train.session import Session

Progress = Callable[[str], None]


def _quiet(step: str) -> None:
    del step


@dataclass(frozen=True)
class Compression:
    """What `compress` did.

    Args:
        path: the QONNX file.
        rows: the float model, the float model with the usual 16 bits in hardware, and the compressed one.
        merged: layers that have fewer neurons.
        losses: of each step of the training; none without one.
        files: all files that were written.
    """

    path: Path
    rows: tuple[Figures, ...]
    merged: tuple[MergeReport, ...]
    losses: tuple[float, ...]
    files: tuple[Path, ...]


class Task:
    """What a training function gets: a plan, and where to save.

    Args:
        plan: what to do.
        checkpoint: where checkpoints go.
        resumed: whether to go on from one that is there.
        progress: takes what is being done.
    """

    def __init__(self, plan: CompressionPlan, checkpoint: Path, *, resumed: bool, progress: Progress) -> None:
        self.plan = plan
        self.checkpoint = checkpoint
        self.session: Session | None = None
        self.say = progress
        self._resumed = resumed

    def attach(self, model: nn.Module, inputs: Tensor | tuple[Tensor, ...], **named: Any) -> Session:
        """`fpgann.train.attach` with the plan of the command line; inputs and named arguments are its own."""
        from fpgann.train import attach

        self.session = attach(model, self.plan, inputs, **named)
        return self.session

    def resume(self, optimizer: Stateful, **more: Stateful) -> bool:
        """Go on from the checkpoint if the user wants that and there is one.

        Returns:
            Whether the session has gone on; `session.steps_done` says how far it is.
        """
        assert self.session is not None, "attach first"
        if not (self._resumed and self.checkpoint.is_file()):
            return False
        self.session.resume(self.checkpoint, optimizer, **more)
        return True

    def save(self, optimizer: Stateful, **more: Stateful) -> None:
        """Write the checkpoint; call it as often as losing work would hurt."""
        assert self.session is not None, "attach first"
        self.session.checkpoint(self.checkpoint, optimizer, **more)


def compress(
    model: Path | str | None,
    output: Path | str,
    plan: CompressionPlan | Path | str,
    *,
    calibration: Path | str,
    test: Path | str | None = None,
    labels: Path | str | None = None,
    train: str | Callable[[Task], object] | None = None,
    resume: bool = False,
    options: CompileOptions | None = None,
    progress: Progress = _quiet,
) -> Compression:
    """Compress a model.

    Args:
        model: ONNX file of the float model; with a training it may be None: the float module that is attached is
            exported in its place.
        output: QONNX file to write; beside it go a .json with the figures and, with a training, an .svg with its loss
            and a .checkpoint.
        plan: what to do, or a TOML file that says so.
        calibration: npz with samples of every input, from which scales are chosen.
        test: npz with the samples that accuracy is measured on; those of the calibration by default.
        labels: npz with one array, the right class of each of these samples.
        train: `script.py:function`, or the function itself; it gets a `Task`. Without it nothing is trained.
        resume: go on from the checkpoint of a training that was stopped.
        options: for the hardware whose cost is estimated.
        progress: called with the name of each step.

    Raises:
        FpgannError: nothing has been written then, but for checkpoints.
    """
    chosen = plan if isinstance(plan, CompressionPlan) else read_plan(plan)
    path = Path(output)
    if path.suffix != ".onnx":
        raise ConfigError("it is no .onnx file", where=f"output '{path}'", hint="name one, like small.onnx")
    if not path.parent.is_dir():
        raise ConfigError("its folder is not there", where=f"output '{path}'", hint="make it first")
    if model is None and train is None:
        raise ConfigError("there is nothing to compress", where="compress", hint="name a model, or a training")
    with tempfile.TemporaryDirectory(prefix="fpgann-") as folder:
        aside = Path(folder)
        losses: tuple[float, ...] = ()
        if train is None:
            assert model is not None
            merged = _without_training(Path(model), chosen, Path(calibration), aside / "small.onnx", progress)
            before = Path(model)
        else:
            task = Task(chosen, path.with_suffix(".checkpoint"), resumed=resume, progress=progress)
            session = _train(task, train)
            merged = tuple(session.merged)
            losses = tuple(session.losses)
            session.export(aside / "small.onnx")
            before = session.export_teacher(aside / "float.onnx") if model is None else Path(model)
        progress("measuring")
        data = Path(calibration if test is None else test)
        rows = _rows(before, aside / "small.onnx", Path(calibration), data, labels, options or CompileOptions())
        small = (aside / "small.onnx").read_bytes()
    written = {path: small, path.with_suffix(".json"): _document(rows, merged)}
    if losses:
        chart = line_chart("Loss while training", "step", "loss", {"loss": list(enumerate(losses, start=1))})
        written[path.with_suffix(".svg")] = chart.encode()
    for file, content in written.items():
        write_file(file, content)
    return Compression(path, rows, merged, losses, tuple(written))


def _without_training(
    model: Path, plan: CompressionPlan, calibration: Path, output: Path, progress: Progress
) -> tuple[MergeReport, ...]:
    progress("compressing")
    source = _read(model)
    outcome = compress_model(source, plan, _samples(source, calibration))
    output.write_bytes(file_bytes(outcome.model.write()))
    return outcome.merged


def _train(task: Task, train: str | Callable[[Task], object]) -> Session:
    """Run the user's function.

    Raises:
        ConfigError: there is no such function, or it attached nothing.
    """
    task.say("training")
    if isinstance(train, str):
        with _script(train) as function:
            function(task)
    else:
        train(task)
    if task.session is None:
        hint = "call task.attach(model, samples, steps=...)"
        raise ConfigError("the training attached no model", where="train", hint=hint)
    return task.session


@contextmanager
def _script(named: str) -> Iterator[Callable[[Task], object]]:
    """The function that `script.py:function` names; it may import what stands beside the script.

    Raises:
        ConfigError: there is no such script or function.
    """
    where, hint = f"train '{named}'", "write script.py:function"
    script, _, name = named.rpartition(":")
    path = Path(script)
    spec = importlib.util.spec_from_file_location(f"fpgann_training_{path.stem}", path)
    if not script or not path.is_file() or spec is None or spec.loader is None:
        raise ConfigError("there is no such script", where=where, hint=hint)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
        function = getattr(module, name, None)
        if not callable(function):
            raise ConfigError(f"the script has no function '{name}'", where=where, hint=hint)
        yield function
    finally:
        sys.path.remove(str(path.resolve().parent))
        del sys.modules[spec.name]


def _read(path: Path) -> OnnxModel:
    return frontend.samplewise(frontend.read_model(path))


def _samples(model: OnnxModel, path: Path) -> dict[str, FloatArray]:
    return samples.read_samples(path, {port.name: port.shape for port in model.inputs})


def _rows(
    before: Path,
    after: Path,
    calibration: Path,
    test: Path,
    labels: Path | str | None,
    options: CompileOptions,
) -> tuple[Figures, ...]:
    """The float model, its usual design, and the compressed one."""
    model = _read(before)
    data = _samples(model, test)
    truth = None if labels is None else _labels(Path(labels), len(next(iter(data.values()))))
    wanted = float_outputs(model, data)
    weights = [layer.weight for layer in EditableModel(model).layers.values()]
    rows = [measure_float(model, wanted, truth, weights)]
    for name, path in (("16 bits, not compressed", before), ("compressed", after)):
        compiled = api.lower(path, options, calibration=calibration)
        rows.append(measure(name, compiled, _renamed(data, compiled), _reordered(wanted, compiled), truth))
    return tuple(rows)


def _renamed(data: Mapping[str, FloatArray], compiled: api.Compiled) -> dict[str, FloatArray]:
    """Samples by the names of the inputs of a design: two exports of a module may name them differently."""
    names = [value.name for value in compiled.graph.inputs]
    return {new: data[old if new not in data else new] for new, old in zip(names, data, strict=True)}


def _reordered(wanted: Mapping[str, FloatArray], compiled: api.Compiled) -> dict[str, FloatArray]:
    return dict(zip(compiled.graph.outputs, wanted.values(), strict=True))


def _labels(path: Path, count: int) -> IntArray:
    """The only array of a file.

    Raises:
        FormatError: it is no such file.
    """
    where = f"labels '{path}'"
    hint = "write it with numpy.savez(path, label=classes), one class a sample"
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = [archive[name] for name in archive.files]
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot be read: {error}", where=where, hint=hint) from None
    if len(arrays) != 1 or arrays[0].reshape(-1).shape != (count,) or arrays[0].dtype.kind not in "iu":
        raise FormatError(f"it must hold one array of {count} whole numbers", where=where, hint=hint)
    return np.asarray(arrays[0].reshape(-1), np.int64)


def _document(rows: tuple[Figures, ...], merged: tuple[MergeReport, ...]) -> bytes:
    document = {"rows": [asdict(row) for row in rows], "merged": [asdict(entry) for entry in merged]}
    return (json.dumps(document, indent=2) + "\n").encode()

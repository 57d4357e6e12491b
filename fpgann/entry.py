# SPDX-License-Identifier: Apache-2.0
"""`fpgann.check` and `fpgann.compile`: the pipeline for ONNX files and for PyTorch modules alike."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from fpgann import api
from fpgann.errors import ConfigError
from fpgann.frontend.torch import exported, is_module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fpgann.config import CompileOptions
    from fpgann.design import Design
    from fpgann.frontend.torch import ExampleInput, Module
    from fpgann.report.nodes import NodePlan
    from fpgann.weight_sets import WeightSet

File: TypeAlias = "str | PathLike[str]"

__all__ = ["check", "compile", "weights"]


@overload
def check(
    model: File, options: CompileOptions | None = ..., *, input_shapes: Mapping[str, tuple[int, ...]] | None = ...
) -> list[NodePlan]: ...
@overload
def check(model: Module, example_input: ExampleInput, options: CompileOptions | None = ...) -> list[NodePlan]: ...
def check(model: File | Module, *given: Any, **named: Any) -> list[NodePlan]:
    """For every node of a model: whether it is supported, how it would be built, what to change if not.

        check("model.onnx", options)
        check(module, example_input, options)

    Args:
        model: an ONNX file, or a PyTorch module (see `fpgann.frontend.torch.exported`).
        *given: as above: with a module one sample (batch axis of 1 included; several inputs as a tuple); options as
            for `compile`.
        **named: the same by name; with a file also `input_shapes` of inputs that it leaves open.

    Raises:
        FpgannError: there is no valid model.
    """
    if is_module(model):
        return _check_module(model, *given, **named)
    return api.check(_path(model), *given, **named)


@overload
def compile(  # noqa: A001
    model: File,
    output: File,
    options: CompileOptions | None = ...,
    *,
    calibration: File | None = ...,
    force: bool = ...,
    progress: api.Progress = ...,
) -> Design: ...
@overload
def compile(  # noqa: A001
    model: Module,
    example_input: ExampleInput,
    output: File,
    options: CompileOptions | None = ...,
    *,
    calibration: File | None = ...,
    force: bool = ...,
    progress: api.Progress = ...,
) -> Design: ...
def compile(model: File | Module, *given: Any, **named: Any) -> Design:  # noqa: A001  the name of the command
    """Compile a model to hardware.

        compile("model.onnx", "BUILD", options)
        compile(module, example_input, "BUILD", options)

    Args:
        model: an ONNX file, or a PyTorch module (see `fpgann.frontend.torch.exported`).
        *given: as above: with a module one sample (batch axis of 1 included; several inputs as a tuple); the folder
            to write, new or empty unless `force` is set; options, all left to the compiler by default.
        **named: the same by name (`example_input`, `output`, `options`), and `calibration` (npz with samples of every
            input), `force` (replace an earlier build), `progress` (called with the name of each step).

    Returns:
        The build, ready to emulate and simulate.

    Raises:
        FpgannError: nothing has been written then.
    """
    if is_module(model):
        return _compile_module(model, *given, **named)
    return api.compile(_path(model), *given, **named)


def weights(build: File, model: File | Module, example_input: ExampleInput | None = None) -> WeightSet:
    """The weights of a retrained model for a build that was compiled with `--weights runtime`.

        weights("BUILD", "new.onnx")
        weights("BUILD", module, example_input)

    Args:
        build: the BUILD folder.
        model: an ONNX file, or a PyTorch module; but for weights and biases the same as was compiled.
        example_input: one sample, with a module.

    Returns:
        The weights, for `Design.with_weights`.

    Raises:
        FpgannError: they do not fit the build.
    """
    if is_module(model):
        if example_input is None:
            raise ConfigError("a module needs an example input", hint="give one sample, batch axis of 1 included")
        with exported(model, example_input) as path:
            return api.weights(_path(build), path)
    return api.weights(_path(build), _path(model))


def _check_module(module: Module, example_input: ExampleInput, options: CompileOptions | None = None) -> list[NodePlan]:
    with exported(module, example_input) as path:
        return api.check(path, options)


def _compile_module(
    module: Module, example_input: ExampleInput, output: File, options: CompileOptions | None = None, **named: Any
) -> Design:
    with exported(module, example_input) as path:
        return api.compile(path, Path(output), options, **named)


def _path(model: object) -> Path:
    """The path of a model.

    Raises:
        ConfigError: it is neither a path nor a module.
    """
    if isinstance(model, (str, PathLike)):
        return Path(model)
    raise ConfigError(
        f"a model is the path of an ONNX file or a torch.nn.Module, not a {type(model).__name__}",
        hint="to hand over a module, install PyTorch: pip install 'fpgann[train]'",
    )

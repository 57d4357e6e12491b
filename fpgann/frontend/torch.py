# SPDX-License-Identifier: Apache-2.0
"""Modules of PyTorch, handed over as they are: exported to an ONNX file by their own exporter, then read as one.

PyTorch and Brevitas are optional. Whoever hands over a module has imported them already, so nothing here does it first.
"""

from __future__ import annotations

import copy
import inspect
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from fpgann.errors import FormatError, ToolNotFoundError, UnsupportedOperatorError

if TYPE_CHECKING:
    import torch

    Module: TypeAlias = torch.nn.Module
    ExampleInput: TypeAlias = torch.Tensor | Sequence[torch.Tensor]
else:
    Module = ExampleInput = object  # for signatures read at run time

_HINT = "call torch.onnx.export on it yourself to see all of the message, or hand over the ONNX file"


def is_module(model: object) -> TypeGuard[Module]:
    """Whether something is a PyTorch module; without PyTorch nothing is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


@contextmanager
def exported(module: Module, example_input: ExampleInput) -> Iterator[Path]:
    """The module as an ONNX file in a temporary folder, named after its class.

    Modules with Brevitas layers become QONNX (`brevitas.export.export_qonnx`), others go through the exporter that
    the installed PyTorch uses by default. Inputs get the names of the parameters of `forward`. The module is exported
    for inference; whether it or any part of it is in training mode does not change.

    Args:
        module: the module.
        example_input: one sample, batch axis of 1 included; several inputs as a tuple.

    Raises:
        FormatError: the example does not fit `forward`.
        ToolNotFoundError: the exporter needs a package that is not installed.
        UnsupportedOperatorError: the exporter fails.
    """
    name = type(module).__name__
    where = f"module '{name}'"
    tensors = _tensors(example_input, where)
    names = _input_names(module, len(tensors), where)
    with tempfile.TemporaryDirectory(prefix="fpgann-") as folder:
        path = Path(folder) / f"{name}.onnx"
        try:
            with _silence():
                _export(module, tensors, path, names)
        except ImportError as error:
            hint = f"pip install {error.name}" if error.name else "pip install 'fpgann[train]'"
            raise ToolNotFoundError(f"its exporter needs a package: {error}", where=where, hint=hint) from error
        except Exception as error:  # exporters run the user's code and raise whatever it does
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise UnsupportedOperatorError(f"PyTorch cannot export it: {reason}", where=where, hint=_HINT) from error
        yield path


@contextmanager
def _silence() -> Iterator[None]:
    """Without the exporters' remarks on packages that nobody needs and on interfaces that will change."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _export(module: Module, tensors: tuple[torch.Tensor, ...], path: Path, names: list[str]) -> None:
    import torch

    if _is_quantized(module):
        from brevitas.export import export_qonnx

        quantized = copy.deepcopy(module).eval()  # the export leaves handlers in every layer
        export_qonnx(quantized, args=tensors, export_path=str(path), input_names=names, dynamo=False)
        return
    modes = [(part, part.training) for part in module.modules()]
    try:
        torch.onnx.export(module.eval(), tensors, str(path), input_names=names, verbose=False)
    finally:
        for part, training in modes:
            part.training = training


def _is_quantized(module: Module) -> bool:
    return any(type(part).__module__.partition(".")[0] == "brevitas" for part in module.modules())


def _tensors(example_input: ExampleInput, where: str) -> tuple[torch.Tensor, ...]:
    import torch

    tensors = tuple(example_input) if isinstance(example_input, (tuple, list)) else (example_input,)
    if not tensors or not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
        hint = "give one sample, batch axis of 1 included; several inputs as a tuple"
        raise FormatError("its example input is no tensor and no tuple of tensors", where=where, hint=hint)
    return tensors


def _input_names(module: Module, count: int, where: str) -> list[str]:
    """Names of the first parameters of `forward`; those that a variable parameter takes are numbered."""
    names: list[str] = []
    for parameter in inspect.signature(module.forward).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}_{number}" for number in range(count - len(names))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    if len(names) < count:
        raise FormatError(
            f"its forward takes {len(names)} inputs, not {count}", where=where, hint="give one tensor each"
        )
    return names[:count]

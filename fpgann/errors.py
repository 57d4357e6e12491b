# SPDX-License-Identifier: Apache-2.0
"""Every error that fpgann raises on purpose.

FpgannError
├── ConfigError               an option or fpgann.toml entry makes no sense
├── ModelError                the model cannot be compiled
│   ├── MalformedModelError       the file is damaged, hostile or not ONNX
│   └── UnsupportedOperatorError  a node, attribute or shape has no hardware yet
├── FormatError               a data file (npz, manifest, BUILD folder) is not what it should be
├── VerificationError         a lowering changed the meaning of the graph: a compiler bug
├── PassError                 a pass was asked for something it cannot do
├── MappingError              no hardware satisfies the request
│   └── ResourceBudgetError       the design exceeds the device or the given budget
├── ToolError                 an external tool
│   ├── ToolNotFoundError         is not installed
│   ├── ToolVersionError          is too old or known to be broken
│   └── ToolFailedError           ran and failed, or ran out of time
└── MismatchError             the hardware disagrees with the reference model
"""

from __future__ import annotations


class FpgannError(Exception):
    """An error meant for the user: what is wrong, where, and what to do about it.

    Args:
        message: what is wrong, one sentence without a full stop.
        where: node, layer, option or file the message is about.
        hint: what the user can do.
        exit_code: what the command line returns; 1 for a failed check, 2 for wrong usage.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """One line: `where: message; hint`."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        return " ".join((f"{text}; {self.hint}" if self.hint else text).split())


class ConfigError(FpgannError):
    """An option or a configuration entry makes no sense."""

    exit_code = 2


class ModelError(FpgannError):
    """The model cannot be compiled."""


class MalformedModelError(ModelError):
    """The model file is damaged, hostile or no ONNX model at all."""


class UnsupportedOperatorError(ModelError):
    """A node, an attribute of it or a shape has no hardware yet."""


class FormatError(FpgannError):
    """A data file or a BUILD folder is not what it should be."""

    exit_code = 2


class VerificationError(FpgannError):
    """A lowering changed the meaning of the graph: a bug of the compiler, never of the user."""


class PassError(FpgannError):
    """A pass was asked for something it cannot do."""


class MappingError(FpgannError):
    """No hardware satisfies the request."""


class ResourceBudgetError(MappingError):
    """The design exceeds the device or the given budget."""


class ToolError(FpgannError):
    """An external tool is missing, too old or failed."""


class ToolNotFoundError(ToolError):
    """An external tool is not installed."""


class ToolVersionError(ToolError):
    """An external tool is too old or known to be broken."""


class ToolFailedError(ToolError):
    """An external tool ran and failed, or ran out of time."""


class MismatchError(FpgannError):
    """The hardware disagrees with the reference model."""

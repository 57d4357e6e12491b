# SPDX-License-Identifier: Apache-2.0
"""Running one external tool."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from fpgann.eda.run import last_lines, run_tool
from fpgann.errors import ToolFailedError, ToolNotFoundError
from tests.unit.eda.conftest import MockTools

# Ignores the request to end, as does the child it starts, and stays. A shell script, so it is up at once.
STUBBORN = """#!/bin/sh
trap '' TERM
/bin/sleep 60 &
echo $! > child.pid
echo still computing
wait
"""


@pytest.fixture
def stubborn(mock_tools: MockTools) -> Path:
    path = mock_tools.folder / "ghdl"
    path.write_text(STUBBORN)
    path.chmod(0o755)
    return path


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _is_gone(pid: int) -> bool:
    """Whether it ends soon: a signal that was sent takes effect when the process is next on a processor."""
    for _ in range(500):
        if not _is_alive(pid):
            return True
        time.sleep(0.01)
    return False


def test_arguments_folder_and_output(mock_tools: MockTools, tmp_path: Path) -> None:
    tool = mock_tools.add("ghdl", stdout="analysed", stderr="one warning")
    work = tmp_path / "with a space"
    work.mkdir()

    run = run_tool([tool, "-a", "--std=08", "a b.vhd", "; rm -rf $HOME"], cwd=work, timeout_s=30)

    (call,) = mock_tools.calls("ghdl")
    assert call.arguments == ["-a", "--std=08", "a b.vhd", "; rm -rf $HOME"]
    assert call.cwd == work
    assert call.stdin == ""
    assert run.command == (str(tool), *call.arguments)
    assert run.returncode == 0
    assert sorted(run.output.splitlines()) == ["analysed", "one warning"]
    assert 0 < run.seconds < 30


def test_the_log_holds_the_output(mock_tools: MockTools, tmp_path: Path) -> None:
    tool = mock_tools.add("yosys", stdout="statistics", stderr="warning")
    log = tmp_path / "logs" / "yosys.log"
    run = run_tool([tool], cwd=tmp_path, timeout_s=30, log=log)
    assert log.read_text() == run.output
    assert "statistics" in run.output
    assert "warning" in run.output
    assert run.log == log


def test_the_environment_is_the_given_one(
    mock_tools: MockTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = mock_tools.add("make", variables=("FPGANN_A", "FPGANN_B"))
    monkeypatch.setenv("FPGANN_A", "outside")
    run_tool([tool], cwd=tmp_path, timeout_s=30)
    run_tool([tool], cwd=tmp_path, timeout_s=30, env={"FPGANN_B": "inside"})
    inherited, given = mock_tools.calls("make")
    assert inherited.variables == {"FPGANN_A": "outside", "FPGANN_B": None}
    assert given.variables == {"FPGANN_A": None, "FPGANN_B": "inside"}


def test_a_failure_tells_status_last_lines_and_log(mock_tools: MockTools, tmp_path: Path) -> None:
    lines = "\n".join(f"line {number}" for number in range(100))
    tool = mock_tools.add("ghdl", body=f"print({lines!r}, flush=True)", stderr="", status=3)
    log = tmp_path / "ghdl.log"
    with pytest.raises(ToolFailedError, match="ended with exit status 3: line 94 line 95") as caught:
        run_tool([tool], cwd=tmp_path, timeout_s=30, log=log)
    assert caught.value.where == "ghdl"
    assert str(log) in caught.value.hint
    assert "line 93" not in str(caught.value)
    assert str(caught.value).count("\n") == 0
    assert log.read_text().count("\n") > 100


def test_a_failure_without_output_names_the_command(mock_tools: MockTools, tmp_path: Path) -> None:
    path = mock_tools.folder / "silent"
    path.write_text("#!/bin/sh\nexit 7\n")
    path.chmod(0o755)
    with pytest.raises(ToolFailedError, match="exit status 7 without a word") as caught:
        run_tool([path, "a b"], cwd=tmp_path, timeout_s=30)
    assert "silent 'a b'" in caught.value.hint


def test_a_failure_can_be_left_to_the_caller(mock_tools: MockTools, tmp_path: Path) -> None:
    tool = mock_tools.add("ghdl", stdout="bound check failure", status=1)
    run = run_tool([tool], cwd=tmp_path, timeout_s=30, check=False)
    assert run.returncode == 1
    assert "bound check failure" in run.output


def test_a_crash_is_called_by_its_name(mock_tools: MockTools, tmp_path: Path) -> None:
    tool = mock_tools.add("yosys", body="os.abort()")
    with pytest.raises(ToolFailedError, match="was ended by SIGABRT"):
        run_tool([tool], cwd=tmp_path, timeout_s=30)


def test_the_time_limit_ends_the_whole_group(stubborn: Path, tmp_path: Path) -> None:
    log = tmp_path / "ghdl.log"
    start = time.monotonic()
    with pytest.raises(ToolFailedError, match=r"longer than its 2\.5 s and was ended: still computing"):
        run_tool([stubborn], cwd=tmp_path, timeout_s=2.5, log=log)
    assert time.monotonic() - start < 30
    assert _is_gone(int((tmp_path / "child.pid").read_text()))
    assert "still computing" in log.read_text()


def test_an_interrupt_ends_the_whole_group(stubborn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_file = tmp_path / "child.pid"

    def interrupt(process: object, timeout: float | None = None) -> int:
        while not pid_file.exists() or not pid_file.read_text():
            time.sleep(0.01)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("subprocess.Popen.wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_tool([stubborn], cwd=tmp_path, timeout_s=30)
    assert _is_gone(int(pid_file.read_text()))


def test_a_missing_executable(tmp_path: Path) -> None:
    with pytest.raises(ToolNotFoundError, match="nosuchtool does not exist"):
        run_tool([tmp_path / "nosuchtool"], cwd=tmp_path, timeout_s=30)


def test_a_missing_folder_is_not_blamed_on_the_tool(mock_tools: MockTools, tmp_path: Path) -> None:
    tool = mock_tools.add("ghdl")
    with pytest.raises(ToolFailedError, match=r"working folder .* does not exist"):
        run_tool([tool], cwd=tmp_path / "nowhere", timeout_s=30)


def test_a_file_that_is_no_program(mock_tools: MockTools, tmp_path: Path) -> None:
    tool = mock_tools.add("ghdl")
    tool.chmod(0o644)
    with pytest.raises(ToolFailedError, match="cannot be started: Permission denied"):
        run_tool([tool], cwd=tmp_path, timeout_s=30)


def test_bytes_that_are_no_text(mock_tools: MockTools, tmp_path: Path) -> None:
    tool = mock_tools.add("ghdl", body="sys.stdout.flush(); os.write(1, bytes([0xff, 0x41]))")
    assert run_tool([tool], cwd=tmp_path, timeout_s=30).output.endswith("\ufffdA")


def test_last_lines_are_short_and_printable() -> None:
    assert last_lines("a\n\n  \nb\r\n\x1b[31mc\x07") == "a\nb\n[31mc"
    assert last_lines("a\nb\nc", count=2) == "b\nc"
    assert last_lines("") == ""
    assert len(last_lines("x" * 100_000)) <= 2000


def test_no_process_is_left(mock_tools: MockTools, tmp_path: Path) -> None:
    run_tool([mock_tools.add("ghdl")], cwd=tmp_path, timeout_s=30)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)

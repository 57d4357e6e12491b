# SPDX-License-Identifier: Apache-2.0
"""`fpgann compile --device`: what fits, what does not, and what is chosen."""

from __future__ import annotations

import json

from tests.command_line import CommandLine, small_model


def test_a_design_that_does_not_fit_is_no_build(cli: CommandLine) -> None:
    model = small_model(cli.folder)
    outcome = cli("compile", model, "-o", "build", "--device", "ice40hx1k", "--precision", "fixed<24,8>")
    outcome.require_error(1, "device ice40hx1k: the design needs ", " of 1280 LUTs")
    assert cli.names() == {"mlp.onnx"}


def test_a_design_that_fits_says_how_well(cli: CommandLine) -> None:
    model = small_model(cli.folder)
    outcome = cli("compile", model, "-o", "build", "--device", "up5k", "--precision", "fixed<6,3>", "--fit")
    assert outcome.status == 0, outcome
    assert "fits iCE40 UltraPlus 5K (ice40up5k): " in outcome.out
    report = json.loads((cli.folder / "build" / "report.json").read_text())
    assert (report["family"], report["device"]["fits"]) == ("ice40", True)
    assert " ± " in outcome.out


def test_unknown_parts(cli: CommandLine) -> None:
    model = small_model(cli.folder)
    outcome = cli("compile", model, "-o", "build", "--device", "xc7a36t")
    outcome.require_error(2, "there is no device 'xc7a36t' in the table; the nearest are xc7a35t")


def test_choices_for_multipliers_and_memories_reach_the_vhdl(cli: CommandLine) -> None:
    model = small_model(cli.folder)
    toml = '[layers.fc1]\nstrategy = "folded"\nmultipliers = "lut"\nmemory = "registers"\n'
    (cli.folder / "fpgann.toml").write_text(toml)
    assert cli("compile", model, "-o", "build", "--config", "fpgann.toml").status == 0
    text = next((cli.folder / "build" / "rtl").rglob("*fc1*.vhd")).read_text()
    assert 'DSP_STYLE => "no",' in text
    assert 'ROM_STYLE => "registers",' in text
    report = json.loads((cli.folder / "build" / "report.json").read_text())
    assert report["layers"][0]["dsp"] == 0
    (cli.folder / "fpgann.toml").write_text('multipliers = "dps"\n')
    cli("compile", model, "-o", "b", "--config", "fpgann.toml").require_error(2, "it is one of auto, dsp, lut")
    (cli.folder / "fpgann.toml").write_text('[layers.fc1]\nmemroy = "block"\n')
    cli("compile", model, "-o", "b", "--config", "fpgann.toml").require_error(2, "did you mean 'memory'?")

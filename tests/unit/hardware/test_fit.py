# SPDX-License-Identifier: Apache-2.0
"""Designs that fit devices, and the choices that make them fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fpgann import api
from fpgann.api import Compiled
from fpgann.config import CompileOptions
from fpgann.errors import ConfigError, ResourceBudgetError
from fpgann.hardware import build_design
from fpgann.hardware.devices import Device
from fpgann.hardware.fit import Fitter, check_fit, fitting_options, total_cost
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy
from tests.command_line import small_model


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """Two dense layers, 3-4-2, unrolled."""
    return api.lower(small_model(tmp_path_factory.mktemp("model")), CompileOptions())


def device(*, lut: int = 10**6, ff: int = 10**6, dsp: int = 10**4) -> Device:
    """A device with plenty of everything that is not named."""
    return Device("tiny", "Tiny", "xcup", lut, ff, dsp, 10**4, 18_432, None, "none")


def test_what_fits_is_left_as_it_is(compiled: Compiled) -> None:
    options = HardwareOptions()
    check_fit(compiled.graph, options, compiled.design, device())
    chosen = fitting_options(compiled.graph, options, compiled.design, device())
    assert build_design(compiled.graph, chosen).interval_cycles == 1


def test_a_small_device_names_the_layers_and_the_reuse_factor(compiled: Compiled) -> None:
    used = total_cost(compiled.design, "xcup")
    small = device(lut=used.lut // 2)
    with pytest.raises(ResourceBudgetError) as raised:
        check_fit(compiled.graph, HardwareOptions(), compiled.design, small)
    text = str(raised.value)
    assert f"device tiny: the design needs {used.lut} of {used.lut // 2} LUTs (estimated); folding " in text
    assert "with reuse factor" in text
    assert text.endswith("would fit; --fit chooses that")
    assert raised.value.exit_code == 1


@pytest.mark.parametrize("part", [2, 3])
def test_the_choice_fits_and_no_smaller_interval_does(compiled: Compiled, part: int) -> None:
    used = total_cost(compiled.design, "xcup")
    small = device(lut=used.lut // part)
    fitter = Fitter(compiled.graph, HardwareOptions(), compiled.design, small)
    found = fitter.search()
    if found is None:
        assert not small.fits(fitter.smallest())
        return
    chosen = fitting_options(compiled.graph, HardwareOptions(), compiled.design, small)
    design = build_design(compiled.graph, chosen)
    cost = total_cost(design, "xcup")
    assert small.fits(cost)
    assert design.interval_cycles == found.interval
    for name in ("lut", "ff", "dsp", "bram36"):  # but for the counter of the interval, what was promised
        assert abs(getattr(cost, name) - getattr(found.cost, name)) <= 8, name
    faster = [fitter._choose(interval) for interval in range(1, found.interval)]
    assert not any(faster)


def test_without_multipliers_logic_multiplies(compiled: Compiled) -> None:
    used = total_cost(compiled.design, "xcup")
    small = device(lut=max(1, used.lut * 3 // 4), dsp=0)
    found = Fitter(compiled.graph, HardwareOptions(), compiled.design, small).search()
    assert found is None or found.cost.dsp == 0


def test_nothing_fits_a_device_without_registers(compiled: Compiled) -> None:
    with pytest.raises(ResourceBudgetError, match="even with all layers folded as far as they go") as raised:
        fitting_options(compiled.graph, HardwareOptions(), compiled.design, device(ff=5))
    assert "it would fit xcz" in raised.value.hint


def test_what_the_user_chose_stays(compiled: Compiled) -> None:
    options = HardwareOptions(layers={"fc1": LayerOptions(Strategy.UNROLLED)})
    used = total_cost(compiled.design, "xcup")
    found = Fitter(compiled.graph, options, compiled.design, device(lut=used.lut * 9 // 10)).search()
    assert found is None or "fc1" not in found.layers
    fixed = replace(options, default=LayerOptions(reuse_factor=4))
    found = Fitter(compiled.graph, fixed, compiled.design, device()).search()
    assert found is not None
    assert not found.layers


def test_what_the_user_chose_is_named_where_nothing_fits(compiled: Compiled) -> None:
    options = HardwareOptions(layers={"fc1": LayerOptions(Strategy.UNROLLED)})
    with pytest.raises(ResourceBudgetError, match="even with all other layers folded") as raised:
        fitting_options(compiled.graph, options, compiled.design, device(ff=5))
    assert raised.value.hint.startswith("leave strategy and reuse factor of 'fc1' to the compiler; else it would fit")


def test_the_report_says_how_much_of_the_device_is_used(tmp_path: Path) -> None:
    report = api.lower(small_model(tmp_path), CompileOptions(device="XC7A35TCPG236-1")).report
    assert report["family"] == "xc7"
    assert report["device"]["part"] == "xc7a35t"
    assert report["device"]["fits"]
    assert report["device"]["used"]["lut"] == round(report["total"]["lut"] / 20800, 4)


def test_there_must_be_something_to_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--fit: there is nothing to fit; name a part"):
        api.lower(small_model(tmp_path), CompileOptions(fit=True))

# SPDX-License-Identifier: Apache-2.0
"""The table of devices, and how parts are found in it."""

from __future__ import annotations

import json

import pytest

from fpgann.errors import ConfigError
from fpgann.hardware.devices import FILE, devices, find_device, larger_devices
from fpgann.hardware.estimate import Resources
from fpgann.hardware.estimate_fabric import FABRICS


def test_rows_make_sense() -> None:
    sources = json.loads(FILE.read_text())["sources"]
    rows = json.loads(FILE.read_text())["devices"]
    assert len({row["part"] for row in rows}) == len(rows)
    assert {row["source"] for row in rows} == set(sources)
    for device in devices().values():
        assert device.family in FABRICS, device.part
        assert device.part == device.part.lower()
        assert device.lut > 0
        assert 0.5 <= device.ff / device.lut <= 2, device.part
        assert 0.5 < device.bram36 < 15_000, device.part
        assert device.dsp <= device.lut / 25, device.part


def test_larger_dies_of_a_series_have_more_of_everything() -> None:
    for names in (
        ["xc7a15t", "xc7a35t", "xc7a50t", "xc7a75t", "xc7a100t", "xc7a200t"],
        ["xc7z010", "xc7z020", "xc7z030", "xc7z045"],
        ["xcku3p", "xcku5p"],
        ["xcvu3p", "xcvu9p", "xcvu13p"],
        ["lfe5u-25", "lfe5u-45", "lfe5u-85"],
        ["agf006", "agf008", "agf012", "agf014", "agf027"],
    ):
        found = [devices()[name] for name in names]
        for key in ("lut", "ff", "dsp", "blocks"):
            amounts = [getattr(device, key) for device in found]
            assert amounts == sorted(amounts), (names, key)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("xc7a35t", "xc7a35t"),
        ("XC7A35TCPG236-1", "xc7a35t"),
        ("xczu7ev-ffvc1156-2-e", "xczu7"),
        ("xcvu13p-flga2577-2-e", "xcvu13p"),
        ("LFE5U-25F-6BG381C", "lfe5u-25"),
        ("LFE5UM5G-85F", "lfe5u-85"),
        ("up5k", "ice40up5k"),
        ("5CSEMA5F31C6", "5csema5"),
        ("AGFB014R24A2E2V", "agf014"),
    ],
)
def test_parts_are_found_with_package_and_speed(name: str, part: str) -> None:
    assert find_device(name).part == part


def test_an_unknown_part_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no device 'xc7a36t' in the table; the nearest are xc7a35t") as raised:
        find_device("xc7a36t")
    assert raised.value.exit_code == 2


def test_shares_and_what_is_lacking() -> None:
    device = find_device("ice40hx8k")  # without multipliers
    used = Resources(lut=3840, ff=9000, dsp=1)
    shares = device.shares(used)
    assert (shares["lut"], shares["bram36"], shares["dsp"]) == (0.5, 0.0, float("inf"))
    assert not device.fits(used)
    assert device.lacking(used) == "9000 of 7680 flip-flops, 1 of 0 DSP blocks"
    assert device.to_json(used)["used"] == {"lut": 0.5, "ff": 1.1719, "dsp": None, "bram36": 0.0}


def test_larger_devices_are_of_the_same_family() -> None:
    small = find_device("xc7a15t")
    found = larger_devices(small, Resources(lut=60_000))
    assert found[0].part == "xc7a100t"
    assert {device.family for device in found} == {"xc7"}

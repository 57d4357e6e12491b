# SPDX-License-Identifier: Apache-2.0
"""What devices hold: capacities from data sheets, in devices.json beside this file."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fpgann.errors import ConfigError
from fpgann.hardware.estimate import Resources
from fpgann.hardware.estimate_fabric import BLOCK_36K_BITS

FILE = Path(__file__).with_name("devices.json")
RESOURCES = ("lut", "ff", "dsp", "bram36")
TITLES = {"lut": "LUTs", "ff": "flip-flops", "dsp": "DSP blocks", "bram36": "36 Kb of block memory"}
_NEAR = 4  # names that an error suggests


@dataclass(frozen=True, slots=True)
class Device:
    """One device.

    Args:
        part: its name without package and speed.
        title: what its vendor calls it.
        family: whose estimates apply.
        lut: LUTs.
        ff: flip-flops.
        dsp: multiplier blocks.
        blocks: block memories.
        block_bits: bits of each.
        io: user pins of the largest package; None if not known.
        source: where the figures are from.
        note: what is different from its family.
        aliases: other beginnings of part numbers of the same die.
    """

    part: str
    title: str
    family: str
    lut: int
    ff: int
    dsp: int
    blocks: int
    block_bits: int
    io: int | None
    source: str
    note: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def bram36(self) -> float:
        """Block memory in units of 36 Kb."""
        return round(self.blocks * self.block_bits / BLOCK_36K_BITS, 2)

    def shares(self, used: Resources) -> dict[str, float]:
        """Part of each resource that is used; infinite where there is none of it."""
        found = {}
        for name in RESOURCES:
            amount, capacity = float(getattr(used, name)), float(getattr(self, name))
            found[name] = amount / capacity if capacity else (float("inf") if amount else 0.0)
        return found

    def fits(self, used: Resources) -> bool:
        """Whether there is enough of everything."""
        return all(share <= 1 for share in self.shares(used).values())

    def to_json(self, used: Resources) -> dict[str, object]:
        """What report.json says about it: capacities, the part of each that is used, and whether that fits."""
        shares = {name: round(share, 4) if share != float("inf") else None for name, share in self.shares(used).items()}
        capacities = {name: getattr(self, name) for name in RESOURCES}
        return {
            "name": self.title,
            "part": self.part,
            "family": self.family,
            **capacities,
            "used": shares,
            "fits": self.fits(used),
            "source": self.source,
        } | ({"note": self.note} if self.note else {})

    def lacking(self, used: Resources) -> str:
        """What there is too little of, in words."""
        short = [name for name, share in self.shares(used).items() if share > 1]
        return ", ".join(f"{getattr(used, name):g} of {getattr(self, name):g} {TITLES[name]}" for name in short)


@lru_cache
def devices() -> Mapping[str, Device]:
    """All devices by part name."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    rows = []
    for row in document["devices"]:
        aliases = tuple(row.get("aliases", ()))
        rows.append(Device(**{**row, "aliases": aliases, "source": document["sources"][row["source"]]}))
    return {device.part: device for device in rows}


def find_device(name: str, where: str = "--device") -> Device:
    """The device of a part number, which may go on with package and speed grade.

    Args:
        name: like `xc7a35t`, `XC7A35TCPG236-1`, `LFE5U-25F-6BG381C` or `up5k`.
        where: what an error is about.

    Raises:
        ConfigError: there is no such device in the table; the nearest names are in the hint.
    """
    wanted = _plain(name)
    names = {_plain(alias): device for device in devices().values() for alias in (device.part, *device.aliases)}
    fitting = [known for known in names if wanted.startswith(known)]
    if fitting:
        return names[max(fitting, key=len)]
    shown = {_plain(device.part): device.part for device in devices().values()}
    # the first letters matter most: they tell the family
    ranked = sorted(shown, key=lambda known: -difflib.SequenceMatcher(None, wanted[: len(known)], known).ratio())
    near = ", ".join(shown[known] for known in ranked[:_NEAR])
    raise ConfigError(f"there is no device '{name:.40}' in the table", where=where, hint=f"the nearest are {near}")


def larger_devices(device: Device, used: Resources) -> list[Device]:
    """Devices of the same family that fit, the smallest first."""
    found = [other for other in devices().values() if other.family == device.family and other.fits(used)]
    return sorted(found, key=lambda other: other.lut)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

# SPDX-License-Identifier: Apache-2.0
"""report.html: whole, self-contained, reproducible, and deaf to what models call themselves."""

from __future__ import annotations

import copy
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fpgann import api
from fpgann.errors import FormatError
from fpgann.pages import render_page
from fpgann.report.page import HISTOGRAM_LAYERS, view_page
from tests.unit.report.builds import HOSTILE, branching, build

MAX_BYTES = 1_000_000
VOID = {"meta", "input", "br", "img", "link", "rect", "path"}


class Page(HTMLParser):
    """The elements of a page; unbalanced ones are an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice: {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, attribute: str) -> list[str]:
        return [str(attrs[attribute]) for _, attrs in self.elements if attribute in attrs]


def page_of(design: api.Design) -> str:
    return (design.folder / "report.html").read_text(encoding="utf-8")


def test_elements_nest_and_ids_are_unique(plain: api.Design) -> None:
    page = Page(page_of(plain))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    links = page.all("href")
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids), "a link that leads nowhere"


def test_nothing_comes_from_outside(plain: api.Design, hostile: api.Design) -> None:
    for design in (plain, hostile):
        text = page_of(design)
        assert len(text.encode()) < MAX_BYTES
        assert not re.search(r"https?:|url\(|@import|<link|\bsrc=[^x]", text)
        assert str(design.folder) not in text
        tags = [tag for tag, _ in Page(text).elements]
        assert tags.count("script") == tags.count("style") == 1
        assert not {"img", "iframe", "object", "link", "base"} & set(tags)


def test_all_sections_are_filled(plain: api.Design) -> None:
    page, report = Page(page_of(plain)), plain.report
    classes = page.all("class")
    assert classes.count("layer") == len(report["layers"])
    assert classes.count("port") == 4
    assert sum(kind.startswith("histogram") for kind in classes) >= len(report["layers"])
    assert {"network", "cost", "timeline", "errors", "ranges", "layers", "again"} <= set(page.all("id"))
    assert all(layer["error"] is not None for layer in report["layers"] if layer["op"] == "dense")
    text = "".join(page.text)
    assert all(layer["name"] in text for layer in report["layers"])
    assert report["source"]["sha256"] in text


def test_names_are_text(hostile: api.Design) -> None:
    page = Page(page_of(hostile))  # balanced: nothing in a name is markup
    shown = HOSTILE.replace("\u202e", "?").replace("\x07", "?")
    text = "".join(page.text)
    assert shown in text
    assert "49" not in re.findall(r"\{\{ (\d+) \}\}", text)
    assert "\u202e" not in text
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]


def test_the_same_model_gives_the_same_bytes(plain: api.Design, tmp_path: Path) -> None:
    again = build(tmp_path)
    assert page_of(again) == page_of(plain)
    assert again.write_report().read_text(encoding="utf-8") == page_of(plain)
    assert again.changed_files() == []


def figures(value: int) -> dict[str, Any]:
    numbers = {"lut": value, "ff": 2 * value, "dsp": 0, "bram36": 0.5}
    return {**numbers, "estimate": {**numbers, "lut": value + 1}}


def test_simulation_and_synthesis_are_taken_in(plain: api.Design, tmp_path: Path) -> None:
    folder = tmp_path / "build"
    shutil.copytree(plain.folder, folder)
    layers = [{"name": layer["name"], "op": layer["op"], **figures(100)} for layer in plain.report["layers"]]
    synthesis = {"tool": "yosys <1>", "family": "ecp5", "fmax_mhz": 123.4, "layers": layers, "rest": {}, **figures(777)}
    simulation = {"simulator": "ghdl", "vectors": 64, "mismatches": 0, "bit_exact": True}
    (folder / "synth.json").write_text(json.dumps(synthesis))
    (folder / "simulate.json").write_text(json.dumps(simulation))
    design = api.Design(folder)
    page = Page(design.write_report().read_text(encoding="utf-8"))
    text = "".join(page.text)
    for part in ("yosys <1>", "123.4 MHz", "777", "+0.1 %", "bit-exact", "64 vectors"):
        assert part in text
    assert "synthesis" in page.all("id")
    assert api.Design(folder).changed_files() == [], "the manifest follows"


@pytest.mark.parametrize("name", ["synth.json", "simulate.json"])
def test_damaged_results_are_refused(plain: api.Design, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "build"
    shutil.copytree(plain.folder, folder)
    (folder / name).write_text("{}")
    with pytest.raises(FormatError, match=f"{name} is damaged"):
        api.Design(folder).write_report()


@pytest.mark.parametrize("key", ["starts_cycle", "error", "result_histogram", "reads", "lut"])
def test_a_damaged_report_is_refused(plain: api.Design, tmp_path: Path, key: str) -> None:
    folder = tmp_path / "build"
    shutil.copytree(plain.folder, folder)
    report = json.loads((folder / "report.json").read_text())
    del report["layers"][0][key]
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(FormatError, match=f"report.json is damaged: 'layers.0.{key}'"):
        api.Design(folder).write_report()


def test_the_share_of_a_device(plain: api.Design) -> None:
    total = plain.report["total"]
    device = {"name": "tiny", "lut": total["lut"] - 1, "ff": 4 * total["ff"], "dsp": 0, "bram36": 0}
    found = {figure.label: figure for figure in view_page({**plain.report, "device": device}).figures}
    assert found["LUT"].tone == "bad"
    assert found["FF"].tone == "plain"
    assert "25 % of tiny" in found["FF"].note


def test_layers_that_maps_pass_are_shown_as_busy(plain: api.Design) -> None:
    report = copy.deepcopy(plain.report)
    report["options"]["io"] = "stream"
    for layer in report["layers"]:
        layer["starts_cycle"], layer["latency_cycles"], layer["ii"] = 0, 2, 40
    view = view_page(report)
    assert view.subtitle.endswith("AXI4-Stream")
    assert "token by token" in view.timeline_note
    assert "cycles 0 to 40" in view.timeline.tracks[0].spans[0].tip


def test_a_large_network_stays_a_small_page(plain: api.Design) -> None:
    report = copy.deepcopy(plain.report)
    (first, *_), count = report["layers"], 200
    stream = report["inputs"][0]["stream"]
    report["layers"] = []
    for number in range(count):
        layer = {**first, "name": f"/block.{number // 8}/layer.{number}/Gemm", "entity": f"layer_{number}"}
        layer["reads"] = [stream, f"layer_{number - 7}"] if number >= 7 else [stream]
        report["layers"].append({**layer, "starts_cycle": 5 * number})
    report["outputs"] = [{**report["outputs"][0], "stream": f"layer_{count - 1}"}]
    page = render_page(report)
    assert len(page) < MAX_BYTES
    assert page.count(b"<article>") == HISTOGRAM_LAYERS
    assert f"{count - HISTOGRAM_LAYERS} layers with less saturation are left out".encode() in page


def test_how_to_make_it_again(tmp_path: Path) -> None:
    design = build(tmp_path, branching(), io="stream", strategy="folded", reuse_factor=3, clock_period=2.5)
    text = "".join(Page(page_of(design)).text)
    assert "fpgann compile MODEL.onnx -o BUILD --name model --io stream --precision 'fixed<8,3,RND,SAT>'" in text
    assert "--strategy folded --reuse-factor 3 --clock-period 2.5" in text
    assert "400\u202fMHz" in text

# SPDX-License-Identifier: Apache-2.0
"""report.html in a real browser: no errors, nothing fetched, readable on a desk and on a phone, with keys alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from fpgann import api

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    named = os.environ.get("FPGANN_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if named is None:
        pytest.skip("no Chromium is installed (apt-get install chromium, or set FPGANN_CHROMIUM)")
    with sync_api.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=named, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(params=["plain", "hostile"])
def design(request: pytest.FixtureRequest) -> api.Design:
    found: api.Design = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_without_errors(browser: Any, design: api.Design, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    fetched: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: fetched.append(request.url))
    page.goto((design.folder / "report.html").resolve().as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page itself never scrolls sideways"
    small = page.evaluate(
        """[...document.querySelectorAll("main *")].filter((e) => e.children.length === 0 && e.textContent.trim()
           && e.getClientRects().length && parseFloat(getComputedStyle(e).fontSize) < 11).length"""
    )
    assert small == 0, "text too small to read"
    contrast = page.evaluate(
        """(() => { const style = getComputedStyle(document.body);
           const light = (text) => text.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
           return Math.abs(light(style.color) - light(style.backgroundColor)); })()"""
    )
    assert contrast > 400
    assert (said, len(fetched)) == ([], 1)
    page.close()


def test_keys_shading_and_sorting(browser: Any, plain: api.Design) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((plain.folder / "report.html").resolve().as_uri())
    page.focus(".lane i")
    assert page.is_visible("#tip")
    assert "item 1: cycles" in page.text_content("#tip")
    page.keyboard.press("Escape")
    assert not page.is_visible("#tip")
    page.check("input[value=ff]")
    assert page.get_attribute(".network", "class") == "network by-ff"
    column = [layer["lut"] for layer in plain.report["layers"]]
    page.click("thead >> text=LUT")
    shown = page.eval_on_selector_all(
        ".sortable tbody tr", r"rows => rows.map(row => Number(row.cells[6].textContent.replace(/\s/g, '')))"
    )
    assert shown == sorted(column)
    page.click("thead >> text=LUT")
    shown = page.eval_on_selector_all(
        ".sortable tbody tr", r"rows => rows.map(row => Number(row.cells[6].textContent.replace(/\s/g, '')))"
    )
    assert shown == sorted(column, reverse=True), json.dumps(shown)
    page.close()

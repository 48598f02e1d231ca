"""The page of a challenge in a real browser, from a file: sliders, keys, themes, no complaints."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.browser import Browser, Page, browser, find
from support.challenges import ASTRONAUT, astronaut, fill_models, save

from artstyle.pipeline.challenge import likeness
from artstyle.pipeline.challenge.planning import Look, Options
from artstyle.report import challenge_page
from artstyle.report.challenge_grid import make_challenge

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find() is None, reason="needs Chromium (or ARTSTYLE_BROWSER) for the page"),
]
CUT = "document.querySelectorAll('.compare')[{}].style.getPropertyValue('--cut')"
SHOWN = "getComputedStyle(document.querySelector('.cell.style .before.{}')).display"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    profile = Path(tempfile.mkdtemp(prefix="artstyle-browser-"))
    with browser(profile) as running:
        yield running
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A challenge of two photos, the second with a name that would break a careless page."""
    workspace = tmp_path_factory.mktemp("page")
    fill_models(workspace)
    second = save(workspace / "a&b'c.png", np.ascontiguousarray(astronaut()[:, ::-1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likeness, "describe", lambda pictures: np.arange(len(pictures))[:, None] / 4)
        options = Options(baselines=(), steps=1, tuning=1, look=Look(cell_px=64, title="<b>Us</b>"))
        return make_challenge([ASTRONAUT, second], options, workspace).out


@pytest.fixture
def page(chromium, folder) -> Iterator[Page]:
    opened = chromium.open((folder / "index.html").as_uri())
    opened.wait("document.readyState === 'complete'")
    yield opened
    opened.close()
    assert chromium.faults() == []


def test_all_pictures_are_shown_and_nothing_is_fetched(page, folder):
    assert page.js("document.querySelectorAll('.person').length") == 2
    assert page.js("document.querySelectorAll('.cell').length") == 8
    assert page.js("[...document.images].every((one) => one.complete && one.naturalWidth === 512)")
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'(?:src|href)="([a-z]+:|cells/)', text)) == {"data:", "cells/"}
    assert "%%" not in re.sub(r'"data:[^"]*"', "", text)
    assert page.js("document.querySelector('h1').textContent") == "<b>Us</b>"
    for link in page.js("[...document.querySelectorAll('a')].map((one) => one.pathname)"):
        assert Path(link).is_file()


def test_a_slider_is_moved_by_keys_and_by_the_mouse(page):
    page.js("document.querySelectorAll('.compare input')[0].focus()")
    for _ in range(3):
        page.key("ArrowRight")
    assert page.js(CUT.format(1)) == "3%"
    assert page.js("document.activeElement.getAttribute('aria-valuetext')") == "3 % photo"
    page.click(".cell.style .compare input")
    assert page.js("document.querySelector('.cell.style .compare input').value") == "50"
    page.js("document.getElementById('all').value = 80")
    page.js("document.getElementById('all').dispatchEvent(new Event('input'))")
    assert page.js(CUT.format(1)) == page.js(CUT.format(3)) == "80%"


def test_what_is_under_the_slider_and_the_theme(page):
    assert (page.js(SHOWN.format("photo")), page.js(SHOWN.format("projection"))) == (
        "block",
        "none",
    )
    page.click("input[value=projection]")
    assert (page.js(SHOWN.format("photo")), page.js(SHOWN.format("projection"))) == (
        "none",
        "block",
    )
    assert page.js("document.documentElement.dataset.theme") == "light"
    paper = page.js("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.js("document.documentElement.dataset.theme") == "dark"
    assert page.js("getComputedStyle(document.body).backgroundColor") != paper


def test_it_fits_a_telephone(page):
    page.resize(360, 740)
    assert page.js("document.documentElement.scrollWidth") <= 360


def test_very_many_pictures_are_beside_the_page(chromium, folder, monkeypatch):
    import json

    from artstyle.images import read_rgb

    record = json.loads((folder / "grid.json").read_text(encoding="utf-8"))
    pixels = {path: read_rgb(path).rgb for path in (folder / "cells").iterdir()}
    monkeypatch.setattr(challenge_page, "MOST_INSIDE", 3)
    path = folder / "many.html"
    challenge_page.write_page(path, record, pixels, Look())
    assert path.stat().st_size < 40_000
    opened = chromium.open(path.as_uri())
    opened.wait("document.readyState === 'complete'")
    assert opened.js("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
    opened.close()
    assert chromium.faults() == []

"""The review page in a real browser: 20,000 crops, keys, filters, two windows, growth."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.browser import CONTROL, SHIFT, Browser, Page, browser, find
from support.reviews import ANNA, LOOKS, STYLE, Visitor, crop_set, real_source, visited

from artstyle.catalog import open_catalog
from artstyle.catalog.rows import decisions, standing

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find() is None, reason="needs Chromium (or ARTSTYLE_BROWSER) for the page"),
]
MANY = 20_000
READY = "document.body.dataset.ready"
NODES = "document.querySelectorAll('.cell').length"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    profile = Path(tempfile.mkdtemp(prefix="artstyle-browser-"))
    with browser(profile) as running:
        yield running
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def opened(chromium, workspace):
    """Open a page on a set of so many crops; what a page complains of is the test's failure."""
    with Visits(chromium, workspace) as open_page:
        yield open_page
    refusals = ("status of 404", "status of 409", "Content Security Policy")  # as they should be
    said = [one for one in chromium.faults() if not any(word in one for word in refusals)]
    assert said == []


class Visits:
    """Opens pages on one review."""

    def __init__(self, chromium: Browser, workspace: Path) -> None:
        self.chromium, self.workspace = chromium, workspace
        self.stack = ExitStack()
        self.visitor: Visitor | None = None

    def __enter__(self) -> Visits:
        return self

    def __call__(self, count: int | None = None) -> Page:
        """A page; `count` crops are made before, where the test has not made any: 60."""
        if self.visitor is None:
            if not (self.workspace / "datasets" / STYLE).exists():
                crop_set(self.workspace, count or 60)
            self.visitor = self.stack.enter_context(visited(self.workspace))
        page = self.chromium.open(self.visitor.address)
        self.stack.callback(page.close)
        page.wait(READY)
        return page

    def __exit__(self, *error: object) -> None:
        self.stack.close()


def names(page: Page, count: int = 5) -> list[str]:
    """The first crops that are shown."""
    return page.js(f"review.view.order.slice(0, {count}).map((i) => review.store.name[i])")


def written(page: Page) -> None:
    """Wait until the server has confirmed everything."""
    page.wait("review.decisions.waiting === 0 && !review.decisions.running")


def focus(page: Page) -> str:
    return page.js("review.store.name[review.grid.focused]")


def test_twenty_thousand_crops_scroll_with_few_elements(opened):
    page = opened(MANY)
    assert page.js("review.store.size") == MANY
    assert "20,000 crops" in page.js("document.querySelector('#tally').textContent")
    page.wait("document.querySelector('.cell img').complete")
    most = page.js(NODES)
    height = page.js("review.grid.element.scrollHeight")
    for step in range(1, 21):
        page.js(f"review.grid.element.scrollTop = {height * step // 20}")
        page.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        most = max(most, page.js(NODES))
    assert 40 < most < 250
    assert page.js("document.querySelectorAll('*').length") < 3000
    last = "document.querySelector('#crop-20000 img')"
    page.wait(f"{last}?.complete && {last}.naturalWidth > 0")
    page.key("Home")
    assert focus(page) == "000000"
    page.key("End")
    assert focus(page) == "019999"


def test_keys_write_the_catalog(opened, workspace):
    page = opened()
    for key in ["k", "d"]:
        page.key(key)
    page.key(" ")
    page.key("x")
    written(page)
    with open_catalog(workspace) as catalog:
        found = standing(catalog, STYLE)
        assert [found[crop].verdict for crop in (1, 2, 3, 4)] == ["keep", "drop", "keep", "drop"]
        assert found[1].by == ANNA
        assert focus(page) == "000004"
        page.key("u")
        written(page)
        assert 4 not in standing(catalog, STYLE)
        page.key("u")
        written(page)
        assert 3 not in standing(catalog, STYLE)
        page.key("t")
        page.wait("document.querySelector('dialog input')")
        page.type("left eye")
        page.key("Enter")
        page.wait("!document.querySelector('dialog')")
        written(page)
        assert standing(catalog, STYLE)[5].tags == {"left eye"}
        page.key("Home")
        page.key("ArrowDown")
        page.key("t")
        page.wait("document.querySelector('dialog input')")
        page.type("le")
        page.wait("document.querySelector('.proposals li')")
        page.key("ArrowDown")
        page.key("Enter")
        page.wait("!document.querySelector('dialog')")
        written(page)
        below = page.js("review.grid.columns") + 1
        assert standing(catalog, STYLE)[below].tags == {"left eye"}


def test_a_drop_with_a_reason_and_the_history(opened, workspace):
    page = opened()
    page.key("X", SHIFT)
    page.wait("document.querySelector('dialog input')")
    page.type("closed eyes")
    page.key("Enter")
    page.wait("!document.querySelector('dialog')")
    written(page)
    with open_catalog(workspace) as catalog:
        assert standing(catalog, STYLE)[1].reason == "closed eyes"
        page.key("h")
        page.wait("document.querySelector('.gesture button')")
        assert "drop · 000000" in page.js("document.querySelector('.gesture').textContent")
        page.click(".gesture button")
        page.wait("document.querySelector('.gesture.gone')")
        assert standing(catalog, STYLE) == {}


def test_dark_and_light(opened):
    page = opened()
    page.theme("dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.js(colour)
    page.click("#theme")
    light = page.js(colour)
    assert (dark, light) == ("rgb(16, 18, 21)", "rgb(245, 245, 242)")
    page.theme("light")
    assert page.js(colour) == light


def test_ranges_and_selections_are_decided_together(opened, workspace):
    page = opened()
    page.key("ArrowRight")
    for _ in range(3):
        page.key("ArrowRight", SHIFT)
    assert page.js("review.grid.chosen.size") == 4
    assert page.js("document.querySelector('#chosen').textContent").startswith("4 selected")
    page.click("#crop-10", CONTROL)
    page.key("x")
    written(page)
    with open_catalog(workspace) as catalog:
        assert sorted(standing(catalog, STYLE)) == [2, 3, 4, 5, 10]
        assert len({decisions(catalog, crop)[0].batch for crop in (2, 3, 4, 5, 10)}) == 1
        page.key("u")
        written(page)
        assert standing(catalog, STYLE) == {}
    page.key("Escape")
    assert page.js("review.grid.chosen.size") == 0
    page.key("a", CONTROL)
    assert page.js("review.grid.chosen.size") == 60


def test_next_goes_to_what_no_person_has_decided(opened, workspace):
    crop_set(workspace, 60)
    with open_catalog(workspace) as catalog:
        for crop in (2, 3):
            catalog.decide(crop, "keep", reason="", by="ben")
        catalog.decide(4, "drop", reason="blurred: 4 px", by="artstyle curate", figure=4.0)
    page = opened()
    page.key("n")
    assert focus(page) == "000003"  # a proposal is not yet a decision
    page.key("p")
    assert focus(page) == "000000"
    classes = page.js("document.querySelector('#crop-4').className")
    assert "drop-proposed" in classes


def test_filters_and_sorting(opened, workspace):
    crop_set(workspace, 60)
    with open_catalog(workspace) as catalog:
        for crop in (5, 6):
            catalog.decide(crop, "drop", reason="blurred: 4 px", by="artstyle curate")
        catalog.decide(7, "tag", "cluster:2", reason="", by="artstyle curate")
    page = opened()
    page.js(
        "{ const s = document.querySelector('#sort'); s.value = 'sharpness';"
        " s.dispatchEvent(new Event('change')) }"
    )
    page.click("#direction")
    assert names(page, 3) == ["000059", "000058", "000057"]
    assert page.js("document.querySelector('.cell .value').textContent") != ""
    page.js("document.querySelector('[data-key=\"standing drop-proposed\"]').click()")
    assert names(page) == ["000005", "000004"]
    page.js("document.querySelector('[data-key=clear]').click()")
    page.js("document.querySelector('[data-key=\"tag cluster:2\"]').click()")
    assert names(page) == ["000006"]
    page.js("document.querySelector('[data-key=clear]').click()")
    page.js(
        "{ const s = document.querySelector('[data-key=\"sharpness at most\"]');"
        " s.value = 50; s.dispatchEvent(new Event('input')) }"
    )
    page.wait("review.view.order.length < 60")
    assert names(page, 2) == ["000014", "000013"]
    page.js("document.querySelector('[data-key=clear]').click()")
    page.key("/")
    page.type("00003")
    page.wait("review.view.order.length === 11")  # 000003, and 000030 to 000039
    page.key("Escape")
    page.key("x")
    written(page)
    assert page.js("document.activeElement.id") == "grid"
    page.js("document.querySelector('#search').value = ''")
    page.js("review.view.clear()")
    page.key("Home")
    page.key("s")
    page.wait("review.view.sort === 'alike'")
    assert names(page, 2) == ["000059", f"{59 - LOOKS:06d}"]  # the same look


def test_what_matches_no_longer_stays_until_it_is_refreshed(opened):
    page = opened()
    page.js("document.querySelector('[data-key=\"standing open\"]').click()")
    page.js("review.grid.element.focus()")
    page.key("k")
    page.key("k")
    written(page)
    assert page.js("review.view.order.length") == 60
    assert "2 crops no longer match" in page.js("document.querySelector('#stale').textContent")
    page.key("r")
    assert page.js("review.view.order.length") == 58
    assert focus(page) == "000002"


@pytest.mark.parametrize(
    ("answer", "verdict", "by"), [("theirs", "keep", "ben"), ("mine", "drop", ANNA)]
)
def test_two_windows_do_not_write_over_each_other(opened, workspace, answer, verdict, by):
    page = opened()
    page.js("clearTimeout(0)")
    with open_catalog(workspace) as catalog:
        page.js(
            "window.fetchReal = fetch; fetch = (u, o) => String(u).includes('changes')"
            " ? new Promise(() => {}) : fetchReal(u, o)"
        )  # news do not come in time
        catalog.decide(2, "keep", reason="smiles", by="ben")
        page.key("ArrowRight", SHIFT)
        page.key("x")
        page.wait("document.querySelector('dialog .quarrel')")
        text = page.js("document.querySelector('dialog').textContent")
        assert "000001: kept by ben" in text
        assert standing(catalog, STYLE)[2].by == "ben"
        page.click(f"[data-answer={answer}]")
        page.wait("!document.querySelector('dialog')")
        written(page)
        found = standing(catalog, STYLE)
        assert (found[2].verdict, found[2].by) == (verdict, by)
        assert (found[1].verdict, found[1].by) == ("drop", ANNA)
        assert page.js("review.store.by[1]") == by
        page.key("u")
        written(page)
        after = standing(catalog, STYLE)
        assert 1 not in after
        assert after[2].by == "ben"


def test_decisions_and_crops_of_others_appear(opened, workspace):
    page = opened()
    other = opened()  # a second window
    page.key("x")
    other.wait("review.store.verdict[0] === 'drop'")
    assert other.js("document.querySelector('#crop-1').className").startswith("cell drop")
    crop_set(workspace, 25, first=60)
    page.wait("review.store.size === 85 && review.view.order.length === 85")
    assert focus(page) == "000001"
    assert "85 crops" in page.js("document.querySelector('#tally').textContent")
    with open_catalog(workspace) as catalog:
        catalog.set_quality(1, {"sharpness": 777})
    page.wait("review.store.figures.get('sharpness')[0] === 777")


def test_an_empty_set_fills_by_itself(opened, workspace):
    (workspace / "datasets" / STYLE).mkdir(parents=True)
    page = opened()
    assert "No crops yet" in page.js("document.querySelector('#empty').textContent")
    assert page.js("/null|undefined|NaN/.test(document.body.innerText)") is False
    crop_set(workspace, 5)
    page.wait("review.view.order.length === 5")
    assert page.js("document.querySelector('#empty').hidden")


def test_the_panel_shows_where_a_crop_comes_from(opened, workspace):
    crop_set(workspace, 60)
    real_source(workspace, 1)
    with open_catalog(workspace) as catalog:
        catalog.decide(1, "drop", reason="blurred: 4 px", by="artstyle curate", figure=4.0)
    page = opened()
    page.key("End")
    assert focus(page) == "000000"  # its film comes last
    page.key("Enter")
    page.wait("document.querySelector('.frame img')?.naturalWidth === 96")
    assert page.js("document.querySelector('.quad').getAttribute('points')").startswith("10,10")
    text = page.js("document.querySelector('#panel').textContent")
    for part in ("artstyle curate proposes to drop it", "blurred: 4 px", "real.mp4 · 0:00:01.200"):
        assert part in text
    assert page.js("document.querySelectorAll('.alikes button').length") == 10
    page.click(".verdicts .keep")
    written(page)
    page.wait("document.querySelector('.events').textContent.includes('keep')")
    page.key("ArrowLeft")
    page.wait("document.querySelector('.frame p')?.textContent.includes('is not at')")
    page.key("Escape")
    assert page.js("document.querySelector('#panel').hidden")


def test_a_cluster_is_renamed(opened, workspace):
    crop_set(workspace, 60)
    with open_catalog(workspace) as catalog:
        for crop in (1, 2, 3):
            catalog.decide(crop, "tag", "cluster:1", reason="", by="artstyle curate")
        page = opened()
        page.js("document.querySelector('[aria-label=\"Rename cluster:1\"]').click()")
        page.wait("document.querySelector('dialog input')")
        page.type("Anna")
        page.key("Enter")
        page.wait("review.store.tags[2].includes('Anna')")
        assert standing(catalog, STYLE)[2].tags == {"Anna"}


def test_what_the_server_did_not_confirm_is_sent_again(opened, workspace):
    page = opened()
    page.js("window.fetchReal = fetch; fetch = () => Promise.reject(new TypeError('gone'))")
    page.key("k")
    page.wait("!document.querySelector('#alert').hidden")
    assert "1 decision not written yet" in page.js("document.querySelector('#alert').textContent")
    with open_catalog(workspace) as catalog:
        assert standing(catalog, STYLE) == {}
        page.js("fetch = fetchReal")
        written(page)
        assert standing(catalog, STYLE)[1].verdict == "keep"
    page.wait("document.querySelector('#alert').hidden")


SLOW = (
    "window.fetchReal = fetch; window.gate = new Promise((open) => { window.release = open; });"
    " fetch = async (u, o) => { if (String(u).includes('decide')) await gate;"
    " return fetchReal(u, o); }"
)


def test_one_who_is_faster_than_the_server_is_not_asked(opened, workspace):
    page = opened()
    page.js(SLOW)
    for key in ("k", "ArrowLeft", "x", "ArrowLeft", "k"):  # three times about the same crop
        page.key(key)
    assert page.js("review.decisions.waiting") == 3
    page.js("release()")
    written(page)
    assert page.js("document.querySelector('dialog')") is None
    with open_catalog(workspace) as catalog:
        made = [one.action for one in decisions(catalog, 1)]
        assert made == ["keep", "drop", "keep"]


def test_news_that_come_before_the_sending_do_not_hide_a_conflict(opened, workspace):
    page = opened()
    page.js(SLOW)
    page.key("x")
    with open_catalog(workspace) as catalog:
        catalog.decide(1, "keep", reason="", by="ben")
        catalog.decide(2, "keep", reason="", by="ben")
        page.wait("review.store.by[1] === 'ben'")  # the news are here
        page.js("release()")
        page.wait("document.querySelector('dialog .quarrel')")
        assert standing(catalog, STYLE)[1].by == "ben"
        page.key("Escape")
        written(page)
        assert standing(catalog, STYLE)[1].by == "ben"
        assert page.js("review.store.by[0]") == "ben"


def test_the_page_names_itself_to_nobody(opened):
    page = opened()
    assert page.js("document.referrer") == ""
    blocked = page.js("fetch('http://127.0.0.1:9/x').then(() => 'sent', (e) => e.message)")
    assert blocked == "Failed to fetch"
    assert any("Content Security Policy" in one for one in opened.chromium.faults())


def test_what_has_the_focus_is_named_for_screen_readers(opened):
    page = opened()
    page.key("ArrowRight")
    assert page.js("review.grid.element.getAttribute('aria-activedescendant')") == "crop-2"
    crop = "document.getElementById('crop-2')"
    assert page.js(f"{crop}.getAttribute('role')") == "option"
    assert page.js(f"{crop}.getAttribute('aria-label')") == "000001, undecided"
    page.key("x")
    assert page.js(f"{crop}.getAttribute('aria-label')") == "000001, dropped"
    unnamed = page.js(
        "[...document.querySelectorAll('button, input, select')].filter((one) =>"
        " !(one.textContent.trim() || one.ariaLabel || one.closest('label'))).length"
    )
    assert unnamed == 0

"""The report as people see it, in a real browser: any width, paper, dark, by keyboard, without a request."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bayesltv.cli.app import app

pytestmark = pytest.mark.slow
CHROMIUM = "/usr/bin/chromium"
PAPER = {"A4": 703, "Letter": 725}
"""Pixels of a line of text on paper, less margins."""


@pytest.fixture(scope="module")
def page_file(world, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    start = (world / "fit.nc", world / "summary.parquet", "--decision", "retention", "--draws", 50)
    made = {"score": folder / "scores.parquet", "decide": folder / "plan"}
    for verb, out in made.items():
        done = CliRunner().invoke(app, [str(each) for each in (verb, *start, "--out", out)])
        assert done.exit_code == 0, done.output
    told = ("report", world / "fit.nc", "--summary", world / "summary.parquet", "--scores", made["score"],
            "--plan", made["decide"], "--out", folder / "report.html")  # fmt: skip
    done = CliRunner().invoke(app, [str(each) for each in told])
    assert done.exit_code == 0, done.output
    assert (folder / "report.html").stat().st_size < 1_000_000
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser():
    if shutil.which(CHROMIUM) is None:
        pytest.fail("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [375, 768, 1440])
def test_it_opens_without_request_or_message_and_fits_the_width(browser, page_file, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("paper", PAPER)
def test_paper_cuts_no_table_and_its_first_page_is_the_summary(browser, page_file, paper):
    page = browser.new_page(viewport={"width": PAPER[paper], "height": 900})
    page.goto(page_file.as_uri())
    page.emulate_media(media="print")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    ends = page.evaluate("[...document.querySelectorAll('table')].map(t => t.getBoundingClientRect().right)")
    assert len(ends) > 5
    assert max(ends) <= PAPER[paper]
    assert page.evaluate("getComputedStyle(document.querySelector('header')).breakAfter") == "page"
    assert page.evaluate("document.querySelector('header').getBoundingClientRect().height") < 950
    page.close()


def test_people_are_sorted_by_keyboard_found_and_filtered(browser, page_file):
    page = browser.new_page()
    page.goto(page_file.as_uri())
    head = page.locator("#people thead th", has_text="expected value")
    at = head.evaluate("each => each.cellIndex")
    for direction in ("descending", "ascending"):
        head.locator("button").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == direction
        keys = page.evaluate(
            f"[...document.querySelectorAll('#people tbody tr')].map(r => +r.cells[{at}].dataset.key)"
        )
        assert keys == sorted(keys, reverse=direction == "descending")
    someone = page.locator("#people tbody th").first.inner_text()
    page.locator("#people input").fill(someone)
    shown = page.locator("#people tbody tr:visible")
    assert someone in shown.first.inner_text()
    assert page.locator("#people [role=status]").inner_text() == f"{shown.count()} of {len(keys)} shown"
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser, page_file, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_context(color_scheme=scheme, bypass_csp=True).new_page()
    page.goto(page_file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    page.close()

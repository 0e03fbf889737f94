"""The site builds without a warning: `make docs` but for the notebooks, which run in tests of their own."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


CHROMIUM = "/usr/bin/chromium"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, with a notebook of one cell and a wide table in place of the gallery."""
    tmp_path = tmp_path_factory.mktemp("built")
    assert find_spec("myst_nb"), "the site needs its packages: .ci/setup docs"
    for name in ("docs", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__", "reference", "gallery")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    made = tmp_path / "build/notebooks"
    made.mkdir(parents=True)
    table = f"<table class='dataframe'><tr>{'<td>1234.567890</td>' * 40}</tr></table>"
    cell = {"cell_type": "code", "source": "table", "metadata": {}, "execution_count": 1}
    cell["outputs"] = [{"output_type": "display_data", "data": {"text/html": table}, "metadata": {}}]
    title = {"cell_type": "markdown", "metadata": {}, "source": "# One"}
    notebook = {"cells": [title, cell], "nbformat": 4, "nbformat_minor": 4}
    notebook["metadata"] = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    (made / "one.ipynb").write_text(json.dumps(notebook))
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "site"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return tmp_path / "site"


def test_the_site_builds_without_a_warning(site):
    page = (site / "reference/api.html").read_text(encoding="utf-8")
    assert "bayesltv.summarize" in page
    assert "https://" not in "".join(line for line in page.splitlines() if "<script" in line)


def test_no_page_is_wider_than_a_phone_and_no_picture_is_missing(site):
    from playwright.sync_api import sync_playwright

    if shutil.which(CHROMIUM) is None:
        pytest.fail("no Chromium: apt-get install chromium")
    wide, broken = {}, []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 375, "height": 900})
        for path in sorted(set(site.rglob("*.html")) - set((site / "_static").rglob("*"))):
            page.goto(path.as_uri())
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > 375:
                wide[path.name] = width
            broken += page.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => i.src)")
        browser.close()
    assert wide == {}
    assert broken == []

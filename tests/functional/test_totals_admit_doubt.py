"""Wherever a fit is said to have passed, totals beside it say that they are too sure."""

import json
import re
from pathlib import Path

import pytest
import xarray as xr
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.checks.run import stored_report
from bayesltv.cli.app import app
from helpers import sealed
from plain_worlds import plain_log, plain_world

ROOT = Path(__file__).resolve().parents[2]
WORD = "too sure"
LAW = (0.6, 4.0, 0.8, 2.5)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A summary and a fit of a world whose weeks move all customers, on disk."""
    folder = tmp_path_factory.mktemp("shocked")
    summary = plain_world(1500, seed=21, law=LAW, shock_sd=0.4)
    fit = ltv.fit(summary, seed=1, method="laplace", progress=False)
    from bayesltv.data.summary.store import write_summary

    write_summary(summary, folder / "summary.parquet")
    ltv.save(fit, folder / "fit.nc")
    return folder, summary, fit


def line(*arguments):
    found = CliRunner().invoke(app, [str(each) for each in arguments])
    assert found.exit_code == 0, found.output
    return found


def read_html(path):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", path.read_text()))


def test_terminal_and_json_say_it(shop):
    folder, *_ = shop
    fit, summary = str(folder / "fit.nc"), str(folder / "summary.parquet")
    checked = line("check", fit, "--summary", summary)
    assert re.search(r"Checks: passed, \d+ with a warning, totals too sure", checked.stdout)
    told = json.loads(line("check", fit, "--json").stdout)
    assert told["passed"] is True
    assert told["verdict"].endswith("totals not looked at")
    out = folder / "scores.parquet"
    arguments = ("score", fit, summary, "--decision", "retention", "--out", str(out), "--seed", "1")
    scored = line(*arguments, "--draws", "50")
    assert re.search(r"totals: weeks vary .*\s*.*too sure", scored.stdout)
    manifest = json.loads((folder / "scores.manifest.json").read_text())
    assert WORD in manifest["common_shocks"]
    parts = line(*arguments[:-3], str(folder / "parts"), "--seed", "1", "--draws", "50", "--json")
    assert WORD in json.loads(parts.stdout)["common_shocks"]
    assert WORD in json.loads((folder / "parts" / "_manifest.json").read_text())["common_shocks"]
    with xr.open_dataset(folder / "parts" / "_totals.nc", engine="h5netcdf") as totals:
        assert WORD in totals.attrs["common_shocks"]


@pytest.mark.filterwarnings("ignore:the fit has no spend model")
def test_totals_and_report_say_it(shop, tmp_path):
    _, summary, fit = shop
    scores = ltv.score(fit, summary, ltv.load_decision("retention"), seed=1, draws=50)
    assert WORD in scores.totals.attrs["common_shocks"]
    assert scores.attrs["common_shocks"] == scores.totals.attrs["common_shocks"]
    page = read_html(ltv.write_report(fit, tmp_path / "report.html", scores=scores))
    assert re.search(r"No check failed; \d+ of \d+ warn: common shocks", page)
    assert "The interval is too narrow" in page
    for place in re.finditer("passed", page):
        assert "total" not in page[place.start() : place.start() + 80] or WORD in page[place.start() :][:80]
    assert WORD in page[page.index("What customers are worth") :]


def test_an_older_fit_says_that_nobody_looked(shop):
    _, summary, fit = shop
    results = [each for each in json.loads(fit.attrs["checks"]) if each["name"] != "common_shocks"]
    old = sealed(fit, checks=json.dumps(results))
    assert stored_report(old).verdict.endswith("totals not looked at")
    assert stored_report(old)["common_shocks"].status == "not applicable"
    with pytest.warns(ltv.BayesltvWarning, match="no spend model"):
        scores = ltv.score(old, summary, ltv.load_decision("retention"), seed=1, draws=20)
    assert scores.totals.attrs["common_shocks"].startswith("could not look")


def test_readme_sets_no_total_beside_passed_without_the_word():
    blocks = re.split(
        r"\n\s*\n", (ROOT / "README.md").read_text() + "\n\n" + (ROOT / "docs/guide.md").read_text()
    )
    assert any(WORD in block for block in blocks)
    for block in blocks:
        if re.search(r"\bpassed\b", block) and re.search(r"\btotals?\b", block):
            assert WORD in block, block


def test_a_backtest_says_it_beside_each_total():
    log = plain_log(600, seed=22, law=LAW, days=273, shock_sd=0.5)
    found = ltv.backtest(
        log, "mbg_pooled", cuts=["2021-08-02"], horizon="4 weeks", method="laplace", draws=50,
        columns={"monetary_value_col": None},
    )  # fmt: skip
    assert set(found.table["common_shocks"]) == {"warn"}
    assert found.table["passed"].all()

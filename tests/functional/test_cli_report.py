"""``bayesltv report``: one page of everything on disk, one clear error for each mistake."""

import json
import re

import pandas as pd
import pytest
from typer.testing import CliRunner

from bayesltv.cli.app import app


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def made(world, small_log, tmp_path_factory):
    """A folder with scores as a table and as parts, a plan, and a log in which every third buys once more."""
    folder = tmp_path_factory.mktemp("made")
    later = small_log.drop_duplicates("customer_id").iloc[::3].assign(date="1998-01-31")
    log = pd.concat([small_log.assign(date=small_log["date"].astype(str)), later])
    log.to_csv(folder / "log.csv", index=False)
    start = (world / "fit.nc", world / "summary.parquet", "--decision", "retention", "--draws", 50)
    for verb, out in (("score", "scores.parquet"), ("score", "parts"), ("decide", "plan")):
        done = run(verb, *start, "--out", folder / out)
        assert done.exit_code == 0, done.output
    return folder


def test_everything_goes_into_one_page(world, made, tmp_path):
    page = tmp_path / "report.html"
    done = run(
        "--redact-ids", "report", world / "fit.nc", "--summary", world / "summary.parquet", "--scores",
        made / "parts", "--plan", made / "plan", "--log", made / "log.csv", "--horizon", "20 weeks",
        "--log-end", "1998-02-28", "--out", page, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["path"] == str(page)
    assert told["bytes"] == page.stat().st_size
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    text = page.read_text("utf-8")
    for key in ("checks", "posterior", "data", "scores", "holdout", "plan", "origin"):
        assert f'<section id="{key}">' in text
    assert 'alt="From incremental margin to net value. Subsidy: discount' in text
    assert "replicated_customers" in text
    assert re.search("A forecast (held|missed): 84 purchases came", text)
    expected = pd.read_parquet(made / "scores.parquet")["ltv_mean"].sum()
    assert re.search(rf"customers we have should bring <b>\$?{expected:,.0f}</b>", text)
    people = pd.read_parquet(made / "plan" / "customers.parquet")
    words = set(re.findall(r"\w+", text))  # whole words: a hash may hold the letters of an id by chance
    assert words.isdisjoint(people["customer_id"])  # hashes stand for them
    at_risk = people["value_at_risk"].fillna(0)
    assert re.search(rf"<b>\$?{at_risk.sum():,.0f}</b> of that is at risk soon", text)


def test_a_page_tells_the_same_of_a_table_and_of_parts(world, made, tmp_path):
    pages = []
    for scores in ("scores.parquet", "parts"):
        start = ("report", world / "fit.nc", "--scores", made / scores, "--people", 0)
        done = run(*start, "--out", tmp_path / "page.html")
        assert done.exit_code == 0, done.output
        text = (tmp_path / "page.html").read_text("utf-8")
        pages.append(re.search('<section id="scores">.*?</section>', text, flags=re.DOTALL).group())
    assert len(pages[0]) > 1000
    assert pages[0] == pages[1]


def test_totals_are_told_alike_of_a_table_and_of_parts_and_their_means_are_those_of_customers(
    world, tmp_path
):
    told = []
    for out in ("scores.parquet", "parts"):
        start = (
            "score",
            world / "fit.nc",
            world / "summary.parquet",
            "--decision",
            "retention",
            "--draws",
            50,
        )
        done = run(*start, "--out", tmp_path / out, "--json")
        assert done.exit_code == 0, done.output
        told.append(json.loads(done.stdout)["totals"])
    assert told[0] == told[1]
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert told[0]["value"]["mean"] == pytest.approx(scores["ltv_mean"].sum(), rel=1e-12)
    assert told[0]["purchases"]["mean"] == pytest.approx(scores["expected_purchases"].sum(), rel=1e-12)
    totals = pd.read_parquet(tmp_path / "scores.totals.parquet").groupby("draw")["spend"].sum()
    assert told[0]["spend"]["mean"] == pytest.approx(totals.mean(), rel=1e-12)


def test_a_fit_alone_is_enough_and_one_that_failed_is_told_as_such(world, tmp_path):
    done = run("report", world / "failed.nc", "--out", tmp_path / "report.html")
    assert done.exit_code == 0, done.output
    assert "checks failed" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--log", "{world}/log.csv"), 10, "pass both log= and horizon="),
        (("--horizon", "20 weeks"), 10, "pass both log= and horizon="),
        (("--thorough",), 10, "pass summary="),
        (("--scores", "{world}/none.parquet"), 14, "none.manifest.json is missing or damaged"),
        (("--scores", "{world}/scores.txt"), 14, "cannot tell the format"),
        (("--plan", "{world}"), 14, "plan.manifest.json is missing or damaged"),
        (("--summary", "{world}/none.parquet"), 14, "does not exist"),
    ],
)
def test_each_mistake_has_one_clear_error_and_the_last_page_stays(world, tmp_path, options, code, says):
    page = tmp_path / "report.html"
    page.write_text("last month's")
    given = [each.format(world=world) for each in options]
    done = run("report", world / "fit.nc", "--out", page, *given)
    assert done.exit_code == code, done.output
    assert says in done.stderr
    assert page.read_text() == "last month's"


def test_the_page_never_replaces_what_it_reads(world, tmp_path):
    fit = tmp_path / "fit"
    fit.write_bytes((world / "fit.nc").read_bytes())
    done = run("report", fit, "--out", fit)
    assert done.exit_code == 14
    assert "is read by this very command" in done.stderr

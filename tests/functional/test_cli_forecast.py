"""``bayesltv forecast``: from a fit, a summary and a plan on disk to a folder of tables and figures."""

import json
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app
from helpers import point_fit

PARAMETERS = {"r": 0.53, "alpha": 5.2, "a": 0.89, "b": 1.61, "p": 6.25, "q": 3.74, "v": 15.44, "delta": 1.1}
END = pd.Timestamp("1998-06-30")
pytestmark = [
    pytest.mark.filterwarnings("ignore::bayesltv.BayesltvWarning"),
    pytest.mark.usefixtures("unpainted"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    where, rng = tmp_path_factory.mktemp("forecast"), np.random.default_rng(3)
    days = END - pd.to_timedelta(rng.integers(0, 7 * 60, 800), unit="D")
    again = days + pd.to_timedelta(rng.integers(1, 200, 800), unit="D")
    ids = [f"c{at}" for at in range(800)]
    log = pd.DataFrame({"customer_id": ids * 2, "date": [*days, *again], "amount": 20.0})
    log[log["date"] <= END].to_csv(where / "log.csv", index=False)
    ltv.save(point_fit(PARAMETERS, draws=50, family="mbg_nbd"), where / "fit.nc")
    weeks = [(END + pd.Timedelta(days=1 + 7 * at)).date() for at in range(13)]
    plan = pd.DataFrame({"week": weeks, "channel": "web", "customers": 20, "cac": 4.0})
    plan.to_csv(where / "plan.csv", index=False)
    plan.assign(channel="all").to_csv(where / "reach.csv", index=False)
    done = run(
        "summarize", where / "log.csv", "--observation-end", "1998-06-30", "--time-unit", "week",
        "--out", where / "customers.parquet",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return where


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def asked(files, *more):
    return run("forecast", files / "fit.nc", files / "customers.parquet", "--seed", "3", *more)


def test_the_folder_holds_what_python_returns(files, tmp_path):
    done = asked(files, "--plan", files / "plan.csv", "--margin", "0.4", "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.stderr
    summary = pd.read_parquet(files / "customers.parquet")
    base = ltv.customer_base(ltv.load(files / "fit.nc"), summary, seed=3, draws=1000)
    found = base.forecast(files / "plan.csv", margin=0.4)
    stored = pd.read_csv(tmp_path / "out" / "forecast.csv", encoding="utf-8-sig")
    assert stored["p95"].to_numpy() == pytest.approx(found.table["p95"].to_numpy())
    draws = pd.read_parquet(tmp_path / "out" / "totals.parquet")
    assert draws["total_net"].to_numpy() == pytest.approx(found.total("net"))
    told = json.loads(done.stdout)
    assert told["source"] == "as planned"
    assert len(told["table"]) == len(found.table)
    manifest = json.loads((tmp_path / "out" / "forecast.manifest.json").read_text(encoding="utf-8"))
    for name, digest in manifest["sha256"].items():
        assert sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    assert "figures/forecast_revenue.png" in manifest["sha256"]
    assert manifest["forecast"]["margin"] == 0.4


def test_a_person_reads_totals_and_that_they_are_too_sure(files, tmp_path):
    done = asked(files, "--plan", files / "plan.csv", "--target", "9000", "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "The business ahead, as planned" in said
    assert "P(9,000 revenue (total) reached) =" in said
    assert "intervals and those of totals are too narrow" in said


@pytest.mark.slow
def test_without_a_plan_arrivals_are_fitted_to_the_summary_and_kept(files, tmp_path):
    done = asked(files, "--reach-plan", files / "reach.csv", "--out", tmp_path / "one", "--cac", "4")
    assert done.exit_code == 0, done.stderr
    again = asked(
        files, "--arrivals", tmp_path / "one" / "arrivals.nc", "--cac", "4", "--out", tmp_path / "two"
    )
    assert again.exit_code == 0, again.stderr
    first, second = ((tmp_path / name / "forecast.csv").read_bytes() for name in ("one", "two"))
    assert first == second
    assert (tmp_path / "one" / "reached.csv").exists()


def test_what_cannot_be_is_refused_with_its_code_and_leaves_what_was_there(files, tmp_path):
    out = tmp_path / "out"
    assert asked(files, "--plan", files / "plan.csv", "--out", out).exit_code == 0
    before = (out / "forecast.manifest.json").read_bytes()
    bad = pd.read_csv(files / "plan.csv").assign(customers=-1)
    bad.to_csv(tmp_path / "bad.csv", index=False)
    refused = asked(files, "--plan", tmp_path / "bad.csv", "--out", out)
    assert refused.exit_code == 10
    assert "customers must be numbers of 0 or more, but 13 rows, row 2 the first, have" in " ".join(
        refused.stderr.split()
    )
    assert asked(files, "--plan", files / "plan.csv", "--cac", "3", "--out", out).exit_code == 2
    assert asked(files, "--arrivals", files / "fit.nc", "--out", out).exit_code == 14
    assert (out / "forecast.manifest.json").read_bytes() == before


def test_a_report_says_what_the_business_brings_with_new_customers(files, tmp_path):
    done = asked(files, "--plan", files / "plan.csv", "--margin", "0.4", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    table = pd.read_csv(tmp_path / "out" / "forecast.csv", encoding="utf-8-sig")
    whole = table[(table["period"] == "all") & (table["part"] == "total")].set_index("quantity")
    mean, low, high = (f"{whole.loc['net', name]:,.0f}" for name in ("mean", "p05", "p95"))
    page = ("report", files / "fit.nc", "--forecast", tmp_path / "out", "--out", tmp_path / "page.html")
    assert run(*page).exit_code == 0
    text = (tmp_path / "page.html").read_text()
    said = (
        f"(260 expected) the business should bring <b>{mean}</b> ({low} to {high} at 90 %) of margin, their"
    )
    assert said in text
    assert run(*page, "--language", "zh").exit_code == 0
    assert "加上新客户（预计 260 位）" in (tmp_path / "page.html").read_text()
    ltv.save(point_fit({**PARAMETERS, "r": 0.6}, draws=40, family="bg_nbd"), tmp_path / "other.nc")
    refused = run("report", tmp_path / "other.nc", *page[2:])
    assert refused.exit_code == 14
    assert "is not from this fit" in refused.stderr
    (tmp_path / "out" / "forecast.csv").write_text("changed")
    assert run(*page).exit_code == 14

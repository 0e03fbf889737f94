"""``bayesltv cohorts``: from a log on disk to a folder of tables, figures and a manifest."""

import json
import re
from hashlib import sha256

import pandas as pd
import pytest
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app
from bayesltv.cohorts.asked import CohortValue
from helpers import point_fit

pytestmark = pytest.mark.usefixtures("unpainted")

PARAMETERS = {"r": 0.53, "alpha": 5.2, "a": 0.89, "b": 1.61, "p": 6.25, "q": 3.74, "v": 15.44}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    where = tmp_path_factory.mktemp("cohorts")
    spend = {name: PARAMETERS[name] for name in "pqv"}
    purchase = {name: PARAMETERS[name] for name in ("r", "alpha", "a", "b")}
    log = ltv.simulate_log(
        {"web": 200, "shop": 100},
        seed=2,
        purchase=purchase,
        spend=spend,
        family="mbg_nbd",
        group_col="channel",
    )
    log.to_csv(where / "log.csv", index=False)
    ltv.save(point_fit(PARAMETERS, draws=50, family="mbg_nbd"), where / "fit.nc")
    pd.DataFrame({"channel": ["web", "shop"], "cost": [1000.0, 2000.0]}).to_csv(
        where / "cac.csv", index=False
    )
    done = run(
        "summarize", where / "log.csv", "--observation-end", "1997-09-30", "--time-unit", "week", "--group",
        "channel", "--cohort", "month", "--out", where / "customers.parquet",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return where


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def asked(files, *more):
    inputs = (files / name for name in ("fit.nc", "customers.parquet", "log.csv"))
    return run("cohorts", *inputs, "--margin", "0.5", "--seed", "3", *more)


def test_the_folder_holds_what_python_returns(files, tmp_path):
    done = asked(
        files, "--by", "month", "--by", "channel", "--age", "30", "--age", "12 months",
        "--cac", files / "cac.csv", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    summary = pd.read_parquet(files / "customers.parquet")
    base = ltv.customer_base(ltv.load(files / "fit.nc"), summary, seed=3)
    costs = {"web": 5.0, "shop": 20.0}
    found = base.cohorts(
        str(files / "log.csv"),
        by=["month", "channel"],
        ages=[30, 365],
        value=CohortValue(margin=0.5),
        cac=costs,
    )
    stored = pd.read_csv(tmp_path / "out" / "cohorts.csv", encoding="utf-8-sig")
    assert list(stored.columns) == list(found.table.columns)
    numbers = ["age", "p05", "p50", "p95", "known", "share_passed"]
    pd.testing.assert_frame_equal(stored[numbers], found.table[numbers], rtol=1e-9, check_dtype=False)
    back = pd.read_csv(
        tmp_path / "out" / "payback.csv", encoding="utf-8-sig", parse_dates=["payback_date_p50"]
    )
    expected = found.payback["payback_date_p50"].dt.normalize()
    assert (back["payback_date_p50"].dropna().to_numpy() == expected.dropna().to_numpy()).all()
    assert "predicted, or partly so" in done.stdout
    assert f"totals: {found.attrs['common_shocks']}" in done.stdout


def test_the_manifest_comes_last_and_lists_every_file(files, tmp_path):
    done = asked(files, "--cac", "9.5", "--age", "90", "--out", tmp_path, "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    manifest = json.loads((tmp_path / "cohorts.manifest.json").read_text(encoding="utf-8"))
    there = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {*manifest["sha256"], "cohorts.manifest.json"}
    for name, digest in manifest["sha256"].items():
        assert sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    assert {"figures/cohorts_value.png", "figures/cohorts_payback.png", "payback.csv"} <= there
    assert manifest["cohorts"]["basis"] == told["basis"] == "margin"
    assert told["payback"][0]["cac"] == 9.5
    assert [row["age"] for row in told["ltv"]] == [90] * len(told["ltv"])


def test_a_run_that_is_refused_leaves_the_last_folder(files, tmp_path):
    assert asked(files, "--out", tmp_path, "--age", "90").exit_code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    refused = asked(files, "--out", tmp_path, "--by", "shop")
    assert refused.exit_code == 10
    assert "no such column" in refused.stderr
    assert asked(files, "--out", tmp_path, "--age", "0").exit_code == 11
    assert asked(files, "--out", tmp_path, "--cac", "nowhere.csv").exit_code == 14
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_small_cohorts_are_left_out_when_asked(files, tmp_path):
    new = tmp_path / "new.csv"
    pd.DataFrame({"channel": ["partner"], "customers": [3]}).to_csv(new, index=False)
    done = asked(
        files, "--by", "channel", "--age", "90", "--new", new, "--suppress-small", "--out", tmp_path / "out"
    )
    assert done.exit_code == 0, done.stderr
    stored = pd.read_csv(tmp_path / "out" / "cohorts.csv", encoding="utf-8-sig").set_index("channel")
    assert stored.loc["partner", "p50"].isna().all()
    assert stored.loc["web", "p50"].notna().all()


def test_a_report_shows_cohorts_but_no_small_ones(files, tmp_path):
    new = tmp_path / "new.csv"
    pd.DataFrame({"channel": ["tiny<b>"], "customers": [3]}).to_csv(new, index=False)
    made = asked(
        files, "--by", "channel", "--age", "90", "--cac", "9", "--new", new, "--out", tmp_path / "out"
    )
    assert made.exit_code == 0, made.stderr
    done = run("report", files / "fit.nc", "--cohorts", tmp_path / "out", "--out", tmp_path / "page.html")
    assert done.exit_code in (0, 13), done.stderr  # the fit was made by hand: its checks do not matter here
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Cohorts by age" in page
    assert "1 cohorts of fewer than 10 customers are left out" in page
    assert not re.search(r"\btiny\b", page)  # a whole word: a picture may hold its letters by chance
    assert page.count("data:image/png") >= 4
    (tmp_path / "out" / "payback.csv").write_text("channel\nweb\n")
    refused = run("report", files / "fit.nc", "--cohorts", tmp_path / "out", "--out", tmp_path / "page.html")
    assert refused.exit_code == 14
    assert "does not fit the manifest" in refused.stderr


def test_cohorts_read_back_are_those_that_were_written(files, tmp_path):
    from bayesltv.report.files.stored import read_cohorts

    assert asked(files, "--by", "month", "--by", "channel", "--cac", "9", "--out", tmp_path).exit_code == 0
    fit = ltv.load(files / "fit.nc")
    stored = read_cohorts(tmp_path, fit)
    summary = pd.read_parquet(files / "customers.parquet")
    base = ltv.customer_base(fit, summary, seed=3)
    value = CohortValue(margin=0.5)
    found = base.cohorts(str(files / "log.csv"), by=["month", "channel"], value=value, cac=9.0)
    for name in ("table", "curves", "payback", "best"):
        pd.testing.assert_frame_equal(
            getattr(stored, name), getattr(found, name), check_dtype=False, rtol=1e-12
        )
    pd.testing.assert_frame_equal(stored.wide(), found.wide(), check_dtype=False)

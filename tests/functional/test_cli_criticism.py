"""evaluate, compare and check on files: tables, one JSON object, folders of pictures, exit codes."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app
from bayesltv.specs.catalogue import models_folder
from bayesltv.specs.model.covariates import Covariate

pytestmark = pytest.mark.usefixtures("unpainted")


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_evaluate_prints_tables_and_writes_pictures(world, tmp_path):
    command = ("evaluate", world / "fit.nc", world / "log.csv", "--observation-end", "1997-07-31")
    done = run(*command, "--horizon", "8 weeks", "--draws", 100, "--report", tmp_path / "report")
    assert done.exit_code == 0, done.output
    assert "Coverage of intervals" in done.stdout
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert {
        "scores.csv",
        "totals.csv",
        "customers.csv",
        "pit_purchases.png",
        "tracking_weekly.png",
    } <= written
    assert not [name for name in written if name.startswith(".")]
    told = json.loads(run(*command, "--horizon", "8 weeks", "--draws", 100, "--json").stdout)
    assert told["facts"]["until"] == "1997-09-25"
    assert told["facts"]["new_customers_left_out"] == 0


def test_evaluate_names_the_day_that_the_log_does_not_reach(world):
    done = run("evaluate", world / "fit.nc", world / "log.csv", "--horizon", "8 weeks")
    assert done.exit_code == 10
    assert "1997-11-25" in done.output
    assert "--log-end" in done.output


def test_compare_takes_specs_and_fits(world, tmp_path):
    done = run(
        "compare", world / "summary.parquet", "--spec", world / "fit.nc", "--spec", "mbg_pooled", "--method",
        "laplace", "--time-unit", "week", "--observation-end", "1997-09-30", "--report", tmp_path / "report",
        "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {row["model"] for row in told["loo"]} == {"fit", "mbg_pooled"}
    assert (tmp_path / "report" / "comparison_purchase.png").exists()


def test_compare_wants_two_models(world):
    done = run("compare", world / "summary.parquet", "--spec", "pooled", "--time-unit", "week")
    assert done.exit_code == 10
    assert "at least two" in done.output


def test_check_draws_and_is_thorough(world, tmp_path):
    command = ("check", world / "fit.nc", "--summary", world / "summary.parquet", "--thorough")
    done = run(*command, "--report", tmp_path / "report", "--json")
    assert done.exit_code == 0, done.output
    names = {each["name"] for each in json.loads(done.stdout)["checks"]}
    assert {"common_shocks", "replicated_customers", "prior_sensitivity", "influential_customers"} <= names
    assert {"checks.csv", "replicas_frequency.png"} <= {path.name for path in (tmp_path / "report").iterdir()}


def test_thorough_checks_need_the_summary(world):
    done = run("check", world / "fit.nc", "--thorough")
    assert done.exit_code == 10
    assert "--summary" in done.output


@pytest.mark.parametrize("place", ["missing/folder.txt/report"])
def test_a_report_that_cannot_be_written_is_an_error_of_files(world, tmp_path, place):
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "folder.txt").write_text("a file")
    done = run("check", world / "fit.nc", "--report", tmp_path / place)
    assert done.exit_code == 14


def test_a_summary_in_csv_is_evaluated_in_the_unit_and_to_the_end_of_the_fit(world, small_summary, tmp_path):
    small_summary.to_csv(tmp_path / "summary.csv", index=False)
    log = pd.read_csv(world / "log.csv")
    later = log.assign(date="1997-11-25").drop_duplicates("customer_id").iloc[:1]
    pd.concat([log, later]).to_csv(tmp_path / "log.csv", index=False)
    told = []
    for summary in (world / "summary.parquet", tmp_path / "summary.csv"):
        done = run(
            "evaluate", world / "fit.nc", tmp_path / "log.csv", "--horizon", "8 weeks", "--draws", 50,
            "--summary", summary, "--json",
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        told.append(json.loads(done.stdout)["totals"])
    assert told[0] == told[1]
    checked = run("check", world / "fit.nc", "--summary", tmp_path / "summary.csv")
    assert checked.exit_code == 0, checked.output


def test_compare_reads_logs_as_evaluate_does(world, small_log, tmp_path):
    bare = small_log.drop(columns="amount").assign(date=small_log["date"].dt.strftime("%d.%m.%Y"))
    bare.to_csv(tmp_path / "log.csv", index=False)
    summary = ltv.summarize(
        small_log, observation_end="1997-08-15", time_unit="week", monetary_value_col=None
    )
    summary.to_parquet(tmp_path / "summary.parquet", index=False)
    specs = []
    for name, family in (("bg", "bg_nbd"), ("mbg", "mbg_nbd")):
        (tmp_path / f"{name}.toml").write_text(
            f'[model]\ntitle = "{name}"\n[purchase]\nfamily = "{family}"\n'
        )
        specs += ["--spec", tmp_path / f"{name}.toml"]
    done = run(
        "compare", tmp_path / "summary.parquet", *specs, "--method", "laplace", "--log", tmp_path / "log.csv",
        "--horizon", "7 weeks", "--datetime-format", "%d.%m.%Y", "--no-amounts", "--log-end", "1997-10-03",
        "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert {row["model"] for row in json.loads(done.stdout)["holdout"]} == {"bg", "mbg"}


def test_evaluate_carries_covariates_and_settles_conflicts_of_groups(tmp_path):
    log = ltv.simulate_log(
        {"shop": 150, "web": 100}, purchase={"r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}, seed=8,
        group_col="channel",
    )  # fmt: skip
    ids = log["customer_id"].unique()
    log["age"] = log["customer_id"].map(dict(zip(ids, np.arange(ids.size) % 7, strict=True)))
    # one customer came to the other channel in between
    moved = log["customer_id"].value_counts().index[0]
    log.loc[log.index[log["customer_id"] == moved][0], "channel"] = "web"
    log.loc[log.index[log["customer_id"] == moved][1], "channel"] = "shop"
    log["order"] = np.arange(len(log)).astype(str)
    log.to_csv(tmp_path / "log.csv", index=False)
    given = {"monetary_value_col": None, "groups": ["channel"], "group_conflict": "first"}
    summary = ltv.summarize(log, observation_end="1997-07-31", time_unit="week", covariates=["age"], **given)
    age = Covariate(kind="numeric", on=("purchase_rate",))
    gates = ltv.GateSpec(1.5, 10, 100)
    spec = ltv.ModelSpec(groups=("channel",), spend=None, covariates={"age": age}, gates=gates)
    fit = ltv.fit(summary, spec, seed=1, sampler={"chains": 2, "tune": 200, "draws": 100}, progress=False)
    ltv.save(fit, tmp_path / "fit.nc")
    command = ("evaluate", tmp_path / "fit.nc", tmp_path / "log.csv", "--horizon", "4 weeks", "--no-amounts")
    refused = run(*command)
    assert refused.exit_code == 10
    assert "channel" in refused.output
    done = run(*command, "--group-conflict", "first", "--order-id-col", "order", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["facts"]["customers"] == len(summary)


# --------------------------------------------------------------------------------------- choose and benchmark

QUICKLY = ("--horizon", "6 weeks", "--spec", "pooled", "--spec", "mbg_pooled")


@pytest.mark.slow
def test_choose_writes_a_spec_that_fit_takes(world, tmp_path):
    out, command = tmp_path / "spec.toml", ("choose", world / "log.csv", *QUICKLY)
    done = run(*command, "--out", out, "--report", tmp_path / "report", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["recommended"] in ("pooled", "mbg_pooled")
    assert ltv.load_spec(out) == ltv.load_spec(told["recommended"])
    assert told["reason"].split(";")[0] in out.read_text(encoding="utf-8").splitlines()[0]
    names = {path.name for path in (tmp_path / "report").iterdir()}
    pictures = {"choice_customers.png", "choice_totals.png"}
    assert names == {"choice.csv", "choice_cuts.csv", "choice.manifest.json", *pictures}


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--out", "spec.json"), 14, "written as .toml"),
        (("--out", "s.toml", "--spec", "clock_events"), 11, "events lie in a table of their own"),
        (("--out", "s.toml", "--cut", "1997-09-29"), 10, "--log-end"),
        (("--out", "s.toml", "--spec", "mbg_poled"), 11, "did you mean"),
        (("--out", "s.toml", "--customers", "3"), 10, "too few"),
    ],
)
def test_choose_refuses_before_anything_is_fitted(world, tmp_path, monkeypatch, more, code, words):
    monkeypatch.chdir(tmp_path)
    done = run("choose", world / "log.csv", *QUICKLY, *more)
    assert done.exit_code == code, done.output
    assert words in " ".join(done.output.split())
    assert list(tmp_path.iterdir()) == []


def test_choose_does_not_write_over_the_spec_it_reads(world, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text(models_folder().joinpath("pooled.toml").read_text("utf-8"), "utf-8")
    done = run("choose", world / "log.csv", "--spec", mine, "--spec", "mbg_pooled", "--out", mine)
    assert done.exit_code == 14
    assert "read by this very command" in done.output


def test_benchmark_sets_rivals_beside_the_models(world, tmp_path, monkeypatch):
    from bayesltv.comparison.rivals.registry import RIVALS, Rival

    monkeypatch.setitem(RIVALS, "gradient boosting", Rival(dict, "no_such_module", "benchmark"))
    rivals = ("--rival", "gradient boosting", "--rival", "past spend")
    command = ("benchmark", world / "log.csv", "--horizon", "8 weeks", "--spec", "pooled", *rivals)
    done = run(*command, "--report", tmp_path / "report")
    assert done.exit_code == 0, done.output
    assert 'not run: gradient boosting: pip install "bayesltv[benchmark]"' in " ".join(done.stdout.split())
    assert "past spend" in (tmp_path / "report" / "benchmark.csv").read_text(encoding="utf-8")
    told = json.loads(run(*command, "--json").stdout)
    assert {row["method"] for row in told["table"]} == {"pooled", "past spend"}
    assert len(told["verdict"]) == 6

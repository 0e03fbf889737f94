"""evaluate, compare and check on files: tables, one JSON object, folders of pictures, exit codes."""

import json

import pytest
from typer.testing import CliRunner

from bayesltv.cli.app import app


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

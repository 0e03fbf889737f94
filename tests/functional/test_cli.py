"""The whole line from the command line: log -> summary -> fit -> checks -> scores."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import bayesltv as ltv
from bayesltv.cli.app import app

QUICK = ("--chains", "2", "--tune", "200", "--draws", "200")
SPEC = """
[model]
title = "quick, with gates that a run of seconds can pass"
groups = "all"
[purchase]
[spend]
[pooling.dropout_mean]
columns = []
[pooling.spend_typical]
columns = []
[sampler]
target_accept = 0.8
max_treedepth = 6
[gates]
rhat_max = 1.5
ess_min = 10
divergences_max = 200
treedepth_share_max = 1.0
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def answer(*arguments: object) -> dict:
    """What a command that succeeds says as JSON: nothing else is on stdout."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def line(tmp_path_factory, small_log) -> Path:
    """A folder in which the whole line has been run, by group."""
    folder = tmp_path_factory.mktemp("line")
    small_log.to_csv(folder / "log.csv", index=False)
    (folder / "quick.toml").write_text(SPEC)
    summarized = run(
        "summarize", folder / "log.csv", "--observation-end", "1997-09-30", "--time-unit", "week",
        "--group", "channel", "--currency", "USD", "--out", folder / "summary.parquet",
    )  # fmt: skip
    assert summarized.exit_code == 0, summarized.output
    assert "250 customers" in summarized.stdout
    assert "groups: channel" in summarized.stdout
    fitted = run(
        "fit", folder / "summary.parquet", "--spec", folder / "quick.toml", "--out", folder / "fit.nc", *QUICK
    )
    assert fitted.exit_code == 0, fitted.output
    assert "Checks: passed" in fitted.stdout
    assert "seed 1" in fitted.stdout
    scored = run(
        "score", folder / "fit.nc", folder / "summary.parquet", "--decision", "retention", "--draws", "200",
        "--out", folder / "scores.parquet",
    )  # fmt: skip
    assert scored.exit_code == 0, scored.output
    return folder


def test_the_line_on_files_gives_what_python_gives(line, small_log):
    summary = ltv.summarize(
        small_log, observation_end="1997-09-30", time_unit="week", groups=["channel"], currency="USD"
    )
    stored = pd.read_parquet(line / "summary.parquet")
    assert stored.attrs == summary.attrs
    sampler = {"chains": 2, "tune": 200, "draws": 200}
    fit = ltv.fit(summary, ltv.load_spec(line / "quick.toml"), seed=1, sampler=sampler, progress=False)
    assert ltv.load(line / "fit.nc")["posterior"].to_dataset().equals(fit["posterior"].to_dataset())
    scores = ltv.score(fit, summary, ltv.load_decision("retention"), seed=1, draws=200)
    stored = pd.read_parquet(line / "scores.parquet")
    pd.testing.assert_frame_equal(pd.DataFrame(scores), stored, check_exact=True)
    totals = pd.read_parquet(line / "scores.totals.parquet")
    assert totals["value"].sum() == pytest.approx(float(scores.totals["value"].sum()))
    customers = totals.drop_duplicates(["group", "tier"])["customers"]
    assert customers.sum() == len(summary)


def test_the_manifest_tells_where_the_scores_are_from(line):
    from hashlib import sha256

    said = json.loads((line / "scores.manifest.json").read_text())
    fit, summary = ltv.load(line / "fit.nc"), pd.read_parquet(line / "summary.parquet")
    assert said["fit"]["spec_hash"] == fit.attrs["spec_hash"]
    assert said["fit"]["sha256"] == sha256((line / "fit.nc").read_bytes()).hexdigest()
    assert said["summary"]["fingerprint"] == summary.attrs["fingerprint"]
    assert said["decision_hash"] == ltv.load_decision("retention").hash()
    assert (said["seed"], said["draws"], said["accepted_failed_checks"]) == (1, 200, [])
    assert said["versions"]["numpy"] == np.__version__
    for name in ("scores.parquet", "scores.totals.parquet"):
        assert said["files"][name]["sha256"] == sha256((line / name).read_bytes()).hexdigest()
    assert said["files"]["scores.parquet"]["rows"] == len(summary)


def test_a_manifest_holds_no_customer_ids(line):
    text = (line / "scores.manifest.json").read_text()
    assert not [who for who in pd.read_parquet(line / "summary.parquet")["customer_id"] if who in text]


def test_the_same_command_gives_the_same_bytes(line, tmp_path):
    again = (
        "--decision",
        "retention",
        "--draws",
        "200",
        "--threads",
        "1",
        "--out",
        tmp_path / "scores.parquet",
    )
    assert run("score", line / "fit.nc", line / "summary.parquet", *again).exit_code == 0
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (line / path.name).read_bytes(), path.name


def test_check_agrees_with_the_results_that_fit_stored(line):
    said = answer("check", line / "fit.nc", "--summary", line / "summary.parquet")
    assert said["passed"] is True
    assert said["checks"] == json.loads(ltv.load(line / "fit.nc").attrs["checks"])


def test_json_is_one_object_with_results_paths_and_counts(line, tmp_path):
    place = ("--observation-end", "1997-09-30", "--time-unit", "week", "--out", tmp_path / "s.parquet")
    summary = answer("summarize", line / "log.csv", *place)
    assert summary["customers"] == 250
    assert summary["time_unit"] == "week"
    assert Path(summary["path"]) == tmp_path / "s.parquet"
    scores = answer(
        "score", line / "fit.nc", line / "summary.parquet", "--decision", "retention", "--draws", "100",
        "--out", tmp_path / "scores.csv",
    )  # fmt: skip
    assert scores["customers"] == sum(scores["tiers"].values()) == 250
    assert (
        scores["totals"]["value"]["p05"] < scores["totals"]["value"]["p50"] < scores["totals"]["value"]["p95"]
    )
    assert scores["totals"]["value"]["mean"] == pytest.approx(pd.read_csv(scores["path"])["ltv_mean"].sum())
    for name in ("path", "totals_path", "manifest_path"):
        assert Path(scores[name]).is_file()


def test_a_csv_of_scores_is_safe_in_a_spreadsheet(line, small_log, tmp_path):
    names = {"c00001": "=1+1", "c00002": "+31 6", "c00003": "-7", "c00004": "@SUM(A1)", "c00005": "Zoë"}
    log = small_log.assign(customer_id=small_log["customer_id"].replace(names))
    summary = ltv.summarize(log, observation_end="1997-09-30", time_unit="week", groups=["channel"])
    summary.to_parquet(tmp_path / "summary.parquet", index=False)
    result = run(
        "score", line / "fit.nc", tmp_path / "summary.parquet", "--decision", "retention", "--draws", "50",
        "--out", tmp_path / "scores.csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = (tmp_path / "scores.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfcustomer_id,")
    table = pd.read_csv(tmp_path / "scores.csv", dtype={"customer_id": "str"})
    assert {"'=1+1", "'+31 6", "'-7", "'@SUM(A1)", "Zoë"} <= set(table["customer_id"])
    assert not table["customer_id"].str.startswith(("=", "+", "-", "@")).any()


def test_a_summary_may_come_as_csv_if_its_unit_is_said(line, tmp_path):
    summary = pd.read_parquet(line / "summary.parquet")
    summary.drop(columns="repeat_days").to_csv(tmp_path / "summary.csv", index=False)
    place = ("--decision", "retention", "--draws", "200", "--out", tmp_path / "scores.parquet")
    said = ("--time-unit", "week", "--observation-end", "1997-09-30")
    result = run("score", line / "fit.nc", tmp_path / "summary.csv", *place, *said)
    assert result.exit_code == 0, result.output
    stored = pd.read_parquet(line / "scores.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "scores.parquet"), stored, check_dtype=False, rtol=1e-12
    )
    fitted = run(
        "fit", tmp_path / "summary.csv", "--spec", line / "quick.toml", "--group", "channel", *said, *QUICK,
        "--out", tmp_path / "fit.nc",
    )  # fmt: skip
    assert fitted.exit_code == 0, fitted.output
    assert ltv.load(tmp_path / "fit.nc").attrs["spec_hash"] == ltv.load(line / "fit.nc").attrs["spec_hash"]


def test_a_fit_that_fails_is_kept_to_be_looked_at(line, tmp_path):
    (tmp_path / "strict.toml").write_text(SPEC.replace("ess_min = 10", "ess_min = 1e9"))
    place = (
        "--spec",
        tmp_path / "strict.toml",
        "--chains",
        "2",
        "--tune",
        "50",
        "--draws",
        "50",
        "--out",
        tmp_path / "fit.nc",
    )
    result = run("fit", line / "summary.parquet", *place)
    assert result.exit_code == 13, result.output
    assert "checks failed" in result.stderr
    assert "ess_bulk" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit.nc", "strict.toml"]
    assert run("check", tmp_path / "fit.nc").exit_code == 13


def test_a_fit_that_fails_never_replaces_one_that_passed(line, world, tmp_path, monkeypatch):
    failed = ltv.load(world / "failed.nc")
    monkeypatch.setattr("bayesltv.pipeline.fit_as", lambda *_, **__: failed)
    (tmp_path / "fit.nc").write_bytes((line / "fit.nc").read_bytes())
    result = run("fit", line / "summary.parquet", "--spec", "pooled", "--out", tmp_path / "fit.nc", "--json")
    assert result.exit_code == 13
    said = json.loads(result.stdout)
    assert said["passed"] is False
    assert Path(said["path"]) == tmp_path / "fit.failed.nc"
    assert (tmp_path / "fit.nc").read_bytes() == (line / "fit.nc").read_bytes()


def test_a_failed_check_can_be_accepted_by_name_and_is_written_down(world, tmp_path):
    said = answer(
        "score", world / "failed.nc", world / "summary.parquet", "--decision", "retention", "--draws", "50",
        "--accept-failed", "rhat", "--out", tmp_path / "scores.parquet",
    )  # fmt: skip
    assert said["accepted_failed_checks"] == ["rhat"]
    manifest = json.loads((tmp_path / "scores.manifest.json").read_text())
    assert manifest["accepted_failed_checks"] == ["rhat"]
    assert (pd.read_parquet(tmp_path / "scores.parquet")["accepted_failed"] == "rhat").all()
    folder = answer(
        "score", world / "failed.nc", world / "summary.parquet", "--decision", "retention", "--draws", "50",
        "--accept-failed", "rhat", "--out", tmp_path / "scores",
    )  # fmt: skip
    assert folder["accepted_failed_checks"] == ["rhat"]
    parts = pd.concat([pd.read_parquet(path) for path in (tmp_path / "scores").rglob("part*.parquet")])
    assert (parts["accepted_failed"] == "rhat").all()
    assert len(parts) == 250


@pytest.mark.parametrize("out", ["scores.parquet", "scores"])
def test_currencies_are_not_mixed(line, tmp_path, out):
    (tmp_path / "mine.toml").write_text(
        '[value]\nhorizon = "12 months"\nannual_discount_rate = 0.1\nmargin = 0.3\ncurrency = "EUR"\n'
    )
    result = run(
        "score", line / "fit.nc", line / "summary.parquet", "--decision", tmp_path / "mine.toml", "--out",
        tmp_path / out,
    )  # fmt: skip
    assert result.exit_code == 11
    assert "the decision says EUR, the fit says USD, the summary says USD" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml"]


def test_new_groups_are_scored_when_asked(line, small_summary, tmp_path):
    newer = small_summary.assign(channel="app")
    newer.attrs = dict(small_summary.attrs)
    newer.to_parquet(tmp_path / "summary.parquet", index=False)
    place = (
        tmp_path / "summary.parquet",
        "--decision",
        "retention",
        "--out",
        tmp_path / "s.csv",
        "--draws",
        "50",
    )
    refused = run("score", line / "fit.nc", *place)
    assert refused.exit_code == 10
    assert "channel 'app' not in the fit for 250 of 250 customers" in refused.stderr
    assert "on the command line: --unknown-groups" in refused.stderr
    assert run("score", line / "fit.nc", *place, "--unknown-groups", "population").exit_code == 0


def test_models_are_listed_shown_and_checked():
    listed = answer("models", "list")["specs"]
    names = [each["name"] for each in listed]
    assert {"pooled", "by_group", "mbg_by_group", "retention"} <= set(names)
    assert all(name in run("models", "list").stdout for name in names)
    for name in names:
        assert run("models", "check", name).exit_code == 0
        assert answer("models", "check", name)["passed"] is True
    assert answer("models", "show", "by_group")["purchase"] == {"family": "bg_nbd"}
    assert answer("models", "show", "retention")["value"]["margin"] == 0.3
    assert "purchase_rate" in run("models", "show", "pooled").stdout


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert run("--version").stdout == f"bayesltv {version('bayesltv')}\n"


def seconds_worked() -> float:
    """Processor time of the commands so far: a busy machine makes none of them longer."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_comes_at_once():
    """The commands load what they need when they run: within a second of work, half of which is Python's."""

    def seconds() -> float:
        began = seconds_worked()
        done = subprocess.run(
            [sys.executable, "-m", "bayesltv", "score", "--help"], capture_output=True, text=True, check=True
        )
        assert "--decision" in done.stdout
        return seconds_worked() - began

    assert min(seconds() for _ in range(3)) < 1.0


def test_the_demo_refuses_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    result = run("demo", "--out", tmp_path / "file" / "demo")
    assert result.exit_code == 14
    assert "cannot make the folder" in result.stderr

"""Each bad input: its exit code, one clear line on stderr, and nothing half-written."""

import json
import re
import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner, Result

import bayesltv as ltv
from bayesltv.base.seal import stamped
from bayesltv.cli.app import app
from helpers import sealed

DATA, SPEC, FIT, CHECK, STORE, USAGE, BUG = 10, 11, 12, 13, 14, 2, 1


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def assert_refused(result: Result, code: int, *said: str) -> None:
    """One line that says all of this, after which came no traceback."""
    assert result.exit_code == code, result.output
    (line,) = [each for each in result.stderr.splitlines() if each.startswith("error: ")]
    for text in said:
        assert text in line
    assert "Traceback" not in result.output
    assert result.stdout == ""


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def good_rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["00017", "00017", "00088", "00410"],
            "date": ["2024-01-01", "2024-02-05", "2024-01-09", "2024-03-01"],
            "amount": ["10.5", "12", "8", "20"],
        }
    )


# ----------------------------------------------------------------------------------------- transaction log


def summarize(log: Path, *more: str) -> Result:
    """Run it, and see that a refusal leaves no file."""
    out = log.parent / "out"
    out.mkdir(exist_ok=True)
    place = ("--observation-end", "2024-03-31", "--time-unit", "week", "--out", out / "summary.parquet")
    result = run("summarize", log, *place, *more)
    assert names_in(out) == ([] if result.exit_code else ["summary.parquet"])
    return result


def written(folder: Path, rows: pd.DataFrame, encoding: str = "utf-8") -> Path:
    rows.to_csv(folder / "log.csv", index=False, encoding=encoding)
    return folder / "log.csv"


def test_a_good_log_passes(tmp_path):
    result = summarize(written(tmp_path, good_rows()))
    assert result.exit_code == 0, result.output
    assert "3 customers" in result.stdout


def test_a_log_that_does_not_exist(tmp_path):
    assert_refused(summarize(tmp_path / "nope.csv"), STORE, "nope.csv does not exist", "check the path")


def test_covariates_are_carried_as_they_are(tmp_path):
    log = written(tmp_path, good_rows().assign(age=[30, 30, 41, 52]))
    assert summarize(log, "--covariate", "age").exit_code == 0
    assert pd.read_parquet(tmp_path / "out" / "summary.parquet")["age"].tolist() == [30, 41, 52]
    changed_age = good_rows().assign(age=[30, 31, 41, 52])
    other = tmp_path / "other"
    other.mkdir()
    result = summarize(written(other, changed_age), "--covariate", "age")
    assert_refused(result, DATA, "'age' has more than one value", "id 00017", "group_conflict=")


def test_a_missing_column_names_the_nearest_and_the_option(tmp_path):
    result = summarize(written(tmp_path, good_rows().rename(columns={"date": "order_date"})))
    assert_refused(result, DATA, "no column 'date'", "order_date", "datetime_col=")
    assert "--datetime-col" in result.stderr


def test_dates_that_cannot_be_parsed(tmp_path):
    rows = good_rows()
    rows.loc[[1, 3], "date"] = ["soon", "31.02.2024"]
    result = summarize(written(tmp_path, rows))
    assert_refused(result, DATA, "'date'", "2 unreadable", "in 4 rows (ids 00017, 00410)", "datetime_format=")
    assert "on the command line: --datetime-format" in result.stderr


def test_missing_dates(tmp_path):
    rows = good_rows()
    rows.loc[2, "date"] = None
    assert_refused(summarize(written(tmp_path, rows)), DATA, "'date'", "1 missing", "in 4 rows (id 00088)")


def test_missing_ids(tmp_path):
    rows = good_rows()
    rows.loc[2, "customer_id"] = None
    assert_refused(summarize(written(tmp_path, rows)), DATA, "'customer_id'", "1 of 4 rows")


@pytest.mark.parametrize("amount", ["lots", "nan", "inf"])
def test_amounts_that_are_no_finite_number(tmp_path, amount):
    rows = good_rows()
    rows.loc[2, "amount"] = amount
    assert_refused(
        summarize(written(tmp_path, rows)), DATA, "'amount'", "1 unreadable", "in 4 rows (id 00088)"
    )


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_wrong_encoding(tmp_path, encoding):
    rows = good_rows().assign(city="Münster")
    assert_refused(summarize(written(tmp_path, rows, encoding)), DATA, "is not UTF-8", "iconv")


def test_rows_after_the_end_are_cut_with_a_count(tmp_path):
    result = summarize(written(tmp_path, good_rows()), "--observation-end", "2024-02-28", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["set_aside"] == {"rows_after_observation_end": 1}


def test_rows_after_the_end_are_an_error_when_asked(tmp_path):
    result = summarize(written(tmp_path, good_rows()), "--observation-end", "2024-02-28", "--late", "error")
    assert_refused(
        result, DATA, "1 rows are dated after observation_end=2024-02-28", "id 00410", 'late="cut"'
    )


def test_an_end_before_the_log(tmp_path):
    result = summarize(written(tmp_path, good_rows()), "--observation-end", "2023-02-28")
    assert_refused(result, DATA, "observation_end=2023-02-28", "2024-01-01", "is the year right?")


def test_an_end_that_is_no_date(tmp_path):
    result = summarize(written(tmp_path, good_rows()), "--observation-end", "yesterday")
    assert_refused(result, DATA, "'yesterday' is not a date", "2024-01-31")


def test_an_unknown_time_unit(tmp_path):
    result = summarize(written(tmp_path, good_rows()), "--time-unit", "fortnight")
    assert_refused(result, DATA, "'fortnight' is unknown", "day, week, month or year")


def test_negative_amounts_under_the_policy_error(tmp_path):
    rows = good_rows()
    rows.loc[1, "amount"] = "-3"
    result = summarize(written(tmp_path, rows), "--refunds", "error")
    assert_refused(result, DATA, "1", "00017", "refunds=")
    assert "--refunds" in result.stderr.splitlines()[-1]


def test_an_empty_log(tmp_path):
    result = summarize(written(tmp_path, good_rows().head(0)))
    assert_refused(result, DATA, "no rows")


def test_an_empty_file(tmp_path):
    (tmp_path / "log.csv").write_text("")
    result = summarize(tmp_path / "log.csv")
    assert result.exit_code in (DATA, STORE)
    assert_refused(result, result.exit_code, "log.csv")


def test_a_customer_in_two_groups(tmp_path):
    rows = good_rows().assign(channel=["web", "shop", "web", "web"])
    result = summarize(written(tmp_path, rows), "--group", "channel")
    assert_refused(result, DATA, "'channel'", "id 00017", "group_conflict=")


def test_a_summary_is_not_written_as_csv(tmp_path):
    result = summarize(written(tmp_path, good_rows()), "--out", str(tmp_path / "out" / "summary.csv"))
    assert_refused(result, STORE, "written as Parquet", "summary.parquet")


def test_an_input_is_not_overwritten(tmp_path):
    good_rows().to_parquet(tmp_path / "log.parquet")
    before = (tmp_path / "log.parquet").read_bytes()
    result = run(
        "summarize", tmp_path / "log.parquet", "--observation-end", "2024-03-31", "--time-unit", "week",
        "--out", tmp_path / "." / "log.parquet",
    )  # fmt: skip
    assert_refused(result, STORE, "is read by this very command")
    assert (tmp_path / "log.parquet").read_bytes() == before


# ---------------------------------------------------------------------------------------- customer summary


def changed(summary: pd.DataFrame, column: str, value: object, rows: int = 1) -> pd.DataFrame:
    """A summary in which the first repeaters, or for ids all rows, have another value."""
    bad = summary.copy()
    at = bad.index[bad["frequency"] > 0][:rows]
    if isinstance(value, float) and bad[column].dtype.kind == "i":
        bad[column] = bad[column].astype(float)
    bad.loc[at, column] = value
    bad.attrs = dict(summary.attrs)
    return bad


def without_repeat(summary: pd.DataFrame, **values: float) -> pd.DataFrame:
    bad = summary.copy()
    at = bad.index[bad["frequency"] == 0][0]
    for column, value in values.items():
        bad.loc[at, column] = value
    bad.attrs = dict(summary.attrs)
    return bad


def fit(folder: Path, summary: pd.DataFrame, *more: object) -> Result:
    summary = summary.copy()
    summary.attrs.pop("fingerprint", None)  # that of the rows before they were changed
    summary.to_parquet(folder / "summary.parquet", index=False)
    out = folder / "out"
    out.mkdir(exist_ok=True)
    result = run("fit", folder / "summary.parquet", "--spec", "pooled", "--out", out / "fit.nc", *more)
    assert names_in(out) == []
    return result


NUMBERS = ("frequency", "recency", "T", "spend_count", "spend_sum", "spend_log_sum", "value_to_date")


@pytest.mark.parametrize(
    ("column", "value"),
    [(column, value) for column in NUMBERS for value in (np.nan, np.inf)] + [("monetary_value", np.inf)],
)
def test_nan_and_infinity_anywhere_in_a_summary(tmp_path, small_summary, column, value):
    result = fit(tmp_path, changed(small_summary, column, value, rows=2))
    assert_refused(result, DATA, column, "infinite", "2 of 250 customers", "ids c0")


@pytest.mark.parametrize("column", ["first_purchase", "last_purchase"])
def test_dates_that_are_missing_or_no_dates_in_a_summary(tmp_path, small_summary, column):
    result = fit(tmp_path, changed(small_summary, column, pd.NaT, rows=2))
    assert_refused(result, DATA, f"{column} is missing for 2 of 250 customers", "ids c0")
    text = small_summary.astype({column: str})
    text.attrs = small_summary.attrs
    result = fit(tmp_path, changed(text, column, "soon", rows=2))
    assert_refused(result, DATA, f"{column} is no date for 2 of 250 customers", "'soon'", "2024-01-31")


@pytest.mark.parametrize("column", ["monetary_value", "spend_sum"])
def test_nan_in_the_spend_of_a_repeater(tmp_path, small_summary, column):
    least = small_summary.drop(columns=["spend_count", "spend_sum", "spend_log_sum", "value_to_date"])
    result = fit(tmp_path, changed(least if column == "monetary_value" else small_summary, column, np.nan))
    assert_refused(result, DATA, f"{column} is missing", "1 of 250 customers", "id c0")


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("frequency", 1.5, "frequency is not a whole number"),
        ("frequency", -1, "frequency is negative"),
        ("recency", 99.0, "recency > T"),
        ("recency", 0.0, "frequency > 0 with recency 0"),
        ("recency", -2.0, "recency is negative"),
        ("monetary_value", -5.0, "monetary_value is negative"),
        ("customer_id", "same", "customer_id appears more than once"),
    ],
)
def test_a_history_that_cannot_be(tmp_path, small_summary, column, value, said):
    rows = 2 if column == "customer_id" else 1
    result = fit(tmp_path, changed(small_summary, column, value, rows=rows))
    assert_refused(result, DATA, said, "1 of 250 customers", "id ")


def test_recency_after_the_end_asks_for_the_end(tmp_path, small_summary):
    result = fit(tmp_path, changed(small_summary, "recency", 99.0, rows=3))
    assert_refused(
        result, DATA, "recency > T for 3 of 250 customers (ids c0", "is observation_end=1997-09-30 right?"
    )


def test_repeat_spend_without_repeat_purchase(tmp_path, small_summary):
    result = fit(tmp_path, without_repeat(small_summary, monetary_value=9.0))
    assert_refused(result, DATA, "frequency 0 with repeat spend", "1 of 250 customers")


def test_a_summary_without_customers(tmp_path, small_summary):
    empty = small_summary.head(0)
    empty.attrs = dict(small_summary.attrs)
    assert_refused(fit(tmp_path, empty), DATA, "no customers")


def test_a_summary_without_a_column(tmp_path, small_summary):
    bare = small_summary.drop(columns="T")
    bare.attrs = dict(small_summary.attrs)
    assert_refused(fit(tmp_path, bare), DATA, "no column 'T'")


def test_a_summary_without_time_unit_names_the_option(tmp_path, small_summary):
    bare = small_summary.copy()
    bare.attrs = {}
    result = fit(tmp_path, bare)
    assert_refused(result, DATA, "no time_unit", 'time_unit="week"')
    assert "on the command line: --time-unit" in result.stderr


def test_a_time_unit_that_contradicts_the_summary(tmp_path, small_summary):
    result = fit(tmp_path, small_summary, "--time-unit", "day")
    assert_refused(result, DATA, "time_unit='day'", "'week'")


def test_a_summary_that_does_not_exist(tmp_path):
    result = run("fit", tmp_path / "nope.parquet", "--spec", "pooled", "--out", tmp_path / "fit.nc")
    assert_refused(result, STORE, "nope.parquet does not exist", "bayesltv summarize")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"PAR1 cut short", b"customer_id,frequency\n1,2\n"])
def test_a_summary_that_is_no_parquet(tmp_path, content):
    (tmp_path / "summary.parquet").write_bytes(content)
    result = run("fit", tmp_path / "summary.parquet", "--spec", "pooled", "--out", tmp_path / "fit.nc")
    assert_refused(result, STORE, "summary.parquet is not a readable Parquet file")
    assert names_in(tmp_path) == ["summary.parquet"]


# ------------------------------------------------------------------------------- specs and decision files

PRIOR = '[priors.purchase_rate]\nper = "week"\nmass = 0.9\nbetween = [{}]\nwhy = "a test"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[purchse]\nfamily = "bg_nbd"\n', ["purchse", "purchase"]),
        ('[purchase]\nfamly = "bg_nbd"\n', ["famly", "family"]),
        ('[purchase]\nfamily = "bg_nbdd"\n', ["bg_nbdd", "bg_nbd"]),
        ("[priors.purchase_rat]\nmass = 0.9\n", ["purchase_rat", "purchase_rate"]),
        (PRIOR.format("0.5, 0.005"), ["priors.purchase_rate"]),
        (PRIOR.format("-1, 2"), ["priors.purchase_rate"]),
        (PRIOR.format("0, 0.5"), ["priors.purchase_rate"]),
        (PRIOR.format("nan, 0.5"), ["priors.purchase_rate"]),
        ("[sampler]\nchains = 0\n", ["sampler", "chains"]),
        ("[purchase\n", []),
    ],
)
def test_a_spec_that_is_wrong_names_file_key_and_nearest(tmp_path, world, text, said):
    (tmp_path / "mine.toml").write_text(text)
    result = run(
        "fit", world / "summary.parquet", "--spec", tmp_path / "mine.toml", "--out", tmp_path / "fit.nc"
    )
    assert_refused(result, SPEC, "mine.toml", *said)
    assert names_in(tmp_path) == ["mine.toml"]
    assert_refused(run("models", "check", tmp_path / "mine.toml"), SPEC, "mine.toml", *said)


def test_a_spec_that_does_not_exist_names_the_shipped(tmp_path, world):
    result = run("fit", world / "summary.parquet", "--spec", "by_grup", "--out", tmp_path / "fit.nc")
    assert_refused(result, SPEC, "'by_grup' does not exist", "did you mean", "by_group", "pooled")
    assert names_in(tmp_path) == []


def test_a_decision_as_a_spec(tmp_path, world):
    result = run("fit", world / "summary.parquet", "--spec", "retention", "--out", tmp_path / "fit.nc")
    assert result.exit_code == SPEC
    assert names_in(tmp_path) == []


def score(
    world: Path, folder: Path, *more: object, fit: str = "fit.nc", decision: object = "retention"
) -> Result:
    out = folder / "scores.parquet"
    return run("score", world / fit, world / "summary.parquet", "--decision", decision, "--out", out, *more)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('horizon = "12 months"\nannual_discount_rate = 0.1\n', ["margin is missing", "margin = 0.30"]),
        ('horizon = "12 months"\nannual_discount_rate = 0.1\nmargin = 30\n', ["margin = 30", "30 % is 0.3"]),
        ("annual_discount_rate = 0.1\nmargin = 0.3\n", ["horizon"]),
        (
            'horizon = "soon"\nannual_discount_rate = 0.1\nmargin = 0.3\n',
            ["'soon' is not a duration", "12 months"],
        ),
        ('horizon = "12 months"\nannual_discount_rate = 0.1\nmargn = 0.3\n', ["margn", "margin"]),
    ],
)
def test_a_decision_that_is_wrong(tmp_path, world, value, said):
    (tmp_path / "mine.toml").write_text(f"[value]\n{value}")
    assert_refused(score(world, tmp_path, decision=tmp_path / "mine.toml"), SPEC, "mine.toml", *said)
    assert names_in(tmp_path) == ["mine.toml"]


def test_a_decision_that_does_not_exist(tmp_path, world):
    assert_refused(
        score(world, tmp_path, decision="nope.toml"), SPEC, "nope.toml", "does not exist", "retention"
    )
    assert names_in(tmp_path) == []


# ---------------------------------------------------------------------------------------------------- fits


def test_a_fit_that_does_not_exist(tmp_path, world):
    assert_refused(score(world, tmp_path, fit="nope.nc"), STORE, "nope.nc does not exist", "bayesltv fit")
    assert_refused(run("check", tmp_path / "nope.nc"), STORE, "nope.nc does not exist", "bayesltv fit")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "foreign", "broken spec", "broken format"])
def test_a_fit_that_is_corrupt_or_foreign(tmp_path, world, small_fit, kind):
    path = tmp_path / "bad.nc"
    if kind == "foreign":
        xr.Dataset({"x": ("y", [1.0])}).to_netcdf(path, engine="h5netcdf")
    elif kind.startswith("broken"):
        bad = small_fit.copy()
        bad.attrs = {**small_fit.attrs, kind.removeprefix("broken "): "{"}
        stamped(bad).to_netcdf(path, engine="h5netcdf")
    else:
        whole = (world / "fit.nc").read_bytes()
        path.write_bytes({"empty": b"", "text": b"a,b\n1,2\n", "cut": whole[: len(whole) // 2]}[kind])
    for result in (
        run("check", path),
        run("score", path, world / "summary.parquet", "--decision", "retention", "--out", tmp_path / "s.csv"),
    ):
        assert_refused(result, STORE, "bad.nc")
    assert names_in(tmp_path) == ["bad.nc"]


def test_a_fit_that_failed_refuses_and_leaves_the_last_good_output(tmp_path, world):
    assert score(world, tmp_path, "--draws", "20").exit_code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == ["scores.manifest.json", "scores.parquet", "scores.totals.parquet"]
    result = score(world, tmp_path, fit="failed.nc")
    assert_refused(result, CHECK, "failed 1 of", "rhat", "accept_failed=['rhat']")
    assert "on the command line: --accept-failed" in result.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_fit_that_is_too_old_refuses_with_both_dates(tmp_path, world, small_log):
    later = ltv.summarize(small_log, observation_end="1997-12-31", time_unit="week", groups=["channel"])
    later.to_parquet(tmp_path / "later.parquet", index=False)
    place = (
        "score",
        world / "fit.nc",
        tmp_path / "later.parquet",
        "--decision",
        "retention",
        "--draws",
        "20",
    )
    result = run(*place, "--out", tmp_path / "s.csv", "--max-fit-age", "31")
    assert_refused(
        result, CHECK, "1997-09-30, 92 days before", "1997-12-31", "max_fit_age_days=31", "fit again"
    )
    assert "on the command line: --max-fit-age" in result.stderr
    assert names_in(tmp_path) == ["later.parquet"]
    assert run(*place, "--out", tmp_path / "s.csv", "--max-fit-age", "92").exit_code == 0


@pytest.mark.parametrize("engine", ["score", "decide"])
def test_an_age_that_is_not_known_is_no_young_age(small_fit, small_summary, engine):
    lost = small_summary.copy()
    lost.attrs = {"time_unit": "week"}
    work, decision = getattr(ltv, engine), ltv.load_decision("retention")
    with pytest.raises(ltv.CheckFailed, match=r"the summary does not say .* pass observation_end="):
        work(small_fit, lost, decision, seed=1, draws=20, max_fit_age_days=7)
    fit = sealed(small_fit, observation_end="")
    with pytest.raises(ltv.CheckFailed, match=r"the fit does not say .*: fit again"):
        work(fit, small_summary, decision, seed=1, draws=20, max_fit_age_days=7)


def test_an_unknown_check_cannot_be_accepted(tmp_path, world):
    result = score(world, tmp_path, "--accept-failed", "r_hat", fit="failed.nc")
    assert_refused(result, CHECK, "r_hat", "rhat, ess_bulk")
    assert names_in(tmp_path) == []


def test_a_summary_in_another_unit_than_the_fit(tmp_path, world, small_log):
    days = ltv.summarize(small_log, observation_end="1997-09-30", time_unit="day")
    days.to_parquet(tmp_path / "days.parquet", index=False)
    result = run(
        "score",
        world / "fit.nc",
        tmp_path / "days.parquet",
        "--decision",
        "retention",
        "--out",
        tmp_path / "s.csv",
    )
    assert_refused(result, DATA, "days but the fit in weeks", 'time_unit="week"')
    assert names_in(tmp_path) == ["days.parquet"]


# ----------------------------------------------------------------------------------------- output that fails


@pytest.fixture(params=["no folder", "below a file", "a folder", "a device"])
def unwritable(request, tmp_path) -> Path:
    """A place that even the superuser cannot write a file to."""
    (tmp_path / "file").write_text("")
    for ending in (".parquet", ".nc"):
        (tmp_path / f"folder{ending}").mkdir()
    return {
        "no folder": tmp_path / "nope" / "out.parquet",
        "below a file": tmp_path / "file" / "out.parquet",
        "a folder": tmp_path / "folder.parquet",
        "a device": tmp_path / "device.parquet",
    }[request.param]


def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    tmp_path, world, unwritable, monkeypatch
):
    fitted = unwritable.with_suffix(".nc")
    if unwritable.name == "device.parquet":
        for path in (unwritable, fitted):
            path.symlink_to("/dev/full")

    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr("bayesltv.data.summary.store.write_summary_of", work)
    monkeypatch.setattr("bayesltv.pipeline.fit_as", work)
    monkeypatch.setattr("bayesltv.questions.CustomerBase.score", work)
    before = names_in(tmp_path)
    dates = ("--observation-end", "1997-09-30", "--time-unit", "week")
    assert_refused(
        run("fit", world / "summary.parquet", "--spec", "pooled", "--out", fitted),
        STORE,
        f"cannot write {fitted}",
    )
    for result in (
        run("summarize", world / "log.csv", *dates, "--out", unwritable),
        run(
            "score",
            world / "fit.nc",
            world / "summary.parquet",
            "--decision",
            "retention",
            "--out",
            unwritable,
        ),
    ):
        assert_refused(result, STORE, f"cannot write {unwritable}")
    assert names_in(tmp_path) == before


def test_an_output_whose_ending_promises_something_else_is_refused_before_any_work(
    tmp_path, world, monkeypatch
):
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr("bayesltv.fitting.store.load", work)
    monkeypatch.setattr("bayesltv.data.summary.store.read_summary", work)
    fit, summary = world / "fit.nc", world / "summary.parquet"
    log = (world / "log.csv", "--horizon", "9 weeks")
    for line, name, says in (
        (("fit", summary, "--spec", "pooled", "--out"), "f.pkl", "a fit is written as netCDF"),
        (("uplift", world / "log.csv", "--outcome", "amount", "--randomised", "--out"), "u.csv", "as netCDF"),
        (("report", fit, "--out"), "r.pdf", "a report is written as HTML"),
        (("decide", fit, summary, "--decision", "retention", "--out"), "plan.csv", "into a folder"),
        (("check", fit, "--report"), "r.html", "into a folder"),
        (("evaluate", fit, *log, "--report"), "r.pdf", "into a folder"),
        (("compare", summary, "--spec", "pooled", "--report"), "r.html", "into a folder"),
        (("score", fit, summary, "--decision", "retention", "--out"), "s.xlsx", ".parquet or .csv"),
        (("summarize", *log[:1], "--observation-end", "1997-09-30", "--time-unit", "week", "--out"), "s.csv",
         "as Parquet"),
    ):  # fmt: skip
        assert_refused(run(*line, tmp_path / name), STORE, says, name)
    assert names_in(tmp_path) == []


def test_python_refuses_endings_that_promise_something_else_too(tmp_path, world):
    fit = ltv.load(world / "fit.nc")
    with pytest.raises(ltv.StoreError, match=r"netCDF, not to .*f\.pkl: name it .*f\.nc"):
        ltv.save(fit, tmp_path / "f.pkl")
    with pytest.raises(ltv.StoreError, match=r"HTML, not to .*r\.pdf: name it .*r\.html"):
        ltv.write_report(fit, tmp_path / "r.pdf")
    decision = ltv.load_decision("retention")
    with pytest.raises(ltv.StoreError, match=r"scores in parts are written into a folder, not to .*s\.csv"):
        ltv.score_to(fit, world / "summary.parquet", decision, out=tmp_path / "s.csv", seed=1)
    assert names_in(tmp_path) == []


def test_scores_in_an_unknown_format(tmp_path, world):
    out = tmp_path / "scores.xlsx"
    result = run(
        "score", world / "fit.nc", world / "summary.parquet", "--decision", "retention", "--out", out
    )
    assert_refused(result, STORE, "scores.xlsx", ".parquet or .csv")


@contextmanager
def room_for(size: int):
    """No file can grow past this size: what a full disk looks like to a program."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["scores.parquet", "scores.csv"])
def test_a_disk_that_fills_up_leaves_the_last_good_output(tmp_path, world, name):
    place = ("--decision", "retention", "--out", tmp_path / name, "--draws", "20")
    assert run("score", world / "fit.nc", world / "summary.parquet", *place).exit_code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with room_for(2_000):
        result = run("score", world / "fit.nc", world / "summary.parquet", *place, "--seed", "2")
    assert_refused(result, STORE, "cannot write", "room")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_fit_on_a_full_disk_leaves_the_earlier_one(tmp_path, small_fit):
    path = ltv.save(small_fit, tmp_path / "fit.nc")
    before = path.read_bytes()
    with room_for(20_000), pytest.raises(ltv.StoreError, match="cannot write"):
        ltv.save(small_fit, path)
    assert path.read_bytes() == before
    assert names_in(tmp_path) == ["fit.nc"]


# ------------------------------------------------------------------------------------------ how it is said


def test_ids_can_be_kept_out_of_errors(tmp_path):
    rows = good_rows()
    rows.loc[[1, 3], "date"] = "soon"
    log = written(tmp_path, rows)
    place = ("--observation-end", "2024-03-31", "--time-unit", "week", "--out", tmp_path / "s.parquet")
    result = run("--redact-ids", "summarize", log, *place)
    assert_refused(result, DATA, "2 unreadable", "in 4 rows")
    assert re.search(r"ids #[0-9a-f]{20}, #[0-9a-f]{20}\)", result.stderr)
    assert "00017" not in result.output
    assert "00410" not in result.output


def test_ids_can_be_kept_out_of_warnings(tmp_path):
    rows = pd.concat([good_rows()] * 5, ignore_index=True).assign(date="2024-01-05")
    rows["customer_id"] = [f"secret{i}" for i in range(len(rows))]
    rows.loc[0, "amount"] = "900000"
    log = written(tmp_path, rows)
    assert "warning: " in summarize(log).stderr
    assert "secret0" in summarize(log).stderr
    place = ("--observation-end", "2024-03-31", "--time-unit", "week", "--out", tmp_path / "s.parquet")
    result = run("--redact-ids", "summarize", log, *place)
    assert "warning: 1 purchase day has an extreme amount" in result.stderr
    assert "secret" not in result.output


def test_errors_are_objects_too_for_scripts(tmp_path):
    result = run("check", tmp_path / "nope.nc", "--json")
    assert result.exit_code == STORE
    said = json.loads(result.stdout)["error"]
    assert (said["kind"], said["exit_code"]) == ("StoreError", STORE)
    assert "nope.nc does not exist" in said["message"]
    assert "error: fit file" in result.stderr


def test_names_in_messages_are_no_markup(tmp_path):
    result = run("check", tmp_path / "[bold]nope[/bold].nc")
    assert_refused(result, STORE, "[bold]nope[/bold].nc")


def test_wrong_usage_is_2(tmp_path):
    assert run("summarize").exit_code == USAGE
    assert run("score", "--nope").exit_code == USAGE
    assert (
        run("fit", "s.parquet", "--spec", "pooled", "--out", "f.nc", "--method", "magic").exit_code == USAGE
    )


def test_a_bug_shows_its_traceback_and_asks_to_be_reported(tmp_path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nobody's fault")

    monkeypatch.setattr("bayesltv.jobs.check_file", broken)
    result = run("check", tmp_path / "fit.nc")
    assert result.exit_code == BUG
    assert "Traceback" in result.stderr
    assert "ZeroDivisionError: by nobody's fault" in result.stderr
    assert "please report" in result.stderr


def test_an_interrupt_is_130(tmp_path, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bayesltv.jobs.check_file", interrupted)
    result = run("check", tmp_path / "fit.nc")
    assert result.exit_code == 130
    assert "Traceback" not in result.output
    assert "files that were finished stay" in result.stderr
    assert result.stdout == ""
    said = json.loads(run("check", tmp_path / "fit.nc", "--json").stdout)["error"]
    assert (said["kind"], said["exit_code"]) == ("KeyboardInterrupt", 130)


def test_ids_can_be_kept_out_of_bugs(tmp_path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        try:
            raise KeyError("secret17")
        except KeyError as error:
            raise ValueError("no customer secret17") from error

    monkeypatch.setattr("bayesltv.jobs.check_file", broken)
    result = run("--redact-ids", "check", tmp_path / "fit.nc", "--json")
    assert result.exit_code == BUG
    assert "secret17\n" not in result.output
    assert "customer secret17" not in result.output.replace('raise ValueError("no customer secret17")', "")
    for text in ("builtins.KeyError", "builtins.ValueError", "in broken", "please report"):
        assert text in result.stderr

"""Spark against the local engine, on a real session: what differs is only who walks the rows."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app
from bayesltv.prediction.scores import thresholds
from bayesltv.report.files.stored import read_scores
from bayesltv.specs.toml_file import toml_text
from helpers import clock_fit, covariate_fit, point_fit, sealed

HAS_JAVA = shutil.which("java") is not None or "JAVA_HOME" in os.environ
IS_LEFT_OUT = not HAS_JAVA and ("CI" not in os.environ or "BAYESLTV_WITHOUT_SPARK" in os.environ)
"""Not in continuous integration, where a green run must have run them, unless it says that it has not."""
pytestmark = pytest.mark.skipif(IS_LEFT_OUT, reason="Spark needs Java 17 or newer")

DECISION = ltv.load_decision("retention")
BANDS = (ltv.Tier("low"), ltv.Tier("mid", top=0.5), ltv.Tier("high", top=0.2))
RELATIVE = replace(DECISION, tiers=ltv.TierSpec(BANDS, kind="relative"))
POINT = {"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5, "p": 3.6, "q": 4.5, "v": 34.0}
GUIDE = Path(__file__).parents[2] / "docs" / "spark.md"
BLOCKER = """
import os, sys
from importlib import metadata

class Blocked:
    names = set(os.environ.get("TEST_BLOCKED", "").split())
    def find_spec(self, name, path=None, target=None):
        if name in self.names:
            raise ImportError(name + " is blocked by the test")

sys.meta_path.insert(0, Blocked())
if "TEST_VERSION" in os.environ:
    real = metadata.version
    metadata.version = lambda name: os.environ["TEST_VERSION"] if name == "bayesltv" else real(name)
if "TEST_ABSENT" in os.environ:
    def absent(name):
        raise metadata.PackageNotFoundError(name)
    metadata.version = absent
"""
NOT_ON_WORKERS = (
    "pymc pymc_extras pymc_marketing pytensor nutpie arviz arviz_base arviz_stats arviz_plots lifetimes "
    "duckdb narwhals polars matplotlib typer rich h5netcdf"
)
NASTY = [  # id, day of January 2024, amount: zeros, refunds, same-day orders, ids that look alike
    ("007", 1, 10.10), ("007", 9, 20.20), ("007", 9, 0.30), ("007", 20, -5.05), ("007", 25, 3.00),
    ("7", 2, 5.00), ("é'\"", 3, 0.00), ("é'\"", 4, 0.00), ("é'\"", 5, 7.77), ("a b", 4, 9.99),
    ("a b", 11, 8.88), ("a b", 12, -8.88), ("only refund", 5, -3.0), ("late", 30, 4.0), ("late", 31, 4.0),
    ("two days", 6, 1e-6), ("two days", 7, 999_999_999_999.0), ("two days", 8, 999_999_999_999.0),
    ("netted", 6, 5.0), ("netted", 7, -5.0), ("netted", 8, 6.0), ("netted", 9, 2.5), ("netted", 10, -4.0),
]  # fmt: skip


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    (folder / "sitecustomize.py").write_text(BLOCKER)
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        "spark.default.parallelism": "2",
        "spark.driver.memory": "1g",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.executorEnv.PYTHONPATH": str(folder),
        "spark.executorEnv.TEST_BLOCKED": NOT_ON_WORKERS,
        "spark.executorEnv.OMP_NUM_THREADS": "1",
    }
    builder = SparkSession.builder.master("local[2]").appName("test")
    for name, value in settings.items():
        builder = builder.config(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pyspark itself
        session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ResourceWarning)  # sockets of pyspark
        warnings.filterwarnings("ignore", module=r"pyspark\..*")
        yield


@pytest.fixture(scope="module")
def fit(grouped_laplace_fit):
    return grouped_laplace_fit


@pytest.fixture(scope="module")
def some(cdnow):
    """Every third customer, of all cohorts."""
    return cdnow[::3].reset_index(drop=True)


@pytest.fixture(scope="module")
def local_scores(fit, some):
    return ltv.score(fit, some, DECISION, seed=5, draws=50, accept_failed=failed(fit))


def failed(fit):
    return [result.name for result in ltv.check(fit).results if result.status == "fail"]


def frame_of(spark, frame, partitions):
    """The rows, shuffled, in as many partitions."""
    shuffled = frame.sample(frac=1.0, random_state=1).to_dict("list")
    import pyarrow as pa

    return spark.createDataFrame(pa.table(shuffled)).repartition(partitions)


def collected(frame, like):
    """The rows of a Spark DataFrame in the order of `like`, with the types of pandas."""
    import pyarrow as pa

    table = pa.Table.from_batches(frame.toArrow().to_batches())
    rows = table.to_pandas().set_index("customer_id")
    assert rows.index.is_unique
    assert len(rows) == len(like)
    return rows.loc[like["customer_id"]].reset_index()[list(like.columns)]


def assert_same(one, other):
    lists = [name for name in ("repeat_days",) if name in one]
    plain = one.columns.difference(lists)
    pd.testing.assert_frame_equal(
        one[plain], other[plain], check_exact=True, check_dtype=False, check_index_type=False
    )
    for name in lists:
        assert [list(days) for days in one[name]] == [list(days) for days in other[name]]


def nasty_log():
    rows = pd.DataFrame(NASTY, columns=["customer_id", "day", "amount"])
    days = pd.Timestamp("2023-12-31") + pd.to_timedelta(rows["day"], unit="D")
    return rows.drop(columns="day").assign(date=days, channel=np.where(rows.customer_id < "a", "web", "shop"))


def quietly(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        return ltv.summarize(*args, **kwargs)


@pytest.mark.slow
def test_cdnow_is_summarized_as_locally(spark, cdnow_log, cdnow):
    log = frame_of(spark, cdnow_log, 5)
    made = ltv.spark.summarize(log, observation_end="1997-09-30", groups=["cohort"])
    assert_same(collected(made, cdnow), cdnow)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"groups": ["channel"], "cohort": "month"}, marks=pytest.mark.slow),
        {
            "refunds": "drop",
            "time_unit": "day",
            "acquired_from": "2024-01-04",
            "repeat_days": False,
            "cohort": "week",
        },
    ],
    ids=str,
)
def test_a_nasty_log_is_summarized_as_locally(spark, options):
    log = nasty_log()
    local = quietly(log, observation_end="2024-01-30", **options)
    made = ltv.spark.summarize(frame_of(spark, log, 4), observation_end="2024-01-30", **options)
    assert_same(collected(made, local), local)


def test_what_is_wrong_with_a_log_is_said_with_ids(spark):
    log = nasty_log()
    wrong = log.assign(amount=log["amount"].where(log["customer_id"] != "7"))
    with pytest.raises(ltv.DataError, match=r"'amount' is missing or unreadable in 1 of 23 rows \(id 7\)"):
        ltv.spark.summarize(frame_of(spark, wrong, 2))
    with pytest.raises(ltv.DataError, match="5 rows have a negative amount"):
        ltv.spark.summarize(frame_of(spark, log, 2), refunds="error")
    two = pd.concat([log, log[:1].assign(channel="fax")])
    with pytest.raises(ltv.DataError, match=r"more than one value .*\(id 007\)"):
        ltv.spark.summarize(frame_of(spark, two, 2), groups=["channel"])


@pytest.mark.parametrize(
    "day",
    ["24-01-05", "05-01-24", "2024-01", "2024-01-05 10:00:00 UTC", "2024-01-05 10:00+01:00", "0000-01-01"],
)
def test_text_that_is_no_day_is_refused_as_locally(spark, day):
    log = pd.DataFrame({"customer_id": ["a", "b"], "date": [day, "2024-02-05"], "amount": 5.0})
    with pytest.raises(ltv.DataError, match=r"'date' is missing or unreadable in 1 of 2 rows \(id a\)"):
        ltv.spark.summarize(frame_of(spark, log, 2), observation_end="2024-06-30")


def test_odd_days_and_small_amounts_are_warned_of_as_locally(spark):
    days = ["2024-01-05", "2024-02-05 23:59:59.9999999", "1900-01-01", "1999-01-01"]
    log = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "date": days, "amount": [5.0, 4e-7, 5.0, 5.0]})
    messages = []
    for summarize, frame in ((ltv.summarize, log), (ltv.spark.summarize, frame_of(spark, log, 2))):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ltv.BayesltvWarning)
            summarize(frame, observation_end="2024-06-30")
        told = [str(each.message) for each in caught if issubclass(each.category, ltv.BayesltvWarning)]
        wanted = ("rows are dated", "six decimals")
        messages.append([each.split(", 4e-07")[0] for each in told if any(part in each for part in wanted)])
    local, made = messages
    assert len(local) == 3
    assert made[1:] == local[1:]
    assert made[0].startswith("1 amounts in column 'amount' are so small")
    assert local[0].startswith("1 amounts in column 'amount' are so small")


def test_scores_are_those_of_the_local_engine_to_the_byte(spark, fit, some, local_scores):
    summary = frame_of(spark, some, 6)
    options = {"time_unit": "week", "observation_end": "1997-09-30", "accept_failed": failed(fit)}
    made = ltv.spark.score(summary, fit, DECISION, seed=5, draws=50, **options)
    assert made.rdd.getNumPartitions() >= 4
    assert_same(collected(made, local_scores), pd.DataFrame(local_scores))
    totals = ltv.spark.totals(summary, fit, DECISION, seed=5, draws=50, **options)
    assert totals.identical(local_scores.totals)


@pytest.mark.parametrize("kind", ["relative", pytest.param("share", marks=pytest.mark.slow)])
def test_tiers_relative_to_others_begin_where_they_begin_locally(spark, fit, some, kind, monkeypatch):
    decision, accepted = replace(DECISION, tiers=ltv.TierSpec(BANDS, kind=kind)), failed(fit)
    local = ltv.score(fit, some, decision, seed=5, draws=50, accept_failed=accepted)
    monkeypatch.setattr(thresholds, "FIRST_SAMPLE", 20)  # of 786: samples before all
    options = {"time_unit": "week", "observation_end": "1997-09-30", "accept_failed": accepted}
    summary = frame_of(spark, some, 5)
    made = ltv.spark.score(summary, fit, decision, seed=5, draws=50, **options)
    assert_same(collected(made, local), pd.DataFrame(local))
    found = ltv.spark.thresholds(summary, fit, decision, seed=5, draws=50, **options)
    assert found.tolist() == local.attrs["thresholds"]
    totals = ltv.spark.totals(summary, fit, decision, seed=5, draws=50, thresholds=found, **options)
    assert totals.identical(local.totals)
    often, options = summary.where("frequency > 9"), {**options, "thresholds": found}
    few = ltv.spark.score(often, fit, decision, seed=5, draws=50, **options)
    wanted = pd.DataFrame(local)[local["frequency"] > 9].reset_index(drop=True)
    assert len(wanted) > 3
    assert_same(collected(few, wanted), wanted)
    nobody, options["thresholds"] = summary.where("frequency < 0"), None
    assert ltv.spark.score(nobody, fit, decision, seed=5, draws=50, **options).count() == 0


def test_absolute_tiers_have_no_thresholds_to_be_found(spark, fit, cdnow):
    options = {"time_unit": "week", "accept_failed": failed(fit)}
    assert ltv.spark.thresholds(frame_of(spark, cdnow[:20], 2), fit, DECISION, seed=5, **options) is None


def test_the_same_is_said_before_the_first_row_on_every_engine(spark, cdnow, tmp_path):
    plain = point_fit({name: value for name, value in POINT.items() if name not in "pqv"}, draws=20)
    some, said = ltv.as_summary(cdnow[:20]), []
    some.to_parquet(tmp_path / "summary.parquet")
    options = {"time_unit": "week", "observation_end": "1997-09-30"}
    for ask in (
        lambda: ltv.score(plain, some, DECISION, seed=1),
        lambda: ltv.score_to(plain, tmp_path / "summary.parquet", DECISION, out=tmp_path / "scores", seed=1),
        lambda: ltv.spark.score(frame_of(spark, some, 2), plain, DECISION, seed=1, **options),
    ):
        with warnings.catch_warnings(record=True) as caught:  # pyspark has warnings of its own
            warnings.simplefilter("always", ltv.BayesltvWarning)
            ask()
        said.append([str(each.message) for each in caught if each.category is ltv.BayesltvWarning])
    assert said[0] == said[1] == said[2]
    assert ["no spend model" in each for each in said[0]] == [True]


def test_the_example_of_the_documentation_gives_the_local_scores(
    spark, fit, some, cdnow_log, tmp_path, monkeypatch
):
    (example,) = re.findall(
        r"^```python\n(.*?)^```", GUIDE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    monkeypatch.chdir(tmp_path)
    cdnow_log[cdnow_log["customer_id"].isin(some["customer_id"])].to_parquet("log.parquet")
    ltv.save(fit, "fit.nc")
    made = {"spark": spark}
    example = example.replace('"log.parquet"', f'"{tmp_path}/log.parquet"')  # the JVM has its own directory
    for name in ("summary", "scores"):
        example = example.replace(f'parquet("{name}")', f'parquet("{tmp_path}/{name}")')
    exec(compile(example, str(GUIDE), "exec"), made)
    local = ltv.score(fit, some, DECISION, seed=1)
    assert_same(collected(spark.read.parquet(f"{tmp_path}/scores"), local), pd.DataFrame(local))
    assert made["totals"].identical(local.totals)


@pytest.mark.parametrize("relative", [False, True])
def test_a_clock_reaches_the_workers(spark, cdnow, relative):
    clock, path = ltv.ClockSpec(), 0.8 * np.random.default_rng(2).standard_normal((20, 10))
    variables = {"clock_sd": 0.8, "clock_rho": 0.5}
    fit = clock_fit(POINT, path, clock=clock, start="1997-01-01", end="1997-09-30", variables=variables)
    decision = RELATIVE if relative else DECISION
    some = cdnow[:150]
    local = ltv.score(fit, some, decision, seed=5)
    options = {"seed": 5, "time_unit": "week", "observation_end": "1997-09-30"}
    summary = frame_of(spark, some, 4)
    made = collected(ltv.spark.score(summary, fit, decision, **options), local)
    assert_same(made, pd.DataFrame(local))
    assert ltv.spark.totals(summary, fit, decision, **options).identical(local.totals)
    plain = ltv.score(point_fit(POINT, draws=20), some, decision, seed=5)
    assert not np.allclose(made["expected_purchases"], plain["expected_purchases"], rtol=0.01)


def test_a_clock_without_the_days_it_needs_is_refused_before_any_work(spark, cdnow):
    path, variables = np.zeros((3, 10)), {"clock_sd": 0.8, "clock_rho": 0.5}
    fit = clock_fit(
        POINT, path, clock=ltv.ClockSpec(), start="1997-01-01", end="1997-09-30", variables=variables
    )
    summary = frame_of(spark, cdnow[:20].drop(columns="first_purchase"), 2)
    with pytest.raises(ltv.DataError, match="'first_purchase'"):
        ltv.spark.score(summary, fit, DECISION, seed=5, time_unit="week")


def test_covariates_reach_the_workers(spark, cdnow):
    fit, rng = covariate_fit(POINT, draws=20), np.random.default_rng(3)
    some = cdnow[:300]
    some = some.assign(age=rng.integers(20, 60, 300), channel=rng.choice(["web", "app", "shop"], 300))
    local = ltv.score(fit, some, DECISION, seed=5)
    options = {"seed": 5, "time_unit": "week", "observation_end": "1997-09-30"}
    summary = frame_of(spark, some, 4)
    made = ltv.spark.score(summary, fit, DECISION, **options)
    assert_same(collected(made, local), pd.DataFrame(local))
    assert ltv.spark.totals(summary, fit, DECISION, **options).identical(local.totals)
    with pytest.raises(ltv.DataError, match="channel"):
        ltv.spark.score(summary.drop("channel"), fit, DECISION, **options)


@pytest.mark.slow
@pytest.mark.parametrize("relative", [False, True])
def test_pareto_nbd_reaches_the_workers(spark, cdnow, relative):
    values = {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669, "p": 3.6, "q": 4.5, "v": 34.0}
    fit, some = point_fit(values, draws=20, family="pareto_nbd"), cdnow[:300]
    decision = RELATIVE if relative else DECISION
    local = ltv.score(fit, some, decision, seed=5)
    options = {"seed": 5, "time_unit": "week", "observation_end": "1997-09-30"}
    summary = frame_of(spark, some, 4)
    made = ltv.spark.score(summary, fit, decision, **options)
    assert_same(collected(made, local), pd.DataFrame(local))
    assert ltv.spark.totals(summary, fit, decision, **options).identical(local.totals)


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated:DeprecationWarning")
def test_first_amounts_reach_the_workers_and_are_left_out_when_that_is_asked(spark, cdnow):
    fit, some = point_fit({**POINT, "delta": 0.8}, draws=20), cdnow.head(60)
    options = {"time_unit": "week", "observation_end": "1997-09-30"}
    local = ltv.score(fit, some, DECISION, seed=5, draws=20)
    for left_out in ([], ["first_amount"]):  # which value_to_date tells as well
        frame = frame_of(spark, some.drop(columns=left_out), 2)
        made = collected(ltv.spark.score(frame, fit, DECISION, seed=5, draws=20, **options), local)
        np.testing.assert_array_equal(made["ltv_mean"], local["ltv_mean"])
    bare = frame_of(spark, some.drop(columns=["first_amount", "value_to_date"]), 2)
    with pytest.raises(ltv.DataError, match="no column first_amount"):
        ltv.spark.score(bare, fit, DECISION, seed=5, draws=20, **options)
    asked = {"draws": 20, "without_first_amounts": True, **options}
    with pytest.warns(ltv.BayesltvWarning, match="first amounts are left out"):
        without = ltv.score(fit, some, DECISION, seed=5, draws=20, without_first_amounts=True)
    with pytest.warns(ltv.BayesltvWarning, match="first amounts are left out"):
        scores = ltv.spark.score(bare, fit, DECISION, seed=5, **asked)
    made = collected(scores, without.drop(columns="value_to_date"))
    np.testing.assert_array_equal(made["ltv_mean"], without["ltv_mean"])
    with pytest.warns(ltv.BayesltvWarning, match="first amounts are left out"):
        assert ltv.spark.totals(bare, fit, DECISION, seed=5, **asked).identical(without.totals)
    with pytest.raises(TypeError, match="drawz"):
        ltv.spark.totals(bare, fit, DECISION, seed=5, drawz=20)


def test_a_summary_that_says_no_unit_is_refused_before_any_work(spark, fit, cdnow):
    with pytest.raises(ltv.DataError, match="no time_unit"):
        ltv.spark.score(frame_of(spark, cdnow, 2), fit, DECISION, seed=5, accept_failed=failed(fit))


def test_a_fit_that_is_too_old_is_refused_before_any_work(spark, fit, cdnow):
    options = {"time_unit": "week", "observation_end": "1997-09-30", "accept_failed": failed(fit)}
    old = sealed(fit, observation_end="1997-08-31")
    with pytest.raises(ltv.CheckFailed, match="30 days before"):
        ltv.spark.score(frame_of(spark, cdnow, 2), old, DECISION, seed=5, max_fit_age_days=7, **options)


def test_nobody_is_scored_as_an_empty_table_with_the_right_columns(spark, fit, cdnow, local_scores):
    nobody = frame_of(spark, cdnow, 2).where("frequency < 0")
    options = {"time_unit": "week", "observation_end": "1997-09-30", "accept_failed": failed(fit)}
    made = ltv.spark.score(nobody, fit, DECISION, seed=5, **options)
    assert made.columns == list(local_scores.columns)
    assert made.count() == 0


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TEST_VERSION", "0.0.1", "bayesltv 0.0.1 is installed, the driver has"),
        ("TEST_ABSENT", "1", "is not installed"),
    ],
)
def test_a_worker_that_cannot_is_an_engine_error_that_says_so(
    spark, fit, cdnow, monkeypatch, variable, value, said
):
    monkeypatch.setitem(spark.sparkContext.environment, variable, value)
    options = {"time_unit": "week", "accept_failed": failed(fit)}
    with pytest.raises(ltv.EngineError, match=said) as caught:
        ltv.spark.score(frame_of(spark, cdnow, 2), fit, DECISION, seed=5, **options)
    assert caught.value.exit_code == 15


def test_another_frame_than_sparks_is_refused():
    with pytest.raises(ltv.DataError, match=r"use ltv\.summarize"):
        ltv.spark.summarize(nasty_log())


def test_currencies_are_not_mixed(spark, fit, cdnow):
    dollars = sealed(fit, currency="USD")
    euros = replace(DECISION, value=replace(DECISION.value, currency="EUR"))
    with pytest.raises(ltv.SpecError, match="the decision says EUR, the fit says USD"):
        ltv.spark.score(frame_of(spark, cdnow, 2), dollars, euros, seed=1, accept_failed=failed(fit))


# ----------------------------------------------------------------------------------------------- the commands

PASSWORD = "not-for-any-log"


def run(*words):
    return CliRunner().invoke(app, ["spark", *map(str, words)])


def done(*words):
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def made(spark, world, tmp_path_factory):
    """A folder with what the commands read, and the summary and scores that they have made of it."""
    where = tmp_path_factory.mktemp("commands")
    log = pd.read_csv(world / "log.csv", dtype={"customer_id": str}, parse_dates=["date"])
    log.to_parquet(where / "log.parquet", index=False)
    for name in ("fit.nc", "summary.parquet"):
        (where / name).write_bytes((world / name).read_bytes())
    (where / "relative.toml").write_text(toml_text(RELATIVE.to_dict()))
    done("summarize", where / "log.parquet", "--observation-end", "1997-09-30", "--time-unit", "week",
         "--group", "channel", "--out", where / "summary")  # fmt: skip
    done(*scoring(where))
    return where


def scoring(where, *, summary="summary", out="scores", decision="relative.toml", seed=3):
    """The words that score; places that are no tables lie in the folder."""
    places = [each if each.startswith("table:") else where / each for each in (summary, out)]
    return ("score", where / "fit.nc", places[0], "--decision", where / decision, "--draws", 50,
            "--seed", seed, "--partitions", 3, "--out", places[1])  # fmt: skip


@pytest.fixture(scope="module")
def local(made):
    fit, summary = ltv.load(made / "fit.nc"), pd.read_parquet(made / "summary.parquet")
    return ltv.score(fit, summary, ltv.load_decision(made / "relative.toml"), seed=3, draws=50)


@pytest.mark.slow
def test_the_commands_make_what_the_local_ones_make(spark, made, local):
    summary = pd.read_parquet(made / "summary.parquet")
    assert_same(collected(spark.read.parquet(str(made / "summary")), summary), summary)
    assert_same(collected(spark.read.parquet(str(made / "scores")), local), pd.DataFrame(local))
    stored = read_scores(made / "scores", ltv.load(made / "fit.nc"))  # compared with its manifest
    assert len(stored) == len(local)
    assert stored.totals.equals(local.totals)
    manifest = json.loads((made / "scores" / "_manifest.json").read_text())
    assert manifest["found"]["thresholds"] == local.attrs["thresholds"]
    assert sum(part.get("rows", 0) for part in manifest["files"].values()) == len(local)
    assert not [each.name for each in made.iterdir() if each.name.startswith(".")]


@pytest.mark.slow
def test_tables_of_the_catalogue_are_read_and_written_by_name(spark, made, local):
    spark.read.parquet(str(made / "log.parquet")).write.saveAsTable("orders")
    done("summarize", "table:orders", "--observation-end", "1997-09-30", "--time-unit", "week",
         "--group", "channel", "--out", "table:customers")  # fmt: skip
    for seed in (4, 3):  # the second replaces the first
        done(*scoring(made, summary="table:customers", out="table:scores", seed=seed))
    found = spark.table("scores")
    assert found.columns[:3] == ["customer_id", "as_of_date", "model_version"]
    assert_same(collected(found, local), pd.DataFrame(local))
    totals = spark.table("scores_totals").toPandas().set_index(["group", "tier", "draw"])
    plain = local.totals.to_dataframe()
    pd.testing.assert_frame_equal(totals.loc[plain.index][list(plain)], plain, check_dtype=False)
    (line,) = spark.table("scores_manifest").collect()
    assert (line["customers"], json.loads(line["manifest"])["seed"]) == (len(local), 3)
    left = {each.name for each in spark.catalog.listTables()}
    assert left == {"orders", "customers", "scores", "scores_totals", "scores_manifest"}
    result = run(*scoring(made, summary="table:costumers", out="table:scores"))
    assert (result.exit_code, "nearest: customers" in result.output) == (10, True), result.output


@pytest.mark.slow
def test_a_run_that_fails_leaves_what_was_there(spark, made, local):
    before = {each.name for each in (made / "scores").iterdir()}
    summary = pd.read_parquet(made / "summary.parquet")
    for name, wrong, said in (
        ("bad", summary.assign(recency=summary["T"] + (summary.index == 7)), "recency"),
        ("twice", pd.concat([summary, summary[:1]]), "more than once"),
    ):
        wrong.to_parquet(made / f"{name}.parquet", index=False)
        words = (*scoring(made, summary=f"{name}.parquet", seed=9), "--time-unit", "week",
                 "--observation-end", "1997-09-30")  # fmt: skip
        result = run(*words)
        assert (result.exit_code, said in result.output) == (10, True), result.output
    for summary, out, said in (
        ("nothing", "scores", "does not exist"),
        ("summary", "", "holds other things"),
        ("summary", "fit.nc", "Spark writes folders"),
        ("summary", "summary", "read by this very command"),
    ):
        result = run(*scoring(made, summary=summary, out=out))
        assert (result.exit_code, said in result.output) == (14, True), result.output
    assert {each.name for each in (made / "scores").iterdir()} == before
    assert_same(collected(spark.read.parquet(str(made / "scores")), local), pd.DataFrame(local))
    assert not [each.name for each in made.iterdir() if each.name.startswith(".")]


@pytest.mark.slow
def test_the_examples_of_help_run(made, tmp_path, monkeypatch):
    """Spark's paths are those of the process that its Java began in, so that they are made absolute here."""
    for name in ("log.parquet", "fit.nc"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    for name in ("summarize", "score"):
        last = run(name, "--help").output.rstrip().splitlines()[-1]
        program, group, *words = shlex.split(last)
        assert (program, group) == ("bayesltv", "spark")
        done(*words)


@pytest.mark.slow
def test_no_secret_of_the_configuration_is_told(made, monkeypatch, tmp_path):
    """In a process of its own, whose configuration holds one: neither in output, files nor process list."""
    (tmp_path / "spark-defaults.conf").write_text(f"spark.hadoop.fs.s3a.secret.key {PASSWORD}\n")
    words = [sys.executable, "-m", "bayesltv", *map(str, ("spark", *scoring(made, out="other"), "--json"))]
    environment = {**os.environ, "SPARK_CONF_DIR": str(tmp_path), "SPARK_LOCAL_IP": "127.0.0.1"}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as job:
        seen = set()
        with ThreadPoolExecutor(1) as pool:
            said = pool.submit(job.communicate)
            while not said.done():
                seen |= {PASSWORD in line for line in command_lines()}
                time.sleep(0.2)
            output, errors = said.result()
    assert job.returncode == 0, errors
    assert json.loads(output)["customers"] == 250
    assert seen == {False}
    assert PASSWORD not in output + errors
    assert not [each for each in (made / "other").iterdir() if PASSWORD.encode() in each.read_bytes()]


def command_lines():
    """What a list of processes shows of each."""
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield each.read_bytes().decode("utf-8", "replace")

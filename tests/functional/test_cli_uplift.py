"""``bayesltv uplift`` and what ``bayesltv decide`` makes of it: from a test on file to a plan on file."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bayesltv.cli.app import app
from bayesltv.specs.decision.stages import STAGES

pytestmark = pytest.mark.usefixtures("unpainted")

QUICK = ("--chains", 4, "--draws", 400, "--cores", 2)
DECISION = """
[value]
horizon = "12 months"
annual_discount_rate = 0.1
margin = 0.3
[tiers.high]
at_least = 10.0
[tiers.low]
[stages]
[actions.letter]
kind = "contact"
window = "8 weeks"
contact = 0.2
test = "spring"
[actions.coupon]
kind = "discount"
window = "8 weeks"
contact = 0.05
discount = 0.05
test = "spring"
"""


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A test by tier and stage: a letter triples the rate of those who are active, a coupon does nothing."""
    where = tmp_path_factory.mktemp("uplift")
    rng = np.random.default_rng(8)
    parts = []
    for tier in ("low", "high"):
        for stage in STAGES:
            rate, typical = 0.1 * np.exp(0.5 * rng.standard_normal()), 3.0 + 0.3 * rng.standard_normal()
            for arm in ("control", "letter", "coupon"):
                times = 3.0 if (stage, arm) == ("active", "letter") else 1.0
                bought = rng.poisson(times * rate, 400) > 0
                spend = np.where(bought, rng.lognormal(typical, 0.6, 400).round(2), 0.0)
                parts.append(pd.DataFrame({"tier": tier, "stage": stage, "arm": arm, "spend": spend}))
    frame = pd.concat(parts, ignore_index=True).sample(frac=1.0, random_state=1)
    frame.insert(0, "customer_id", [f"{i:05d}" for i in range(len(frame))])
    frame.to_csv(where / "test.csv", index=False)
    return where


@pytest.fixture(scope="module")
def fitted(folder):
    done = run(
        "uplift", folder / "test.csv", "--cells", "tier,stage", "--outcome", "spend", "--randomised", "--out",
        folder / "spring.nc", "--seed", 3, *QUICK, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_effects_are_told_by_cell_raw_and_shrunk(folder, fitted):
    assert (fitted["customers"], fitted["effect_source"], fitted["passed"]) == (9600, "test", True)
    frame = pd.read_csv(folder / "test.csv")
    means = frame.groupby(["tier", "stage", "arm"])["spend"].mean()
    rows = {(row["cell"], row["arm"]): row for row in fitted["effects"]}
    for tier in ("low", "high"):
        for stage in STAGES:
            for arm in ("letter", "coupon"):
                row = rows[f"{tier} | {stage}", arm]
                assert row["customers"] == row["control_customers"] == 400
                raw = means[tier, stage, arm] - means[tier, stage, "control"]
                assert row["effect_raw"] == pytest.approx(raw)
    assert rows["low | active", "letter"]["p_positive"] > 0.99
    assert rows["low | active", "letter"]["rate_p50"] == pytest.approx(3.0, rel=0.35)
    assert rows["low | lapsed", "letter"]["rate_p50"] < 2.0


def test_a_plan_takes_its_effects_from_the_test(world, folder, fitted, tmp_path):
    (tmp_path / "mine.toml").write_text(DECISION)
    done = run(
        "decide", world / "fit.nc", world / "summary.parquet", "--decision", tmp_path / "mine.toml",
        "--test", f"spring={folder / 'spring.nc'}", "--out", tmp_path / "plan", "--draws", 100,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "What the tests measured" in done.stdout
    table = pd.read_csv(tmp_path / "plan" / "uplift.csv", encoding="utf-8-sig")
    assert table["test"].unique().tolist() == ["spring"]
    assert len(table) == 2 * 8 + 2
    told = pd.read_csv(tmp_path / "plan" / "effects.csv", encoding="utf-8-sig")
    assert set(told.loc[told["parameter"] == "rate", "effect_source"]) == {"test"}
    export = pd.read_parquet(tmp_path / "plan" / "customers.parquet")
    letters = export.groupby("stage")["recommended_action"].agg(lambda names: (names == "letter").mean())
    assert letters["active"] > 0.2
    assert letters["active"] > letters.drop("active").max()


@pytest.fixture(scope="module")
def with_histories(world, tmp_path_factory):
    """A test of the world's customers in the eight weeks after their summary ends; letters bring orders."""
    where, rng = tmp_path_factory.mktemp("histories"), np.random.default_rng(2)
    people = pd.read_parquet(world / "summary.parquet")
    frame = pd.DataFrame({"customer_id": people["customer_id"]})
    frame["arm"] = np.where(rng.permutation(len(frame)) % 2 == 1, "letter", "control")
    frame["orders"] = rng.poisson(0.25 * np.where(frame["arm"] == "letter", 1.6, 1.0))
    frame["spend"] = np.where(frame["orders"] > 0, rng.gamma(4.0 * frame["orders"].clip(1), 8.0).round(2), 0)
    frame.to_csv(where / "test.csv", index=False)
    return where, str(people.attrs["observation_end"])


def ask(world, where, end, *changed):
    return (
        "uplift", where / "test.csv", "--outcome", "spend", "--randomised", "--fit", world / "fit.nc",
        "--summary", world / "summary.parquet", "--purchases", "orders", "--window", "8 weeks",
        "--assigned-on", end, "--out", where / "spring.nc", *changed,
    )  # fmt: skip


def test_a_test_with_histories_gives_a_factor_that_the_plan_names(world, with_histories, tmp_path):
    where, end = with_histories
    done = run(*ask(world, where, end))
    assert done.exit_code == 0, done.output
    assert "the rate is a factor on the purchase rate" in " ".join(done.stdout.split())
    (tmp_path / "mine.toml").write_text(DECISION.split("[actions.coupon]")[0])
    decide = ("decide", world / "fit.nc", world / "summary.parquet", "--decision", tmp_path / "mine.toml")
    done = run(*decide, "--test", f"spring={where / 'spring.nc'}", "--out", tmp_path / "plan", "--draws", 80)
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert (
        "letter: a test measured rate (factor on the purchase rate within 8 weeks), spend (ratio of" in said
    )
    assert "dropout, rate_after are assumed" in said
    told = pd.read_csv(tmp_path / "plan" / "effects.csv", encoding="utf-8-sig").set_index("parameter")
    assert told.loc["rate", "measured_as"] == "factor on the purchase rate within 8 weeks"


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        (("--assigned-on", "1997-01-31"), 10, "after the arms were assigned on 1997-01-31"),
        (("--fit", "failed.nc"), 13, "failed 1 of"),
        (("--window", "a while"), 11, "a while"),
        (("--purchases", "orderz"), 10, "did you mean 'orders'"),
    ],
)
def test_histories_that_are_not_of_the_test_have_one_clear_error(world, with_histories, changed, code, says):
    where, end = with_histories
    option, value = changed
    done = run(*ask(world, where, end, option, world / value if option == "--fit" else value))
    assert done.exit_code == code, done.output
    assert says in done.stderr


def test_a_fit_without_its_summary_is_refused(world, folder, tmp_path):
    out = tmp_path / "out.nc"
    done = run(
        "uplift",
        folder / "test.csv",
        "--outcome",
        "spend",
        "--randomised",
        "--fit",
        world / "fit.nc",
        "--out",
        out,
    )
    assert done.exit_code == 2
    assert "go together" in done.stderr
    assert not out.exists()


def test_a_test_that_no_action_names_is_refused(world, folder, fitted, tmp_path):
    (tmp_path / "mine.toml").write_text(DECISION)
    done = run(
        "decide", world / "fit.nc", world / "summary.parquet", "--decision", tmp_path / "mine.toml",
        "--test", f"autumn={folder / 'spring.nc'}", "--out", tmp_path / "plan",
    )  # fmt: skip
    assert done.exit_code == 11
    assert "no action takes its effects from the test 'autumn'" in done.stderr
    assert not (tmp_path / "plan").exists()


@pytest.mark.parametrize(
    ("change", "options", "code", "says"),
    [
        (None, ("--outcome", "spend"), 10, "were the arms assigned at random?"),
        (None, ("--outcome", "spent", "--randomised"), 10, "spent"),
        (None, ("--outcome", "spend", "--randomised", "--cells", "region"), 10, "region"),
        (None, ("--outcome", "spend", "--randomised", "--share", "mail"), 2, "ARM=SHARE"),
        (None, ("--outcome", "spend", "--randomised", "--effect-sd", "rate"), 2, "EFFECT=SD"),
        (
            None,
            ("--outcome", "spend", "--randomised", "--effect-sd", "rate=9"),
            11,
            "effect_sd of rate is 9.0",
        ),
        ("12,control", ("--outcome", "spend", "--randomised"), 10, "spend is no number for 1 of 9,600 rows"),
        ("gone", ("--outcome", "spend", "--randomised"), 14, "does not exist"),
    ],
)
def test_each_mistake_has_one_clear_error(folder, tmp_path, change, options, code, says):
    path = folder / "test.csv"
    if change == "gone":
        path = tmp_path / "gone.csv"
    elif change is not None:
        frame = pd.read_csv(path, dtype=str)
        frame.loc[0, "spend"] = "12 euros"
        path = tmp_path / "test.csv"
        frame.to_csv(path, index=False)
    done = run("uplift", path, *options, "--out", tmp_path / "out.nc")
    assert done.exit_code == code, done.output
    assert says in done.stderr
    assert not (tmp_path / "out.nc").exists()


def test_a_plan_of_tests_is_told_and_written(world, tmp_path):
    belief = '[actions.letter.effects.rate]\nmass = 0.9\nbetween = [0.6, 2.5]\nwhy = "a guess"\n'
    text = DECISION.split("[actions.coupon]")[0].replace('test = "spring"\n', "") + belief
    (tmp_path / "mine.toml").write_text(text)
    done = run(
        "decide", world / "fit.nc", world / "summary.parquet", "--decision", tmp_path / "mine.toml",
        "--plan-test", "--test-cost", 5, "--customers-per-week", 40, "--out", tmp_path / "plan",
        "--draws", 60, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["test_plans"]
    table = pd.read_csv(tmp_path / "plan" / "test_plans.csv", encoding="utf-8-sig")
    assert [row["action"] for row in told] == table["action"].tolist() == ["letter"]
    assert told[0]["evppi"] >= 0
    assert told[0]["n_per_arm"] * 2 <= told[0]["customers"]
    if told[0]["n_per_arm"]:
        assert told[0]["weeks"] == pytest.approx(told[0]["n_per_arm"] * 2 / 40 + 8, rel=0.1)
    assert (tmp_path / "plan" / "figures" / "test_value_letter.png").is_file()

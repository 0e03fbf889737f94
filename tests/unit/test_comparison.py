"""``compare`` prefers the model that made the data; a backtest is evaluations at several dates."""

import json

import arviz as az
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import bayesltv as ltv
from bayesltv.data.summary.validate import validate_summary
from bayesltv.report import plot as draw
from helpers import sealed

WORLD = {"r": 1.0, "alpha": 4.0, "a": 2.5, "b": 2.5}
END = "1997-12-31"
FAMILIES = {"bg": "pooled", "mbg": "mbg_pooled"}


def specs():
    return {name: ltv.load_spec(spec).without_spend() for name, spec in FAMILIES.items()}


def world(family, *, seed, end=END):
    """In which many leave at once: what tells the two families apart."""
    return ltv.simulate_log(3000, seed=seed, family=family, purchase=WORLD, observation_end=end)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "name"), [("mbg_nbd", "mbg"), ("bg_nbd", "bg")])
def test_the_family_that_made_the_log_is_preferred(family, name):
    log = world(family, seed=41, end="1998-06-30")
    summary = ltv.summarize(log, observation_end=END, time_unit="week", monetary_value_col=None)
    found = ltv.compare(
        summary, specs(), log=log, horizon="25 weeks", method="laplace", progress=False,
        columns={"monetary_value_col": None},
    )  # fmt: skip
    assert found.best == name
    assert f"use {name}" in found.verdict
    row = found.loo[found.loo["rank"] == 1].iloc[0]
    assert -row["elpd_diff"] > 2 * row["dse"]  # about 5 expected with 3,000 customers, 3.4 with 1,200
    held = found.holdout.set_index("model")
    assert held["log_score_diff"].drop(name).item() < 0
    assert held.loc[name, "crps_diff"] == 0
    json.loads(found.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert draw.comparison(found).get_yticklabels()


def test_differences_are_those_of_customers_one_by_one(laplace_fit, cdnow):
    few = cdnow.iloc[::20].reset_index(drop=True)
    few.attrs = cdnow.attrs
    mine = sealed(laplace_fit, fingerprint=validate_summary(few).attrs["fingerprint"])
    other = mine.copy(deep=True)
    other["posterior"] = other["posterior"].to_dataset().assign(r=other["posterior"]["r"] * 1.1)
    other = sealed(other)
    found = ltv.compare(few, {"one": mine, "other": other})
    purchase = found.loo[found.loo["part"] == "purchase"].set_index("model")
    values = {}
    for name, fit in (("one", laplace_fit), ("other", other)):
        node = ltv.log_likelihood(fit, few)["purchase"]
        often = np.repeat(np.arange(node.sizes["unit"]), node["customers"].values)
        each = node["log_likelihood"].isel(unit=often).to_dataset(name="y").rename(unit="customer")
        tree = az.from_dict(
            {"posterior": {"r": fit["posterior"]["r"].values}, "log_likelihood": {"y": each["y"].values}}
        )
        values[name] = az.loo(tree, pointwise=True).elpd_i.values
    difference = values["other"] - values["one"]
    worst = purchase.loc[purchase["rank"] == 1].iloc[0]
    assert abs(worst["elpd_diff"]) == pytest.approx(abs(difference.sum()), rel=0.02)
    assert worst["dse"] == pytest.approx(np.sqrt(difference.size) * difference.std(), rel=0.02)


@pytest.mark.slow
def test_the_right_grouping_is_preferred():
    """Two group columns, of which one matters: the spec with it wins, the other does not help."""
    rng = np.random.default_rng(9)
    apart = {"shop": WORLD | {"r": 0.4}, "web": WORLD | {"alpha": 2.0, "r": 1.5}, "app": WORLD}
    log = ltv.simulate_log(
        dict.fromkeys(apart, 400), purchase=apart, seed=43, group_col="channel", observation_end=END
    )
    ids = log["customer_id"].unique()
    log["noise"] = log["customer_id"].map(dict(zip(ids, rng.choice(["x", "y", "z"], ids.size), strict=True)))
    summary = ltv.summarize(
        log, observation_end=END, time_unit="week", monetary_value_col=None, groups=["channel", "noise"]
    )
    by = {name: ltv.ModelSpec(groups=(name,), spend=None) for name in ("channel", "noise")}
    models = {"none": ltv.ModelSpec(spend=None), **by}
    found = ltv.compare(summary, models, sampler={"chains": 2, "tune": 500, "draws": 500}, progress=False)
    assert found.best == "channel"
    assert "use channel" in found.verdict
    behind = found.loo.set_index("model")
    assert abs(behind.loc["none", "elpd"] - behind.loc["noise", "elpd"]) < 10


def test_what_cannot_be_compared_is_refused_before_anything_is_fitted(laplace_fit, cdnow, cdnow_log):
    with pytest.raises(ltv.DataError, match="at least two"):
        ltv.compare(cdnow, {"one": laplace_fit})
    two = {"one": ltv.load_spec("pooled"), "two": ltv.load_spec("mbg_pooled")}
    with pytest.raises(ltv.DataError, match="both log= and horizon="):
        ltv.compare(cdnow, two, log=cdnow_log)
    with pytest.raises(ltv.DataError, match="1998-09-29"):
        ltv.compare(cdnow, two, log=cdnow_log, horizon="52 weeks")


def test_a_model_that_cannot_be_made_is_refused_by_name_before_the_first_is_fitted(cdnow_log):
    early = ltv.summarize(cdnow_log, observation_end="1997-03-01", time_unit="week", monetary_value_col=None)
    two = {"one": ltv.load_spec("pooled"), "by months": ltv.load_spec("clock")}
    with pytest.raises(ltv.DataError, match=r"^by months: the clock has 3 blocks of 4 weeks in 59 days"):
        ltv.compare(early, two, step=lambda _: pytest.fail("fitted"))


@pytest.mark.parametrize("fingerprint", ["another", "", None])
def test_a_fit_of_other_customers_or_of_nobody_knows_whom_is_refused(laplace_fit, cdnow, fingerprint):
    stranger = laplace_fit.copy()
    stranger.attrs = {**laplace_fit.attrs, "fingerprint": fingerprint}
    if fingerprint is None:
        del stranger.attrs["fingerprint"]
    stranger = sealed(stranger)
    with pytest.raises(ltv.DataError, match=r"1 of 2 fits .* different data .*two \((another|none)\)"):
        ltv.compare(cdnow, {"one": laplace_fit, "two": stranger})
    with pytest.raises(ltv.DataError, match="1 of 1 fits"):
        ltv.compare(cdnow, {"one": stranger, "two": ltv.load_spec("pooled")})
    with pytest.raises(ltv.DataError, match="2 of 2 fits"):
        ltv.compare(cdnow.iloc[1:], {"one": laplace_fit, "two": laplace_fit})


def test_a_log_needs_no_amounts_where_no_model_has_spend():
    log = world("bg_nbd", seed=45).drop(columns="amount", errors="ignore")
    summary = ltv.summarize(log, observation_end=END, time_unit="week", monetary_value_col=None)
    with pytest.raises(ltv.DataError, match="the log ends on"):  # what is looked at after its columns
        ltv.compare(summary, specs(), log=log, horizon="8 weeks")
    spending = {name: ltv.load_spec(spec) for name, spec in FAMILIES.items()}
    with pytest.raises(ltv.DataError, match="amount"):
        ltv.compare(summary, spending, log=log, horizon="8 weeks")


# ------------------------------------------------------------------------------------------- rolling origins


def test_a_backtest_is_an_evaluation_at_each_cut():
    log = world("bg_nbd", seed=44)
    spec = specs()["bg"]
    settings = {"horizon": "8 weeks", "seed": 5, "draws": 200}
    columns = {"monetary_value_col": None}
    found = ltv.backtest(
        log, spec, cuts=["1997-10-15", "1997-08-31"], method="laplace", columns=columns, progress=False,
        **settings,
    )  # fmt: skip
    assert found.table["cut"].tolist() == ["1997-08-31", "1997-10-15"]
    summary = ltv.summarize(log, observation_end="1997-08-31", time_unit="week", **columns)
    fit = ltv.fit(summary, spec, seed=5, method="laplace", progress=False)
    alone = ltv.evaluate(fit, summary, log, tracking=False, **columns, **settings)
    row = found.table.iloc[0]
    assert row["crps"] == pytest.approx(alone.score("crps"))
    total = alone.total()
    assert row["inside_90"] == (total["p05"] <= total["actual"] <= total["p95"])
    miss = max(total["p05"] - total["actual"], total["actual"] - total["p95"], 0)
    width = total["p95"] - total["p05"]
    assert row["interval_score"] == pytest.approx((width + 20 * miss) / len(summary))
    assert 0 <= found.total_coverage["purchases"] <= 1
    json.loads(found.to_json())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:\\d+ weeks are there:bayesltv.BayesltvWarning")
def test_a_backtest_judges_the_business_with_new_customers():
    log = ltv.simulate_log(
        1200, seed=44, family="bg_nbd", purchase=WORLD, observation_end=END, acquisition_days=350
    )
    settings = {"horizon": "4 weeks", "seed": 5, "draws": 50, "method": "laplace", "progress": False}
    cuts, columns = ["1997-09-30", "1997-10-15"], {"monetary_value_col": None}
    found = ltv.backtest(
        log, specs()["bg"], cuts=cuts, columns=columns, arrivals=True, rivals=["last_year"], **settings
    )
    table = found.business.query("forecaster == 'bayesltv'")
    assert table["cut"].tolist() == cuts
    days = pd.to_datetime(log["date"])
    bought = log.assign(day=days)[(days > cuts[0]) & (days <= "1997-10-28")]
    assert table["actual"].iloc[0] == len(bought.drop_duplicates(["customer_id", "day"]))
    assert len(json.loads(found.to_json())["business"]) == len(found.business)
    assert ltv.backtest(log, specs()["bg"], cuts=cuts[:1], columns=columns, **settings).business is None


def test_a_backtest_refuses_an_unknown_rival_before_it_fits(cdnow_log):
    with pytest.raises(ltv.SpecError, match="rival 'prophet' is unknown: there are last_year"):
        ltv.backtest(cdnow_log, "pooled", cuts=["1997-09-30"], horizon="4 weeks", rivals=["prophet"])


def test_a_backtest_looks_at_dates_before_it_fits(cdnow_log):
    spec = ltv.load_spec("pooled")
    with pytest.raises(ltv.DataError, match=r"1998-06-30.*is 1998-07-01"):
        ltv.backtest(cdnow_log, spec, cuts=["1997-09-30", "1997-12-31"], horizon="26 weeks")
    with pytest.raises(ltv.DataError, match="no cut"):
        ltv.backtest(cdnow_log, spec, cuts=[], horizon="26 weeks")
    with pytest.raises(ltv.DataError, match="not a date"):
        ltv.backtest(cdnow_log, spec, cuts=["soon"], horizon="26 weeks")
    with pytest.raises(ltv.DataError, match="columns has no"):
        ltv.backtest(cdnow_log, spec, cuts=["1997-09-30"], horizon="26 weeks", columns={"groups": []})


def test_names_in_brackets_are_shown_as_they_are(laplace_fit, cdnow):
    """A terminal's markup would leave them out."""
    few = cdnow.iloc[::20].reset_index(drop=True)
    few.attrs = cdnow.attrs
    mine = sealed(laplace_fit, fingerprint=validate_summary(few).attrs["fingerprint"])
    console = Console(width=200, record=True)
    console.print(ltv.compare(few, {"[old]": mine, "[new]": mine}))
    assert "purchase: [old], [new] cannot be told apart" in console.export_text()

"""An evaluation counts what happened rightly, and its figures are those of the draws of ``predict``."""

import json

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.evaluation.rules import LEVELS
from bayesltv.families.bg_nbd.counts import purchase_probability
from bayesltv.report import plot as draw
from bayesltv.specs.decision.tiers import Tier, TierSpec
from beta_geometric import purchase_probabilities
from helpers import point_fit

ML = {
    "r": 0.2425945,
    "alpha": 4.413602,
    "a": 0.792922,
    "b": 2.425907,
    "p": 6.24957,
    "q": 3.74422,
    "v": 15.44352,
}
FORECAST = {"horizon": "39 weeks", "seed": 3}


@pytest.fixture(scope="module")
def fit():
    return point_fit(ML, draws=400)


@pytest.fixture(scope="module")
def found(fit, cdnow, cdnow_log):
    return ltv.evaluate(fit, cdnow, cdnow_log, **FORECAST)


def test_probability_of_a_count_is_that_of_the_walked_distribution():
    for given in (
        (39.0, 0.7, 2.3, 43.0, 0.8, 4.4),
        (5.0, 1.0, 0.25, 4.0, 0.8, 2.4),
        (52.0, 0.3, 30.0, 40.0, 2.0, 1.0),
    ):
        walked = purchase_probabilities(*given)
        alone = [purchase_probability(y, *given) for y in range(walked.size)]
        assert alone == pytest.approx(walked, abs=1e-14)
        assert sum(alone) == pytest.approx(1.0)


def test_outcomes_are_counted_per_customer_whatever_the_order_of_rows(found, cdnow_holdout, cdnow_log):
    judged = found.customers.set_index("customer_id")
    assert (judged["purchases_actual"] == cdnow_holdout).all()
    spent = cdnow_log[cdnow_log["date"] > "1997-09-30"].groupby("customer_id")["amount"].sum()
    assert judged["spend_actual"].to_numpy() == pytest.approx(
        spent.reindex(judged.index, fill_value=0).to_numpy()
    )
    assert found.total()["actual"] == 1882
    assert found.total("returners")["actual"] == (cdnow_holdout > 0).sum() == 684


def test_figures_are_those_of_the_draws_of_predict(fit, found, cdnow, cdnow_holdout):
    draws = ltv.predict(fit, cdnow, annual_discount_rate=0.0, margin=1.0, **FORECAST)
    purchases = draws["purchases"].values[0].T  # (customer, draw)
    actual = cdnow_holdout.to_numpy()
    judged = found.customers
    assert judged["purchases_pit_upto"].to_numpy() == pytest.approx(
        (purchases <= actual[:, None]).mean(axis=1)
    )
    assert found.total()["mean"] == pytest.approx(purchases.sum(axis=0).mean())
    assert found.total("spend")["mean"] == pytest.approx(draws["spend"].sum("customer_id").values.mean())
    for level in LEVELS:
        tail = (1 - level) / 2
        low, high = np.quantile(purchases, [tail, 1 - tail], axis=1, method="inverted_cdf")
        row = found.coverage.query("quantity == 'purchases' and group == 'all' and level == @level")
        assert row["predictive"].item() == pytest.approx(((actual >= low) & (actual <= high)).mean())
    median = np.quantile(purchases, 0.5, axis=1, method="inverted_cdf")
    assert found.score("mae_of_median") == pytest.approx(np.abs(median - actual).mean())
    by_frequency = found.by_frequency.query("quantity == 'purchases'").set_index("frequency")
    twice = (cdnow["frequency"] == 2).to_numpy()
    assert by_frequency.loc["2", "predicted"] == pytest.approx(purchases[twice].mean())
    assert by_frequency.loc["2", "actual"] == pytest.approx(actual[twice].mean())


def test_expectations_at_the_maximum_likelihood_are_the_published_ones(found):
    judged = found.customers
    means = judged.groupby(judged["frequency"].clip(upper=7))["purchases_expected"].mean()
    published = [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.5040, 6.1570]
    assert means.to_numpy() == pytest.approx(published, abs=2e-4)
    assert found.score("log_score") == pytest.approx(-0.9845, abs=2e-4)
    assert found.score("rmse_of_mean") == pytest.approx(1.608, abs=1e-3)
    brier = found.events.set_index("event")["brier"]
    assert brier["purchase"] == pytest.approx(0.161, abs=1e-3)
    assert brier["P(alive) as a forecast"] == pytest.approx(0.608, abs=1e-3)


def test_blocks_threads_and_order_change_no_number(fit, found, cdnow, cdnow_log):
    mixed = cdnow.sample(frac=1.0, random_state=1)
    again = ltv.evaluate(fit, mixed, cdnow_log, block=97, threads=3, tracking=False, **FORECAST)
    same = again.customers.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(same, found.customers.sort_values("customer_id", ignore_index=True))
    pd.testing.assert_frame_equal(again.totals, found.totals)


def test_tracking_adds_up_to_what_happened(found):
    counted = found.tracking_actual["purchases"].values[found.tracking["is_forecast"].values]
    assert counted.sum() == 1882
    spent = found.tracking_actual["spend"].values
    assert spent[found.tracking["is_forecast"].values].sum() == pytest.approx(found.total("spend")["actual"])
    assert np.isfinite(spent).all()
    drawn = found.tracking["spend"].values[:, found.tracking["is_forecast"].values].sum(axis=1)
    assert drawn.mean() == pytest.approx(found.total("spend")["mean"])


def test_groups_are_judged_apart_and_add_up(cdnow, cdnow_log, grouped_laplace_fit):
    found = ltv.evaluate(grouped_laplace_fit, cdnow, cdnow_log, horizon="39 weeks", draws=200, tracking=False)
    totals = found.totals.query("quantity == 'purchases'").set_index("group")
    assert totals.loc["all", "actual"] == totals.drop(index="all")["actual"].sum() == 1882
    assert totals.loc["all", "mean"] == pytest.approx(totals.drop(index="all")["mean"].sum())
    scores = found.scores.query("quantity == 'purchases'").set_index("group")
    parts = scores.drop(index="all")
    assert set(parts.index) == set(cdnow["cohort"])
    assert scores.loc["all", "crps"] == pytest.approx(np.average(parts["crps"], weights=parts["customers"]))


def test_tiers_are_judged_over_their_own_horizon_and_without_service_cost(fit, cdnow, cdnow_log, decision):
    value = ltv.ValueSpec(horizon="39 weeks", annual_discount_rate=0.1, margin=0.3, service_cost=2.0)
    mine = ltv.DecisionSpec(value=value, tiers=decision.tiers)
    found = ltv.evaluate(fit, cdnow, cdnow_log, decision=mine, tracking=False, **FORECAST)
    tiers = [f"tier {name}" for name in decision.tiers.names]
    events = found.events.set_index("event").loc[tiers]
    assert events["actual"].sum() == pytest.approx(1.0)
    assert events["predicted"].sum() == pytest.approx(1.0)
    assert (events["brier"] < events["brier_of_share"] + 0.01).all()
    with pytest.raises(ltv.SpecError, match="their own horizon"):
        ltv.evaluate(fit, cdnow, cdnow_log, decision=decision, **FORECAST)


@pytest.mark.parametrize("kind", ["relative", "share"])
def test_tiers_relative_to_others_are_judged_against_ranks_found_by_sorting(fit, cdnow, cdnow_log, kind):
    tops = {"fair": 0.2, "high": 0.05} if kind == "relative" else {"fair": 0.8, "high": 0.3}
    bands = (Tier("low"), *(Tier(name, top=top) for name, top in tops.items()))
    value = ltv.ValueSpec(horizon="39 weeks", annual_discount_rate=0.0, margin=1.0, service_cost=5.0)
    mine = ltv.DecisionSpec(value=value, tiers=TierSpec(bands, kind))
    found = ltv.evaluate(fit, cdnow, cdnow_log, decision=mine, draws=100, tracking=False, **FORECAST)
    drawn = ltv.predict(fit, cdnow, annual_discount_rate=0.0, margin=1.0, draws=100, **FORECAST)
    judged = found.customers

    def in_top(values, top):
        order = np.argsort(-values, kind="stable")
        weight = np.ones(values.size) if kind == "relative" else values[order]
        last = order[np.searchsorted(np.cumsum(weight), top * weight.sum() * (1 + 1e-12), side="right")]
        return values > values[last]

    each = np.moveaxis(drawn["value"].values[0], 0, 1)
    for name, top in tops.items():
        above = ["fair", "high"] if name == "fair" else ["high"]
        actual = in_top(judged["spend_actual"].to_numpy(), top)
        assert (judged["tier_actual"].isin(above) == actual).all()
        assert 0 < actual.sum() < 2357
        chance = np.mean([in_top(column, top) for column in each.T], axis=0)
        assert judged[[f"p_tier_{one}" for one in above]].sum(axis=1).to_numpy() == pytest.approx(chance)
    events = found.events.set_index("event")
    high = np.mean((judged["p_tier_high"] - (judged["tier_actual"] == "high")) ** 2)
    assert events.loc["tier high", "brier"] == pytest.approx(high)
    assert {"tier low", "tier fair", "tier high"} <= set(found.reliability["event"])


def test_a_log_that_ends_too_early_names_the_day_that_it_should_reach(fit, cdnow, cdnow_log):
    with pytest.raises(ltv.DataError, match=r"the log ends on 1998-06-30, but 52 weeks .* is 1998-09-29"):
        ltv.evaluate(fit, cdnow, cdnow_log, horizon="52 weeks")
    quiet = cdnow_log[cdnow_log["date"] <= "1998-06-20"]
    with pytest.raises(ltv.DataError, match="1998-06-20"):
        ltv.evaluate(fit, cdnow, quiet, **FORECAST)
    ltv.evaluate(fit, cdnow, quiet, log_end="1998-06-30", draws=20, tracking=False, **FORECAST)


def test_new_customers_are_left_out_and_counted(fit, cdnow, cdnow_log):
    known = cdnow.iloc[:1000]
    found = ltv.evaluate(fit, known, cdnow_log, draws=50, tracking=False, **FORECAST)
    assert found.facts["customers"] == 1000
    kept = found.total()["actual"]
    assert kept + found.facts["purchases_of_new_customers"] == 1882
    assert found.facts["new_customers_left_out"] > 0


def test_a_log_of_other_customers_is_refused(fit, cdnow, cdnow_log):
    with pytest.raises(ltv.DataError, match="written alike"):
        ltv.evaluate(fit, cdnow, cdnow_log.assign(customer_id="x" + cdnow_log["customer_id"]), **FORECAST)


def test_without_amounts_purchases_alone_are_judged(fit, cdnow, cdnow_log):
    bare = cdnow_log.drop(columns="amount")
    with pytest.raises(ltv.DataError, match="amount"):
        ltv.evaluate(fit, cdnow, bare, **FORECAST)
    found = ltv.evaluate(fit, cdnow, bare, monetary_value_col=None, draws=50, tracking=False, **FORECAST)
    assert found.quantities == ("purchases",)


def test_a_result_is_plain_json(found):
    told = json.loads(found.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert told["facts"]["customers"] == 2357
    assert {row["quantity"] for row in told["totals"]} == {"purchases", "spend", "returners"}


@pytest.mark.parametrize("plot", [draw.pit, draw.coverage, draw.by_frequency, draw.reliability, draw.lift])
def test_every_picture_can_be_drawn(found, plot):
    ax = plot(found)
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert ax.get_title(loc="left")

"""The predictive on the CDNOW hold-out (39 weeks after 39 weeks) against figures of an exact implementation.

CRPS and interval coverage of the exact predictive at the maximum-likelihood parameters, computed once from
closed forms: CRPS .5104, largest deviation of the non-randomised PIT (Czado, Gneiting & Held 2009) .0198,
coverage of the 95 % interval .972; the sd of the cohort's total with parameters held fixed is 69.5.
"""

import numpy as np
import pytest

import bayesltv as ltv
import beta_geometric
from bayesltv.specs.catalogue import load_decision
from beta_geometric import p_spend_above, purchase_probabilities
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
TERMS = {"horizon": "39 weeks", "annual_discount_rate": 0.0, "margin": 1.0}


def by_customer(dataset, name):
    return dataset[name].stack(sample=("chain", "draw")).transpose("customer_id", "sample").values


def crps(draws, actual):
    """E|X − y| − E|X − X'|/2 of each row's empirical distribution."""
    ordered = np.sort(draws, axis=1).astype(float)
    n = ordered.shape[1]
    spread = (ordered * (2 * np.arange(1, n + 1) - n - 1)).sum(axis=1) / n**2
    return np.abs(ordered - actual[:, None]).mean(axis=1) - spread


def largest_pit_deviation(draws, actual, grid=None):
    grid = np.linspace(0, 1, 1001) if grid is None else grid
    below, upto = (draws < actual[:, None]).mean(axis=1), (draws <= actual[:, None]).mean(axis=1)
    width = np.maximum(upto - below, 1e-12)
    inside = np.clip((grid[None, :] - below[:, None]) / width[:, None], 0, 1)
    return np.abs(inside.mean(axis=0) - grid).max()


@pytest.fixture(scope="module")
def purchases(pooled_fit, cdnow):
    return by_customer(ltv.predict(pooled_fit, cdnow, seed=5, **TERMS), "purchases")


def test_crps_is_that_of_the_exact_predictive(purchases, cdnow_holdout):
    assert cdnow_holdout.sum() == 1882
    assert crps(purchases, cdnow_holdout.to_numpy()).mean() == pytest.approx(0.5104, abs=0.004)


def test_non_randomised_pit_deviates_as_the_exact_predictive_does(purchases, cdnow_holdout):
    assert largest_pit_deviation(purchases, cdnow_holdout.to_numpy()) == pytest.approx(0.0198, abs=0.003)


def test_94_percent_intervals_hold_about_97_percent_of_customers(purchases, cdnow_holdout):
    low, high = np.quantile(purchases, [0.03, 0.97], axis=1)
    covered = ((cdnow_holdout >= low) & (cdnow_holdout <= high)).mean()
    assert 0.95 <= covered <= 0.99


def test_equal_histories_get_independent_draws_so_that_the_total_has_its_right_spread(cdnow):
    fit = point_fit({name: ML[name] for name in ("r", "alpha", "a", "b")}, draws=4000)
    total = ltv.predict(fit, cdnow, seed=3, **TERMS)["purchases"].sum("customer_id").values
    assert total.std() == pytest.approx(69.5, abs=4)  # 112 where equal rows share their draws


def test_the_mean_of_draws_is_the_closed_form(pooled_fit, cdnow):
    spec = load_decision("retention")
    value = ltv.ValueSpec(horizon="39 weeks", annual_discount_rate=0.1, margin=0.3, service_cost=2.0)
    decision = ltv.DecisionSpec(value=value, tiers=spec.tiers)
    some = cdnow.iloc[::2]
    scores = ltv.score(pooled_fit, some, decision, seed=1, draws=None)
    draws = ltv.predict(
        pooled_fit,
        some,
        horizon="39 weeks",
        annual_discount_rate=0.1,
        margin=0.3,
        service_cost_per_year=2.0,
        seed=1,
    )
    for name, column in (("purchases", "expected_purchases"), ("value", "ltv_mean"), ("alive", "p_alive")):
        values = by_customer(draws, name).astype(float)
        error = values.std(axis=1) / np.sqrt(values.shape[1])
        difference = values.mean(axis=1) - scores[column].to_numpy()
        assert np.abs(difference.sum()) < 4.5 * np.sqrt((error**2).sum())
        # customers one by one: z scores spread as standard normals do, when draws and closed forms agree
        assert np.mean((difference[error > 0] / error[error > 0]) ** 2) == pytest.approx(1.0, abs=0.25)
    returned = (by_customer(draws, "purchases") > 0).mean(axis=1)
    assert np.abs(returned - scores["p_purchase_horizon"]).max() < 4.5 * 0.5 / np.sqrt(4000)


def test_tier_probabilities_are_those_of_the_exact_sum(cdnow):
    draws, thresholds = 4000, (25.0, 100.0)
    tiers = ltv.TierSpec((ltv.Tier("low"), ltv.Tier("medium", "", 25.0), ltv.Tier("high", "", 100.0)))
    value = ltv.ValueSpec(horizon="39 weeks", annual_discount_rate=0.0, basis="revenue")
    some = cdnow[cdnow["frequency"] > 0].iloc[:200]
    fit = point_fit(ML, draws=draws)
    scores = ltv.score(fit, some, ltv.DecisionSpec(value=value, tiers=tiers), seed=11, draws=None)
    r, alpha, a, b, p, q, v = ML.values()
    for (_, row), (_, score) in zip(some.iterrows(), scores.iterrows(), strict=True):
        alive = float(
            beta_geometric.p_alive(row.frequency, row.frequency, row.recency, row["T"], r, alpha, a, b)
        )
        counts = purchase_probabilities(
            39.0, alive, r + row.frequency, alpha + row["T"], a, b + row.frequency
        )
        above = [
            p_spend_above(threshold, counts, p, q + p * row.spend_count, v + row.spend_sum)
            for threshold in thresholds
        ]
        exact = np.array([1 - above[0], above[0] - above[1], above[1]])
        drawn = score[["p_tier_low", "p_tier_medium", "p_tier_high"]].to_numpy(float)
        assert np.all(np.abs(drawn - exact) < 4.5 * np.sqrt(exact * (1 - exact) / draws) + 1e-9)

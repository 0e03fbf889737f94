"""The simulator against closed forms that it does not use."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from bayesltv.data.log.summarize import summarize
from bayesltv.data.simulate import simulate_log, simulate_world
from bayesltv.errors import DataError

PURCHASE = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.4}
SPEND = {"p": 3.6, "q": 4.5, "v": 34.0}


@pytest.fixture(scope="module")
def world():
    return simulate_world(40_000, purchase=PURCHASE, spend=SPEND, seed=11)


def survival_of_none(family, t, p):
    """P(no repeat purchase in (0, t]): (alpha/(alpha+t))^r in BG; MBG may drop out at once."""
    none = (p["alpha"] / (p["alpha"] + t)) ** p["r"]
    at_once = 0.0 if family == "bg_nbd" else p["a"] / (p["a"] + p["b"])
    return at_once + (1 - at_once) * none


@pytest.mark.parametrize("family", ["bg_nbd", "mbg_nbd"])
def test_the_share_without_repeat_purchase_is_that_of_the_closed_form(family):
    customers = simulate_world(40_000, purchase=PURCHASE, family=family, acquisition_days=1, seed=5).customers
    t = customers["T"].iloc[0]
    expected = survival_of_none(family, t, PURCHASE)
    observed = (customers["purchases"] == 0).mean()
    assert observed == pytest.approx(expected, abs=4.5 * np.sqrt(expected * (1 - expected) / 40_000))


@pytest.mark.parametrize("family", ["bg_nbd", "mbg_nbd"])
def test_the_mean_number_of_purchases_is_that_of_quadrature(family):
    # E[X(t) | lam, p] = (1 - exp(-lam p t)) / p, times 1 - p for MBG (Fader, Hardie & Lee 2005, eq. 9)
    customers = simulate_world(40_000, purchase=PURCHASE, family=family, acquisition_days=1, seed=6).customers
    t, q = customers["T"].iloc[0], PURCHASE

    def integrand(p):
        mean = (1 - (q["alpha"] / (q["alpha"] + p * t)) ** q["r"]) / p
        return mean * (1 - p if family == "mbg_nbd" else 1) * stats.beta.pdf(p, q["a"], q["b"])

    expected = integrate.quad(integrand, 0, 1, points=[1e-6, 1e-3], limit=200)[0]
    x = customers["purchases"]
    assert x.mean() == pytest.approx(expected, abs=4.5 * x.std() / np.sqrt(len(x)))


def test_rates_and_dropout_probabilities_have_their_distributions(world):
    lam, p, nu = (world.customers[c] for c in ("lam", "p", "nu"))
    assert stats.kstest(lam, stats.gamma(0.25, scale=1 / 4.5).cdf).pvalue > 1e-4
    assert stats.kstest(p, stats.beta(0.8, 2.4).cdf).pvalue > 1e-4
    assert stats.kstest(nu, stats.gamma(4.5, scale=1 / 34.0).cdf).pvalue > 1e-4


def test_amounts_are_gamma_given_their_customer(world):
    log = simulate_world(3000, purchase=PURCHASE, spend=SPEND, seed=2, round_to=None)
    nu = log.customers.set_index("customer_id")["nu"].reindex(log.log["customer_id"]).to_numpy()
    assert stats.kstest(log.log["amount"].to_numpy() * nu, stats.gamma(3.6).cdf).pvalue > 1e-4


def test_the_dead_bought_for_the_last_time_when_they_dropped_out(world):
    dead = world.customers[~world.customers["alive_at_end"]]
    assert (dead["purchases"] > 0).all()
    assert (dead["dropout_after"] <= dead["T"]).all()
    last = summarize(world.log, observation_end="1997-09-30").set_index("customer_id")["recency"]
    days_off = last.reindex(dead["customer_id"]).to_numpy() * 7 - dead["dropout_after"].to_numpy() * 7
    assert days_off.min() >= 0
    assert days_off.max() <= 1
    assert days_off.mean() == pytest.approx(0.5, abs=0.02)


def test_no_purchase_is_lost_but_those_of_one_day_merge(world):
    summary = summarize(world.log, observation_end="1997-09-30")
    assert len(world.log) == len(world.customers) + world.customers["purchases"].sum()
    assert summary["customer_id"].tolist() == world.customers["customer_id"].tolist()
    assert summary["T"].to_numpy() == pytest.approx(world.customers["T"].to_numpy())
    lost = world.customers["purchases"].to_numpy() - summary["frequency"].to_numpy()
    assert lost.min() == 0
    assert lost.sum() < 0.03 * world.customers["purchases"].sum()
    assert world.log["date"].max() <= pd.Timestamp("1997-09-30")


def test_a_repeat_purchase_never_falls_on_the_first_day():
    busy = simulate_world(500, purchase={"r": 5, "alpha": 1, "a": 0.1, "b": 10}, seed=1)
    first = busy.log.groupby("customer_id")["date"].agg(lambda d: (d == d.min()).sum())
    assert (first == 1).all()


def test_customers_arrive_evenly_over_the_acquisition_days(world):
    day = (world.customers["first_purchase"] - pd.Timestamp("1997-01-01")).dt.days
    assert (day.min(), day.max()) == (0, 83)
    assert stats.chisquare(np.bincount(day)).pvalue > 1e-4


def test_the_same_seed_gives_the_same_log_and_another_a_different_one():
    one, again = (simulate_log(100, purchase=PURCHASE, spend=SPEND, seed=7) for _ in range(2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(simulate_log(100, purchase=PURCHASE, spend=SPEND, seed=8))


def test_leaving_spend_out_moves_no_purchase():
    with_spend = simulate_log(100, purchase=PURCHASE, spend=SPEND, seed=7)
    without = simulate_log(100, purchase=PURCHASE, seed=7)
    pd.testing.assert_frame_equal(with_spend.drop(columns="amount"), without)


def test_amounts_are_whole_cents_and_never_nothing():
    log = simulate_log(2000, purchase=PURCHASE, spend={"p": 0.05, "q": 3.0, "v": 1.0}, seed=1)
    assert log["amount"].min() == 0.01
    assert (log["amount"] == log["amount"].round(2)).all()


def test_groups_have_their_own_sizes_and_parameters():
    world = simulate_world(
        {"often": 4000, "seldom": 1000},
        purchase={"often": PURCHASE | {"alpha": 0.5}, "seldom": PURCHASE},
        spend=SPEND,
        seed=3,
    )
    assert world.customers["group"].value_counts().to_dict() == {"often": 4000, "seldom": 1000}
    rates = world.customers.groupby("group")["lam"].mean()
    assert rates["often"] / rates["seldom"] == pytest.approx(9, rel=0.35)
    assert world.log.groupby("customer_id")["group"].nunique().max() == 1


def test_a_design_of_two_crossed_columns_may_set_any_parameter():
    design = pd.DataFrame(
        {
            "channel": ["web", "web", "shop"],
            "region": ["n", "s", "n"],
            "n": [5, 500, 50],
            "v": [20.0, 40.0, 80.0],
        }
    )
    world = simulate_world(design, purchase=PURCHASE, spend={"p": 3.0, "q": 4.0}, seed=1)
    counts = world.customers.groupby(["channel", "region"]).size()
    assert counts.to_dict() == {("shop", "n"): 50, ("web", "n"): 5, ("web", "s"): 500}
    assert world.design["alpha"].tolist() == [4.5] * 3
    summary = summarize(world.log, groups=["channel", "region"], observation_end="1997-09-30")
    assert len(summary) == 555


def test_time_units_only_relabel_time():
    weeks = simulate_log(200, purchase=PURCHASE, seed=4)
    days = simulate_log(200, purchase=PURCHASE | {"alpha": 4.5 * 7}, time_unit="day", seed=4)
    pd.testing.assert_frame_equal(weeks, days)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"purchase": {"r": 1.0}}, "'alpha' is missing"),
        ({"purchase": PURCHASE | {"a": 0.0}}, "a must be positive"),
        ({"purchase": PURCHASE | {"beta": 1.0}}, "no parameter 'beta'"),
        ({"purchase": PURCHASE, "spend": {"p": 1.0}}, "'q' is missing"),
        ({"purchase": PURCHASE, "family": "pareto"}, "family='pareto'"),
        ({"purchase": PURCHASE, "acquisition_days": 0}, "acquisition_days=0"),
        ({"purchase": PURCHASE, "observation_end": "1997-01-05"}, "end by observation_end"),
        ({"purchase": PURCHASE, "customers": 0}, "at least one customer"),
        ({"purchase": {"x": PURCHASE}, "customers": {"x": 5, "y": 5}}, "missing for group 'y'"),
    ],
)
def test_an_impossible_world_is_refused(options, message):
    with pytest.raises(DataError, match=message):
        simulate_world(options.pop("customers", 10), seed=1, **options)

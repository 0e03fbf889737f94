"""Replicated customers are those of an independent event simulation; priors speak in customers' terms."""

import json

import numpy as np
import pytest

import bayesltv as ltv
from bayesltv.families.registry import PURCHASE as FAMILIES
from bayesltv.report import plot as draw
from helpers import point_fit

PURCHASE = {"r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
HAZARD = {"r": 0.6, "alpha": 6.0, "s": 0.6, "beta": 11.7}
END = "1997-09-30"


@pytest.mark.parametrize("family", list(FAMILIES))
def test_replicas_are_like_customers_of_the_event_simulation(family):
    """The log is simulated by other code, in continuous time; every statistic must be that of a replica."""
    law = HAZARD if family == "pareto_nbd" else PURCHASE
    log = ltv.simulate_log(4000, seed=31, family=family, purchase=law, spend=SPEND, observation_end=END)
    summary = ltv.summarize(log, observation_end=END, time_unit="week")
    fit = point_fit(law | SPEND, draws=400, family=family)
    found = ltv.posterior_predictive(fit, summary, seed=2)
    error = (found.table["p95"] - found.table["p05"]) / (2 * 1.645)
    z = (found.table["observed"] - found.table["predicted"]) / error
    assert np.abs(z).max() < 4.5
    assert np.mean(z**2) < 2.5
    assert found.table["p_value"].between(0, 1).all()


def test_the_share_of_one_time_buyers_is_the_closed_form(cdnow):
    ml = {"r": 0.2425945, "alpha": 4.413602, "a": 0.792922, "b": 2.425907}
    found = ltv.posterior_predictive(point_fit(ml, draws=500), cdnow, seed=4)
    row = found.table.query("statistic == 'frequency' and label == '0'").iloc[0]
    exact = ((ml["alpha"] / (ml["alpha"] + cdnow["T"])) ** ml["r"]).sum()
    sd = (row["p95"] - row["p05"]) / (2 * 1.645)
    assert row["predicted"] == pytest.approx(exact, abs=4.5 * sd / np.sqrt(500))
    assert row["observed"] == 1411


def test_groups_have_their_own_repeat_share(grouped_laplace_fit, cdnow):
    found = ltv.posterior_predictive(grouped_laplace_fit, cdnow, draws=100)
    shares = found.table.query("statistic == 'repeat share'").set_index("label")
    by_cohort = (cdnow["frequency"] > 0).groupby(cdnow["cohort"]).mean()
    assert shares.drop(index="all")["observed"].to_dict() == pytest.approx(by_cohort.to_dict())


def test_rows_order_and_threads_change_no_replica(cdnow):
    fit = point_fit(PURCHASE | SPEND, draws=50)
    one = ltv.posterior_predictive(fit, cdnow, threads=1).table
    mixed = cdnow.sample(frac=1.0, random_state=1)
    again = ltv.posterior_predictive(fit, mixed, threads=3).table
    assert again["predicted"].to_numpy() == pytest.approx(one["predicted"].to_numpy(), rel=1e-12)
    assert again["observed"].to_numpy() == pytest.approx(one["observed"].to_numpy(), rel=1e-12)


def test_misfits_are_the_extreme_rows(laplace_fit, cdnow):
    found = ltv.posterior_predictive(laplace_fit, cdnow)
    # the price of a compact disc; and first amounts say less of later ones than these do of each other
    assert set(found.misfits["statistic"]) == {"mean spend", "first and repeat amounts, correlation of logs"}
    json.loads(found.to_json())
    ax = draw.posterior_predictive(found, statistic="mean spend")
    assert ax.get_ylabel() == "share of repeaters"
    with pytest.raises(ltv.DataError, match="use frequency"):
        draw.posterior_predictive(found, statistic="colour")


# ----------------------------------------------------------------------------------------------- priors


def test_shipped_priors_are_plausible_before_and_after_seeing_cdnow(cdnow):
    for name in ("pooled", "by_group", "mbg_pooled"):
        spec = ltv.load_spec(name)
        assert ltv.prior_predictive(spec, cdnow).plausible
    assert ltv.prior_predictive(ltv.load_spec("pooled")).plausible


def test_a_prior_in_the_wrong_unit_is_flagged(cdnow):
    wrong = ltv.PriorSpec("LogNormal", {"mu": 1.6, "sigma": 1.4}, per="day", why="meant per year")
    spec = ltv.ModelSpec(priors={"purchase_rate": wrong})
    alone = ltv.prior_predictive(spec).table.set_index("quantity")
    assert alone.loc["purchases a year", "flagged"]
    assert "purchase_rate" in alone.loc["purchases a year", "advice"]
    assert not ltv.prior_predictive(spec, cdnow).plausible


def test_a_sure_prior_far_from_the_data_is_flagged(cdnow):
    sure = ltv.PriorSpec("LogNormal", {"mu": 0.0, "sigma": 0.05}, per="week", why="sure of it")
    alike = ltv.PriorSpec("LogNormal", {"mu": 0.7, "sigma": 0.1})
    stay = ltv.PriorSpec("Beta", {"alpha": 20.0, "beta": 980.0})
    priors = {"purchase_rate": sure, "purchase_shape": alike, "dropout_mean": stay}
    spec = ltv.ModelSpec(priors=priors, spend=None)
    table = ltv.prior_predictive(spec, cdnow).table.set_index("quantity")
    assert table.loc["purchases a year", "flagged"]
    assert "hardly allows" in table.loc["purchases a year", "advice"]


def test_time_units_do_not_change_what_the_prior_says():
    spec = ltv.load_spec("pooled")
    weeks, days = (ltv.prior_predictive(spec, time_unit=unit).draws for unit in ("week", "day"))
    assert days.to_numpy() == pytest.approx(weeks.to_numpy(), nan_ok=True, rel=0.05)
    ax = draw.prior_predictive(ltv.prior_predictive(spec))
    assert ax.get_xscale() == "log"

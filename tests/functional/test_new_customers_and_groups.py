"""Scoring what the fit has not seen: new customers, newer summaries, new combinations, unknown groups."""

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.base.new_groups import place
from bayesltv.base.population import hyperparameters_of, read_posterior

TERMS = {"horizon": "39 weeks", "annual_discount_rate": 0.0, "margin": 1.0, "seed": 2}


def rows(**columns):
    summary = pd.DataFrame(columns)
    summary.attrs = {"time_unit": "week"}
    return summary


def newcomer(customer_id="new", **groups):
    levels = {column: [level] for column, level in groups.items()}
    first = {"first_amount": [np.nan]}
    return rows(customer_id=[customer_id], frequency=[0], recency=[0.0], T=[0.0], **first, **levels)


def northerners(**channels):
    """Newcomers of the north, by id."""
    summary = pd.concat([newcomer(name, channel=at, region="north") for name, at in channels.items()])
    summary.attrs = {"time_unit": "week"}
    return summary


@pytest.fixture(scope="module")
def crossed_fit():
    """Two crossed group columns with one combination never observed."""
    design = pd.DataFrame(
        {
            "channel": ["web", "web", "shop", "app", "app"],
            "region": ["north", "south", "north", "north", "south"],
            "n": [300, 300, 300, 300, 300],
            "alpha": [4.0, 8.0, 6.0, 3.0, 6.0],
        }
    )
    log = ltv.simulate_log(
        design,
        purchase={"r": 0.5, "a": 0.8, "b": 2.5},
        spend={"p": 4.0, "q": 4.0, "v": 20.0},
        observation_end="2024-12-31",
        seed=3,
    )
    summary = ltv.summarize(log, observation_end="2024-12-31", time_unit="week", groups=["channel", "region"])
    fit = ltv.fit(summary, ltv.load_spec("by_group"), seed=4, method="laplace", progress=False)
    return fit, summary


def test_a_summary_newer_than_the_fit_is_scored_and_its_age_is_told(pooled_fit, cdnow_log, decision):
    later = ltv.summarize(cdnow_log, observation_end="1997-12-31", time_unit="week", groups=["cohort"])
    scores = ltv.score(pooled_fit, later, decision, seed=1, draws=200)
    assert (scores["fit_age_days"] == 92).all()
    assert len(scores) == 2357


def test_new_customers_are_scored_from_the_population(pooled_fit, decision):
    scores = ltv.score(pooled_fit, newcomer(), decision, seed=1, draws=None)
    assert scores["p_alive"].item() == 1.0
    # a BG/NBD newcomer's purchases in 39 weeks at the maximum-likelihood parameters: 1.197 (closed form)
    posterior = pooled_fit["posterior"].to_dataset()
    assert posterior.sizes["chain"] * posterior.sizes["draw"] == 4000
    draws = ltv.predict(pooled_fit, newcomer(), **TERMS)
    assert float(draws["purchases"].mean()) == pytest.approx(1.197, abs=0.25)


def test_a_new_combination_of_known_levels_is_the_sum_of_their_effects(crossed_fit):
    fit, _ = crossed_fit
    posterior = read_posterior(fit)
    assert ("shop", "south") not in posterior.combinations
    summary = newcomer(channel="shop", region="south")
    population, codes = place(
        posterior, hyperparameters_of(posterior), summary, unknown_groups="error", seed=1
    )
    draws = posterior.dataset
    shop = draws["purchase_rate_effect_channel"].sel(channel="shop")
    south = draws["purchase_rate_effect_region"].sel(region="south")
    expected = (draws["purchase_rate"] * np.exp(shop + south)).values.ravel()
    r, alpha = population.purchase[:2, codes[0]]
    np.testing.assert_allclose(r / alpha, expected, rtol=1e-12)
    assert population.labels[codes[0]] == "shop | south"


def test_an_unknown_level_is_an_error_that_names_level_ids_and_cure(crossed_fit, decision):
    fit, _ = crossed_fit
    summary = northerners(a="web", b="kiosk")
    told = r"channel 'kiosk' not in the fit for 1 of 2 customers \(id b\).*unknown_groups"
    with pytest.raises(ltv.DataError, match=told):
        ltv.score(fit, summary, decision, seed=1, accept_failed=failed(fit))


def test_the_predictive_of_an_unknown_group_is_wider_than_that_of_a_known_one(crossed_fit):
    fit, _ = crossed_fit
    posterior = read_posterior(fit)
    spread = {}
    for channel in ("web", "kiosk"):
        summary = newcomer(channel=channel, region="north")
        everybody = hyperparameters_of(posterior).as_population()
        population, codes = place(posterior, everybody, summary, unknown_groups="population", seed=1)
        r, alpha = population.purchase[:2, codes[0]]
        spread[channel] = np.log(r / alpha).std()
    assert spread["kiosk"] > 1.5 * spread["web"]
    ids = {channel: [f"{channel}{i}" for i in range(200)] for channel in ("web", "kiosk")}
    many = northerners(**{customer: channel for channel in ids for customer in ids[channel]})
    draws = ltv.predict(fit, many, unknown_groups="population", **TERMS)["purchases"]
    totals = {c: draws.sel(customer_id=ids[c]).sum("customer_id").std() for c in ids}
    assert totals["kiosk"] > 1.5 * totals["web"]


def test_an_unknown_level_has_one_effect_that_its_customers_share_in_every_call(crossed_fit):
    fit, _ = crossed_fit
    posterior = read_posterior(fit)
    population = hyperparameters_of(posterior).as_population()
    place_one = lambda summary: place(posterior, population, summary, unknown_groups="population", seed=7)  # noqa: E731
    alone, codes = place_one(newcomer(channel="kiosk", region="north"))
    two = northerners(x="zoo", y="kiosk")
    company, both = place_one(two)
    np.testing.assert_array_equal(alone.purchase[:, codes[0]], company.purchase[:, both[1]])
    assert not np.array_equal(company.purchase[:, both[0]], company.purchase[:, both[1]])


def test_a_missing_group_column_or_value_is_an_error(crossed_fit, decision):
    fit, _ = crossed_fit
    with pytest.raises(ltv.DataError, match="region"):
        ltv.score(fit, newcomer(channel="web"), decision, seed=1, accept_failed=failed(fit))
    with pytest.raises(ltv.DataError, match="region"):
        ltv.score(fit, newcomer(channel="web", region=None), decision, seed=1, accept_failed=failed(fit))


def test_a_summary_in_another_unit_is_refused(pooled_fit, cdnow_log, decision):
    daily = ltv.summarize(cdnow_log, observation_end="1997-09-30", time_unit="day")
    with pytest.raises(ltv.DataError, match='summarize with time_unit="week"'):
        ltv.score(pooled_fit, daily, decision, seed=1)


def failed(fit):
    return [result.name for result in ltv.check(fit).failed]

"""Stages and warnings against quadrature, closed forms of the literature and simulated lives."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import bayesltv as ltv
from bayesltv.base.customers import make_customers
from bayesltv.base.population import hyperparameters_of, read_posterior
from bayesltv.decisions.customers.stages import stage_block, stage_limits, warn_of_immortals
from bayesltv.errors import BayesltvWarning, SpecError
from bayesltv.prediction.terms import make_terms
from bayesltv.specs.decision.stages import STAGES, StageSpec
from helpers import point_fit

POINT = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "p": 6.25, "q": 3.74, "v": 15.44}
HISTORIES = pd.DataFrame(
    {
        "customer_id": ["1 new", "2 once", "3 two", "4 seven", "5 silent"],
        "frequency": [0, 0, 2, 7, 5],
        "recency": [0.0, 0.0, 30.43, 29.43, 12.0],
        "T": [3.0, 38.86, 38.86, 38.86, 38.86],
        "monetary_value": [np.nan, np.nan, 22.35, 31.0, 12.5],
    }
)
STAGE = StageSpec(new_within="6 weeks", overdue_quantile=0.9, warning_within="13 weeks", dropout_limit=0.6)
TERMS = make_terms("week", horizon=52.0, annual_discount_rate=2.0, margin=0.3)  # 200 %: it must be seen
DRAWS = 40_000


def staged(family="bg_nbd", *, draws=DRAWS, rows=HISTORIES, seed=3, point=POINT):
    fit = point_fit(point, draws=draws, family=family)
    population = hyperparameters_of(read_posterior(fit)).as_population()
    summary = ltv.as_summary(rows, time_unit="week", observation_end="1997-09-30")
    people = make_customers(
        summary, np.zeros(len(rows), np.int32), population.family, with_spend="p" in point
    )
    limits = stage_limits(STAGE, TERMS, "week")
    return stage_block(population, people, TERMS, limits, seed=seed), population, people, limits


@pytest.fixture(scope="module", params=["bg_nbd", "mbg_nbd"])
def both(request):
    return request.param, staged(request.param)[0]


def posterior_of(row, family):
    """Weights and conjugate posteriors of λ and p, alive and dropped out (Fader, Hardie & Lee 2005)."""
    x, t_x, T = row.frequency, row.recency, row["T"]
    k = x + (family == "mbg_nbd")
    r, alpha, a, b = (POINT[name] for name in ("r", "alpha", "a", "b"))
    odds = a / (b + k - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x) if k else 0.0
    gone = (r + x, alpha + t_x, a + 1, b + k - 1)
    return 1 / (1 + odds), (r + x, alpha + T, a, b + k), gone


def test_shares_sum_to_one_and_new_goes_first(both):
    _, block = both
    shares = np.array([block.columns[f"p_stage_{name}"] for name in STAGES])
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-12)
    np.testing.assert_array_equal(shares[0], [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(block.counts.sum(axis=0), len(HISTORIES))
    np.testing.assert_allclose(block.counts.mean(axis=1), shares.sum(axis=1))
    assert block.columns["stage"][0] == "new"


def test_the_share_lapsed_is_one_minus_p_alive(both):
    family, block = both
    for i, row in HISTORIES.iloc[1:].iterrows():
        gone = 1 - posterior_of(row, family)[0]
        error = math.sqrt(gone * (1 - gone) / DRAWS)
        assert block.columns["p_stage_lapsed"][i] == pytest.approx(gone, abs=4 * error + 1e-12)


def test_the_share_at_risk_is_an_integral_over_the_posterior_of_rate_and_dropout(both):
    family, block = both
    nodes = (np.arange(400) + 0.5) / 400
    for i, row in HISTORIES.iloc[1:].iterrows():
        alive, (shape, rate, a, b), _ = posterior_of(row, family)
        lam = stats.gamma(shape, scale=1 / rate).ppf(nodes)[:, None]
        coin = stats.beta(a, b).ppf(nodes)[None, :]
        overdue = row["T"] - row.recency > -math.log(1 - STAGE.overdue_quantile) / lam
        leaves = 1 - np.exp(-lam * coin * 13.0) > STAGE.dropout_limit
        expected = alive * np.mean(overdue | leaves)
        assert block.columns["p_stage_at_risk"][i] == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(DRAWS))


def test_warnings_agree_with_closed_forms_over_the_latents(both):
    family, block = both
    h = 13.0
    for i, row in HISTORIES.iterrows():
        alive, (shape, rate, a, b), _ = posterior_of(row, family)
        silent = 1 - alive * (1 - (rate / (rate + h)) ** shape)
        drops = alive * (1 - special.hyp2f1(shape, a, a + b, -h / rate))
        assert block.columns["p_no_purchase"][i] == pytest.approx(silent, abs=0.008)
        assert block.columns["p_drops_out"][i] == pytest.approx(drops, abs=0.008)


def lost_by_dropping_out(row, family, size, rng):
    """Money lost in simulated lives: what those who drop out within h would have bought in (h, H] had they
    been there at h, event by event; 0 for those who do not drop out or have gone already.
    """
    h, horizon, discount = 13.0, TERMS.horizon, TERMS.discount
    alive, (shape, rate, a, b), _ = posterior_of(row, family)
    here = rng.random(size) < alive
    lam, coin = rng.gamma(shape, size=size) / rate, rng.beta(a, b, size)
    count, total = (row.frequency, row.frequency * row.monetary_value) if row.frequency else (0, 0.0)
    nu = rng.gamma(POINT["q"] + POINT["p"] * count, size=size) / (POINT["v"] + total)
    lost = np.zeros(size)
    for i in np.flatnonzero(here):
        time, gone = rng.exponential() / lam[i], False
        while time < h and not gone:
            gone = rng.random() < coin[i]
            time += rng.exponential() / lam[i]
        if not gone:
            continue
        time, there = h + rng.exponential() / lam[i], True
        while time < horizon and there:
            lost[i] += math.exp(-discount * time) * rng.gamma(POINT["p"]) / nu[i]
            there = rng.random() >= coin[i]
            time += rng.exponential() / lam[i]
    return TERMS.margin * lost


@pytest.mark.parametrize("at", [1, 2, 3])
def test_value_at_risk_is_what_simulated_lives_lose(both, at):
    family, block = both
    rng = np.random.default_rng(20_240_811 + at)
    lost = lost_by_dropping_out(HISTORIES.iloc[at], family, 40_000, rng)
    closed = block.columns["value_at_risk"][at]
    # the closed form averages draws of λ and p, with an error of its own below that of the simulation
    assert closed == pytest.approx(lost.mean(), abs=4 * math.sqrt(2) * lost.std() / math.sqrt(lost.size))


def test_blocks_and_order_change_nothing():
    whole, population, people, limits = staged(draws=50)
    chosen = np.array([4, 0, 2])
    part = stage_block(population, people.rows(chosen), TERMS, limits, seed=3)
    for name, values in whole.columns.items():
        np.testing.assert_array_equal(values[chosen], part.columns[name])
    rest = stage_block(population, people.rows(np.array([1, 3])), TERMS, limits, seed=3)
    np.testing.assert_array_equal(whole.counts, part.counts + rest.counts)


def test_stages_come_from_the_draws_of_predict():
    fit = point_fit(POINT, draws=300)
    summary = ltv.as_summary(HISTORIES, time_unit="week", observation_end="1997-09-30")
    draws = ltv.predict(fit, summary, horizon=52.0, annual_discount_rate=0.1, margin=0.3, seed=3)
    block, *_ = staged(draws=300)
    alive = draws["alive"].mean(["chain", "draw"]).values
    np.testing.assert_allclose(1 - block.columns["p_stage_lapsed"][1:], alive[1:], atol=1e-12)


def test_infinite_mean_spend_leaves_value_at_risk_missing():
    heavy = POINT | {"q": 0.9}
    block, *_ = staged(draws=20, point=heavy)
    assert np.isnan(block.columns["value_at_risk"][:2]).all()
    assert np.isfinite(block.columns["value_at_risk"][2:]).all()


def test_without_a_spend_model_there_is_no_value_at_risk():
    block, *_ = staged(draws=20, point={name: POINT[name] for name in ("r", "alpha", "a", "b")})
    assert "value_at_risk" not in block.columns
    assert "p_drops_out" in block.columns


def test_one_time_buyers_who_cannot_lapse_are_named():
    _, population, people, limits = staged(draws=4)
    with pytest.warns(BayesltvWarning, match="1 of 5 customers bought once and are no longer new") as caught:
        warn_of_immortals(population, people, limits[0])
    assert "mbg_pooled" in str(caught[0].message)
    _, population, people, limits = staged("mbg_nbd", draws=4)
    warn_of_immortals(population, people, limits[0])  # would be an error


def test_a_warning_beyond_the_horizon_is_refused():
    with pytest.raises(SpecError, match="lies beyond the horizon of value"):
        stage_limits(StageSpec(warning_within="2 years"), TERMS, "week")


def test_who_may_have_lapsed_is_labelled_at_risk():
    some = np.linspace(1.0, 38.0, 20)
    rows = pd.DataFrame(
        {"customer_id": [f"c{i}" for i in range(20)], "frequency": 2, "recency": some, "T": 38.86}
    )
    _, population, people, limits = staged("mbg_nbd", draws=2000, rows=rows.assign(monetary_value=20.0))
    doubtful = stage_block(population, people, TERMS, limits, at_risk_from=0.4, seed=3).columns
    plain = stage_block(population, people, TERMS, limits, seed=3).columns
    lost = plain["p_stage_lapsed"] + plain["p_drops_out"]
    between = (lost > 0.4) & (lost < 0.6) & (plain["stage"] != "new")
    assert between.any()
    assert (doubtful["stage"][between] == "at_risk").all()
    assert (doubtful["stage"][~between] == plain["stage"][~between]).all()

"""New customers against their cost: simulated lives, and what cannot be said."""

import math
from dataclasses import replace

import numpy as np
import pytest

import bayesltv as ltv
from bayesltv.base.population import Population, hyperparameters_of, read_posterior
from bayesltv.decisions.acquisition import (
    STAND_INS,
    acquisition,
    infinite_groups,
    mixture_of,
    next_unit_of_money,
)
from bayesltv.errors import DataError, SpecError
from bayesltv.families.bg_nbd import BG_NBD
from bayesltv.prediction.terms import make_terms
from bayesltv.specs.decision.acquisition import AcquisitionSpec
from helpers import point_fit

POINT = {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4, "p": 6.25, "q": 3.74, "v": 15.44}
TERMS = make_terms("week", horizon=52.0, annual_discount_rate=0.1, margin=0.3, service_cost_per_year=2.0)


def population(point=POINT, *, family="bg_nbd", draws=4):
    return hyperparameters_of(read_posterior(point_fit(point, draws=draws, family=family))).as_population()


def lives(family, size, rng):
    """Times and amounts of the purchases of new customers, and the time that each is alive, in (0, 52]."""
    lam = rng.gamma(POINT["r"], size=size) / POINT["alpha"]
    coin = rng.beta(POINT["a"], POINT["b"], size)
    nu = rng.gamma(POINT["q"], size=size) / POINT["v"]
    rows = []
    for i in range(size):
        time, bought, gone = 0.0, [(0.0, rng.gamma(POINT["p"]) / nu[i])], math.inf
        here = family == "bg_nbd" or rng.random() >= coin[i]
        gone = math.inf if here else 0.0
        while here:
            time += rng.exponential() / lam[i]
            if time > 52.0:
                break
            bought.append((time, rng.gamma(POINT["p"]) / nu[i]))
            here = rng.random() >= coin[i]
            gone = math.inf if here else time
        rows.append((bought, min(gone, 52.0)))
    return rows


def worth_by(time, rows):
    """Value of each simulated customer up to a time: margin on purchases less service cost, discounted."""
    delta, service = TERMS.discount, 2.0 / (365.25 / 7)
    values = np.empty(len(rows))
    for i, (bought, until) in enumerate(rows):
        earned = sum(0.3 * z * math.exp(-delta * t) for t, z in bought if t <= time)
        values[i] = earned - service * -math.expm1(-delta * min(until, time)) / delta
    return values


@pytest.fixture(scope="module", params=["bg_nbd", "mbg_nbd"])
def simulated(request):
    return request.param, lives(request.param, 30_000, np.random.default_rng(404))


def test_the_worth_of_new_customers_is_that_of_simulated_lives(simulated):
    family, rows = simulated
    found = acquisition(population(family=family), TERMS, AcquisitionSpec(cac=5.0))
    values = worth_by(52.0, rows)
    row = found.table.iloc[0]
    assert row["ltv_new"] == pytest.approx(values.mean(), abs=4 * values.std() / math.sqrt(values.size))
    assert row["ratio"] == pytest.approx(row["ltv_new"] / 5.0)
    assert row["max_cac"] == pytest.approx(row["ltv_new"])
    assert row["max_cac_at_target"] == pytest.approx(row["ltv_new"] / 3.0)
    assert found.ltv_new.dims == ("group", "draw")


@pytest.mark.parametrize("delta", [0.5, 1.6])
def test_a_first_order_is_worth_delta_of_a_later_one(delta):
    mean = POINT["p"] * POINT["v"] / (POINT["q"] - 1)
    like, other = population(), population({**POINT, "delta": delta})
    plain, found = (
        acquisition(each, TERMS, AcquisitionSpec(cac=5.0)).table.iloc[0] for each in (like, other)
    )
    assert found["ltv_new"] - plain["ltv_new"] == pytest.approx(0.3 * mean * (delta - 1))
    first = 0.3 * mean * delta
    paid, owing = (
        acquisition(other, TERMS, AcquisitionSpec(cac=first * factor)).table.iloc[0]["payback"]
        for factor in (0.999, 1.001)
    )
    assert paid == 0.0
    assert owing > 0.0
    # what is bought later is worth the same
    later = acquisition(like, TERMS, AcquisitionSpec(cac=0.3 * mean + 1.0)).table.iloc[0]["payback"]
    same = acquisition(other, TERMS, AcquisitionSpec(cac=first + 1.0)).table.iloc[0]["payback"]
    assert same == pytest.approx(later, rel=1e-6)


def test_at_the_pay_back_time_simulated_lives_have_earned_the_cost(simulated):
    family, rows = simulated
    whole = acquisition(population(family=family), TERMS, AcquisitionSpec(cac=1.0)).table.iloc[0]
    first = 0.3 * POINT["p"] * POINT["v"] / (POINT["q"] - 1)
    cost = first + 0.6 * (whole["ltv_new"] - first)
    row = acquisition(population(family=family), TERMS, AcquisitionSpec(cac=cost)).table.iloc[0]
    assert 0 < row["payback"] < 52
    values = worth_by(row["payback"], rows)
    assert values.mean() == pytest.approx(cost, abs=4 * values.std() / math.sqrt(values.size))
    assert row["p_pays_back"] == 1.0


def test_who_pays_at_once_and_who_never_does():
    at_once, never = (
        acquisition(population(), TERMS, AcquisitionSpec(cac=cac)).table.iloc[0] for cac in (1.0, 1e6)
    )
    assert (at_once["payback"], at_once["p_pays_back"]) == (0.0, 1.0)
    assert (never["payback"], never["p_pays_back"]) == (math.inf, 0.0)
    assert never["next_unit"] == pytest.approx(-1.0, abs=1e-4)


def test_the_interval_and_the_chance_of_the_target_are_over_draws():
    rng = np.random.default_rng(3)
    spread = np.exp(0.1 * rng.standard_normal((7, 3, 400)))
    purchase, spend = (
        np.array([POINT[name] for name in names])[:, None, None] * spread[at]
        for names, at in ((("r", "alpha", "a", "b"), slice(4)), (("p", "q", "v"), slice(4, 7)))
    )
    labels = ("web", "shop", "fair")
    many = Population(BG_NBD, purchase, spend, np.arange(400, dtype=np.uint64), 4, labels)
    found = acquisition(many, TERMS, AcquisitionSpec(cac={"web": 3.0, "fair": 6.0}))
    table, draws = found.table.set_index("group"), found.ltv_new
    assert table["ltv_new_p05"].lt(table["ltv_new"]).all()
    for group, cac in (("web", 3.0), ("fair", 6.0)):
        share = float((draws.sel(group=group) / cac > 3.0).mean())
        assert table.loc[group, "p_ratio_above_target"] == pytest.approx(share)
    # a group without a cost keeps its value, and says nothing of ratios
    told = table.loc["shop", ["cac", "ratio", "p_ratio_above_target", "payback", "p_pays_back"]]
    assert told.isna().all()
    assert table.loc["shop", "ltv_new"] > 0


def test_infinite_mean_spend_is_missing_and_said():
    heavy = population(POINT | {"q": 0.95})
    row = acquisition(heavy, TERMS, AcquisitionSpec(cac=5.0)).table.iloc[0]
    assert row[["ltv_new", "ratio", "p_ratio_above_target", "payback", "max_cac"]].isna().all()
    assert infinite_groups(heavy) == ["all"]
    assert infinite_groups(population()) == []


def test_money_goes_where_the_next_unit_brings_most():
    found = acquisition(population(), TERMS, AcquisitionSpec(cac=5.0, next_costs=1.5))
    value = found.table["ltv_new"].iloc[0]
    assert found.table["next_unit"].iloc[0] == pytest.approx(value / 7.5 - 1)
    for price in (0.01, 100.0):
        uses = next_unit_of_money(found, price)
        assert (uses["use"].iloc[0] == "retention") == (price == 100.0)


def test_what_cannot_be_answered_is_refused():
    bare = population({name: POINT[name] for name in ("r", "alpha", "a", "b")})
    with pytest.raises(DataError, match="no spend model"):
        acquisition(bare, TERMS, AcquisitionSpec(cac=5.0))
    with pytest.raises(SpecError, match="no group 'web'"):
        acquisition(population(), TERMS, AcquisitionSpec(cac={"web": 5.0}))


def with_covariates(draws=3):
    """Customers of two groups at covariates that move their rates, a third group without customers."""
    rng = np.random.default_rng(8)
    natural = np.array([POINT[name] for name in ("r", "alpha", "a", "b")])[:, None, None]
    purchase = natural * np.exp(0.4 * rng.standard_normal((4, 5, draws)))
    spend = np.array([POINT[name] for name in "pqv"])[:, None, None] * np.ones((3, 5, draws))
    spend[2] *= np.array([1.0, 2.0, 0.5, 1.0, 3.0])[:, None]
    rows = Population(
        BG_NBD, purchase, spend, np.arange(draws, dtype=np.uint64), 1, ("web", "shop", "fair"),
        group_of_row=np.array([0, 0, 0, 1, 1], np.int32),
    )  # fmt: skip
    each = replace(rows, labels=tuple("abcde"), group_of_row=None)
    customers = np.array([0, 4, 2, 0, 3, 0, 4, 4], np.int32)
    shares = np.array([[3 / 4, 0, 1 / 4, 0, 0], [0, 0, 0, 1 / 4, 3 / 4]])
    return rows, each, customers, shares


def test_with_covariates_new_customers_are_a_mixture_of_those_one_has():
    rows, each, customers, shares = with_covariates()
    spec = AcquisitionSpec(cac={"web": 12.0, "shop": 25.0, "fair": 1.0})
    with pytest.warns(ltv.BayesltvWarning, match=r"no customers of 1 groups \(fair\)"):
        found = acquisition(rows, TERMS, spec, customers=customers)
    alone = acquisition(each, TERMS, AcquisitionSpec(cac=1.0)).ltv_new.values
    np.testing.assert_allclose(found.ltv_new.values[:2], shares @ alone, rtol=1e-12)
    table = found.table.set_index("group")
    assert table.loc["fair", ["ltv_new", "ratio", "payback", "p_pays_back", "next_unit"]].isna().all()
    # no rows without customers: those of the summary are all that is known of covariates
    assert (shares @ alone).mean(axis=1) == pytest.approx(table["ltv_new"].to_numpy()[:2])


def test_a_mixture_has_paid_back_when_its_mean_has_earned_the_cost():
    rows, each, customers, shares = with_covariates(draws=1)
    at_once, whole = (
        (
            shares
            @ acquisition(each, replace(TERMS, horizon=horizon), AcquisitionSpec(cac=1.0)).ltv_new.values
        )[:, 0]
        for horizon in (1e-9, 52.0)
    )
    costs = 0.4 * at_once + 0.6 * whole
    spec = AcquisitionSpec(cac=dict(zip(("web", "shop"), costs, strict=True)))
    with pytest.warns(ltv.BayesltvWarning, match="fair"):
        found = acquisition(rows, TERMS, spec, customers=customers)
    for at, cost in enumerate(costs):
        time = found.table["payback"].iloc[at]
        assert 0.1 < time < 52
        earned = acquisition(each, replace(TERMS, horizon=time), AcquisitionSpec(cac=1.0)).ltv_new.values
        assert float((shares @ earned)[at, 0]) == pytest.approx(cost, rel=1e-5)


def test_of_many_covariates_an_even_selection_stands_for_all():
    base = with_covariates(draws=1)[0]
    levels = np.linspace(0.5, 2.0, 1000)
    purchase = np.repeat(base.purchase[:, :1], 1000, axis=1)
    purchase[1] /= levels[:, None]
    many = replace(
        base, purchase=purchase, spend=np.repeat(base.spend[:, :1], 1000, axis=1), labels=("web",),
        group_of_row=np.zeros(1000, np.int32),
    )  # fmt: skip
    everybody = np.random.default_rng(1).permutation(1000).astype(np.int32)
    mixture = mixture_of(many, everybody)
    assert (mixture.rows.size, mixture.share.sum()) == (STAND_INS, pytest.approx(1.0))
    few = acquisition(many, TERMS, AcquisitionSpec(cac=5.0), customers=everybody)
    all_of_them = acquisition(
        replace(many, labels=tuple(map(str, range(1000))), group_of_row=None), TERMS, AcquisitionSpec(cac=5.0)
    )
    assert float(few.ltv_new.mean()) == pytest.approx(float(all_of_them.ltv_new.mean()), rel=1e-3)

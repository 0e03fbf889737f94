"""Predictive draws of the future, against closed forms and a plain simulator."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

import beta_geometric
from bayesltv.families.bg_nbd import BG_NBD, MBG_NBD
from bayesltv.numerics.quadrature import work_space
from bayesltv.streams import customer_keys
from beta_geometric import expected_over_horizon, p_spend_above, purchase_probabilities, purchase_survival
from helpers import COIN_FAMILIES as FAMILIES
from plain_kernels import draw_futures, draw_latents

N = 200_000
RARE = 1e-4
PURCHASE = (0.8, 4.0, 0.9, 2.5)
SPEND = (3.6, 4.5, 34.0)
DISCOUNT, MARGIN, SERVICE = 0.01, 0.3, 0.7
TERMS = (39.0, DISCOUNT, MARGIN, SERVICE)
HISTORIES = [(0, 0.0, 0.0), (0, 0.0, 30.0), (1, 3.0, 38.9), (2, 30.43, 38.86), (8, 23.0, 32.3)]
CASES = [(family, history) for family in FAMILIES.values() for history in HISTORIES]
CUSTOMER = pytest.mark.parametrize(
    ("family", "history"), CASES, ids=[f"{family.name} {history}" for family, history in CASES]
)


def arguments(family, histories, ids, draws, parameters=PURCHASE, spend=SPEND, seed=1):
    draws = np.asarray(draws, np.uint64)
    x, t_x, T = np.array(histories, float).T
    customers = np.array([x, family.coins(x), t_x, T, x, 20.0 * x])
    purchase = np.repeat(np.array(parameters, float).reshape(4, 1, 1), draws.size, axis=2)
    amounts = np.zeros((3, 0, 0))
    if spend is not None:
        amounts = np.repeat(np.array(spend, float).reshape(3, 1, 1), draws.size, axis=2)
    keys = [customer_keys(seed, stream, ids) for stream in ("latents", "events", "amounts")]
    return keys, draws, customers, np.zeros(x.size, np.int32), purchase, amounts


def drawn(family, histories, *, ids=("17",), draws=range(N), terms=TERMS, **options):
    """Return alive, purchases, amount, value, each (customer, draw), for histories (x, t_x, T)."""
    keys, draws, *data = arguments(family, histories, ids, draws, **options)
    shape = (len(histories), draws.size)
    out = np.ones(shape, bool), np.full(shape, 9, np.int32), np.full(shape, np.nan), np.full(shape, np.nan)
    draw_futures(*keys, draws, *data, tuple(map(float, terms)), *out)
    return out


def given_alive(family, x, T):
    """Return r', α', a, b' of the customer's future."""
    r, alpha, a, b = PURCHASE
    return r + x, alpha + T, a, b + x + (family is MBG_NBD)


def p_alive(family, history):
    x, t_x, T = history
    return float(beta_geometric.p_alive(x, family.coins(x), t_x, T, *PURCHASE))


def close(sample, want):
    """Whether the mean of `sample` lies within 4.5 standard errors of `want`."""
    return abs(sample.mean() - want) <= 4.5 * sample.std() / np.sqrt(sample.size) + 1e-12


@CUSTOMER
def test_counts_have_the_exact_probabilities(family, history):
    x, _, T = history
    alive, purchases, *_ = (array[0] for array in drawn(family, [history]))
    share = p_alive(family, history)
    assert close(alive, share)
    customer = given_alive(family, x, T)
    assert close(purchases, purchase_survival(39.0, share, *customer, np.zeros(1))[0])
    probabilities = purchase_probabilities(39.0, share, *customer)
    top = np.flatnonzero(probabilities * N > 20).max()
    want = np.append(probabilities[:top], probabilities[top:].sum()) * N
    seen = np.bincount(purchases.clip(max=top), minlength=top + 1)
    assert stats.chisquare(seen, want * N / want.sum()).pvalue > RARE


@CUSTOMER
def test_spend_and_value_have_the_exact_distribution_and_mean(family, history):
    x, _, T = history
    _, _, amount, value = (array[0] for array in drawn(family, [history]))
    (p, q, v), share, customer = SPEND, p_alive(family, history), given_alive(family, x, T)
    probabilities = purchase_probabilities(39.0, share, *customer)
    for threshold in (0.0, 25.0, 50.0, 100.0, 300.0):
        above = p_spend_above(threshold, probabilities, p, q + p * x, v + 20.0 * x)
        assert close(amount > threshold, above)
    bought, discounted, time = np.array(expected_over_horizon(39.0, DISCOUNT, *customer, work_space()))
    each = p * (v + 20.0 * x) / (p * x + q - 1)
    assert close(amount, share * bought * each)
    assert close(value, share * (MARGIN * discounted * each - SERVICE * time))


def test_amounts_of_one_customer_share_their_rate():
    # total of n amounts, ν shared: Gamma(pn, ν) with ν ~ Gamma(q', rate v') is v' times a beta prime
    _, purchases, amount, _ = (array[0] for array in drawn(BG_NBD, [(8, 23.0, 32.3)]))
    p, shape, rate = SPEND[0], SPEND[1] + 8 * SPEND[0], SPEND[2] + 160.0
    for n in (1, 3, 6):
        totals = amount[purchases == n]
        beta_prime = stats.betaprime(p * n, shape, scale=rate)
        assert stats.kstest(totals, beta_prime.cdf).pvalue > RARE
    assert (amount[purchases == 0] == 0).all()


def plain_future(rng, family, history, n):
    """Simulate purchases, discounted spend and discounted time alive, one vector step per purchase."""
    x, _, T = history
    r, alpha, a, b = PURCHASE
    p, q, v = SPEND
    k = x + (family is MBG_NBD)
    alive = rng.random(n) < p_alive(family, history)
    rate = rng.gamma(r + x, 1 / (alpha + T), n)
    dropout = rng.beta(a, b + k, n)
    nu = rng.gamma(q + p * x, 1 / (v + 20.0 * x), n)
    clock, count, worth, end = np.zeros(n), np.zeros(n, int), np.zeros(n), np.where(alive, 39.0, 0.0)
    while alive.any():
        clock += rng.exponential(1, n) / rate
        alive &= clock < 39.0
        count += alive
        worth += np.where(alive, rng.gamma(p, 1 / nu) * np.exp(-DISCOUNT * clock), 0)
        leaving = alive & (rng.random(n) < dropout)
        end[leaving] = clock[leaving]
        alive &= ~leaving
    return count, MARGIN * worth - SERVICE * -np.expm1(-DISCOUNT * end) / DISCOUNT


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_plain_simulator_gives_the_same_distribution(family):
    history = (2, 30.43, 38.86)
    count, value = plain_future(np.random.default_rng(2), family, history, N)
    _, purchases, _, worth = (array[0] for array in drawn(family, [history]))
    table = np.array([np.bincount(c.clip(max=8), minlength=9) for c in (count, purchases)])
    assert stats.chi2_contingency(table).pvalue > RARE
    assert stats.ks_2samp(value, worth).pvalue > RARE


@pytest.mark.parametrize("horizon", [1.0, 39.0, 400.0])
def test_latents_are_those_that_draw_latents_draws(horizon):
    keys, draws, *data = arguments(BG_NBD, HISTORIES, "abcde", range(200))
    shape = (len(HISTORIES), draws.size)
    latents = np.zeros(shape, bool), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    draw_latents(keys[0], draws, *data, *latents)
    alive, *_ = drawn(BG_NBD, HISTORIES, ids="abcde", draws=range(200), terms=(horizon, 0, 1, 0))
    assert alive.tolist() == latents[0].tolist()


@CUSTOMER
def test_a_draws_future_follows_from_the_latents_of_the_same_draw(family, history):
    keys, draws, *data = arguments(family, [history], ("17",), range(N))
    latents = np.zeros((1, N), bool), np.zeros((1, N)), np.zeros((1, N)), np.zeros((1, N))
    draw_latents(keys[0], draws, *data, *latents)
    alive, rate, dropout, spend_rate = (array[0] for array in latents)
    _, purchases, amount, _ = (array[0] for array in drawn(family, [history]))
    expected = np.where(alive, -np.expm1(-rate * dropout * 39.0) / dropout, 0.0)
    silent = np.where(alive, np.exp(-rate * 39.0), 1.0)
    for weight in (np.ones(N), rate, dropout, rate * dropout, np.sqrt(rate), 1 / (1 + spend_rate)):
        assert close((purchases - expected) * weight, 0.0)
        assert close(((purchases == 0) - silent) * weight, 0.0)
        assert close((amount - expected * SPEND[0] / spend_rate) * weight * (spend_rate > 0.02), 0.0)


def test_a_longer_horizon_only_lengthens_the_path():
    paths = [
        drawn(BG_NBD, HISTORIES, ids="abcde", draws=range(2000), terms=(horizon, 0.0, 1.0, 0.0))
        for horizon in (0.5, 1.0, 10.0, 39.0, 200.0)
    ]
    for shorter, longer in pairwise(paths):
        assert (shorter[0] == longer[0]).all()
        assert (shorter[1] <= longer[1]).all()
        assert (shorter[2] <= longer[2]).all()
        same = shorter[1] == longer[1]
        assert (shorter[2][same] == longer[2][same]).all()
        assert (shorter[1] < longer[1]).any()


def test_equal_histories_get_independent_draws():
    draws = drawn(BG_NBD, [(2, 30.43, 38.86)] * 2, ids=("a", "b"))
    for of_customers in draws:
        assert abs(stats.spearmanr(of_customers[0], of_customers[1]).statistic) < 4.5 / np.sqrt(N)


def test_draws_of_one_customer_are_independent_of_each_other():
    _, purchases, amount, _ = (array[0] for array in drawn(BG_NBD, [(2, 30.43, 38.86)]))
    for series in (purchases, amount):
        for lag in (1, 2, 64):
            assert abs(stats.spearmanr(series[lag:], series[:-lag]).statistic) < 4.5 / np.sqrt(N)


def test_draws_of_a_customer_do_not_depend_on_neighbours_or_on_other_draws():
    everything = drawn(BG_NBD, HISTORIES, ids="abcde", draws=range(60))
    turned = drawn(BG_NBD, HISTORIES[::-1], ids="edcba", draws=range(60))
    alone = drawn(BG_NBD, HISTORIES[3:4], ids="d", draws=range(0, 60, 7))
    for array, reverse, one in zip(everything, turned, alone, strict=True):
        assert array.tolist() == reverse[::-1].tolist()
        assert array[3, ::7].tolist() == one[0].tolist()


def test_another_seed_gives_other_draws():
    first = drawn(BG_NBD, HISTORIES, ids="abcde", draws=range(60))
    second = drawn(BG_NBD, HISTORIES, ids="abcde", draws=range(60), seed=2)
    assert not np.array_equal(first[2], second[2])


def test_who_is_gone_buys_nothing_and_costs_nothing():
    alive, purchases, amount, value = drawn(BG_NBD, [(8, 23.0, 32.3)], draws=range(5000))
    assert (~alive).any()
    for array in (purchases, amount, value):
        assert (array[~alive] == 0).all()


def test_who_buys_nothing_costs_the_service_of_the_whole_horizon():
    alive, purchases, _, value = drawn(BG_NBD, [(2, 30.43, 38.86)], draws=range(5000))
    silent = alive & (purchases == 0)
    whole = -np.expm1(-DISCOUNT * 39.0) / DISCOUNT
    assert silent.any()
    assert value[silent] == pytest.approx(-SERVICE * whole, rel=1e-12)
    *_, undiscounted = drawn(BG_NBD, [(2, 30.43, 38.86)], draws=range(5000), terms=(39.0, 0.0, 1.0, SERVICE))
    assert undiscounted[silent] == pytest.approx(-SERVICE * 39.0, rel=1e-12)


def test_value_is_margin_times_spend_without_discount_and_cost():
    _, _, amount, value = drawn(BG_NBD, HISTORIES, ids="abcde", draws=range(500), terms=(39.0, 0, 0.3, 0))
    assert value == pytest.approx(0.3 * amount, rel=1e-12)


def test_without_a_spend_model_purchases_are_the_same_and_spend_stays_zero():
    with_spend = drawn(BG_NBD, HISTORIES, ids="abcde", draws=range(2000))
    alive, purchases, amount, value = drawn(BG_NBD, HISTORIES, ids="abcde", draws=range(2000), spend=None)
    assert alive.tolist() == with_spend[0].tolist()
    assert purchases.tolist() == with_spend[1].tolist()
    assert (amount == 0).all()
    assert (value[alive] < 0).all()


def test_extreme_customers_have_finite_futures():
    histories = [(0, 0.0, 0.0), (0, 0.0, 1e4), (1, 1e-9, 1e4), (2000, 2000.0, 2000.0), (2000, 5.0, 2000.0)]
    for parameters in (
        PURCHASE,
        (1e-3, 1e-3, 1.0, 1e-3),
        (0.243, 4.414, 0.01, 0.01),
        (50.0, 900.0, 1.0, 80.0),
    ):
        for horizon in (1e-9, 39.0, 5000.0):
            alive, purchases, amount, value = drawn(
                MBG_NBD,
                histories,
                ids="abcde",
                draws=range(200),
                parameters=parameters,
                terms=(horizon, 0.002, 1, 1),
            )
            assert (purchases >= 0).all()
            assert np.isfinite(amount).all()
            assert np.isfinite(value).all()
            assert ((amount > 0) == (purchases > 0)).all()
            assert not alive[4].any()
            if horizon < 1e-6:
                assert not purchases[1:].any()

"""Exact draws of a customer's latents, against the posterior on a grid and the exact conjugates."""

import numpy as np
import pytest
from scipy import stats

import beta_geometric
from bayesltv.families.bg_nbd import BG_NBD, MBG_NBD
from bayesltv.streams import customer_keys
from helpers import COIN_FAMILIES as FAMILIES
from plain_kernels import draw_latents

N = 200_000
RARE = 1e-4
PURCHASE = (0.8, 4.0, 0.9, 2.5)
SPEND = (3.6, 4.5, 34.0)
HISTORIES = [(0, 0.0, 30.0), (1, 3.0, 38.9), (2, 30.43, 38.86), (8, 23.0, 32.3)]
CASES = [(family, history) for family in FAMILIES.values() for history in HISTORIES]
CUSTOMER = pytest.mark.parametrize(
    ("family", "history"), CASES, ids=[f"{family.name} {history}" for family, history in CASES]
)


def drawn(family, histories, *, ids=("17",), draws=None, parameters=PURCHASE, spend=SPEND, group=None):
    """Return alive, λ, p, ν, each (customer, draw), for histories (x, t_x, T)."""
    draws = np.arange(N, dtype=np.uint64) if draws is None else np.asarray(draws, np.uint64)
    x, t_x, T = np.array(histories, float).T
    count, total = x, 20.0 * x
    customers = np.array([x, family.coins(x), t_x, T, count, total])
    by_group = np.array(parameters, float).reshape(4, -1)
    purchase = np.repeat(by_group[:, :, None], draws.size, axis=2)
    amounts = np.zeros((3, 0, 0))
    if spend is not None:
        amounts = np.repeat(np.array(spend, float).reshape(3, -1)[:, :, None], draws.size, axis=2)
    codes = np.zeros(x.size, np.int32) if group is None else np.array(group, np.int32)
    shape = (x.size, draws.size)
    out = np.zeros(shape, bool), np.zeros(shape), np.zeros(shape), np.full(shape, -1.0)
    draw_latents(customer_keys(1, "latents", ids), draws, customers, codes, purchase, amounts, *out)
    return out


def grid_moments(family, x, t_x, T, parameters):
    """Return E over the posterior of λ, p, λp, λ², p² on a grid in (ln λ, logit p); no conjugacy used.

    Likelihood of one customer: (1−p)^k λ^x e^{−λT} + 1{k>0} p(1−p)^{k−1} λ^x e^{−λt_x}.
    """
    r, alpha, a, b = parameters
    k = x if family is BG_NBD else x + 1
    u, w = np.linspace(-25, 6, 1201)[:, None], np.linspace(-40, 40, 1601)[None, :]
    rate, p, q = np.exp(u), 1 / (1 + np.exp(-w)), 1 / (1 + np.exp(w))
    like = q**k * rate**x * np.exp(-rate * T)
    if k > 0:
        like = like + p * q ** (k - 1) * rate**x * np.exp(-rate * t_x)
    weight = like * rate**r * np.exp(-alpha * rate) * p**a * q**b  # prior densities times dλ/du dp/dw
    weight = weight / weight.sum()
    return [float((weight * f).sum()) for f in (rate, p, rate * p, rate**2, p**2)]


@CUSTOMER
def test_moments_are_those_of_the_posterior_on_a_grid(family, history):
    _, rate, dropout, _ = (array[0] for array in drawn(family, [history]))
    statistics = [rate, dropout, rate * dropout, rate**2, dropout**2]
    for statistic, want in zip(statistics, grid_moments(family, *history, PURCHASE), strict=True):
        assert statistic.mean() == pytest.approx(want, abs=4.5 * statistic.std() / np.sqrt(N) + 1e-9)


@CUSTOMER
def test_each_component_is_its_conjugate(family, history):
    x, t_x, T = history
    r, alpha, a, b = PURCHASE
    k = x + (family is MBG_NBD)
    alive, rate, dropout, _ = (array[0] for array in drawn(family, [history]))
    share = float(beta_geometric.p_alive(x, k, t_x, T, *PURCHASE))
    assert alive.mean() == pytest.approx(share, abs=4.5 * np.sqrt(share * (1 - share) / N) + 1e-12)
    parts = [(alive, stats.gamma(r + x, scale=1 / (alpha + T)), stats.beta(a, b + k))]
    if k > 0:
        gone = stats.gamma(r + x, scale=1 / (alpha + t_x)), stats.beta(a + 1, b + k - 1)
        parts.append((~alive, *gone))
    for members, of_rate, of_dropout in parts:
        assert stats.kstest(rate[members], of_rate.cdf).pvalue > RARE
        assert stats.kstest(dropout[members], of_dropout.cdf).pvalue > RARE
        correlation = stats.spearmanr(rate[members], dropout[members]).statistic
        assert abs(correlation) < 4.5 / np.sqrt(members.sum())


def test_the_spend_rate_has_its_conjugate_and_is_independent_of_the_rest():
    alive, rate, dropout, nu = (array[0] for array in drawn(BG_NBD, [(2, 30.43, 38.86)]))
    p, q, v = SPEND
    assert stats.kstest(nu, stats.gamma(q + 2 * p, scale=1 / (v + 40.0)).cdf).pvalue > RARE
    for other in (alive, rate, dropout):
        assert abs(stats.spearmanr(nu, other).statistic) < 4.5 / np.sqrt(N)


def test_without_a_spend_model_the_purchase_latents_are_the_same():
    history = [(2, 30.43, 38.86)]
    with_spend = drawn(BG_NBD, history, draws=range(100))
    without = drawn(BG_NBD, history, draws=range(100), spend=None)
    for a, b in zip(with_spend[:3], without[:3], strict=True):
        assert a.tolist() == b.tolist()
    assert (without[3] == -1).all()


def test_equal_histories_get_independent_draws():
    alive, rate, dropout, nu = drawn(BG_NBD, [(2, 30.43, 38.86)] * 2, ids=("a", "b"))
    for latent in (alive, rate, dropout, nu):
        assert abs(stats.spearmanr(latent[0], latent[1]).statistic) < 4.5 / np.sqrt(N)
        assert not np.array_equal(latent[0], latent[1])


def test_draws_of_a_customer_do_not_depend_on_neighbours_or_on_other_draws():
    ids, histories = ("a", "b", "c"), [(0, 0.0, 30.0), (2, 30.43, 38.86), (8, 23.0, 32.3)]
    everything = drawn(BG_NBD, histories, ids=ids, draws=range(60))
    turned = drawn(BG_NBD, histories[::-1], ids=ids[::-1], draws=range(60))
    alone = drawn(BG_NBD, histories[1:2], ids=ids[1:2], draws=range(0, 60, 7))
    for latent, reverse, one in zip(everything, turned, alone, strict=True):
        assert latent.tolist() == reverse[::-1].tolist()
        assert latent[1, ::7].tolist() == one[0].tolist()


def test_each_customer_gets_the_parameters_of_its_group():
    parameters = np.array([PURCHASE, (0.8, 400.0, 0.9, 2.5)]).T
    spend = np.array([SPEND, (3.6, 4.5, 3400.0)]).T
    histories, ids = [(0, 0.0, 0.0)] * 2, ("a", "a")
    _, rate, dropout, nu = drawn(
        BG_NBD, histories, ids=ids, draws=range(50), parameters=parameters, spend=spend, group=(0, 1)
    )
    assert rate[0] == pytest.approx(100 * rate[1], rel=1e-12)
    assert nu[0] == pytest.approx(100 * nu[1], rel=1e-12)
    assert dropout[0].tolist() == dropout[1].tolist()


def test_extreme_customers_have_finite_latents():
    histories = [(0, 0.0, 0.0), (0, 0.0, 1e4), (1, 1e-9, 1e4), (2000, 2000.0, 2000.0), (2000, 5.0, 2000.0)]
    ids = "abcde"
    for parameters in (
        PURCHASE,
        (1e-3, 1e-3, 1.0, 1e-3),
        (0.243, 4.414, 0.01, 0.01),
        (50.0, 900.0, 1.0, 80.0),
    ):
        for family in FAMILIES.values():
            alive, rate, dropout, nu = drawn(
                family, histories, ids=ids, draws=range(2000), parameters=parameters
            )
            assert (np.isfinite(rate) & (rate >= 0)).all()
            assert ((dropout >= 0) & (dropout <= 1)).all()
            assert (np.isfinite(nu) & (nu > 0)).all()
            assert alive[3].mean() > 0.5
            assert not alive[4].any()

"""BG/NBD and MBG/NBD given the hyperparameters, against integrals of the individual likelihood."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import gammaln, hyp2f1

import beta_geometric
from bayesltv.families.bg_nbd import BG_NBD, MBG_NBD
from helpers import COIN_FAMILIES as FAMILIES

FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
PUBLISHED = (0.243, 4.414, 0.793, 2.426)


def random_cases(n, seed):
    """Yield (x, t_x, T, (r, alpha, a, b)) over a wide range, x = 0 among them."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        x = int(rng.choice([0, 0, 1, 2, 5, 12]))
        T = rng.uniform(1, 60)
        t_x = T * rng.uniform(0.05, 1) if x else 0.0
        yield x, t_x, T, tuple(np.exp(rng.normal(np.log([0.6, 5, 0.9, 2.5]), 0.6)))


def mean_over_rates(x, t, r, alpha):
    """Return the logarithm of E[λ^x e^{−λt}], λ ~ Gamma(r, rate alpha), by quadrature."""
    top = (r + x) / (alpha + t)  # where the weight lies

    def weight(u):  # λ = top · e^u
        return np.exp((r + x) * u - (r + x) * np.expm1(u))

    area = integrate.quad(weight, -50 / (r + x), 0, limit=200)[0] + integrate.quad(weight, 0, 8)[0]
    return np.log(area) + (r + x) * np.log(top) - (r + x) + r * np.log(alpha) - gammaln(r)


def mean_over_dropout(j, k, a, b):
    """Return E[p^j (1−p)^k], p ~ Beta(a, b), by quadrature that knows the end-point singularities."""
    over = integrate.quad(lambda _: 1.0, 0, 1, weight="alg", wvar=(a + j - 1, b + k - 1))[0]
    return over / integrate.quad(lambda _: 1.0, 0, 1, weight="alg", wvar=(a - 1, b - 1))[0]


def integrated(family, x, t_x, T, parameters):
    """Return (ln L, P(alive)) from E[(1−p)^k] E[λ^x e^{−λT}] and E[p(1−p)^{k−1}] E[λ^x e^{−λt_x}].

    The customer is alive: survived k coins and was silent since t_x; or dropped out at the last purchase.
    """
    r, alpha, a, b = parameters
    k = x + {"bg_nbd": 0, "mbg_nbd": 1}[family.name]
    alive = np.log(mean_over_dropout(0, k, a, b)) + mean_over_rates(x, T, r, alpha)
    if k == 0:
        return alive, 1.0
    dead = np.log(mean_over_dropout(1, k - 1, a, b)) + mean_over_rates(x, t_x, r, alpha)
    total = np.logaddexp(alive, dead)
    return total, np.exp(alive - total)


@FAMILY
def test_the_likelihood_is_the_integral_over_individual_rates_and_dropout(family):
    for x, t_x, T, parameters in random_cases(40, seed=3):
        want, alive = integrated(family, x, t_x, T, parameters)
        k = family.coins(x)
        assert beta_geometric.log_likelihood(x, k, t_x, T, *parameters) == pytest.approx(want, rel=1e-8)
        assert beta_geometric.p_alive(x, k, t_x, T, *parameters) == pytest.approx(alive, rel=1e-7)


@FAMILY
def test_the_likelihood_is_that_of_simulated_histories(family):
    # P(x = 0), P(x = 1), P(x = 2) within T: the density integrated over recency, against plain simulation
    r, alpha, a, b = parameters = (0.8, 4.0, 0.9, 2.0)
    T, n = 10.0, 200_000
    rng = np.random.default_rng(11)
    rate, dropout = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    alive = rng.random(n) >= dropout if family is MBG_NBD else np.full(n, True)
    clock, count = np.zeros(n), np.zeros(n, int)
    while alive.any():
        clock = clock + rng.exponential(1, n) / rate
        alive &= clock < T
        count += alive
        alive &= rng.random(n) >= dropout

    def within(x):
        def density(t):  # of x purchases, the last at t: the x − 1 before fall anywhere in (0, t)
            log_places = (x - 1) * np.log(t) - gammaln(x)
            return np.exp(beta_geometric.log_likelihood(x, family.coins(x), t, T, *parameters) + log_places)

        return integrate.quad(density, 0, T)[0]

    none = np.exp(beta_geometric.log_likelihood(0, family.coins(0), 0.0, T, *parameters))
    for x, share in enumerate([none, within(1), within(2), within(3)]):
        assert (count == x).mean() == pytest.approx(share, abs=4.5 * np.sqrt(share * (1 - share) / n))


def test_a_bg_customer_who_never_came_back_is_alive_for_certain():
    assert beta_geometric.p_alive(0, BG_NBD.coins(0), 0.0, 500.0, *PUBLISHED) == 1.0
    assert beta_geometric.log_odds_dead(0, BG_NBD.coins(0), 0.0, 500.0, *PUBLISHED) == -np.inf


def test_an_mbg_customer_who_never_came_back_may_be_gone():
    # a new customer has passed one coin: b / (a + b); later doubt only grows
    _, _, a, b = PUBLISHED
    T = np.array([0.0, 1.0, 10.0, 100.0])
    alive = beta_geometric.p_alive(0, MBG_NBD.coins(0), 0.0, T, *PUBLISHED)
    assert alive[0] == pytest.approx(b / (a + b), rel=1e-14)
    assert (np.diff(alive) < 0).all()


@pytest.mark.parametrize("horizon", [0.01, 1.0, 39.0, 5000.0])
def test_a_purchase_comes_within_the_horizon_with_the_integrated_probability(horizon):
    x, T, r, alpha = 3, 20.0, 0.6, 4.0
    rates = stats.gamma(r + x, scale=1 / (alpha + T))
    want = integrate.quad(lambda u: -np.expm1(-rates.ppf(u) * horizon), 0, 1, limit=200)[0]
    got = beta_geometric.p_purchase_within(horizon, x, T, r, alpha)
    assert got == pytest.approx(want, rel=1e-6)


@FAMILY
def test_being_alive_later_is_the_integral_over_rates_and_dropout(family):
    # alive at T + H given (alive, λ, p): e^{−λpH}
    for x, _, T, (r, alpha, a, b) in random_cases(25, seed=8):
        k, horizon = family.coins(x), 30.0

        def survived(p, r=r, x=x, alpha=alpha, T=T, horizon=horizon):
            return (1 + p * horizon / (alpha + T)) ** -(r + x)

        scale = integrate.quad(lambda _: 1.0, 0, 1, weight="alg", wvar=(a - 1, b + k - 1))[0]
        want = integrate.quad(survived, 0, 1, weight="alg", wvar=(a - 1, b + k - 1))[0] / scale
        got = beta_geometric.p_alive_later(horizon, x, k, T, r, alpha, a, b)
        assert got == pytest.approx(want, rel=1e-8)


def test_being_alive_later_is_the_published_form_where_that_can_be_evaluated():
    for x, _, T, (r, alpha, a, b) in random_cases(40, seed=9):
        for horizon in (0.1, 10.0, 60.0):
            want = hyp2f1(r + x, a, a + b + x, -horizon / (alpha + T))
            got = beta_geometric.p_alive_later(horizon, x, x, T, r, alpha, a, b)
            assert got == pytest.approx(want, rel=1e-10)


def test_being_alive_later_is_finite_where_the_published_form_is_not():
    # many purchases: p is known to be near a / b', so that (1 + pH/α')^{−r'} tends to e^{−p r' H/α'}
    for r, alpha, a, b in (PUBLISHED, (1.0, 4.0, 1.0, 2.0), (3.0, 4.0, 2.0, 2.0)):
        for x in (200, 500, 1000, 2000, 100_000):
            for horizon in (1.0, 39.0, 520.0, 10_000.0):
                later = float(beta_geometric.p_alive_later(horizon, x, x, 100.0, r, alpha, a, b))
                limit = (1 + horizon / (alpha + 100.0)) ** -a
                assert later == pytest.approx(limit, rel=20 / x)


@FAMILY
@pytest.mark.parametrize("parameters", [PUBLISHED, (1e-6, 1e-3, 1.0, 1e-3), (50.0, 900.0, 1.0, 80.0)])
def test_extreme_customers_have_finite_likelihoods_and_probabilities(family, parameters):
    r, alpha, a, b = parameters
    x = np.array([0, 0, 0, 1, 1, 5, 2000, 2000, 2000])
    t_x = np.array([0, 0, 0, 1e-9, 3650, 1e-6, 5, 1999, 2000.0])
    T = np.array([0, 1e-9, 1e4, 3650, 3650, 1e4, 2000, 2000, 2000.0])
    k = family.coins(x)
    value = beta_geometric.log_likelihood(x, k, t_x, T, *parameters)
    alive = beta_geometric.p_alive(x, k, t_x, T, *parameters)
    assert np.isfinite(value).all()
    assert ((alive >= 0) & (alive <= 1)).all()
    for horizon in (1e-9, 1.0, 1e6):
        within = beta_geometric.p_purchase_within(horizon, x, T, r, alpha)
        later = beta_geometric.p_alive_later(horizon, x, k, T, r, alpha, a, b)
        assert ((within > 0) & (within <= 1)).all()
        assert ((later >= 0) & (later <= 1 + 1e-12)).all()


def test_everything_broadcasts_over_customers_and_draws():
    x, T = np.array([0, 1, 7]), np.array([10.0, 20.0, 30.0])
    t_x = np.array([0.0, 4.0, 25.0])
    draws = np.exp(np.random.default_rng(0).normal(0, 0.3, (4, 5, 1))) * np.array(PUBLISHED)[:, None, None]
    value = beta_geometric.log_likelihood(x, x, t_x, T, *draws)
    assert value.shape == (5, 3)
    one = beta_geometric.log_likelihood(7, 7, 25.0, 30.0, *draws[:, 2, 0])
    assert value[2, 2] == pytest.approx(float(one), rel=1e-14)
    assert beta_geometric.p_alive(x, x, t_x, T, *draws).shape == (5, 3)
    assert beta_geometric.p_purchase_within(39.0, x, T, draws[0], draws[1]).shape == (5, 3)
    assert beta_geometric.p_alive_later(39.0, x, x, T, *draws).shape == (5, 3)


def test_integer_histories_of_small_types_do_not_overflow():
    small, longer = np.int8(100), np.int8(120)
    got = beta_geometric.log_likelihood(small, small, small, longer, *PUBLISHED)
    assert got == pytest.approx(beta_geometric.log_likelihood(100, 100, 100.0, 120.0, *PUBLISHED), rel=1e-14)


def test_arguments_are_left_as_they_were():
    x, t_x, T = np.array([0.0, 3.0]), np.array([0.0, 5.0]), np.array([9.0, 9.0])
    for array in (x, t_x, T):
        array.setflags(write=False)
    beta_geometric.log_likelihood(x, x, t_x, T, *PUBLISHED)
    beta_geometric.p_alive(x, x, t_x, T, *PUBLISHED)

"""Gamma-Gamma spend, against integrals over the customer's own rate."""

import numpy as np
import pytest
from scipy import integrate
from scipy.special import gammaln

from bayesltv.families.gamma_gamma import formulas as gamma_gamma

PUBLISHED = (6.25, 3.74, 15.44)


def random_customers(n, seed):
    """Yield (amounts, (p, q, v))."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        p, q, v = np.exp(rng.normal(np.log([3, 3, 20]), 0.6))
        yield rng.gamma(p, rng.gamma(q, 1 / v) ** -1, rng.integers(1, 9)), (p, q, v)


def gamma_density(z, shape, rate):
    return np.exp(shape * np.log(rate) + (shape - 1) * np.log(z) - rate * z - gammaln(shape))


def integrated(density, q, v):
    """Return E over ν ~ Gamma(q, rate v) of a density of what was seen, by quadrature over ln ν."""

    def weight(u):
        return density(np.exp(u)) * gamma_density(np.exp(u), q, v) * np.exp(u)

    u = np.linspace(-15, 5, 401)
    top = u[np.argmax([weight(point) for point in u])]
    return integrate.quad(weight, top - 12, top + 6, points=[top], limit=400, epsabs=0)[0]


def test_the_full_likelihood_is_the_integral_over_the_customers_rate():
    for z, (p, q, v) in random_customers(8, seed=1):
        want = np.log(integrated(lambda nu, z=z, p=p: np.prod(gamma_density(z, p, nu)), q, v))
        got = gamma_gamma.log_likelihood_of_amounts(z.size, z.sum(), np.log(z).sum(), p, q, v)
        assert got == pytest.approx(want, rel=1e-8)


def test_the_likelihood_of_the_mean_is_the_integral_over_the_customers_rate():
    for z, (p, q, v) in random_customers(8, seed=2):
        n, mean = z.size, z.mean()
        want = integrated(lambda nu, n=n, mean=mean, p=p: gamma_density(mean, p * n, n * nu), q, v)
        got = gamma_gamma.log_likelihood_of_mean(n, mean, p, q, v)
        assert got == pytest.approx(np.log(want), rel=1e-8)


def test_the_density_of_the_mean_integrates_to_one():
    for n in (1, 4, 30):

        def density(z, n=n):
            return np.exp(gamma_gamma.log_likelihood_of_mean(n, z, *PUBLISHED))

        assert sum(integrate.quad(density, *ends)[0] for ends in ((0, 40), (40, np.inf))) == pytest.approx(
            1, abs=1e-8
        )


@pytest.mark.parametrize("delta", [0.6, 1.0, 1.7])
def test_a_first_amount_shares_the_customers_rate_on_its_level(delta):
    for z, (p, q, v) in random_customers(4, seed=4):
        first, rest = z[0], z[1:]
        total, logs, mean = rest.sum(), np.log(rest).sum(), rest.mean() if rest.size else 0.0

        def seen(nu, rest=rest, first=first, p=p):
            return np.prod(gamma_density(rest, p, nu)) * gamma_density(first, p, nu / delta)

        whole = integrated(seen, q, v)
        got = gamma_gamma.log_likelihood_of_amounts(rest.size, total, logs, p, q, v, delta, first=first)
        assert got == pytest.approx(np.log(whole), rel=1e-8)
        spend = integrated(lambda nu, seen=seen, p=p: p / nu * seen(nu), q, v)
        got = gamma_gamma.expected_spend(rest.size, total, p, q, v, delta, first=first)
        assert got == pytest.approx(spend / whole, rel=1e-8)

        def of_mean(nu, n=rest.size, mean=mean, first=first, p=p):
            repeats = gamma_density(mean, p * n, n * nu) if n else 1.0
            return repeats * gamma_density(first, p, nu / delta)

        got = gamma_gamma.log_likelihood_of_mean(rest.size, mean, p, q, v, delta, first=first)
        assert got == pytest.approx(np.log(integrated(of_mean, q, v)), rel=1e-8)


def test_the_pin_of_a_first_amount():
    z = np.array([20.0, 35.0])
    found = gamma_gamma.log_likelihood_of_amounts(
        2, z.sum(), np.log(z).sum(), 3.6, 4.4, 34.0, 1.1, first=15.0
    )
    assert found == pytest.approx(-11.674924201934, abs=1e-11)


def test_one_amount_has_the_same_likelihood_in_both_forms():
    z = np.array([0.5, 10.0, 400.0])
    full = gamma_gamma.log_likelihood_of_amounts(1, z, np.log(z), *PUBLISHED)
    assert gamma_gamma.log_likelihood_of_mean(1, z, *PUBLISHED) == pytest.approx(full, rel=1e-13)


def test_a_customer_without_amounts_says_nothing():
    assert gamma_gamma.log_likelihood_of_amounts(0, 0.0, 0.0, *PUBLISHED) == pytest.approx(0.0, abs=1e-12)


def test_expected_spend_is_the_mean_over_the_posterior_of_the_rate():
    for z, (p, q, v) in random_customers(8, seed=3):
        posterior = integrated(lambda nu, z=z, p=p: np.prod(gamma_density(z, p, nu)), q, v)
        spend = integrated(lambda nu, z=z, p=p: p / nu * np.prod(gamma_density(z, p, nu)), q, v)
        got = gamma_gamma.expected_spend(z.size, z.sum(), p, q, v)
        assert got == pytest.approx(spend / posterior, rel=1e-8)


def test_expected_spend_without_a_mean_is_infinite_and_never_negative():
    q = np.array([0.3, 0.999, 1.0, 1.0001])
    spend = gamma_gamma.expected_spend(0, 0.0, 6.0, q, 15.0)
    assert np.isposinf(spend[:3]).all()
    assert spend[3] == pytest.approx(6 * 15 / 0.0001)
    assert np.isfinite(gamma_gamma.expected_spend(1, 20.0, 6.0, q, 15.0)).all()


def test_extreme_spend_has_finite_likelihoods():
    for parameters in (PUBLISHED, (1e-3, 1e-3, 1e-6), (500.0, 400.0, 1e6)):
        for n in (1, 2000):
            for amount in (0.01, 1e6):
                total, logs = n * amount, n * np.log(amount)
                assert np.isfinite(gamma_gamma.log_likelihood_of_amounts(n, total, logs, *parameters))
                assert np.isfinite(gamma_gamma.log_likelihood_of_mean(n, amount, *parameters))


def test_everything_broadcasts_over_customers_and_draws():
    p, q, v = (np.array([value, 1.1 * value])[:, None] for value in PUBLISHED)
    n, mean = np.array([1, 2, 3]), np.array([10.0, 20.0, 30.0])
    assert gamma_gamma.log_likelihood_of_mean(n, mean, p, q, v).shape == (2, 3)
    assert gamma_gamma.log_likelihood_of_amounts(n, n * mean, n * np.log(mean), p, q, v).shape == (2, 3)
    spend = gamma_gamma.expected_spend(n, n * mean, p, q, v)
    assert spend.shape == (2, 3)
    assert spend[0, 1] == pytest.approx(6.25 * (15.44 + 40) / (12.5 + 3.74 - 1), rel=1e-14)

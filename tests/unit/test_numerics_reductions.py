"""Quantiles, shares and sums of draws, against NumPy and whole-number arithmetic."""

import numpy as np
import pytest

from bayesltv.numerics.reductions import add_customers, quantiles, shares_reaching

LEVELS = np.array([0.0, 0.05, 0.3, 0.5, 0.95, 0.999, 1.0])
RNG = np.random.default_rng(8)
ROWS = {
    "mostly zero": lambda n: RNG.gamma(2, 10, n) * (RNG.random(n) < 0.3),
    "all zero": np.zeros,
    "all positive": lambda n: RNG.gamma(2, 10, n),
    "all negative": lambda n: -RNG.gamma(2, 10, n),
    "of both signs": lambda n: RNG.normal(size=n),
    "signs and zeros": lambda n: np.round(RNG.normal(size=n)),
    "service cost": lambda n: np.where(RNG.random(n) < 0.6, -2.5, RNG.gamma(2, 10, n) - 2.5),
    "negative or zero": lambda n: np.minimum(0, np.round(RNG.normal(size=n))),
}


@pytest.mark.parametrize("draws", [1, 2, 7, 1000])
@pytest.mark.parametrize("kind", ROWS)
def test_quantiles_are_numpys(kind, draws):
    values = np.array([ROWS[kind](draws) for _ in range(20)])
    before, levels = values.copy(), np.empty((LEVELS.size, 20))
    quantiles(values, LEVELS, levels)
    np.testing.assert_allclose(levels, np.quantile(values, LEVELS, axis=1), rtol=1e-14, atol=0)
    np.testing.assert_array_equal(values, before)


def test_a_draw_that_equals_its_threshold_reaches_it():
    values = np.array([[0.0, 1.0, 2.0, 3.0]])
    thresholds = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 2.5, 3.0], [9.0, 9.0, 9.0, 2.0]])
    shares = np.empty((3, 1))
    shares_reaching(values, thresholds, shares)
    assert shares[:, 0].tolist() == [1.0, 0.5, 0.25]


def test_sums_are_exact_whatever_the_order_and_the_split():
    n, draws, step = 200, 30, 2.0**-20
    value = RNG.gamma(1, 1e5, (n, draws)) * RNG.choice([-1, 0, 1], (n, draws))
    purchases = (value != 0).astype(np.int32) * RNG.integers(1, 9, (n, draws), dtype=np.int32)
    spend = np.abs(value) * 3
    group, tier = RNG.integers(0, 4, n, dtype=np.int32), RNG.integers(0, 3, n)

    def total(*parts):
        sums, customers = np.zeros((3, 4, 3, draws), np.int64), np.zeros((4, 3), np.int64)
        for rows in parts:
            some = (each[rows] for each in (purchases, spend, value, group, tier))
            add_customers(*some, step, sums, customers)
        return sums, customers

    whole, customers = total(np.arange(n))
    order = RNG.permutation(n)
    for one, other in zip(total(order[:77], order[77:]), (whole, customers), strict=True):
        np.testing.assert_array_equal(one, other)
    assert customers.sum() == n
    for g in range(4):
        for k in range(3):
            mine = (group == g) & (tier == k)
            assert whole[0, g, k].tolist() == purchases[mine].sum(axis=0).tolist()
            units = [[round(each / step) for each in row] for row in value[mine].T]
            assert whole[2, g, k].tolist() == [sum(row) for row in units]

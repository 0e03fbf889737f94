"""Reliability of purchase probabilities."""

import numpy as np
import pytest
from scipy.integrate import quad

import bayesltv as ltv
from bayesltv.evaluation.calibration import jeffreys_interval, purchase_calibration


def test_shares_and_counts_are_those_counted_by_hand():
    probability = [0.05, 0.15, 0.1, 0.45, 0.55, 0.5, 0.95, 1.0]
    came = [False, False, True, True, False, True, True, True]
    table = purchase_calibration(probability, came, bins=[0.3, 0.8])
    assert table["customers"].tolist() == [3, 3, 2]
    assert table["came_back"].tolist() == [1, 2, 2]
    assert table["predicted"].tolist() == pytest.approx([0.1, 0.5, 0.975])
    assert table["observed"].tolist() == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert table[["p_from", "p_to"]].to_numpy().tolist() == [[0.05, 0.15], [0.45, 0.55], [0.95, 1.0]]


def test_the_interval_holds_nine_tenths_of_jeffreys_posterior():
    successes, trials = np.array([3, 40]), np.array([10, 61])
    low, high = jeffreys_interval(successes, trials, level=0.9)
    for s, n, left, right in zip(successes, trials, low, high, strict=True):

        def density(p, s=s, n=n):
            return p ** (s - 0.5) * (1 - p) ** (n - s - 0.5)

        whole = quad(density, 0, 1)[0]
        assert quad(density, 0, left)[0] / whole == pytest.approx(0.05, abs=1e-6)
        assert quad(density, right, 1)[0] / whole == pytest.approx(0.05, abs=1e-6)


def test_the_interval_reaches_the_edge_where_nobody_or_everybody_came():
    low, high = jeffreys_interval(np.array([0, 5]), np.array([5, 5]), level=0.9)
    assert low[0] == 0
    assert high[1] == 1
    assert 0 < high[0] < low[1] < 1


def test_calibrated_probabilities_lie_within_their_intervals_nine_times_in_ten():
    rng = np.random.default_rng(1)
    hits = bins = 0
    for _ in range(100):
        p = rng.beta(0.6, 1.5, 3000)
        table = purchase_calibration(p, rng.random(3000) < p)
        hits += table["predicted"].between(table["observed_p05"], table["observed_p95"]).sum()
        bins += len(table)
    assert hits / bins == pytest.approx(0.9, abs=0.04)


def test_equal_probabilities_share_one_bin_and_nobody_is_lost():
    table = purchase_calibration(np.full(40, 0.3), np.arange(40) < 12)
    assert table["customers"].tolist() == [40]
    assert table["observed"].item() == pytest.approx(0.3)
    assert purchase_calibration(np.zeros(5), np.zeros(5))["customers"].tolist() == [5]


@pytest.mark.parametrize(
    ("probability", "came", "said"),
    [
        ([0.1, 0.2], [True], "2 probabilities and 1 outcomes"),
        ([], [], "0 probabilities"),
        ([0.1, np.nan, 1.2], [True] * 3, "2 of 3 probabilities are missing or not in"),
    ],
)
def test_what_cannot_be_compared_is_refused(probability, came, said):
    with pytest.raises(ltv.DataError, match=said):
        purchase_calibration(probability, came)

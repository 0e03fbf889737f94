"""Binned counts against predictive draws, closed forms and the CDNOW cohort."""

import numpy as np
import pytest
from scipy.special import hyp2f1

from bayesltv.streams import customer_keys
from helpers import COIN_FAMILIES as FAMILIES
from plain_kernels import count_in_bins, draw_futures

CDNOW = (0.2425945, 4.413602, 0.792922, 2.425907)
"""Maximum likelihood, CDNOW 1/10 sample, weeks (Fader, Hardie & Lee 2005: .243, 4.414, .793, 2.426)."""
STEP = 2.0**-30
HISTORIES = [(0, 0.0, 0.0), (0, 0.0, 30.0), (2, 30.43, 38.86), (29, 38.0, 38.86), (400, 38.8, 38.86)]


def keys(ids, stream, seed=1):
    return customer_keys(seed, stream, [str(each) for each in ids])


def points(parameters, draws):
    return np.repeat(np.array(parameters, float).reshape(-1, 1, 1), draws, axis=2)


def counted(
    customers,
    *,
    start,
    until,
    width,
    bins,
    draws,
    parameters=CDNOW,
    group=None,
    into=None,
    spend=None,
    money=None,
):
    n = customers.shape[1]
    counts = np.zeros((draws, bins), np.int64) if into is None else into
    count_in_bins(
        keys(range(n), "latents"),
        keys(range(n), "events"),
        keys(range(n), "amounts"),
        np.arange(draws, dtype=np.uint64),
        customers,
        np.zeros(n, np.int32) if group is None else group,
        points(parameters, draws),
        np.zeros((3, 0, 0)) if spend is None else spend,
        np.broadcast_to(np.asarray(start, float), n).copy(),
        float(until),
        float(width),
        STEP,
        counts,
        np.zeros_like(counts) if money is None else money,
    )
    return counts


def people(family):
    x, t_x, T = np.array(HISTORIES, float).T
    return np.array([x, family.coins(x), t_x, T, x, 20.0 * x])


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("spend", [(3, 0, 0), (3, 1, 500)], ids=["without spend", "with spend"])
def test_counts_and_money_add_up_to_the_drawn_futures_in_every_draw(family, spend):
    customers, draws, horizon = people(family), 500, 39.0
    n = customers.shape[1]
    purchases, amount = np.zeros((n, draws), np.int32), np.zeros((n, draws))
    draw_futures(
        *(keys(range(n), stream) for stream in ("latents", "events", "amounts")),
        np.arange(draws, dtype=np.uint64),
        customers,
        np.zeros(n, np.int32),
        points(CDNOW, draws),
        np.full(spend, 4.0),
        (horizon, 0.0, 1.0, 0.0),
        np.zeros((n, draws), bool),
        purchases,
        amount,
        np.zeros((n, draws)),
    )
    money = np.zeros((draws, 6), np.int64)
    counts = counted(
        customers, start=0.0, until=horizon, width=7.0, bins=6, draws=draws, spend=np.full(spend, 4.0),
        money=money,
    )  # fmt: skip
    np.testing.assert_array_equal(counts.sum(axis=1), purchases.sum(axis=0))
    np.testing.assert_allclose(money.sum(axis=1) * STEP, amount.sum(axis=0), rtol=1e-7)
    assert ((money > 0) == (counts > 0)).all() if spend[1] else not money.any()
    assert (counts.sum(axis=0) > 0).all()


def test_a_new_customer_buys_as_often_as_the_closed_form_says():
    r, alpha, a, b = CDNOW
    t = np.array([10.0, 20.0, 30.0, 40.0])
    # Fader, Hardie & Lee (2005), eq. 9
    factor = 1 - (alpha / (alpha + t)) ** r * hyp2f1(r, b, a + b - 1, t / (alpha + t))
    expected = (a + b - 1) / (a - 1) * factor
    counts = counted(np.zeros((6, 100)), start=0.0, until=40.0, width=10.0, bins=4, draws=2000)
    each = counts.cumsum(axis=1) / 100
    error = each.std(axis=0) / np.sqrt(len(each))
    np.testing.assert_array_less(np.abs(each.mean(axis=0) - expected), 4.5 * error)


def test_a_cohort_buys_as_often_by_week_as_it_is_expected_to(cdnow):
    # weeks 20 to 25 after 1997-01-01, expected at these parameters (closed form)
    expected = [76.865, 74.888, 73.046, 71.322, 69.704, 68.182]
    start = (cdnow["T"].max() - cdnow["T"]).to_numpy()
    counts = counted(np.zeros((6, len(cdnow))), start=start, until=25.0, width=1.0, bins=25, draws=1000)[
        :, 19:
    ]
    error = counts.std(axis=0) / np.sqrt(len(counts))
    np.testing.assert_array_less(np.abs(counts.mean(axis=0) - expected), 4.5 * error)


def test_nobody_buys_before_the_present_and_counts_are_added_to_what_is_there():
    there = np.full((50, 10), 7, np.int64)
    counts = counted(np.zeros((6, 40)), start=6.0, until=10.0, width=1.0, bins=10, draws=50, into=there)
    assert counts is there
    assert (counts[:, :6] == 7).all()
    assert (counts[:, 6:] >= 7).all()
    assert (counts[:, 6:] > 7).any(axis=0).all()


def test_a_purchase_that_rounding_moves_past_the_last_bin_counts_in_it():
    # three bins of a third do not quite make 1; the end lies a hair beyond the last edge
    counts = counted(
        np.zeros((6, 50)),
        start=0.0,
        until=1.2,
        width=1 / 3,
        bins=3,
        draws=200,
        parameters=(50.0, 5.0, 0.01, 9.0),
    )
    assert counts[:, 2].sum() > 1.4 * counts[:, 1].sum()

"""The plain checks over many worlds: what is not there is hardly ever seen, and what is there nearly always.

Worlds are drawn by `plain_worlds`, not by the package. Fits are near-exact ones, of some seconds each.
"""

import pytest

import bayesltv as ltv
from plain_worlds import plain_world

WORLDS = 40
BG = (0.6, 4.0, 0.8, 2.5)
GONE = (1.0, 6.0, 1.2, 0.8)
"""Three of five leave after each purchase."""

pytestmark = pytest.mark.slow


def warned(name, *, spec, first_seed, **world):
    """In how many worlds the check warns."""
    count = 0
    for seed in range(first_seed, first_seed + WORLDS):
        summary = plain_world(2000, seed=seed, **world)
        fit = ltv.fit(summary, spec, seed=1, method="laplace", progress=False)
        count += ltv.check(fit, summary)[name].status == "warn"
    print(f"{name} warned in {count} of {WORLDS} worlds")
    return count


def test_common_shocks_are_not_seen_where_there_are_none():
    assert warned("common_shocks", spec="pooled", first_seed=100, law=BG) <= 4


def test_weekly_shocks_are_seen():
    assert warned("common_shocks", spec="pooled", first_seed=200, law=BG, shock_sd=0.3) >= 36


def test_one_time_buyers_of_bg_worlds_come_back_as_expected():
    assert warned("one_time_buyers", spec="pooled", first_seed=300, law=BG) <= 4


def test_one_time_buyers_who_are_gone_are_seen():
    assert warned("one_time_buyers", spec="pooled", first_seed=400, law=GONE, gone_at_once=True) >= 36

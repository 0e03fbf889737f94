"""Tiers relative to other customers: cuts by draw against sorting all draws in memory."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.base.meeting import Meeting
from bayesltv.base.population import read_posterior
from bayesltv.prediction.scores import thresholds
from bayesltv.prediction.scores.engine import Threads
from bayesltv.prediction.scores.scoring import make_scoring
from helpers import point_fit

DRAWS = 60
PURCHASE = {"r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
TOPS = {"relative": (0.45, 0.2, 0.03), "share": (0.8, 0.5, 0.1)}
VALUE = {"horizon": "39 weeks", "annual_discount_rate": 0.1, "margin": 0.3}
KINDS = pytest.mark.parametrize("kind", TOPS)
COSTS = pytest.mark.parametrize("service_cost", [0.0, 4.0])


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    log = ltv.simulate_log(1200, purchase=PURCHASE, spend=SPEND, seed=4)
    return ltv.summarize(log, observation_end="1997-09-30", time_unit="week")


@pytest.fixture(scope="module")
def fit():
    return point_fit(PURCHASE | SPEND, draws=DRAWS)


def decision(kind: str, service_cost: float = 0.0) -> ltv.DecisionSpec:
    named = zip(("low", "fair", "good", "best"), (None, *TOPS[kind]), strict=True)
    tiers = ltv.TierSpec(tuple(ltv.Tier(name, top=top) for name, top in named), kind)
    return ltv.DecisionSpec(value=ltv.ValueSpec(**VALUE, service_cost=service_cost), tiers=tiers)


def values_of(fit, summary, service_cost):
    draws = ltv.predict(fit, summary, seed=2, service_cost_per_year=service_cost, **VALUE)
    return draws["value"].values.reshape(DRAWS, -1)


def tier_by_sorting(values, kind):
    """The tier of each customer in one draw: those above the largest value whose holders are too many."""
    weights = [Fraction(1) if kind == "relative" else Fraction(max(v, 0.0)) for v in values]
    tier = np.zeros(values.size, int)
    for top in TOPS[kind]:
        allowed, reached, members = Fraction(str(top)) * sum(weights), Fraction(0), set()
        for value in sorted(set(values), reverse=True):
            holders = np.flatnonzero(values == value)
            reached += sum(weights[i] for i in holders)
            if reached > allowed:
                break
            members |= set(holders.tolist())
        tier[sorted(members)] += 1
    return tier


@KINDS
@COSTS
def test_probabilities_are_shares_of_draws_in_tiers_found_by_sorting(fit, summary, kind, service_cost):
    scores = ltv.score(fit, summary, decision(kind, service_cost), seed=2, draws=None)
    values = values_of(fit, summary, service_cost)
    tiers = np.array([tier_by_sorting(draw, kind) for draw in values])
    for k, name in enumerate(("low", "fair", "good", "best")):
        np.testing.assert_allclose(scores[f"p_tier_{name}"], (tiers == k).mean(axis=0), atol=1e-12)


@KINDS
@pytest.mark.parametrize("safely", [5.0, 1e-9, -0.5], ids=["wide", "too narrow", "turned around"])
def test_samples_and_batches_change_nothing_even_where_cuts_miss_their_brackets(
    fit, summary, kind, safely, monkeypatch
):
    expected = ltv.score(fit, summary, decision(kind), seed=2, draws=None).attrs["thresholds"]
    monkeypatch.setattr(thresholds, "FIRST_SAMPLE", 30)
    monkeypatch.setattr(thresholds, "_SAFELY", safely)
    scoring = make_scoring(fit, decision(kind), Meeting(2), read_posterior(fit))
    parts = [part for _, part in summary.groupby(np.arange(len(summary)) // 500)]
    everyone = Threads(scoring, lambda: map(scoring.place, parts))
    found = thresholds.find_thresholds(scoring, everyone, customers=len(summary), block=64)
    assert found.tolist() == expected


@KINDS
def test_a_customer_alone_is_scored_as_in_company_given_the_thresholds(fit, summary, kind):
    everyone = ltv.score(fit, summary, decision(kind), seed=2)
    given = everyone.attrs["thresholds"]
    few = ltv.score(fit, summary.iloc[[700, 3]], decision(kind), seed=2, thresholds=given)
    again = pd.DataFrame(everyone.iloc[[700, 3]].reset_index(drop=True))
    pd.testing.assert_frame_equal(pd.DataFrame(few), again, check_exact=True)
    alone = ltv.score(fit, summary.iloc[[700, 3]], decision(kind), seed=2)
    assert alone.attrs["thresholds"] != given


def test_who_ties_at_a_boundary_falls_into_the_tier_below(fit, summary):
    # seven in ten are worth nothing in a draw: the best 45 % are fewer than that
    scores = ltv.score(fit, summary, decision("relative"), seed=2, draws=None)
    values = values_of(fit, summary, 0.0)
    assert ((values == 0).mean(axis=1) > 0.55).all()
    assert (np.array(scores.attrs["thresholds"][0]) == np.nextafter(0.0, 1.0)).all()
    np.testing.assert_allclose(scores["p_tier_low"], (values == 0).mean(axis=0), atol=1e-12)


def test_29_percent_of_100_are_29():
    assert 0.29 * 100 < 29
    assert thresholds._budget(np.array([100]), 0.29).tolist() == [29.0]


def test_nobody_shares_what_nobody_has(fit, summary):
    costly = decision("share", service_cost=1e9)
    scores = ltv.score(fit, summary, costly, seed=2, draws=None)
    assert (scores["tier"] == "low").all()
    assert np.isfinite(scores.attrs["thresholds"]).all()


def test_no_customers_have_thresholds_and_no_rows(fit, summary):
    scores = ltv.score(fit, summary.iloc[:0], decision("relative"), seed=2)
    assert len(scores) == 0
    assert np.shape(scores.attrs["thresholds"]) == (3, DRAWS)


def test_thresholds_of_other_draws_or_tiers_are_refused(fit, summary):
    given = ltv.score(fit, summary, decision("relative"), seed=2).attrs["thresholds"]
    with pytest.raises(ltv.SpecError, match="do not fit 4 tiers, 30 draws"):
        ltv.score(fit, summary, decision("relative"), seed=2, draws=30, thresholds=given)


@pytest.mark.parametrize(
    ("tiers", "kind", "message"),
    [
        (
            (("low", {}), ("high", {"at_least": 3.0})),
            "relative",
            'kind "relative" have top, not at_least: high',
        ),
        ((("low", {}), ("high", {"top": 0.3})), "absolute", 'kind "absolute" have at_least, not top: high'),
        ((("low", {}), ("fair", {"top": 0.2}), ("high", {"top": 0.3})), "share", "top must decrease"),
        ((("low", {}), ("high", {"top": 20.0})), "relative", "high.top"),
        (
            (("low", {"top": 0.9}), ("high", {"top": 0.3})),
            "relative",
            "exactly one tier, the lowest, has no top",
        ),
    ],
)
def test_tiers_that_make_no_sense_are_refused(tiers, kind, message):
    with pytest.raises(ltv.SpecError, match=message):
        ltv.TierSpec(tuple(ltv.Tier(name, **given) for name, given in tiers), kind)


@KINDS
def test_relative_tiers_survive_a_file(kind, tmp_path):
    file = tmp_path / "decision.toml"
    best, good, fair = sorted(TOPS[kind])
    file.write_text(
        '[value]\nhorizon = "39 weeks"\nannual_discount_rate = 0.1\nmargin = 0.3\n'
        f'[tiers]\nkind = "{kind}"\n[tiers.best]\ntop = {best}\n[tiers.good]\ntop = {good}\n'
        f"[tiers.fair]\ntop = {fair}\n[tiers.low]\n"
    )
    read = ltv.load_decision(file)
    assert read.tiers == decision(kind).tiers
    assert ltv.DecisionSpec.from_dict(read.to_dict()) == replace(read, title="")
    assert all(above > below for above, below in pairwise(read.tiers.tops))

"""A fit meets a summary once: the questions of a customer base answer as the functions of their names."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.base import placed_base
from bayesltv.checks.run import stored_report
from bayesltv.prediction.tracking import track
from golden_values import DRAWS, SEED, STORED, decision, stored_fit, stored_summary


@pytest.fixture(scope="module")
def fit():
    return stored_fit("grouped")


@pytest.fixture(scope="module")
def summary():
    return stored_summary("summary_grouped")


@pytest.fixture(scope="module")
def base(fit, summary):
    return ltv.customer_base(fit, summary, seed=SEED)


@pytest.fixture(scope="module")
def log():
    return pd.read_csv(STORED / "log.csv", parse_dates=["date"], dtype={"customer_id": str})


TERMS = {"horizon": "26 weeks", "annual_discount_rate": 0.1, "margin": 0.3}


def test_predict_is_that_of_the_function(base, fit, summary):
    some = summary["customer_id"].iloc[[7, 3]].tolist()
    asked = {**TERMS, "draws": 40, "customers": some}
    xr.testing.assert_identical(base.predict(**asked), ltv.predict(fit, summary, seed=SEED, **asked))


def test_score_is_that_of_the_function(base, fit, summary):
    mine = base.score(decision("retention"), draws=DRAWS)
    theirs = ltv.score(fit, summary, decision("retention"), seed=SEED, draws=DRAWS)
    pd.testing.assert_frame_equal(pd.DataFrame(mine), pd.DataFrame(theirs))
    xr.testing.assert_identical(mine.totals, theirs.totals)
    assert mine.attrs == theirs.attrs


def test_track_and_replicas_and_likelihood_are_those_of_the_functions(base, fit, summary):
    xr.testing.assert_identical(
        base.track(horizon="26 weeks", draws=40),
        track(fit, summary, seed=SEED, horizon="26 weeks", draws=40),
    )
    mine = base.posterior_predictive(draws=40)
    theirs = ltv.posterior_predictive(fit, summary, seed=SEED, draws=40)
    pd.testing.assert_frame_equal(mine.table, theirs.table)
    found, expected = base.log_likelihood(), ltv.log_likelihood(fit, summary)
    xr.testing.assert_identical(found["purchase"].to_dataset(), expected["purchase"].to_dataset())


def test_evaluate_is_that_of_the_function(base, fit, summary, log):
    asked = {"horizon": "26 weeks", "draws": 40, "tracking": False}
    mine, theirs = base.evaluate(log, **asked), ltv.evaluate(fit, summary, log, seed=SEED, **asked)
    pd.testing.assert_frame_equal(mine.customers, theirs.customers)
    assert mine.facts == theirs.facts


def test_draws_of_the_base_are_those_of_every_question(fit, summary):
    base = ltv.customer_base(fit, summary, seed=SEED, draws=40)
    assert base.predict(**TERMS).sizes["draw"] * 4 == 40
    assert base.score(decision("retention")).attrs["draws"] == 40
    assert base.track(draws=100).sizes["draw"] == 40
    assert base.posterior_predictive(draws=100).facts["draws"] == 40


def test_a_summary_is_validated_once_whatever_is_asked(fit, summary, log, monkeypatch):
    calls = []
    real = placed_base.validate_summary

    def counted(*given, **named):
        calls.append(len(given[0]))
        return real(*given, **named)

    monkeypatch.setattr(placed_base, "validate_summary", counted)
    base = ltv.customer_base(fit, summary, seed=SEED, draws=20)
    base.score(decision("retention"))
    base.decide(decision("retention"))
    base.evaluate(log, horizon="26 weeks", tracking=False)
    base.predict(**TERMS)
    assert calls == [len(summary)]


def test_a_failed_fit_answers_but_neither_scores_nor_decides(fit, summary):
    results = [
        replace(each, status="fail" if each.name == "rhat" else each.status)
        for each in stored_report(fit).results
    ]
    failed = ltv.with_checks(fit, ltv.CheckReport(tuple(results)))
    base = ltv.customer_base(failed, summary, seed=SEED, draws=20)
    assert np.isfinite(base.predict(**TERMS)["value"]).all()
    for ask in (base.score, base.decide):
        with pytest.raises(ltv.CheckFailed, match="rhat"):
            ask(decision("retention"))
    accepted = ltv.customer_base(failed, summary, seed=SEED, draws=20, accept_failed=["rhat"])
    assert accepted.score(decision("retention")).attrs["accepted_failed_checks"] == ["rhat"]


def test_an_old_fit_neither_scores_nor_decides(fit, summary):
    late = summary.copy()
    late["T"] += 10.0
    late.attrs["observation_end"] = "1998-03-08"
    base = ltv.customer_base(fit, late, seed=SEED, draws=20, max_fit_age_days=30)
    assert base.predict(**TERMS).sizes["customer_id"] == len(summary)
    with pytest.raises(ltv.CheckFailed, match="70 days"):
        base.score(decision("retention"))


def test_a_base_says_who_it_is(base):
    assert repr(base) == "<CustomerBase: 400 customers up to 1997-12-28, groups: channel, seed 4>"

"""Key figures of customers, and newcomers on day 0."""

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from helpers import point_fit

CDNOW = {"r": 0.53, "alpha": 5.2, "a": 0.89, "b": 1.61, "p": 6.25, "q": 3.74, "v": 15.44}
END = pd.Timestamp("2024-12-31")


def log_of(*rows):
    days = [END - pd.Timedelta(days=ago) for _, ago, _ in rows]
    return pd.DataFrame(
        {"customer_id": [row[0] for row in rows], "date": days, "amount": [row[2] for row in rows]}
    )


HAND = log_of(
    ("A", 200, 10.0), ("A", 120, 20.0), ("A", 15, 30.0), ("B", 130, 5.0), ("C", 60, 40.0), ("C", 5, 10.0),
    ("D", 300, 100.0), ("E", 89, 5.0),
)  # fmt: skip


def base_of(log, draws=200, seed=1, **asked):
    summary = ltv.summarize(log, observation_end=asked.pop("end", END), time_unit="week", **asked)
    return ltv.customer_base(point_fit(CDNOW, draws=draws, family="mbg_nbd"), summary, seed=seed)


def test_what_is_observed_is_what_the_log_says():
    found = base_of(HAND).kpis(HAND).set_index("kpi")["observed"]
    found = found[~found.index.duplicated()]
    expected = {
        "active_30d": 2 / 5, "active_90d": 3 / 5, "retention": 1 / 2, "churn": 1 / 2, "repurchase": 2 / 5,
        "average_order": (30 + 40 + 10 + 5) / 4, "top_20_share": 100 / 220,
    }  # fmt: skip
    for name, value in expected.items():
        assert found[name] == pytest.approx(value), name


def test_what_is_predicted_is_what_the_draws_of_predict_say(cdnow, cdnow_log):
    base = ltv.customer_base(point_fit(CDNOW, draws=60, family="mbg_nbd"), cdnow, seed=3)
    found = base.kpis(cdnow_log, days=63).set_index("kpi")
    found = found[~found.index.duplicated()]
    terms = {"annual_discount_rate": 0.0, "margin": 1.0}
    near = base.predict(horizon="30 days", **terms)["purchases"].values > 0
    period = base.predict(horizon="9 weeks", **terms)
    bought, spend = period["purchases"].values[0], period["spend"].values[0]
    recent = cdnow["last_purchase"] > pd.Timestamp("1997-09-30") - pd.Timedelta(days=63)
    once = (cdnow["frequency"] == 0).to_numpy()
    again = ((~once).sum() + (bought[:, once] > 0).sum(axis=1)) / len(cdnow)
    worth = spend + cdnow["value_to_date"].to_numpy()
    best = np.sort(worth, axis=1)[:, -472:].sum(axis=1) / worth.sum(axis=1)  # a fifth of 2,357
    expected = {
        "active_30d": near[0].mean(axis=1), "retention": (bought[:, recent] > 0).mean(axis=1),
        "repurchase": again, "average_order": spend.sum(axis=1) / bought.sum(axis=1), "top_20_share": best,
    }  # fmt: skip
    for name, draws in expected.items():
        assert found.loc[name, "p95"] == pytest.approx(np.quantile(draws, 0.95), rel=1e-9), name
        assert found.loc[name, "mean"] == pytest.approx(draws.mean(), rel=1e-9), name


def test_groups_and_tiers_have_rows_of_their_own(cdnow, cdnow_log, decision):
    base = ltv.customer_base(point_fit(CDNOW, draws=40, family="mbg_nbd"), cdnow, seed=3)
    found = base.kpis(cdnow_log, by="tier", decision=decision)
    scores = base.score(decision)
    sizes = found.drop_duplicates("tier").set_index("tier")["customers"]
    assert sizes.drop("all").to_dict() == scores["tier"].value_counts().to_dict()
    alone = base.kpis(cdnow_log).drop(columns="all")
    pd.testing.assert_frame_equal(
        found[found["tier"] == "all"].drop(columns="tier").reset_index(drop=True),
        alone,
    )
    with pytest.raises(ltv.DataError, match="needs a decision with tiers"):
        base.kpis(cdnow_log, by="tier")


def test_without_a_log_counts_are_the_same():
    with_log, without = base_of(HAND).kpis(HAND), base_of(HAND).kpis()
    order = with_log["kpi"] == "average_order"
    pd.testing.assert_frame_equal(with_log[~order], without[~order])
    assert without.loc[order, "observed"].isna().all()


def test_threads_change_no_byte():
    found = [base_of(HAND, draws=200).kpis(HAND, threads=threads) for threads in (1, 2)]
    pd.testing.assert_frame_equal(*found, check_exact=True)


def test_a_newcomers_tier_is_that_of_a_customer_without_a_history(decision):
    base = base_of(HAND, draws=500)
    found = base.newcomers(decision)
    row = {"customer_id": [f"n{i}" for i in range(100)], "frequency": 0, "recency": 0.0, "T": 0.0}
    row |= {"first_purchase": END, "spend_count": 0, "spend_sum": 0.0, "spend_log_sum": 0.0}
    summary = pd.DataFrame(row)
    summary.attrs = base.summary.attrs
    scores = ltv.customer_base(base.fit, summary, seed=9).score(decision, draws=None)
    for name in ("expected_purchases", "ltv_mean"):
        assert found[name][0] == pytest.approx(scores[name].mean(), rel=1e-9)
    for name in (each for each in found if each.startswith("p_tier_")):
        error = 4 * np.sqrt(2 * 0.25 / 50_000)
        assert found[name][0] == pytest.approx(scores[name].mean(), abs=error)
    assert found["tier"][0] in decision.tiers.names


def test_newcomers_of_groups_that_were_not_fitted_are_refused_or_drawn(grouped_laplace_fit, cdnow, decision):
    base = ltv.customer_base(grouped_laplace_fit, cdnow, seed=1, draws=40)
    assert list(base.newcomers(decision)["cohort"]) == sorted(set(cdnow["cohort"]))
    levels = pd.DataFrame({"cohort": ["1997-W13"]})
    with pytest.raises(ltv.DataError, match="not in the fit"):
        base.newcomers(decision, levels=levels)
    free = ltv.customer_base(grouped_laplace_fit, cdnow, seed=1, draws=40, unknown_groups="population")
    assert len(free.newcomers(decision, levels=levels)) == 1
    with pytest.raises(ltv.DataError, match="lacks the column 'cohort'"):
        base.newcomers(decision, levels=pd.DataFrame({"shop": ["a"]}))


def test_an_unseen_level_has_one_draw_in_every_table(grouped_laplace_fit, cdnow, cdnow_log):
    base = ltv.customer_base(grouped_laplace_fit, cdnow, seed=1, draws=40, unknown_groups="population")
    new = pd.DataFrame({"cohort": ["1997-W13"], "customers": [300]})
    alone = base.cohorts(cdnow_log, by="cohort", ages=[90], new=new).draws.sel(cohort="1997-W13")
    more = pd.concat([new, new.assign(cohort="1997-W14")])
    beside = base.cohorts(cdnow_log, by="cohort", ages=[90], new=more).draws.sel(cohort="1997-W13")
    assert beside["purchases"].equals(alone["purchases"])

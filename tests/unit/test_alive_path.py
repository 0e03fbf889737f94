"""The path of P(alive) and the matrices, against scores of logs cut by hand and of customers made up."""

import warnings

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from golden_values import SEED, STORED, decision, stored_fit, stored_summary

NAMES = {"pooled": "summary", "grouped": "summary_grouped", "clock": "summary"}


def scored(fit, summary):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        return ltv.score(stored_fit(fit), summary, decision("retention"), seed=SEED, draws=40)


def base_of(fit, **settings):
    return ltv.customer_base(stored_fit(fit), stored_summary(NAMES[fit]), seed=SEED, **settings)


@pytest.fixture(scope="module")
def log():
    """What the stored summaries were made of."""
    whole = pd.read_csv(STORED / "log.csv", parse_dates=["date"], dtype={"customer_id": str})
    return whole[whole["date"] < "1997-12-29"]


def busiest(summary, at=0):
    return summary.sort_values("frequency", ascending=False)["customer_id"].iloc[at]


@pytest.mark.parametrize("fit", NAMES)
def test_a_days_figure_is_that_of_score_where_the_log_ends_that_day(fit, log):
    base = base_of(fit)
    who = busiest(base.summary, 3)
    path = base.alive_path(who, ahead="30 days", draws=40)
    mine = log[log["customer_id"] == who]
    groups = list(base.posterior.columns)
    bought = np.flatnonzero(path["is_purchase"])[3]
    for row in path.iloc[[0, 9, bought - 1, bought, -31, -1]].to_dict("records"):
        cut = mine[mine["date"] <= row["day"] + pd.Timedelta(hours=23)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ltv.BayesltvWarning)
            summary = ltv.summarize(cut, observation_end=row["day"], time_unit="week", groups=groups)
        told = scored(fit, summary)
        assert row["purchases"] == summary["frequency"].iloc[0]
        assert row["p_alive"] == pytest.approx(told["p_alive"].iloc[0], rel=1e-12)
    today = path[~path["is_forecast"]].iloc[-1]
    whole = scored(fit, stored_summary(NAMES[fit])).set_index("customer_id").loc[who]
    assert today["p_alive"] == pytest.approx(whole["p_alive"], rel=1e-12)


def test_a_path_jumps_up_at_purchases_and_falls_between_them(log):
    base = base_of("pooled")
    who = busiest(base.summary)
    path = base.alive_path(who)
    days = log.loc[log["customer_id"] == who, "date"].dt.normalize().unique()
    assert sorted(path.loc[path["is_purchase"], "day"]) == sorted(days)
    assert path["day"].is_monotonic_increasing
    assert (path["day"].diff().dropna() == pd.Timedelta(days=1)).all()
    change = path["p_alive"].diff()
    waiting = ~path["is_purchase"] & (path["purchases"] > 0)  # BG/NBD: nobody stops before a second purchase
    assert (change[waiting] < 0).all()
    assert (path.loc[path["purchases"] == 0, "p_alive"] == 1).all()
    assert (path["p_alive_p05"] <= path["p_alive"]).all()
    assert (path["p_alive"] <= path["p_alive_p95"]).all()
    assert path["is_forecast"].sum() == 90


def test_a_path_needs_the_days_of_purchases_and_a_customer_of_the_base():
    base = base_of("pooled")
    with pytest.raises(ltv.DataError, match="not in the summary"):
        base.alive_path("nobody")
    bare = ltv.customer_base(stored_fit("pooled"), base.summary.drop(columns="repeat_days"), seed=SEED)
    with pytest.raises(ltv.DataError, match="repeat_days"):
        bare.alive_path(base.summary["customer_id"].iloc[0])


def made_up(oldest, row):
    """A customer as old as the oldest with this frequency and recency; what was spent moves no count."""
    spend = {"spend_count": 0, "spend_sum": 0.0, "spend_log_sum": 0.0, "monetary_value": np.nan}
    made = oldest.drop(columns="repeat_days").assign(
        **spend, frequency=row["frequency"], recency=row["recency"]
    )
    days = pd.to_timedelta((7 * made["recency"]).round(), unit="D")
    return made.assign(last_purchase=made["first_purchase"] + days)


@pytest.mark.parametrize("fit", NAMES)
def test_a_cell_of_a_matrix_is_the_score_of_such_a_customer(fit):
    base = base_of(fit)
    levels = {column: base.summary[column][0] for column in base.posterior.columns}
    table = base.matrix(horizon="12 months", levels=levels, most=5, draws=40)
    mine = np.ones(len(base), dtype=bool)
    for column, level in levels.items():
        mine &= base.summary[column].to_numpy() == level
    oldest = base.summary[mine].sort_values("T", ascending=False, kind="stable").head(1)
    assert table.attrs["T"] == pytest.approx(oldest["T"].iloc[0])
    for _, row in table.iloc[[0, 1, 40, 200, len(table) - 1]].iterrows():
        told = scored(fit, made_up(oldest, row).reset_index(drop=True)).iloc[0]
        for name in ("p_alive", "expected_purchases"):
            assert row[name] == pytest.approx(told[name], rel=1e-9)
            assert row[f"{name}_p05"] <= row[name] <= row[f"{name}_p95"]


def test_a_matrix_holds_every_pair_that_can_be_and_no_other():
    table = base_of("pooled").matrix(horizon="26 weeks", most=4, draws=8)
    days = (7 * table["recency"]).round()
    assert (days >= table["frequency"]).all()
    assert ((days == 0) == (table["frequency"] == 0)).all()
    assert sorted(table["frequency"].unique()) == [0, 1, 2, 3, 4]
    assert (table["frequency"] == 0).sum() == 1


def test_a_matrix_of_groups_needs_their_levels():
    base = base_of("grouped")
    with pytest.raises(ltv.DataError, match=r"one level of each group column \(channel\)"):
        base.matrix(horizon="26 weeks")
    with pytest.raises(ltv.DataError, match="no customer has"):
        base.matrix(horizon="26 weeks", levels={"channel": "moon"})

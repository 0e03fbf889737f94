"""One-time buyers, common shocks by week, calendar against tenure: each against a truth of its own."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import hyp2f1

import bayesltv as ltv
from bayesltv.checks.course import follow
from bayesltv.checks.one_time import higher, one_time_buyers, returns
from bayesltv.checks.result import report_of
from bayesltv.checks.shocks import calendar_and_tenure, common_shocks, weeks_of
from bayesltv.families.bg_nbd.formulas import log_likelihood
from bayesltv.families.registry import PURCHASE
from helpers import clock_fit, covariate_fit, point_fit
from plain_worlds import plain_world

LAW = (0.6, 4.0, 0.8, 2.5)
GONE = (1.0, 6.0, 1.2, 0.8)
NAMES = ("r", "alpha", "a", "b")


def at_point(law, family="bg_nbd"):
    return point_fit(dict(zip(NAMES, law, strict=True)), draws=4, family=family)


@pytest.fixture(scope="module")
def calm():
    return plain_world(2000, seed=11, law=LAW)


@pytest.fixture(scope="module")
def moved():
    return plain_world(2000, seed=12, law=LAW, shock_sd=0.3)


@pytest.fixture(scope="module")
def gone():
    return plain_world(2000, seed=13, law=GONE, gone_at_once=True)


def without(summary, *columns):
    bare = summary.drop(columns=list(columns))
    bare.attrs = dict(summary.attrs)
    return bare


def bought_by(time, r, alpha, a, b):
    """E[X(t)] of BG/NBD, Fader, Hardie & Lee (2005), eq. 9."""
    tail = (alpha / (alpha + time)) ** r * hyp2f1(r, b, a + b - 1, time / (alpha + time))
    return (a + b - 1) / (a - 1) * (1 - tail)


# ---------------------------------------------------------------------------------------------- common shocks


@pytest.mark.parametrize("family", ["bg_nbd", "mbg_nbd"])
def test_expected_weeks_are_sums_of_the_published_expectation(calm, family):
    r, alpha, a, b = LAW
    weeks = weeks_of(follow(at_point(LAW, family), calm))
    first, last = pd.to_datetime(calm["first_purchase"]), pd.Timestamp(calm.attrs["observation_end"])
    stays, coins = (1.0, b) if family == "bg_nbd" else (b / (a + b), b + 1)
    for place in (-1, -10, -25):
        end = last + pd.Timedelta(days=7 * (place + 1))
        assert weeks.end[place] == end
        ages = [((end - pd.Timedelta(days=d) - first).dt.days / 7).clip(lower=0) for d in (7, 0)]
        low, high = (stays * bought_by(age, r, alpha, a, coins).sum() for age in ages)
        assert weeks.expected[place] == pytest.approx(high - low, rel=1e-4)


def test_actual_weeks_and_their_covariance_are_those_found_customer_by_customer(calm):
    weeks = weeks_of(follow(at_point(LAW), calm))
    last = (pd.Timestamp(calm.attrs["observation_end"]) - pd.Timestamp(0)).days
    each = np.zeros((len(calm), weeks.end.size))
    for row, days in enumerate(calm["repeat_days"]):
        for day in days:
            each[row, -1 - (last - day) // 7] += 1
    assert weeks.actual == pytest.approx(each.sum(axis=0))
    assert weeks.actual.sum() == calm["frequency"].sum()
    expected = np.zeros_like(each)
    for first, rows in calm.groupby("first_purchase").groups.items():
        ages = (weeks.end - np.datetime64(first, "D")).astype(int)
        bought = [bought_by(np.clip(ages - d, 0, None) / 7, *LAW) for d in (7, 0)]
        expected[rows] = bought[1] - bought[0]
    deviation = each - expected
    assert weeks.covariance == pytest.approx(deviation.T @ deviation, abs=0.02)


def test_weekly_shocks_are_seen_without_replicas(calm, moved):
    fit = at_point(LAW)
    still, found = (ltv.check(fit, summary)["common_shocks"] for summary in (calm, moved))
    assert [report_of([each]).verdict for each in (still, found)] == [
        "passed",
        "passed, 1 with a warning, totals too sure",
    ]
    assert still.value == pytest.approx(1.0, abs=0.5)
    assert found.status == "warn"
    assert found.value > 2 * found.threshold
    assert found.summary == (
        f"weeks vary {found.value:.1f} times as much as independent customers can make them: totals of this "
        "fit are too sure; use a clock"
    )


def test_shocks_of_ten_weeks_in_a_row_are_seen(calm):
    season = np.where(np.arange(40) % 20 < 10, 1.25, 0.75)
    found = common_shocks(at_point(LAW), plain_world(2000, seed=14, law=LAW, pace=season))
    assert found.status == "warn"


def test_a_level_that_is_wrong_is_no_shock(calm):
    rare = (0.6, 8.0, 0.8, 2.5)
    assert common_shocks(at_point(rare), calm).value < 2.5
    assert common_shocks(at_point(LAW), calm).value == pytest.approx(
        common_shocks(at_point(LAW), calm.sample(frac=1.0, random_state=1)).value
    )


def test_where_nothing_tells_the_weeks_it_says_that_it_could_not_look(calm):
    fit = at_point(LAW)
    dates = ("first_purchase", "last_purchase", "repeat_days")
    for absent in (("repeat_days",), dates):
        report = ltv.check(fit, without(calm, *absent))
        assert report["common_shocks"].status == "not applicable"
        assert report["common_shocks"].summary == (
            "could not look: needs a summary with first_purchase and repeat_days"
        )
        assert report_of([report["common_shocks"]]).verdict == "passed, totals not looked at"
    assert "needs the summary" in ltv.check(fit)["common_shocks"].summary
    endless = calm.copy()
    endless.attrs = {**calm.attrs, "observation_end": None}
    assert "end of observation is not known" in common_shocks(fit, endless).summary
    few = calm.iloc[:20].reset_index(drop=True)
    few.attrs = dict(calm.attrs)
    assert "weeks with purchases enough" in common_shocks(fit, few).summary


def test_what_is_wrong_with_a_summary_is_told_without_ids(calm):
    text = calm.assign(repeat_days=calm["repeat_days"].astype(str))
    found = ltv.check(at_point(LAW), text)["common_shocks"]
    assert found.status == "not applicable"
    assert "repeat_days is no list of whole days" in found.summary
    assert "{ids}" not in found.summary


def test_covariates_that_set_customers_apart_are_sampled(calm, monkeypatch):
    rng = np.random.default_rng(3)
    apart = calm.assign(
        age=rng.normal(40, 10, len(calm)), channel=rng.choice(["web", "app", "shop"], len(calm))
    )
    apart.attrs = dict(calm.attrs)
    fit = covariate_fit(dict(zip(NAMES, LAW, strict=True)), draws=8)
    monkeypatch.setattr("bayesltv.checks.course.MOST_ROWS", 100)
    course = follow(fit, apart)
    assert len(course.customers) == 100
    assert weeks_of(course).actual.sum() == apart["frequency"].iloc[::20].sum()


def clocked(world, pace, **variables):
    """A fit at the truth whose clock has blocks of four weeks, with the log of `pace` for its path."""
    end = world.attrs["observation_end"]
    start = pd.to_datetime(world["first_purchase"]).min().date().isoformat()
    days = (pd.Timestamp(end) - pd.Timestamp(start)).days
    path = np.log(pace)[: -(-days // 28)]
    clock = ltv.ClockSpec()
    own = {"clock_sd": 0.2, "clock_rho": 0.5, **variables}
    law = dict(zip(NAMES, LAW, strict=True))
    return clock_fit(law, np.tile(path, (4, 1)), clock=clock, start=start, end=end, variables=own)


def test_a_clock_that_knows_the_blocks_leaves_no_shocks_in_them():
    blocks = np.exp(np.array([0.5, -0.5, 0.4, -0.6, 0.5, -0.4, 0.6, -0.5, 0.4, -0.3]))
    pace = np.repeat(blocks, 4)[-39:]  # 273 days: blocks count back from the end
    world = plain_world(2000, seed=15, law=LAW, pace=np.concatenate([pace, [1.0]]))
    assert common_shocks(at_point(LAW), world).status == "warn"
    knowing = common_shocks(clocked(world, blocks), world)
    assert knowing.status == "pass"
    assert knowing.summary.startswith("stretches of 28 days vary")
    ignorant = common_shocks(clocked(world, np.ones(10)), world)
    assert ignorant.status == "warn"
    assert "look at the process of its clock" in ignorant.summary


@pytest.mark.parametrize(("acquisition", "status"), [(84, "warn"), (200, "pass")])
def test_a_clock_of_customers_acquired_within_a_quarter_is_doubted(acquisition, status):
    world = plain_world(500, seed=16, law=LAW, acquisition=acquisition)
    fit = clocked(world, np.ones(10))
    found = ltv.check(fit, world)["calendar_and_tenure"]
    assert found.status == status
    assert ("cannot be told apart" in found.summary) == (status == "warn")
    assert calendar_and_tenure(at_point(LAW), world).status == "not applicable"
    assert calendar_and_tenure(fit, None).status == "not applicable"


# -------------------------------------------------------------------------------------------- one-time buyers


def test_who_is_gone_after_the_first_purchase_is_missed_by_bg_nbd(gone):
    fit = ltv.fit(gone, "pooled", seed=1, method="laplace", progress=False)
    found = ltv.check(fit, gone)["one_time_buyers"]
    assert found.status == "warn"
    assert found.summary.startswith("one-time buyers come back less than BG/NBD can say: use MBG/NBD (of ")
    assert found.table["came_back"].sum() < found.table["expected"].sum()
    right = ltv.check(ltv.fit(gone, seed=1, method="laplace", progress=False), gone)["one_time_buyers"]
    assert right.status == "pass"


def test_customers_of_a_bg_world_come_back_as_expected(calm):
    found = one_time_buyers(at_point(LAW), calm)
    assert found.status == "pass"
    assert found.value < -2


def test_returns_are_counted_and_expected_customer_by_customer(calm):
    r, alpha, *_ = LAW
    table = returns(follow(at_point(LAW), calm))
    once = came = expected = 0.0
    for row in calm.itertuples():
        first = (row.first_purchase - pd.Timestamp(0)).days
        wait = (row.repeat_days[0] - first) / 7 if row.frequency else np.inf
        if wait > row.T / 2:
            once, came = once + 1, came + (row.frequency > 0)
            expected += 1 - ((alpha + row.T / 2) / (alpha + row.T)) ** r
    assert (table["bought_once"].sum(), table["came_back"].sum()) == (once, came)
    assert table["expected"].sum() == pytest.approx(expected, rel=1e-9)
    assert len(table) == 4
    bare = returns(follow(at_point(LAW), without(calm, "repeat_days")))
    whole = 1 - (alpha / (alpha + calm["T"])) ** r
    assert bare["came_back"].sum() == (calm["frequency"] > 0).sum()
    assert bare["expected"].sum() == pytest.approx(whole.sum(), rel=1e-9)


def test_the_likelihoods_are_those_at_the_modes(gone):
    course = follow(at_point((0.2, 2.0, 1.0, 2.0)), gone)
    best = {}
    for name, more in (("bg_nbd", 0), ("mbg_nbd", 1)):
        x, t_x, T = (gone[column].to_numpy(float) for column in ("frequency", "recency", "T"))

        def loss(logs, more=more, x=x, t_x=t_x, T=T):
            return -log_likelihood(x, x + more, t_x, T, *np.exp(logs)).sum()

        start = np.log([0.5, 4.0, 1.0, 1.0])
        best[name] = -minimize(loss, start, method="L-BFGS-B").fun
    # a prior of three in logarithms moves the maximum next to nothing
    assert higher(course, PURCHASE["mbg_nbd"]) == pytest.approx(best["mbg_nbd"] - best["bg_nbd"], abs=0.2)


def test_too_few_returns_are_seen_where_there_is_no_other_family():
    world = plain_world(3000, seed=17, law=GONE, gone_at_once=True)
    eager = at_point((1.0, 6.0, 0.4, 4.0), "mbg_nbd")
    found = one_time_buyers(eager, world)
    assert found.status == "warn"
    assert "split them by a group column" in found.summary


def test_nobody_who_could_have_come_back_says_nothing(calm):
    fresh = calm.assign(frequency=0, recency=0.0, T=0.0).drop(
        columns=["first_purchase", "last_purchase", "repeat_days"]
    )
    fresh.attrs = dict(calm.attrs)
    assert one_time_buyers(at_point(LAW), fresh).status == "not applicable"

"""Cohorts by age: the known part, the simulated rest, and what both add up to."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.cohorts.asked import CohortValue
from bayesltv.specs.model.events import Events, Occurrence, day_number
from helpers import clock_fit, point_fit

HAND = {"r": 0.8, "alpha": 4.0, "a": 0.7, "b": 2.5, "p": 6.25, "q": 3.74, "v": 15.44}
CDNOW = {"r": 0.53, "alpha": 5.2, "a": 0.89, "b": 1.61, "p": 6.25, "q": 3.74, "v": 15.44}
END = pd.Timestamp("2024-12-31")
ROWS = (
    ("A", 100, 0, 10), ("A", 100, 5, 20), ("A", 100, 40, 30), ("B", 100, 0, 10), ("C", 60, 0, 20),
    ("C", 60, 30, 10), ("D", 20, 0, 40), ("D", 20, 20, 10),
)  # fmt: skip
"""Customer, days observed, age, amount: the hand example."""
MARGIN = CohortValue(margin=0.5)


def hand_log():
    days = [END - pd.Timedelta(days=observed - age) for _, observed, age, _ in ROWS]
    log = pd.DataFrame({"customer_id": [row[0] for row in ROWS], "date": days})
    return log.assign(amount=[float(row[3]) for row in ROWS], shop="one")


@pytest.fixture(scope="module")
def hand():
    summary = ltv.summarize(hand_log(), observation_end=END, time_unit="week", groups=["shop"])
    fit = point_fit(HAND, draws=4000, family="mbg_nbd")
    return ltv.customer_base(fit, summary, seed=1, draws=4000)


@pytest.fixture(scope="module")
def hand_found(hand):
    return hand.cohorts(hand_log(), by="shop", ages=[7, 19, 20, 30, 60], value=MARGIN, cac=13)


def at(found, quantity, age, row=0):
    """The row of a table: of the first cohort, or another."""
    some = found.table[(found.table["quantity"] == quantity) & (found.table["age"] == age)]
    return some.iloc[row]


@pytest.fixture(scope="module")
def cdnow_base(cdnow):
    return ltv.customer_base(point_fit(CDNOW, draws=100, family="mbg_nbd"), cdnow, seed=3)


@pytest.fixture(scope="module")
def found(cdnow_base, cdnow_log):
    return cdnow_base.cohorts(cdnow_log, ages=[1, 30, 90, 180, 365])


# --------------------------------------------------------------------------------------- the sheet's example


@pytest.mark.parametrize(
    ("age", "ltv_revenue", "known", "share"), [(7, 25.0, 25.0, 1.0), (20, 27.5, 27.5, 1.0)]
)
def test_what_has_passed_is_one_exact_number(hand_found, age, ltv_revenue, known, share):
    row = at(hand_found, "ltv_margin", age)
    assert (row["p05"], row["p50"], row["p95"], row["known"]) == (*[0.5 * ltv_revenue] * 3, 0.5 * known)
    assert (row["share_passed"], row["status"]) == (share, "observed")


@pytest.mark.parametrize(("age", "known", "expected"), [(30, 30.0, 31.33107), (60, 37.5, 42.34393)])
def test_a_partly_passed_age_adds_the_future_of_those_who_are_younger(hand_found, age, known, expected):
    row, draws = at(hand_found, "ltv_margin", age), hand_found.draws["ltv_margin"].sel(age=age).values[0]
    assert (row["share_passed"], row["status"], row["known"]) == (0.75, "partly", 0.5 * known)
    assert 2 * row["mean"] == pytest.approx(expected, abs=2 * 4 * draws.std() / np.sqrt(draws.size))


def test_a_second_purchase_counts_once_whatever_is_to_come(hand_found):
    row = at(hand_found, "repurchase", 30)
    assert (row["p05"], row["p95"]) == (0.75, 0.75)


def test_pay_back_is_the_first_age_at_which_margins_cover_the_cost(hand_found):
    row = hand_found.payback.iloc[0]
    assert (row["payback_p05"], row["payback_p50"], row["payback_p95"]) == (20, 20, 20)
    assert (row["p_payback_by_19"], row["p_payback_by_20"]) == (0, 1)
    assert at(hand_found, "roi", 20)["p50"] == pytest.approx(0.0577, abs=5e-5)


def test_the_date_of_pay_back_is_that_of_the_cohorts_cash(hand):
    # costs 52: margins 5, 5 on the first day, 10 on day 5, 15 on 40, 10 on 40, 5 on 70: 50; 20 on day 80
    found = hand.cohorts(hand_log(), by="shop", ages=[100], value=MARGIN, cac=13)
    day = END - pd.Timedelta(days=20)
    assert list(found.payback.filter(like="payback_date").iloc[0]) == [day] * 3
    never = hand.cohorts(hand_log(), by="shop", ages=[100], value=MARGIN, cac=1e6).payback.iloc[0]
    assert never["payback_p05"] == np.inf
    assert pd.isna(never["payback_date_p50"])


def test_a_retention_period_that_runs_counts_those_who_came_already(hand_found):
    first, second = at(hand_found, "retention", 30), at(hand_found, "retention", 60)
    assert (first["p05"], first["p95"], first["known"]) == (0.75, 0.75, 0.75)  # A, C; D bought at age 20
    assert second["known"] == 0.25
    assert second["p95"] == 0.5  # D alone can still come


def test_a_first_day_called_one_shifts_every_age(hand, hand_found):
    shifted = hand.cohorts(hand_log(), by="shop", ages=[8, 20, 21, 31, 61], value=MARGIN, cac=13, first_day=1)
    same = hand_found.table["quantity"] == "ltv_margin"
    expected, got = hand_found.table[same], shifted.table[same.to_numpy()]
    np.testing.assert_array_equal(got["age"], expected["age"] + 1)
    np.testing.assert_array_equal(got["p95"], expected["p95"])
    assert shifted.payback["payback_p50"].iloc[0] == 21


def test_cdnow_by_month_is_what_the_log_says(cdnow_log):
    """LTV by day as an own sum over the log gives it (measured apart, to three decimals)."""
    summary = ltv.summarize(cdnow_log, observation_end="1998-06-30", time_unit="week", cohort="month")
    base = ltv.customer_base(point_fit(CDNOW, draws=2, family="mbg_nbd"), summary, seed=1)
    wide = base.cohorts(cdnow_log, ages=[1, 30, 90, 180, 365]).wide()
    assert list(wide["cohort_month"]) == ["1997-01", "1997-02", "1997-03", "all"]
    pins = {
        1: (32.828, 34.749, 32.181), 30: (42.184, 42.879, 48.560), 90: (53.848, 54.290, 57.749),
        180: (66.900, 67.550, 70.075), 365: (87.618, 89.735, 94.304),
    }  # fmt: skip
    for age, values in pins.items():
        np.testing.assert_allclose(wide[age].iloc[:3], values, atol=5e-4)


# ------------------------------------------------------------------------------------------------ identities


def test_cohorts_add_up_to_the_customers_of_predict_in_every_draw(cdnow_base, cdnow, cdnow_log):
    # everybody is observed to the same day: the ages that predict's horizon reaches differ by customer
    first = pd.to_datetime(cdnow["first_purchase"])
    some = cdnow[first == first.mode()[0]]
    base = ltv.customer_base(cdnow_base.fit, some, seed=3)
    observed = round(float(some["T"].iloc[0]) * 7)
    with pytest.warns(ltv.BayesltvWarning, match="not in the summary"):
        found = base.cohorts(cdnow_log, ages=[observed, observed + 140])
    draws = base.predict(horizon="20 weeks", annual_discount_rate=0.0, margin=1.0)
    ahead = found.draws.sel(cohort="all").diff("age").isel(age=0) * len(some)
    counts = draws["purchases"].sum("customer_id").values.ravel()
    np.testing.assert_array_equal(np.rint(ahead["purchases"]), counts)
    np.testing.assert_allclose(ahead["purchases"], counts, rtol=1e-12)
    spend = draws["spend"].sum("customer_id").values.ravel()
    np.testing.assert_allclose(ahead["ltv_revenue"], spend, rtol=1e-9, atol=1e-6)


def test_money_is_the_first_amount_and_that_of_all_periods(found, cdnow_base, cdnow_log):
    first = cdnow_base.cohorts(cdnow_log, ages=[0, 1]).draws["ltv_revenue"].sel(age=0).values
    periods = found.draws["arpu_revenue"].cumsum("period").sel(period=[1, 3, 6])
    expected = found.draws["ltv_revenue"].sel(age=[30, 90, 180]).values
    np.testing.assert_allclose(first[:, :, None] + periods.values, expected, rtol=1e-12)
    again = (found.draws["retention"] * found.draws["arppu_revenue"]).fillna(0.0)
    np.testing.assert_allclose(again, found.draws["arpu_revenue"], rtol=1e-12)


def test_cohorts_add_up_to_the_whole_and_never_fall(found):
    size = found.draws["customers"]
    whole = (found.draws["ltv_revenue"] * size).isel(cohort=slice(0, -1)).sum("cohort")
    np.testing.assert_allclose(whole, (found.draws["ltv_revenue"] * size).isel(cohort=-1), rtol=1e-12)
    for name in ("ltv_revenue", "repurchase", "purchases"):
        assert (np.diff(found.draws[name].values, axis=2) >= 0).all()


def test_threads_and_blocks_of_draws_change_no_byte(found, cdnow_base, cdnow_log, monkeypatch):
    monkeypatch.setattr("bayesltv.cohorts.simulated.BLOCK", 33)
    other = cdnow_base.cohorts(cdnow_log, ages=[1, 30, 90, 180, 365], threads=2)
    assert other.draws.identical(found.draws)
    pd.testing.assert_frame_equal(other.table, found.table, check_exact=True)


def test_the_order_of_rows_changes_nothing(found, cdnow_base, cdnow, cdnow_log):
    mixed = cdnow.sample(frac=1, random_state=1).reset_index(drop=True)
    mixed.attrs = cdnow.attrs
    base = ltv.customer_base(cdnow_base.fit, mixed, seed=3)
    other = base.cohorts(cdnow_log.sample(frac=1, random_state=2), ages=[1, 30, 90, 180, 365])
    assert other.draws.identical(found.draws)


def test_a_longer_list_of_ages_changes_no_younger_age(found, cdnow_base, cdnow_log):
    other = cdnow_base.cohorts(cdnow_log, ages=[30, 90])
    for name in ("ltv_revenue", "repurchase", "purchases"):
        assert other.draws[name].equals(found.draws[name].sel(age=[30, 90]))
    assert other.draws["retention"].equals(found.draws["retention"].sel(period=[1, 2, 3]))


def test_without_a_log_counts_are_the_same(found, cdnow_base):
    other = cdnow_base.cohorts(ages=[1, 30, 90, 180, 365])
    for name in ("purchases", "repurchase", "retention"):
        assert other.draws[name].equals(found.draws[name])
    assert set(other.draws.data_vars) == {"purchases", "repurchase", "retention"}


def test_discounted_money_is_worth_less_by_its_age(hand):
    value = CohortValue(annual_discount_rate=0.1)
    found = hand.cohorts(hand_log(), by="shop", ages=[20], value=value)
    worth = [amount * 1.1 ** (-age / 365.25) for _, _, age, amount in ROWS if age <= 20]
    assert at(found, "ltv_revenue_discounted", 20)["p50"] == pytest.approx(sum(worth) / 4, rel=1e-12)


def test_service_is_paid_while_customers_are_alive(cdnow_base, cdnow_log):
    """A customer who is dead left at the last purchase: days alive by an own count over predict's draws."""
    free, paid = (
        cdnow_base.cohorts(cdnow_log, ages=[60], value=CohortValue(margin=0.5, service_cost_per_year=cost))
        for cost in (0.0, 36.525)
    )
    summary = cdnow_base.summary
    alive = cdnow_base.predict(horizon=1e-6, annual_discount_rate=0.0, margin=1.0)["alive"]
    alive = alive.transpose("customer_id", ...).values.reshape(len(summary), -1)
    assert (summary["T"].to_numpy() * 7 >= 60).all()  # what passed is known but for who has left
    lived = np.where(alive, 60, np.minimum(np.rint(summary["recency"].to_numpy()[:, None] * 7), 60))
    got = (free.draws["ltv_margin"] - paid.draws["ltv_margin"]).sel(cohort="all", age=60)
    np.testing.assert_allclose(got, 0.1 * lived.mean(axis=0), rtol=1e-9)


# ------------------------------------------------------------------------------------------------- the clock

CALENDAR = {"start": "1997-01-01", "end": "1997-09-30"}
STILL = {"clock_sd": 1e-300, "clock_rho": 0.5}


def clocked(path, variables, cdnow):
    fit = clock_fit(CDNOW, path, clock=ltv.ClockSpec(), variables=variables, family="mbg_nbd", **CALENDAR)
    return ltv.customer_base(fit, cdnow, seed=3)


def test_a_clock_that_stands_still_changes_nothing(found, cdnow, cdnow_log):
    other = clocked(np.zeros((100, 10)), STILL, cdnow).cohorts(cdnow_log, ages=[1, 30, 90, 180, 365])
    for name in ("purchases", "repurchase", "retention"):
        np.testing.assert_array_equal(other.draws[name], found.draws[name])
    np.testing.assert_allclose(other.draws["ltv_revenue"], found.draws["ltv_revenue"], rtol=1e-12)
    np.testing.assert_allclose(other.table["mean_level_p95"], other.table["p95"], rtol=1e-9)


def test_at_its_mean_level_a_clock_forgets_the_season_to_come(cdnow, cdnow_log):
    # the last block is a peak that goes on for long: the future at the mean level lies below it
    path = np.tile(np.r_[np.zeros(9), 1.5], (50, 1))
    base = clocked(path, {"clock_sd": 0.01, "clock_rho": 0.999}, cdnow)
    rows = base.cohorts(cdnow_log, ages=[30, 365]).table
    rows = rows[(rows["quantity"] == "purchases") & (rows["kind"] == "cohort")]
    young, old = rows[rows["age"] == 30], rows[rows["age"] == 365]
    np.testing.assert_array_equal(young["mean_level_p50"], young["p50"])
    assert (old["mean_level_p95"] < old["p05"]).all()


def test_ages_past_what_a_clock_knows_are_refused(cdnow, cdnow_log):
    days = Occurrence("sale", day_number("", "1997-06-01"), day_number("", "1997-06-03"))
    prior = ltv.PriorSpec.elicited(mass=0.9, between=(1.0, 4.0))
    covers = day_number("", "1997-01-01"), day_number("", "1998-01-31")
    clock = ltv.ClockSpec(events=Events((days,), covers, {"sale": prior}))
    fit = clock_fit(
        CDNOW, np.zeros((5, 10)), clock=clock, variables=STILL | {"clock_factor_sale": 2.0}, **CALENDAR,
        family="mbg_nbd",
    )  # fmt: skip
    base = ltv.customer_base(fit, cdnow, seed=1)
    with pytest.raises(ltv.DataError, match="ends on 1998-06-23, after 1998-01-31, until which"):
        base.cohorts(cdnow_log, ages=[30, 455])
    assert base.cohorts(cdnow_log, ages=[300]).table["p50"].notna().any()


# ------------------------------------------------------------------------------------------ groups and costs


@pytest.fixture(scope="module")
def channels(cdnow, cdnow_log):
    """CDNOW's customers by an even and an odd channel, of which the odd one is told to be cheap."""
    even = cdnow["customer_id"].astype(int) % 2 == 0
    summary = cdnow.assign(channel=np.where(even, "even", "odd"))
    summary.attrs = cdnow.attrs
    return ltv.customer_base(point_fit(CDNOW, draws=100, family="mbg_nbd"), summary, seed=3)


def test_levels_are_sums_of_their_cohorts(channels, cdnow_log):
    found = channels.cohorts(
        cdnow_log, by=["month", "channel"], ages=[365], value=MARGIN, cac={"odd": 1, "even": 40}
    )
    alone = channels.cohorts(cdnow_log, by="channel", ages=[365], value=MARGIN, cac={"odd": 1, "even": 40})
    level = found.draws.sel(cohort="all | odd")
    np.testing.assert_allclose(level["ltv_margin"], alone.draws["ltv_margin"].sel(cohort="odd"), rtol=1e-12)
    best = found.best.set_index("level")["p_best"]
    assert (best["odd"], best["even"]) == (1.0, 0.0)
    pd.testing.assert_frame_equal(found.best, alone.best)


def test_curves_are_those_of_the_largest_levels_and_what_is_said_fits_the_picture(cdnow, cdnow_log):
    sizes = {"tiny": 3, "e": 50, "b": 100, "c": 200, "a": 400, "d": 800, "rest": len(cdnow) - 1553}
    summary = cdnow.assign(shop=np.repeat(list(sizes), list(sizes.values())))
    summary.attrs = cdnow.attrs
    base = ltv.customer_base(point_fit(CDNOW, draws=20, family="mbg_nbd"), summary, seed=3)
    found = base.cohorts(cdnow_log, by=["month", "shop"], ages=[30])
    drawn = [text.get_text() for text in ltv.plot.cohort_curves(found).get_legend().get_texts()]
    assert drawn == ["rest", "d", "a", "c", "b"]
    figure = ltv.plot.cohorts(found).figure
    figure.canvas.draw()
    edge = figure.bbox.width
    assert all(text.get_window_extent().x1 <= edge for text in figure.findobj(plt.Text) if text.get_text())


def test_costs_as_table_number_and_draws_are_the_same(channels, cdnow_log):
    def roi(cac):
        found = channels.cohorts(cdnow_log, by="channel", ages=[90], value=MARGIN, cac=cac)
        return found.draws["roi"].values

    plain = roi({"odd": 20.0, "even": 20.0})
    sizes = channels.summary.groupby("channel").size()
    table = pd.DataFrame({"channel": sizes.index, "cost": 20.0 * sizes.to_numpy()})
    for other in (20, table, {"odd": np.full(100, 20.0), "even": 20.0}):
        np.testing.assert_allclose(roi(other), plain, rtol=1e-12)


def test_draws_of_a_cost_go_by_draw_index(channels, cdnow_log):
    costs = np.linspace(10, 30, 100)
    found = channels.cohorts(cdnow_log, by="channel", ages=[1], value=MARGIN, cac={"odd": costs, "even": 20})
    value = found.draws["ltv_margin"].sel(cohort="odd", age=1)
    np.testing.assert_allclose(found.draws["ltv_cac"].sel(cohort="odd", age=1), value / costs, rtol=1e-12)


def test_a_missing_cost_and_one_of_zero_are_told(channels, cdnow_log):
    asked = {"by": "channel", "ages": [90], "value": MARGIN}
    with pytest.warns(ltv.BayesltvWarning, match=r"1 of 2 cohorts have no cost.*even"):
        found = channels.cohorts(cdnow_log, cac={"odd": 10}, **asked)
    assert np.isnan(found.payback["payback_p50"].iloc[0])
    assert np.isnan(at(found, "roi", 90)["p50"])
    assert at(found, "roi", 90, row=1)["p50"] > 0
    with pytest.warns(ltv.BayesltvWarning, match=r"1 of 2 cohorts cost nothing.*odd"):
        found = channels.cohorts(cdnow_log, cac={"odd": 0, "even": 5}, **asked)
    assert found.payback["payback_p50"].iloc[1] == 0


# ------------------------------------------------------------------------------------------------- newcomers


def test_new_customers_come_back_as_closed_forms_say(hand):
    new = pd.DataFrame({"shop": ["new shop"], "customers": [500]})
    found = hand.cohorts(hand_log(), by="shop", ages=[10, 40, 70, 160], new=new)
    row = found.draws.sel(cohort="new shop")
    expected = {
        "purchases": (1.21240, 1.75538, 2.20799, 3.27674),
        "repurchase": (0.16934, 0.39709, 0.49448, 0.61096),
    }
    for name, values in expected.items():
        draws = row[name].values
        error = 4 * draws.std(axis=0) / np.sqrt(draws.shape[0])
        assert (np.abs(draws.mean(axis=0) - values) < error).all()
    retention = row["retention"].mean("draw").values
    np.testing.assert_allclose(retention, [0.3444, 0.2847, 0.2475, 0.2215, 0.2021], atol=2e-3)
    assert set(found.table.loc[found.table["kind"] == "new", "status"]) == {"predicted"}


def test_first_amounts_of_new_customers_are_drawn_from_those_of_the_last_year(hand):
    new = pd.DataFrame({"shop": ["new shop"], "customers": [2000]})
    found = hand.cohorts(hand_log(), by="shop", ages=[0, 1], new=new)
    first = found.draws["ltv_revenue"].sel(cohort="new shop", age=0)
    # amounts 10, 10, 20, 40 under Dirichlet(1, 1, 1, 1) weights: mean 20, variance 150 / 5
    assert float(first.mean()) == pytest.approx(20.0, abs=4 * np.sqrt(30 / 4000))
    assert float(first.var()) == pytest.approx(30.0, rel=0.1)


def test_first_amounts_go_with_the_repeat_amounts_of_the_same_customer():
    """One new customer a draw: z0 is delta times an amount of the same mean, so both are large together."""
    q = 12.0  # a small tail, so that moments can be compared
    fit = point_fit(HAND | {"q": q, "delta": 2.0}, draws=20_000, family="mbg_nbd")
    summary = ltv.summarize(hand_log(), observation_end=END, time_unit="week", groups=["shop"])
    base = ltv.customer_base(fit, summary, seed=1, draws=20_000)
    new = pd.DataFrame({"shop": ["new shop"], "customers": [1]})
    draws = base.cohorts(hand_log(), by="shop", ages=[0, 400], new=new).draws.sel(cohort="new shop")
    first, whole = (draws["ltv_revenue"].sel(age=age).values for age in (0, 400))
    repeats = draws["purchases"].sel(age=400).values - 1
    mean = HAND["p"] * HAND["v"] / (q - 1)
    assert first.mean() == pytest.approx(2 * mean, rel=4 * first.std() / 2 / mean / np.sqrt(first.size))
    bought = repeats > 0
    order = (whole - first)[bought] / repeats[bought]
    # E[z0 z1] / (E[z0] E[z1]) = E[1/nu^2] / E[1/nu]^2 = (q - 1) / (q - 2), whatever delta and p are
    together = (first[bought] * order).mean() / (first[bought].mean() * order.mean())
    assert together == pytest.approx((q - 1) / (q - 2), abs=0.02)


# ------------------------------------------------------------------------------------------------- bad input


def test_a_log_that_is_not_the_bases_is_refused(hand):
    log = hand_log()
    other = pd.concat([log, log.tail(1).assign(date=END, customer_id="B")])
    with pytest.raises(ltv.DataError, match=r"days of purchases of 1 of 4 customers \(id B\)"):
        hand.cohorts(other, by="shop")
    dearer = log.assign(amount=log["amount"].where(log["customer_id"] != "A", 11.0))
    with pytest.raises(ltv.DataError, match=r"amounts of 1 of 4 customers \(id A\)"):
        hand.cohorts(dearer, by="shop")
    with pytest.raises(ltv.DataError, match=r"days of purchases of 2 of 4 customers"):
        hand.cohorts(log[log["date"] <= END - pd.Timedelta(days=31)], by="shop")


@pytest.mark.parametrize(
    ("asked", "error", "match"),
    [
        ({"by": "channel"}, ltv.DataError, "no such column"),
        ({"by": []}, ltv.DataError, "names nothing"),
        ({"ages": []}, ltv.SpecError, "list of days"),
        ({"ages": [0]}, ltv.SpecError, "past the first day"),
        ({"ages": [4000]}, ltv.SpecError, "between 0 and 3653"),
        ({"ages": [7.5]}, ltv.SpecError, "no whole number of days"),
        ({"period": 0}, ltv.SpecError, "one day or longer"),
        ({"first_day": 2}, ltv.SpecError, "0 or 1"),
        ({"cac": 5.0}, ltv.SpecError, "set against margins"),
        ({"cac": -5.0, "value": MARGIN}, ltv.DataError, "negative or infinite"),
        ({"cac": {"two": 5.0}, "value": MARGIN}, ltv.DataError, "no cohort is called 'two'"),
        ({"cac": {"one": np.ones(7)}, "value": MARGIN}, ltv.DataError, "7 draws, the base 4,000"),
        ({"cac": pd.DataFrame({"shop": ["one"]}), "value": MARGIN}, ltv.DataError, '"cac".*"cost"'),
        ({"new": pd.DataFrame({"shop": ["new"]})}, ltv.DataError, "lacks the column 'customers'"),
        ({"new": pd.DataFrame({"shop": ["new"], "customers": [0]})}, ltv.DataError, "whole numbers from 1"),
        (
            {"new": pd.DataFrame({"shop": ["one"], "customers": [1]})},
            ltv.DataError,
            "known customers already",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(hand, asked, error, match):
    with pytest.raises(error, match=match):
        hand.cohorts(hand_log(), **({"by": "shop"} | asked))


def test_money_without_amounts_is_refused_by_name(hand):
    with pytest.raises(ltv.SpecError, match="pass log= with them"):
        hand.cohorts(by="shop", value=MARGIN)


def test_a_base_without_repeat_days_asks_for_the_log(hand):
    bare = dataclasses.replace(hand, summary=hand.summary.drop(columns="repeat_days"))
    with pytest.raises(ltv.DataError, match="pass log="):
        bare.cohorts(by="shop")
    assert bare.cohorts(hand_log(), by="shop", ages=[30]).table["known"].notna().all()


def test_small_cohorts_are_marked_and_can_be_suppressed(hand_found):
    assert hand_found.table["is_small"].all()
    hidden = hand_found.suppressed()
    assert hidden.table[["p05", "p50", "p95", "known", "mean"]].isna().all(axis=None)
    assert hidden.payback["payback_p50"].isna().all()
    assert hidden.draws.sizes["cohort"] == 0
    pd.testing.assert_frame_equal(hand_found.suppressed(below=4).table, hand_found.table)


def test_a_service_cost_needs_a_margin():
    with pytest.raises(ltv.SpecError, match="pass margin="):
        CohortValue(service_cost_per_year=1.0)


# ------------------------------------------------------------------------------------------ the group column


@pytest.mark.parametrize(
    ("cohort", "labels"), [("month", ["2024-12", "2025-01"]), ("week", ["2025-W01", "2025-W01"])]
)
def test_a_summary_stores_the_month_or_iso_week_of_the_first_purchase(cohort, labels):
    dates = ["2024-12-31", "2025-01-31", "2025-01-05"]
    log = pd.DataFrame({"customer_id": ["a", "a", "b"], "date": dates, "amount": 1.0})
    summary = ltv.summarize(log, cohort=cohort)
    assert list(summary[f"cohort_{cohort}"]) == labels
    assert summary.attrs["groups"] == [f"cohort_{cohort}"]
    pd.testing.assert_frame_equal(ltv.summarize(log, groups=[f"cohort_{cohort}"]), summary)
    base = ltv.customer_base(point_fit(HAND, draws=2), summary.drop(columns=f"cohort_{cohort}"), seed=1)
    assert list(base.cohorts(log, by=cohort, ages=[1]).wide()[f"cohort_{cohort}"])[:-1] == sorted(set(labels))


def test_a_cohort_that_is_none_is_refused():
    log = hand_log()
    with pytest.raises(ltv.DataError, match="'quarter' is unknown"):
        ltv.summarize(log, cohort="quarter")
    with pytest.raises(ltv.DataError, match="name one of them"):
        ltv.summarize(log, groups=["cohort_week"], cohort="month")
    with pytest.raises(ltv.DataError, match="cannot be carried over"):
        ltv.summarize(log.assign(cohort_month=1), covariates=["cohort_month"], cohort="month")

"""Purchases by week: simulated, forecast, actual."""

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.data.log.split import purchase_days
from bayesltv.prediction.actual import actual_counts
from bayesltv.prediction.tracking import summarise_track, track
from helpers import point_fit

CDNOW = {"r": 0.2425945, "alpha": 4.413602, "a": 0.792922, "b": 2.425907}
"""Maximum likelihood, CDNOW 1/10 sample, weeks."""


@pytest.fixture(scope="module")
def fit():
    return point_fit(CDNOW, draws=400)


@pytest.fixture(scope="module")
def with_spend():
    return point_fit(CDNOW | {"p": 6.25, "q": 3.74, "v": 15.4}, draws=200)


@pytest.fixture(scope="module")
def spend_tracked(with_spend, cdnow):
    return track(with_spend, cdnow, seed=1, horizon="39 weeks", draws=None)


@pytest.fixture(scope="module")
def later(cdnow_log):
    return ltv.summarize(cdnow_log, observation_end="1998-06-30", time_unit="week", groups=["cohort"])


@pytest.fixture(scope="module")
def tracked(fit, cdnow):
    return track(fit, cdnow, seed=1, horizon="39 weeks", draws=None)


def small_log(*days, customer="a"):
    return pd.DataFrame({"customer_id": customer, "date": days, "amount": 5.0})


def once(T):
    """One customer with no repeat purchase, observed for T weeks up to 2024-01-29."""
    summary = pd.DataFrame({"customer_id": ["a"], "frequency": [0], "recency": [0.0], "T": [T]})
    summary.attrs = {"time_unit": "week", "observation_end": "2024-01-29"}
    return summary


def small(log, end="2024-01-29"):
    return ltv.summarize(log, observation_end=end, time_unit="week")


# ------------------------------------------------------------------------------------------------- simulated


def test_forecast_counts_add_up_to_the_draws_of_predict(fit, cdnow, tracked):
    terms = {"horizon": "39 weeks", "annual_discount_rate": 0.0, "margin": 1.0}
    draws = ltv.predict(fit, cdnow, seed=1, **terms)["purchases"].sum("customer_id").values.ravel()
    ahead = tracked["is_forecast"].values
    np.testing.assert_array_equal(tracked["purchases"].values[:, ahead].sum(axis=1), draws)


def test_forecast_spend_adds_up_to_that_of_predict(with_spend, cdnow, spend_tracked):
    terms = {"horizon": "39 weeks", "annual_discount_rate": 0.0, "margin": 1.0}
    draws = ltv.predict(with_spend, cdnow, seed=1, **terms)["spend"].sum("customer_id").values.ravel()
    ahead = spend_tracked["is_forecast"].values
    np.testing.assert_allclose(spend_tracked["spend"].values[:, ahead].sum(axis=1), draws, rtol=1e-9)
    total = spend_tracked["cumulative_spend"].values
    spent = cdnow["spend_sum"].sum()
    np.testing.assert_allclose(total[:, -1], spent + draws, rtol=1e-9)
    assert spend_tracked.attrs["spend_observed"] == pytest.approx(spent)


def test_purchases_are_the_same_with_and_without_a_spend_model(cdnow, spend_tracked):
    alone = track(point_fit(CDNOW, draws=200), cdnow, seed=1, horizon="39 weeks", draws=None)
    assert "spend" not in alone
    np.testing.assert_array_equal(spend_tracked["purchases"].values, alone["purchases"].values)


def test_replayed_spend_is_purchases_times_the_mean_of_the_population(spend_tracked):
    # E[amount] = p v / (q - 1), whatever the rate; both sides from the same draws, so ratio estimator
    past = ~spend_tracked["is_forecast"].values
    spend, bought = (spend_tracked[name].values[:, past].sum(axis=1) for name in ("spend", "purchases"))
    left = spend - bought * 6.25 * 15.4 / 2.74
    assert abs(left.mean()) < 4 * left.std() / np.sqrt(left.size)


def test_order_of_rows_and_threads_change_no_money(with_spend, cdnow, spend_tracked):
    mixed = cdnow.sample(frac=1.0, random_state=1)
    again = track(with_spend, mixed, seed=1, horizon="39 weeks", draws=None, threads=1)
    assert again.identical(spend_tracked)


def test_the_past_is_lived_through_as_the_closed_form_expects_it(fit, cdnow_log):
    # up to 1997-10-01 the log is 39 weeks long, so that periods are the weeks counted from 1997-01-01; what
    # weeks 20 to 25 expect (closed form) knows when customers came and nothing else about them
    expected = [76.865, 74.888, 73.046, 71.322, 69.704, 68.182]
    summary = ltv.summarize(cdnow_log, observation_end="1997-10-01", time_unit="week")
    counts = track(fit, summary, seed=3)["purchases"].values
    assert counts.shape == (400, 39)
    weeks = counts[:, 19:25]
    error = weeks.std(axis=0) / np.sqrt(len(weeks))
    np.testing.assert_array_less(np.abs(weeks.mean(axis=0) - expected), 4.5 * error)


def test_the_calendar_turns_at_the_end_of_observation(tracked):
    assert tracked["purchases"].dims == ("draw", "period_end")
    ends = pd.DatetimeIndex(tracked["period_end"].values)
    assert ends[~tracked["is_forecast"].values][-1] == pd.Timestamp("1997-09-30")
    assert ends[-1] == pd.Timestamp("1998-06-30")
    assert (ends[1:] - ends[:-1] == pd.Timedelta(days=7)).all()
    assert (tracked["days"] == 7).all()
    assert tracked.attrs["customers"] == 2357


def test_the_forecast_adds_up_from_what_was_really_bought(tracked):
    ahead = tracked["is_forecast"].values
    counts, total = tracked["purchases"].values, tracked["cumulative_purchases"].values
    np.testing.assert_array_equal(total[:, ~ahead], counts[:, ~ahead].cumsum(axis=1))
    np.testing.assert_array_equal(total[:, ahead] - counts[:, ahead].cumsum(axis=1), 2457)
    assert tracked.attrs["purchases_observed"] == 2457


def test_order_of_rows_and_threads_change_nothing(fit, cdnow, tracked):
    mixed = cdnow.sample(frac=1.0, random_state=1)
    again = track(fit, mixed, seed=1, horizon="39 weeks", draws=None, threads=1)
    assert again.identical(tracked)
    assert not track(fit, cdnow, seed=2, horizon="39 weeks", draws=None).equals(tracked)


def test_replays_and_forecasts_draw_from_streams_of_their_own(fit):
    # a customer whose first purchase was today has the same four weeks ahead as one lived through anew
    # for four weeks; were the streams shared, the two would be equal draw by draw
    past = track(fit, once(4.0), seed=1)["purchases"].values.sum(axis=1)
    future = track(fit, once(0.0), seed=1, horizon="4 weeks")
    ahead = future["purchases"].values[:, future["is_forecast"].values].sum(axis=1)
    assert not np.array_equal(past, ahead)


def test_in_mbg_a_customer_may_leave_right_after_the_first_purchase(cdnow):
    # a dropout probability next to 1: nobody repeats, where BG/NBD lets everybody buy once more
    leaving = CDNOW | {"a": 1e6, "b": 1.0}
    assert track(point_fit(leaving, draws=20, family="mbg_nbd"), cdnow, seed=1)["purchases"].sum() < 10
    assert track(point_fit(leaving, draws=20), cdnow, seed=1)["purchases"].sum() > 10_000


@pytest.mark.parametrize("unit", ["day", "month"])
def test_the_unit_of_the_summary_does_not_matter(cdnow_log, unit):
    some = cdnow_log[cdnow_log["cohort"] == "1997-W03"]
    days = {"week": 7.0, "day": 1.0, "month": 365.25 / 12}
    tables = []
    for each in ("week", unit):
        parameters = CDNOW | {"alpha": CDNOW["alpha"] * 7 / days[each]}
        summary = ltv.summarize(some, observation_end="1997-09-30", time_unit=each)
        tables.append(
            track(point_fit(parameters, draws=50, time_unit=each), summary, seed=1, horizon="20 weeks")
        )
    np.testing.assert_array_equal(tables[0]["period_end"], tables[1]["period_end"])
    np.testing.assert_allclose(tables[0]["days"], tables[1]["days"])
    np.testing.assert_array_equal(tables[0]["purchases"], tables[1]["purchases"])


def test_a_horizon_between_two_periods_cuts_the_last_one(fit, cdnow):
    cut = track(fit, cdnow.head(30), seed=1, horizon="10 days", draws=20)
    ahead = cut.isel(period_end=cut["is_forecast"].values)
    assert ahead["days"].values.tolist() == pytest.approx([7.0, 3.0])
    assert [str(day)[:10] for day in ahead["period_end"].values] == ["1997-10-07", "1997-10-10"]


@pytest.mark.parametrize(
    ("width", "days", "periods"), [("day", 1, 28), ("4 weeks", 28, 1), ("10 days", 10, 3)]
)
def test_periods_may_be_any_whole_number_of_days(fit, width, days, periods):
    result = track(fit, once(4.0), seed=1, bin=width)
    assert result.sizes["period_end"] == periods
    assert result.attrs["bin_days"] == days


def test_a_period_that_is_no_whole_number_of_days_is_refused(fit, cdnow):
    with pytest.raises(ltv.SpecError, match=r"bin='month' is 30.4375 days, not a whole number"):
        track(fit, cdnow, seed=1, bin="month")


def test_without_a_horizon_there_is_no_forecast(fit, cdnow):
    assert not track(fit, cdnow.head(30), seed=1, draws=20)["is_forecast"].any()


def test_a_summary_without_an_end_is_refused(fit):
    adopted = pd.DataFrame({"customer_id": ["a"], "frequency": [1], "recency": [2.0], "T": [5.0]})
    with pytest.raises(ltv.DataError, match="observation_end="):
        track(fit, adopted, seed=1, time_unit="week")
    assert (
        track(fit, adopted, seed=1, time_unit="week", observation_end="2024-01-29").sizes["period_end"] == 5
    )


def test_a_summary_of_a_track_holds_its_mean_and_quantiles(tracked):
    summary = summarise_track(tracked)["purchases"]
    counts = tracked["purchases"].values
    np.testing.assert_allclose(summary.sel(statistic="mean"), counts.mean(axis=0))
    np.testing.assert_allclose(summary.sel(statistic="p95"), np.percentile(counts, 95, axis=0))
    assert summary["statistic"].values.tolist() == ["mean", "p05", "p25", "p75", "p95"]


# ---------------------------------------------------------------------------------------------------- actual


def test_what_happened_on_cdnow_is_counted_in_full(tracked, later):
    actual = actual_counts(tracked, later)
    counts, ahead = actual["purchases"].values, tracked["is_forecast"].values
    assert counts[~ahead].sum() == 2457
    assert counts[ahead].sum() == 1882
    assert actual["cumulative_purchases"].values[-1] == 2457 + 1882


def test_what_was_spent_on_cdnow_is_counted_in_full(spend_tracked, later, cdnow_log, cdnow):
    days = purchase_days(cdnow_log, after=pd.Timestamp("1996-12-31"), until=pd.Timestamp("1998-06-30"))
    actual = actual_counts(spend_tracked, later, amounts=days)
    spent, ahead = actual["spend"].values, spend_tracked["is_forecast"].values
    assert spent[~ahead].sum() == pytest.approx(cdnow["spend_sum"].sum())
    held = cdnow_log[cdnow_log["date"] > "1997-09-30"]["amount"].sum()
    assert spent[ahead].sum() == pytest.approx(held)
    assert actual["cumulative_spend"].values[-1] == pytest.approx(cdnow["spend_sum"].sum() + held)


def test_periods_whose_purchases_are_not_all_in_the_log_have_no_spend(spend_tracked, later, cdnow_log):
    days = purchase_days(cdnow_log, after=pd.Timestamp("1997-09-30"), until=pd.Timestamp("1998-06-30"))
    found = actual_counts(spend_tracked, later, amounts=days)
    spent, ahead = found["spend"].values, spend_tracked["is_forecast"].values
    assert np.isfinite(spent[ahead]).all()
    assert np.isnan(spent[~ahead][5:]).all()
    total = found["cumulative_spend"].values[-1]
    assert total == pytest.approx(spend_tracked.attrs["spend_observed"] + spent[ahead].sum())


def test_a_purchase_counts_in_the_period_that_its_day_belongs_to(fit):
    days = ["2024-01-01", "2024-01-02", "2024-01-08", "2024-01-09", "2024-01-29", "2024-01-30", "2024-02-05"]
    log = small_log(*days, "2024-02-06")
    observed = log[log["date"] <= "2024-01-29"]
    tracks = track(fit, small(observed), seed=1, horizon="2 weeks", draws=4)
    actual = actual_counts(tracks, small(log, end="2024-02-12"))
    # four weeks from 2 January to 29 January, two more to 12 February; the first purchase is no repeat
    assert actual["purchases"].values.tolist() == [2, 1, 0, 1, 2, 1]


def test_periods_that_are_not_over_yet_have_no_count(fit, cdnow, cdnow_log):
    tracks = track(fit, cdnow, seed=1, horizon="39 weeks", draws=4)
    early = ltv.summarize(cdnow_log, observation_end="1997-10-15", time_unit="week")
    counts = actual_counts(tracks, early)["purchases"].values[tracks["is_forecast"].values]
    assert np.isfinite(counts[:2]).all()
    assert np.isnan(counts[2:]).all()


def test_customers_who_came_later_are_left_out(fit):
    first = small_log("2024-01-01", "2024-01-03")
    second = small_log("2024-02-01", "2024-02-02", customer="b")
    tracks = track(fit, small(first), seed=1, horizon="2 weeks", draws=4)
    actual = actual_counts(tracks, small(pd.concat([first, second]), end="2024-02-12"))
    assert actual["purchases"].values.tolist() == [1, 0, 0, 0, 0, 0]


def test_some_customers_may_be_tracked_and_are_named_then(fit, cdnow, later):
    some = cdnow.iloc[::10]
    tracks = track(fit, some, seed=1, horizon="39 weeks", draws=4)
    with pytest.raises(ltv.DataError, match="has 2,357 customers to follow, but 236 were tracked"):
        actual_counts(tracks, later)
    actual = actual_counts(tracks, later, customers=some["customer_id"])
    ahead = tracks["is_forecast"].values
    assert actual["purchases"].values[~ahead].sum() == some["frequency"].sum()


def test_a_later_summary_that_ends_too_early_or_lacks_days_is_refused(tracked, later, cdnow_log):
    early = ltv.summarize(cdnow_log, observation_end="1997-06-30", time_unit="week")
    with pytest.raises(ltv.DataError, match="ended on 1997-09-30 or after, not 1997-06-30"):
        actual_counts(tracked, early)
    with pytest.raises(ltv.DataError, match="lacks repeat_days"):
        actual_counts(tracked, later.drop(columns="repeat_days"))

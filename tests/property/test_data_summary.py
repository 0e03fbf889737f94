"""A summary against a plain Python reading of its definition, for any log."""

import datetime as dt
import math
import warnings
from collections import defaultdict
from fractions import Fraction

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesltv.data.fingerprint import fingerprint
from bayesltv.data.log.summarize import summarize
from bayesltv.data.summary.validate import validate_summary
from bayesltv.errors import DataError

START = dt.date(2024, 1, 1)
IDS = st.sampled_from(["1", "02", "10", "é", "a'b", 'q"'])
CENTS = st.integers(-40, 60)
LOGS = st.lists(st.tuples(IDS, st.integers(0, 25), CENTS), min_size=1, max_size=40)
THOROUGH = settings(max_examples=50, deadline=None)
FAST = settings(max_examples=12, deadline=None)


def frame(rows):
    return pd.DataFrame(
        {
            "customer_id": [i for i, _, _ in rows],
            "date": pd.to_datetime([START + dt.timedelta(days=d) for _, d, _ in rows]),
            "amount": [cents / 100 for _, _, cents in rows],
        }
    )


def quietly(log, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return summarize(log, **options)


def by_hand(rows):
    """Cents per day and customer, refunds taken off the top of a stack of purchases; and what found none."""
    result, unmatched = {}, 0
    for who in {i for i, _, _ in rows}:
        stack, free = [], set()
        for day, is_refund, cents in sorted((d, c < 0, c) for i, d, c in rows if i == who):
            if not is_refund:
                stack.append([day, cents])
                free |= {day} if cents == 0 else set()
                continue
            owed = -cents
            while owed and stack:
                taken = min(owed, stack[-1][1])
                owed -= taken
                stack[-1][1] -= taken
                if stack[-1][1] == 0:
                    stack.pop()
            unmatched += owed
        days = defaultdict(int)
        for day, cents in stack:
            days[day] += cents
        days |= {d: days.get(d, 0) for d in free}
        kept = {d: c for d, c in days.items() if c > 0 or d in free}
        if kept:
            result[who] = dict(sorted(kept.items()))
    return result, unmatched


@THOROUGH
@given(LOGS)
def test_histories_refunds_and_spend_are_those_of_the_definition(rows):
    expected, unmatched = by_hand(rows)
    if not expected:
        try:
            quietly(frame(rows))
        except DataError:
            return
        raise AssertionError("a log without a purchase must be refused")
    end = max(d for _, d, _ in rows)
    summary = quietly(frame(rows), time_unit="day")
    assert summary["customer_id"].tolist() == sorted(expected)
    for row in summary.itertuples():
        days = expected[row.customer_id]
        first, *repeats = days
        assert row.frequency == len(repeats)
        assert row.recency == (repeats[-1] - first if repeats else 0)
        assert end - first == row.T
        assert [d - (START - dt.date(1970, 1, 1)).days for d in row.repeat_days] == repeats
        spend = [days[d] for d in repeats if days[d] > 0]
        assert row.spend_count == len(spend)
        assert row.spend_sum == float(Fraction(sum(spend), 100))
        assert math.isclose(row.spend_log_sum, math.fsum(math.log(c / 100) for c in spend), abs_tol=1e-10)
        assert row.value_to_date == float(Fraction(sum(days.values()), 100))
    assert summary.attrs["set_aside"].get("refund_amount_unmatched", 0) == float(Fraction(unmatched, 100))


@FAST
@given(LOGS.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_the_order_of_rows_changes_no_bit(pair):
    rows, shuffled = ([r for r in rows if r[2] >= 0] for rows in pair)
    if not rows:
        return
    one, other = quietly(frame(rows)), quietly(frame(shuffled))
    plain = one.columns.drop("repeat_days")
    pd.testing.assert_frame_equal(one[plain], other[plain], check_exact=True)
    assert one.attrs == other.attrs


@FAST
@given(LOGS)
def test_spend_times_a_hundred_gives_money_times_a_hundred(rows):
    rows = [(i, d, abs(c)) for i, d, c in rows]
    one = quietly(frame(rows))
    cents = quietly(frame([(i, d, 100 * c) for i, d, c in rows]))
    assert (cents["spend_sum"] - 100 * one["spend_sum"]).abs().max() < 1e-9
    shift = one["spend_count"] * math.log(100)
    assert (cents["spend_log_sum"] - one["spend_log_sum"] - shift).abs().max() < 1e-9
    assert cents["frequency"].equals(one["frequency"])


@FAST
@given(LOGS, st.integers(0, 30))
def test_every_summary_is_valid_wherever_the_observation_ends(rows, end):
    rows = [(i, d, abs(c)) for i, d, c in rows]
    last = START + dt.timedelta(days=max(end, min(d for _, d, _ in rows)))
    summary = quietly(frame(rows), observation_end=last)
    checked = validate_summary(summary)
    assert (summary["last_purchase"] <= pd.Timestamp(last)).all()
    assert checked.attrs["fingerprint"] == summary.attrs["fingerprint"] == fingerprint(summary[::-1])
    cut = summary.attrs["set_aside"].get("rows_after_observation_end", 0)
    assert cut == sum(START + dt.timedelta(days=d) > last for _, d, _ in rows)


@FAST
@given(LOGS)
def test_weeks_are_days_over_seven(rows):
    rows = [(i, d, abs(c)) for i, d, c in rows]
    days, weeks = quietly(frame(rows), time_unit="day"), quietly(frame(rows), time_unit="week")
    assert (weeks["T"] == days["T"] / 7).all()
    assert (weeks["recency"] == days["recency"] / 7).all()

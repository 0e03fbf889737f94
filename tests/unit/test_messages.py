"""Messages: a line of any value at most, ids left out on demand, and no time lost on long texts."""

import time

import pytest

from bayesltv import SpecError
from bayesltv.cli.guard import option_hint
from bayesltv.errors import LINE, LONGEST, REDACTED, DataError, cut, name_ids, shown
from bayesltv.specs import checked
from bayesltv.specs.decision.expression import DEEPEST, parse
from bayesltv.units import horizon_in

SECONDS = 5.0
"""Of the processor: what grows with the square of the length takes a minute."""


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    ["x" * 100_000, "a\nb" * 50, 10**400, -(16**5_000), list(range(10_000)), {"k" * 9_999: "v" * 9_999},
     nested(300), nested(100_000), [["a" * 99] * 99] * 99, float("nan"), None, b"\0" * 9_999],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_at_most_a_line_is_shown_of_any_value(value):
    text = shown(value)
    assert 0 < len(text) <= LINE
    assert "\n" not in text


@pytest.mark.parametrize("value", ["soon", 1.5, [0.5, 0.005], {"a": 1}, "97/03/09"])
def test_a_short_value_is_shown_as_it_is_written(value):
    assert shown(value) == repr(value)


def test_what_is_cut_keeps_both_ends():
    text = cut("begin" + "." * 1_000 + "end", 40)
    assert len(text) == 40
    assert text.startswith("begin")
    assert text.endswith("end")
    assert " ... " in text


def test_a_message_ends_somewhere_whatever_it_is_made_of():
    error = DataError("what " * 10_000 + "({ids})", ids=["i" * 10_000] * 9, quoted="q" * 10_000)
    assert len(str(error)) < LONGEST + 6 * LINE
    assert str(error).endswith(", ...)")
    assert len(str(DataError("said: {quoted}", quoted="q " * 10_000))) < 400


def test_ids_and_quotations_can_be_left_out_and_hold_no_tokens():
    error = DataError("bad for {ids}: {quoted}: cure", ids=["{quoted}", "17"], quoted="row {ids} of 17")
    assert str(error) == "bad for ids {quoted}, 17: row {ids} of 17: cure"
    assert error.redacted(lambda each: f"#{len(each)}") == f"bad for ids #8, #2: {REDACTED}: cure"
    assert name_ids(["a"]) == "id a"
    shifted = DataError("no number for {ids}, such as 'cust 17': give numbers like 1.5", ids=["cust 17"])
    assert shifted.redacted(lambda _: "#") == f"no number for id #, such as {REDACTED}: give numbers like 1.5"


class Command:
    class Option:
        name, opts = "datetime_format", ["--datetime-format"]

    params = (Option,)


@pytest.mark.parametrize("text", ["w" * 100_000, "w " * 50_000, "w" * 100_000 + "=", "=" * 100_000])
def test_a_hint_of_options_takes_no_time_over_a_long_message(text):
    began = time.process_time()
    assert option_hint(text, Command) == ""
    assert time.process_time() - began < SECONDS
    assert (
        option_hint(f"{text} pass datetime_format='%d'", Command) == "on the command line: --datetime-format"
    )


@pytest.mark.parametrize(
    "text", ["1" * 100_000, "1" * 100_000 + " week?", " " * 100_000 + "!", "1." * 50_000]
)
def test_a_duration_that_is_none_is_refused_in_no_time(text):
    began = time.process_time()
    with pytest.raises(SpecError, match="is not a duration") as caught:
        horizon_in(text, "week")
    assert time.process_time() - began < SECONDS
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("text", "weeks"), [("12 weeks", 12.0), (".5 week", 0.5), ("1.5weeks", 1.5), (" 2 W ", 2.0)]
)
def test_durations_are_read_as_before(text, weeks):
    assert horizon_in(text, "week") == weeks


@pytest.mark.parametrize(
    "text", ["(" * 5_000, "not " * 5_000 + "a == 1", "a == " + "9" * 100_000 + "x", "a == '" + "x" * 100_000]
)
def test_a_condition_of_any_depth_and_length_is_refused_in_no_time(text):
    began = time.process_time()
    with pytest.raises(SpecError, match="is no condition") as caught:
        parse(text)
    assert time.process_time() - began < SECONDS
    assert len(str(caught.value)) < 400


def test_conditions_may_be_deep_within_reason():
    assert parse("(" * DEEPEST + "a == 1" + ")" * DEEPEST) == parse("a == 1")


@pytest.mark.parametrize(
    ("value", "said"), [(10**400, "finite"), (float("inf"), "finite"), (-(10**400), "finite")]
)
def test_a_number_past_all_floats_is_refused(value, said):
    with pytest.raises(SpecError, match=f"margin = .* must be {said}"):
        checked.number("margin", value)
    assert checked.number("margin", 10**300) == 1e300


def test_a_count_past_all_customers_is_refused():
    with pytest.raises(SpecError, match=r"draws = .* must be at most 1,000,000,000,000"):
        checked.count("draws", 10**400)
    assert checked.count("draws", 10**12) == 10**12

"""Days given as arguments: what is a day, and what is refused, in every place that takes one."""

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.data.experiment import make_experiment
from bayesltv.data.log.reading import ExperimentReading, LaterLog
from bayesltv.data.log.split import split
from bayesltv.data.summary.validate import validate_summary
from bayesltv.dates import as_day, day_column, require_day, stamps_of_text
from bayesltv.decisions.campaigns import _days_since
from bayesltv.errors import DataError, SpecError
from bayesltv.evaluation.holdout import require_holdout
from bayesltv.specs.model.events import day_number

DAY = dt.date(1997, 9, 3)
LOG = pd.DataFrame({"customer_id": ["a", "a"], "date": ["1997-01-05", "1997-02-05"], "amount": [5.0, 6.0]})
NO_DAYS = [
    "03/09/1997",
    "30/09/1997",
    "9/3/97",
    "3.9.1997",
    "1997-9-3",
    "97-09-03",
    "1997-09",
    "1997",
    "1997Q3",
    "1997-W36",
    "1997-W36-3",
    "1997-246",
    "Sep 3 1997",
    "today",
    "now",
    "NaT",
    "",
    "1997-09-31",
    "19970931",
    "19970903000000",
    "1997-09-03 00:00:00",
    "1997-09-03T12:00",
    "1997-09-03Z",
    "0000-01-01",
    "-1997-09-03",
    "11997-09-03",
    "１９９７-09-03",
    19970903,
    19970903.0,
    True,
    pd.NaT,
    np.datetime64("NaT"),
    np.datetime64("1997-09"),
    np.datetime64("1997"),
    np.datetime64("1997-09-04", "W"),
    np.datetime64("12000-01-01"),
    pd.Period("1997-09", "M"),
    dt.datetime(1997, 9, 3, 12),
    pd.Timestamp("1997-09-03 00:00:00.000000001"),
    pd.Timestamp("1997-09-03", tz="Europe/Berlin"),
    dt.datetime(1997, 9, 3, tzinfo=dt.UTC),
    [],
    {},
]


@pytest.mark.parametrize(
    "day",
    [
        "1997-09-03",
        "19970903",
        " 1997-09-03 ",
        DAY,
        dt.datetime(1997, 9, 3),
        pd.Timestamp("1997-09-03"),
        np.datetime64("1997-09-03"),
        np.datetime64("1997-09-03T00:00:00", "ns"),
    ],
)
def test_what_is_a_day(day):
    assert as_day(day, "observation_end") == DAY
    assert type(as_day(day, "observation_end")) is dt.date


@pytest.mark.parametrize("value", NO_DAYS, ids=repr)
def test_what_is_none_is_refused_by_name(value):
    with pytest.raises(DataError, match=r"log_end.* (is not a date|has a time)"):
        as_day(value, "log_end")


def test_messages_show_a_line_of_any_value():
    with pytest.raises(DataError) as caught:
        as_day("x" * 100_000, "log_end")
    assert len(str(caught.value)) < 300


def test_a_day_that_must_be_there():
    assert as_day(None, "log_end") is None
    with pytest.raises(DataError, match="start is missing"):
        require_day(None, "start")


def holdout(day):
    later = LaterLog(LOG, log_end=day)
    require_holdout(later, after=pd.Timestamp("1997-01-31"), horizon=1, time_unit="week")


def experiment(day):
    cells = pd.DataFrame({"customer_id": ["a", "b"], "tier": ["x", "y"]})
    rows = pd.DataFrame({"customer_id": ["a", "b"], "arm": ["control", "mail"], "spend": [0.0, 1.0]})
    make_experiment(rows, ExperimentReading("spend", cells, assigned_on=day))


def simulate(**days):
    purchase = {"r": 1.0, "alpha": 5.0, "a": 0.8, "b": 2.5}
    ltv.simulate_log(5, purchase=purchase, seed=1, **days)


PLACES = {
    "observation_end": lambda day: ltv.summarize(LOG, observation_end=day),
    "acquired_from": lambda day: ltv.summarize(LOG, acquired_from=day),
    "date": lambda day: split(LOG, day),
    "log_end": holdout,
    "start": lambda day: simulate(start=day),
    "observation_end of simulate_log": lambda day: simulate(observation_end=day),
    "assigned_on": experiment,
    "cuts": lambda day: ltv.backtest(LOG, ltv.load_spec("pooled"), cuts=[day], horizon="1 week"),
    "observation_end of validate_summary": lambda day: validate_summary(
        pd.DataFrame({"customer_id": ["a"], "frequency": [0], "recency": [0.0], "T": [3.0]}),
        time_unit="week",
        observation_end=day,
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("day", ["03/09/1997", "1997-09", "today", pd.Timestamp("1997-09-03 12:00")])
def test_every_argument_that_is_a_day_goes_by_one_rule(place, day):
    with pytest.raises(DataError, match=rf"{place.split()[0]}=.*(is not a date|has a time of day)"):
        PLACES[place](day)


def test_days_of_a_spec_go_by_the_same_rule():
    assert day_number("covers", "1970-01-03") == day_number("covers", "19700103") == 2
    for text in ("03/09/1997", "1997-W36-3", "1997-09"):
        with pytest.raises(SpecError, match="is not a date"):
            day_number("covers", text)


def test_days_of_an_earlier_plan_go_by_the_same_rule():
    plan = pd.DataFrame({"customer_id": ["a"], "as_of_date": ["1997-09-03"]})
    base = SimpleNamespace(require_end=lambda: pd.Timestamp("1997-10-01"))
    assert _days_since(plan, base) == [28.0]
    with pytest.raises(DataError, match="as_of_date='03/09/1997' is not a date"):
        _days_since(plan.assign(as_of_date="03/09/1997"), base)


def test_a_column_of_days():
    stamps = pd.Series(pd.to_datetime(["1997-09-03 13:00", None]))
    assert day_column(stamps, "x").tolist()[0] == pd.Timestamp("1997-09-03")
    assert day_column(pd.Series([DAY, None]), "x").tolist()[0] == pd.Timestamp("1997-09-03")


def test_stamps_of_text_need_a_day_and_four_digits_of_the_year():
    texts = ["1997-09-03", "19970903", "1997-09-03 12:00", "97-09-03", "1997-09", "1997", "x", None]
    read = stamps_of_text(pd.Series(texts, dtype="str"))
    assert read.isna().tolist() == [False] * 3 + [True] * 5
    mixed = pd.Series(["1997-09-03 12:00+01:00", "1997-09-03 12:00"], dtype="str")
    assert stamps_of_text(mixed).isna().all()

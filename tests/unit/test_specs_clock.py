"""What a person may write in [clock], and which error a slip of the pen gets."""

import numpy as np
import pytest

import bayesltv as ltv
from bayesltv.model.build import make_problem
from bayesltv.specs.model.clock import DEFAULTS
from bayesltv.specs.model.events import day_number
from bayesltv.specs.model.timeline import make_timeline

HEAD = "[model]\ngroups = []\n[clock]\n"
TABLE = "event,first_day,last_day\nsale,1997-06-01,1997-06-03\nsale,1997-12-01,1997-12-03\n"
EVENTS = """[clock.events]
table = "days.csv"
covers = ["1997-01-01", "1998-12-31"]
[clock.events.priors.sale]
mass = 0.9
between = [1.0, 4.0]
why = "a sale"
"""


@pytest.fixture
def written(tmp_path):
    def write(text, table=TABLE):
        (tmp_path / "days.csv").write_text(table, encoding="utf-8")
        path = tmp_path / "mine.toml"
        path.write_text(HEAD + text, encoding="utf-8")
        return path

    return write


def test_an_empty_section_is_an_ar1_over_four_weeks(written):
    clock = ltv.load_spec(written("")).clock
    assert (clock.process, clock.block_days) == (("ar1",), 28)
    assert dict(clock.priors) == {name: DEFAULTS[name] for name in ("sd", "rho")}


def test_without_the_section_there_is_no_clock_and_the_hash_is_what_it_was():
    assert ltv.load_spec("pooled").clock is None
    assert "clock" not in ltv.load_spec("pooled").to_dict()


def test_the_shipped_clocks_state_the_defaults():
    assert ltv.load_spec("clock").clock == ltv.ClockSpec()
    assert ltv.load_spec("clock_season").clock == ltv.ClockSpec(process=("ar1", "seasonal"))


def test_events_are_read_from_the_table_beside_the_file_and_stored_with_the_spec(written):
    spec = ltv.load_spec(written(EVENTS))
    assert [each.first_day for each in spec.clock.events.of("sale")] == [
        day_number("", "1997-06-01"), day_number("", "1997-12-01")
    ]  # fmt: skip
    assert ltv.ModelSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('process = "ar2"', 'did you mean "ar1"'),
        ('process = ["ar1", "ar1"]', "names one twice"),
        ("process = []", "no events"),
        ('block = "1 month"', "30.4375 days: state whole days"),
        ('blok = "4 weeks"', 'did you mean "block"'),
        ("harmonics = 0", "whole number, 1 or more"),
        ('by = "shop"', "'shop' is not a group"),
        ('[clock.priors.step_sd]\nfamily = "HalfNormal"\nsigma = 1\nwhy = "w"', "not of this clock"),
        ('[clock.priors.rho]\nfamily = "Gamma"\nalpha = 1\nbeta = 1\nwhy = "w"', "wrong support"),
        ('[clock.priors.sd]\nfamily = "HalfNormal"\nsigma = 1', "why"),
        (EVENTS.replace("sale]", "sail]"), "event 'sale' has no prior"),
        (EVENTS.replace("days.csv", "none.csv"), "cannot be read"),
        (EVENTS.replace('"1998-12-31"', '"1997-11-30"'), "outside covers"),
        (EVENTS.replace('"1998-12-31"', '"next year"'), "not a date"),
    ],
)
def test_a_slip_of_the_pen_is_named(written, text, said):
    with pytest.raises(ltv.SpecError, match=said):
        ltv.load_spec(written(text))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("event,first_day\nsale,1997-06-01\n", "column 'last_day' is missing"),
        (
            "event,first_day,last_day\nsale,1997-06-31,1997-07-01\n",
            "'1997-06-31' is not a date",
        ),
        ("event,first_day,last_day\nsale,1997-06-03,1997-06-01\n", "ends before it begins"),
        ("event,first_day,last_day\nBig Sale,1997-06-01,1997-06-03\n", "small letters"),
    ],
)
def test_a_wrong_event_table_is_named(written, table, said):
    with pytest.raises(ltv.SpecError, match=said):
        ltv.load_spec(written(EVENTS, table))


def plain(clock, **more):
    return ltv.ModelSpec(spend=None, clock=clock, **more)


def test_fewer_than_four_blocks_are_an_error(cdnow_log):
    early = ltv.summarize(cdnow_log, observation_end="1997-03-15", time_unit="week")
    with pytest.raises(ltv.DataError, match="3 blocks of 4 weeks in 73 days"):
        ltv.fit(early, plain(ltv.ClockSpec()), seed=1)


def test_a_season_needs_a_year_and_a_half_or_a_prior_of_ones_own(cdnow):
    with pytest.raises(ltv.DataError, match="272 days of calendar cannot tell a yearly season"):
        make_problem(cdnow, plain(ltv.ClockSpec(process="seasonal")))
    own = {"season_sd": ltv.PriorSpec("HalfNormal", {"sigma": 0.05}, why="mine")}
    assert make_problem(cdnow, plain(ltv.ClockSpec(process="seasonal", priors=own))).timeline.blocks == 10


def test_a_summary_without_days_is_an_error(cdnow):
    for column in ("repeat_days", "first_purchase"):
        bare = cdnow.drop(columns=column)
        bare.attrs = {**cdnow.attrs, "observation_end": None}  # from which T would count back
        with pytest.raises(ltv.DataError, match=column):
            make_problem(bare, plain(ltv.ClockSpec()))


def test_days_that_contradict_the_history_are_an_error(cdnow):
    spec = plain(ltv.ClockSpec())
    wrong = cdnow.copy()
    wrong["repeat_days"] = [list(days) for days in wrong["repeat_days"]]
    row = int(np.argmax(wrong["frequency"] > 1))
    for change, said in (
        (lambda days: days[:-1], "not as many as frequency"),
        (lambda days: [*days[:-1], days[-1] + 1000], "last of repeat_days"),
        (lambda days: [*days[:-1], days[-1] - 1], "last of repeat_days"),
    ):
        broken = wrong.copy()
        broken.attrs = dict(cdnow.attrs)
        broken.at[row, "repeat_days"] = change(list(wrong.at[row, "repeat_days"]))
        with pytest.raises(ltv.DataError, match=said):
            make_problem(broken, spec)


def test_events_must_cover_the_calendar_of_the_summary(cdnow, written):
    late = EVENTS.replace('"1997-01-01"', '"1997-02-01"')
    spec = ltv.load_spec(written(late))
    with pytest.raises(ltv.DataError, match="events cover 1997-02-01"):
        make_problem(cdnow, spec)


def test_cells_are_as_many_with_days_as_without(cdnow):
    problems = [make_problem(cdnow, plain(clock)) for clock in (None, ltv.ClockSpec())]
    assert problems[0].cells.purchase.count.size == problems[1].cells.purchase.count.size == 1016


def test_blocks_count_back_from_the_end_and_the_oldest_may_be_cut_off():
    line = make_timeline(ltv.ClockSpec(block="10 days"), start=100, end=125, until=140)
    assert line.edges.tolist() == [100, 105, 115, 125, 135, 145]
    assert line.block.tolist() == [0, 1, 2, 3, 4]
    assert (line.blocks, line.segment_of(np.array([101, 105, 106, 125, 126])).tolist()) == (
        3,
        [0, 0, 1, 2, 3],
    )
    np.testing.assert_allclose(
        line.place(np.array([100.0, 105.0, 110.0, 125.0, 127.5])), [0, 1, 1.5, 3, 3.25]
    )


def test_a_clock_goes_with_the_group_column_that_it_was_for(cdnow):
    spec = plain(ltv.ClockSpec(by="cohort"), groups=("cohort",))
    same = cdnow.assign(cohort="one")
    same.attrs = dict(cdnow.attrs)
    with pytest.warns(ltv.BayesltvWarning, match="single level"):
        assert make_problem(same, spec).spec.clock.by is None

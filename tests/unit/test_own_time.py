"""A customer's own time: what an earlier plan did does not count as the habit of those it treated."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
import beta_geometric
from bayesltv.base.meeting import Meeting
from bayesltv.base.own_time import OwnTime
from bayesltv.base.placed_base import place_base
from bayesltv.errors import BayesltvWarning, DataError
from bayesltv.prediction.draws import predict_base
from bayesltv.prediction.expected import alive_of, expect
from bayesltv.prediction.terms import make_terms
from helpers import clock_fit, point_fit

POINT = {"r": 0.8, "alpha": 6.0, "a": 0.9, "b": 2.5, "p": 6.0, "q": 4.0, "v": 90.0}
PURCHASE = tuple(POINT[name] for name in ("r", "alpha", "a", "b"))
DRAWS, END = 40, pd.Timestamp("1997-09-30")
FACTORS = np.exp(0.3 + 0.2 * np.random.default_rng(2).standard_normal((1, DRAWS)))
CLOCK = ltv.ClockSpec(block="30 days")
LETTER = ltv.ActionSpec(
    name="letter", kind="contact", window="8 weeks", contact=0.4,
    effects={"rate": ltv.PriorSpec.elicited(mass=0.9, between=(0.8, 2.2))},
)  # fmt: skip
DECISION = ltv.DecisionSpec(
    value=ltv.ValueSpec(horizon="52 weeks", annual_discount_rate=0.1, margin=0.4), actions=(LETTER,)
)


def clocked(path):
    """BG/NBD, whose kernels on a clock other tests have compiled."""
    variables = {"clock_sd": 0.3, "clock_rho": 0.5}
    return clock_fit(POINT, path, clock=CLOCK, variables=variables, start="1997-01-01", end="1997-09-30")


ROAD = 0.4 * np.random.default_rng(5).standard_normal((DRAWS, 10))
FITS = {"still": point_fit(POINT, draws=DRAWS, family="mbg_nbd"), "clock": clocked(ROAD)}


@pytest.fixture(scope="module")
def summary():
    log = ltv.simulate_log(
        80, seed=12, purchase={k: POINT[k] for k in ("r", "alpha", "a", "b")},
        spend={k: POINT[k] for k in "pqv"}, family="mbg_nbd",
    )  # fmt: skip
    return ltv.summarize(log, observation_end=END, time_unit="week")


def base_of(fit, summary, factors=None, *, begin=1e3, until=0.0, who=slice(None)):
    ids = summary["customer_id"].to_numpy(object)[who]
    base = place_base(fit, summary, Meeting(seed=3))
    if factors is None:
        return base
    spans = np.tile([[begin], [until]], len(ids))
    return replace(base, own_time=OwnTime(ids, spans, np.zeros(len(ids), np.int64), factors))


def forms(base, horizon=30.0):
    _, population, customers = base.placed(None)
    found = expect(population, customers, horizon=horizon, discount=0.01)
    return found.forms.discounted[found.cell], alive_of(population, customers)


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_a_factor_of_1_changes_no_bit_and_other_factors_none_but_their_own_customers(fit, summary):
    base, one = base_of(fit, summary), base_of(fit, summary, np.ones((1, DRAWS)))
    terms = make_terms(base.posterior.time_unit, horizon=30, annual_discount_rate=0.1, margin=0.4)
    plain, same = (predict_base(each, terms) for each in (base, one))
    for name in plain.data_vars:
        assert np.array_equal(plain[name], same[name], equal_nan=True), name
    mine = slice(0, 40)
    some = [forms(base_of(fit, summary, factors, who=mine)) for factors in (FACTORS, np.ones((1, DRAWS)))]
    for moved, still in zip(*some, strict=True):
        assert np.array_equal(moved[40:], still[40:])
        assert (moved[mine] != still[mine]).all(axis=1).sum() > 20


def test_a_factor_over_a_whole_history_scales_its_time_draw_by_draw(summary):
    discounted, alive = forms(base_of(FITS["still"], summary, FACTORS))
    for draw in (0, DRAWS - 1):
        scaled = summary.assign(**{name: summary[name] * FACTORS[0, draw] for name in ("recency", "T")})
        scaled = scaled.drop(columns=["first_purchase", "last_purchase"])  # days are those of no calendar now
        scaled.attrs = {"time_unit": "week"}
        want = forms(base_of(FITS["still"], scaled))
        np.testing.assert_allclose(discounted[:, draw], want[0][:, draw], rtol=1e-12)
        np.testing.assert_allclose(alive[:, draw], want[1][:, draw], rtol=1e-12)


def test_on_a_clock_a_factor_for_all_is_a_shift_of_the_clock(summary):
    """The last two blocks of 30 days, treated as one stretch of everybody's own time."""
    shifted = ROAD.copy()
    shifted[:, -2:] += np.log(FACTORS[0])[:, None]
    _, alive = forms(base_of(FITS["clock"], summary, FACTORS, begin=60 / 7))
    _, want = forms(base_of(clocked(shifted), summary))
    np.testing.assert_allclose(alive, want, rtol=1e-10)


# ------------------------------------------------------------------------------------ by an earlier plan


def earlier_of(summary, *, as_of="1997-07-01", treated=slice(0, 30), **more):
    assignment = np.full(len(summary), "none", object)
    assignment[treated], assignment[70:] = "letter", "hold_out"
    return pd.DataFrame({"customer_id": summary["customer_id"], "assignment": assignment}).assign(
        as_of_date=pd.Timestamp(as_of), **more
    )


def decide(summary, earlier, action=LETTER, **more):
    effects = {"letter": ltv.Effects({"rate": FACTORS[0]}, {"rate": "test"})}
    decision = replace(DECISION, actions=(action,))
    return ltv.decide(
        FITS["still"], summary, decision, seed=3, previous=earlier, **({"effects": effects} | more)
    )


def test_the_time_of_the_treated_runs_by_the_factor_within_the_window(summary):
    """P(alive) by the closed form at recency and T that are reckoned here, day by day."""
    plan = decide(summary, earlier_of(summary))
    day = pd.date_range("1996-12-01", END)
    inside = (day > "1997-07-01") & (day <= "1997-08-26")
    for at in (0, 3, 17, 29, 31):
        row, m = summary.iloc[at], FACTORS[0] if at < 30 else np.ones(DRAWS)
        first, last = row["first_purchase"], row["last_purchase"]
        t_x, T = (
            sum(np.where(some, m[:, None], 1.0).T) / 7
            for some in (inside[(day > first) & (day <= until)] for until in (last, END))
        )
        x = row["frequency"]
        want = beta_geometric.p_alive(x, x + 1, t_x, T, *PURCHASE).mean()
        assert plan.customers["p_alive"].iloc[at] == pytest.approx(want, rel=1e-12), at
    told = decide(summary, None).customers
    assert (plan.customers["ltv_mean"][30:] == told["ltv_mean"][30:]).all()
    assert (plan.customers["ltv_mean"][:30] < told["ltv_mean"][:30]).mean() > 0.8


def test_what_comes_after_the_window_runs_by_its_own_factor(summary):
    after = ltv.Effects({"rate": FACTORS[0], "rate_after": 1 / FACTORS[0]}, {})
    action = replace(LETTER, window="4 weeks", after_window="4 weeks")
    both = decide(summary, earlier_of(summary, as_of="1997-08-05"), action, effects={"letter": after})
    customers = base_of(FITS["still"], summary).placed(None).customers
    history = customers.histories
    T = history[3] + 4 * (FACTORS[0][:, None] - 1) + 4 * (1 / FACTORS[0][:, None] - 1)
    idle = np.flatnonzero((summary["last_purchase"] <= "1997-08-05").to_numpy()[:30])
    want = beta_geometric.p_alive(history[0], history[1], history[2], T, *PURCHASE).mean(axis=0)
    np.testing.assert_allclose(both.customers["p_alive"].iloc[idle], want[idle], rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda each: each.drop(columns="as_of_date"), "treated 30 customers .* without saying when"),
        (lambda each: each.assign(as_of_date="1997-10-02"), "after 1997-09-30, the end of observation"),
        (lambda each: each.assign(customer_id="z" + each["customer_id"]), "none of 30 customers"),
        (lambda each: each.replace("letter", "lettre"), "earlier plan gives 30 of 30 .*lettre"),
        (lambda each: pd.concat([each, each.iloc[:2]]), "treated 2 customers twice"),
    ],
)  # fmt: skip
def test_an_earlier_plan_that_cannot_be_placed_is_refused(summary, change, says):
    with pytest.raises(DataError, match=says):
        decide(summary, change(earlier_of(summary)))


def test_what_is_not_taken_out_is_said(summary):
    effects = {"letter": ltv.Effects({"rate": FACTORS[0], "dropout": FACTORS[0], "spend": FACTORS[0]}, {})}
    with pytest.warns(BayesltvWarning, match="but not dropout, spend"):
        decide(summary, earlier_of(summary), effects=effects)
    others = summary.iloc[5:]
    others.attrs = dict(summary.attrs)
    with pytest.warns(BayesltvWarning, match="5 of 30 customers treated by the earlier plan are gone"):
        decide(others, earlier_of(summary))
    with warnings.catch_warnings(), pytest.warns(BayesltvWarning, match="hold 91 days of the earlier plan"):
        ltv.decide(
            FITS["clock"], summary, DECISION, seed=3, previous=earlier_of(summary),
            effects={"letter": ltv.Effects({"rate": FACTORS[0]}, {})},
        )  # fmt: skip


def test_a_plan_of_the_same_day_and_one_that_treated_nobody_have_done_nothing(summary):
    nothing = decide(summary, None)
    for earlier in (earlier_of(summary, as_of=str(END.date())), earlier_of(summary, treated=slice(0, 0))):
        again = decide(summary, earlier)
        pd.testing.assert_frame_equal(again.customers, nothing.customers)
        assert again.attrs["treated_before"] == 0
    assert decide(summary, earlier_of(summary)).attrs["treated_before"] == 30

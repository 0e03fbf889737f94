"""What the business will bring: parts that add up, and new customers who live as customers do."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.arrivals.coming import coming_of_fit
from bayesltv.arrivals.periods import make_periods
from bayesltv.errors import BayesltvWarning, CheckFailed, DataError, SpecError, StoreError
from helpers import clock_fit, point_fit, sealed

pytestmark = pytest.mark.filterwarnings("ignore::bayesltv.BayesltvWarning")
SHOP = {"r": 0.8, "alpha": 4.0, "a": 0.7, "b": 2.5, "p": 6.25, "q": 5.0, "v": 15.44, "delta": 1.2}
END = "1998-06-30"
DAY = int(np.datetime64(END, "D").astype(np.int64))
WEEKS = 13
STORED = Path(__file__).parents[1] / "data" / "layout_1"


def plan_of(customers=60, weeks=WEEKS, **columns):
    days = [str(np.datetime64(DAY + 1 + 7 * at, "D")) for at in range(weeks)]
    return pd.DataFrame({"week": days, "channel": "web", "customers": customers, "cac": 8.0, **columns})


def arrivals_of(
    level, *, trend=0.0, weeks=60, draws=400, overdispersion=1e-9, end=END, columns=("channel",), **attributes
):
    """Arrivals that are known but for chance: no season, no shocks."""
    channels = list(level)
    values = {
        "level": np.log([level[each] for each in channels]), "trend": np.full(len(channels), trend),
        "overdispersion": np.full(len(channels), overdispersion), "season": np.zeros(13),
        "shock": np.zeros(weeks), "shock_sd": 1e-9, "shock_rho": 0.5, "season_sd": 1.0,
    }  # fmt: skip
    own = {"season": ["four_weeks"], "shock": ["week_end"], "level": ["channel"], "trend": ["channel"]}
    own["overdispersion"] = ["channel"]
    posterior = xr.Dataset(
        {
            name: (
                ["chain", "draw", *own.get(name, [])],
                np.array(np.broadcast_to(v, (1, draws, *np.shape(v)))),
            )
            for name, v in values.items()
        },
        coords={"chain": [0], "draw": range(draws), "channel": channels},
    )
    told = {"columns": columns, "channels": [each.split(" | ") for each in channels], "events": None}
    tree = xr.DataTree.from_dict({"posterior": posterior})
    return sealed(tree, kind="arrivals", arrivals=json.dumps(told), observation_end=end, **attributes)


@pytest.fixture(scope="module")
def some(cdnow_log):
    chosen = cdnow_log["customer_id"].drop_duplicates().iloc[:300]
    return ltv.summarize(cdnow_log[cdnow_log["customer_id"].isin(chosen)], observation_end=END)


@pytest.fixture(scope="module")
def base(some):
    return ltv.customer_base(point_fit(SHOP, draws=400, family="mbg_nbd"), some, seed=5)


@pytest.fixture(scope="module")
def planned(base):
    return base.forecast(plan_of(), margin=0.4, horizon="13 weeks", by="month")


# --------------------------------------------------------------------------------------------------- periods


def test_periods_are_whole_days_and_the_calendars_own():
    assert make_periods(DAY, "13 weeks", "week").labels[:2] == ("1998-07-01", "1998-07-08")
    assert make_periods(DAY, "13 weeks", "month").labels == ("1998-07", "1998-08", "1998-09")
    assert make_periods(DAY, "1 year", "quarter").labels == ("1998Q3", "1998Q4", "1999Q1", "1999Q2")
    table = make_periods(DAY + 9, "20 days", "month").table()
    assert table["first_day"].astype(str).tolist() == ["1998-07-10"]
    assert make_periods(DAY, 10, "week").summed(np.arange(10)).tolist() == [21, 24]


@pytest.mark.parametrize(
    ("by", "horizon"), [("year", "13 weeks"), ("week", "0 days"), ("week", "9 years"), ("week", "soon")]
)
def test_periods_that_cannot_be_are_refused(by, horizon):
    with pytest.raises(SpecError):
        make_periods(DAY, horizon, by)


# ------------------------------------------------------------------------------------------------ identities


def test_existing_customers_are_those_of_predict_in_every_draw(base, planned):
    futures = base.predict(horizon="13 weeks", annual_discount_rate=0.0, margin=1.0)
    existing = planned.draws.sel(part="existing").sum("period")
    assert (existing["purchases"].values == futures["purchases"].sum("customer_id").values[0]).all()
    assert existing["revenue"].values == pytest.approx(
        futures["spend"].sum("customer_id").values[0], rel=1e-9
    )


def test_parts_and_periods_add_up_in_every_draw(base, planned):
    found = planned.quantities()
    for name in ("purchases", "revenue", "margin"):
        parts = sum(found[part, name] for part in ("existing", "first", "repeat"))
        assert parts == pytest.approx(found["total", name], rel=1e-12)
    assert found["total", "margin"] == pytest.approx(0.4 * found["total", "revenue"])
    assert found["total", "net"] == pytest.approx(
        found["total", "margin"] - 8.0 * found["total", "new_customers"]
    )
    assert (found["first", "purchases"] == found["total", "new_customers"]).all()
    for by in ("week", "quarter"):
        other = base.forecast(plan_of(), margin=0.4, horizon="13 weeks", by=by)
        assert (other.total("purchases") == planned.total("purchases")).all()
        assert other.total() == pytest.approx(planned.total(), rel=1e-12)


def test_the_table_has_quantiles_of_sums(base, planned):
    row = planned.table.query("period == 'all' and part == 'total' and quantity == 'net'").iloc[0]
    assert row["p95"] == pytest.approx(np.quantile(planned.total("net"), 0.95))
    assert (str(row["first_day"].date()), str(row["last_day"].date())) == ("1998-07-01", "1998-09-29")
    middle = base.forecast(plan_of(), target=float(np.median(planned.total())))
    assert middle.reached[["period", "p_reached"]].to_numpy().tolist() == [["all", 0.5]]
    assert planned.attrs["source"] == "as planned"
    assert "too narrow" in planned.attrs["said"]


def test_threads_change_no_number(base, planned):
    one = base.forecast(plan_of(), margin=0.4, horizon="13 weeks", by="month", threads=1)
    assert one.draws.equals(planned.draws)


# --------------------------------------------------------------------------------------------- new customers


def lived(rng, days, horizon):
    """Repeat purchases and money of customers who came on these days, step by step."""
    count, first, later = 0, 0.0, 0.0
    for day in days:
        left, t = (horizon - day) / 7, 0.0
        rate, dropout = rng.gamma(SHOP["r"], 1 / SHOP["alpha"]), rng.beta(SHOP["a"], SHOP["b"])
        scale = rng.gamma(SHOP["q"], 1 / SHOP["v"])
        first += SHOP["delta"] * rng.gamma(SHOP["p"], 1 / scale)
        while rng.random() >= dropout:
            t += rng.exponential(1 / rate)
            if t >= left:
                break
            count, later = count + 1, later + rng.gamma(SHOP["p"], 1 / scale)
    return count, first, later


def test_planned_customers_live_as_the_model_says(planned):
    """Against a simulation that shares no line: means, and the spread that one draw has."""
    rng, horizon = np.random.default_rng(8), 7 * WEEKS
    worlds = [
        lived(rng, (7 * np.arange(WEEKS)[:, None] + rng.integers(1, 8, (WEEKS, 60))).ravel(), horizon)
        for _ in range(150)
    ]
    count, first, later = np.array(worlds).T
    drawn = planned.draws.sum("period")
    pairs = (
        (drawn["purchases"].sel(part="repeat").values, count),
        (drawn["revenue"].sel(part="first").values, first),
        (drawn["revenue"].sel(part="repeat").values, later),
    )
    for ours, theirs in pairs:
        error = np.hypot(ours.std() / np.sqrt(ours.size), theirs.std() / np.sqrt(theirs.size))
        assert abs(ours.mean() - theirs.mean()) < 4 * error
        assert 0.8 < ours.std() / theirs.std() < 1.25
    assert (drawn["new_customers"].values == 60 * WEEKS).all()


def test_a_first_amount_goes_with_the_same_customers_repeats(base):
    """One customer a draw: corr of first amount and repeat money is that of a shared scale, not 0."""
    found = base.forecast(plan_of(customers=[1] + [0] * 12), horizon="13 weeks", by="quarter")
    first, later = (found.draws["revenue"].sel(part=part).values[:, 0] for part in ("first", "repeat"))
    count = found.draws["purchases"].sel(part="repeat").values[:, 0]
    came = count > 0
    assert np.corrcoef(np.log(first[came]), np.log(later[came] / count[came]))[0, 1] > 0.25


def test_without_a_level_first_amounts_come_from_the_last_years(cdnow_log, some):
    plain = {name: value for name, value in SHOP.items() if name != "delta"}
    base = ltv.customer_base(point_fit(plain, draws=200, family="mbg_nbd"), some, seed=5)
    with pytest.raises(DataError, match="no level of first amounts"):
        base.forecast(plan_of())
    log = cdnow_log[cdnow_log["customer_id"].isin(some["customer_id"])]
    found = base.forecast(plan_of(), log=log)
    each = found.draws["revenue"].sel(part="first").sum("period").values / (60 * WEEKS)
    firsts = some["value_to_date"] - some["spend_sum"]
    assert each.mean() == pytest.approx(firsts.mean(), rel=0.05)
    # weights of the Bayesian bootstrap, and a sample of each draw
    expected = firsts.std() * np.sqrt(1 / len(firsts) + 1 / (60 * WEEKS))
    assert each.std() == pytest.approx(expected, rel=0.25)


def test_a_plan_of_uncertain_numbers_has_their_mean_and_sd(base):
    found = base.forecast(plan_of(sd=15.0, weeks=1), horizon="1 week", by="week")
    came = found.draws["new_customers"].values.sum(axis=(0, 2))
    assert came.mean() == pytest.approx(60, abs=4 * 15 / 20)
    assert came.std() == pytest.approx(15, rel=0.15)


def test_a_clock_that_stands_still_changes_nothing(some, planned):
    path = np.zeros((400, 20))
    clock = ltv.ClockSpec(process=("ar1",))
    fit = clock_fit(
        SHOP, path, clock=clock, start="1997-01-01", end=END, family="mbg_nbd",
        variables={"clock_sd": 1e-12, "clock_rho": 0.5},
    )  # fmt: skip
    base = ltv.customer_base(fit, some, seed=5)
    found = base.forecast(plan_of(), margin=0.4)
    assert found.attrs["has_clock"]
    assert found.attrs["said"] == ""
    same = (found.draws["purchases"].values == planned.draws["purchases"].values).mean()
    assert same > 0.99  # a purchase within rounding of midnight may fall on the next day


def test_two_years_of_log_and_a_clock_without_a_season_are_told(some):
    fit = clock_fit(
        SHOP, np.zeros((400, 28)), clock=ltv.ClockSpec(), start="1996-06-01", end=END, family="mbg_nbd",
        variables={"clock_sd": 1e-12, "clock_rho": 0.5},
    )  # fmt: skip
    found = ltv.customer_base(fit, some, seed=5).forecast(plan_of())
    assert "clock_season" in found.attrs["said"]


# ------------------------------------------------------------------------------------------- fitted arrivals


def test_fitted_arrivals_go_on_at_their_level_and_trend():
    tree = arrivals_of({"web": 20.0, "shop": 5.0}, trend=np.log(2.0), draws=2000)
    found = coming_of_fit(tree, end=DAY, days=7 * 52, draws=2000, seed=1)
    years = 7 * np.arange(1, 53) / 365.25
    for at, level in ((0, 20.0), (1, 5.0)):
        expected = level * 2.0**years
        mean = found.counts[52 * at : 52 * (at + 1)].mean(axis=1)
        assert mean == pytest.approx(expected, abs=5 * np.sqrt(expected.max() / 2000))
    assert found.counts[:52].sum(axis=0).var() == pytest.approx((20 * 2.0**years).sum(), rel=0.15)


def test_counts_are_overdispersed_as_fitted():
    found = coming_of_fit(arrivals_of({"web": 20.0}, overdispersion=0.3), end=DAY, days=7, draws=4000, seed=1)
    assert found.counts.var() == pytest.approx(20 + 0.3 * 400, rel=0.12)


def test_a_forecast_of_fitted_arrivals_with_costs_and_a_plan_beside_it(base):
    found = base.forecast(
        arrivals_of({"web": 60.0}), cac={"web": 8.0}, margin=0.4, plan=plan_of(customers=60)
    )
    reached = found.reached.set_index("period")["p_reached"]
    came = found.draws["new_customers"].values[0].sum(axis=1)
    assert reached["all"] == (came >= 60 * WEEKS).mean()
    assert 0.35 < reached["all"] < 0.65
    assert not found.reached["is_far"].any()
    assert base.forecast(arrivals_of({"web": 60.0}), plan=plan_of(customers=90)).reached["is_far"].all()
    spent = found.draws["acquisition"].values
    assert spent == pytest.approx(8.0 * found.draws["new_customers"].values.sum(axis=0))


# ------------------------------------------------------------------------------------------------- bad input


def test_arrivals_that_cannot_be_used_are_refused(base):
    with pytest.raises(
        DataError, match="arrivals are known until 1998-06-29 and the summary until 1998-06-30"
    ):
        base.forecast(arrivals_of({"web": 60.0}, end="1998-06-29"))
    with pytest.raises(StoreError, match="no fit of arrivals"):
        base.forecast(base.fit)
    failed = [
        {"name": "rhat", "status": "fail", "value": 2.0, "threshold": 1.01, "summary": "", "advice": ""}
    ]
    with pytest.raises(CheckFailed, match="failed 1 of"):
        base.forecast(arrivals_of({"web": 60.0}, checks=json.dumps(failed)))
    with pytest.raises(DataError, match="no channel is called 'tv': there are web"):
        base.forecast(arrivals_of({"web": 60.0}), cac={"tv": 1.0})
    with pytest.raises(DataError, match="negative or infinite"):
        base.forecast(arrivals_of({"web": 60.0}), cac=-1.0)
    with pytest.raises(DataError, match="names 'tv', which the arrivals do not"):
        base.forecast(arrivals_of({"web": 60.0}), plan=plan_of(channel="tv"))
    with pytest.raises(DataError, match="arrivals run away"):
        base.forecast(arrivals_of({"web": 1e9}))


def test_margins_costs_and_plans_that_cannot_be_are_refused(base):
    for wrong in ({"margin": 0.0}, {"margin": 30}, {"target": -1.0}, {"cac": 3.0}, {"plan": plan_of()}):
        with pytest.raises(SpecError):
            base.forecast(plan_of(), **wrong)


def test_a_plan_shorter_than_the_horizon_and_a_missing_cost_are_said(base):
    with pytest.warns(BayesltvWarning, match="the plan ends on 1998-07-07, and the horizon on 1998-09-29"):
        base.forecast(plan_of(weeks=1))
    with pytest.warns(BayesltvWarning, match="web: no cost of acquisition in some week"):
        found = base.forecast(plan_of(cac=[None] + [8.0] * 12), margin=0.4)
    assert ("total", "net") not in found.quantities()


def test_channels_unknown_to_a_grouped_fit_are_refused_or_drawn():
    fit, log = ltv.load(STORED / "grouped.nc"), STORED / "log.csv"
    summary = pd.read_parquet(STORED / "summary_grouped.parquet")
    met = {"seed": 1, "draws": 50}
    base = ltv.customer_base(fit, summary, **met)
    end = base.end.to_datetime64().astype("datetime64[D]")
    level = base.posterior.combinations[0][0]
    plan = plan_of(weeks=2, channel=level).assign(week=[str(end + 1), str(end + 8)])
    asked = {"log": log, "horizon": "2 weeks"}
    assert base.forecast(plan, **asked).attrs["channels"] == [level]
    with pytest.raises(DataError, match=r"1 channel is unknown to the customers' fit \('west'\)"):
        base.forecast(plan.assign(channel="west"), **asked)
    several = arrivals_of({"x | y": 60.0}, columns=["a", "b"], end=str(end))
    with pytest.raises(DataError, match=f"need the group '{base.posterior.columns[0]}' of the fit"):
        base.forecast(several, **asked)
    allowed = ltv.customer_base(fit, summary, unknown_groups="population", **met)
    west = allowed.forecast(plan.assign(channel="west"), **asked).draws["purchases"].sel(part="first")
    assert (west.sum("period") == 120).all()


def test_a_fit_without_spend_tells_purchases_alone(some):
    counts = {name: SHOP[name] for name in ("r", "alpha", "a", "b")}
    base = ltv.customer_base(point_fit(counts, draws=50, family="mbg_nbd"), some, seed=1)
    assert "revenue" not in base.forecast(plan_of()).draws
    with pytest.raises(SpecError, match="no spend model"):
        base.forecast(plan_of(), margin=0.3)


def test_a_fit_of_arrivals_can_be_checked_like_others():
    names = set(ltv.check(arrivals_of({"web": 20.0})).table["name"])
    assert {"rhat", "ess_bulk", "divergences"} <= names
    assert "one_time_buyers" not in names

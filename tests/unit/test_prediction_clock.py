"""Prediction in operational time: against the plain path, event simulation and the process of the clock."""

import numpy as np
import pandas as pd
import pytest
from tests.helpers import clock_fit, point_fit, sealed

import bayesltv as ltv
from bayesltv.base.customers import make_customers
from bayesltv.base.new_groups import place
from bayesltv.base.placed_base import match_summary
from bayesltv.base.population import hyperparameters_of, read_posterior
from bayesltv.evaluation.replicas import simulate_replicas
from bayesltv.kernels.calendar import day_of, time_at
from bayesltv.prediction.clock_path import clock_path
from bayesltv.prediction.expected import expect, probability_of
from bayesltv.prediction.tracking import track
from bayesltv.specs.model.events import Events, Occurrence, day_number

PURCHASE = {"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 3.6, "q": 4.5, "v": 34.0}
CALENDAR = {"start": "1997-01-01", "end": "1997-09-30"}
AR1 = ltv.ClockSpec()
STILL = {"clock_sd": 1e-300, "clock_rho": 0.5}
TERMS = {"horizon": "39 weeks", "annual_discount_rate": 0.5, "margin": 0.3}


def fit_of(path, variables, *, clock=AR1, spend=True, **more):
    parameters = PURCHASE | SPEND if spend else PURCHASE
    return clock_fit(parameters, path, clock=clock, variables=variables, **(CALENDAR | more))


def shaken(draws, seed=1, sd=0.5):
    path = sd * np.random.default_rng(seed).standard_normal((draws, 10))
    return fit_of(path, {"clock_sd": sd, "clock_rho": 0.6})


def population(fit, summary, *, seed=1):
    posterior = read_posterior(fit)
    checked = match_summary(posterior, summary, time_unit=None)
    placed, codes = place(
        posterior, hyperparameters_of(posterior), checked, unknown_groups="error", seed=seed
    )
    has_spend = placed.has_spend
    return placed, make_customers(checked, codes, placed.family, with_spend=has_spend, with_days=True)


@pytest.fixture(scope="module")
def some(cdnow):
    return cdnow.iloc[:150]


def test_a_clock_that_stands_still_draws_what_the_plain_model_draws(some):
    plain = ltv.predict(point_fit(PURCHASE | SPEND, draws=40), some, seed=3, service_cost_per_year=5, **TERMS)
    fit = fit_of(np.zeros((40, 10)), STILL)
    clocked = ltv.predict(fit, some, seed=3, service_cost_per_year=5, **TERMS)
    for name in ("alive", "purchases"):
        assert np.array_equal(clocked[name], plain[name])
    np.testing.assert_allclose(clocked["spend"], plain["spend"], rtol=1e-12)
    np.testing.assert_allclose(clocked["value"], plain["value"], rtol=1e-9, atol=1e-9)


def test_a_clock_that_stands_still_scores_as_the_plain_model_scores(some, decision):
    plain = ltv.score(point_fit(PURCHASE | SPEND, draws=40), some, decision, seed=3)
    clocked = ltv.score(fit_of(np.zeros((40, 10)), STILL), some, decision, seed=3)
    numbers = [name for name in plain.select_dtypes("number") if name != "fit_age_days"]
    np.testing.assert_allclose(clocked[numbers], plain[numbers], rtol=1e-7, atol=1e-9)
    assert (clocked["tier"] == plain["tier"]).all()


def test_without_dates_the_end_of_observation_says_where_customers_stand(some):
    dates = ["first_purchase", "last_purchase", "repeat_days"]
    bare, fit = some.drop(columns=dates), shaken(20)
    bare.attrs = {"time_unit": "week"}
    expected = ltv.predict(fit, some, seed=3, **TERMS)
    found = ltv.predict(fit, bare, seed=3, observation_end="1997-09-30", **TERMS)
    assert found.identical(expected)
    with pytest.raises(ltv.DataError, match=r"'first_purchase'.*observation_end="):
        ltv.predict(fit, bare, seed=3, **TERMS)


def test_an_end_that_contradicts_the_dates_is_refused(some):
    lost = some.copy()
    lost.attrs = {"time_unit": "week"}
    with pytest.raises(ltv.DataError, match="T is not the time from first_purchase to observation_end=1997"):
        ltv.predict(shaken(5), lost, seed=3, observation_end="1997-12-31", **TERMS)


def test_scores_do_not_depend_on_order_blocks_or_threads(some, decision):
    fit = shaken(30)
    whole = ltv.score(fit, some, decision, seed=1).set_index("customer_id")
    other = ltv.score(fit, some.sample(frac=1, random_state=1), decision, seed=1, block=7, threads=2)
    pd.testing.assert_frame_equal(whole, other.set_index("customer_id").loc[whole.index], check_exact=True)


def test_closed_forms_are_those_of_events_day_by_day():
    """A new customer, lived through by days: λ exp(s(day)) purchases a day, a coin after each."""
    clock = ltv.ClockSpec(block="20 days")
    start = pd.Timestamp("1997-09-30")
    path = 0.8 * np.random.default_rng(3).standard_normal((2, 14))
    fit = fit_of(path, {"clock_sd": 0.8, "clock_rho": 0.2}, clock=clock, spend=False)
    new = pd.DataFrame(
        {"customer_id": ["n"], "frequency": 0, "recency": 0.0, "T": 0.0, "first_purchase": start}
    )
    new.attrs = {"time_unit": "week"}
    placed, people = population(fit, new)
    horizon, discount = 30.0, 0.02
    found = expect(placed, people, horizon=horizon, discount=discount, days_per_unit=7.0)
    rng, n = np.random.default_rng(8), 40_000
    for draw in range(2):
        line = placed.clock.timeline
        today = line.end
        s = placed.clock.intensity[0, draw, line.segment_of(today + 1 + np.arange(210))]
        lam = rng.gamma(PURCHASE["r"], size=n) / PURCHASE["alpha"]
        p = rng.beta(PURCHASE["a"], PURCHASE["b"], size=n)
        alive, worth, lived = np.ones(n, bool), np.zeros(n), np.zeros(n)
        left = rng.standard_exponential(n)
        for day in range(210):
            hazard = lam * np.exp(s[day]) / 7.0
            begin = np.zeros(n)  # share of the day that has passed
            while True:
                time = begin + left / hazard
                buys = alive & (time < 1.0)
                lived += np.where(alive, _discounted(day + begin, day + np.minimum(time, 1.0), discount), 0.0)
                if not buys.any():
                    left = np.where(alive, left - (1.0 - begin) * hazard, left)
                    break
                worth += np.where(buys, np.exp(-discount * (day + time) / 7.0), 0.0)
                leaves = buys & (rng.random(n) < p)
                # who has bought goes on from there; all others are done with the day
                fresh = rng.standard_exponential(n)
                done = alive & ~buys
                left = np.where(buys, fresh, np.where(done, left - (1.0 - begin) * hazard, left))
                begin = np.where(buys, time, 1.0)
                left = np.where(done, left, left)
                alive &= ~leaves
                if not (alive & (begin < 1.0)).any():
                    break
        for want, got in ((worth, found.forms.discounted[0, draw]), (lived, found.forms.time_alive[0, draw])):
            assert got == pytest.approx(want.mean(), abs=4 * want.std() / np.sqrt(n))


def _discounted(low, high, discount):
    rate = discount / 7.0
    return np.where(high > low, (np.exp(-rate * low) - np.exp(-rate * high)) / rate / 7.0, 0.0)


def test_means_of_draws_are_the_closed_forms(some):
    fit = shaken(4000, sd=0.4)
    customer = some[some["frequency"] >= 3].iloc[[0]]
    placed, people = population(fit, customer)
    draws = ltv.predict(fit, customer, seed=1, service_cost_per_year=10, **TERMS)
    found = expect(placed, people, horizon=39.0, discount=np.log(1.5) * 7 / 365.25, days_per_unit=7.0)
    bought = draws["purchases"].values.ravel()
    difference = bought.mean() - found.forms.means[4, 0]
    assert abs(difference) < 4 * bought.std() / np.sqrt(bought.size)
    assert draws["alive"].values.mean() == pytest.approx(found.forms.means[0, 0], abs=4 * 0.5 / np.sqrt(4000))
    count, total = people.histories[4, 0], people.histories[5, 0]
    mean = SPEND["p"] * (SPEND["v"] + total) / (SPEND["p"] * count + SPEND["q"] - 1)
    value = draws["value"].values.ravel()
    want = 0.3 * mean * found.forms.discounted[0] - 10 * 7 / 365.25 * found.forms.time_alive[0]
    assert abs(value.mean() - want.mean()) < 4 * value.std() / np.sqrt(value.size)


def test_probabilities_of_counts_are_shares_of_draws(some):
    fit = shaken(4000)
    customer = some[some["frequency"] >= 3].iloc[[0]]
    placed, people = population(fit, customer)
    bought = ltv.predict(fit, customer, seed=1, **TERMS)["purchases"].values.ravel()
    for y in range(4):
        chance = probability_of(placed, people, np.array([y]), 39.0)[0]
        assert (bought == y).mean() == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / 4000))


def test_the_median_wait_is_where_half_of_the_draws_have_bought(some):
    placed, people = population(shaken(50), some)
    found = expect(placed, people, horizon=39.0, discount=0.0, days_per_unit=7.0)
    checked = 0
    for i in np.flatnonzero(np.isfinite(found.forms.waits))[:20]:
        customer = people.rows(np.flatnonzero(found.cell == i)[:1])
        within = expect(placed, customer, horizon=found.forms.waits[i] / 7.0, discount=0.0, days_per_unit=7.0)
        assert within.forms.means[3, 0] == pytest.approx(0.5, abs=1e-8)
        checked += 1
    assert checked


def test_counts_by_week_add_up_to_the_draws_of_predict(some):
    fit = shaken(30)
    tracked = track(fit, some, seed=5, horizon="39 weeks", draws=None)
    drawn = ltv.predict(fit, some, seed=5, **TERMS)["purchases"].sum("customer_id").values.ravel()
    ahead = tracked["is_forecast"].values
    assert np.array_equal(tracked["purchases"].values[:, ahead].sum(axis=1), drawn)
    spent = ltv.predict(fit, some, seed=5, **TERMS)["spend"].sum("customer_id").values.ravel()
    np.testing.assert_allclose(tracked["spend"].values[:, ahead].sum(axis=1), spent, rtol=1e-9)


def test_replicates_buy_where_the_clock_runs_fast(some):
    path = np.zeros((40, 10))
    path[:, 7] = 2.0  # the block that ends eight weeks before the end of observation
    tracked = track(fit_of(path, STILL), some, seed=5, draws=None, bin="4 weeks")
    counts = tracked["purchases"].values.sum(axis=0)
    assert counts[7] > 4 * counts[6]
    assert counts[7] > 4 * counts[8]


def test_an_ar1_goes_on_from_its_last_block():
    sd, rho, draws = 0.5, 0.8, 20_000
    path = np.tile(np.linspace(0, 1.0, 10), (draws, 1))
    fit = fit_of(path, {"clock_sd": sd, "clock_rho": rho}, spend=False)
    placed, _ = population(fit, newcomer())
    s = clock_path(placed.clock, chains=1, until=day_number("", "1998-06-30")).values[0, 0]
    np.testing.assert_allclose(s[:, :10], path, atol=1e-9)
    for k in (1, 2, 5):
        ahead = s[:, 9 + k]
        error = 4 * sd / np.sqrt(draws)
        assert ahead.mean() == pytest.approx(rho**k * 1.0, abs=error)
        assert ahead.std() == pytest.approx(sd * np.sqrt(1 - rho ** (2 * k)), abs=error)


def test_a_random_walk_and_a_season_go_on():
    clock = ltv.ClockSpec(process=["random_walk", "seasonal"], harmonics=1)
    draws, level = 20_000, 0.3
    walk = np.full((draws, 10), level)
    variables = {"clock_step_sd": 0.1, "clock_season_sd": 0.3, "clock_random_walk": walk}
    fit = fit_of(walk, variables, clock=clock, spend=False)
    terms = np.tile([0.5, 0.2], (draws, 1))
    posterior = (
        fit["posterior"]
        .to_dataset()
        .assign({"clock_seasonal": (("chain", "draw", "clock_harmonic"), terms[None])})
    )
    fit["posterior"] = posterior
    placed, _ = population(sealed(fit), newcomer())
    ahead = clock_path(placed.clock, chains=1, until=day_number("", "1998-06-30"))
    s, days = ahead.values[0, 0], [day_number("", day) - 14 for day in ahead["clock_block"].values]
    angle = 2 * np.pi * np.array(days) / 365.25
    wave = 0.5 * np.cos(angle) + 0.2 * np.sin(angle)
    for k in (1, 6):
        assert s[:, 9 + k].mean() == pytest.approx(level + wave[9 + k], abs=4 * 0.1 * np.sqrt(k / draws))
        assert s[:, 9 + k].std() == pytest.approx(0.1 * np.sqrt(k), rel=0.03)


def newcomer(day="1997-09-30"):
    frame = pd.DataFrame(
        {"customer_id": ["n"], "frequency": 0, "recency": 0.0, "T": 0.0, "first_purchase": pd.Timestamp(day)}
    )
    frame.attrs = {"time_unit": "week"}
    return frame


def test_a_draws_future_depends_on_seed_and_draw_alone(some):
    fit = shaken(40)
    whole = ltv.predict(fit, some, seed=1, **TERMS)["purchases"]
    thin = ltv.predict(fit, some, seed=1, draws=8, **TERMS)["purchases"]
    assert np.array_equal(thin, whole.sel(draw=thin["draw"]))
    longer = ltv.predict(fit, some, seed=1, **(TERMS | {"horizon": "60 weeks"}))["purchases"]
    assert (longer >= whole).all()
    assert not np.array_equal(ltv.predict(fit, some, seed=2, **TERMS)["purchases"], whole)


def test_customers_share_the_draws_of_the_clock(some):
    """Totals are wider than sums of independent customers: with sd .8 by far."""
    still, moved = (
        ltv.predict(fit, some, seed=1, **TERMS)
        for fit in (fit_of(np.zeros((400, 10)), STILL), shaken(400, sd=0.8))
    )
    assert moved["purchases"].sum("customer_id").std() > 1.5 * still["purchases"].sum("customer_id").std()


def test_a_newer_summary_goes_on_from_the_fits_end(cdnow_log):
    """The clock runs from the fit's end to the summary's, and from there over the horizon."""
    newer = ltv.summarize(cdnow_log, observation_end="1997-12-31", time_unit="week").iloc[:40]
    fit = shaken(25)
    placed, people = population(fit, newer)
    clock, today = placed.clock, day_number("", "1997-12-31")
    assert people.days[2] == pytest.approx(today)
    table = clock.times[0]
    by_hand = [
        np.exp(clock.intensity[0][:, clock.timeline.segment_of(np.arange(int(first) + 1, today + 1))]).sum(
            axis=1
        )
        / 7
        for first in people.days[0]
    ]
    places = clock.places(people.days)
    for i, want in enumerate(by_hand):
        got = [time_at(table[d], places[2, i]) - time_at(table[d], places[0, i]) for d in range(25)]
        np.testing.assert_allclose(got, want, rtol=1e-12)
    assert ltv.predict(fit, newer, seed=1, **TERMS)["purchases"].shape == (1, 25, 40)


def test_days_and_times_are_each_others_inverse(some):
    clock = population(shaken(2), some)[0].clock
    for day in (10000.0, 10134.0, 10200.25, 11000.0):
        time = time_at(clock.times[0, 1], clock.places(np.array([day]))[0])
        assert day_of(clock.times[0, 1], clock.edges, 0, time) == pytest.approx(day, abs=1e-9)


def test_each_customer_has_an_own_end_of_observation(some, decision):
    own = some.copy()
    own["T"] = own["T"] - np.where(np.arange(len(own)) % 2, (own["T"] - own["recency"]) // 2, 0.0)
    own.attrs = {"time_unit": "week"}
    scores = ltv.score(shaken(20), own, decision, seed=1)
    same = ltv.score(shaken(20), own.iloc[::2], decision, seed=1)
    assert np.array_equal(scores["ltv_p50"].iloc[::2], same["ltv_p50"])


def sale(covers_until):
    days = [("sale", "1997-06-01", "1997-06-03"), ("sale", "1997-11-11", "1997-11-11")]
    rows = tuple(Occurrence(name, day_number("", first), day_number("", last)) for name, first, last in days)
    prior = ltv.PriorSpec.elicited(mass=0.9, between=(1.0, 4.0))
    return Events(rows, (day_number("", "1997-01-01"), day_number("", covers_until)), {"sale": prior})


def test_an_event_multiplies_the_intensity_of_its_days(some):
    clock = ltv.ClockSpec(events=sale("1998-12-31"))
    placed, _ = population(fit_of(np.zeros((3, 10)), STILL | {"clock_factor_sale": 5.0}, clock=clock), some)
    line = placed.clock.timeline
    days = np.array(
        [
            day_number("", day)
            for day in ("1997-05-31", "1997-06-01", "1997-06-03", "1997-06-04", "1997-11-11", "1997-11-12")
        ]
    )
    np.testing.assert_allclose(
        np.exp(placed.clock.intensity[0, 0, line.segment_of(days)]), [1, 5, 5, 1, 5, 1]
    )


def test_events_that_do_not_cover_the_horizon_are_an_error(some):
    fit = fit_of(
        np.zeros((3, 10)), STILL | {"clock_factor_sale": 5.0}, clock=ltv.ClockSpec(events=sale("1998-01-31"))
    )
    assert ltv.predict(fit, some, seed=1, **(TERMS | {"horizon": "10 weeks"})).sizes["draw"] == 3
    with pytest.raises(ltv.DataError, match="horizon ends on 1998-06-30, after 1998-01-31"):
        ltv.predict(fit, some, seed=1, **TERMS)


def test_a_customer_from_before_the_clock_is_an_error():
    with pytest.raises(ltv.DataError, match="acquired before 1997-01-01"):
        ltv.predict(shaken(3), newcomer("1996-12-01"), seed=1, **TERMS)


def test_the_prior_predictive_says_that_it_does_not_follow_a_clock():
    with pytest.raises(ltv.SpecError, match="does not follow a calendar clock"):
        ltv.prior_predictive(ltv.ModelSpec(clock=AR1))


def test_the_log_likelihood_adds_up_to_the_kernels(some):
    from bayesltv.data.summary.cells import make_cells
    from bayesltv.families.bg_nbd import BG_NBD
    from bayesltv.kernels.clock import clocked_value_and_gradient
    from bayesltv.model.clock import repeat_counts
    from bayesltv.model.likelihood import clocked_purchase_data
    from bayesltv.specs.model.timeline import make_timeline

    fit = shaken(4)
    found = ltv.log_likelihood(fit, some)["purchase"]
    total = (found["log_likelihood"] * found["customers"]).sum("unit").values[0]
    cells = make_cells(some, [], with_spend=False, with_days=True)
    timeline = make_timeline(AR1, start=day_number("", "1997-01-01"), end=day_number("", "1997-09-30"))
    counts = repeat_counts(cells, timeline, np.zeros(1, int))
    data = clocked_purchase_data(cells.purchase, BG_NBD, timeline, np.zeros(1, int), counts, 7.0)
    for draw, path in enumerate(fit["posterior"]["clock"].values[0]):
        packed = np.concatenate([list(PURCHASE.values()), path])[None]
        assert total[draw] == pytest.approx(
            clocked_value_and_gradient(BG_NBD.kind, packed, *data.values())[0], rel=1e-12
        )


def test_replicas_of_a_clock_that_stands_still_are_the_plain_ones(some):
    plain = ltv.posterior_predictive(point_fit(PURCHASE | SPEND, draws=40), some, seed=3)
    clocked = ltv.posterior_predictive(fit_of(np.zeros((40, 10)), STILL), some, seed=3)
    pd.testing.assert_frame_equal(clocked.table, plain.table, rtol=1e-9)


@pytest.mark.parametrize("family", ["bg_nbd", "mbg_nbd"])
def test_replicas_live_at_the_pace_of_the_clock_on_their_own_days(family, cdnow):
    """Against lives simulated in operational time and put on the calendar by interpolation."""
    path = 1.5 * np.random.default_rng(5).standard_normal((1, 10))
    fit = fit_of(np.repeat(path, 400, axis=0), {"clock_sd": 1e-6, "clock_rho": 0.5}, family=family)
    early, late = cdnow.iloc[:1], cdnow.iloc[-1:]  # the first and the last day of the quarter
    rng, n = np.random.default_rng(6), 200_000
    for summary in (early, late):
        summary = pd.concat([summary] * 50, ignore_index=True)
        summary["customer_id"] = [f"c{i}" for i in range(50)]
        summary.attrs = cdnow.attrs
        placed, people = population(fit, summary)
        drawn = simulate_replicas(placed, people, seed=1, days_per_unit=7.0)
        first, _, end = people.days[:, 0]
        edges, times = placed.clock.edges, placed.clock.times[0, 0]
        lam = rng.gamma(PURCHASE["r"], size=n) / PURCHASE["alpha"]
        p = rng.beta(PURCHASE["a"], PURCHASE["b"], size=n)
        alive = np.ones(n, bool) if family == "bg_nbd" else rng.random(n) >= p
        u = np.full(n, np.interp(first, edges, times))
        count, last = np.zeros(n), np.zeros(n)
        while alive.any():
            u = u + rng.standard_exponential(n) / lam
            day = np.ceil(np.interp(u, times, edges, right=np.inf))
            alive &= day <= end
            bought = alive & (day - first > last)
            count += bought
            last = np.where(alive, day - first, last)
            alive &= rng.random(n) >= p
        frequency, recency = drawn.frequency.ravel(), drawn.recency.ravel() * 7.0
        for mine, other in (
            (frequency, count), (frequency == 0, count == 0), (recency, last), (recency > 60, last > 60),
        ):  # fmt: skip
            error = np.hypot(np.std(mine) / np.sqrt(mine.size), np.std(other) / np.sqrt(n))
            assert abs(np.mean(mine) - np.mean(other)) < 4.5 * error
    plain = ltv.posterior_predictive(point_fit(PURCHASE | SPEND, draws=400, family=family), cdnow, seed=1)
    clocked = ltv.posterior_predictive(fit, cdnow, seed=1)
    assert not np.allclose(plain.table["predicted"], clocked.table["predicted"], rtol=0.05)

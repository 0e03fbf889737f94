"""Pareto/NBD: pins worked out at high precision, and draws against closed forms."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import bayesltv as ltv
from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import place_base
from bayesltv.data.summary.cells import make_cells
from bayesltv.families import registry, verbs
from bayesltv.families.cells import Cells, purchase_value_and_gradient
from bayesltv.families.gamma_gamma.law import Buyer
from bayesltv.families.pareto_nbd import formulas
from bayesltv.families.pareto_nbd.dead import draw_end
from bayesltv.families.pareto_nbd.integral import _odds_by_panels, silence_odds, silent_odds
from bayesltv.families.pareto_nbd.latents import Latents
from bayesltv.families.pareto_nbd.law import ParetoNbd
from bayesltv.families.pareto_nbd.series import odds_by_series
from bayesltv.families.verbs import History
from bayesltv.kernels.actions import CAP, DEPTH, GAIN, PARTS, SUBSIDY, WINDOW, act_on_alive
from bayesltv.kernels.block import Laws, People, Streams
from bayesltv.kernels.calendar import STILL
from bayesltv.kernels.futures import Filled, draw_futures
from bayesltv.kernels.latents import draw_latents
from bayesltv.kernels.tracking import Bins, count_in_bins
from bayesltv.model.likelihood import purchase_data
from bayesltv.numerics.compile import compiled
from bayesltv.numerics.quadrature import work_space
from bayesltv.prediction.expected import expect
from bayesltv.specs.model.covariates import Covariate
from helpers import point_fit

P, H, T, DISCOUNT = (0.553, 10.578, 0.606, 11.669), 39.0, 38.86, math.log(1.1) / 52
FAMILY, WORK = registry.PURCHASE["pareto_nbd"], work_space()
N = 60_000

PINS = [
    (0, 0.0, T, -0.5210462941, 0.2952866046, (0.93071482, 0.10708147, 0.10355610, 9.25787754)),
    (1, 1.0, T, -4.3413705284, 0.1506793431, (0.92229247, 0.15345131, 0.14839934, 4.72412526)),
    (2, 30.43, T, -9.5542832452, 0.8691675592, (0.40806272, 1.45512319, 1.40721714, 27.25029412)),
    (7, 29.43, T, -21.5946432181, 0.7495014077, (0.31124442, 3.71225138, 3.59003539, 23.49849990)),
    (26, 30.86, 31.0, -39.1316715403, 0.9979187311, (0.02381027, 20.11702608, 19.46003315, 30.47148188)),
]
"""x, t_x, T; ln L, P(alive); P(no purchase in H), E X*, discounted, discounted time alive."""


def p_alive(*given):
    return 1 / (1 + np.exp(formulas.log_odds_dead(*given)))


def law_and_history(x, t_x, T, parameters=P):
    return ParetoNbd(*parameters), History(float(x), 0.0, float(t_x), float(T))


def data_of(x, t_x, T, columns=(), **more):
    frame = pd.DataFrame({"frequency": x, "recency": t_x, "T": T, **more})
    cells = make_cells(frame, columns, with_spend=False).purchase
    return tuple(purchase_data(cells, FAMILY).values())


@pytest.mark.parametrize(("x", "t_x", "T", "log_l", "alive", "wanted"), PINS)
def test_pins_of_likelihood_and_expectations(x, t_x, T, log_l, alive, wanted):
    law, history = law_and_history(x, t_x, T)
    assert formulas.log_likelihood(x, 0, t_x, T, *P) == pytest.approx(log_l, abs=6e-11)
    assert p_alive(x, 0, t_x, T, *P) == pytest.approx(alive, abs=6e-11)
    share, future = 1 / verbs.inverse_p_alive(law, history), verbs.given_alive(law, history)
    assert share == pytest.approx(alive, abs=6e-11)
    silent = 1 - share * verbs.p_bought(future, H)
    found = (silent, *(share * each for each in verbs.expected(future, H, DISCOUNT, work_space())))
    assert found == pytest.approx(wanted, abs=6e-9)
    assert verbs.count_probability(future, 0, H, share) == pytest.approx(silent, abs=1e-12)


def test_pins_of_counts_and_the_gradient():
    for x, t_x, wanted in ((2, 30.43, (0.25229600, 0.17459984)), (7, 29.43, (0.08702735, 0.10055817))):
        future = verbs.given_alive(*law_and_history(x, t_x, T))
        chances = np.array([verbs.count_probability(future, y, H, 1.0) for y in range(400)])
        assert chances[1:3] == pytest.approx(wanted, abs=6e-9)
        assert chances.sum() == pytest.approx(1.0, abs=1e-9)
        assert chances @ np.arange(400) == pytest.approx(verbs.expected(future, H, 0.0, work_space())[0])
    parameters = np.array(P)[:, None]
    _, slopes, by_T, by_t = verbs.value_and_slopes(
        FAMILY.kind, parameters, Cells(*data_of([2], [30.43], [T]))
    )
    assert slopes.ravel() == pytest.approx([0.923702526, -0.00010217, -1.23661326, 0.03690581], abs=2e-8)
    assert (by_t[0], by_T[0]) == pytest.approx((-0.02252295, -0.04488419), abs=6e-9)


@pytest.mark.parametrize(
    ("x", "t_x", "T", "parameters", "wanted"),
    [
        (2000, 3640.0, 3650.0, (0.8, 10.0, 0.6, 12.0), (-3213.67056588, 0.93347782)),
        (200, 38.0, 40.0, (0.25, 4.0, 0.6, 500.0), (101.77148730, 0.27656571)),
        (5, 1.0, 400.0, (0.5, 300.0, 0.05, 0.001), (-27.26835867, 0.04199503)),
    ],
)
def test_pins_where_others_are_not_finite(x, t_x, T, parameters, wanted):
    found = formulas.log_likelihood(x, 0, t_x, T, *parameters), p_alive(x, 0, t_x, T, *parameters)
    assert found == pytest.approx(wanted, abs=6e-9)
    value, _ = purchase_value_and_gradient(
        FAMILY.kind, np.array(parameters)[:, None], *data_of([x], [t_x], [T])
    )
    assert value == pytest.approx(wanted[0], abs=6e-9)


def test_the_greatest_likelihood_of_cdnow_is_the_published_one(cdnow):
    summary = cdnow.reset_index(drop=True)
    best = np.array([0.553277, 10.577681, 0.606238, 11.668660])[:, None]
    data = data_of(summary["frequency"], summary["recency"], summary["T"])
    value, gradient = purchase_value_and_gradient(FAMILY.kind, best, *data)
    assert value == pytest.approx(-9594.976179, abs=1e-6)  # Fader, Hardie & Lee 2005: -9595.0
    assert np.abs(gradient * best).max() < 2e-3


@pytest.mark.parametrize("spread", [0.0, 2.0, -2.0])
def test_value_and_gradient_are_those_of_the_customers(spread):
    rng = np.random.default_rng(1)
    group = rng.integers(0, 3, 200)
    x = rng.choice([0, 0, 1, 2, 5, 40], 200)
    T = rng.integers(20, 40, 200).astype(float)
    t_x = np.where(x > 0, np.ceil(T * rng.random(200)), 0.0)
    data = data_of(x, t_x, T, ["group"], group=group.astype(str))
    parameters = np.array(P)[:, None] * np.exp(0.4 * rng.standard_normal((4, 3)))
    parameters[1] *= math.exp(spread)
    evaluate = partial(purchase_value_and_gradient, FAMILY.kind)
    each = formulas.log_likelihood(x, 0, t_x, T, *parameters[:, group])
    value, gradient = evaluate(parameters, *data)
    assert value == pytest.approx(each.sum(), rel=1e-12)
    for at in np.ndindex(parameters.shape):
        step, total = 1e-3 * parameters[at], 0.0
        for shift, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = parameters.copy()
            moved[at] += shift * step
            total += weight * evaluate(moved, *data)[0]
        assert gradient[at] * parameters[at] == pytest.approx(total / 12e-3, rel=1e-7, abs=1e-6)


def test_the_likelihood_is_that_of_pymc_marketing():
    import pymc as pm
    from pymc_marketing.clv.distributions import ParetoNBD

    for x, t_x, T, *_ in PINS:
        r, alpha, s, beta = P
        theirs = pm.logp(ParetoNBD.dist(r, alpha, s, beta, T), np.array([t_x, x])).eval()
        assert formulas.log_likelihood(x, 0, t_x, T, *P) == pytest.approx(float(theirs), abs=1e-10)


def test_newcomers_without_time_are_alive():
    law, history = law_and_history(0, 0.0, 0.0)
    assert verbs.inverse_p_alive(law, history) == 1.0
    assert p_alive(0, 0, 0.0, 0.0, *P) == 1.0
    assert verbs.newborn(law, 0.0) == (1.0, law)
    value, gradient = purchase_value_and_gradient(
        FAMILY.kind, np.array(P)[:, None], *data_of([0], [0.0], [0.0])
    )
    assert value == pytest.approx(0.0, abs=1e-12)
    assert gradient == pytest.approx(np.zeros((4, 1)), abs=1e-12)


def test_slopes_of_the_wait_are_its_derivatives():
    future = verbs.given_alive(*law_and_history(2, 30.43, T))
    for time in (0.01, 3.0, 200.0):
        silent, steep, further = verbs.wait_and_slopes(future, time)
        step = 1e-5
        beside = verbs.wait_and_slopes(future, time * (1 + step))
        assert steep == pytest.approx((math.log(silent) - math.log(beside[0])) / step, rel=1e-3)
        curve = math.log(beside[0] * beside[1]) - math.log(silent * steep)
        assert further == pytest.approx(curve / step, rel=1e-3, abs=1e-4)


def _corners(number):
    rng = np.random.default_rng(20)
    alpha, beta = np.exp(rng.uniform(-2, 7, (2, number)))
    shape, s = np.exp(rng.uniform(-3, 5, number)), np.exp(rng.uniform(-2, 2, number))
    t_0 = np.where(rng.random(number) < 0.5, 0.0, np.exp(rng.uniform(-3, 6, number)))
    return zip(t_0, t_0 + np.exp(rng.uniform(-4, 7, number)), alpha, beta, shape, s, strict=True)


def test_the_series_is_the_integral_with_its_means():
    compared = 0
    for case in _corners(3000):
        total, *means = odds_by_series(*case)
        if math.isnan(total):
            continue
        wanted, *slopes = _odds_by_panels(*case)
        assert total == pytest.approx(wanted, rel=1e-12)
        assert means == pytest.approx(slopes, rel=1e-11, abs=1e-12)
        compared += 1
    assert compared > 300


def test_the_integral_of_scores_is_that_of_the_likelihood():
    for case in _corners(3000):
        assert silence_odds(*case) == pytest.approx(silent_odds(*case)[:2], rel=1e-9)


def test_a_customer_has_no_usual_wait_only_where_no_draw_has_one():
    for r, alpha, s, beta, ever in (
        (0.5, 10.0, 2.0, 20.0, 0.9),
        (0.5, 10.0, 0.2, 20.0, 0.9),
        (2, 30, 1, 9, 1),
    ):
        laws = ParetoNbd(*(np.full((1, 3), float(each)) for each in (r, alpha, s, beta)))
        wait, law = verbs.usual_wait(laws, ever), verbs.at(laws, 0, 0)
        bought = ever * verbs.p_bought(law, 1e7)
        assert (
            bought <= 0.5
            if not wait < math.inf
            else verbs.p_bought(law, wait) * ever == pytest.approx(0.5, rel=0.05)
        )


# --------------------------------------------------------------------------------------- latents and futures


@compiled
def _ends(seed, draws, t_x, T, alpha, beta, shape, s):
    state, found = np.arange(seed, seed + 4).astype(np.uint64), np.empty(draws)
    total = silent_odds(t_x, T, alpha, beta, shape, s)[0]
    for d in range(draws):
        found[d] = draw_end(state, t_x, T, alpha, beta, shape, s, total)
    return found


@pytest.mark.parametrize(
    ("t_x", "T", "alpha", "beta", "shape", "s"),
    [
        (0.0, 38.86, 10.578, 11.669, 0.553, 0.606),
        (30.0, 38.86, 10.0, 12.0, 400.0, 0.6),
        (0.0, 400.0, 0.01, 3000.0, 0.3, 0.5),  # the mode lies inside
        (1.0, 400.0, 300.0, 0.001, 5.5, 0.05),
    ],
)
def test_when_customers_left_is_drawn_from_its_density(t_x, T, alpha, beta, shape, s):
    drawn = _ends(3, N, t_x, T, alpha, beta, shape, s)
    start = min(alpha, beta) + t_x
    v = np.linspace(0.0, math.log1p((T - t_x) / start), 20_001)
    y = t_x + start * np.expm1(v)
    log_g = -shape * np.log(alpha + y) - (s + 1) * np.log(beta + y) + np.log(y - t_x + start)
    cumulative = integrate.cumulative_trapezoid(np.exp(log_g - log_g.max()), v, initial=0.0)
    assert stats.kstest(drawn, lambda time: np.interp(time, y, cumulative / cumulative[-1])).pvalue > 1e-4


def block_of(x, t_x, draws):
    law = FAMILY.laws(np.tile(np.array(P)[:, None, None], (1, 1, draws)))
    spend = registry.SPEND["gamma_gamma"]
    nothing = spend.laws(np.zeros((len(spend.parameters), 0, 0)))
    keys = [np.array([key], np.uint64) for key in (7, 8, 9)]
    people = People(
        np.array([[x, 0.0, t_x, T, 0.0, 0.0, 0.0]], float).T,
        np.zeros(1, np.int32),
        np.zeros((0, 1)),
        np.zeros((1, 0, 3)),
    )
    return Streams(*keys, np.arange(draws, dtype=np.uint64)), people, Laws(law, nothing)


def futures_of(x, t_x, horizon, draws=N, discount=0.0):
    streams, people, laws = block_of(x, t_x, draws)
    filled = Filled(*(np.zeros((1, draws), kind) for kind in (bool, np.int32, float, float)))
    draw_futures(streams, people, laws, STILL, (horizon, discount, 1.0, 1.0), filled)
    return [each[0] for each in filled]


def test_latents_are_the_mixture():
    r, alpha, s, beta = P
    x, t_x = 2, 20.0
    streams, people, laws = block_of(x, t_x, N)
    alive = np.zeros((1, N), bool)
    rate, hazard, none = (np.zeros((1, N)) for _ in range(3))
    draw_latents(streams, people, laws, STILL, alive, rate, hazard, none)
    share = float(p_alive(x, 0, t_x, T, *P))
    assert alive.mean() == pytest.approx(share, abs=4.5 * math.sqrt(share * (1 - share) / N))
    assert np.array_equal(alive[0], futures_of(x, t_x, 5.0)[0])
    assert stats.kstest(rate[alive], stats.gamma(r + x, scale=1 / (alpha + T)).cdf).pvalue > 1e-4
    assert stats.kstest(hazard[alive], stats.gamma(s, scale=1 / (beta + T)).cdf).pvalue > 1e-4
    _, _, _, per_rate, _, per_hazard = silent_odds(t_x, T, alpha, beta, r + x, s)
    for sample, mean in ((rate[~alive], (r + x) * per_rate), (hazard[~alive], (s + 1) * per_hazard)):
        assert sample.mean() == pytest.approx(mean, abs=4.5 * sample.std() / math.sqrt(sample.size))


@pytest.mark.parametrize(("x", "t_x"), [(0, 0.0), (2, 30.43), (7, 29.43)])
@pytest.mark.parametrize("discount", [0.0, 0.03])
def test_futures_are_those_of_the_closed_forms(x, t_x, discount):
    alive, bought, _, value = futures_of(x, t_x, H, discount=discount)
    law, history = law_and_history(x, t_x, T)
    share, future = 1 / verbs.inverse_p_alive(law, history), verbs.given_alive(law, history)
    expected, _, lived = verbs.expected(future, H, discount, work_space())
    assert alive.mean() == pytest.approx(share, abs=4.5 * 0.5 / math.sqrt(alive.size))
    for sample, mean in ((bought, share * expected), (-value, share * lived)):  # value: service cost alone
        assert sample.mean() == pytest.approx(mean, abs=4.5 * sample.std() / math.sqrt(sample.size))
    for y in range(3):
        chance = verbs.count_probability(future, y, H, share)
        assert (bought == y).mean() == pytest.approx(chance, abs=4.5 * 0.5 / math.sqrt(bought.size))


def test_weeks_add_up_to_the_futures():
    draws = 500
    streams, people, laws = block_of(7, 29.43, draws)
    counts = np.zeros((draws, 6), np.int64)
    count_in_bins(
        streams, people, laws, STILL, Bins(np.zeros(1), H, 7.0, 2.0**-30, counts, np.zeros_like(counts))
    )
    assert counts.sum(axis=1).tolist() == list(futures_of(7, 29.43, H, draws=draws)[1])
    assert counts.sum() > 100


def test_a_longer_horizon_only_lengthens_the_path():
    short, long = (futures_of(2, 30.43, horizon, draws=2000)[1] for horizon in (10.0, 60.0))
    assert (short <= long).all()
    assert (short < long).any()


def test_the_discounted_lifetime_is_tricomi_s():
    future = verbs.given_alive(*law_and_history(2, 30.43, T))
    found = verbs.expected(future, 40_000.0, DISCOUNT, work_space())[1]
    term = future.beta * special.hyperu(1.0, 2.0 - future.s, DISCOUNT * future.beta)
    assert found == pytest.approx(future.r / future.alpha * term, rel=1e-8)
    assert found * 0.8691675592 == pytest.approx(8.15844891, rel=1e-7)


# ------------------------------------------------------------------------------------ a customer who is known


def test_a_known_customer_buys_and_leaves():
    known = Latents(0.4, 0.05, 0.0)
    bought, lived, weight, _ = verbs.lead(known, 0.5, 1.0, 9.0, 0.02)
    assert bought == lived == pytest.approx(0.5 * (1 - math.exp(-0.63)) / 0.07)
    assert weight == pytest.approx(0.5 * math.exp(-0.63))
    first = integrate.quad(lambda t: 0.4 * math.exp(-0.45 * t), 0.0, 9.0)[0]
    assert verbs.silent_within(known, 9.0) == pytest.approx(1 - first)
    assert verbs.drops_out_within(known, 9.0) == pytest.approx(1 - math.exp(-0.45))
    assert verbs.changed(known, 2.0, 30.0) == Latents(0.8, 1.5, 0.0)


def test_redemptions_walked_order_by_order_are_those_of_the_closed_form():
    known, road = Latents(0.6, 0.08, 0.0), (STILL.table, STILL.edges, 0, 0.0)
    offer, effect = np.zeros(10), np.ones(9)
    offer[WINDOW], offer[DEPTH], offer[CAP], offer[8] = 20.0, 0.2, np.inf, 1.0
    effect[8], effect[0] = 0.7, 1.5
    terms, parts, state = (52.0, 0.01, 0.4, 0.0), np.zeros(PARTS), np.arange(1, 5).astype(np.uint64)
    act_on_alive(state, road, known, Buyer(6.0, 0.2), effect, offer, terms, parts)
    more = 0.3 * (1 - math.exp(-0.09 * 20)) / 0.09  # the hazard stays: only the window's rate differs
    assert parts[GAIN] == pytest.approx(0.4 * 30.0 * more)
    closed = parts[SUBSIDY]
    offer[CAP], walked = 1e9, []
    for _ in range(20_000):
        act_on_alive(state, road, known, Buyer(6.0, 0.2), effect, offer, terms, parts)
        walked.append(parts[SUBSIDY])
    assert np.mean(walked) == pytest.approx(closed, abs=4.5 * np.std(walked) / math.sqrt(len(walked)))


# -------------------------------------------------------------------------------------------------- elsewhere


def test_a_spec_has_the_family_s_own_scales():
    spec = ltv.load_spec("pareto_nbd")
    assert spec.scales[:4] == ("purchase_rate", "purchase_shape", "dropout_hazard", "lifetime_shape")
    weekly, daily = (spec.resolved(time_unit=unit, spend_unit=1.0) for unit in ("week", "day"))
    ratio = weekly.priors["dropout_hazard"].quantile(0.5) / daily.priors["dropout_hazard"].quantile(0.5)
    assert ratio == pytest.approx(7.0)
    with pytest.raises(ltv.SpecError, match="unknown scale"):
        ltv.ModelSpec(
            purchase=ltv.PurchaseSpec("pareto_nbd"), pooling={"dropout_mean": ltv.Pooling()}, groups=("g",)
        )
    with pytest.raises(ltv.SpecError, match="does not go by a calendar clock"):
        ltv.ModelSpec(purchase=ltv.PurchaseSpec("pareto_nbd"), clock=ltv.load_spec("clock").clock)


def test_covariates_move_the_hazard_unless_told_otherwise():
    age = Covariate(kind="numeric")
    spec = ltv.ModelSpec(purchase=ltv.PurchaseSpec("pareto_nbd"), covariates={"age": age})
    assert spec.covariates["age"].on == ("purchase_rate", "dropout_hazard", "spend_typical")
    assert ltv.ModelSpec(covariates={"age": age}).covariates["age"].on[1] == "dropout_mean"
    with pytest.raises(ltv.SpecError, match="no such scale"):
        ltv.ModelSpec(covariates={"age": Covariate(kind="numeric", on=("dropout_hazard",))})


@pytest.mark.slow
def test_a_covariate_is_recovered_from_simulated_lives_and_carried_into_scores():
    """Lived without model code; scored by the published formulas, with r / alpha and s / beta moved."""
    rng, n, rate_effect, hazard_effect = np.random.default_rng(20261130), 3000, 0.5, 0.7
    z = rng.integers(0, 2, n).astype(float)
    rate, hazard = rng.gamma(1.5, 1 / 10, n) * np.exp(rate_effect * z), rng.gamma(2.0, 1 / 60, n)
    hazard *= np.exp(hazard_effect * z)
    observed = rng.integers(30, 60, n).astype(float)
    alive = np.minimum(rng.exponential(1 / hazard), observed)
    x = rng.poisson(rate * alive)
    last = np.array([rng.uniform(0, span, k).max(initial=0.0) for span, k in zip(alive, x, strict=True)])
    ids = [f"c{i}" for i in range(n)]
    frame = pd.DataFrame({"customer_id": ids, "frequency": x, "recency": last, "T": observed, "plan": z})
    frame.attrs = {"time_unit": "week"}
    covariates = {"plan": Covariate(kind="numeric", on=("purchase_rate", "dropout_hazard"))}
    spec = ltv.ModelSpec(purchase=ltv.PurchaseSpec("pareto_nbd"), spend=None, covariates=covariates)
    fit = ltv.fit(frame, spec, seed=3, method="laplace", sampler={"chains": 2, "draws": 100})
    drawn = fit["posterior"].dataset.stack(sample=("chain", "draw"))
    moved = {name: drawn[f"{name}_covariates"].values.ravel() for name in ("purchase_rate", "dropout_hazard")}
    for name, truth in (("purchase_rate", rate_effect), ("dropout_hazard", hazard_effect)):
        slope = moved[name] / z.std()
        assert abs(slope.mean() - truth) < 4.5 * slope.std(), name
        assert (slope > 0).mean() > 0.99
    failed = [each.name for each in ltv.check(fit).failed]
    with pytest.warns(ltv.BayesltvWarning, match="no spend model"):
        scores = ltv.score(fit, frame[:6], "retention", seed=1, draws=None, accept_failed=failed)
    year, laws = 365.25 / 7, [drawn[name].values.tolist() for name in ("r", "alpha", "s", "beta")]
    for i, row in frame[:6].iterrows():
        step, found = (row["plan"] - z.mean()) / z.std(), []
        for k, (r, alpha, s, beta) in enumerate(zip(*laws, strict=True)):
            rate_scale = alpha / math.exp(step * moved["purchase_rate"][k])
            hazard_scale = beta / math.exp(step * moved["dropout_hazard"][k])
            law, history = law_and_history(
                row["frequency"], row["recency"], row["T"], (r, rate_scale, s, hazard_scale)
            )
            share = 1 / verbs.inverse_p_alive(law, history)
            found.append((share, share * verbs.expected(verbs.given_alive(law, history), year, 0.0, WORK)[0]))
        wanted = np.mean(found, axis=0)
        assert scores.loc[i, ["p_alive", "expected_purchases"]].tolist() == pytest.approx(wanted, rel=1e-6)


def test_a_simulated_world_is_that_of_the_parameters():
    purchase = dict(zip(("r", "alpha", "s", "beta"), (2.0, 10.0, 3.0, 30.0), strict=True))
    world = ltv.simulate_world(4000, seed=2, purchase=purchase, family="pareto_nbd", acquisition_days=1)
    people = world.customers
    assert people["mu"].mean() == pytest.approx(0.1, rel=0.05)
    alive = ((30.0 / (30.0 + people["T"])) ** 3.0).mean()
    assert people["alive_at_end"].mean() == pytest.approx(alive, abs=4.5 * 0.5 / math.sqrt(4000))
    expected = verbs.expected(ParetoNbd(2.0, 10.0, 3.0, 30.0), float(people["T"].mean()), 0.0, work_space())[
        0
    ]
    found = people["purchases"]
    assert found.mean() == pytest.approx(expected, abs=4.5 * found.std() / math.sqrt(4000))


def test_median_waits_are_missing_where_customers_more_likely_leave_first():
    values = dict(zip(("r", "alpha", "s", "beta"), P, strict=True))
    summary = pd.DataFrame(
        {"customer_id": ["a", "b"], "frequency": [26, 0], "recency": [30.86, 0.0], "T": [31.0, 31.0]}
    )
    summary.attrs["time_unit"] = "week"
    fit = point_fit(values, draws=3, family="pareto_nbd")
    _, population, people = place_base(fit, summary, Meeting(0)).placed(None)
    found = expect(population, people, horizon=H, discount=0.0, days_per_unit=7.0)
    waits = found.forms.waits[found.cell]
    law, history = law_and_history(26, 30.86, 31.0)
    share, future = 1 / verbs.inverse_p_alive(law, history), verbs.given_alive(law, history)
    assert share * verbs.p_bought(future, waits[0] / 7) == pytest.approx(0.5, abs=1e-9)
    assert np.isnan(waits[1])

"""BG/CNBD-k and MBG/CNBD-k: pins worked out at high precision, and draws against closed forms."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

import bayesltv as ltv
import beta_geometric as formulas
from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import place_base
from bayesltv.data.summary.cells import make_cells
from bayesltv.families import registry, verbs
from bayesltv.families.bg_cnbd.latents import Latents
from bayesltv.families.bg_cnbd.law import Ahead, BgCnbd
from bayesltv.families.bg_cnbd.stages import ROOTS, wait_past
from bayesltv.families.cells import Cells, purchase_value_and_gradient
from bayesltv.families.verbs import History
from bayesltv.kernels.actions import CAP, DEPTH, PARTS, SUBSIDY, WINDOW, act_on_alive
from bayesltv.kernels.block import Laws, People, Streams
from bayesltv.kernels.calendar import STILL
from bayesltv.kernels.futures import Filled, draw_futures
from bayesltv.kernels.latents import draw_latents
from bayesltv.kernels.tracking import Bins, count_in_bins
from bayesltv.kernels.window import expected_in_window, log_window_counts
from bayesltv.model.likelihood import purchase_data
from bayesltv.numerics.compile import compiled
from bayesltv.numerics.quadrature import work_space
from bayesltv.prediction.expected import expect
from helpers import point_fit

P, H, T, DISCOUNT = (0.8, 3.0, 0.79, 2.43), 39.0, 38.86, math.log(1.1) / 52
EXACT = {"abs": 6e-9, "rel": 0}
BG, MBG = registry.PURCHASE["bg_cnbd"], registry.PURCHASE["mbg_cnbd"]
SHAPES = [(each, stages) for each in (BG, MBG) for stages in (1, 2, 3, 4)]
SHAPE = pytest.mark.parametrize(
    ("family", "stages"), SHAPES, ids=[f"{each.name}-{stages}" for each, stages in SHAPES]
)
N = 100_000

PINS = [
    (2, BG, 2, 30.43, -13.8329278819, 0.7436839474, (0.91771090, 2.08377305, 2.01550298, 31.96796768)),
    (2, MBG, 7, 29.43, -28.9802135633, 0.5420186519, (0.99986654, 5.96942098, 5.77973859, 30.27551347)),
    (3, MBG, 2, 30.43, -19.0468709197, 0.8071930876, (0.95343212, 2.14499911, 2.07408271, 32.67723854)),
    (4, MBG, 7, 29.43, -47.9715937933, 0.3789348934, (0.99999992, 6.13277551, 5.94192734, 29.90366178)),
    (4, BG, 1, 10.0, -11.6863593415, 0.1927382454, (0.93322107, 1.61261185, 1.56453707, 31.54115264)),
    (2, MBG, 0, 0.0, -0.9038405623, 0.3942349841, (0.40008493, 0.53846133, 0.52075813, 35.72413010)),
    (3, BG, 0, 0.0, -1.2485737815, 1.0, (0.39078324, 0.48199472, 0.46643927, 35.33468072)),
]
"""k, family, x, t_x; ln L and P(alive); given alive P(X* >= 1), E X*, discounted, discounted time alive."""


def history_of(family, x, t_x, T=T):
    return History(float(x), float(family.coins(x)), float(t_x), float(T))


def law_of(stages, parameters=P):
    return BgCnbd(*(float(each) for each in parameters), stages)


@compiled
def given_alive(law, history, horizon, discount, work):
    """What is expected of who is alive, over all stages: bought at all, purchases, discounted, time alive."""
    futures, shares = verbs.room_for(law, 1), np.zeros(4)
    verbs.put(futures, 0, verbs.given_alive(law, history))
    verbs.stage_shares(law, history, futures, 0, shares)
    found = np.zeros(4)
    for stage in range(verbs.stages_of(law)):
        future = verbs.at(futures, stage, 0)
        bought, discounted, lived = verbs.expected(future, horizon, discount, work)
        found += shares[stage] * np.array([verbs.p_bought(future, horizon), bought, discounted, lived])
    return found


@pytest.mark.parametrize(("stages", "family", "x", "t_x", "log_l", "alive", "wanted"), PINS)
def test_pins_of_likelihood_and_expectations(stages, family, x, t_x, log_l, alive, wanted):
    k, law, history = family.coins(x), law_of(stages), history_of(family, x, t_x)
    assert formulas.log_likelihood(x, k, t_x, T, *P, stages) == pytest.approx(log_l, abs=6e-11)
    assert formulas.p_alive(x, k, t_x, T, *P, stages) == pytest.approx(alive, abs=6e-11)
    assert 1 / verbs.inverse_p_alive(law, history) == pytest.approx(alive, abs=6e-11)
    assert given_alive(law, history, H, DISCOUNT, work_space()) == pytest.approx(wanted, **EXACT)


def test_pins_of_stages_counts_and_waits():
    law, history = law_of(2), history_of(MBG, 2, 30.43)
    futures, shares = verbs.room_for(law, 1), np.zeros(2)
    verbs.stage_shares(law, history, futures, 0, shares)
    assert shares == pytest.approx([0.50847869, 0.49152131], **EXACT)
    future = verbs.given_alive(law, history)
    chances = np.array([verbs.count_probability(future, y, H, 1.0) for y in range(60)])
    assert chances.sum() == pytest.approx(1.0, abs=1e-12)
    reached = chances[::-1].cumsum()[::-1][1:5]
    assert reached == pytest.approx([0.9177109, 0.60395474, 0.33516212, 0.16233092], **EXACT)
    tails = [verbs.wait_and_slopes(future, time)[0] for time in (4.0, 26.0)]
    assert tails == pytest.approx([0.75499276, 0.17184451], **EXACT)


def test_pins_of_the_gradient():
    data = data_of(MBG.of(2), [2], [30.43], [T])
    _, slopes, by_T, by_t = verbs.value_and_slopes(MBG.kind, np.array(P)[:, None], Cells(*data))
    assert slopes.ravel() == pytest.approx([-0.08166278, 0.13663916, -0.47245795, 0.14215517], abs=1.1e-8)
    assert (by_t[0], by_T[0]) == pytest.approx((-0.07626943, -0.05375807), **EXACT)


@pytest.mark.parametrize(
    ("stages", "x", "t_x", "wanted"),
    [
        (2, 200, 3600.0, (-1288.78674935, 0.88311578, 0.16701450, 17.26555595)),
        (4, 2000, 3640.0, (-5319.73895022, 0.00178144, 0.99821856, 0.34434914)),
    ],
)
def test_pins_of_customers_with_hundreds_of_purchases(stages, x, t_x, wanted):
    parameters, k = (0.8, 10.0, 0.7, 2.5), x + 1
    law, history = law_of(stages, parameters), history_of(MBG, x, t_x, 3650.0)
    alive = 1 / verbs.inverse_p_alive(law, history)
    silent = verbs.count_probability(verbs.given_alive(law, history), 0, 30.0, alive)
    expected = alive * given_alive(law, history, 365.0, 0.0, work_space())[1]
    log_l = formulas.log_likelihood(x, k, t_x, 3650.0, *parameters, stages)
    assert (log_l, alive, silent, expected) == pytest.approx(wanted, **EXACT)
    value, _ = purchase_value_and_gradient(
        MBG.of(stages).kind, np.array(parameters)[:, None], *data_of(MBG.of(stages), [x], [t_x], [3650.0])
    )
    assert value == pytest.approx(wanted[0], **EXACT)


@pytest.mark.parametrize(
    ("stages", "stage", "wanted"),
    [
        (1, 0, (4.61482468, 6.59260669, 0.01499558)),
        (2, 1, (4.09689872, 10.41810581, 0.10318212)),
        (3, 2, (3.58790424, 12.95028791, 0.20641538)),
        (4, 0, (2.84812596, 17.21186153, 0.34860939)),
    ],
)
def test_pins_of_what_a_known_customer_does(stages, stage, wanted):
    bought, lived, weight, _ = verbs.lead(at_stage(0.7, 0.2, stages, stage), 1.0, 1.0, 30.0, 0.01)
    assert (bought * 0.7 / stages, lived, weight * math.exp(0.3)) == pytest.approx(wanted, **EXACT)


def test_pins_at_the_greatest_likelihood_of_a_supermarket():
    parameters = (1.329175, 2.812551, 0.424709, 0.790029)
    alive = [0.156429, 0.029212, 0.003861, 0.000440, 0.000046]
    expected = [0.281289, 0.078464, 0.013661, 0.001924, 0.000240]
    for x in range(1, 6):
        law, history = law_of(2, parameters), history_of(MBG, x, 12.0, 52.0)
        share = 1 / verbs.inverse_p_alive(law, history)
        assert share == pytest.approx(alive[x - 1], abs=6e-7)
        bought = share * given_alive(law, history, 52.0, 0.0, work_space())[1]
        assert bought == pytest.approx(expected[x - 1], abs=1e-6)


# ------------------------------------------------------------------------------------------------ likelihood


def data_of(family, x, t_x, T, columns=(), **more):
    frame = pd.DataFrame({"frequency": x, "recency": t_x, "T": T, **more})
    cells = make_cells(frame, columns, with_spend=False).purchase
    return tuple(purchase_data(cells, family).values())


def some_customers(n=300):
    rng = np.random.default_rng(1)
    x = rng.choice([0, 0, 1, 2, 5, 40], n)
    T = rng.integers(20, 40, n).astype(float)
    return x, np.where(x > 0, np.ceil(T * rng.random(n)), 0.0), T, rng.integers(0, 3, n)


@SHAPE
def test_value_and_gradient_are_those_of_the_customers(family, stages):
    x, t_x, T, group = some_customers()
    known = family.of(stages)
    data = data_of(known, x, t_x, T, ["group"], group=group.astype(str))
    rng = np.random.default_rng(2)
    parameters = np.array(P)[:, None] * np.exp(0.4 * rng.standard_normal((4, 3)))
    evaluate = partial(purchase_value_and_gradient, known.kind)
    each = known.formula("log_likelihood")(x, known.coins(x), t_x, T, *parameters[:, group])
    value, gradient = evaluate(parameters, *data)
    assert value == pytest.approx(each.sum(), rel=1e-12)
    for at in np.ndindex(parameters.shape):
        step, total = 1e-3 * parameters[at], 0.0
        for shift, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = parameters.copy()
            moved[at] += shift * step
            total += weight * evaluate(moved, *data)[0]
        assert gradient[at] * parameters[at] == pytest.approx(total / 12e-3, rel=1e-7, abs=1e-6)


@pytest.mark.parametrize(("regular", "plain"), [("bg_cnbd", "bg_nbd"), ("mbg_cnbd", "mbg_nbd")])
def test_one_stage_is_the_plain_family(regular, plain):
    one, known = registry.PURCHASE[regular].of(1), registry.PURCHASE[plain]
    x, t_x, T, _ = some_customers()
    parameters = np.array(P)[:, None]
    value, gradient = purchase_value_and_gradient(one.kind, parameters, *data_of(one, x, t_x, T))
    same, slope = purchase_value_and_gradient(known.kind, parameters, *data_of(known, x, t_x, T))
    assert value == pytest.approx(same, rel=1e-12)
    assert gradient == pytest.approx(slope, rel=1e-11, abs=1e-11)
    scales = {"purchase_rate": 0.1, "purchase_shape": 0.7, "dropout_mean": 0.2, "dropout_concentration": 3.0}
    assert one.natural(scales) == pytest.approx(known.natural(scales))
    for horizon in (3.0, 60.0):
        assert futures_of(one.of(1), 5, 20.0, horizon) == futures_of(known, 5, 20.0, horizon)


@pytest.mark.parametrize("stages", [2, 4])
def test_extreme_customers_have_finite_likelihood_and_gradient(stages):
    known = MBG.of(stages)
    data = data_of(known, [0, 0, 1, 2000, 2000], [0.0, 0.0, 1e-9, 1e-6, 2000.0], [0.0, 1e4, 1e4, 2e3, 2e3])
    value, gradient = purchase_value_and_gradient(known.kind, np.array(P)[:, None], *data)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


# ---------------------------------------------------------------------------------------- latents and futures


def block_of(known, x, t_x, draws):
    law = known.laws(np.tile(np.array(P)[:, None, None], (1, 1, draws)))
    spend = registry.SPEND["gamma_gamma"]
    nothing = spend.laws(np.zeros((len(spend.parameters), 0, 0)))
    keys = [np.array([key], np.uint64) for key in (7, 8, 9)]
    histories = np.array([[x, known.coins(x), t_x, T, 0.0, 0.0, 0.0]], float).T
    people = People(histories, np.zeros(1, np.int32), np.zeros((0, 1)), np.zeros((1, 0, 3)))
    return Streams(*keys, np.arange(draws, dtype=np.uint64)), people, Laws(law, nothing)


def futures_of(known, x, t_x, horizon, draws=2000, discount=0.0):
    streams, people, laws = block_of(known, x, t_x, draws)
    filled = Filled(*(np.zeros((1, draws), kind) for kind in (bool, np.int32, float, float)))
    draw_futures(streams, people, laws, STILL, (horizon, discount, 1.0, 1.0), filled)
    return [each[0].tolist() for each in filled]


def latents_of(known, x, t_x, draws=N):
    streams, people, laws = block_of(known, x, t_x, draws)
    alive = np.zeros((1, draws), bool)
    rate, dropout, none = (np.zeros((1, draws)) for _ in range(3))
    draw_latents(streams, people, laws, STILL, alive, rate, dropout, none)
    return alive[0], rate[0], dropout[0]


@SHAPE
def test_latents_are_the_mixture_of_conjugates(family, stages):
    x, t_x, (r, alpha, a, b) = 2, 24.0, P
    known = family.of(stages)
    k, shape, since = known.coins(x), r + stages * x, T - t_x
    alive, rate, dropout = latents_of(known, x, t_x)
    share = float(formulas.p_alive(x, k, t_x, T, *P, stages))
    assert alive.mean() == pytest.approx(share, abs=4.5 * math.sqrt(share * (1 - share) / N))
    weights = np.array([stats.nbinom.pmf(j, shape, 1 - since / (alpha + T)) for j in range(stages)])
    weights /= weights.sum()  # (R)_j u^j / j!, cut off at the stages

    def cdf(value):
        parts = [stats.gamma.cdf(stages * value, shape + j, scale=1 / (alpha + T)) for j in range(stages)]
        return np.tensordot(weights, parts, 1)

    assert stats.kstest(rate[alive], cdf).pvalue > 1e-4
    gone = stats.gamma(shape, scale=1 / (alpha + t_x) / stages)
    assert stats.kstest(rate[~alive], gone.cdf).pvalue > 1e-4
    assert stats.kstest(dropout[alive], stats.beta(a, b + k).cdf).pvalue > 1e-4
    assert stats.kstest(dropout[~alive], stats.beta(a + 1, b + k - 1).cdf).pvalue > 1e-4


@compiled
def _drawn_places(law, history, draws):
    state, places, count = np.zeros(4, np.uint64), np.zeros(4), 0
    for d in range(draws):
        alive, latents = verbs.draw_latents(law, history, state, np.uint64(5), np.uint64(d))
        if alive:
            count += 1
            for j in range(4):
                places[j] += latents.place[j]
    return places / count, count


@pytest.mark.parametrize("stages", [2, 3, 4])
def test_stages_are_drawn_with_their_probabilities(stages):
    law, history = law_of(stages), history_of(MBG, 2, 30.43)
    wanted = np.zeros(4)
    verbs.stage_shares(law, history, verbs.room_for(law, 1), 0, wanted)
    found, count = _drawn_places(law, history, N)
    assert np.abs(found - wanted).max() < 4.5 * 0.5 / math.sqrt(count)


@SHAPE
@pytest.mark.parametrize(("x", "t_x"), [(0, 0.0), (2, 30.43), (7, 29.43)])
def test_futures_are_those_of_the_closed_forms(family, stages, x, t_x):
    known = family.of(stages)
    alive, bought, _, value = (np.array(each) for each in futures_of(known, x, t_x, H, draws=40_000))
    law, history = law_of(stages), history_of(family, x, t_x)
    share = 1 / verbs.inverse_p_alive(law, history)
    _, expected, _, lived = given_alive(law, history, H, 0.0, work_space())
    future = verbs.given_alive(law, history)
    assert alive.mean() == pytest.approx(share, abs=4.5 * 0.5 / math.sqrt(alive.size))
    for sample, mean in ((bought, share * expected), (-value, share * lived)):  # value: service cost alone
        assert sample.mean() == pytest.approx(mean, abs=4.5 * sample.std() / math.sqrt(sample.size))
    for y in range(4):
        chance = verbs.count_probability(future, y, H, share)
        assert (bought == y).mean() == pytest.approx(chance, abs=4.5 * 0.5 / math.sqrt(alive.size))


def test_weeks_add_up_to_the_futures():
    draws = 500
    streams, people, laws = block_of(MBG.of(3), 7, 29.43, draws)
    counts = np.zeros((draws, 6), np.int64)
    count_in_bins(
        streams, people, laws, STILL, Bins(np.zeros(1), H, 7.0, 2.0**-30, counts, np.zeros_like(counts))
    )
    assert counts.sum(axis=1).tolist() == list(futures_of(MBG.of(3), 7, 29.43, H, draws=draws)[1])
    assert counts.sum() > 100


def test_a_longer_horizon_only_lengthens_the_path():
    known = MBG.of(3)
    short, long = (np.array(futures_of(known, 2, 30.43, horizon)[1]) for horizon in (10.0, 60.0))
    assert (short <= long).all()
    assert (short < long).any()


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
@pytest.mark.parametrize("since", [0.0, 0.3, 20.0])
def test_a_wait_has_the_tail_that_it_was_drawn_for(stages, since):
    law = verbs.given_alive(law_of(stages), History(3.0, 4.0, 38.86 - since, 38.86))
    for u in (1e-12, 0.01, 0.4, 0.9, 1 - 1e-9):
        wait = wait_past(u, law.shape, law.rate, law.since, stages)
        tail, steep, further = verbs.wait_and_slopes(law, wait)
        assert tail == pytest.approx(u, rel=1e-9)
        beside, step = verbs.wait_and_slopes(law, wait * (1 + 1e-6)), 1e-6
        assert steep == pytest.approx(-(math.log(beside[0]) - math.log(tail)) / step, rel=1e-4, abs=1e-8)
        curve = math.log(beside[0] * beside[1]) - math.log(tail * steep)
        assert further == pytest.approx(curve / step, rel=1e-4, abs=1e-4)


def test_expected_purchases_are_the_sum_over_counts():
    rng, work = np.random.default_rng(3), work_space()
    for _ in range(40):
        stages, x = int(rng.integers(1, 5)), int(rng.integers(0, 61))
        parameters = np.array(P) * np.exp(0.7 * rng.standard_normal(4))
        T = float(rng.uniform(10, 200))
        history = history_of(MBG, x, T * rng.random() if x else 0.0, T)
        horizon = float(rng.uniform(1, 156))
        law = law_of(stages, parameters)
        future, total, reached, y = verbs.given_alive(law, history), 0.0, 1.0, 0
        while reached > 1e-12:
            reached -= verbs.count_probability(future, y, horizon, 1.0)
            total, y = total + max(reached, 0.0), y + 1
        found = given_alive(law, history, horizon, 0.0, work)[1]
        assert found == pytest.approx(total, rel=1e-7, abs=1e-8)


def test_a_window_counts_all_stages():
    """Probability of a purchase and their expected number in a window, against those of each count."""
    known, factors, bought, purchases = MBG.of(3), np.array([0.7, 1.4]), np.empty((1, 2)), np.empty((1, 2))
    _, people, laws = block_of(known, 2, 30.43, 1)
    expected_in_window(people, laws.purchase, STILL, 9.0, factors, 0, bought, purchases)
    some = np.empty((1, 2))
    log_window_counts(people, np.array([-1]), laws.purchase, STILL, 9.0, factors, 0, some)
    future, share = verbs.given_alive(law_of(3), history_of(MBG, 2, 30.43)), 0.8071930876
    for j, time in enumerate(9.0 * factors):
        chances = [verbs.count_probability(future, y, time, share) for y in range(30)]
        assert (bought[0, j], math.exp(some[0, j])) == pytest.approx([1 - chances[0]] * 2, rel=1e-8)
        assert purchases[0, j] == pytest.approx(np.arange(30) @ chances, rel=1e-8)


@pytest.mark.parametrize(("shape", "horizon"), [(5.0, 40.0), (100.0, 300.0), (900.0, 300.0)])
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_who_never_leaves_buys_once_in_so_many_stages(shape, horizon, stage):
    """By hand: of j + N stages every third is a purchase, and the remainder is 1 on average.

    A short walk, a long one, and terms that begin too small to walk.
    """
    law = Ahead(shape, 10.0, 0.0, 1e-13, 1.0, 3, stage)
    found = verbs.expected(law, horizon, 0.0, work_space())
    wanted = (stage + (shape + stage) * horizon / 10.0 - 1.0) / 3.0
    assert found == pytest.approx((wanted, wanted, horizon), rel=1e-3 if shape < 100 else 1e-8)


# ------------------------------------------------------------------------------------ a customer who is known


def at_stage(rate, dropout, stages, stage):
    return Latents(rate, dropout, stages, tuple(1.0 if j == stage else 0.0 for j in range(4)))


@pytest.mark.parametrize("stages", [2, 3, 4])
@pytest.mark.parametrize("dropout", [1e-12, 0.2, 1.0])
def test_a_stretch_is_the_chain_of_stages(stages, dropout):
    rate, pace, time, discount = 0.7, 1.6, 9.0, 0.02
    place = np.arange(1.0, stages + 1) / np.arange(1.0, stages + 1).sum()
    known = Latents(rate, dropout, stages, (*place, *[0.0] * (4 - stages)))
    chain = np.diag(np.full(stages, -rate * pace - discount)) + np.diag(np.full(stages - 1, rate * pace), -1)
    chain[0, -1] += rate * pace * (1 - dropout)
    ends = linalg.expm(chain * time) @ place
    spent = np.linalg.solve(chain, ends - place)
    bought, lived, weight, then = verbs.lead(known, 0.5, pace, time, discount)
    assert bought == pytest.approx(0.5 * spent[-1] * pace * stages, rel=1e-7)
    assert lived == pytest.approx(0.5 * spent.sum(), rel=1e-7)
    assert weight == pytest.approx(0.5 * ends.sum(), rel=1e-7)
    assert then.place[:stages] == pytest.approx(ends / ends.sum(), rel=1e-6)
    alone = verbs.lead(known, 1.0, 1.0, time, 0.0)
    assert verbs.drops_out_within(known, time) == pytest.approx(1 - alone[2], abs=1e-12)


def test_the_roots_are_roots():
    for stages in range(1, 5):
        roots = ROOTS[stages - 1, :stages]
        assert roots**stages == pytest.approx(np.ones(stages), abs=1e-15)


def test_silence_and_being_overdue_follow_the_gamma_wait():
    known = at_stage(0.7, 0.1, 3, 1)
    assert verbs.silent_within(known, 4.0) == pytest.approx(stats.gamma.sf(2.8, 2), rel=1e-12)
    usual = stats.gamma.isf(0.05, 3) / 0.7
    assert not verbs.is_overdue(known, usual * 0.999, -math.log(0.05))
    assert verbs.is_overdue(known, usual * 1.001, -math.log(0.05))


@compiled
def _gaps(latents, draws):
    state, gaps = np.arange(1, 5).astype(np.uint64), np.empty((2, draws))
    for d in range(draws):
        gaps[0, d], gaps[1, d] = verbs.draw_gap(latents, True, state), verbs.draw_gap(latents, False, state)
    return gaps


def test_gaps_are_gamma_with_the_stages_that_are_left():
    first, later = _gaps(at_stage(0.7, 0.1, 3, 1), N)
    assert stats.kstest(first, stats.gamma(2, scale=1 / 0.7).cdf).pvalue > 1e-4
    assert stats.kstest(later, stats.gamma(3, scale=1 / 0.7).cdf).pvalue > 1e-4
    mixed, _ = _gaps(Latents(0.7, 0.1, 2, (0.25, 0.75, 0.0, 0.0)), N)
    mean = (0.25 * 2 + 0.75) / 0.7
    assert mixed.mean() == pytest.approx(mean, abs=4.5 * mixed.std() / math.sqrt(N))


def test_redemptions_walked_order_by_order_are_those_of_the_closed_form():
    from bayesltv.families.gamma_gamma.law import Buyer

    known, road = at_stage(0.9, 0.15, 3, 1), (STILL.table, STILL.edges, 0, 0.0)
    offer, effect = np.zeros(10), np.ones(9)
    offer[WINDOW], offer[DEPTH], offer[CAP], offer[8] = 20.0, 0.2, np.inf, 1.0
    effect[8] = 0.7
    terms, parts, state = (52.0, 0.01, 0.4, 0.0), np.zeros(PARTS), np.arange(1, 5).astype(np.uint64)
    act_on_alive(state, road, known, Buyer(6.0, 0.2), effect, offer, terms, parts)
    closed = parts[SUBSIDY]
    offer[CAP], walked = 1e9, []
    for _ in range(20_000):
        act_on_alive(state, road, known, Buyer(6.0, 0.2), effect, offer, terms, parts)
        walked.append(parts[SUBSIDY])
    assert np.mean(walked) == pytest.approx(closed, abs=4.5 * np.std(walked) / math.sqrt(len(walked)))


# ------------------------------------------------------------------------------------------- specs and checks


def test_a_spec_states_k_and_keeps_it():
    spec = ltv.ModelSpec(purchase=ltv.PurchaseSpec("mbg_cnbd", 3), spend=None)
    again = ltv.ModelSpec.from_dict(spec.to_dict())
    assert again == spec
    assert again.purchase.card.kind.stages == 3
    assert again.purchase.card.title == "MBG/CNBD-3"
    assert ltv.PurchaseSpec("bg_cnbd").k == 2
    assert ltv.ModelSpec().to_dict()["purchase"] == {"family": "bg_nbd"}
    assert ltv.load_spec("mbg_cnbd").purchase == ltv.PurchaseSpec("mbg_cnbd", 2)


@pytest.mark.parametrize("k", [0, 5, 2.0, True, "2"])
def test_a_k_that_cannot_be_is_refused(k):
    with pytest.raises(ltv.SpecError, match="k = "):
        ltv.PurchaseSpec("mbg_cnbd", k)


def test_k_and_clocks_are_refused_where_they_do_not_belong():
    with pytest.raises(ltv.SpecError, match="k belongs to bg_cnbd and mbg_cnbd"):
        ltv.PurchaseSpec("bg_nbd", 2)
    with pytest.raises(ltv.SpecError, match=r"mbg_cnbd \(MBG/CNBD-2\) does not go by a calendar clock"):
        ltv.ModelSpec(purchase=ltv.PurchaseSpec("mbg_cnbd"), clock=ltv.load_spec("clock").clock)


def regular_log(k, rate, seed=4, customers=600):
    purchase = {"r": 4.0, "alpha": 4.0 / (k * rate), "a": 0.5, "b": 5.0}
    return ltv.simulate_log(customers, seed=seed, purchase=purchase, family="mbg_cnbd", k=k)


def summary_of(log):
    return ltv.summarize(log, observation_end="1997-09-30", time_unit="week", monetary_value_col=None)


def test_simulated_waits_are_gamma():
    world = ltv.simulate_world(
        3000, seed=1, purchase={"r": 400.0, "alpha": 400 / 1.5, "a": 1e-3, "b": 10.0}, family="bg_cnbd", k=3,
        time_unit="week",
    )  # fmt: skip
    days = world.log.groupby("customer_id")["date"].apply(lambda each: each.diff().dt.days.dropna().iloc[:3])
    waits = days.to_numpy() / 7
    assert waits.mean() == pytest.approx(2.0, rel=0.03)
    assert waits.std() / waits.mean() == pytest.approx(1 / math.sqrt(3), rel=0.05)


@pytest.mark.parametrize(("family", "k"), [("bg_nbd", 2), ("mbg_cnbd", 5), ("mbg_cnbd", 0)])
def test_a_world_with_no_such_k_is_refused(family, k):
    with pytest.raises(ltv.DataError, match="k="):
        ltv.simulate_world(10, seed=1, purchase=dict(zip(("r", "alpha", "a", "b"), P, strict=True)),
                           family=family, k=k)  # fmt: skip


def test_scores_of_a_customer_are_mixed_over_stages():
    values = dict(zip(("r", "alpha", "a", "b"), P, strict=True))
    summary = pd.DataFrame(
        {"customer_id": ["a", "b"], "frequency": [7, 7], "recency": [29.43, 36.0], "T": [T, T]}
    )
    summary.attrs["time_unit"] = "week"
    fit = point_fit(values, draws=2, family="mbg_cnbd", k=3)
    _, population, people = place_base(fit, summary, Meeting(0)).placed(None)
    found = expect(population, people, horizon=H, discount=DISCOUNT, days_per_unit=7.0)
    for row, t_x in enumerate((29.43, 36.0)):
        law, history = law_of(3), history_of(MBG, 7, t_x)
        share, future = 1 / verbs.inverse_p_alive(law, history), verbs.given_alive(law, history)
        bought, expected, discounted, lived = given_alive(law, history, H, DISCOUNT, work_space())
        cell = found.cell[row]
        means = found.forms.means[:, cell]
        assert means[[0, 3, 4]] == pytest.approx([share, share * bought, share * expected], rel=1e-12)
        assert found.forms.discounted[cell] == pytest.approx([share * discounted] * 2, rel=1e-12)
        assert found.forms.time_alive[cell] == pytest.approx([share * lived] * 2, rel=1e-12)
        soon = 1 - verbs.wait_and_slopes(future, 30 / 7)[0]
        assert means[1] == pytest.approx(share * soon, rel=1e-12)
        if share > 0.5:
            wait = found.forms.waits[cell] / 7
            assert share * (1 - verbs.wait_and_slopes(future, wait)[0]) == pytest.approx(0.5, abs=1e-9)


def test_short_waits_are_warned_of_and_long_ones_are_not(recwarn):
    spec = ltv.ModelSpec(purchase=ltv.PurchaseSpec("mbg_cnbd"), spend=None)
    with pytest.warns(ltv.BayesltvWarning, match="looks regular"):
        ltv.build_model(summary_of(regular_log(1, 1.5)), spec)
    recwarn.clear()
    ltv.build_model(summary_of(regular_log(1, 0.2)), spec)
    ltv.build_model(summary_of(regular_log(1, 1.5)), ltv.ModelSpec(spend=None))
    assert not [each for each in recwarn if "looks regular" in str(each.message)]


def test_timing_is_held_against_the_shape_of_the_fit():
    summary = summary_of(regular_log(4, 0.4, customers=1500))
    values = dict(zip(("r", "alpha", "a", "b"), P, strict=True))
    found = ltv.check(point_fit(values, draws=8, family="mbg_nbd"), summary)["regular_timing"]
    assert found.status == "warn"
    assert found.value == pytest.approx(4.0, rel=0.2)
    assert "either way" in found.advice
    assert "hold-out" in found.advice
    own = ltv.check(point_fit(values, draws=8, family="mbg_cnbd", k=4), summary)["regular_timing"]
    assert own.status == "pass"
    assert "(4 in the model)" in own.summary


def test_poisson_buyers_of_a_log_by_the_day_do_not_look_regular():
    summary = summary_of(regular_log(1, 2.3, customers=1500))
    values = dict(zip(("r", "alpha", "a", "b"), P, strict=True))
    found = ltv.check(point_fit(values, draws=8, family="mbg_nbd"), summary)["regular_timing"]
    assert found.status == "pass"
    assert found.value == pytest.approx(1.0, abs=0.1)


def test_the_pointwise_likelihood_counts_single_waits():
    summary = summary_of(regular_log(3, 0.4, customers=200))
    values = dict(zip(("r", "alpha", "a", "b"), P, strict=True))
    fit = point_fit(values, draws=4, family="mbg_cnbd", k=3)
    part = ltv.log_likelihood(fit, summary)["purchase"].to_dataset()
    total = float((part["log_likelihood"].isel(chain=0, draw=0) * part["customers"]).sum())
    waits = 0.0
    for start, days in zip(summary["first_purchase"], summary["repeat_days"], strict=True):
        dates = np.array([(start - pd.Timestamp(0)).days, *days])
        waits += np.log(np.diff(dates) / 7.0).sum()
    x = summary["frequency"].to_numpy()
    each = formulas.log_likelihood(x, x + 1, summary["recency"], summary["T"], *P, 3)
    assert total == pytest.approx(each.sum() + 2 * waits, rel=1e-12)
    with pytest.raises(ltv.DataError, match="needs the day of every repeat purchase"):
        ltv.log_likelihood(fit, summary.drop(columns="repeat_days"))

"""What holds for any parameters and any customer: sums to one, units, order, cells."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

import beta_geometric
from bayesltv.data.summary.cells import make_cells
from bayesltv.families.bg_nbd import BG_NBD
from bayesltv.families.cells import purchase_value_and_gradient
from bayesltv.families.gamma_gamma import formulas as gamma_gamma
from bayesltv.model.likelihood import purchase_data
from bayesltv.numerics.quadrature import work_space
from bayesltv.streams import customer_keys
from beta_geometric import expected_over_horizon, p_spend_above, purchase_probabilities
from helpers import COIN_FAMILIES as FAMILIES
from plain_kernels import draw_futures

OFTEN = settings(max_examples=80, deadline=None)
SELDOM = settings(max_examples=30, deadline=None)

families = st.sampled_from(list(FAMILIES.values()))


def logs_between(low, high):
    return st.floats(np.log(low), np.log(high)).map(lambda u: float(np.exp(u)))


purchase_parameters = st.tuples(
    logs_between(0.02, 10), logs_between(0.1, 100), logs_between(0.05, 10), logs_between(0.05, 30)
)
spend_parameters = st.tuples(logs_between(0.3, 20), logs_between(0.3, 20), logs_between(0.1, 500))
horizons = logs_between(1e-3, 500)


@st.composite
def histories(draw):
    """Return x, t_x, T."""
    x = draw(st.one_of(st.just(0), st.integers(1, 60), st.just(2000)))
    T = draw(logs_between(0.01, 500))
    share = draw(st.floats(0.01, 1))
    return x, (T * share if x else 0.0), T


def customer(family, history, parameters):
    """Return P(alive), r', α', a, b'."""
    (x, t_x, T), (r, alpha, a, b) = history, parameters
    k = family.coins(x)
    alive = float(beta_geometric.p_alive(x, k, t_x, T, *parameters))
    return alive, r + x, alpha + T, a, b + k


@OFTEN
@given(families, histories(), purchase_parameters, horizons)
def test_probabilities_are_a_distribution(family, history, parameters, horizon):
    probabilities = purchase_probabilities(horizon, *customer(family, history, parameters))
    assert probabilities.sum() == pytest.approx(1, abs=1e-11)
    assert (probabilities >= 0).all()


@OFTEN
@given(families, histories(), purchase_parameters, horizons)
def test_return_probability_and_survival_agree(family, history, parameters, horizon):
    alive, shape, rate, a, b = customer(family, history, parameters)
    x, _, T = history
    within = alive * beta_geometric.p_purchase_within(horizon, x, T, *parameters[:2])
    none = purchase_probabilities(horizon, alive, shape, rate, a, b)[0]
    assert 1 - none == pytest.approx(float(within), abs=1e-12)


@OFTEN
@given(families, histories(), purchase_parameters, horizons)
def test_longer_horizons_bring_more_purchases_and_fewer_who_are_alive(family, history, parameters, horizon):
    alive, *future = customer(family, history, parameters)
    x, _, T = history
    short = purchase_probabilities(horizon, alive, *future)
    long = purchase_probabilities(2 * horizon, alive, *future)
    size = min(short.size, long.size)
    assert (short.cumsum()[:size] >= long.cumsum()[:size] - 1e-12).all()
    later = [
        beta_geometric.p_alive_later(h, x, family.coins(x), T, *parameters)
        for h in (0.0, horizon, 2 * horizon)
    ]
    assert later[0] == pytest.approx(1, abs=1e-12)
    assert later[0] >= later[1] - 1e-12
    assert later[1] >= later[2] - 1e-12
    assert later[2] >= 0


@OFTEN
@given(families, histories(), purchase_parameters)
def test_silence_lowers_p_alive_and_a_late_purchase_raises_it(family, history, parameters):
    x, t_x, T = history
    k = family.coins(x)
    now = beta_geometric.p_alive(x, k, t_x, T, *parameters)
    assert 0 <= now <= 1
    assert beta_geometric.p_alive(x, k, t_x, 2 * T, *parameters) <= now + 1e-12
    if x > 0:
        assert beta_geometric.p_alive(x, k, T, T, *parameters) >= now - 1e-12


@OFTEN
@given(families, histories(), purchase_parameters, horizons, logs_between(0.01, 100))
def test_scaling_time_scales_alpha(family, history, parameters, horizon, factor):
    # days for weeks: densities lose ln(factor) for each purchase, nothing else moves
    x, t_x, T = history
    r, alpha, a, b = parameters
    k = family.coins(x)
    scaled = (x, factor * t_x, factor * T), (r, factor * alpha, a, b)
    before = beta_geometric.log_likelihood(x, k, t_x, T, *parameters)
    after = beta_geometric.log_likelihood(x, k, *scaled[0][1:], *scaled[1])
    assert after == pytest.approx(float(before) - x * np.log(factor), rel=1e-9, abs=1e-9)
    one, other = customer(family, history, parameters), customer(family, *scaled)
    assert other[0] == pytest.approx(one[0], rel=1e-8, abs=1e-12)
    work = work_space()
    bought = expected_over_horizon(horizon, 0.5 / horizon, *one[1:], work)
    again = expected_over_horizon(factor * horizon, 0.5 / horizon / factor, *other[1:], work)
    assert again == pytest.approx((bought[0], bought[1], factor * bought[2]), rel=1e-8)


@OFTEN
@given(
    spend_parameters,
    st.lists(logs_between(0.01, 1000), min_size=1, max_size=20),
    logs_between(0.01, 100),
    st.floats(0, 500),
)
def test_scaling_money_scales_v(parameters, amounts, factor, threshold):
    p, q, v = parameters
    z = np.array(amounts)
    n, scaled = z.size, (p, q, factor * v)
    full = gamma_gamma.log_likelihood_of_amounts(n, z.sum(), np.log(z).sum(), *parameters)
    full_scaled = gamma_gamma.log_likelihood_of_amounts(
        n, factor * z.sum(), np.log(factor * z).sum(), *scaled
    )
    assert full_scaled == pytest.approx(float(full) - n * np.log(factor), rel=1e-9, abs=1e-7)
    mean = gamma_gamma.log_likelihood_of_mean(n, z.mean(), *parameters)
    mean_scaled = gamma_gamma.log_likelihood_of_mean(n, factor * z.mean(), *scaled)
    assert mean_scaled == pytest.approx(float(mean) - np.log(factor), rel=1e-9, abs=1e-7)
    spend = gamma_gamma.expected_spend(n, z.sum(), *parameters)
    assert gamma_gamma.expected_spend(n, factor * z.sum(), *scaled) == pytest.approx(factor * spend, rel=1e-9)
    probabilities = np.array([0.4, 0.3, 0.2, 0.1])
    above = p_spend_above(threshold, probabilities, p, q + p * n, v + z.sum())
    again = p_spend_above(factor * threshold, probabilities, p, q + p * n, factor * (v + z.sum()))
    assert again == pytest.approx(above, rel=1e-9, abs=1e-12)
    assert 0 <= above <= 0.6 + 1e-12


@OFTEN
@given(spend_parameters, st.integers(1, 30), logs_between(0.1, 1000), st.floats(0, 500), st.floats(0, 500))
def test_higher_thresholds_are_passed_less_often(parameters, n, total, one, other):
    p, q, v = parameters
    probabilities = purchase_probabilities(39.0, 0.7, 2.2, 43.0, 0.8, 4.4)
    low, high = (p_spend_above(s, probabilities, p, q + p * n, v + total) for s in sorted((one, other)))
    assert low >= high - 1e-12


@SELDOM
@given(families, purchase_parameters.filter(lambda parameters: parameters[0] > 0.1), st.integers(1, 4))
def test_the_likelihood_integrates_to_the_probability_of_x_purchases(family, parameters, x):
    # x purchases in (0, T]: the last at t, those before it anywhere in (0, t)
    T = 10.0
    r, alpha, a, b = parameters

    def density(t):
        log_places = (x - 1) * np.log(t) - np.log(np.arange(1, x)).sum()
        return np.exp(beta_geometric.log_likelihood(x, family.coins(x), t, T, *parameters) + log_places)

    new = float(beta_geometric.p_alive(0, family.coins(0), 0.0, 0.0, *parameters))
    want = purchase_probabilities(T, new, r, alpha, a, b + family.coins(0))
    area = integrate.quad(density, 0, T, epsabs=1e-12)[0]
    assert area == pytest.approx(want[x] if x < want.size else 0.0, rel=1e-6, abs=1e-10)


def frame(rows):
    x, t_x, T = zip(*rows, strict=True)
    return pd.DataFrame({"frequency": x, "recency": t_x, "T": T})


coarse = st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(4, 6)).map(
    lambda row: (row[0], float(row[1]) if row[0] else 0.0, float(row[2]))
)


@OFTEN
@given(families, st.lists(coarse, min_size=1, max_size=60), purchase_parameters, st.randoms())
def test_cells_equal_customers_in_any_order(family, rows, parameters, random):
    values = []
    for _ in range(2):
        summary = frame(rows)
        cells = make_cells(summary, [], with_spend=False).purchase
        value, _ = purchase_value_and_gradient(
            BG_NBD.kind, np.array(parameters)[:, None], *purchase_data(cells, family).values()
        )
        values.append(value)
        x = summary["frequency"].to_numpy()
        each = beta_geometric.log_likelihood(
            x, family.coins(x), summary["recency"], summary["T"], *parameters
        )
        assert value == pytest.approx(each.sum(), rel=1e-9, abs=1e-9)
        random.shuffle(rows)
    assert values[0] == values[1]


def futures(family, rows, parameters, ids, time_factor=1.0, money_factor=1.0):
    r, alpha, a, b = parameters
    x, t_x, T = np.array(rows, float).T
    customers = np.array([x, family.coins(x), t_x * time_factor, T * time_factor, x, 20 * x * money_factor])
    draws = np.arange(20, dtype=np.uint64)
    purchase = np.array([r, alpha * time_factor, a, b])[:, None, None] * np.ones((1, 1, draws.size))
    spend = np.array([3.6, 4.5, 34.0 * money_factor])[:, None, None] * np.ones((1, 1, draws.size))
    shape = (x.size, draws.size)
    out = np.zeros(shape, bool), np.zeros(shape, np.int32), np.zeros(shape), np.zeros(shape)
    keys = [customer_keys(1, stream, ids) for stream in ("latents", "events", "amounts")]
    terms = (32.0 * time_factor, 0.01 / time_factor, 0.3, 0.0)
    group = np.zeros(x.size, np.int32)
    draw_futures(*keys, draws, customers, group, purchase, spend, terms, *out)
    return out


rows_with_ids = st.lists(
    st.tuples(st.text(max_size=5), histories()), min_size=1, max_size=8, unique_by=lambda r: r[0]
)


@SELDOM
@given(families, rows_with_ids, purchase_parameters, st.randoms())
def test_permuting_rows_permutes_draws(family, rows, parameters, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    straight = futures(family, [h for _, h in rows], parameters, [i for i, _ in rows])
    shuffled = futures(family, [rows[j][1] for j in order], parameters, [rows[j][0] for j in order])
    for one, other in zip(straight, shuffled, strict=True):
        assert (one[order] == other).all()


@SELDOM
@given(families, rows_with_ids, purchase_parameters)
def test_other_units_of_time_and_money_give_the_same_draws(family, rows, parameters):
    # factors of two are exact in binary: not a bit may change
    ids, past = [i for i, _ in rows], [h for _, h in rows]
    alive, purchases, amount, value = futures(family, past, parameters, ids)
    again = futures(family, past, parameters, ids, time_factor=8.0, money_factor=128.0)
    assert (again[0] == alive).all()
    assert (again[1] == purchases).all()
    assert (again[2] == 128 * amount).all()
    assert again[3] == pytest.approx(128 * value, rel=1e-12)

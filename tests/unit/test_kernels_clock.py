"""The likelihood in operational time, against the plain one, finite differences and the process itself."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import beta_geometric
from bayesltv.clock_processes.ar1 import fading
from bayesltv.clock_processes.process import Blocks
from bayesltv.clock_processes.registry import PROCESSES
from bayesltv.data.summary.cells import make_cells
from bayesltv.families.bg_nbd import BG_NBD
from bayesltv.families.cells import purchase_value_and_gradient
from bayesltv.kernels.clock import clocked_value_and_gradient
from bayesltv.model.clock import clocks_of_rows, repeat_counts
from bayesltv.model.likelihood import clocked_purchase_data, purchase_data
from bayesltv.numerics.whitening import coordinates_of_each, log_roots, pull_back, states_of
from bayesltv.specs.model.clock import ClockSpec
from bayesltv.specs.model.timeline import make_timeline
from helpers import COIN_FAMILIES as FAMILIES

FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
START, END = 9862, 10134
POINT = (0.3, 4.0, 0.8, 2.5)


def customers(n, seed):
    """Random histories in two groups, each with its own end of observation."""
    rng = np.random.default_rng(seed)
    first = START + rng.integers(0, 80, n)
    first[0] = START
    end = END - rng.integers(0, 3, n) * 20
    end[0] = END
    days = [
        np.unique(rng.integers(f + 1, e + 1, c))
        for f, e, c in zip(first, end, rng.poisson(1.5, n), strict=True)
    ]
    last = np.array([each[-1] if each.size else f for each, f in zip(days, first, strict=True)])
    frame = pd.DataFrame(
        {
            "customer_id": [f"k{i}" for i in range(n)],
            "frequency": [each.size for each in days],
            "recency": (last - first) / 7.0,
            "T": (end - first) / 7.0,
            "first_purchase": pd.to_datetime(first, unit="D"),
            "repeat_days": days,
            "shop": np.where(rng.random(n) < 0.4, "a", "b"),
        }
    )
    frame.attrs["time_unit"] = "week"
    return frame


def inputs(family, clock, *, n=300):
    frame = customers(n, 1)
    cells = make_cells(frame, ["shop"], with_spend=False, with_days=True)
    timeline = make_timeline(clock, start=START, end=END)
    clocks = clocks_of_rows(clock, cells)
    counts = repeat_counts(cells, timeline, clocks)
    data = clocked_purchase_data(cells.purchase, family, timeline, clocks, counts, 7.0)
    return frame, cells, timeline, data


def packed_at(s, spread=0.2):
    rng = np.random.default_rng(3)
    parameters = np.array(POINT)[:, None] * np.exp(spread * rng.standard_normal((4, 2)))
    return parameters, np.concatenate([parameters.ravel(), np.ravel(s)])[None]


@FAMILY
@pytest.mark.parametrize("by", [None, "shop"])
def test_a_clock_that_stands_still_is_the_plain_model(family, by):
    frame, _, timeline, data = inputs(family, ClockSpec(by=by))
    plain = make_cells(frame, ["shop"], with_spend=False).purchase
    parameters, packed = packed_at(np.zeros((data["repeats"].shape[0], timeline.block.size)))
    value, gradient = clocked_value_and_gradient(BG_NBD.kind, packed, *data.values())
    want, slope = purchase_value_and_gradient(BG_NBD.kind, parameters, *purchase_data(plain, family).values())
    assert value == pytest.approx(want, abs=1e-9)
    np.testing.assert_allclose(gradient[0, :8], slope.ravel(), rtol=1e-9, atol=1e-9)


@FAMILY
@pytest.mark.parametrize("by", [None, "shop"])
def test_the_likelihood_is_the_plain_one_in_operational_time_plus_s_over_repeat_purchases(family, by):
    frame, cells, timeline, data = inputs(family, ClockSpec(by=by))
    s = 0.5 * np.random.default_rng(5).standard_normal((data["repeats"].shape[0], timeline.block.size))
    parameters, packed = packed_at(s)
    by_day = s[:, timeline.segment_of(np.arange(START + 1, END + 1))]
    until = np.concatenate([np.zeros((s.shape[0], 1)), np.exp(by_day).cumsum(axis=1)], axis=1) / 7.0
    first = (frame["first_purchase"].to_numpy().astype("datetime64[D]").astype(int)) - START
    last = first + np.rint(frame["recency"] * 7).astype(int)
    end = first + np.rint(frame["T"] * 7).astype(int)
    group = cells.row_of_customer
    own = group if by else np.zeros_like(group)
    x = frame["frequency"].to_numpy()
    each = beta_geometric.log_likelihood(
        x, family.coins(x), until[own, last] - until[own, first], until[own, end] - until[own, first],
        *parameters[:, group],
    )  # fmt: skip
    bonus = sum(
        by_day[c, np.asarray(days) - START - 1].sum()
        for c, days in zip(own, frame["repeat_days"], strict=True)
    )
    value, _ = clocked_value_and_gradient(BG_NBD.kind, packed, *data.values())
    assert value == pytest.approx(each.sum() + bonus, rel=1e-12)


@FAMILY
@pytest.mark.parametrize("by", [None, "shop"])
def test_the_gradient_is_that_of_finite_differences(family, by):
    _, _, timeline, data = inputs(family, ClockSpec(by=by))
    s = 0.5 * np.random.default_rng(6).standard_normal((data["repeats"].shape[0], timeline.block.size))
    _, packed = packed_at(s)
    _, gradient = clocked_value_and_gradient(BG_NBD.kind, packed, *data.values())
    for at in range(packed.size):
        total, step = 0.0, 1e-3
        for shift, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = packed.copy()
            moved[0, at] += shift * step
            total += weight * clocked_value_and_gradient(BG_NBD.kind, moved, *data.values())[0]
        assert gradient[0, at] == pytest.approx(total / (12 * step), rel=1e-6, abs=1e-6)


@FAMILY
def test_one_customer_against_quadrature_over_rate_and_dropout(family):
    """The process in the calendar: intensity λ exp(s(day)), a coin after each purchase."""
    r, alpha, a, b = POINT
    days, end = [START + 30, START + 100, START + 101], END
    frame = pd.DataFrame({
        "customer_id": ["k"], "frequency": [3], "recency": [101 / 7.0], "T": [(end - START) / 7.0],
        "first_purchase": pd.to_datetime([START], unit="D"), "repeat_days": [days],
    })  # fmt: skip
    frame.attrs["time_unit"] = "week"
    cells = make_cells(frame, [], with_spend=False, with_days=True)
    timeline = make_timeline(ClockSpec(), start=START, end=end)
    s = 0.6 * np.random.default_rng(7).standard_normal(timeline.block.size)
    data = clocked_purchase_data(
        cells.purchase,
        family,
        timeline,
        np.zeros(1, int),
        repeat_counts(cells, timeline, np.zeros(1, int)),
        7.0,
    )
    intensity = np.exp(s[timeline.segment_of(np.arange(START + 1, end + 1))]) / 7.0
    at_purchases = np.prod([intensity[day - START - 1] * 7.0 for day in days])
    alive_until, whole = intensity[: days[-1] - START].sum(), intensity.sum()
    coins = int(family.coins(3))

    def density(p, lam):
        bought = lam**3 * at_purchases
        alive = bought * (1 - p) ** coins * np.exp(-lam * whole)
        dead = bought * p * (1 - p) ** (coins - 1) * np.exp(-lam * alive_until)
        return (alive + dead) * stats.gamma.pdf(lam, r, scale=1 / alpha) * stats.beta.pdf(p, a, b)

    want, _ = integrate.dblquad(density, 0, np.inf, 0, 1, epsabs=1e-12, epsrel=1e-8)
    packed = np.concatenate([POINT, s])[None]
    value, _ = clocked_value_and_gradient(BG_NBD.kind, packed, *data.values())
    assert value == pytest.approx(np.log(want), abs=1e-6)


def test_an_impossible_clock_has_no_likelihood():
    _, _, timeline, data = inputs(FAMILIES["bg_nbd"], ClockSpec())
    _, packed = packed_at(np.full(timeline.block.size, 800.0))
    value, gradient = clocked_value_and_gradient(BG_NBD.kind, packed, *data.values())
    assert value == -np.inf
    assert not gradient.any()


def test_the_loadings_give_a_stationary_ar1():
    loadings = fading(0.7, 12)
    lag = np.abs(np.subtract.outer(np.arange(12), np.arange(12)))
    np.testing.assert_allclose(loadings @ loadings.T, 0.7**lag, rtol=1e-12)


def test_each_process_has_the_precision_of_its_own_steps():
    """AR(1) has covariance sd² ρ^|i − j|, a random walk that of sums of steps, terms sd²."""
    blocks = Blocks(np.arange(12) * 28.0, 12, 2)
    lag = np.abs(np.subtract.outer(np.arange(12), np.arange(12)))
    walk = np.minimum.outer(np.arange(1, 13), np.arange(1, 13)).astype(float)
    values = {"sd": 0.4, "rho": 0.7, "step_sd": 0.2, "season_sd": 0.3}
    expected = {"ar1": 0.16 * 0.7**lag, "random_walk": 0.04 * walk, "seasonal": 0.09 * np.eye(4)}
    for name, covariance in expected.items():
        precision = sum(number * matrix for number, matrix in PROCESSES[name].precision(values, blocks))
        np.testing.assert_allclose(precision @ covariance, np.eye(len(covariance)), atol=1e-12)


def whitening_case():
    """Bands, a gap between them, and two full rows."""
    rng = np.random.default_rng(0)
    root = np.diag(rng.uniform(1.0, 2.0, 8)) + np.diag(rng.standard_normal(7), -1)
    root[3, 2] = 0.0
    root[6:] += np.tril(rng.standard_normal((2, 8)), 5)
    return root @ root.T, rng.standard_normal(8), rng.standard_normal(8)


def test_whitened_states_have_the_posterior_of_normal_data():
    precision, pull, z = whitening_case()
    root = np.linalg.cholesky(precision)
    x, log_det = states_of(z, precision, pull)
    np.testing.assert_allclose(x, np.linalg.solve(root.T, z) + np.linalg.solve(precision, pull), rtol=1e-11)
    assert log_det == pytest.approx(0.5 * np.linalg.slogdet(precision)[1], rel=1e-12)


def test_states_give_their_coordinates_back():
    precision, pull, z = whitening_case()
    x, log_det = states_of(z, precision, pull)
    found, logs = coordinates_of_each(x[None], precision[None], pull[None])
    np.testing.assert_allclose(found[0], z, rtol=1e-11)
    assert logs[0] == pytest.approx(log_det, rel=1e-12)
    assert log_roots(precision[None])[0] == pytest.approx(log_det, rel=1e-12)


def test_the_adjoint_of_whitening_is_that_of_finite_differences():
    precision, pull, z = whitening_case()
    weight, step = np.random.default_rng(1).standard_normal(8), 1e-6

    def scalar(z, precision, pull):
        x, log_det = states_of(z, precision, pull)
        return x @ weight + 1.3 * log_det

    slopes = pull_back(z, precision, pull, weight, 1.3)
    for which, slope in enumerate(slopes):
        for at in np.ndindex(slope.shape):
            if which == 1 and precision[at] == 0.0:
                continue  # outside the band: its users never move it
            up, down = ([each.copy() for each in (z, precision, pull)] for _ in range(2))
            up[which][at] += step
            down[which][at] -= step
            assert slope[at] == pytest.approx((scalar(*up) - scalar(*down)) / (2 * step), rel=1e-5, abs=1e-7)

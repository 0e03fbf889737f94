"""Slice sampling over tables: against closed forms and quadrature."""

import numpy as np
import pytest
from scipy import stats

from bayesltv.numerics.random_numbers import open_stream
from bayesltv.numerics.slices import Chain, RowPriors, sample_cells, tabulated

PRIORS = RowPriors(np.zeros(2), np.array([0.5, 0.4]), np.array([0.3, 0.25]))


def sampled(logs, *, draws=6000, sets=None, priors=PRIORS, start=-2.0, step=0.1):
    rows, cells = logs.shape[1:3]
    chain = Chain(*(np.empty((draws, *more)) for more in ((rows, cells), (rows,), (rows,), ())))
    state = np.empty(4, np.uint64)
    open_stream(state, np.uint64(5), np.uint64(0))
    of_draw = np.zeros(draws, np.int64) if sets is None else sets
    sample_cells(tabulated(start, step, logs), of_draw, priors, (200, 3, 3), state, chain)
    return chain


def normal_logs(seen, errors):
    points = np.linspace(-2.0, 2.0, 41)
    return -0.5 * ((points - seen[..., None]) / errors[..., None]) ** 2


def test_normal_cells_have_the_means_and_spreads_of_the_normal_hierarchical_model():
    # base_c ~ N(m0, s0), difference_c ~ N(m1, s1), seen base + noise and base + difference + noise: given s0
    # and s1 all is normal, and these two are integrated over a grid
    rng, cells = np.random.default_rng(1), 6
    seen, errors = rng.normal([[0.2], [0.4]], 0.3, (2, cells)), np.array([[0.1] * cells, [0.15] * cells])
    grid, weight, told = np.linspace(0.004, 1.2, 100), [], []
    design = np.array([[1.0, 0.0], [1.0, 1.0]])
    for s0 in grid:
        for s1 in grid:
            v = np.diag([0.1**2, 0.15**2]) + design @ np.diag([s0**2, s1**2]) @ design.T
            precision = cells * design.T @ np.linalg.solve(v, design) + np.diag(1 / PRIORS.wide**2)
            right = design.T @ np.linalg.solve(v, seen.sum(axis=1))
            mean = np.linalg.solve(precision, right)
            squares = np.einsum("ic,ij,jc", seen, np.linalg.inv(v), seen) - right @ mean
            dets = cells * np.linalg.slogdet(v)[1] + np.linalg.slogdet(precision)[1]
            prior = -0.5 * ((s0 / 0.3) ** 2 + (s1 / 0.25) ** 2)
            weight.append(prior - 0.5 * (dets + squares))
            told.append([*mean, s0, s1, *(np.diag(np.linalg.inv(precision)) + mean**2)])
    weight = np.exp(np.array(weight) - max(weight))
    m0, m1, s0, s1, *squares = (weight / weight.sum()) @ np.array(told)
    chain = sampled(normal_logs(seen, errors)[None])
    np.testing.assert_allclose(chain.mean.mean(axis=0), [m0, m1], atol=0.012)
    np.testing.assert_allclose(chain.sd.mean(axis=0), [s0, s1], atol=0.008)
    np.testing.assert_allclose(chain.mean.std(axis=0), np.sqrt(np.array(squares) - [m0**2, m1**2]), rtol=0.06)


@pytest.mark.parametrize("size", [3.0, 400.0])
def test_one_cell_is_what_quadrature_says_of_counts(size):
    # Poisson counts of a control and an arm, base and difference both N(0, wide)
    points = np.linspace(-4.0, 4.0, 321)
    counts = np.array([size, 1.6 * size])
    logs = counts[:, None] * points - size * np.exp(points)
    chain = sampled(logs[None, :, None], start=-4.0, step=0.025)
    base, effect = np.meshgrid(np.linspace(-3, 3, 601), np.linspace(-3, 3, 601), indexing="ij")
    density = stats.norm.logpdf(base, 0, 0.5) + stats.norm.logpdf(effect, 0, 0.4)
    for count, at in zip(counts, (base, base + effect), strict=True):
        density += count * at - size * np.exp(at)
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    for row, at in enumerate((base, effect)):
        mean = (weight * at).sum()
        sd = np.sqrt((weight * (at - mean) ** 2).sum())
        assert chain.values[:, row, 0].mean() == pytest.approx(mean, abs=0.06 * sd)
        assert chain.values[:, row, 0].std() == pytest.approx(sd, rel=0.05)


@pytest.mark.parametrize("cells", [1, 3])
@pytest.mark.parametrize("error", [0.05, 0.15, 0.8])
def test_differences_shrink_by_the_sd_between_them(cells, error):
    # seen difference_k ~ N(difference_k, error), difference_k ~ N(0, wide), wide half-normal: given wide all
    # is normal, and it is integrated over a grid; cells do not differ, and add up to the same error
    seen = np.array([0.0, 0.3, 0.1, -0.05])
    errors = np.full((4, cells), error * np.sqrt(cells))
    errors[0] = 1e-3
    priors = RowPriors(np.zeros(4), np.array([1.0, 0.4, 0.4, 0.4]), np.full(4, 1e-4), 0.4)
    chain = sampled(normal_logs(np.tile(seen[:, None], cells), errors)[None], priors=priors)
    wide = np.linspace(1e-4, 2.4, 6000)[:, None]
    logs = stats.norm(0, np.hypot(wide, error)).logpdf(seen[1:]).sum(axis=1) - 0.5 * (wide[:, 0] / 0.4) ** 2
    weight = np.exp(logs - logs.max())[:, None] / np.exp(logs - logs.max()).sum()
    share = wide**2 / (wide**2 + error**2)
    mean = (weight * share).sum() * seen[1:]
    square = (weight * (share * error**2 + (share * seen[1:]) ** 2)).sum(axis=0)
    sd = np.sqrt(square - mean**2)
    found = chain.values[:, 1:].mean(axis=2)
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=0.1 * sd.max())
    np.testing.assert_allclose(found.std(axis=0), sd, rtol=0.1)
    assert chain.wide.mean() == pytest.approx((weight * wide).sum(), rel=0.08)


def test_each_draw_goes_by_its_own_tables():
    seen = np.array([[[-1.0], [0.0]], [[1.0], [0.0]]])
    logs = np.stack([normal_logs(each, np.full((2, 1), 0.05)) for each in seen])
    sets = np.arange(4000) % 2
    base = sampled(logs, draws=4000, sets=sets).values[:, 0, 0]
    known = 1 / (1 + 0.05**2 / 0.5**2)
    for at, sign in enumerate((-1.0, 1.0)):
        assert base[sets == at].mean() == pytest.approx(sign * known, abs=0.03)


def test_tables_go_on_by_their_slope():
    from bayesltv.numerics.slices import _look_up

    points = np.linspace(-1.0, 1.0, 21)
    tables = tabulated(-1.0, 0.1, np.array([np.sin(points)])[None, None])
    pieces, top = tables.pieces[0, 0, 0], np.sin(points).max()
    for x in (-0.93, 0.0, 0.314, 0.999):
        assert _look_up(pieces, -1.0, 0.1, x) == pytest.approx(np.sin(x) - top, abs=1e-5)
    slope = _look_up(pieces, -1.0, 0.1, 1.3) - _look_up(pieces, -1.0, 0.1, 1.2)
    assert slope == pytest.approx(0.1 * np.cos(1.0), rel=1e-3)
    assert _look_up(pieces, -1.0, 0.1, -1.5) == pytest.approx(
        np.sin(-1.0) - top - 0.5 * np.cos(1.0), rel=1e-3
    )

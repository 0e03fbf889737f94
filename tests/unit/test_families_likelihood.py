"""The collapsed likelihoods and their gradients, against customers one by one and finite differences."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import special

import beta_geometric
from bayesltv.data.summary.cells import make_cells
from bayesltv.families.bg_nbd import BG_NBD, MBG_NBD
from bayesltv.families.cells import purchase_value_and_gradient
from bayesltv.families.gamma_gamma import formulas as gamma_gamma
from bayesltv.families.gamma_gamma.likelihood import spend_value_and_gradient
from bayesltv.model.likelihood import purchase_data, spend_data
from bayesltv.numerics.special import digamma
from helpers import COIN_FAMILIES as FAMILIES

FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
FORM = pytest.mark.parametrize("form", ["full", "mean"])
GROUPS = 3


def summary_of(n, seed):
    """Return n random customers in three groups; the third has no repeater."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, GROUPS, n)
    x = np.where(group < GROUPS - 1, rng.choice([0, 0, 1, 2, 5, 40], n), 0)
    T = rng.integers(20, 40, n).astype(float)
    t_x = np.where(x > 0, np.ceil(T * rng.random(n)), 0.0)
    amounts = [rng.gamma(3, 10, count) for count in x]
    total = np.array([z.sum() for z in amounts])
    return pd.DataFrame(
        {
            "customer_id": np.arange(n).astype(str),
            "frequency": x,
            "recency": t_x,
            "T": T,
            "monetary_value": np.where(x > 0, total / np.maximum(x, 1), np.nan),
            "spend_count": x,
            "spend_sum": total,
            "spend_log_sum": [np.log(z).sum() for z in amounts],
            "group": np.array(["a", "b", "c"])[group],
        }
    )


def purchase_inputs(family, columns=("group",), n=400):
    summary = summary_of(n, seed=1)
    cells = make_cells(summary, columns, with_spend=False).purchase
    return summary, cells.group[cells.cell_of_customer], tuple(purchase_data(cells, family).values())


def spend_inputs(form, n=400):
    summary = summary_of(n, seed=2)
    if form == "mean":
        summary = summary.drop(columns=["spend_count", "spend_sum", "spend_log_sum"])
    rows = make_cells(summary, ["group"], with_spend=True).spend
    return rows, tuple(spend_data(rows, GROUPS).values())


def around(centre, seed):
    factors = np.exp(0.4 * np.random.default_rng(seed).standard_normal((len(centre), GROUPS)))
    return np.array(centre)[:, None] * factors


def by_differences(kernel, parameters, data):
    """Return the gradient by central differences of fourth order, step 1e-3 of each parameter."""
    slopes = np.zeros_like(parameters)
    for at in np.ndindex(parameters.shape):
        step = 1e-3 * parameters[at]
        total = 0.0
        for shift, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = parameters.copy()
            moved[at] += shift * step
            total += weight * kernel(moved, *data)[0]
        slopes[at] = total / (12 * step)
    return slopes


@pytest.mark.parametrize("x", [1e-8, 1e-3, 0.243, 1.0, 1.4616321449683623, 2.5, 9.999, 10.0, 2000.3, 1e8])
def test_digamma_is_that_of_scipy(x):
    assert digamma(x) == pytest.approx(special.digamma(x), rel=1e-13, abs=1e-13)


@FAMILY
@pytest.mark.parametrize("seed", range(3))
def test_the_purchase_likelihood_is_the_sum_over_customers(family, seed):
    summary, group, data = purchase_inputs(family)
    parameters = around((0.3, 4.0, 0.8, 2.5), seed)
    x = summary["frequency"].to_numpy()
    each = beta_geometric.log_likelihood(
        x, family.coins(x), summary["recency"], summary["T"], *parameters[:, group]
    )
    assert purchase_value_and_gradient(BG_NBD.kind, parameters, *data)[0] == pytest.approx(
        each.sum(), rel=1e-12
    )


@FAMILY
@pytest.mark.parametrize("seed", range(3))
def test_the_purchase_gradient_is_that_of_finite_differences(family, seed):
    _, _, data = purchase_inputs(family)
    parameters = around((0.3, 4.0, 0.8, 2.5), seed)
    _, gradient = purchase_value_and_gradient(BG_NBD.kind, parameters, *data)
    want = by_differences(partial(purchase_value_and_gradient, BG_NBD.kind), parameters, data)
    assert gradient * parameters == pytest.approx(want * parameters, rel=1e-7, abs=1e-6)


@FORM
@pytest.mark.parametrize("seed", range(3))
def test_the_spend_likelihood_is_the_sum_over_repeaters(form, seed):
    rows, data = spend_inputs(form)
    parameters = around((3.6, 4.5, 34.0), seed)
    if form == "full":
        each = gamma_gamma.log_likelihood_of_amounts(
            rows.count, rows.total, rows.log_total, *parameters[:, rows.group]
        )
    else:
        each = gamma_gamma.log_likelihood_of_mean(
            rows.count, rows.total / rows.count, *parameters[:, rows.group]
        )
    assert spend_value_and_gradient(parameters, *data)[0] == pytest.approx(each.sum(), rel=1e-12)


@FORM
@pytest.mark.parametrize("seed", range(3))
def test_the_spend_gradient_is_that_of_finite_differences(form, seed):
    _, data = spend_inputs(form)
    parameters = around((3.6, 4.5, 34.0), seed)
    _, gradient = spend_value_and_gradient(parameters, *data)
    want = by_differences(spend_value_and_gradient, parameters, data)
    assert gradient * parameters == pytest.approx(want * parameters, rel=1e-7, abs=1e-6)


@FAMILY
def test_a_group_without_repeaters_has_a_finite_gradient(family):
    _, _, data = purchase_inputs(family)
    _, gradient = purchase_value_and_gradient(BG_NBD.kind, around((0.3, 4.0, 0.8, 2.5), 0), *data)
    assert np.isfinite(gradient).all()
    assert (gradient[:2, 2] != 0).all()
    # nobody there met a coin in BG/NBD, so that dropout is unknown; everybody met one in MBG/NBD
    assert (np.abs(gradient[2:, 2]) > 1e-9).all() == (family is MBG_NBD)


@FORM
def test_a_group_without_spend_has_no_slope(form):
    _, data = spend_inputs(form)
    _, gradient = spend_value_and_gradient(around((3.6, 4.5, 34.0), 0), *data)
    assert (gradient[:, 2] == 0).all()


@FAMILY
@pytest.mark.parametrize(
    "parameters", [(1e-4, 1e-4, 1e-4, 1e-4), (1e4, 1e5, 1.0, 1e4), (0.243, 4.414, 1e5, 1e-3)]
)
def test_values_and_gradients_are_finite_far_from_any_data(family, parameters):
    _, _, data = purchase_inputs(family, columns=())
    value, gradient = purchase_value_and_gradient(BG_NBD.kind, np.array(parameters)[:, None], *data)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@FAMILY
def test_extreme_customers_have_finite_likelihood_and_gradient(family):
    extreme = pd.DataFrame(
        {
            "frequency": [0, 0, 1, 2000, 2000],
            "recency": [0.0, 0.0, 1e-9, 1e-6, 2000.0],
            "T": [0.0, 1e4, 1e4, 2000.0, 2000.0],
        }
    )
    cells = make_cells(extreme, [], with_spend=False).purchase
    parameters = np.array([0.243, 4.414, 1.0, 2.426])
    value, gradient = purchase_value_and_gradient(
        BG_NBD.kind, parameters[:, None], *purchase_data(cells, family).values()
    )
    x = extreme["frequency"].to_numpy()
    each = beta_geometric.log_likelihood(x, family.coins(x), extreme["recency"], extreme["T"], *parameters)
    assert np.isfinite(gradient).all()
    assert value == pytest.approx(each.sum(), rel=1e-12)


def test_parameters_and_data_are_left_as_they_were():
    _, _, data = purchase_inputs(MBG_NBD)
    parameters = around((0.3, 4.0, 0.8, 2.5), 0)
    before = [np.copy(array) for array in (parameters, *data)]
    purchase_value_and_gradient(BG_NBD.kind, parameters, *data)
    for array, copy in zip((parameters, *data), before, strict=True):
        assert np.array_equal(array, copy)

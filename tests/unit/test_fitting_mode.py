"""The search for a mode, and what a fit does where there is none to find."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.fitting.density import make_density
from bayesltv.fitting.laplace.blocks import independent_blocks
from bayesltv.fitting.mode import find_mode
from bayesltv.model.build import make_problem, model_of
from bayesltv.specs.model.settings import SamplerSpec


@dataclass(frozen=True)
class TwoHills:
    """−(x² − 1)² − y²: modes at x = ±1, and a saddle at 0, where a search from x = 0 by gradients ends."""

    size: int = 2
    start = np.array([0.0, 0.5])

    def __call__(self, point):
        x, y = point
        return -((x**2 - 1) ** 2) - y**2, np.array([-4 * x * (x**2 - 1), -2 * y])

    def expand(self, point):
        return {"point": np.array(point)}


@dataclass(frozen=True)
class Slope(TwoHills):
    """Rises without end."""

    def __call__(self, point):
        return point[0] - point[1] ** 2, np.array([1.0, -2 * point[1]])


def test_a_search_that_ends_on_a_saddle_climbs_to_a_mode():
    found = find_mode(TwoHills())
    np.testing.assert_allclose(np.abs(found.mode), [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(found.covariance, np.diag([1 / 8, 1 / 2]), atol=1e-5)


def test_where_there_is_no_mode_the_cure_is_named():
    with pytest.raises(ltv.FitError, match=r"no mode.*method='nuts'"):
        find_mode(Slope())


@pytest.fixture(scope="module")
def slow_buyers():
    """Six years of few purchases, where L-BFGS stops on a shelf of the posterior."""
    purchase = {"r": 4.73, "alpha": 454.8, "a": 0.0113, "b": 0.0327}
    dates = {"start": "2005-01-01", "observation_end": "2010-12-31", "acquisition_days": 1800}
    log = ltv.simulate_log(3000, seed=5, family="mbg_nbd", purchase=purchase, **dates)
    return ltv.summarize(log, observation_end="2010-12-31", time_unit="week", monetary_value_col=None)


def test_a_proper_mode_beyond_a_shelf_is_found(slow_buyers):
    spec = replace(ltv.load_spec("mbg_pooled").without_spend(), sampler=SamplerSpec(draws=250))
    density = make_density(model_of(make_problem(slow_buyers, spec)))
    found = find_mode(density)
    top, sds = density(found.mode)[0], np.sqrt(np.diag(found.covariance))
    around = found.mode + 0.1 * sds * np.random.default_rng(1).standard_normal((50, 4))
    assert max(density(point)[0] for point in around) < top
    fit = ltv.fit(slow_buyers, spec, seed=1, method="laplace", progress=False)
    assert ltv.check(fit, slow_buyers).passed
    assert 4.0 < float(fit["posterior"]["r"].mean()) < 8.0  # 5.8, sd 1.2, by NUTS


@pytest.mark.parametrize("name", ["pooled", "mbg_pooled"])
def test_nowhere_in_the_tails_do_rounding_errors_pass_for_likelihood(cdnow, name):
    problem = make_problem(cdnow, ltv.load_spec(name))
    model = model_of(problem)
    density, rng = make_density(model), np.random.default_rng(2)
    mode = find_mode(density).mode
    for block in independent_blocks(model, density, problem):
        top = block.density(mode)[0]
        for scale in (5.0, 20.0, 60.0):
            for away in scale * rng.standard_normal((300, block.where.size)):
                point = mode.copy()
                point[block.where] += away
                assert not block.density(point)[0] >= top  # NaN is none


def priced(amounts, *, repeats=3):
    """One customer per row of `amounts`, each with that many purchases a fortnight apart."""
    rows = [
        (f"c{i}", pd.Timestamp("2024-01-01") + pd.Timedelta(days=i % 50 + 14 * j), each[j % len(each)])
        for i, each in enumerate(amounts)
        for j in range(repeats + 1)
    ]
    log = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    return ltv.summarize(log, observation_end="2024-06-30", time_unit="week")


@pytest.mark.parametrize("method", ["nuts", "laplace"])
@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        ([(9.99,)] * 40, "all 120 repeat amounts are equal"),
        ([(9.99,), (19.99,)] * 20, "no customer's repeat amounts differ: 120 of 40"),
    ],
)
def test_amounts_that_do_not_differ_are_refused_before_sampling(amounts, said, method):
    with pytest.raises(ltv.DataError, match=f"{said}.*monetary_value_col=None"):
        ltv.fit(priced(amounts), ltv.load_spec("pooled"), seed=1, method=method, progress=False)


def test_equal_means_are_refused_where_only_means_are_told():
    summary = priced([(9.99,)] * 40)
    bare = summary.drop(columns=[name for name in summary if name.startswith("spend_")])
    bare.attrs = dict(summary.attrs)
    with pytest.raises(ltv.DataError, match="all 40 repeaters have the same mean amount"):
        ltv.fit(bare, ltv.load_spec("pooled"), seed=1, method="laplace", progress=False)


def test_few_equal_amounts_are_warned_of():
    summary, spec = priced([(9.99,)] * 2), ltv.load_spec("pooled")
    with pytest.warns(ltv.BayesltvWarning, match="all 6 repeat amounts are equal.*priors alone"):
        ltv.fit(summary, spec, seed=1, method="laplace", progress=False, sampler={"draws": 50})


def test_one_amount_that_differs_is_enough(recwarn):
    summary = priced([(9.99,)] * 39 + [(9.99, 12.0)])
    ltv.fit(summary, ltv.load_spec("pooled"), seed=1, method="laplace", progress=False)
    assert not [each for each in recwarn if "equal" in str(each.message)]

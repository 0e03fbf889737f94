"""A clock in the PyMC model: its density, its priors, and what a fit stores of it."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import stats
from tests.unit.test_fitting_density import by_value_variable

import bayesltv as ltv
from bayesltv.fitting.density import make_density
from bayesltv.model.build import make_problem, model_of
from bayesltv.model.prior_draws import draw_prior
from bayesltv.specs.model.events import Events, Occurrence, day_number

OWN = {"season_sd": ltv.PriorSpec("HalfNormal", {"sigma": 0.1}, why="mine")}
SALE = Events(
    (Occurrence("sale", day_number("", "1997-06-01"), day_number("", "1997-06-03")),),
    (day_number("", "1997-01-01"), day_number("", "1998-12-31")),
    {"sale": ltv.PriorSpec.elicited(mass=0.9, between=(1.0, 4.0))},
)


def quick_spec():
    return ltv.ModelSpec(spend=None, clock=ltv.ClockSpec(events=SALE))


def whole_spec():
    """Every process, an event, and clocks by cohort."""
    clock = ltv.ClockSpec(process=["ar1", "random_walk", "seasonal"], by="cohort", priors=OWN, events=SALE)
    return ltv.ModelSpec(spend=None, groups=("cohort",), clock=clock)


@pytest.mark.slow
def test_the_density_is_the_log_probability_of_the_pymc_model(cdnow):
    model = ltv.build_model(cdnow, quick_spec())
    density = make_density(model)
    whole = model.compile_logp(mode="FAST_COMPILE")
    rng = np.random.default_rng(3)
    point = density.start + 0.3 * rng.standard_normal(density.size)
    value, gradient = density(point)
    assert value == pytest.approx(float(whole(by_value_variable(model, point))), rel=1e-10)
    for _ in range(3):
        direction = rng.standard_normal(density.size)
        step = 1e-5
        slope = (density(point + step * direction)[0] - density(point - step * direction)[0]) / (2 * step)
        assert gradient @ direction == pytest.approx(slope, rel=1e-5)


@pytest.mark.slow
def test_sums_of_processes_and_clocks_of_groups_have_a_gradient(cdnow):
    """In plain Python, since compiling this model takes minutes."""
    model = ltv.build_model(cdnow, whole_spec())
    logp, dlogp = model.compile_logp(mode="FAST_COMPILE"), model.compile_dlogp(mode="FAST_COMPILE")
    start = np.concatenate(
        [np.ravel(model.initial_point(0)[each.name]) for each in model.continuous_value_vars]
    )
    rng = np.random.default_rng(4)
    point = start + 0.3 * rng.standard_normal(start.size)
    gradient = dlogp(by_value_variable(model, point))
    direction, step = rng.standard_normal(start.size), 1e-5
    ahead, behind = (float(logp(by_value_variable(model, point + e * direction))) for e in (step, -step))
    assert gradient @ direction == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


def test_prior_draws_follow_the_priors_of_the_model(cdnow):
    """Also a proof that the sampler's coordinates leave the prior as it is."""
    problem = make_problem(cdnow, whole_spec())
    ours = draw_prior(
        problem.spec,
        problem.cells.groups,
        draws=1500,
        rng=np.random.default_rng(1),
        timeline=problem.timeline,
    )
    names = [
        "clock_sd",
        "clock_rho",
        "clock",
        "clock_ar1",
        "clock_seasonal",
        "clock_effect_cohort",
        "clock_factor_sale",
    ]
    with model_of(problem) as model:
        theirs = pm.draw([model[name] for name in names], draws=1500, random_seed=2, mode="FAST_COMPILE")
    for name, values in zip(names, theirs, strict=True):
        mine = ours[name].values.reshape(1500, -1)
        for at in (0, -1):
            p = stats.ks_2samp(mine[:, at], values.reshape(1500, -1)[:, at]).pvalue
            assert p > 1e-4, name


@pytest.fixture(scope="module")
def clock_fit_of_cdnow(cdnow, once) -> xr.DataTree:
    sampler = {"chains": 2, "tune": 400, "draws": 400}
    with pytest.warns(ltv.BayesltvWarning, match=r"the calendar holds sale \(once\): their factors lean"):
        return ltv.fit(cdnow, quick_spec(), seed=20240501, sampler=sampler, cores=1, progress=False)


@pytest.mark.slow
def test_a_fit_names_its_blocks_by_their_last_day(clock_fit_of_cdnow):
    tree = clock_fit_of_cdnow
    assert tree["posterior"]["clock"].dims == ("chain", "draw", "clock_block")
    assert tree["posterior"]["clock_block"].values[[0, -1]].tolist() == ["1997-01-21", "1997-09-30"]
    constant = tree["constant_data"]
    assert (int(constant["clock_start"]), int(constant["clock_end"])) == (9862, 10134)
    assert int(constant["clock_seen_sale"]) == 1
    assert {"clock_sd", "clock_rho", "clock_factor_sale"} <= set(tree["log_prior"].data_vars)
    assert {"clock", "clock_sd"} <= set(tree["prior"].data_vars)


@pytest.mark.slow
def test_cdnow_was_quick_in_winter_and_slow_in_summer(clock_fit_of_cdnow):
    """Repeat purchases per customer at risk fell from February to June, which no dropout explains."""
    s = clock_fit_of_cdnow["posterior"]["clock"].mean(("chain", "draw"))
    assert float(s.sel(clock_block="1997-02-18") - s.sel(clock_block="1997-06-10")) > 0.3


@pytest.mark.slow
def test_the_sampler_finds_no_funnel(clock_fit_of_cdnow):
    stats_ = clock_fit_of_cdnow["sample_stats"]
    assert int(stats_["diverging"].sum()) <= 1
    assert float(stats_["n_steps"].mean()) < 20


@pytest.mark.slow
def test_a_trace_goes_on_past_the_end(clock_fit_of_cdnow):
    trace = ltv.trace_clock(clock_fit_of_cdnow, seed=1, horizon="26 weeks")
    assert trace.dims == ("clock", "chain", "draw", "clock_block")
    assert trace["is_forecast"].values.tolist() == [False] * 10 + [True] * 7
    np.testing.assert_allclose(
        trace.isel(clock=0).values[..., :10], clock_fit_of_cdnow["posterior"]["clock"].values, atol=1e-9
    )


@pytest.mark.slow
def test_a_fit_comes_back_from_its_file(clock_fit_of_cdnow, cdnow, tmp_path):
    path = ltv.save(clock_fit_of_cdnow, tmp_path / "fit.nc")
    terms = {"horizon": "8 weeks", "annual_discount_rate": 0.1, "margin": 1.0, "seed": 2, "draws": 20}
    some = cdnow.iloc[:30]
    drawn = ltv.predict(ltv.load(path), some, **terms)
    assert drawn.equals(ltv.predict(clock_fit_of_cdnow, some, **terms))

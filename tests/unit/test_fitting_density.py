"""The sampler's density is the PyMC model's, and pooled effects are what the model says they are."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor
import pytest
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.traversal import graph_inputs
from scipy import stats

import bayesltv as ltv
from bayesltv.data.summary.cells import make_cells
from bayesltv.data.summary.groups import Groups
from bayesltv.fitting.coordinates import Coordinates
from bayesltv.fitting.density import make_density
from bayesltv.fitting.sample import sample_nuts
from bayesltv.model.build import make_problem, model_of
from bayesltv.model.pooling import level_errors, zero_sum_basis
from bayesltv.model.prior_draws import draw_prior


def by_value_variable(model, point):
    """Split a flat point over the model's unconstrained variables."""
    parts, start = {}, 0
    initial = model.initial_point(0)
    for variable in model.continuous_value_vars:
        shape = np.shape(initial[variable.name])
        size = int(np.prod(shape, dtype=int))
        parts[variable.name] = point[start : start + size].reshape(shape)
        start += size
    return parts


@pytest.mark.parametrize("name", ["pooled", "by_group", "mbg_pooled", "mbg_by_group"])
def test_density_is_the_log_probability_of_the_pymc_model(cdnow, name):
    model = ltv.build_model(cdnow, ltv.load_spec(name))
    density = make_density(model)
    whole = model.compile_logp(mode="FAST_COMPILE")  # the Op in plain Python, no numba, no split
    rng = np.random.default_rng(3)
    for _ in range(3):
        point = density.start + 0.5 * rng.standard_normal(density.size)
        value, gradient = density(point)
        assert value == pytest.approx(float(whole(by_value_variable(model, point))), rel=1e-10)
        direction = rng.standard_normal(density.size)
        step = 1e-5
        slope = (density(point + step * direction)[0] - density(point - step * direction)[0]) / (2 * step)
        assert gradient @ direction == pytest.approx(slope, rel=1e-5)


def test_further_potentials_of_a_user_are_part_of_the_density(cdnow):
    spec = ltv.load_spec("pooled")
    plain = ltv.build_model(cdnow, spec)
    with ltv.build_model(cdnow, spec) as tilted:
        pm.Potential("belief", -100.0 * (tilted["purchase_rate"] - 0.06) ** 2)
    point = make_density(plain).start + 0.1
    rate = make_density(plain).expand(point)["purchase_rate"]
    difference = make_density(tilted)(point)[0] - make_density(plain)(point)[0]
    assert difference == pytest.approx(-100.0 * float(rate - 0.06) ** 2, rel=1e-6)


def test_a_point_far_out_is_improbable_and_quickly_said_to_be_so(cdnow):
    density = make_density(ltv.build_model(cdnow, ltv.load_spec("pooled")))
    value, _ = density(density.start + 800.0)
    assert not value > -1e5


@pytest.mark.parametrize("levels", [2, 3, 12])
def test_the_basis_spans_deviations_that_sum_to_zero_with_equal_variance(levels):
    precision = np.geomspace(1.0, 1e4, levels)
    basis, information = zero_sum_basis(precision)
    assert basis.shape == (levels, levels - 1)
    np.testing.assert_allclose(basis.sum(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(basis.T @ basis, np.eye(levels - 1), atol=1e-12)
    np.testing.assert_allclose(np.diag(basis @ basis.T), 1 - 1 / levels, atol=1e-12)
    np.testing.assert_allclose(
        basis.T @ np.diag(precision) @ basis, np.diag(information), rtol=1e-9, atol=1e-6
    )


def test_levels_with_more_repeaters_are_thought_to_be_better_known(cdnow):
    cells = make_cells(cdnow, ["cohort"], with_spend=True)
    repeaters = cdnow[cdnow["frequency"] > 0].groupby("cohort").size()
    errors = level_errors("purchase_rate", "cohort", cells)
    assert np.argmin(errors) == np.argmax(repeaters.to_numpy())


def test_prior_draws_follow_the_priors_of_the_model(cdnow):
    problem = make_problem(cdnow, ltv.load_spec("by_group"))
    drawn = draw_prior(problem.spec, problem.cells.groups, draws=2000, rng=np.random.default_rng(1))
    with model_of(problem) as model:
        names = (
            "purchase_rate",
            "dropout_mean",
            "purchase_rate_sd_cohort",
            "purchase_rate_effect_cohort",
            "b",
        )
        variables = [model[name] for name in names]
        drawn_by_pymc = pm.draw(variables, draws=2000, random_seed=2, mode="FAST_COMPILE")
    for name, values in zip(names, drawn_by_pymc, strict=True):
        ours, theirs = drawn[name].values.reshape(2000, -1)[:, 0], values.reshape(2000, -1)[:, 0]
        assert stats.ks_2samp(ours, theirs).pvalue > 1e-4, name
    effects = drawn["purchase_rate_effect_cohort"].values
    np.testing.assert_allclose(effects.sum(axis=-1), 0.0, atol=1e-12)


def test_an_effect_is_on_the_link_of_its_scale(cdnow):
    problem = make_problem(cdnow, ltv.load_spec("by_group"))
    drawn = draw_prior(problem.spec, problem.cells.groups, draws=50, rng=np.random.default_rng(4)).isel(
        chain=0
    )
    mean = (drawn["a"] / (drawn["a"] + drawn["b"])).rename(group="cohort")
    logit = np.log(mean / (1 - mean)) - np.log(drawn["dropout_mean"] / (1 - drawn["dropout_mean"]))
    np.testing.assert_allclose(logit.values, drawn["dropout_mean_effect_cohort"].values, rtol=1e-6, atol=1e-9)


def test_one_population_has_no_group_dimension(cdnow):
    problem = make_problem(cdnow, ltv.load_spec("pooled"))
    assert problem.cells.groups == Groups((), ((),))
    assert draw_prior(problem.spec, problem.cells.groups, draws=5, rng=np.random.default_rng(1))[
        "r"
    ].dims == ("chain", "draw")


def test_every_scale_is_sampled_without_walls(cdnow):
    """PyMC's LogitNormal comes without a transform: the density must be proper wherever the sampler steps."""
    density = make_density(ltv.build_model(cdnow, ltv.load_spec("by_group")))
    rng = np.random.default_rng(5)
    for _ in range(20):
        value, gradient = density(density.start + 3 * rng.standard_normal(density.size))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@pytest.mark.slow
def test_the_model_is_an_ordinary_pymc_model_that_pymc_can_sample(cdnow):
    with ltv.build_model(cdnow, ltv.load_spec("pooled")):
        tree = pm.sample(draws=200, tune=300, chains=2, cores=1, random_seed=1, progressbar=False)
    assert float(np.log(tree["posterior"]["r"]).mean()) == pytest.approx(np.log(0.2425945), abs=0.05)


def another_problem(cdnow, name):
    """Return data and spec of the same shape as CDNOW with the spec `name`, with other numbers throughout."""
    log = ltv.load_cdnow().assign(amount=lambda frame: 3 * frame["amount"])
    some = log[log["customer_id"].str[-1].isin(list("0123"))]
    summary = ltv.summarize(some, observation_end="1997-07-31", time_unit="day", groups=["cohort"])
    assert 500 < len(summary) < 1500
    assert summary["cohort"].nunique() == cdnow["cohort"].nunique()
    spec = ltv.load_spec(name)
    changed = {
        scale: replace(prior, parameters={key: 0.7 * value for key, value in prior.parameters.items()})
        for scale, prior in spec.priors.items()
    }
    return summary, replace(spec, priors=changed)


@pytest.mark.parametrize("name", ["pooled", "by_group"])
def test_a_second_model_of_the_same_shape_compiles_nothing_and_keeps_its_own_numbers(
    cdnow, name, monkeypatch
):
    first = make_density(ltv.build_model(cdnow, ltv.load_spec(name)))
    before = first(first.start + 0.2)
    model = ltv.build_model(*another_problem(cdnow, name))
    monkeypatch.setattr(pytensor, "function", None)  # whoever compiles now breaks
    second = make_density(model)
    assert second.size == first.size
    point = second.start + 0.2
    monkeypatch.undo()
    whole = model.compile_logp(mode="FAST_COMPILE")
    assert second(point)[0] == pytest.approx(float(whole(by_value_variable(model, point))), rel=1e-10)
    initial = model.initial_point(0)
    parts = [np.ravel(initial[value.name]) for value in model.continuous_value_vars]
    np.testing.assert_allclose(second.start, np.concatenate(parts), rtol=1e-12)
    again = first(first.start + 0.2)
    assert again[0] == before[0]
    np.testing.assert_array_equal(again[1], before[1])


def test_priors_of_another_family_are_another_shape(cdnow):
    priors = {"purchase_rate": ltv.PriorSpec("Gamma", {"alpha": 2.0, "beta": 30.0}, per="week")}
    point = np.zeros(4)
    one, other = (
        make_density(ltv.build_model(cdnow, ltv.ModelSpec(spend=None, priors=stated)))
        for stated in ({}, priors)
    )
    difference = other(point)[0] - one(point)[0]
    default = ltv.ModelSpec(spend=None).priors["purchase_rate"].frozen()
    expected = stats.gamma(2.0, scale=1 / 30.0).logpdf(1.0) - default.logpdf(1.0)  # exp(0) purchases a week
    assert difference == pytest.approx(expected, rel=1e-6)


def test_compiled_functions_do_not_keep_the_data_of_a_fit_alive(cdnow):
    model = ltv.build_model(cdnow, ltv.load_spec("by_group"))
    density = make_density(model)
    shared = [each for each in graph_inputs(model.potentials) if isinstance(each, SharedVariable)]
    values = [each.get_value(borrow=True) for each in shared]
    held = [weakref.ref(value) for value in values if isinstance(value, np.ndarray) and value.ndim]
    assert len(held) > 20
    del model, density, shared, values
    gc.collect()
    assert [each for each in held if each() is not None] == []


class Walled:
    """A standard normal with walls: beyond them the density is 0, and its slope no number."""

    size, start = 2, np.zeros(2)

    def __call__(self, point):
        if np.abs(point).max() > 1.5:
            return -np.inf, np.array([np.inf, -np.inf])
        return -0.5 * float(point @ point), -point

    def expand(self, point):
        return {"x": point}


def test_steps_beyond_a_wall_are_rejected_without_a_warning():
    with pm.Model(coords={"axis": ["a", "b"]}) as model:
        pm.Normal("x", dims="axis")
    settings = ltv.ModelSpec().sampler.overridden({"chains": 2, "tune": 200, "draws": 300})
    frame = Coordinates(np.zeros(2), np.eye(2), 1.0)
    found = sample_nuts(model, Walled(), settings, seed=1, cores=1, progress=False, frame=frame)
    drawn = found["posterior"]["x"].values
    assert np.abs(drawn).max() <= 1.5
    assert found["sample_stats"]["diverging"].any()

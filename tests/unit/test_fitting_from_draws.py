"""A sampling run of one's own is a fit like any other once it is adopted."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.base.seal import stamped

CLOSE = {"rtol": 0, "atol": 1e-12}
TERMS = {"horizon": "39 weeks", "annual_discount_rate": 0.1, "margin": 0.3}
SPEC = ltv.load_spec("pooled")


@pytest.fixture(scope="module")
def some(cdnow):
    return cdnow[:300]


@pytest.fixture(scope="module")
def sampled(some):
    model = ltv.build_model(some, SPEC)
    return pm.sample(
        draws=60, tune=100, chains=2, cores=1, model=model, random_seed=1, progressbar=False,
        nuts_sampler="pymc", compute_convergence_checks=False,
    )  # fmt: skip


def test_a_run_of_pm_sample_is_checked_and_scored(sampled, some, decision, tmp_path):
    fit = ltv.as_fit(sampled, some, SPEC)
    report = ltv.check(fit, some)
    judged = {each.name: each.status for each in report.results}
    for name in ("rhat", "divergences", "ebfmi", "treedepth"):
        assert judged[name] in ("pass", "fail")
    failed = [each.name for each in report.failed]
    scores = ltv.score(fit, some, decision, seed=1, accept_failed=failed)
    draws = ltv.predict(fit, some, seed=1, **TERMS)
    assert draws.sizes == {"chain": 2, "draw": 60, "customer_id": 300}
    assert scores["fit_age_days"].eq(0).all()
    again = ltv.load(ltv.save(fit, tmp_path / "fit.nc"))
    assert ltv.predict(again, some, seed=1, **TERMS).identical(draws)
    assert {"prior", "log_prior", "constant_data"} <= set(fit.children)
    np.testing.assert_allclose(fit["posterior"]["r"], sampled["posterior"]["r"], **CLOSE)


def points(draws=40, **dims):
    """Draws around known parameters, made by hand."""
    rng = np.random.default_rng(1)
    point = {"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5, "p": 3.6, "q": 4.5, "v": 34.0}
    shape = (2, draws)
    made = {k: (("chain", "draw"), v * np.exp(0.05 * rng.standard_normal(shape))) for k, v in point.items()}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(made)})


def test_natural_parameters_alone_are_enough_for_one_population(some, decision):
    fit = ltv.as_fit(points(), some, SPEC)
    assert "log_prior" not in fit.children
    failed = [each.name for each in ltv.check(fit, some).failed]
    assert ltv.score(fit, some, decision, seed=1, accept_failed=failed)["ltv_mean"].gt(0).all()


def test_scoring_of_what_failed_is_refused(some, decision):
    with pytest.raises(ltv.CheckFailed, match="ess_bulk"):
        ltv.score(ltv.as_fit(points(), some, SPEC), some, decision, seed=1)


def without(name):
    return xr.DataTree.from_dict({"posterior": points()["posterior"].to_dataset().drop_vars(name)})


def below_zero(name):
    posterior = points()["posterior"].to_dataset()
    return xr.DataTree.from_dict({"posterior": posterior.assign({name: -posterior[name]})})


@pytest.mark.parametrize(
    ("tree", "spec", "said"),
    [
        (xr.DataTree(), "pooled", "no posterior"),
        (without("q"), "pooled", r"lacks q: was it sampled from build_model"),
        (below_zero("a"), "pooled", "80 of 80 draws of a are not positive"),
        (points(), "by_group", "lacks purchase_rate"),
    ],
    ids=["nothing", "without q", "negative", "without effects"],
)
def test_another_posterior_than_the_models_is_refused(some, tree, spec, said):
    with pytest.raises(ltv.FitError, match=said):
        ltv.as_fit(tree, some, ltv.load_spec(spec))


def test_groups_must_be_those_of_the_summary(some):
    spec = ltv.load_spec("by_group")
    model = ltv.build_model(some, spec)
    labels = list(model.coords["group"])
    rng, variables = np.random.default_rng(2), {}
    for each in (*model.free_RVs, *model.deterministics):
        dims = tuple(model.named_vars_to_dims.get(each.name) or ())
        shape = (2, 30, *(len(model.coords[dim]) for dim in dims))
        if "_offset_" not in each.name:
            variables[each.name] = (("chain", "draw", *dims), rng.uniform(0.5, 1.0, shape))
    coords = {name: list(values) for name, values in model.coords.items()}
    good = xr.Dataset(variables, coords=coords)
    fit = ltv.as_fit(xr.DataTree.from_dict({"posterior": good}), some, spec)
    assert ltv.predict(fit, some, seed=1, draws=4, **TERMS).sizes["customer_id"] == 300
    other = good.assign_coords(group=labels[::-1])
    with pytest.raises(ltv.FitError, match="other labels along group"):
        ltv.as_fit(xr.DataTree.from_dict({"posterior": other}), some, spec)
    with pytest.raises(ltv.FitError, match="dims"):
        ltv.as_fit(xr.DataTree.from_dict({"posterior": good.isel(group=0, drop=True)}), some, spec)


def test_results_of_checks_are_kept_where_scoring_looks_for_them(some, decision):
    fit = ltv.as_fit(points(), some, SPEC)
    del fit.attrs["checks"]
    fit = stamped(fit)
    with pytest.raises(ltv.CheckFailed, match=r"ltv\.with_checks\(fit, ltv\.check\(fit\)\)"):
        ltv.score(fit, some, decision, seed=1)
    report = ltv.check(fit, some)
    kept = ltv.with_checks(fit, report)
    accepted = [each.name for each in report.failed]
    assert len(ltv.score(kept, some, decision, seed=1, accept_failed=accepted)) == 300
    assert "checks" not in fit.attrs

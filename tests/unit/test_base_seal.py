"""A fit is verified before any use: what was damaged, edited or changed, or cannot be, is refused."""

import json
import time
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.base.gate import require_passed
from bayesltv.base.population import read_posterior
from bayesltv.base.seal import DIGEST, FORMAT, SAMPLER_CHECKS, digest_of, require_sound
from bayesltv.checks.run import stored_report
from bayesltv.checks.sampler import SAMPLER_CHECKS as FUNCTIONS
from helpers import clock_fit, covariate_fit, point_fit, sealed

POINT = {"r": 0.24, "alpha": 4.4, "a": 0.79, "b": 2.4, "p": 6.2, "q": 3.7, "v": 15.4}
CURE = r"ltv\.as_fit\(fit, summary, spec\)"
CALENDAR = {"start": "1997-01-01", "end": "1997-09-30"}


def with_a_clock():
    path = 0.8 * np.random.default_rng(2).standard_normal((20, 10))
    variables = {"clock_sd": 0.8, "clock_rho": 0.5}
    return clock_fit(POINT, path, clock=ltv.ClockSpec(), variables=variables, **CALENDAR)


def many():
    """A fit of every kind of content: texts, numbers, flags, stamps, attributes of groups and variables."""
    fit = covariate_fit(POINT, draws=20)
    more = xr.Dataset(
        {
            "flag": ("draw", np.arange(20) % 3 == 0),
            "count": ("draw", np.arange(20)),
            "label": ("x", ["a", "ü"]),
        },
        coords={"day": ("draw", pd.date_range("1997-01-01", periods=20))},
        attrs={"said": "once"},
    )  # fmt: skip
    more["count"].attrs["unit"] = "purchases"
    fit["more"] = xr.DataTree(more)
    return sealed(fit)


def changed(fit, variable, value, group="posterior"):
    """A copy of the fit in which one number of a variable is another."""
    dataset = fit[group].to_dataset().copy(deep=True)
    dataset[variable].values.flat[3] = value
    made = fit.copy()
    made[group] = xr.DataTree(dataset)
    return made


# ---- the digest


@pytest.mark.parametrize("make", [lambda: point_fit(POINT, draws=20), with_a_clock, many])
def test_a_digest_survives_the_disk(make, tmp_path):
    fit = make()
    ltv.save(fit, tmp_path / "fit.nc")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = ltv.load(tmp_path / "fit.nc")
    assert digest_of(read) == read.attrs[DIGEST] == digest_of(fit)


@pytest.mark.parametrize("name", ["pooled_fit", "grouped_laplace_fit", "laplace_fit"])
def test_a_fit_that_was_sampled_carries_its_digest(name, request):
    fit = request.getfixturevalue(name)  # saved and loaded
    assert fit.attrs["format"] == FORMAT
    assert len(fit.attrs[DIGEST]) == 64
    require_sound(fit)


def test_every_kind_of_change_changes_the_digest():
    fit = many()
    more = fit["more"].to_dataset()
    others = {
        "value": more.assign(count=more["count"] + 1),
        "type": more.assign(count=more["count"].astype(float)),
        "dims": more.assign(flag=("x", more["flag"].values[:2])),
        "name": more.rename(flag="flags"),
        "text": more.assign(label=("x", ["a", "u"])),
        "stamp": more.assign_coords(day=more["day"] + np.timedelta64(1, "D")),
        "attribute": more.assign_attrs(said="twice"),
        "attribute of a variable": more.assign(count=more["count"].assign_attrs(unit="orders")),
        "order": more.isel(draw=slice(None, None, -1)),
    }
    digests = {fit.attrs[DIGEST]}
    for dataset in others.values():
        made = fit.copy()
        made["more"] = xr.DataTree(dataset.drop_vars([]))
        digests.add(digest_of(made))
    longer = fit.copy()
    longer["again"] = xr.DataTree(more)
    shorter = fit.copy()
    del shorter["more"]
    digests |= {digest_of(longer), digest_of(shorter), digest_of(sealed(fit, note="x"))}
    assert len(digests) == 1 + len(others) + 3


def test_the_digest_of_a_large_posterior_takes_a_moment():
    """67 MB, as of 300 levels: half a second on the slowest machine seen, once a use."""
    wide = xr.Dataset({"r": (("chain", "draw", "group"), np.ones((4, 1000, 2100)))})
    started = time.perf_counter()
    digest_of(xr.DataTree.from_dict({"posterior": wide}))
    assert time.perf_counter() - started < 5


# ---- no use without it

SUMMARY = ltv.as_summary(
    xr.Dataset({"frequency": ("i", [2, 0]), "recency": ("i", [30.0, 0.0]), "T": ("i", [38.0, 30.0])})
    .to_dataframe().assign(customer_id=["a", "b"], monetary_value=[15.0, np.nan]),
    time_unit="week", observation_end="1997-09-30",
)  # fmt: skip
TERMS = {"horizon": "26 weeks", "annual_discount_rate": 0.1, "margin": 0.3, "seed": 1}
USES = {
    "predict": lambda fit: ltv.predict(fit, SUMMARY, **TERMS),
    "score": lambda fit: ltv.score(fit, SUMMARY, ltv.load_decision("retention"), seed=1),
    "decide": lambda fit: ltv.decide(fit, SUMMARY, ltv.load_decision("retention"), seed=1),
    "check": lambda fit: ltv.check(fit, SUMMARY),
    "with_checks": lambda fit: ltv.with_checks(fit, ltv.check(point_fit(POINT, draws=40))),
    "stored_report": stored_report,
    "loo": lambda fit: ltv.loo(fit, SUMMARY),
    "log_likelihood": lambda fit: ltv.log_likelihood(fit, SUMMARY),
    "posterior_predictive": lambda fit: ltv.posterior_predictive(fit, SUMMARY, seed=1),
    "to_pymc_marketing": lambda fit: ltv.to_pymc_marketing(fit, SUMMARY),
    "psense": lambda fit: ltv.psense(fit, SUMMARY),
    "compare": lambda fit: ltv.compare(SUMMARY, {"one": fit, "two": fit}),
    "uplift_table": ltv.uplift_table,
    "effect_draws": lambda fit: ltv.effect_draws(fit, "mail", draws=10, seed=1),
}


@pytest.mark.parametrize("use", USES)
def test_a_fit_changed_in_python_is_refused_by_every_use(use):
    thinned = point_fit(POINT, draws=40).isel(draw=slice(None, None, 2))
    with pytest.raises(ltv.StoreError, match=CURE) as caught:
        USES[use](thinned)
    assert caught.value.exit_code == 14


def test_a_change_after_loading_is_noticed_whenever_it_comes(tmp_path):
    ltv.save(point_fit(POINT, draws=40), tmp_path / "fit.nc")
    fit = ltv.load(tmp_path / "fit.nc")
    ltv.predict(fit, SUMMARY, **TERMS)
    fit["posterior"]["r"].values[0, 0] *= 1.0001
    with pytest.raises(ltv.StoreError, match=CURE):
        ltv.predict(fit, SUMMARY, **TERMS)


def test_a_changed_fit_is_not_saved_and_an_earlier_file_stays(tmp_path):
    fit = point_fit(POINT, draws=40)
    ltv.save(fit, tmp_path / "fit.nc")
    before = (tmp_path / "fit.nc").read_bytes()
    with pytest.raises(ltv.StoreError, match=CURE):
        ltv.save(fit.isel(draw=slice(3)), tmp_path / "fit.nc")
    assert (tmp_path / "fit.nc").read_bytes() == before


def test_thinned_draws_are_taken_over_by_as_fit(laplace_fit, cdnow):
    thinned = laplace_fit.isel(draw=slice(None, None, 4))
    fit = ltv.as_fit(thinned, cdnow, ltv.load_spec("pooled"))
    assert fit["posterior"].sizes["draw"] == thinned["posterior"].sizes["draw"]
    np.testing.assert_array_equal(fit["posterior"]["alpha"], thinned["posterior"]["alpha"])
    require_sound(fit)


def test_a_tree_that_nobody_stamped_is_no_fit():
    bare = point_fit(POINT, draws=4)
    del bare.attrs[DIGEST]
    with pytest.raises(ltv.StoreError, match="digest does not fit"):
        read_posterior(bare)
    del bare.attrs["format"]
    with pytest.raises(ltv.StoreError, match=r"lacks format\. Draws of your own become one by ltv\.as_fit"):
        read_posterior(bare)


# ---- what cannot be, whatever the digest says (files of the first layout have none)


def first_layout(fit, **attributes):
    """The fit as version 0.1.0 would have written it, with other attributes."""
    made = fit.copy()
    made.attrs = {**fit.attrs, "format": 1, **attributes}
    del made.attrs[DIGEST]
    return made


def test_a_fit_of_the_first_layout_is_used_as_it_stands():
    old = first_layout(point_fit(POINT, draws=40))
    new = ltv.predict(point_fit(POINT, draws=40), SUMMARY, **TERMS)
    xr.testing.assert_identical(ltv.predict(old, SUMMARY, **TERMS), new)


def test_a_digest_is_held_against_the_fit_in_any_layout():
    edited = point_fit(POINT, draws=4)
    edited.attrs["format"] = 1
    with pytest.raises(ltv.StoreError, match="digest does not fit"):
        require_sound(edited)


@pytest.mark.parametrize("name", POINT)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -1.0])
def test_a_parameter_that_is_not_positive_and_finite_is_refused(name, value):
    bad = changed(point_fit(POINT, draws=8), name, value)
    for fit in (first_layout(bad), sealed(bad)):
        with pytest.raises(ltv.StoreError, match=rf"1 of 8 draws of {name} are not positive and finite"):
            read_posterior(fit)


@pytest.mark.parametrize("make", [with_a_clock, lambda: covariate_fit(POINT, draws=20)])
def test_all_else_in_a_posterior_is_finite(make):
    fit = make()
    for name in set(fit["posterior"].data_vars) - set(POINT):
        with pytest.raises(ltv.StoreError, match=rf"1 of .* draws of {name} are not finite"):
            read_posterior(sealed(changed(fit, name, np.inf)))


def test_a_spec_is_held_against_its_hash():
    fit = point_fit(POINT, draws=4)
    other = fit.attrs["spec"].replace('"bg_nbd"', '"mbg_nbd"')
    assert other != fit.attrs["spec"]
    with pytest.raises(ltv.StoreError, match="its spec is not the one of its spec_hash"):
        read_posterior(first_layout(fit, spec=other))


def results(**more):
    """The stored results of the sampler's checks, the first with other fields."""
    found = json.loads(point_fit(POINT, draws=4).attrs["checks"])
    found[0] |= more
    return found


BAD_CHECKS = {
    "nothing": "[]",
    "no list": "{}",
    "a number": "[1]",
    "one is missing": json.dumps(results()[1:]),
    "one stands twice": json.dumps([*results(), results()[0]]),
    "an unknown status": json.dumps(results(status="passed")),
    "no status": json.dumps(results(status=None)),
    "another field": json.dumps(results(more=1)),
    "a value that is no number": json.dumps(results(value="much")),
    "another name": json.dumps(results(name="r_hat")),
}


@pytest.mark.parametrize("kind", BAD_CHECKS)
def test_checks_of_another_shape_are_refused(kind):
    fit = first_layout(point_fit(POINT, draws=4), checks=BAD_CHECKS[kind])
    with pytest.raises(ltv.StoreError, match=r"damaged or incomplete: .*check") as caught:
        require_passed(fit)
    assert caught.value.exit_code == 14


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_unit", "fortnight"),
        ("observation_end", "soon"),
        ("observation_end", 7),
        ("format", "two"),
        ("format", 0),
        ("spec", "{"),
        ("spec", "[1]"),
        ("spec", "[" * 100_000),
        ("versions", "{"),
        ("checks", "NaN"),
    ],
)
def test_an_attribute_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(ltv.StoreError, match="damaged or incomplete") as caught:
        require_passed(first_layout(point_fit(POINT, draws=4), **{name: value}))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["spec", "spec_hash", "time_unit", "format"])
def test_an_attribute_that_is_missing_is_named(name):
    fit = first_layout(point_fit(POINT, draws=4))
    del fit.attrs[name]
    with pytest.raises(ltv.StoreError, match=f"lacks {name}"):
        read_posterior(fit)


def test_a_file_without_checks_is_incomplete(tmp_path):
    fit = first_layout(point_fit(POINT, draws=4))
    del fit.attrs["checks"]
    ltv.save(fit, tmp_path / "fit.nc")
    with pytest.raises(ltv.StoreError, match="lacks checks"):
        ltv.load(tmp_path / "fit.nc")


def test_a_variable_that_is_missing_is_named():
    fit = point_fit(POINT, draws=4)
    fit["posterior"] = xr.DataTree(fit["posterior"].to_dataset().drop_vars("alpha"))
    with pytest.raises(ltv.StoreError, match="posterior lacks alpha"):
        read_posterior(sealed(fit))


def test_the_names_of_the_samplers_checks_are_those_of_the_checks():
    assert tuple(each.__name__ for each in FUNCTIONS) == SAMPLER_CHECKS


def test_a_report_without_the_samplers_checks_is_not_kept():
    from bayesltv.checks.result import report_of

    with pytest.raises(ltv.StoreError, match="checks lack rhat"):
        ltv.with_checks(point_fit(POINT, draws=4), report_of([]))


def test_one_damaged_number_in_a_file_is_refused_before_anything_is_scored(tmp_path):
    """A file of the first layout: 512 bytes of nonsense where alpha stands once made 7e11 of 20,629."""
    import h5py

    ltv.save(point_fit(POINT, draws=200), tmp_path / "fit.nc")
    with h5py.File(tmp_path / "fit.nc") as file:
        start = file["posterior/alpha"].id.get_offset()
    content = bytearray((tmp_path / "fit.nc").read_bytes())
    content[start : start + 512] = np.random.default_rng(1).bytes(512)
    (tmp_path / "fit.nc").write_bytes(content)
    with pytest.raises(ltv.StoreError, match=CURE) as caught:
        ltv.load(tmp_path / "fit.nc")
    assert caught.value.exit_code == 14

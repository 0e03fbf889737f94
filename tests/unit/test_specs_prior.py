"""Priors: the closed list, elicitation, units, and what is refused."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesltv.errors import SpecError
from bayesltv.specs.elicit import _SOLVERS
from bayesltv.specs.family import FAMILIES, of_support
from bayesltv.specs.frozen import FrozenMapping
from bayesltv.specs.prior import PriorSpec

PARAMETERS = {
    "LogNormal": {"mu": -3.0, "sigma": 1.2},
    "Gamma": {"alpha": 2.5, "beta": 40.0},
    "InverseGamma": {"alpha": 3.0, "beta": 0.4},
    "Weibull": {"alpha": 1.5, "beta": 0.2},
    "Exponential": {"lam": 7.0},
    "HalfNormal": {"sigma": 0.5},
    "HalfCauchy": {"beta": 0.3},
    "HalfStudentT": {"nu": 4.0, "sigma": 0.7},
    "Beta": {"alpha": 1.5, "beta": 4.0},
    "LogitNormal": {"mu": -1.5, "sigma": 1.4},
    "Uniform": {"lower": 0.1, "upper": 0.9},
}
INSIDE = {
    "positive": [(0.003, 1.0), (0.2, 5.0), (40.0, 60.0), (1e-4, 30.0)],
    "unit": [(0.02, 0.7), (0.4, 0.6), (0.001, 0.002), (0.9, 0.99)],
}


def test_every_family_of_the_closed_list_is_tested_here():
    assert set(PARAMETERS) == set(FAMILIES)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_family_is_the_pymc_distribution_of_that_name_and_those_parameters(name):
    pm = pytest.importorskip("pymc")
    prior = PriorSpec(name, PARAMETERS[name])
    x = np.array([0.15, 0.3, 0.6, 0.85])
    doubles = {
        key: np.float64(value) for key, value in PARAMETERS[name].items()
    }  # Python floats end in float32
    expected = pm.logp(getattr(pm, name).dist(**doubles), x).eval()
    np.testing.assert_allclose(
        prior.frozen().logpdf(x), expected, rtol=1e-10, atol=5e-9
    )  # PyMC's log(2) is float32


@pytest.mark.parametrize("name", PARAMETERS)
def test_quantiles_invert_the_distribution_function(name):
    frozen = PriorSpec(name, PARAMETERS[name]).frozen()
    q = np.array([0.001, 0.05, 0.5, 0.95, 0.999])
    np.testing.assert_allclose(frozen.cdf(frozen.ppf(q)), q, rtol=1e-9)
    np.testing.assert_allclose(np.log(frozen.pdf(frozen.ppf(q))), frozen.logpdf(frozen.ppf(q)), rtol=1e-9)


@pytest.mark.parametrize("name", of_support("positive"))
@pytest.mark.parametrize("factor", [1 / 7, 100.0])
def test_a_rescaled_prior_is_the_law_of_the_multiple(name, factor):
    prior = PriorSpec(name, PARAMETERS[name], why="kept")
    x = np.array([0.01, 0.1, 0.5, 2.0])
    scaled = prior.rescaled(factor)
    np.testing.assert_allclose(scaled.frozen().cdf(factor * x), prior.frozen().cdf(x), rtol=1e-10)
    assert scaled.why == "kept"


@pytest.mark.parametrize("name", of_support("unit"))
def test_a_share_has_no_unit_to_convert(name):
    with pytest.raises(SpecError, match="no unit to convert"):
        PriorSpec(name, PARAMETERS[name]).rescaled(7.0)


@pytest.mark.parametrize(
    ("unit", "per_week"), [("day", 1 / 7), ("week", 1), ("month", 365.25 / 12 / 7), ("year", 365.25 / 7)]
)
def test_a_weekly_rate_becomes_the_rate_per_unit_of_the_summary(unit, per_week):
    weekly = PriorSpec("Gamma", {"alpha": 2.0, "beta": 40.0}, per="W")
    converted = weekly.in_unit(unit)
    assert converted.per == unit
    assert converted.frozen().mean() == pytest.approx(2.0 / 40.0 * per_week, rel=1e-10)


def test_a_rate_without_unit_speaks_of_the_unit_of_the_summary():
    prior = PriorSpec("Gamma", {"alpha": 2.0, "beta": 40.0}).in_unit("month")
    assert (prior.per, prior.parameters["beta"]) == ("month", 40.0)


@pytest.mark.parametrize("name", sorted(_SOLVERS.keys() - {"Uniform"}))
@pytest.mark.parametrize("mass", [0.5, 0.9, 0.98])
@pytest.mark.parametrize("case", range(4))
def test_an_elicited_prior_has_the_mass_between_the_values_and_equal_tails(name, mass, case):
    low, high = INSIDE[FAMILIES[name].support][case]
    prior = PriorSpec.elicited(mass=mass, between=(low, high), family=name)
    tail = (1 - mass) / 2
    assert prior.frozen().cdf(low) == pytest.approx(tail, rel=1e-7)
    assert prior.frozen().sf(high) == pytest.approx(tail, rel=1e-7)


def test_an_elicited_uniform_reaches_beyond_its_values_by_the_tails():
    prior = PriorSpec.elicited(mass=0.8, between=(0.2, 0.6), family="Uniform")
    assert prior.parameters == pytest.approx({"lower": 0.15, "upper": 0.65})


def test_an_elicited_log_normal_is_the_closed_form():
    # 1.6448536269514722: the 95 % point of the standard normal, any table
    prior = PriorSpec.elicited(mass=0.9, between=(0.005, 0.5))
    assert prior.family == "LogNormal"
    assert prior.parameters["mu"] == pytest.approx(np.log(0.05), rel=1e-11)
    assert prior.parameters["sigma"] == pytest.approx(np.log(10) / 1.6448536269514722, rel=1e-11)


@given(
    mass=st.floats(0.05, 0.99),
    low=st.floats(0.01, 0.9),
    share=st.floats(0.05, 0.95),
)
def test_any_two_values_inside_the_unit_interval_can_be_met_by_a_beta(mass, low, share):
    high = low + share * (0.99 - low)
    frozen = PriorSpec.elicited(mass=mass, between=(low, high), family="Beta").frozen()
    assert frozen.cdf(high) - frozen.cdf(low) == pytest.approx(mass, rel=1e-6)


@pytest.mark.parametrize(
    ("family", "parameters", "says"),
    [
        ("LogNormal", {"mu": 0.0, "sigma": 0.0}, "sigma of LogNormal = 0 must be above 0"),
        ("LogNormal", {"mu": 0.0, "sigma": -1.0}, "must be above 0"),
        ("LogNormal", {"mu": float("inf"), "sigma": 1.0}, "mu of LogNormal = inf must be finite"),
        ("LogNormal", {"mu": 0.0, "sigma": float("nan")}, "must be finite"),
        ("LogNormal", {"mu": 0.0, "sigma": "1"}, "must be a number"),
        ("LogNormal", {"mu": 0.0, "sigma": True}, "must be a number"),
        ("LogNormal", {"mu": 0.0}, "sigma missing: LogNormal takes mu, sigma"),
        ("Gamma", {"mu": 1.0, "sigma": 1.0}, "parameter mu is unknown: Gamma takes alpha, beta"),
        ("Normal", {"mu": 0.0, "sigma": 1.0}, 'closed list; did you mean "LogNormal"?'),
        ("os.system", {}, "not in the closed list"),
        ("Uniform", {"lower": 0.0, "upper": 1.5}, "at least 0 and at most 1"),
        ("Uniform", {"lower": 0.7, "upper": 0.2}, "must be below upper"),
    ],
)
def test_an_impossible_prior_is_refused(family, parameters, says):
    with pytest.raises(SpecError) as caught:
        PriorSpec(family, parameters)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"mass": 1.0, "between": (0.1, 0.2)}, "mass = 1 must be above 0 and below 1"),
        ({"mass": 0.0, "between": (0.1, 0.2)}, "mass = 0 must be"),
        ({"mass": 0.9, "between": (0.2, 0.1)}, "must increase"),
        ({"mass": 0.9, "between": (0.2, 0.2)}, "must increase"),
        ({"mass": 0.9, "between": (0.2,)}, "two values"),
        ({"mass": 0.9, "between": (0.0, 0.2)}, "must be above 0"),
        ({"mass": 0.9, "between": (0.1, 1.0), "family": "Beta"}, "must be above 0 and below 1"),
        ({"mass": 0.9, "between": (0.1, 0.2), "family": "HalfNormal"}, "cannot be placed between two values"),
        ({"mass": 0.5, "between": (0.1, 0.9), "family": "Uniform"}, "lower of Uniform = -0.3"),
    ],
)
def test_an_elicitation_that_cannot_be_met_is_refused(arguments, says):
    with pytest.raises(SpecError) as caught:
        PriorSpec.elicited(**arguments)
    assert says in str(caught.value)


def test_a_pymc_extras_prior_with_numbers_is_taken():
    Prior = pytest.importorskip("pymc_extras.prior").Prior
    assert PriorSpec.of(Prior("Gamma", alpha=2, beta=np.float64(40)), per="week") == PriorSpec(
        "Gamma", {"alpha": 2.0, "beta": 40.0}, per="week"
    )


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda Prior: Prior("Normal", mu=0, sigma=1), "closed list"),
        (lambda Prior: Prior("HalfNormal"), "sigma missing"),
        (lambda Prior: Prior("Gamma", mu=2, sigma=1), "Gamma takes alpha, beta"),
        (lambda Prior: Prior("HalfNormal", sigma=Prior("HalfNormal", sigma=1)), "itself a prior"),
        (lambda Prior: Prior("HalfNormal", sigma=1, dims="cohort"), "has dims"),
        (lambda Prior: Prior("HalfNormal", sigma=1, transform="sigmoid"), "has a transform"),
        (lambda Prior: Prior("HalfNormal", sigma=[1.0, 2.0]), "must be a number"),
        (lambda _: 3.0, "not float"),
    ],
)
def test_a_pymc_extras_prior_that_is_no_prior_of_numbers_is_refused(build, says):
    Prior = pytest.importorskip("pymc_extras.prior").Prior
    with pytest.raises(SpecError, match=says):
        PriorSpec.of(build(Prior))


def test_priors_can_be_hashed_copied_and_sent_but_not_changed():
    prior = PriorSpec("Gamma", {"alpha": 2.0, "beta": 40.0}, per="week", why="test")
    assert copy.deepcopy(prior) == prior == pickle.loads(pickle.dumps(prior))
    assert hash(prior) == hash(copy.deepcopy(prior))
    with pytest.raises(TypeError):
        prior.parameters["alpha"] = -1.0


def test_a_frozen_mapping_does_not_follow_the_dictionary_it_was_made_from():
    parameters = {"alpha": 2.0, "beta": 40.0}
    prior, mapping = PriorSpec("Gamma", parameters), FrozenMapping(parameters)
    parameters["alpha"] = 5.0
    assert prior.parameters["alpha"] == mapping["alpha"] == 2.0

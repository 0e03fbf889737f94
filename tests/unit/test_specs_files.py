"""Spec files: what a person writes, what comes out, and which error a slip of the pen gets."""

from pathlib import Path

import numpy as np
import pytest

from bayesltv.errors import SpecError
from bayesltv.families.bg_nbd import BG_NBD
from bayesltv.families.gamma_gamma import WITH_FIRST
from bayesltv.specs.catalogue import (
    list_specs,
    load_any,
    load_decision,
    load_spec,
    models_folder,
)
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.specs.model.defaults import priors_of
from bayesltv.specs.model.model_spec import SECTIONS, ModelSpec
from bayesltv.specs.model.pooling import Pooling
from bayesltv.specs.model.settings import PurchaseSpec, SamplerSpec
from bayesltv.specs.toml_file import read_toml

SHIPPED = sorted(models_folder().rglob("*.toml"))
RATE = '[priors.purchase_rate]\nper = "week"\nwhy = "w"\n'


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a spec file and gives its path."""

    def write(text, name="mine.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_loads_and_comes_back_from_its_dictionary(path):
    spec = load_any(path)
    assert type(spec).from_dict(spec.to_dict()) == spec
    assert spec.title


@pytest.mark.parametrize(
    "path", [p for p in SHIPPED if "decisions" not in p.parts], ids=lambda path: path.stem
)
def test_every_shipped_model_states_each_prior_and_resolves(path):
    spec = load_spec(path)
    stated = read_toml(path).values["priors"]
    assert set(stated) == set(spec.scales)
    resolved = spec.resolved(time_unit="day", spend_unit=25.0, groups=["cohort"])
    assert all(prior.why for prior in resolved.priors.values())


def test_pooled_states_the_defaults_of_the_package():
    spec = load_spec("pooled")
    shorter = SamplerSpec(tune=500)  # one population starts from its mode
    assert spec == ModelSpec(title=spec.title, sampler=shorter)
    assert dict(spec.priors) == priors_of(BG_NBD) | priors_of(WITH_FIRST)


# maximum likelihood of published data sets, weeks: CDNOW sample and master, CLVTools' apparel, CDNOW
# under MBG/NBD; then p, q, v of CDNOW from every amount and from means, each with the
# geometric mean of the amounts
PURCHASE_FITS = [
    (0.2425945, 4.413602, 0.792922, 2.425907),
    (0.251624, 4.788943, 0.723434, 2.161088),
    (0.607, 20.96, 1.276, 8.861),
    (0.524843, 6.183083, 0.891359, 1.614003),
]
SPEND_FITS = [(3.6100, 4.4862, 34.083, 28.15), (6.24957, 3.74422, 15.44352, 28.15)]


def purchase_scales(r, alpha, a, b):
    return {
        "purchase_rate": r / alpha,
        "purchase_shape": r,
        "dropout_mean": a / (a + b),
        "dropout_concentration": a + b,
    }


def spend_scales(p, q, v, unit):
    return {"spend_typical": p * v / q / unit, "spend_within": p, "spend_between": q}


def test_published_fits_lie_in_the_central_70_percent_of_the_shipped_priors():
    priors = load_spec("pooled").priors
    for scales in [purchase_scales(*fit) for fit in PURCHASE_FITS] + [
        spend_scales(*fit) for fit in SPEND_FITS
    ]:
        for scale, value in scales.items():
            assert 0.15 < priors[scale].frozen().cdf(value) < 0.85, scale


def test_the_shipped_priors_move_no_cdnow_mean_by_a_fifth_of_its_standard_error():
    # to first order a prior moves log(r, alpha, a, b) by covariance x gradient of its log density; the
    # covariance is rebuilt from the standard errors and the correlations .78 and .94 of the CDNOW sample
    se = np.array([0.0518, 0.0857, 0.2342, 0.2908])
    correlation = np.eye(4)
    correlation[0, 1] = correlation[1, 0] = 0.78
    correlation[2, 3] = correlation[3, 2] = 0.94
    priors, at = load_spec("pooled").priors, np.log(PURCHASE_FITS[0])

    def log_density(logs):
        r, alpha, a, b = np.exp(logs)
        jacobian = np.log(r / alpha) + np.log(r) + np.log(a * b / (a + b) ** 2) + np.log(a + b)
        return jacobian + sum(
            priors[s].frozen().logpdf(v) for s, v in purchase_scales(r, alpha, a, b).items()
        )

    steps = 1e-5 * np.eye(4)
    gradient = np.array([(log_density(at + h) - log_density(at - h)) / 2e-5 for h in steps])
    shift = (np.outer(se, se) * correlation) @ gradient
    assert np.all(np.abs(shift) < se / 5)


def test_by_group_states_the_default_pooling():
    spec = load_spec("by_group")
    assert spec == ModelSpec(
        title=spec.title,
        groups="all",
        sampler=SamplerSpec(tune=200, target_accept=0.8),
    )


def test_the_mbg_files_differ_from_the_bg_files_in_family_and_words_only():
    for mbg, bg in (("mbg_pooled", "pooled"), ("mbg_by_group", "by_group")):
        a, b = load_spec(mbg), load_spec(bg)
        assert a.purchase == PurchaseSpec("mbg_nbd")
        assert {s: p.parameters for s, p in a.priors.items()} == {
            s: p.parameters for s, p in b.priors.items()
        }
        assert (a.pooling, a.sampler, a.gates, a.spend) == (b.pooling, b.sampler, b.gates, b.spend)


@pytest.mark.parametrize(
    "name", ["by_group", "by_group.toml", "models/by_group.toml", Path("models") / "by_group.toml"]
)
def test_a_shipped_model_is_found_by_name_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_spec(name).groups == "all"


@pytest.mark.parametrize("name", ["retention", "decisions/retention", "models/decisions/retention.toml"])
def test_a_shipped_decision_is_found_by_name_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_decision(name).tiers.names == ("low", "medium", "high")


def test_a_file_goes_before_a_shipped_one_of_the_same_name(written, monkeypatch, tmp_path):
    written('[model]\ntitle = "my own"\n', "pooled.toml")
    monkeypatch.chdir(tmp_path)
    assert load_spec("pooled.toml").title == "my own"
    assert load_spec("pooled").title != "my own"


def test_the_catalogue_lists_models_and_decisions_with_titles():
    listed = list_specs()
    assert {"pooled", "by_group", "mbg_pooled", "mbg_by_group"} <= {
        s.name for s in listed if s.kind == "model"
    }
    assert {"retention"} <= {s.name for s in listed if s.kind == "decision"}
    assert all(s.title and s.path.is_file() for s in listed)


def test_any_file_is_read_as_what_it_is():
    assert isinstance(load_any("pooled"), ModelSpec)
    assert isinstance(load_any("retention"), DecisionSpec)


def test_a_file_that_does_not_exist_is_named_with_the_nearest_and_all_shipped_ones():
    with pytest.raises(SpecError) as caught:
        load_spec("models/by_groups.toml")
    assert str(caught.value) == (
        "spec file 'models/by_groups.toml' does not exist; did you mean \"by_group\"? "
        "shipped: by_group, clock, clock_events, clock_season, cohort_clock, mbg_by_group, mbg_cnbd, "
        "mbg_pooled, pareto_nbd, pooled"
    )
    assert caught.value.exit_code == 11
    with pytest.raises(SpecError, match="decision file 'x/retention' does not exist"):
        load_decision("x/retention")
    with pytest.raises(SpecError, match="does not exist"):
        load_any("nowhere.toml")


def test_a_model_is_not_a_decision():
    with pytest.raises(SpecError, match="this is a model file: load it with load_spec"):
        load_decision(models_folder() / "pooled.toml")
    with pytest.raises(SpecError, match="this is a decision file: load it with load_decision"):
        load_spec(models_folder() / "decisions" / "retention.toml")


def test_a_file_that_is_no_toml_is_named_with_the_line(written):
    with pytest.raises(SpecError, match=r"mine\.toml: not TOML: .*line 2"):
        load_spec(written("[model]\ntitle = oops\n"))


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes('[model]\ntitle = "Gewürze"\n'.encode("latin-1"))
    with pytest.raises(SpecError, match="not UTF-8"):
        load_spec(path)


def test_a_file_states_only_what_it_changes(written):
    path = written('[purchase]\nfamily = "mbg_nbd"\n[sampler]\ndraws = 5\n')
    assert load_spec(path) == ModelSpec(
        spend=None, purchase=PurchaseSpec("mbg_nbd"), sampler=SamplerSpec(draws=5)
    )


def test_priors_are_explicit_or_elicited(written):
    explicit = load_spec(written(RATE + 'family = "Gamma"\nalpha = 2\nbeta = 40.0\n')).priors["purchase_rate"]
    assert (explicit.family, dict(explicit.parameters), explicit.per) == (
        "Gamma",
        {"alpha": 2, "beta": 40},
        "week",
    )
    elicited = load_spec(written(RATE + 'family = "Gamma"\nmass = 0.8\nbetween = [0.01, 1]\n')).priors[
        "purchase_rate"
    ]
    assert [elicited.quantile(0.1), elicited.quantile(0.9)] == pytest.approx([0.01, 1.0], rel=1e-8)
    share = load_spec(written('[priors.dropout_mean]\nmass = 0.9\nbetween = [0.1, 0.9]\nwhy = "w"\n'))
    assert share.priors["dropout_mean"].family == "LogitNormal"


def test_pooling_tables_name_columns_and_their_own_scale(written):
    text = '[model]\ngroups = ["cohort", "region"]\n[pooling.purchase_shape]\ncolumns = ["region"]\n'
    text += 'scale = { family = "Exponential", lam = 2.0, why = "w" }\n[pooling.dropout_mean]\ncolumns = []\n'
    spec = load_spec(written(text))
    assert spec.pooled_columns("purchase_shape") == ("region",)
    assert spec.pooled_columns("dropout_mean") == ()
    assert spec.pooling["purchase_shape"].scale.family == "Exponential"
    assert spec.pooling["purchase_rate"] == Pooling()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[modle]\n", 'modle: unknown key; did you mean "model"?'),
        ("model = 3\n", "model: 3 must be a table"),
        ("[model]\ntitel = 'x'\n", 'model.titel: unknown key; did you mean "title"?'),
        ("[model]\ntitle = 3\n", "model.title: 3 must be text"),
        ("[model]\ngroups = 'cohort'\n", "model: groups = 'cohort' must be a list"),
        ("[model]\ntime_unit = 'day'\n", "model.time_unit: unknown key"),
        (
            "[purchase]\nfamily = 'mbgnbd'\n",
            "purchase: family = 'mbgnbd' is unknown; did you mean \"mbg_nbd\"?",
        ),
        ("[sampler]\ndraws = 10.5\n", "sampler.draws: 10.5 must be a whole number"),
        ("[sampler]\ndraws = true\n", "sampler.draws: True must be a whole number"),
        ("[sampler]\ndraws = 0\n", "sampler: draws = 0 must be a whole number, 1 or more"),
        ("[sampler]\ntarget_accept = '0.9'\n", "sampler.target_accept: '0.9' must be a number"),
        (
            "[sampler]\ntarget_acept = 0.9\n",
            'sampler.target_acept: unknown key; did you mean "target_accept"?',
        ),
        ("[gates]\nrhat_max = nan\n", "gates: rhat_max = nan must be finite"),
        ("[priors.purchase_rte]\n", 'priors.purchase_rte: unknown key; did you mean "purchase_rate"?'),
        ("[priors]\npurchase_rate = 3\n", "priors.purchase_rate: 3 must be a table"),
        ("[priors.spend_within]\n", "priors.spend_within: unknown key"),
        ("[priors.purchase_shape]\nmass = 0.9\nbetween = [1, 2]\n", "priors.purchase_shape.why: missing"),
        ("[priors.purchase_shape]\nwhy = ' '\n", "priors.purchase_shape.why: must not be blank"),
        (
            "[priors.purchase_shape]\nwhy = 'w'\n",
            "priors.purchase_shape: state a family and its parameters, or mass",
        ),
        ("[priors.purchase_shape]\nwhy='w'\nmass=0.9\n", "priors.purchase_shape.between: missing"),
        (
            "[priors.purchase_shape]\nwhy='w'\nmass=0.9\nbetween=[2,1]\n",
            "priors.purchase_shape: between = [2, 1] must incr",
        ),
        (
            "[priors.purchase_shape]\nwhy='w'\nmass=9.0\nbetween=[1,2]\n",
            "priors.purchase_shape: mass = 9 must be above",
        ),
        (
            "[priors.purchase_shape]\nwhy='w'\nmass=0.9\nbetween=[1,'2']\n",
            "priors.purchase_shape: between[1] = '2' must",
        ),
        (
            "[priors.purchase_shape]\nwhy='w'\nfamily='Gamma'\nalpha=1\n",
            "priors.purchase_shape: beta missing",
        ),
        (
            "[priors.purchase_shape]\nwhy='w'\nfamily='Gamma'\nalpha=1\nbeta=-1\n",
            "beta of Gamma = -1 must be above 0",
        ),
        (
            "[priors.purchase_shape]\nwhy='w'\nfamily='Gamma'\nalpha=1\nbeta=1\nsigma=1\n",
            "purchase_shape.sigma: unknown key",
        ),
        (
            "[priors.purchase_shape]\nwhy='w'\nfamily='Gamma'\nalpha=1\nmass=0.9\nbetween=[1,2]\n",
            "alpha: unknown key",
        ),
        (
            "[priors.purchase_shape]\nwhy='w'\nfamily='Normal'\nmu=1\nsigma=1\n",
            "priors.purchase_shape.family: family 'Normal'",
        ),
        (
            "[priors.purchase_shape]\nwhy='w'\nfamily='Beta'\nalpha=1\nbeta=1\n",
            "priors.purchase_shape: purchase_shape is po",
        ),
        (
            "[priors.purchase_shape]\nwhy='w'\nper='week'\nmass=0.9\nbetween=[1,2]\n",
            "purchase_shape has no time unit",
        ),
        (
            "[priors.purchase_rate]\nwhy='w'\nmass=0.9\nbetween=[1,2]\n",
            "priors.purchase_rate.per: missing: state the unit",
        ),
        (
            "[priors.purchase_rate]\nwhy='w'\nper='moon'\nmass=0.9\nbetween=[1,2]\n",
            "priors.purchase_rate: per: time unit 'moon'",
        ),
        ("[pooling.purchase_rate]\n", "pooling of purchase_rate needs groups"),
        (
            "[model]\ngroups=['c']\n[pooling.purchase_rate]\nscale=0.5\n",
            "pooling.purchase_rate.scale: 0.5 must be a table",
        ),
        (
            "[model]\ngroups=['c']\n[pooling.purchase_rate]\nscal={}\n",
            "pooling.purchase_rate.scal: unknown key",
        ),
        (
            "[model]\ngroups=['c']\n[pooling.purchase_rate.scale]\nfamily='HalfNormal'\nsigma=0.5\n",
            "pooling.purchase_rate.scale.why: missing",
        ),
        (
            "[model]\ngroups=['c']\n[pooling.purchase_rate]\ncolumns=['d1']\n",
            "pooling.purchase_rate.columns: 'd1' is not a gr",
        ),
        (
            "[model]\ngroups=['c']\n[pooling.purchase_rate]\ncolumns='c'\n",
            "pooling.purchase_rate.columns: 'c' must be a list",
        ),
    ],
)
def test_a_slip_of_the_pen_is_named_by_file_key_path_and_cure(written, text, says):
    path = written(text)
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert str(caught.value).count(str(path)) == 1


@pytest.mark.parametrize(
    "section", [each for each in SECTIONS if each != "covariates"]
)  # its keys are columns
def test_no_section_takes_an_unknown_key(written, section):
    with pytest.raises(SpecError, match=rf"{section}\.zzz: unknown key"):
        load_spec(written(f"[{section}]\nzzz = 1\n" if section != "pooling" else "[pooling.zzz]\n"))

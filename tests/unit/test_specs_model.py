"""The model spec in Python: defaults, groups, pooling, resolution, hash."""

import json
from dataclasses import FrozenInstanceError, replace
from hashlib import sha256

import pytest

from bayesltv import names
from bayesltv.errors import SpecError
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.specs.model.pooling import Pooling
from bayesltv.specs.model.settings import GateSpec, PurchaseSpec, SamplerSpec
from bayesltv.specs.prior import PriorSpec

HALF = PriorSpec("HalfNormal", {"sigma": 1.0})


def test_a_spec_without_arguments_is_one_population_with_spend():
    spec = ModelSpec()
    assert spec.groups == ()
    assert (
        spec.scales == tuple(spec.priors) == (*names.PURCHASE_SCALES, *names.SPEND_SCALES, names.SPEND_FIRST)
    )
    assert dict(spec.pooling) == {}


def test_rate_dropout_and_spend_differ_by_group_and_shapes_do_not():
    spec = ModelSpec(groups=["channel", "region"])
    assert [s for s in spec.scales if spec.pooled_columns(s)] == [
        "purchase_rate",
        "dropout_mean",
        "spend_typical",
    ]
    assert spec.pooled_columns("dropout_mean") == ("channel", "region")


def test_pooling_adds_a_scale_and_may_speak_of_some_columns_or_none():
    spec = ModelSpec(
        groups=("channel", "region"),
        pooling={"purchase_shape": Pooling(HALF, ("region",)), "dropout_mean": Pooling(columns=())},
    )
    assert spec.pooled_columns("purchase_shape") == ("region",)
    assert spec.pooled_columns("dropout_mean") == ()
    assert spec.pooled_columns("purchase_rate") == ("channel", "region")


def test_pooled_columns_keep_the_order_of_the_groups():
    spec = ModelSpec(groups=("b1", "a1"), pooling={"purchase_rate": Pooling(HALF, ("a1", "b1"))})
    assert spec.pooled_columns("purchase_rate") == ("b1", "a1")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"groups": "cohort"}, 'must be a list of column names, ["cohort"], or "all"'),
        ({"groups": ["cohort", "cohort"]}, "cohort twice"),
        ({"groups": ["T"]}, "cannot be called 'T'"),
        ({"groups": ["alpha"]}, "cannot be called 'alpha'"),
        ({"groups": ["draw"]}, "cannot be called 'draw'"),
        ({"groups": ["a/b"]}, "netCDF takes no slash"),
        ({"groups": [""]}, "not blank"),
        ({"groups": [3]}, "must be text"),
        ({"pooling": {"purchase_rate": Pooling()}}, "needs groups: name group columns"),
        ({"groups": ["cohort"], "pooling": {"purchase_rat": Pooling()}}, 'did you mean "purchase_rate"?'),
        (
            {"groups": ["cohort"], "pooling": {"purchase_rate": Pooling(columns=("kohort",))}},
            'did you mean "cohort"?',
        ),
        ({"groups": ["cohort"], "pooling": {"purchase_rate": HALF}}, "must be a Pooling"),
        ({"sampler": {"draws": 5}}, "sampler must be a SamplerSpec, not dict"),
        ({"spend": False}, "spend must be a SpendSpec, not bool"),
        ({"purchase": "mbg_nbd"}, "purchase must be a PurchaseSpec, not str"),
        ({"groups": ["cohort"], "spend": None, "pooling": {"spend_typical": Pooling()}}, "has no spend"),
        ({"spend": None, "priors": {"spend_within": HALF}}, "has no spend"),
        ({"priors": {"purchas_rate": HALF}}, 'unknown scale; did you mean "purchase_rate"?'),
        ({"priors": {"dropout_mean": HALF}}, "is a share between 0 and 1, HalfNormal is not: use"),
        (
            {"priors": {"purchase_shape": PriorSpec("Beta", {"alpha": 1, "beta": 1})}},
            "is positive, Beta is not",
        ),
        ({"priors": {"purchase_shape": PriorSpec("HalfNormal", {"sigma": 1}, per="week")}}, "leave per out"),
        ({"priors": {"purchase_shape": "HalfNormal(1)"}}, "priors.purchase_shape: a prior must be"),
    ],
)
def test_a_contradictory_spec_is_refused(arguments, says):
    with pytest.raises(SpecError) as caught:
        ModelSpec(**arguments)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: PurchaseSpec("bg_nbd2"), 'did you mean "bg_nbd"?'),
        (lambda: SamplerSpec(chains=1), "chains = 1 must be a whole number, 2 or more"),
        (lambda: SamplerSpec(draws=2.5), "draws = 2.5 must be a whole number"),
        (lambda: SamplerSpec(draws=True), "draws = True must be a whole number"),
        (lambda: SamplerSpec(target_accept=1.0), "above 0 and below 1"),
        (lambda: GateSpec(rhat_max=1.0), "above 1"),
        (lambda: GateSpec(ess_min=float("nan")), "finite"),
        (lambda: GateSpec(divergences_max=-1), "0 or more"),
        (lambda: Pooling(PriorSpec("Beta", {"alpha": 1, "beta": 1})), "standard deviation"),
        (lambda: Pooling(PriorSpec("HalfNormal", {"sigma": 1}, per="day")), "no time unit"),
        (lambda: Pooling(HALF, "cohort"), "list of column names"),
        (
            lambda: SamplerSpec().overridden({"draw": 5}),
            "sampler setting 'draw' is unknown; did you mean \"draws\"?",
        ),
    ],
)
def test_an_impossible_setting_is_refused(build, says):
    with pytest.raises(SpecError) as caught:
        build()
    assert says in str(caught.value)


def test_sampler_settings_can_be_overridden_one_by_one():
    assert SamplerSpec(tune=500).overridden({"draws": 50}) == SamplerSpec(tune=500, draws=50)


def test_open_groups_are_named_by_the_summary():
    spec = ModelSpec(groups="all")
    assert spec.is_open
    assert spec.with_groups(["cohort"]).groups == ("cohort",)
    assert spec.resolved(time_unit="week", spend_unit=20.0, groups=["x1", "y1"]).groups == ("x1", "y1")
    with pytest.raises(SpecError, match="still"):
        spec.resolved(time_unit="week", spend_unit=20.0)
    with pytest.raises(SpecError, match="still"):
        spec.pooled_columns("purchase_rate")


def test_open_groups_that_turn_out_to_be_none_leave_one_population():
    spec = ModelSpec(groups="all").with_groups([])
    assert (spec.groups, dict(spec.pooling)) == ((), {})


def test_named_groups_are_kept_when_the_summary_has_others():
    spec = ModelSpec(groups=["cohort"])
    assert spec.resolved(time_unit="week", spend_unit=1.0, groups=["cohort", "region"]).groups == ("cohort",)


def test_a_constant_group_column_can_be_dropped_with_its_pooling():
    spec = ModelSpec(
        groups=["cohort", "region"], pooling={"purchase_shape": Pooling(HALF, ("region", "cohort"))}
    )
    dropped = spec.with_groups(["cohort"])
    assert dropped.pooled_columns("purchase_shape") == dropped.pooled_columns("purchase_rate") == ("cohort",)
    with pytest.raises(SpecError, match="channel are not in the spec"):
        spec.with_groups(["channel"])


def test_pooling_over_a_column_that_open_groups_do_not_have_is_refused():
    spec = ModelSpec(groups="all", pooling={"purchase_rate": Pooling(HALF, ("region",))})
    with pytest.raises(SpecError, match="'region' is not a group"):
        spec.with_groups(["cohort"])


def test_spend_can_be_left_out_of_a_spec_that_has_it():
    spec = ModelSpec(groups=["cohort"]).without_spend()
    assert spec.spend is None
    assert spec.scales == tuple(spec.priors) == names.PURCHASE_SCALES
    assert tuple(spec.pooling) == ("purchase_rate", "dropout_mean")
    assert ModelSpec().resolved(time_unit="day", spend_unit=2.0).without_spend().spend_unit is None


def test_resolved_priors_speak_of_days_and_of_money():
    spec = ModelSpec()
    resolved = spec.resolved(time_unit="day", spend_unit=28.0)
    for q in (0.05, 0.5, 0.95):
        weekly, daily = spec.priors["purchase_rate"].quantile(q), resolved.priors["purchase_rate"].quantile(q)
        assert daily == pytest.approx(weekly / 7, rel=1e-9)
        relative, money = (
            spec.priors["spend_typical"].quantile(q),
            resolved.priors["spend_typical"].quantile(q),
        )
        assert money == pytest.approx(28 * relative, rel=1e-9)
    for scale in ("purchase_shape", "dropout_mean", "dropout_concentration", "spend_within", "spend_between"):
        assert resolved.priors[scale] == spec.priors[scale]


def test_resolving_twice_changes_nothing_and_resolving_anew_replaces_the_units():
    once = ModelSpec().resolved(time_unit="day", spend_unit=28.0)
    assert once.resolved(time_unit="day", spend_unit=28.0) == once
    anew = once.resolved(time_unit="week", spend_unit=2800.0)
    direct = ModelSpec().resolved(time_unit="week", spend_unit=2800.0)
    for scale in direct.priors:
        assert anew.priors[scale].parameters == pytest.approx(dict(direct.priors[scale].parameters), rel=1e-9)


@pytest.mark.parametrize("unit", [None, 0.0, -1.0, float("nan")])
def test_spend_cannot_be_resolved_without_a_positive_unit(unit):
    with pytest.raises(SpecError, match="spend_unit"):
        ModelSpec().resolved(time_unit="week", spend_unit=unit)


def test_an_unknown_time_unit_is_an_error_of_the_spec():
    with pytest.raises(SpecError, match="time unit 'fortnight' is unknown"):
        ModelSpec().resolved(time_unit="fortnight", spend_unit=1.0)


def test_a_pymc_extras_prior_is_taken_in_the_units_of_the_summary():
    Prior = pytest.importorskip("pymc_extras.prior").Prior
    bare = Prior("Gamma", alpha=2, beta=40)
    spec = ModelSpec(priors={"purchase_rate": bare}, spend=None)
    assert spec.resolved(time_unit="day").priors["purchase_rate"].parameters["beta"] == 40.0
    weekly = ModelSpec(priors={"purchase_rate": PriorSpec.of(bare, per="week")}, spend=None)
    assert weekly.resolved(time_unit="day").priors["purchase_rate"].parameters["beta"] == 280.0


SPECS = [
    ModelSpec(),
    ModelSpec(title="Gewürze, 日本", groups="all"),
    ModelSpec(groups=["cohort"], spend=None, purchase=PurchaseSpec("mbg_nbd")),
    ModelSpec(groups=["b", "c"][1:], pooling={"purchase_shape": Pooling(HALF, ("c",))}),
    ModelSpec(groups=["cohort"], sampler=SamplerSpec(draws=7)).resolved(time_unit="day", spend_unit=0.1),
]


@pytest.mark.parametrize("spec", SPECS, ids=range(len(SPECS)))
def test_a_stored_spec_comes_back_from_json_with_sorted_keys(spec):
    stored = json.loads(json.dumps(spec.to_dict(), sort_keys=True))
    back = ModelSpec.from_dict(stored)
    assert back == spec
    assert list(back.priors) == list(spec.priors)
    assert back.hash() == spec.hash()


def test_the_hash_is_the_sha256_of_the_canonical_json():
    spec = ModelSpec(title="x")
    text = json.dumps(spec.to_dict(), sort_keys=True, separators=(",", ":"))
    assert spec.hash() == sha256(text.encode()).hexdigest()


def test_the_hash_tells_specs_apart_and_does_not_see_what_is_equal():
    assert ModelSpec(sampler=SamplerSpec(draws=999)).hash() != ModelSpec().hash()
    assert ModelSpec(groups=["cohort"]).hash() == ModelSpec(groups=("cohort",)).hash()
    integer = ModelSpec(priors={"purchase_shape": PriorSpec("HalfNormal", {"sigma": 1})})
    assert integer.hash() == ModelSpec(priors={"purchase_shape": HALF}).hash()


def test_a_spec_can_be_replaced_but_not_changed():
    spec = ModelSpec()
    with pytest.raises(FrozenInstanceError):
        spec.title = "new"
    assert replace(spec, title="new").title == "new"


def test_stored_rubbish_is_refused_by_key_path():
    with pytest.raises(SpecError, match=r"stored spec: sampler\.chain: unknown key; did you mean \"chains\""):
        ModelSpec.from_dict({"sampler": {"chain": 4}})

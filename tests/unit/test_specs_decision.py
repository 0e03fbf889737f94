"""Decision files: value and tiers."""

import json

import pytest

from bayesltv.errors import SpecError
from bayesltv.specs.catalogue import load_decision
from bayesltv.specs.decision.acquisition import AcquisitionSpec
from bayesltv.specs.decision.actions import ActionSpec
from bayesltv.specs.decision.budget import BudgetSpec
from bayesltv.specs.decision.decision_spec import DecisionSpec, ValueSpec
from bayesltv.specs.decision.tiers import Tier, TierSpec
from bayesltv.specs.prior import PriorSpec

YEAR = {"horizon": "12 months", "annual_discount_rate": 0.1}
VALUE = '[value]\nhorizon = "12 months"\nannual_discount_rate = 0.1\nmargin = 0.3\n'
LOW, MIDDLE, HIGH = Tier("low"), Tier("middle", at_least=5), Tier("high", "Hoch", 30)


@pytest.fixture
def loaded(tmp_path):
    """Return a function that writes a decision file and loads it."""

    def load(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return load_decision(path)

    return load


def test_the_shipped_decision_is_a_margin_over_a_year_in_three_tiers():
    decision = load_decision("retention")
    assert decision.value == ValueSpec(currency="USD", margin=0.30, **YEAR)
    assert decision.tiers.names == ("low", "medium", "high")
    assert decision.tiers.labels == ("Low", "Medium", "High")
    assert decision.tiers.thresholds == (5.0, 30.0)


def test_horizon_and_service_cost_speak_the_unit_of_the_summary():
    value = ValueSpec(margin=0.3, service_cost=36.525, service_cost_per="Y", **YEAR)
    assert value.horizon_in("day") == pytest.approx(365.25)
    assert value.service_cost_in("day") == pytest.approx(0.1)
    assert value.service_cost_in("month") == pytest.approx(36.525 / 12)


def test_revenue_must_be_asked_for_by_name():
    assert ValueSpec(margin=0.3, **YEAR).margin_share == 0.3
    assert ValueSpec(basis="revenue", **YEAR).margin_share == 1.0
    with pytest.raises(SpecError, match="margin is missing"):
        ValueSpec(**YEAR)
    with pytest.raises(SpecError, match="exclude each other"):
        ValueSpec(margin=0.3, basis="revenue", **YEAR)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"margin": 0.0}, "above 0 and at most 1"),
        ({"margin": -0.1}, "above 0"),
        ({"margin": 30}, "30 % is 0.3"),
        ({"margin": float("nan")}, "finite"),
        ({"annual_discount_rate": -1.0}, "above -1"),
        ({"annual_discount_rate": float("inf")}, "finite"),
        ({"horizon": "a year"}, "is not a duration"),
        ({"horizon": "0 days"}, "positive and finite"),
        ({"horizon": 12}, "must be text"),
        ({"horizon": "12 moons"}, "moons"),
        ({"service_cost": -1}, "at least 0"),
        ({"service_cost_per": "visit"}, "service_cost_per: time unit 'visit' is unknown"),
        ({"basis": "margins"}, 'did you mean "margin"?'),
        ({"currency": ""}, "not blank"),
    ],
)
def test_an_impossible_value_is_refused(changed, says):
    with pytest.raises(SpecError) as caught:
        ValueSpec(**({**YEAR, "margin": 0.3} | changed))
    assert says in str(caught.value)


def test_the_default_cost_of_a_wrong_label_is_its_distance():
    assert TierSpec((LOW, MIDDLE, HIGH)).cost == ((0, 1, 2), (1, 0, 1), (2, 1, 0))


@pytest.mark.parametrize(
    ("tiers", "arguments", "says"),
    [
        ((LOW,), {}, "1 tiers: there must be two or more"),
        ((LOW, MIDDLE, Tier("middle", at_least=9)), {}, "middle stands twice"),
        (
            (LOW, HIGH, MIDDLE),
            {},
            "thresholds must increase from tier to tier: high begins at 30, middle at 5",
        ),
        ((LOW, MIDDLE, Tier("high", at_least=5.0)), {}, "thresholds must increase"),
        ((MIDDLE, HIGH), {}, "here none is without"),
        ((LOW, Tier("none"), HIGH), {}, "low, none are without"),
        ((MIDDLE, LOW), {}, "the lowest by order is middle"),
        (("low", "high"), {}, "tiers[0] must be a Tier, not str"),
        ((LOW, HIGH), {"kind": "relativ"}, 'did you mean "relative"'),
        ((LOW, HIGH), {"cost": ((0, 1),)}, "2 rows of 2 numbers, tiers from low to high: low, high"),
        ((LOW, HIGH), {"cost": ((0, 1), 3)}, "2 rows of 2 numbers"),
        ((LOW, HIGH), {"cost": ((0, -1), (1, 0))}, "cost[0][1] = -1 must be at least 0"),
        ((LOW, HIGH), {"cost": ((0, 1), (1, 2))}, "cost of the right label must be 0, is not for high"),
    ],
)
def test_tiers_in_disorder_are_refused(tiers, arguments, says):
    with pytest.raises(SpecError) as caught:
        TierSpec(tiers, **arguments)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["High", "1st", "a-b", "", "höher", "kind", "cost", 3])
def test_a_tier_name_must_fit_into_a_column_name(name):
    with pytest.raises(SpecError, match="cannot be called"):
        Tier(name)


@pytest.mark.parametrize("at_least", [float("nan"), float("inf"), "5"])
def test_a_threshold_is_a_finite_number(at_least):
    with pytest.raises(SpecError, match="at_least"):
        Tier("high", at_least=at_least)


def test_a_file_may_list_tiers_downwards_or_upwards(loaded):
    down = loaded(VALUE + "[tiers.high]\nat_least = 30\n[tiers.middle]\nat_least = 5\n[tiers.low]\n")
    up = loaded(VALUE + "[tiers.low]\n[tiers.middle]\nat_least = 5\n[tiers.high]\nat_least = 30\n")
    assert down == up
    assert down.tiers.names == ("low", "middle", "high")
    assert down.tiers.labels == ("low", "middle", "high")


def test_a_file_may_leave_tiers_out(loaded):
    assert loaded(VALUE).tiers is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "value.horizon: missing"),
        ("[vlue]\n", 'vlue: unknown key; did you mean "value"?'),
        (VALUE + "margn = 0.3\n", 'value.margn: unknown key; did you mean "margin"?'),
        (VALUE.replace("margin = 0.3", ""), "value: margin is missing"),
        (VALUE.replace("0.3", "30.0"), "value: margin = 30 must be a share"),
        (VALUE.replace("0.3", "'30 %'"), "value.margin: '30 %' must be a number"),
        (VALUE.replace('"12 months"', "12"), "value.horizon: 12 must be text"),
        (VALUE + "[decision]\nname = 'x'\n", "decision.name: unknown key"),
        (VALUE + "[tiers]\nkimd = 'absolute'\n", 'tiers.kimd: unknown key; did you mean "kind"?'),
        (VALUE + "[tiers.high]\natleast = 3\n", 'tiers.high.atleast: unknown key; did you mean "at_least"?'),
        (VALUE + "[tiers.high]\nat_least = '3'\n", "tiers.high.at_least: '3' must be a number"),
        (VALUE + "[tiers.High]\nat_least = 3\n", "tiers.High: a tier cannot be called 'High'"),
        (
            VALUE + "[tiers.high]\nat_least = 5\n[tiers.mid]\nat_least = 30\n[tiers.low]\n",
            "tiers: thresholds must increase",
        ),
        (
            VALUE + "[tiers]\ncost = 3\n[tiers.low]\n[tiers.high]\nat_least = 5\n",
            "tiers.cost: 3 must be a list",
        ),
    ],
)
def test_a_slip_of_the_pen_is_named_by_file_key_path_and_cure(loaded, text, says):
    with pytest.raises(SpecError) as caught:
        loaded(text)
    assert "mine.toml: " in str(caught.value)
    assert says in str(caught.value)


def test_a_stored_decision_comes_back_although_its_keys_were_sorted():
    tiers = TierSpec(
        (Tier("zero"), Tier("able", "A", 1.5), Tier("master", at_least=9)),
        cost=((0, 1, 5), (1, 0, 1), (7, 1, 0)),
    )
    decision = DecisionSpec(value=ValueSpec(basis="revenue", **YEAR), tiers=tiers, title="t")
    back = DecisionSpec.from_dict(json.loads(json.dumps(decision.to_dict(), sort_keys=True)))
    assert back == decision
    assert back.hash() == decision.hash()


def test_a_decision_is_made_of_a_value_and_tiers():
    with pytest.raises(SpecError, match="value must be a ValueSpec, not dict"):
        DecisionSpec(value={"margin": 0.3})
    with pytest.raises(SpecError, match="tiers must be a TierSpec, not tuple"):
        DecisionSpec(value=ValueSpec(margin=0.3, **YEAR), tiers=(LOW, HIGH))


def test_the_hash_sees_a_threshold():
    value = ValueSpec(margin=0.3, **YEAR)
    one, other = (DecisionSpec(value=value, tiers=TierSpec((LOW, Tier("high", at_least=x)))) for x in (5, 6))
    assert one.hash() != other.hash()


@pytest.mark.parametrize("amount", [1e16, 1e308, 10**400])
def test_money_that_nobody_has_is_refused_before_it_overflows(amount):
    effects = {"rate": PriorSpec.elicited(mass=0.9, between=(0.9, 1.3))}
    for made in (
        lambda: ActionSpec(name="letter", kind="contact", contact=amount, effects=effects),
        lambda: BudgetSpec(amount=amount),
        lambda: Tier("high", at_least=amount),
        lambda: Tier("high", at_least=-amount),
        lambda: ValueSpec(horizon="1 year", annual_discount_rate=0.1, margin=0.3, service_cost=amount),
        lambda: AcquisitionSpec(cac=amount),
    ):
        with pytest.raises(SpecError, match=r"at (most|least) -?1e\+15|must be finite"):
            made()


@pytest.mark.parametrize(
    "prior",
    [
        PriorSpec.elicited(mass=0.9, between=(0.9, 1e300)),
        PriorSpec("LogNormal", {"mu": 1e300, "sigma": 1.0}),
        PriorSpec("Gamma", {"alpha": 1.0, "beta": 1e-300}),
    ],
)
def test_an_effect_past_all_belief_is_refused_before_it_overflows(prior):
    with pytest.raises(SpecError, match=r"effects\.rate: one time in twenty it is above 1,000,000"):
        ActionSpec(name="letter", kind="contact", contact=1.0, effects={"rate": prior})

"""Actions, budgets and conditions in decision files."""

import pytest

from bayesltv.errors import SpecError
from bayesltv.specs.catalogue import load_decision
from bayesltv.specs.decision.action_kind import KINDS
from bayesltv.specs.decision.actions import ActionSpec
from bayesltv.specs.decision.budget import BudgetSpec, LimitSpec
from bayesltv.specs.decision.decision_spec import DecisionSpec, ValueSpec
from bayesltv.specs.decision.expression import Compared, Either, Every, Missing, Not, columns_of, parse
from bayesltv.specs.prior import PriorSpec
from bayesltv.specs.toml_file import Table

VALUE = ValueSpec(horizon="12 months", annual_discount_rate=0.1, margin=0.3, currency="EUR")
RATE = {"rate": PriorSpec.elicited(mass=0.9, between=(0.9, 1.3))}
HEAD = '[value]\nhorizon = "12 months"\nannual_discount_rate = 0.1\nmargin = 0.3\ncurrency = "EUR"\n'
EFFECT = '[actions.mail.effects.rate]\nmass = 0.9\nbetween = [0.9, 1.3]\nwhy = "a guess"\n'


@pytest.fixture
def loaded(tmp_path):
    def load(text):
        path = tmp_path / "mine.toml"
        path.write_text(HEAD + text, encoding="utf-8")
        return load_decision(path)

    return load


def action(**changed):
    return ActionSpec(**({"name": "mail", "kind": "contact", "contact": 0.5, "effects": RATE} | changed))


# --------------------------------------------------------------------------------------- shipped files


def test_the_shipped_decision_has_every_kind_of_action_with_reasons():
    decision = load_decision("retention")
    assert {each.kind for each in decision.actions} == set(KINDS) - {"cross_sell", "custom"}
    for each in decision.actions:
        assert each.main_effect in each.effects
        assert all(prior.why for prior in each.effects.values())


def test_a_decision_with_everything_is_stored_and_read_back():
    decision = load_decision("retention")
    again = DecisionSpec.from_dict(decision.to_dict())
    assert again == decision
    assert again.hash() == decision.hash()


@pytest.mark.parametrize(
    ("kind", "cost"), [("contact", "contact"), ("gift", "contact"), ("free_delivery", "per_redemption")]
)
def test_a_cost_of_nothing_is_a_cost_that_was_stated(kind, cost):
    free = ActionSpec(name="push", kind=kind, effects=RATE, **{cost: 0})
    assert getattr(free, cost) == 0
    again = DecisionSpec.from_dict(DecisionSpec(value=VALUE, actions=(free,)).to_dict())
    assert again.actions == (free,)
    with pytest.raises(SpecError, match=f"a {kind} needs {cost}: state it, {cost} = 0 where it costs"):
        ActionSpec(name="push", kind=kind, effects=RATE)


# ------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": "Mail"}, "cannot be called 'Mail'"),
        ({"name": "none"}, "cannot be called 'none'"),
        ({"kind": "contacts"}, 'did you mean "contact"?'),
        ({"contact": -1.0}, "at least 0"),
        ({"effects": {}}, "a contact needs a belief about rate"),
        ({"effects": {"rates": RATE["rate"]}}, 'did you mean "rate"?'),
        ({"window": "soon"}, "is not a duration"),
        ({"capacity": 0}, "1 or more"),
        ({"cap": 5.0}, "nothing to cap"),
        ({"discount": 0.1, "price": 1.1}, "exclude each other"),
        ({"kind": "price_change"}, "a price_change needs price"),
        ({"kind": "win_back"}, "a belief about reactivation"),
        (
            {"effects": RATE | {"reactivation": PriorSpec("Beta", {"alpha": 1, "beta": 9})}},
            "belongs to a win_back",
        ),
        ({"eligible": "frequency >"}, "expected a number or a text in quotes, but at 12 the text ends"),
    ],
)
def test_an_impossible_action_is_refused(changed, says):
    with pytest.raises(SpecError) as caught:
        action(**changed)
    assert says in str(caught.value)


def test_effects_with_impossible_support_are_refused():
    share = PriorSpec("Beta", {"alpha": 2, "beta": 2})
    with pytest.raises(
        SpecError, match=r"effects\.rate: rate is a positive factor, Beta is not: use LogNormal"
    ):
        action(effects={"rate": share})
    with pytest.raises(SpecError, match=r"effects\.redemption: redemption is a share between 0 and 1"):
        action(discount=0.1, effects=RATE | {"redemption": RATE["rate"]})
    with pytest.raises(SpecError, match="without a time unit"):
        action(effects={"rate": PriorSpec("Gamma", {"alpha": 2, "beta": 2}, per="week")})


def test_a_discount_deeper_than_the_margin_is_refused_unless_asked_for():
    deep = action(kind="discount", discount=0.30)
    with pytest.raises(SpecError, match=r"actions\.mail\.discount = 0\.3 is not below the margin of 0\.3"):
        DecisionSpec(value=VALUE, actions=(deep,))
    leader = action(kind="discount", discount=0.30, loss_leader=True)
    assert DecisionSpec(value=VALUE, actions=(leader,)).actions[0].discount == 0.30
    cut = action(kind="price_change", price=0.7)
    with pytest.raises(SpecError, match="takes all of the margin"):
        DecisionSpec(value=VALUE, actions=(cut,))


def test_contradictions_between_sections_are_refused():
    with pytest.raises(SpecError, match="mail stands twice"):
        DecisionSpec(value=VALUE, actions=(action(), action()))
    with pytest.raises(SpecError, match=r"actions\.mail\.window = '14 months' is longer than the horizon"):
        DecisionSpec(value=VALUE, actions=(action(window="14 months"),))
    with pytest.raises(SpecError, match=r"budget\.currency = 'USD', but value\.currency = 'EUR'"):
        DecisionSpec(value=VALUE, budget=BudgetSpec(amount=10.0, currency="USD"))
    limits = (LimitSpec(action="mial", at_most=3),)
    with pytest.raises(SpecError, match=r'did you mean "mail"\?'):
        DecisionSpec(value=VALUE, actions=(action(),), budget=BudgetSpec(limits=limits))
    for careful in ({"risk_weight": 0.5}, {"max_p_loss": 0.1}):
        budget = BudgetSpec(**careful, limits=(LimitSpec(at_least=3),))
        with pytest.raises(SpecError, match="exclude each other"):
            DecisionSpec(value=VALUE, actions=(action(),), budget=budget)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"amount": 0.0}, "buys nothing"),
        ({"amount": -5.0}, "buys nothing"),
        ({"hold_out": 1.0}, "below 1"),
        ({"risk_weight": 1.5}, "at most 1"),
        ({"tail": 0.0}, "above 0"),
        ({"max_p_loss": 0.0}, "above 0"),
        ({"max_p_loss": 1.0}, "below 1"),
    ],
)
def test_an_impossible_budget_is_refused(changed, says):
    with pytest.raises(SpecError) as caught:
        BudgetSpec(**changed)
    assert says in str(caught.value)


def test_an_error_in_a_file_names_the_key(loaded):
    mail = '[actions.mail]\nkind = "contact"\ncontact = 0.5\n'
    assert loaded(mail + EFFECT).actions[0].name == "mail"
    for text, says in [
        (mail + "cost = 3\n" + EFFECT, "actions.mail.cost: unknown key"),
        (mail + EFFECT.replace('why = "a guess"\n', ""), "actions.mail.effects.rate.why: missing"),
        ("[actions]\n", "no action is stated"),
        (mail + EFFECT + "[budget]\nlimits = [1]\n", "budget.limits: must be a list of tables"),
        (mail + EFFECT + "[[budget.limits]]\nat_least = 1.5\n", "must be a whole number"),
        (mail.replace("contact = 0.5", "contact = true") + EFFECT, "must be a number"),
    ]:
        with pytest.raises(SpecError) as caught:
            loaded(text)
        assert says in str(caught.value)


# ------------------------------------------------------------------------------------------ conditions


def test_conditions_bind_like_they_read():
    found = parse("frequency >= 2 and tier in ['high', \"middle\"] or not (`odd name` is not missing)")
    high = Compared("tier", "in", ("high", "middle"))
    assert found == Either(
        (Every((Compared("frequency", ">=", (2.0,)), high)), Not(Not(Missing("odd name"))))
    )
    assert list(columns_of(found)) == ["frequency", "tier", "odd name"]
    assert parse("a not in [-1.5e3]") == Compared("a", "!=", (-1500.0,))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "frequency + 1 > 2",
        "frequency > T",
        "frequency = 2",
        "a > 1 and",
        "(a > 1",
        "a > 1)",
        "a in []",
        "a in [1, b]",
        "1 < a < 2",
        "lambda: 0",
        "a.b > 1",
        "a > 1; b > 2",
        "'tier' == 'high'",
        "a is 3",
        "a",
    ],
)
def test_what_is_no_condition_is_refused_and_never_run(text):
    with pytest.raises(SpecError, match="is no condition"):
        parse(text)


def test_a_custom_action_is_stated_by_its_levers():
    plain = ActionSpec(name="demo", kind="custom", effects={"spend": RATE["rate"], **RATE})
    assert (plain.main_effect, plain.returns) == ("rate", False)  # whatever the order in the file
    again = ActionSpec.read(Table({**plain.to_dict()}, "stored", is_file=False), "demo")
    assert again == plain
    back = {"reactivation": PriorSpec("Beta", {"alpha": 2, "beta": 8})}
    both = ActionSpec(name="demo", kind="custom", effects=back | {"second_rate": RATE["rate"]})
    assert (both.main_effect, both.returns) == ("reactivation", True)
    assert ActionSpec(name="demo", kind="custom", test="t").main_effect == "rate"
    assert ActionSpec(name="more", kind="cross_sell", effects={"spend": RATE["rate"]}).main_effect == "spend"
    with pytest.raises(SpecError, match="custom action needs an effect"):
        ActionSpec(name="demo", kind="custom")
    with pytest.raises(SpecError, match=r"state effects\.reactivation too"):
        ActionSpec(name="demo", kind="custom", effects={"second_rate": RATE["rate"]})
    with pytest.raises(SpecError, match="a cross_sell needs a belief about spend"):
        ActionSpec(name="more", kind="cross_sell", effects=RATE)

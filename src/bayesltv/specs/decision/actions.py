"""Actions: what can be done to a customer, what it costs, and what is believed about its effects."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bayesltv import units
from bayesltv.errors import SpecError, shown
from bayesltv.specs import checked
from bayesltv.specs.decision.action_kind import KINDS
from bayesltv.specs.decision.expression import Condition, parse
from bayesltv.specs.family import Support, of_support
from bayesltv.specs.frozen import FrozenMapping, Plain, put, stated
from bayesltv.specs.prior import PriorSpec
from bayesltv.specs.toml_file import Table

EFFECTS: Mapping[str, Support] = {
    "rate": "positive",
    "rate_after": "positive",
    "dropout": "positive",
    "spend": "positive",
    "margin": "positive",
    "reactivation": "unit",
    "second_rate": "positive",
    "second_dropout": "positive",
    "redemption": "unit",
}
"""Parameters of an intervention: multipliers (1 is no effect) and probabilities."""

CUSTOM = "custom"
SECOND_LIFE = ("reactivation", "second_rate", "second_dropout")
MOST_FACTOR = 1e6
"""No effect and no change of prices is larger."""
NO_ACTION = "none"
UNSTATED = type("Unstated", (float,), {})(0.0)
"""Default of a cost: nothing, and nobody has said so."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OWN = ("none", "hold_out")


@dataclass(frozen=True, kw_only=True)
class ActionSpec:
    """One action.

    Attributes
    ----------
    name : str
        Lower-case letters, digits and underscores.
    kind : str
        contact, discount, free_delivery, membership, gift, bundle, price_change, win_back, cross_sell; or
        custom: any action stated by its effects and costs. It lives by the first of its effects in the order
        of ``EFFECTS``, and with a reactivation it gives customers who have left a second life.
    label : str
        For display; the name where it is left out.
    window : str, optional
        Duration W in which the effects on rate, dropout, spend, margin and price hold; None: to the horizon.
    after_window : str, optional
        Duration W' for which ``rate_after`` holds after the window; None: to the horizon.
    eligible : str
        Condition on score columns (see ``bayesltv.specs.decision.expression``); empty: everybody.
    capacity : int, optional
        Most customers who can get it.
    contact : float
        Money per customer who gets it, at once: letter, call, gift.
    discount : float
        Depth d: share of an order's price.
    per_redemption : float
        Money per order that redeems, such as delivery.
    single_use : bool
        Only one order can redeem.
    cap : float, optional
        Most money that one customer's redemptions cost in the window; simulated, since it has no closed form.
    running : float
        Money per `running_per` of time alive in the window.
    running_per : str
        Time unit of the running cost.
    fixed : float
        Money for the campaign as a whole, where anybody gets the action.
    price : float
        Factor on prices in the window; unit costs stay as they are.
    loss_leader : bool
        Allows a discount deeper than the margin.
    effects : mapping of str to PriorSpec
        Parameter -> prior; parameters left out have no effect (a multiplier of 1, a reactivation of 0, a
        redemption of 1).
    test : str, optional
        Name of the test result whose draws replace the priors of ``rate`` and ``spend``.
    arm : str, optional
        The test's arm; the action's name where it is left out.

    Raises
    ------
    SpecError
        Where something is missing for the kind or impossible.

    Examples
    --------
    >>> rate = PriorSpec.elicited(mass=0.9, between=(0.95, 1.3))
    >>> letter = ActionSpec(name="letter", kind="contact", contact=0.8, effects={"rate": rate})
    >>> letter.main_effect
    'rate'
    """

    name: str
    kind: str
    label: str = ""
    window: str | None = None
    after_window: str | None = None
    eligible: str = ""
    capacity: int | None = None
    contact: float = UNSTATED
    discount: float = 0.0
    per_redemption: float = UNSTATED
    single_use: bool = False
    cap: float | None = None
    running: float = UNSTATED
    running_per: str = "month"
    fixed: float = 0.0
    price: float = 1.0
    loss_leader: bool = False
    effects: Mapping[str, PriorSpec] = field(default_factory=dict)
    test: str | None = None
    arm: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name) or self.name in _OWN:
            raise SpecError(
                f"an action cannot be called {shown(self.name)}: lower-case letters, digits and underscores, "
                f"a letter first, and not {' or '.join(_OWN)}; use label for display"
            )
        checked.known("kind", self.kind, KINDS)
        put(self, label=checked.text("label", self.label or self.name))
        for name in ("window", "after_window"):
            if getattr(self, name) is not None:
                units.horizon_in(checked.text(name, getattr(self, name)), "day")
        checked.instance("eligible", self.eligible, str)
        if self.capacity is not None:
            checked.count("capacity", self.capacity, at_least=1)
        self._check_costs()
        self._set_numbers()
        put(self, effects=_checked_effects(self.effects))
        for name in ("test", "arm"):
            if getattr(self, name) is not None:
                checked.text(name, getattr(self, name))
        self._check_kind()
        _ = self.condition

    @property
    def condition(self) -> Condition | None:
        """Return who is eligible; None: everybody."""
        return parse(self.eligible) if self.eligible.strip() else None

    @property
    def main_effect(self) -> str:
        """Return the parameter that the action lives by; the order in a file says nothing."""
        stated_first = next((name for name in EFFECTS if name in self.effects), "rate")
        return KINDS[self.kind].main_effect or stated_first

    @property
    def returns(self) -> bool:
        """Whether it gives customers who have left a second life."""
        return KINDS[self.kind].returns or (self.kind == CUSTOM and "reactivation" in self.effects)

    @property
    def redeems(self) -> bool:
        """Whether orders can redeem something."""
        return self.discount > 0 or self.per_redemption > 0

    def window_in(self, time_unit: str, horizon: float) -> float:
        """Return the window in `time_unit`; `horizon` where there is none."""
        return horizon if self.window is None else units.horizon_in(self.window, time_unit)

    def after_window_in(self, time_unit: str, horizon: float) -> float:
        """Return how long ``rate_after`` holds, in `time_unit`; `horizon` where it holds to the end."""
        return horizon if self.after_window is None else units.horizon_in(self.after_window, time_unit)

    def running_in(self, time_unit: str) -> float:
        """Return the running cost per `time_unit`, in money."""
        return self.running / units.convert(1.0, self.running_per, time_unit)

    def to_dict(self) -> dict[str, Plain]:
        """Return the action as a decision file would state it under its name."""
        effects: dict[str, Plain] = {name: prior.to_dict() for name, prior in self.effects.items()}
        return {**stated(self, but=("name", "effects")), "effects": effects}

    @classmethod
    def read(cls, table: Table, name: str) -> "ActionSpec":
        """Return the action that a table states."""
        table.only(_KEYS)
        inner = table.table("effects").tables(tuple(EFFECTS))
        effects = {key: PriorSpec.read(each, EFFECTS[key]) for key, each in inner.items()}
        if "kind" not in table:
            raise table.fail("missing: state what kind of action this is", "kind")
        return table.record(cls, name=name, effects=effects)

    def _set_numbers(self) -> None:
        bounds: dict[str, dict[str, float]] = {
            "contact": {"at_least": 0.0, "at_most": checked.MOST_MONEY},
            "discount": {"at_least": 0.0, "below": 1.0},
            "per_redemption": {"at_least": 0.0, "at_most": checked.MOST_MONEY},
            "running": {"at_least": 0.0, "at_most": checked.MOST_MONEY},
            "fixed": {"at_least": 0.0, "at_most": checked.MOST_MONEY},
            "price": {"above": 0.0, "at_most": MOST_FACTOR},
        }
        for name, bound in bounds.items():
            put(self, **{name: checked.number(name, getattr(self, name), **bound)})
        if self.cap is not None:
            put(self, cap=checked.money("cap", self.cap, above=0.0))
        put(self, running_per=checked.unit("running_per", self.running_per))
        for name in ("single_use", "loss_leader"):
            checked.instance(name, getattr(self, name), bool)

    def _check_costs(self) -> None:
        """Refuse a kind without what it needs; a cost of 0 is one where it was stated."""
        needed = KINDS[self.kind].needs
        if not needed:
            return
        value, default = getattr(self, needed), getattr(type(self), needed)
        if value is default or (default is not UNSTATED and value == default):
            free = f", {needed} = 0 where it costs nothing" if default is UNSTATED else ""
            raise SpecError(f"a {self.kind} needs {needed}: state it{free}")

    def _check_kind(self) -> None:
        if self.test is None and self.kind == CUSTOM and not self.effects:
            raise SpecError(
                f"a custom action needs an effect: state [actions.{self.name}.effects.NAME] of one or more "
                f"of {', '.join(EFFECTS)}, or name a test"
            )
        if self.test is None and self.main_effect not in self.effects:
            raise SpecError(
                f"a {self.kind} needs a belief about {self.main_effect}: state "
                f"[actions.{self.name}.effects.{self.main_effect}], or name a test"
            )
        if self.test is not None and self.returns:
            raise SpecError(
                f"a test gives effects on rate and spend: state the reactivation of a {self.kind}"
            )
        second = [name for name in SECOND_LIFE if name in self.effects]
        if second and not self.returns:
            cure = "state effects.reactivation too" if self.kind == CUSTOM else "drop it, or change the kind"
            raise SpecError(f"effects.{second[0]} belongs to a win_back: {cure}")
        if not self.returns and "redemption" in self.effects and not self.redeems:
            raise SpecError("effects.redemption without discount or per_redemption: nothing can be redeemed")
        if self.cap is not None and not self.redeems:
            raise SpecError("cap without discount or per_redemption: there is nothing to cap")
        if self.price != 1.0 and self.discount > 0:
            raise SpecError("price and discount exclude each other: an action changes one of them")


def read_actions(table: Table) -> tuple[ActionSpec, ...]:
    """Return the actions that a table states, one sub-table each, in the file's order."""
    for name, value in table.values.items():
        if not isinstance(value, dict):
            raise table.fail("must be a table, [actions.NAME]", name)
    if not table.values:
        raise table.fail("no action is stated: add [actions.NAME], or drop the section")
    return tuple(ActionSpec.read(table.table(name), name) for name in table.values)


def _checked_effects(effects: Mapping[str, object]) -> FrozenMapping[PriorSpec]:
    priors: dict[str, PriorSpec] = {}
    for name, value in effects.items():
        checked.known("effect", name, EFFECTS)
        with checked.located(f"effects.{name}"):
            prior = PriorSpec.of(value)
        if prior.support != EFFECTS[name]:
            lies = "is a positive factor" if EFFECTS[name] == "positive" else "is a share between 0 and 1"
            raise SpecError(
                f"effects.{name}: {name} {lies}, {prior.family} is not: "
                f"use {', '.join(of_support(EFFECTS[name]))}"
            )
        if prior.per is not None:
            raise SpecError(f"effects.{name}: {name} is a factor or a share, without a time unit: drop per")
        if EFFECTS[name] == "positive" and not _upper_end(prior) <= MOST_FACTOR:
            raise SpecError(
                f"effects.{name}: one time in twenty it is above {MOST_FACTOR:,.0f}: narrow its prior"
            )
        priors[name] = prior
    return FrozenMapping(priors)


def _upper_end(prior: PriorSpec) -> float:
    """Return the 95 % quantile of a prior, infinity where no float holds it."""
    try:
        if prior.family == "LogNormal":  # without scipy, which takes a second to load
            return math.exp(prior.parameters["mu"] + 1.645 * prior.parameters["sigma"])
        return prior.quantile(0.95)
    except OverflowError:
        return math.inf


_KEYS = tuple(name for name in ActionSpec.__dataclass_fields__ if name != "name")

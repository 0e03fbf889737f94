"""What is offered: the actions, what is believed of their effects, and what each would bring."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.allocation.allocation import NOBODY
from bayesltv.base.placed_base import PlacedBase, Placement
from bayesltv.decisions.offer.actions import (
    ActionModel,
    Offered,
    Options,
    add_up_all,
    evaluate_all,
    make_action_model,
)
from bayesltv.decisions.offer.eligibility import eligible_customers
from bayesltv.experiments.effects import Effects, cells_of, effects_of, warn_of_harmless
from bayesltv.experiments.measured import all_effects, compare_with_tests, effects_of_tests
from bayesltv.numerics.arrays import Codes, Floats
from bayesltv.prediction.terms import terms_of
from bayesltv.prediction.totals import step_of
from bayesltv.specs.decision.decision_spec import DecisionSpec


@dataclass(frozen=True)
class Walking:
    """How customers are walked over: changes speed and memory, never a number.

    Attributes
    ----------
    threads, block : int, optional
    progress : callable, optional
        Told how many customers have been evaluated since it was last called.
    """

    threads: int | None = None
    block: int | None = None
    progress: Callable[[int], None] | None = None


@dataclass(frozen=True)
class Offer:
    """The actions of a decision before customers.

    Attributes
    ----------
    model : ActionModel
    effects : tuple of Effects
        Of each action, on the draws used.
    offered : Offered
        Who is eligible for what.
    options : Options
        What each action would bring each customer.
    asked : DataFrame
        Columns that conditions may name.
    walking : Walking
    """

    model: ActionModel
    effects: tuple[Effects, ...]
    offered: Offered
    options: Options
    asked: pd.DataFrame
    walking: Walking

    @property
    def names(self) -> list[str]:
        """Names of the actions."""
        return [action.name for action in self.model.actions]

    @property
    def fixed(self) -> Floats:
        """Fixed cost of each action."""
        return np.array([action.fixed for action in self.model.actions])

    def add_up(self, policies: Sequence[Codes], expand: Callable[[Offered], Codes] | None = None) -> Floats:
        """Return totals of whole policies, shape (policy, action, part, draw); see `add_up_all`."""
        return self.add_up_under(self.model, policies, expand)

    def add_up_under(
        self, model: ActionModel, policies: Sequence[Codes], expand: Callable[[Offered], Codes] | None = None
    ) -> Floats:
        """Return totals of whole policies under another model of the actions."""
        net, walking = self.options.net, self.walking
        typical = max(float(np.abs(net).mean()), 1e-6) if net.size else 1.0
        alternatives = replace(self.offered, assigned=np.stack(policies))
        return add_up_all(
            model, alternatives, step_of(typical), expand=expand, threads=walking.threads, block=walking.block
        )


def believed(
    base: PlacedBase,
    decision: DecisionSpec,
    effects: Mapping[str, Effects | xr.Dataset],
    tests: Mapping[str, xr.DataTree],
) -> list[Effects]:
    """Return what is believed of each action's effects, by draws of the whole posterior."""
    total = base.posterior.chains * base.posterior.draws_per_chain
    stated = {**effects_of_tests(decision.actions, tests, total, seed=base.seed), **effects}
    compare_with_tests(decision.actions, stated)
    given = all_effects(stated)
    known = effects_of(decision.actions, given, total, base.seed)
    warn_of_harmless(decision.actions, given)
    return known


def make_offer(
    base: PlacedBase,
    placed: Placement,
    decision: DecisionSpec,
    asked: pd.DataFrame,
    *,
    effects: Sequence[Effects],
    walking: Walking,
) -> Offer:
    """Return what the actions of a decision are worth to the customers of a base: the first walk.

    Raises
    ------
    SpecError
        Where nobody is eligible for an action.
    """
    _, population, people = placed
    known = [each.taken(population.draws) for each in effects]
    unit = base.posterior.time_unit
    terms = terms_of(decision.value, unit)
    model = make_action_model(population, terms, decision.actions, known, time_unit=unit, seed=base.seed)
    nothing = np.full((0, len(people)), NOBODY, np.int32)
    eligible = eligible_customers(decision.actions, asked)
    offered = Offered(people, eligible, cells_of(known, asked), nothing)
    options = evaluate_all(
        model, offered, threads=walking.threads, block=walking.block, progress=walking.progress
    )
    return Offer(model, tuple(known), offered, options, asked, walking)

"""Actions on customers: what each brings and costs whom, and totals of whole policies, block by block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayesltv.base.customers import LATENTS, Customers, walk
from bayesltv.base.population import Population
from bayesltv.decisions.offer.pnl import PARTS, spending
from bayesltv.errors import DataError
from bayesltv.experiments.effects import Effects, stack_effects
from bayesltv.kernels.actions import Offers, add_up_policies, evaluate_actions
from bayesltv.kernels.block import Streams
from bayesltv.numerics.arrays import Codes, Flags, Floats, Integers
from bayesltv.numerics.levels import LEVELS
from bayesltv.prediction.packed import clock_of, laws_of, people_of
from bayesltv.prediction.terms import Terms
from bayesltv.specs.decision.actions import ActionSpec

REDEMPTIONS = "redemptions"
"""Name of the random stream of redemptions under a cap."""
_BLOCK_BYTES = 8_000_000


@dataclass(frozen=True)
class Offered:
    """Customers and what may be done to them.

    Attributes
    ----------
    customers : Customers
    eligible : ndarray of bool, shape (customer, action)
    cell : ndarray of int32, shape (action, customer)
        Cell of the test behind the action; 0 without one.
    assigned : ndarray of int32, shape (policy, customer)
        What each policy does; negative: nothing.
    """

    customers: Customers
    eligible: Flags
    cell: Codes
    assigned: Codes

    def __len__(self) -> int:
        return len(self.customers)

    def alone(self, chosen: Integers, action: int) -> "Offered":
        """Return some of the customers, offered one action; no policy is kept."""
        return Offered(
            self.customers.rows(chosen),
            np.ascontiguousarray(self.eligible[chosen][:, [action]]),
            np.ascontiguousarray(self.cell[[action]][:, chosen]),
            np.full((0, chosen.size), -1, np.int32),
        )

    def rows(self, chosen: slice) -> "Offered":
        """Return some of the customers."""
        return Offered(
            self.customers.rows(chosen),
            np.ascontiguousarray(self.eligible[chosen]),
            np.ascontiguousarray(self.cell[:, chosen]),
            np.ascontiguousarray(self.assigned[:, chosen]),
        )


@dataclass(frozen=True)
class Options:
    """What each action would bring each customer, from the latent value; 0 where not eligible.

    Attributes
    ----------
    net, p_pays : ndarray, shape (customer, action)
        E[Net] in money, P(Net > 0).
    quantiles : ndarray, shape (3, customer, action)
        5, 50 and 95 % of Net.
    parts : ndarray, shape (customer, action, part)
        Means of the parts of the profit and loss.
    """

    net: Floats
    p_pays: Floats
    quantiles: Floats
    parts: Floats

    @property
    def cost(self) -> Floats:
        """Expected cost to the budget, shape (customer, action)."""
        return spending(self.parts)


@dataclass(frozen=True)
class ActionModel:
    """All that is needed to evaluate actions on a block; the same on every thread and engine.

    Attributes
    ----------
    population : Population
    terms : Terms
    actions : tuple of ActionSpec
    offers : ndarray of float64, shape (action, 10)
        Windows and costs in the summary's unit.
    effects : ndarray of float64, shape (action, cell, draw, parameter)
    seed : int
    """

    population: Population
    terms: Terms
    actions: tuple[ActionSpec, ...]
    offers: Floats
    effects: Floats
    seed: int

    def evaluate(self, offered: Offered) -> Options:
        """Return what each action would bring each customer of a block."""
        net, parts = self.draw(offered)
        return Options(
            net.mean(axis=2), (net > 0).mean(axis=2), np.quantile(net, list(LEVELS.values()), axis=2), parts
        )

    def add_up(self, offered: Offered, step: float) -> Integers:
        """Return totals of the policies of a block in steps of money, shape (policy, action, part, draw)."""
        shape = (offered.assigned.shape[0], len(self.actions), len(PARTS), self.population.draws.size)
        sums = np.zeros(shape, dtype=np.int64)
        add_up_policies(*self._common(offered), offered.assigned, step, sums)
        return sums

    def draw(self, offered: Offered) -> tuple[Floats, Floats]:
        """Return net value, shape (customer, action, draw), and means of its parts: for a block."""
        shape = (len(offered), len(self.actions))
        net, parts = np.empty((*shape, self.population.draws.size)), np.empty((*shape, len(PARTS)))
        evaluate_actions(*self._common(offered), offered.eligible, net, parts)
        return net, parts

    def thinned(self, draws: int) -> "ActionModel":
        """Return the model on about so many of its draws, evenly spread."""
        total = self.population.draws.size
        kept = np.unique(np.linspace(0, total - 1, min(draws, total)).astype(np.int64))
        effects = np.ascontiguousarray(self.effects[:, :, kept])
        return replace(self, population=self.population.of_draws(kept), effects=effects)

    def only(self, at: int) -> "ActionModel":
        """Return the model of one action."""
        return replace(
            self, actions=(self.actions[at],), offers=self.offers[[at]], effects=self.effects[[at]]
        )

    def block(self, asked: int | None) -> int:
        """Return the number of customers in a block."""
        if asked is not None:
            return asked
        return max(16, _BLOCK_BYTES // (8 * max(1, len(self.actions)) * self.population.draws.size))

    def _common(self, offered: Offered) -> tuple[object, ...]:
        customers, population = offered.customers, self.population
        latents, redemptions = (customers.keys(self.seed, name) for name in (LATENTS, REDEMPTIONS))
        return (
            Streams(latents, redemptions, latents, population.draws),
            people_of(population, customers, self.terms.horizon),
            laws_of(population),
            clock_of(population),
            Offers(self.effects, self.offers, offered.cell, self.terms.as_tuple()),
        )


def make_action_model(
    population: Population,
    terms: Terms,
    actions: Sequence[ActionSpec],
    effects: Sequence[Effects],
    *,
    time_unit: str,
    seed: int,
) -> ActionModel:
    """Return the model of some actions with their effects, one per action, draws as in `population`.

    Raises
    ------
    DataError
        Where the fit has no spend model: an action is worth money.
    """
    if not population.has_spend:
        raise DataError("the fit has no spend model: actions are worth money, fit a spec with [spend]")
    offers = np.array([offer_row(action, terms.horizon, time_unit) for action in actions]).reshape(-1, 10)
    stacked = stack_effects(effects, population.draws.size)
    return ActionModel(population, terms, tuple(actions), offers, stacked, seed)


def offer_row(action: ActionSpec, horizon: float, time_unit: str) -> list[float]:
    """Return an action's windows and costs in the order of ``kernels.actions``."""
    return [
        min(action.window_in(time_unit, horizon), horizon),
        min(action.after_window_in(time_unit, horizon), horizon),
        action.discount,
        action.per_redemption,
        float(action.single_use or action.returns),
        np.inf if action.cap is None else action.cap,
        action.contact,
        action.running_in(time_unit),
        action.price,
        float(action.returns),
    ]


def evaluate_all(
    model: ActionModel,
    offered: Offered,
    *,
    threads: int | None = None,
    block: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Options:
    """Return what each action would bring each customer: the first walk over the blocks."""
    parts = []
    for options in walk(offered, model.evaluate, block=model.block(block), threads=threads):
        parts.append(options)
        if progress is not None:
            progress(len(options.net))
    parts = parts or [model.evaluate(offered)]
    return Options(
        np.concatenate([each.net for each in parts]),
        np.concatenate([each.p_pays for each in parts]),
        np.concatenate([each.quantiles for each in parts], axis=1),
        np.concatenate([each.parts for each in parts]),
    )


def add_up_all(
    model: ActionModel,
    offered: Offered,
    step: float,
    *,
    expand: Callable[[Offered], Codes] | None = None,
    threads: int | None = None,
    block: int | None = None,
) -> Floats:
    """Return totals of the policies in money, shape (policy, action, part, draw): the second walk.

    Sums are taken inside each draw, on the same draws of the latents as in the first walk; exact, whatever
    the order of customers and blocks. `expand` makes the policies of a block from what is assigned in it.
    """

    def work(part: Offered) -> Integers:
        return model.add_up(part if expand is None else replace(part, assigned=expand(part)), step)

    none = work(offered.rows(slice(0, 0)))
    return np.asarray(
        sum(walk(offered, work, block=model.block(block), threads=threads), none) * step, dtype=np.float64
    )

"""Effects of actions, draw by draw: from priors, or from a randomised test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.errors import DataError, SpecError, shown, warn
from bayesltv.names import CUSTOMER_ID, GROUP_SEPARATOR
from bayesltv.numerics.arrays import Codes, Floats
from bayesltv.specs.decision.actions import EFFECTS, ActionSpec
from bayesltv.specs.frozen import FrozenMapping
from bayesltv.streams import generator

type Source = Literal["test", "assumed"]

NEUTRAL = {**dict.fromkeys(EFFECTS, 1.0), "reactivation": 0.0}
"""Value of a parameter that is not stated: no effect; every order in the window redeems."""
OTHER = "(other)"
"""Cell of a test for customers whose own cell was not in it."""
HAZARD_RATIO, RATE_FACTOR = "hazard ratio of conversions", "factor on the purchase rate"
"""What a test's rate is: without the histories of its customers, and with them."""
HARMLESS = 0.01
"""A prior that gives harm less than this rules it out for practical purposes."""


@dataclass(frozen=True)
class Effects:
    """What is known of an action's effects, one draw per posterior draw.

    Attributes
    ----------
    values : mapping of str to ndarray, shape (draw,) or (draw, cell)
        Parameter -> draws; those left out have no effect. Draw d goes with posterior draw d of the customers.
    source : mapping of str to "test" or "assumed"
        Where the draws of each parameter come from.
    cells : tuple of str
        Labels of the cells of the test that differ; empty: one effect for all.
    cell_columns : tuple of str
        Score columns whose values, joined by " | ", are a customer's cell.
    measured : mapping of str to str
        What a test measured as each parameter, and how long it watched.
    """

    values: Mapping[str, Floats]
    source: Mapping[str, Source] = field(default_factory=dict)
    cells: tuple[str, ...] = ()
    cell_columns: tuple[str, ...] = ()
    measured: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, draws in self.values.items():
            if name not in EFFECTS:
                raise SpecError(f"effect {shown(name)} is unknown: there are {', '.join(EFFECTS)}")
            _check_support(name, np.asarray(draws, dtype=np.float64))
            if draws.ndim == 2 and draws.shape[1] != len(self.cells):
                raise SpecError(f"effect {name} has {draws.shape[1]} cells but {len(self.cells)} labels")
        object.__setattr__(self, "values", FrozenMapping(self.values))
        source: dict[str, Source] = {name: self.source.get(name, "assumed") for name in self.values}
        object.__setattr__(self, "source", FrozenMapping(source))

    def taken(self, draws: NDArray[np.uint64]) -> "Effects":
        """Return the effects at some posterior draws, by number."""
        values = {name: each[draws.astype(np.int64)] for name, each in self.values.items()}
        return replace(self, values=values)

    def replaced(self, name: str, value: float) -> "Effects":
        """Return the effects with one parameter fixed at a number in all draws."""
        draws = next(iter(self.values.values())).shape[0]
        values = {**self.values, name: np.full(draws, float(value))}
        return replace(self, values=values, source={**self.source, name: "assumed"})

    def stacked(self, draws: int) -> Floats:
        """Return what kernels take, shape (cell, draw, parameter), neutral where nothing is said."""
        array = np.empty((max(1, len(self.cells)), draws, len(EFFECTS)))
        for at, name in enumerate(EFFECTS):
            values = self.values.get(name, np.full(draws, NEUTRAL[name]))
            array[:, :, at] = values.T if values.ndim == 2 else values
        return array

    @property
    def overall(self) -> Source:
        """Return "test" where every effect comes from a test, else "assumed"."""
        return "test" if self.source and set(self.source.values()) == {"test"} else "assumed"


def assumed_effects(action: ActionSpec, draws: int, *, seed: int) -> Effects:
    """Return draws from an action's priors.

    Each parameter of each action has a stream of its own, and draw d goes with posterior draw d. Quantiles
    are taken at stratified uniforms, one per draw in random order, so that a thousand draws have the prior's
    mean to a fraction of a per cent.

    Parameters
    ----------
    action : ActionSpec
    draws : int
        Of the posterior before thinning.
    seed : int
    """
    values = {}
    for name, prior in action.effects.items():
        rng = generator(seed, "effects", action.name, name)
        u = (rng.permutation(draws) + rng.random(draws)) / draws
        values[name] = np.asarray(prior.frozen().ppf(u), dtype=np.float64)
    return Effects(values)


def without_harm(action: ActionSpec) -> tuple[str, ...]:
    """Return the parameters whose prior rules out that the action does harm."""
    shares = {
        name: float(prior.frozen().cdf(1.0) if name != "dropout" else prior.frozen().sf(1.0))
        for name, prior in action.effects.items()
        if name in ("rate", "dropout", "spend")
    }
    return tuple(name for name, share in shares.items() if share < HARMLESS)


def effects_of(
    actions: Sequence[ActionSpec], given: Mapping[str, Effects], draws: int, seed: int
) -> list[Effects]:
    """Return each action's effects: from a test where there is one, priors for the rest.

    Parameters
    ----------
    actions : sequence of ActionSpec
    given : mapping of str to Effects
        Action -> effects with `draws` draws.
    draws : int
        Of the posterior before thinning.
    seed : int

    Raises
    ------
    SpecError
        Where a name is no action's, or a test's result is missing.
    DataError
        Where the number of draws is another.
    """
    names = [action.name for action in actions]
    strange = [name for name in given if name not in names]
    if strange:
        raise SpecError(f"effects= names {shown(strange[0])}, but the actions are {', '.join(names)}")
    found = []
    for action in actions:
        assumed = assumed_effects(action, draws, seed=seed)
        tested = given.get(action.name)
        if tested is None and action.test is not None:
            raise SpecError(
                f"actions.{action.name} takes its effects from the test {shown(action.test)}: pass its fit "
                f"(tests={{{shown(action.test)}: ...}}), or state priors"
            )
        if tested is not None:
            short = [name for name, values in tested.values.items() if values.shape[0] != draws]
            if short:
                raise DataError(
                    f"effects of {action.name}: {tested.values[short[0]].shape[0]:,} draws of {short[0]}, "
                    f"but {draws:,} of the posterior: one draw of an effect goes with one of the customers"
                )
            values = {**assumed.values, **tested.values}
            assumed = replace(tested, values=values, source={**assumed.source, **tested.source})
        found.append(assumed)
    return found


def warn_of_harmless(actions: Sequence[ActionSpec], given: Mapping[str, Effects]) -> None:
    """Warn where a prior all but rules out that the action does harm."""
    sure = [
        f"{action.name}.{name}"
        for action in actions
        if action.name not in given
        for name in without_harm(action)
    ]
    if sure:
        warn(
            f"the priors of {', '.join(sure)} all but rule out that the action does harm: a policy will find "
            "it good because it was told so. Widen them, or test"
        )


def stack_effects(effects: Sequence[Effects], draws: int) -> Floats:
    """Return effects of several actions as one array, shape (action, cell, draw, parameter)."""
    parts = [each.stacked(draws) for each in effects]
    cells = max((part.shape[0] for part in parts), default=1)
    stacked = np.zeros((len(parts), cells, draws, len(EFFECTS)))
    for at, part in enumerate(parts):
        stacked[at, : part.shape[0]] = part
    return stacked


def cells_of(effects: Sequence[Effects], table: pd.DataFrame) -> Codes:
    """Return the cell of each action's test that each customer belongs to, shape (action, customer)."""
    codes = np.zeros((len(effects), len(table)), dtype=np.int32)
    for at, each in enumerate(effects):
        if not each.cells:
            continue
        absent = [column for column in each.cell_columns if column not in table]
        if absent:
            raise SpecError(
                f"the test's cells are of the column {shown(absent[0])}, which the scores have not"
            )
        parts = [table[column].astype(str).tolist() for column in each.cell_columns]
        labels = pd.Series([GROUP_SEPARATOR.join(row) for row in zip(*parts, strict=True)], dtype=object)
        place = pd.Index(each.cells).get_indexer(pd.Index(labels))
        if OTHER in each.cells:
            place = np.where(place < 0, each.cells.index(OTHER), place)
        if (place < 0).any():
            raise DataError(
                f"{int((place < 0).sum()):,} of {len(table):,} customers are in no cell of the test, like "
                f"{shown(labels[place < 0].iloc[0])} ({{ids}}): use cells that all customers fall into",
                ids=table.loc[place < 0, CUSTOMER_ID],
            )
        codes[at] = place
    return codes


def _check_support(name: str, draws: Floats) -> None:
    is_share = EFFECTS[name] == "unit"
    wrong = ~np.isfinite(draws) | (draws < 0) | ((draws > 1) if is_share else (draws <= 0))
    if wrong.any():
        lies = "between 0 and 1" if is_share else "positive and finite"
        raise SpecError(f"effect {name} must be {lies} in every draw, is not in {int(wrong.sum()):,}")

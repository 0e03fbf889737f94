"""Campaigns of an earlier plan: the time of those it treated has run by the believed factor since then."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.base.own_time import OwnTime
from bayesltv.base.placed_base import PlacedBase
from bayesltv.data.ids import plain_text
from bayesltv.dates import day_column
from bayesltv.decisions.baselines import current_codes
from bayesltv.errors import DataError, counted, warn
from bayesltv.experiments.effects import Effects, cells_of
from bayesltv.names import CUSTOMER_ID, OBSERVATION_END
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.decision.actions import EFFECTS, NO_ACTION, ActionSpec
from bayesltv.units import DAYS_PER

UNTREATED = (NO_ACTION, "hold_out")
TIMES = ("rate", "rate_after")
"""Effects that are time: in an action's window, and after it."""
UNSEEN = ("margin", "redemption")
"""Effects that leave no trace in a history."""


def own_time_of(
    previous: object, base: PlacedBase, actions: Sequence[ActionSpec], effects: Sequence[Effects]
) -> OwnTime | None:
    """Return whose time has run by which factor since an earlier plan; None where it treated nobody.

    Its customers are treated from ``as_of_date`` on: their time runs by ``rate`` in the action's window and
    by ``rate_after`` after it, up to the end of observation. The draws of a factor are those with which the
    action is offered again.

    Parameters
    ----------
    previous : DataFrame or other
        An earlier export, with ``assignment`` and ``as_of_date``; anything else tells of no campaign.
    base : PlacedBase
    actions : sequence of ActionSpec
    effects : sequence of Effects
        Of each action, by draws of the whole posterior.

    Raises
    ------
    DataError
        Where the export does not say when, says a day after the end of observation or a customer twice, has
        an action that the decision does not have, or none of its customers is in the summary.
    """
    if not isinstance(previous, pd.DataFrame) or "assignment" not in previous:
        return None
    given = previous["assignment"]
    treated = previous[given.notna() & ~given.isin(UNTREATED)].reset_index(drop=True)
    days = _days_since(treated, base) if len(treated) else np.zeros(0)
    treated, days = treated[days > 0].reset_index(drop=True), days[days > 0]
    if treated.empty:
        return None
    ids = treated[CUSTOMER_ID].map(plain_text).to_numpy(object)
    _require_once(ids, base.summary[CUSTOMER_ID])
    names = tuple(action.name for action in actions)
    codes = current_codes(
        dict(zip(ids, treated["assignment"], strict=True)), ids, names, whose="the earlier plan"
    )
    _warn_of_the_rest(base, days, [effects[at] for at in np.unique(codes)])
    unit, cells, factors = base.posterior.time_unit, cells_of(effects, treated), list[Floats]()
    since, rows = days / DAYS_PER[unit], []
    for at, (action, known) in enumerate(zip(actions, effects, strict=True)):
        mine = np.flatnonzero(codes == at)
        window, after = action.window_in(unit, np.inf), action.after_window_in(unit, np.inf)
        draws = known.stacked(base.posterior.chains * base.posterior.draws_per_chain)
        for name, begin, until in zip(TIMES, (0.0, window), (window, window + after), strict=True):
            spans = np.maximum(since[mine] - np.array([[begin], [until]]), 0.0)
            rows.append((ids[mine], spans, len(factors) + cells[at, mine].astype(np.int64)))
            factors += list(draws[:, :, list(EFFECTS).index(name)])
    whose, when, factor = (np.concatenate(each, axis=-1) for each in zip(*rows, strict=True))
    return OwnTime(whose, when, factor, np.array(factors))


def _days_since(treated: pd.DataFrame, base: PlacedBase) -> Floats:
    """Return how many days before the end of observation each customer was treated."""
    end = base.require_end()
    if "as_of_date" not in treated or treated["as_of_date"].isna().any():
        raise DataError(
            f"the earlier plan treated {counted(len(treated), 'customer', 'customers')} ({{ids}}) without "
            "saying when: give as_of_date, the first day of the campaign, or leave assignment out",
            ids=treated[CUSTOMER_ID],
        )
    days = (end - day_column(treated["as_of_date"], "as_of_date")).dt.days.to_numpy()
    if (days < 0).any():
        raise DataError(
            f"the earlier plan treated {counted(int((days < 0).sum()), 'customer', 'customers')} ({{ids}}) "
            f"after {end.date()}, the end of observation: pass a newer summary, or an older plan",
            ids=treated.loc[days < 0, CUSTOMER_ID],
        )
    return np.asarray(days, dtype=np.float64)


def _require_once(ids: NDArray[np.object_], known: pd.Series) -> None:
    """Refuse customers who stand twice, and a plan for others; say how many are gone."""
    twice = pd.Index(ids)[pd.Index(ids).duplicated()].unique()
    if len(twice):
        raise DataError(
            f"the earlier plan treated {counted(len(twice), 'customer', 'customers')} twice ({{ids}}): "
            "keep one row of each",
            ids=twice,
        )
    gone = ids[~np.isin(ids.astype(str), known.to_numpy(str))]
    if len(gone) == len(ids) > 0:
        raise DataError(
            f"none of {counted(len(ids), 'customer', 'customers')} whom the earlier plan treated ({{ids}}) "
            "is in the summary: are the ids the same?",
            ids=gone,
        )
    if len(gone):
        warn(
            f"{len(gone):,} of {len(ids):,} customers treated by the earlier plan are gone ({{ids}})",
            ids=gone,
        )


def _warn_of_the_rest(base: PlacedBase, days: Floats, effects: Sequence[Effects]) -> None:
    """Say what of a campaign stays in the history, and that the fit was told nothing of it."""
    left = sorted({name for each in effects for name in each.values} - {*TIMES, *UNSEEN})
    if left:
        warn(
            f"of the earlier plan's effects the factor on purchases is taken out of the history, but not "
            f"{', '.join(left)}: these count as the customers' own"
        )
    fitted, began = (
        base.fit.attrs.get(OBSERVATION_END),
        base.require_end() - pd.Timedelta(days=days.max(initial=0)),
    )
    if fitted and pd.Timestamp(fitted) > began:
        warn(
            f"the fit's data hold {(pd.Timestamp(fitted) - began).days:,} days of the earlier plan, so that "
            f"all rates are read as if nothing had been done: fit on purchases up to {began.date()}"
        )

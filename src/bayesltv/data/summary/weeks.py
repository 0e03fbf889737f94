"""First purchases by week and channel: what arrivals are fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesltv.data.day_lists import day_lists
from bayesltv.data.summary.days import Days, history_days
from bayesltv.data.summary.groups import check_group_columns, codes_of
from bayesltv.errors import DataError, counted, warn
from bayesltv.names import GROUP_SEPARATOR, REPEAT_DAYS
from bayesltv.numerics.arrays import Floats, Integers

WEEK, BLOCK = 7, 4
FEWEST, A_YEAR = 26, 53
"""Weeks below which nothing is fitted, and below which no season can be known."""
MOST_DROPPED = 13
HIGHER = 1.25
"""Times the later level by which newcomers, and their share of buyers, lie higher where old ones look new."""
ALL = "all"
CHANNEL, FOUR_WEEKS, WEEK_END = "channel", "four_weeks", "week_end"
LEVEL, TREND, SEASON, SHOCK = "level", "trend", "season", "shock"
SHOCK_SD, SHOCK_RHO, SEASON_SD, OVERDISPERSION = "shock_sd", "shock_rho", "season_sd", "overdispersion"
NEW_CUSTOMERS = "new_customers"
SEASONS = 13


@dataclass(frozen=True)
class Weeks:
    """First purchases by week and channel.

    Attributes
    ----------
    columns : tuple of str
        Columns that make a channel; empty for one of all customers.
    combinations : tuple of tuple of str
        Levels of each channel.
    counts : ndarray of int64, shape (channel, week)
    end : int
        Last day of the last week, in days since 1970-01-01.
    dropped : int
        Weeks at the start that were left out.
    """

    columns: tuple[str, ...]
    combinations: tuple[tuple[str, ...], ...]
    counts: Integers
    end: int
    dropped: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """What channels are called."""
        return tuple(GROUP_SEPARATOR.join(levels) or ALL for levels in self.combinations)

    @property
    def ends(self) -> Integers:
        """Last day of each week."""
        return week_ends(self.end, np.arange(1 - self.counts.shape[1], 1, dtype=np.int64))


def week_ends(end: int, number: Integers) -> Integers:
    """Return the last days of weeks by their number after the one that ends on `end`."""
    return end + WEEK * number


def seasons_of(ends: Integers) -> Integers:
    """Return the four weeks of the year, 0 to 12, in which weeks of these last days have their middle."""
    middle = (ends - WEEK // 2).astype("datetime64[D]")
    day = (middle - middle.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    return np.asarray(np.minimum(day // (BLOCK * WEEK), SEASONS - 1))


def make_weeks(summary: pd.DataFrame, by: Sequence[str], *, burn: int | None = None) -> Weeks:
    """Return the weeks of a summary, counted back from its last day; a part of one at the start is left out.

    Parameters
    ----------
    summary : DataFrame
    by : sequence of str
        Columns that make a channel.
    burn : int, optional
        Weeks at the start to leave out. Default: those in which old customers seem to look new, since the
        log begins where the shop was already open.

    Raises
    ------
    DataError
        Where a column is missing, or fewer than 26 weeks are left.
    """
    if burn is not None and burn < 0:
        raise DataError(f"burn={burn} must be 0 or more weeks")
    check_group_columns(summary, by)
    if not len(summary):
        raise DataError("the summary has no customers: there are no arrivals")
    days = history_days(summary)
    end = int(days.end.max())
    weeks = (end - int(days.first.min()) + 1) // WEEK
    found = _counted(summary, days, by, end, weeks)
    dropped = _old_weeks(summary, found) if burn is None else min(burn, weeks)
    kept = replace(found, counts=found.counts[:, dropped:], dropped=dropped)
    _require_enough(kept)
    return kept


def _counted(summary: pd.DataFrame, days: Days, by: Sequence[str], end: int, weeks: int) -> Weeks:
    keys = list(map(tuple, summary[list(by)].astype(str).to_numpy()))
    combinations = tuple(sorted(set(keys))) if by else ((),)
    channel = codes_of(summary, by, combinations).astype(np.int64)
    counts = np.zeros((len(combinations), weeks), np.int64)
    week = weeks - 1 - (end - days.first) // WEEK
    np.add.at(counts, (channel[week >= 0], week[week >= 0]), 1)
    return Weeks(tuple(by), combinations, counts, end)


def _old_weeks(summary: pd.DataFrame, found: Weeks) -> int:
    """Return how many weeks at the start to leave out, and say so."""
    if REPEAT_DAYS not in summary.columns:
        return 0
    lists, weeks = day_lists(summary[REPEAT_DAYS]), found.counts.shape[1]
    week = weeks - 1 - (found.end - lists.days) // WEEK
    visits = np.unique(lists.row * (weeks + 1) + np.maximum(week, -1) + 1)  # a customer counts once a week
    back = np.bincount(visits % (weeks + 1), minlength=weeks + 1)[1:]
    new = found.counts.sum(axis=0)
    blocks = weeks // BLOCK
    many, buyers = (_blocked(each, blocks) for each in (new, new + back))
    dropped = _leading_blocks(many, many / np.maximum(buyers, 1.0)) * BLOCK
    dropped = min(dropped, MOST_DROPPED)
    if dropped:
        early, late = new[:dropped].mean(), new[dropped:].mean()
        warn(
            f"the first {dropped} weeks are left out: {early:,.0f} customers a week look new in them and "
            f"{late:,.0f} later, so that the log seems to begin where the shop was already open. Pass burn=0 "
            "to keep them, or the number of weeks to leave out"
        )
    return dropped


def _blocked(values: Integers, blocks: int) -> Floats:
    sums = values[: blocks * BLOCK].reshape(blocks, BLOCK).sum(axis=1)
    return np.asarray(sums, dtype=np.float64)


def _leading_blocks(many: Floats, share: Floats) -> int:
    """Return how many blocks at the start have more newcomers, and more of them among buyers, than later."""
    half = many.size // 2
    if half < 2:
        return 0
    level, usual = np.median(many[half:]), np.median(share[half:])
    is_old = (many > HIGHER * level + 2 * np.sqrt(level)) & (share > min(HIGHER * usual, 0.5 * (1 + usual)))
    return int(np.argmin(np.append(is_old[:half], False)))


def _require_enough(found: Weeks) -> None:
    weeks = found.counts.shape[1]
    left = f" after {found.dropped} at the start were left out" if found.dropped else ""
    if weeks < FEWEST:
        raise DataError(
            f"{counted(weeks, 'week is', 'weeks are')} there{left}, and arrivals need {FEWEST}: take a "
            "longer log, or pass a plan of new customers"
        )
    if weeks < A_YEAR:
        warn(
            f"{weeks} weeks are there{left}: below {A_YEAR} no season can be known, and the forecast has the "
            "prior's"
        )
    silent = int(np.argmax(np.append(found.counts.sum(axis=0)[::-1] > 0, True)))
    if silent > BLOCK:
        warn(
            f"nobody was new in the last {silent} weeks: is this the log of chosen customers? Then its "
            "arrivals say nothing of the shop's"
        )

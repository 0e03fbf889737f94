"""Return by segment and action: for those who get it, and for all who could."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.allocation.allocation import NOBODY
from bayesltv.decisions.offer.pnl import PARTS, pnl_row
from bayesltv.names import DRAW
from bayesltv.numerics.arrays import Codes, Flags, Floats

CHOSEN, ELIGIBLE = "chosen", "eligible"
MOST_LEVELS = 30
"""Group columns with more levels are left out of the table."""
_KEPT = ("net", "net_p05", "net_p50", "net_p95", "p_pays", "roi_p05", "roi_p50", "roi_p95")


@dataclass(frozen=True)
class Segments:
    """Customers by the labels of some columns.

    Attributes
    ----------
    codes : ndarray of int32, shape (column, customer)
    labels : tuple of tuple of str
        Of each column, in the order of its codes.
    columns : tuple of str
    """

    codes: Codes
    labels: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the column and the code of each segment."""
        return ((at, code) for at, labels in enumerate(self.labels) for code in range(len(labels)))

    def policies(self, treated: Codes, eligible: Flags, codes: Codes) -> Codes:
        """Return what is added up for some customers, shape (segment × (1 + action), customer).

        By segment: what the plan does, then each action for all who are eligible.
        """
        each_for_all = np.where(eligible.T, np.arange(eligible.shape[1])[:, None], NOBODY)
        both = np.vstack([treated[None], each_for_all])
        parts = [np.where(codes[at] == code, both, NOBODY) for at, code in self]
        return np.concatenate([both[:0], *parts]).astype(np.int32)


def segments_of(
    table: pd.DataFrame, columns: Sequence[str], orders: Mapping[str, Sequence[str]] | None = None
) -> Segments:
    """Return the segments of some columns, of those that the table has and that have few labels.

    Labels stand in the order given for their column, others by name.
    """
    few = [each for each in columns if each in table and table[each].nunique() <= MOST_LEVELS]
    coded = [_coded(table[each].astype(str), (orders or {}).get(each, ())) for each in few]
    codes = np.array([codes for codes, _ in coded], dtype=np.int32).reshape(len(few), len(table))
    return Segments(codes, tuple(tuple(map(str, labels)) for _, labels in coded), tuple(few))


def _coded(labels: "pd.Series[str]", order: Sequence[str]) -> tuple[Codes, list[str]]:
    there = set(labels)
    known = [each for each in order if each in there] or sorted(there)
    return pd.Categorical(labels, known).codes.astype(np.int32), known


def return_draws(
    totals: Floats, segments: Segments, treated: Codes, eligible: Flags, actions: Sequence[str]
) -> xr.Dataset:
    """Return profit and loss by segment and action, draw by draw.

    Parameters
    ----------
    totals : ndarray, shape (segment × (1 + action), action, part, draw)
        Of `Segments.policies`, in money, before fixed costs.
    segments : Segments
    treated : ndarray of int32, shape (customer,)
    eligible : ndarray of bool, shape (customer, action)
    actions : sequence of str

    Returns
    -------
    xarray.Dataset
        ``pnl``, dims (segment, who, action, part, draw), and ``customers``, dims (segment, who, action), with
        the coordinates ``by`` and ``label`` of each segment. ``who`` is "chosen" or "eligible". Over the
        segments of one column the chosen add up to the plan in every draw.
    """
    n, places = len(actions), list(segments)
    shaped = totals.reshape(len(places), n + 1, n, *totals.shape[2:])
    each = np.arange(n)
    both = np.stack([shaped[:, 0], shaped[:, each + 1, each]], axis=1)
    does = np.stack([treated[:, None] == each, eligible])
    count = [(does & (segments.codes[at] == code)[None, :, None]).sum(axis=1) for at, code in places]
    return xr.Dataset(
        {
            "pnl": (("segment", "who", "action", "part", DRAW), both),
            "customers": (("segment", "who", "action"), np.array(count, np.int64).reshape(len(places), 2, n)),
        },
        coords={
            "by": ("segment", [segments.columns[at] for at, _ in places]),
            "label": ("segment", [segments.labels[at][code] for at, code in places]),
            "who": [CHOSEN, ELIGIBLE],
            "action": list(actions),
            "part": list(PARTS),
        },
    )


def return_table(draws: xr.Dataset) -> pd.DataFrame:
    """Return what each action returns in each segment, for all who could get it and for those who do.

    Returns
    -------
    DataFrame
        One row per segment and action: ``by``, ``segment``, ``action``; ``eligible`` and ``chosen``, numbers
        of customers; for all who are eligible ``incremental_margin``, ``cost``, ``subsidy``, ``net`` with 5,
        50 and 95 %, ``p_pays`` and ``roi``, (gain − all costs)/cost, with 5, 50 and 95 % by draw; the same
        for those who are chosen, after ``chosen_``. Before fixed costs, which belong to a whole campaign.
        Missing where nobody is meant.
    """
    rows = []
    for s in range(draws.sizes["segment"]):
        for action in [str(each) for each in draws["action"].values]:
            here = draws.isel(segment=s).sel(action=action)
            rows.append(
                {
                    "by": str(here["by"].values),
                    "segment": str(here["label"].values),
                    "action": action,
                    **{who: int(here["customers"].sel(who=who)) for who in (ELIGIBLE, CHOSEN)},
                    **_figures(here.sel(who=ELIGIBLE)),
                    **{f"chosen_{name}": value for name, value in _figures(here.sel(who=CHOSEN)).items()},
                }
            )
    return pd.DataFrame(rows)


def _figures(here: xr.Dataset) -> dict[str, float]:
    row: Mapping[str, float] = pnl_row(here["pnl"].values, 0.0)
    roi = row["net"] / row["cost"] if row["cost"] > 0 else np.nan
    found = {name: row[name] for name in ("incremental_margin", "cost", "subsidy", *_KEPT)} | {"roi": roi}
    return found if int(here["customers"]) else dict.fromkeys(found, np.nan)

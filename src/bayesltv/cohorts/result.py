"""What is known and predicted of cohorts, as tables and draws."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.errors import DataError, shown

SMALLEST = 10
"""Members of a cohort below which its figures tell more of single customers than of a cohort."""
OBSERVED, PARTLY, PREDICTED = "observed", "partly", "predicted"
_LEFT = ("kind", "customers", "is_small", "cac")


@dataclass(frozen=True)
class Cohorts:
    """Cohorts by age.

    Attributes
    ----------
    table : DataFrame
        One row per cohort, quantity and age: the cohorts' columns ("all" where levels are added up);
        ``kind`` ("cohort", "new", "level" of one column, "all"); ``customers``, all that were acquired;
        ``is_small``, fewer than ten of them; ``quantity``; ``age`` in days (of a period: its last);
        ``p05``, ``p50``, ``p95`` and ``mean`` over draws; ``known``, what has come so far (before service
        cost); ``share_passed``, members observed to that age; ``status``: "observed" (one exact number),
        "partly" or "predicted". With a clock also ``mean_level_p05``, ``_p50``, ``_p95``: the same with a
        future at the clock's mean level, to compare cohorts.
    curves : DataFrame
        LTV at more ages, in the same columns; purchases per customer where there is no money.
    payback : DataFrame, optional
        One row per cohort, with costs: ``cac``; ``payback_p05``, ``_p50``, ``_p95`` in days, infinite where
        it does not pay back by the oldest age; ``p_payback_by_<age>``; for cohorts ``payback_date_p05`` and
        so on, the first day on which the cohort's cash covers its cost, missing where that is not seen.
    best : DataFrame, optional
        Per column that is no stretch of the calendar, level and age: ``p_best``, the probability that the
        level has the highest ROI, or LTV where no costs are given.
    draws : Dataset
        Dims (cohort, draw, age), (cohort, draw, period), (cohort, draw): every quantity, draw by draw. Empty
        where cohorts were read back from a folder.
    attrs : mapping
        ``by``, ``basis``, ``ages``, ``period_days``, ``first_day``, ``observation_end``, ``seed``, ``draws``,
        ``customers``, ``common_shocks`` (whether intervals of this fit's totals are too narrow).
    """

    table: pd.DataFrame
    curves: pd.DataFrame
    payback: pd.DataFrame | None
    best: pd.DataFrame | None
    draws: xr.Dataset
    attrs: Mapping[str, Any]

    @property
    def ltv(self) -> str:
        """Name of the money that a cohort has brought: "ltv_revenue", "ltv_margin_discounted"."""
        return f"ltv_{self.attrs['basis']}"

    def wide(self, quantity: str | None = None, *, show: str = "p50") -> pd.DataFrame:
        """Return one row per cohort and one column per age.

        Parameters
        ----------
        quantity : str, optional
            Default: LTV.
        show : str
            A column of ``table``: "p50", "p05", "known", "status".

        Raises
        ------
        DataError
            Where there is no such quantity.
        """
        wanted = quantity or self.ltv
        rows = self.table[self.table["quantity"] == wanted]
        if rows.empty:
            known = ", ".join(dict.fromkeys(self.table["quantity"]))
            raise DataError(f"quantity={shown(wanted)} is not among {known}")
        left = [*self.attrs["by"], *_LEFT[:2]]
        order = rows.drop_duplicates(left)[left]
        wide = rows.pivot_table(index=left, columns="age", values=show, aggfunc="first", dropna=False)
        wide = wide.reindex(pd.MultiIndex.from_frame(order)).reset_index()
        return wide.rename_axis(columns=None)

    def suppressed(self, *, below: int = SMALLEST) -> "Cohorts":
        """Return the tables without the figures of smaller cohorts, and draws without these."""

        def hidden(table: pd.DataFrame | None) -> pd.DataFrame | None:
            if table is None or "customers" not in table:
                return table
            figures = [
                name for name in table.select_dtypes(["number", "datetime"]).columns
                if name not in (*_LEFT[:2], "age")
            ]  # fmt: skip
            return table.assign(**{n: table[n].where(table["customers"] >= below) for n in figures})

        table, curves = hidden(self.table), hidden(self.curves)
        assert table is not None
        assert curves is not None
        kept = self.draws
        if "customers" in kept.coords:
            kept = kept.isel(cohort=np.flatnonzero((kept["customers"] >= below).values))
        return replace(self, table=table, curves=curves, payback=hidden(self.payback), draws=kept)

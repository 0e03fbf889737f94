"""Covariates of a summary as columns of numbers: standardised, or coded against a reference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.errors import DataError
from bayesltv.names import CUSTOMER_ID
from bayesltv.numerics.arrays import Floats


@dataclass(frozen=True)
class Coding:
    """How one column of a summary becomes numbers.

    Attributes
    ----------
    column : str
    kind : "numeric" or "categorical"
    round_to : float, optional
        Numeric: values are rounded to multiples of it before anything else.
    reference : str, optional
        Categorical: the level at which all effects are 0.
    mean, sd : float, optional
        Numeric: what is subtracted and divided by; None until `learned`.
    levels : tuple of str
        Categorical: the levels beside the reference; empty until `learned`.
    """

    column: str
    kind: Literal["numeric", "categorical"]
    round_to: float | None = None
    reference: str | None = None
    mean: float | None = None
    sd: float | None = None
    levels: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """Labels of the columns of numbers: "age", or "channel=web" for each level beside the reference."""
        return (self.column,) if self.kind == "numeric" else tuple(f"{self.column}={x}" for x in self.levels)

    def learned(self, summary: pd.DataFrame) -> "Coding":
        """Return the coding with what these customers say: mean and sd, or the levels.

        Raises
        ------
        DataError
            Where the column is missing, has missing values, is constant, or lacks the reference.
        """
        if self.kind == "numeric":
            values = self._rounded(summary)
            if np.ptp(values) == 0:
                raise DataError(
                    f"covariate {self.column!r} is {values[0]:g} for every customer: leave it out"
                )
            return replace(self, mean=float(values.mean()), sd=float(values.std()))
        seen = sorted(set(self._texts(summary)))
        if self.reference not in seen:
            raise DataError(
                f"covariate {self.column!r}: no customer has the reference {self.reference!r}; levels are "
                + ", ".join(map(repr, seen[:8]))
            )
        if len(seen) < 2:
            raise DataError(f"covariate {self.column!r} is {seen[0]!r} for every customer: leave it out")
        return replace(self, levels=tuple(level for level in seen if level != self.reference))

    def numbers(self, summary: pd.DataFrame) -> Floats:
        """Return the columns of numbers, shape (customer, feature).

        Raises
        ------
        DataError
            Where the column is missing, has missing values, or a level that the fit has not seen.
        """
        if self.kind == "numeric":
            assert self.mean is not None
            assert self.sd is not None
            return ((self._rounded(summary) - self.mean) / self.sd)[:, None]
        texts = self._texts(summary)
        unknown = ~pd.Series(texts).isin([self.reference, *self.levels]).to_numpy()
        if unknown.any():
            new = sorted(set(texts[unknown]))
            raise DataError(
                f"covariate {self.column!r}: {', '.join(map(repr, new[:5]))} not in the fit for "
                f"{int(unknown.sum()):,} of {len(texts):,} customers ({{ids}}): fit again with them, or give "
                "these customers a level that was fitted",
                ids=summary.loc[unknown, CUSTOMER_ID],
            )
        return np.column_stack([texts == level for level in self.levels]).astype(np.float64)

    def _present(self, summary: pd.DataFrame) -> pd.Series:
        if self.column not in summary.columns:
            raise DataError(
                f"covariate {self.column!r} is not in the summary (its columns are "
                f"{', '.join(map(str, summary.columns))}): join it by customer_id"
            )
        empty = summary[self.column].isna().to_numpy()
        if empty.any():
            raise DataError(
                f"covariate {self.column!r} is missing for {int(empty.sum()):,} of {len(summary):,} "
                "customers ({ids}): fill it in; no value is made up here",
                ids=summary.loc[empty, CUSTOMER_ID],
            )
        return summary[self.column]

    def _texts(self, summary: pd.DataFrame) -> NDArray[np.object_]:
        return self._present(summary).astype(str).to_numpy(dtype=object)

    def _rounded(self, summary: pd.DataFrame) -> Floats:
        column = self._present(summary)
        if not pd.api.types.is_numeric_dtype(column):
            raise DataError(f"covariate {self.column!r} is not numeric ({column.dtype}): say categorical")
        values = column.to_numpy(np.float64)
        infinite = ~np.isfinite(values)
        if infinite.any():
            raise DataError(
                f"covariate {self.column!r} is infinite for {int(infinite.sum()):,} customers ({{ids}})",
                ids=summary.loc[infinite, CUSTOMER_ID],
            )
        if self.round_to is None:
            return values
        return np.round(values / self.round_to) * self.round_to


def features_of(codings: Sequence[Coding]) -> tuple[str, ...]:
    """Return the labels of all columns of numbers."""
    return tuple(feature for coding in codings for feature in coding.features)


def design_of(summary: pd.DataFrame, codings: Sequence[Coding]) -> Floats:
    """Return the numbers of all covariates, shape (customer, feature); no columns where there are none."""
    return np.column_stack([np.zeros((len(summary), 0)), *(coding.numbers(summary) for coding in codings)])

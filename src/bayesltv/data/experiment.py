"""A randomised test: who got which arm, what came of it, and counts by cell and arm."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesltv.data.ids import id_texts
from bayesltv.data.log.reading import ExperimentReading
from bayesltv.data.summary.groups import Groups, codes_of
from bayesltv.dates import Date, as_day
from bayesltv.errors import DataError, counted
from bayesltv.names import CUSTOMER_ID
from bayesltv.numerics.arrays import Floats, Integers

MAX_CELLS = 1000
_NO_ID = "give every customer an id"
Cells = Sequence[str] | pd.DataFrame


@dataclass(frozen=True)
class Assigned:
    """The customers of a test, one entry each.

    Attributes
    ----------
    ids : Series of str
    cell, arm : ndarray of int64
    outcome : ndarray of float64
    purchases : ndarray of int64, optional
        How often each bought in the window, where the table says.
    """

    ids: pd.Series
    cell: Integers
    arm: Integers
    outcome: Floats
    purchases: Integers | None


@dataclass(frozen=True)
class Experiment:
    """Sufficient statistics of a test; all arrays have shape (cell, arm).

    Attributes
    ----------
    groups : Groups
        The cells: observed combinations of the cell columns, one empty combination without any.
    arms : tuple of str
        The control first.
    customers, converted : ndarray of float64
        Customers, and those with an outcome above 0.
    log_mean, log_square : ndarray of float64
        Mean of ln(outcome) of those who converted (0 where nobody did), and the sum of squares around it.
    total, square : ndarray of float64
        Sum of the outcome and of its squares.
    outcome : str
        Column.
    assigned : Assigned
    """

    groups: Groups
    arms: tuple[str, ...]
    customers: Floats
    converted: Floats
    log_mean: Floats
    log_square: Floats
    total: Floats
    square: Floats
    outcome: str
    assigned: Assigned

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the cells; "all" where there are no cell columns."""
        return self.groups.labels if self.groups.columns else ("all",)

    @property
    def has_amounts(self) -> bool:
        """Whether outcomes above 0 differ, so that there is spend to model and not only conversion."""
        return bool(self.log_square.sum() + np.ptp(self.log_mean[self.converted > 0]) > 0)

    @property
    def unit(self) -> float:
        """Mean of the outcomes above 0: what spend is relative to, so that currency drops out."""
        return float(self.total.sum() / self.converted.sum())


def make_experiment(frame: pd.DataFrame, reading: ExperimentReading) -> tuple[Experiment, pd.DataFrame]:
    """Return the counts of a test, and its rows with customer id, arm (text) and cell columns.

    Errors are those of ``fit_uplift``.
    """
    arm, outcome, customer_id_col = reading.arm, reading.outcome, reading.customer_id_col
    rows, columns = _with_cells(frame, reading.cells, customer_id_col, reading.assigned_on)
    counted = [] if reading.purchases is None else [reading.purchases]
    _require_columns(rows, [customer_id_col, arm, outcome, *counted, *columns])
    _refuse_after_treatment(columns, {arm, outcome, *counted, *reading.after}, customer_id_col)
    ids = id_texts(rows[customer_id_col], customer_id_col, cure=_NO_ID)
    _refuse_duplicates(ids)
    values = _checked_outcome(rows[outcome], ids, outcome)
    for column in (arm, *columns):
        _refuse_missing(rows[column], ids, column)
    names, codes = _arms(rows[arm].astype(str), reading.control, reading.arms, arm)
    groups = _groups(rows, columns)
    cell = codes_of(rows, columns, groups.combinations).astype(np.int64)
    purchases = None if not counted else _checked_purchases(rows[counted[0]], ids, values, counted[0])
    experiment = _counted(groups, names, Assigned(ids, cell, codes, values, purchases), outcome)
    told = rows[list(columns)].astype(str)
    told[CUSTOMER_ID], told["arm"] = ids, np.array(names)[codes]
    return experiment, told.reset_index(drop=True)


def _with_cells(
    frame: pd.DataFrame, cells: Cells, customer_id_col: str, assigned_on: Date | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the experiment with cell columns, joined from a table of cells where they come in one."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"the experiment must be a DataFrame, not {type(frame).__name__}")
    if not len(frame):
        raise DataError("the experiment has no rows")
    if isinstance(cells, str):
        raise DataError(f"cells={cells!r} must be a list of columns: cells=[{cells!r}]")
    if not isinstance(cells, pd.DataFrame):
        return frame, tuple(cells)
    _refuse_later(cells, assigned_on)
    _require_columns(cells, [CUSTOMER_ID])
    _require_columns(frame, [customer_id_col])
    columns = tuple(str(name) for name in cells.columns if name != CUSTOMER_ID)
    ids = id_texts(cells[CUSTOMER_ID], CUSTOMER_ID, cure=_NO_ID)
    _refuse_duplicates(ids)
    wanted = id_texts(frame[customer_id_col], customer_id_col, cure=_NO_ID)
    strange = wanted[~wanted.isin(ids)]
    if len(strange):
        raise DataError(
            f"{len(strange):,} of {len(frame):,} customers of the experiment have no cell ({{ids}}): score "
            "everybody who was assigned, or leave the others out of the experiment",
            ids=strange,
        )
    idle = ids[~ids.isin(wanted)]
    if len(idle):
        raise DataError(
            f"{len(idle):,} of {len(cells):,} customers with a cell are not in the experiment ({{ids}}): "
            "pass the rows of those who were assigned, those who did not buy included (outcome 0)",
            ids=idle,
        )
    clash = [name for name in columns if name in frame.columns]
    if clash:
        raise DataError(f"column {clash[0]!r} stands both in the experiment and among the cells: drop one")
    placed = cells.set_index(ids)[list(columns)].reindex(wanted)
    return pd.concat([frame.reset_index(drop=True), placed.reset_index(drop=True)], axis=1), columns


def _refuse_later(cells: pd.DataFrame, assigned_on: Date | None) -> None:
    scored, assigned = as_day(cells.attrs.get("as_of_date"), "as_of_date"), as_day(assigned_on, "assigned_on")
    if scored is not None and assigned is not None and scored > assigned:
        raise DataError(
            f"the cells are of {scored}, after the arms were assigned on {assigned}: what the action did "
            "has already changed them. Score as of the day of assignment"
        )


def _refuse_after_treatment(columns: Sequence[str], after: set[str], customer_id_col: str) -> None:
    for column in columns:
        if column in after:
            raise DataError(
                f"cell column {column!r} was measured after the arms were assigned (it is the arm, the "
                "outcome or named in after=): cells must be known before, or the effect is cut to pieces"
            )
        if column == customer_id_col:
            raise DataError(f"cell column {column!r} is the customer id: cells need many customers each")


def _require_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    from difflib import get_close_matches

    for column in columns:
        if column not in frame.columns:
            known = [str(name) for name in frame.columns]
            near = get_close_matches(str(column), known, n=1)
            cure = f"did you mean {near[0]!r}?" if near else f"its columns are {', '.join(known)}"
            raise DataError(f"the experiment has no column {column!r}; {cure}")


def _refuse_duplicates(ids: pd.Series) -> None:
    twice = ids[ids.duplicated()].unique()
    if len(twice):
        raise DataError(
            f"{counted(len(twice), 'customer stands', 'customers stand')} in several rows ({{ids}}): one row "
            "per customer, with the outcome added up; a customer in two arms belongs to neither",
            ids=twice,
        )


def _refuse_missing(column: pd.Series, ids: pd.Series, name: str) -> None:
    missing = column.isna().to_numpy()
    if missing.any():
        raise DataError(
            f"{name!r} is missing for {int(missing.sum()):,} of {len(column):,} customers ({{ids}}): fill it "
            "in (for a cell, for instance with 'unknown') or leave these customers out",
            ids=ids[missing],
        )


def _checked_outcome(column: pd.Series, ids: pd.Series, name: str) -> Floats:
    try:
        values = column.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"outcome {name!r} must be numbers, money after the assignment") from None
    for wrong, what, cure in (
        (np.isnan(values), "is missing", "somebody who did not buy has 0"),
        (np.isinf(values), "is infinite", "correct it"),
        (values < 0, "is negative", "net refunds, and set what remains below 0 to 0"),
    ):
        if wrong.any():
            raise DataError(
                f"outcome {name!r} {what} for {int(wrong.sum()):,} of {len(values):,} customers ({{ids}}): "
                f"{cure}",
                ids=ids[wrong],
            )
    if not (values > 0).any():
        raise DataError(f"outcome {name!r} is 0 for everybody: there is nothing to learn from")
    return values


def _checked_purchases(column: pd.Series, ids: pd.Series, outcome: Floats, name: str) -> Integers:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    for wrong, what in (
        (~((numbers >= 0) & (numbers == np.rint(numbers))), "is no whole number, 0 or more,"),
        ((outcome > 0) & (numbers == 0), "is 0 beside an outcome above 0"),
    ):
        if wrong.any():
            raise DataError(
                f"purchases {name!r} {what} for {int(wrong.sum()):,} of {len(ids):,} customers ({{ids}}): "
                "count the days with a purchase in the test's window",
                ids=ids[wrong],
            )
    return numbers.astype(np.int64)


def _arms(
    column: pd.Series, control: Hashable | None, arms: Sequence[Hashable] | None, name: str
) -> tuple[tuple[str, ...], Integers]:
    """Return the arms, the control first, and each row's."""
    seen = sorted(column.unique())
    first = str(control) if control is not None else "control"
    if first not in seen:
        given = f"control={control!r}" if control is not None else 'no arm is called "control"'
        raise DataError(
            f"{given}: the arms in {name!r} are {', '.join(seen)}. Pass control= with one of them"
        )
    wanted = seen if arms is None else [str(each) for each in arms]
    empty = [each for each in wanted if each not in seen]
    if empty:
        raise DataError(f"arm {empty[0]!r} is empty: nobody in the experiment has it in {name!r}")
    strange = [each for each in seen if each not in wanted]
    if strange:
        count = int(column.isin(strange).sum())
        raise DataError(
            f"{counted(count, 'customer has', 'customers have')} arm {strange[0]!r}, which is not among "
            f"arms={wanted}"
        )
    names = (first, *[each for each in wanted if each != first])
    if len(names) < 2:
        raise DataError(f"everybody is in arm {first!r}: the other arm is empty")
    place = {each: at for at, each in enumerate(names)}
    return names, column.map(place).to_numpy(np.int64)


def _groups(rows: pd.DataFrame, columns: tuple[str, ...]) -> Groups:
    if not columns:
        return Groups((), ((),))
    found = rows[list(columns)].astype(str).drop_duplicates()
    if len(found) > MAX_CELLS:
        raise DataError(
            f"{len(found):,} cells (at most {MAX_CELLS:,}): cut {', '.join(columns)} into bands (pd.qcut)"
        )
    return Groups(columns, tuple(sorted(map(tuple, found.to_numpy().tolist()))))


def _counted(groups: Groups, arms: tuple[str, ...], assigned: Assigned, outcome: str) -> Experiment:
    shape, values = (len(groups.combinations), len(arms)), assigned.outcome
    code = assigned.cell * shape[1] + assigned.arm

    def added(weights: Floats) -> Floats:
        sums = np.bincount(code, weights=weights, minlength=shape[0] * shape[1])
        return sums.astype(np.float64)

    bought = values > 0
    logs = np.log(np.where(bought, values, 1.0))
    converted = added(bought.astype(np.float64))
    log_mean = np.divide(added(logs), converted, out=np.zeros_like(converted), where=converted > 0)
    around = added(np.where(bought, (logs - log_mean[code]) ** 2, 0.0))
    return Experiment(
        groups=groups,
        arms=arms,
        customers=added(np.ones_like(values)).reshape(shape),
        converted=converted.reshape(shape),
        log_mean=log_mean.reshape(shape),
        log_square=around.reshape(shape),
        total=added(values).reshape(shape),
        square=added(values**2).reshape(shape),
        outcome=outcome,
        assigned=assigned,
    )

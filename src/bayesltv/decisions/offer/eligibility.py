"""Who fulfils a condition on score columns."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.dates import require_day
from bayesltv.errors import SpecError, shown
from bayesltv.numerics.arrays import Flags
from bayesltv.specs import checked
from bayesltv.specs.decision.actions import ActionSpec
from bayesltv.specs.decision.expression import (
    Compared,
    Condition,
    Either,
    Every,
    Missing,
    Not,
    Value,
    columns_of,
)


def fulfils(condition: Condition | None, table: pd.DataFrame) -> Flags:
    """Return which rows fulfil a condition; None is fulfilled by all, a missing value by nothing.

    Raises
    ------
    SpecError
        Where a column is unknown, or a text is compared with a number.
    """
    if condition is None:
        return np.ones(len(table), dtype=np.bool_)
    for column in columns_of(condition):
        if column not in table:
            cure = checked.nearest(column, [str(name) for name in table.columns])
            if column == "tier" or column.startswith("p_tier_"):
                cure = "it comes with [tiers]: add that section to the decision, with a table for each tier"
            raise SpecError(f"there is no score column {shown(column)}; {cure}")
    return _holds(condition, table)


def eligible_customers(actions: Sequence[ActionSpec], table: pd.DataFrame) -> Flags:
    """Return who may get which action, shape (customer, action).

    Raises
    ------
    SpecError
        Where a condition names an unknown column, or nobody is eligible for an action.
    """
    flags = np.empty((len(table), len(actions)), dtype=np.bool_)
    for at, action in enumerate(actions):
        with checked.located(f"actions.{action.name}.eligible"):
            flags[:, at] = fulfils(action.condition, table)
        if len(table) and not flags[:, at].any():
            raise SpecError(
                f"actions.{action.name}: none of {len(table):,} customers is eligible "
                f"({shown(action.eligible)}): widen the condition, or drop the action"
            )
    return flags


def _holds(condition: Condition, table: pd.DataFrame) -> Flags:
    match condition:
        case Every(conditions=parts):
            return reduce(np.logical_and, [_holds(part, table) for part in parts])
        case Either(conditions=parts):
            return reduce(np.logical_or, [_holds(part, table) for part in parts])
        case Not(condition=inner):
            return ~_holds(inner, table)
        case Missing(column=column):
            return table[column].isna().to_numpy(dtype=np.bool_)
        case Compared(column=column, operator=operator, values=values):
            return reduce(np.logical_or, [_compared(table[column], operator, value) for value in values])


def _compared(column: "pd.Series[Any]", operator: str, value: Value) -> Flags:
    known = column.notna().to_numpy(dtype=np.bool_)
    left, right = _comparable(column, value)
    result = np.zeros(len(column), dtype=np.bool_)
    compare: Any = {
        "==": np.equal,
        "in": np.equal,
        "!=": np.not_equal,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
    }[operator]
    result[known] = compare(left[known], right)
    return result


def _comparable(column: "pd.Series[Any]", value: Value) -> tuple[NDArray[Any], Any]:
    """Return a column and a value of one kind: numbers, days or texts."""
    if pd.api.types.is_datetime64_any_dtype(column):
        day = require_day(value, f"the day to compare {column.name} with", error=SpecError)
        return column.to_numpy(), pd.Timestamp(day).to_datetime64()
    is_number = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    if is_number != isinstance(value, float):
        kind = "a number" if is_number else "a text"
        raise SpecError(f"{column.name} is {kind}: {shown(value)} is not")
    return column.to_numpy(dtype=np.float64 if is_number else object), value

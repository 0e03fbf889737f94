"""Frames of pandas, Polars, PyArrow and DuckDB -> one Arrow table whose types the embedded engine knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import pandas as pd
import pyarrow as pa

from bayesltv.data.ids import plain_text
from bayesltv.errors import DataError

_MAP_COLUMNS = (
    "map columns with customer_id_col=, datetime_col=, monetary_value_col= (None where there are no amounts)"
)
_BEYOND_ARROW = ("Int128", "UInt128", "UHUGEINT")
"""Types of Polars and DuckDB that Arrow has none for: they go as text."""


_PER_DAY = {"s": 86_400, "ms": 86_400_000}
_EPOCH = dt.date(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = (dt.date.min - _EPOCH).days, (dt.date.max - _EPOCH).days


def require_columns(
    present: Iterable[str], wanted: Iterable[str], *, title: str, cure: str = _MAP_COLUMNS
) -> None:
    """Raise DataError, naming the nearest columns, where `wanted` are not all `present`."""
    present = list(present)
    missing = [c for c in dict.fromkeys(wanted) if c not in present]
    if not missing:
        return
    hints = [f"{c!r}{_nearest(c, present)}" for c in missing]
    plural = "s" if len(missing) > 1 else ""
    raise DataError(
        f"{title} has no column{plural} {', '.join(hints)}; its columns are {present[:20]}: {cure}"
    )


def table_of(frame: object, columns: Sequence[str] | None = None) -> pa.Table:
    """Return `columns` (default all) of a pandas, Polars, PyArrow or DuckDB frame as an Arrow table.

    Numbers that Arrow or the engine has no type for become text, and so do periods.

    Raises
    ------
    DataError
        Where the object is no frame that narwhals knows, lacks a column, or mixes stamps with and without a
        time zone.
    """
    if isinstance(frame, pd.DataFrame):
        return _readable(_table_of_pandas(frame, columns))
    import narwhals as nw

    try:
        narrow: Any = nw.from_native(frame)
        schema = narrow.collect_schema()
    except (TypeError, AttributeError):
        kind = f"{type(frame).__module__}.{type(frame).__name__}"
        raise DataError(
            f"a log of type {kind} cannot be read: give a CSV or Parquet path, or a frame of pandas, Polars, "
            "PyArrow or DuckDB"
        ) from None
    present = schema.names()
    wanted = list(dict.fromkeys(columns)) if columns is not None else present
    require_columns(present, wanted, title="log")
    beyond = {name for name in wanted if str(schema[name]) in _BEYOND_ARROW}
    chosen = narrow.select(*(nw.col(c).cast(nw.String) if c in beyond else nw.col(c) for c in wanted))
    if isinstance(chosen, nw.LazyFrame):
        chosen = chosen.collect("pyarrow")
    return _readable(chosen.to_arrow())


def _table_of_pandas(frame: pd.DataFrame, columns: Sequence[str] | None) -> pa.Table:
    present = [str(c) for c in frame.columns]
    wanted = list(dict.fromkeys(columns)) if columns is not None else present
    require_columns(present, wanted, title="log")
    twice = [c for c in wanted if present.count(c) > 1]
    if twice:
        raise DataError(f"log has more than one column named {twice[0]!r}: rename one")
    arrays = [_array_of(frame.iloc[:, present.index(c)]) for c in wanted]
    return pa.table(dict(zip(wanted, arrays, strict=True)))


def _array_of(series: pd.Series[Any]) -> pa.Array:
    """Arrow array of a column; mixed Python objects, which Arrow has no type for, become text."""
    if series.dtype == object:
        _refuse_mixed_zones(series)
    if isinstance(series.dtype, pd.PeriodDtype):  # its storage would be a number
        return _texts_of(series)
    try:
        array = pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _texts_of(series)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _texts_of(series: pd.Series[Any]) -> pa.Array:
    missing = series.isna()
    texts = [None if gone else plain_text(v) for v, gone in zip(series, missing, strict=True)]
    return pa.array(texts, type=pa.string())


def _refuse_mixed_zones(series: pd.Series[Any]) -> None:
    """Refuse stamps with and without a time zone in one column: Arrow takes either for the other."""
    if pd.api.types.infer_dtype(series, skipna=True) not in ("datetime", "date", "mixed", "mixed-integer"):
        return
    stamps = [value for value in series if isinstance(value, dt.datetime) and not pd.isna(value)]
    aware = sum(value.tzinfo is not None for value in stamps)
    days = sum(isinstance(value, dt.date) and not isinstance(value, dt.datetime) for value in series)
    others = len(stamps) - aware + days
    if aware and others:
        raise DataError(
            f"{aware:,} of {aware + others:,} stamps in column {series.name!r} carry a time zone and the "
            "others do not: write them all one way"
        )


def _readable(table: pa.Table) -> pa.Table:
    """Return the table with types that the engine reads: not half floats and decimals of 256 bits."""
    for at, field in enumerate(table.schema):
        if pa.types.is_float16(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.float32()))
        elif pa.types.is_decimal256(field.type):
            table = table.set_column(at, field.name, _narrow(table.column(at)))
        elif pa.types.is_timestamp(field.type) and field.type.unit in _PER_DAY:
            table = table.set_column(at, field.name, _in_calendar(table.column(at)))
    return table


def _in_calendar(stamps: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return seconds or milliseconds without those in years that a date cannot hold."""
    import pyarrow.compute as pc

    number = stamps.cast(pa.int64())
    per_day = _PER_DAY[stamps.type.unit]
    fits = pc.and_(pc.greater_equal(number, _FIRST_DAY * per_day), pc.less(number, (_LAST_DAY + 1) * per_day))
    return stamps if pc.all(fits).as_py() in (True, None) else pc.if_else(fits, stamps, None)


def _narrow(decimals: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return decimals of 256 bits as 128 bits where they fit, else as text."""
    try:
        return decimals.cast(pa.decimal128(38, decimals.type.scale))
    except (pa.ArrowInvalid, ValueError):
        return decimals.cast(pa.string())


def _nearest(name: str, present: list[str]) -> str:
    lowered = {c.lower(): c for c in present}
    close = [lowered[c] for c in get_close_matches(name.lower(), list(lowered), n=2, cutoff=0.5)]
    return f" (nearest: {', '.join(close)})" if close else ""

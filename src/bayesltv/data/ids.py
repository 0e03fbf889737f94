"""Customer ids: text by one rule, whatever engine, file or frame they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesltv.data import sql
from bayesltv.errors import DataError, warn

WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)
FLOATS = ("FLOAT", "DOUBLE")
"""DuckDB's names of types."""
EXACT_BELOW = {"FLOAT": 2**24, "DOUBLE": 2**53}
"""From here on a float holds no longer every whole number, so that ids of it may be several customers'."""
WRITTEN_AS_FLOAT = r"-?(0|[1-9][0-9]*)\.0"
"""How programs write whole numbers that they hold as floats, since an id was missing somewhere."""
_NO_TEXT = ("BLOB", "STRUCT", "MAP", "UNION", "BIT")


def id_sql(name: str, kind: str) -> str:
    """Return SQL for a column of type `kind` as text: blank is missing, a whole number has no ".0"."""
    x = sql.quote(name)
    if kind in FLOATS:
        whole = f"CAST(CAST({x} AS BIGINT) AS VARCHAR)"
        return (
            f"CASE WHEN NOT isfinite({x}) THEN NULL WHEN {x} = trunc({x}) AND abs({x}) < "
            f"{EXACT_BELOW['DOUBLE']} THEN {whole} ELSE CAST({x} AS VARCHAR) END"
        )
    if kind.startswith("DECIMAL"):
        return rf"regexp_replace(CAST({x} AS VARCHAR), '\.0+$', '')"
    if kind.endswith("[]") or kind.startswith(_NO_TEXT):
        raise DataError(
            f"column {name!r} is of type {kind}, which cannot be a label: turn it into text first"
        )
    text = f"CAST({x} AS VARCHAR)"
    return f"CASE WHEN trim({text}) = '' THEN NULL ELSE {text} END"


def plain_text(value: object) -> str:
    """Return an id as text; a float that is whole loses its ".0"."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def id_texts(values: pd.Series[Any], name: str, *, cure: str) -> pd.Series[str]:
    """Return a column of labels as text.

    Raises
    ------
    DataError
        Where one is missing or blank, or is a float too large to be told from its neighbours.
    """
    missing = values.isna()
    if isinstance(values.dtype, pd.StringDtype):
        texts = values.astype("str")
    else:
        _refuse_large_floats(values, name)
        plain = [None if gone else plain_text(v) for v, gone in zip(values, missing, strict=True)]
        texts = pd.Series(plain, index=values.index, dtype="str")
    blank = (missing | (texts.str.strip() == "")).to_numpy(dtype=bool)
    if blank.any():
        raise DataError(
            f"{name!r} is missing for {blank.sum():,} of {len(values):,} customers (the first in row "
            f"{int(np.argmax(blank)):,}): {cure}"
        )
    return texts


def whole_ids(texts: pd.Series[str], name: str, *, title: str) -> pd.Series[str]:
    """Return the ids of a CSV: where every one is a whole number with .0, without it, and with a warning.

    Any other column stays as written: where "1.10" is an id, "1.0" is one as well.
    """
    known = texts.dropna()
    if not len(known) or not known.str.fullmatch(WRITTEN_AS_FLOAT).all():
        return texts
    warn_of_whole(name, title=title, example=str(known.iloc[0]))
    return texts.str.removesuffix(".0")


def warn_of_whole(name: str, *, title: str, example: str) -> None:
    """Warn that ids of a CSV lose their ".0"."""
    warn(
        f"ids in column {name!r} of {title} are all whole numbers with .0 ({{ids}}): they are read as whole "
        "numbers, 12.0 as 12",
        ids=[example],
    )


def too_large(name: str, count: int) -> DataError:
    """Return the error for ids that floats cannot tell apart."""
    return DataError(
        f"{count:,} ids in column {name!r} are floats too large to hold every whole number, so that several "
        "customers may share one: read the column as text or as whole numbers where the log is made"
    )


def _refuse_large_floats(values: pd.Series[Any], name: str) -> None:
    if not isinstance(values.dtype, np.dtype) or values.dtype.kind != "f":
        return
    bound = EXACT_BELOW["FLOAT" if values.dtype.itemsize < 8 else "DOUBLE"]
    count = int((values.abs() >= bound).sum())
    if count:
        raise too_large(name, count)

"""CSV files that are tables of customers or of results: texts stay, and only an empty cell is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bayesltv.data.encoding import encoding_error, require_text
from bayesltv.errors import DataError, StoreError
from bayesltv.held import Held

_PLAIN_NUMBER = r"[+-]?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?|[+-]?inf"
"""A number as programs write it: 007 is a label."""


def read_csv_table(
    path: str | Path | Held,
    *,
    texts: Mapping[str, str] | str = "str",
    wanted: Callable[[str], bool] | None = None,
) -> pd.DataFrame:
    """Return a CSV in UTF-8, with a header; NA, NULL, None and nan are texts like others.

    Parameters
    ----------
    path : path or Held
        Separated by tabs where its name says .tsv, else by commas.
    texts : mapping, or "str"
        Column -> "str" for those that are text whatever stands in them; "str": all.
    wanted : callable, optional
        Whether a column of this name is read.

    Raises
    ------
    StoreError
        Where the file cannot be read.
    DataError
        Where it cannot be decoded or parsed.
    """
    source = path.path if isinstance(path, Held) else Path(path)
    try:
        require_text(source)
        return pd.read_csv(
            path.from_start() if isinstance(path, Held) else source,
            compression="gzip" if source.name.lower().endswith(".gz") else None,
            sep="\t" if ".tsv" in source.name.lower() else ",",
            dtype=texts,
            keep_default_na=False,
            na_values=[""],
            usecols=wanted,
            encoding="utf-8-sig",
            low_memory=False,
        )
    except OSError as error:
        raise StoreError(f"cannot read {source}: {error.strerror or error}") from error
    except (ValueError, EOFError) as error:  # of encoding, and of parsing
        raise encoding_error(source) or _parse_error(source, error) from error


def with_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of texts in which columns of plain numbers are numbers; 007 is a label."""
    return table.assign(**{str(name): _numbers(table[name]) for name in table.columns})


def _numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    known = values.dropna()
    if len(known) and not known.str.fullmatch(_PLAIN_NUMBER).all():
        return values
    return pd.to_numeric(values)


def _parse_error(source: Path, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    cure = "is every row quoted alike?"
    if "inside string" in reason:
        cure = 'a quote is opened and not closed: close it, or double it where it belongs to the text ("")'
    return DataError(f"{source} cannot be read as CSV ({{quoted}}): {cure}", quoted=reason)

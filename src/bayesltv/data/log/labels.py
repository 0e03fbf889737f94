"""Ids and groups of a log: the same text for the same label in every file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesltv.data import sql
from bayesltv.data.ids import EXACT_BELOW, FLOATS, WHOLE, WRITTEN_AS_FLOAT, id_sql, too_large, warn_of_whole
from bayesltv.errors import DataError, warn

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from bayesltv.data.log.sources import Source

_PLAIN = "-?(0|[1-9][0-9]*)"
_NUMBER = "[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]+)?"


def label_sql(
    connection: duckdb.DuckDBPyConnection, source: Source, name: str, *, is_id: bool = True
) -> Mapping[str, str]:
    """Return, by the relation of each part, SQL for a column of labels as text.

    Raises
    ------
    DataError
        Where a type cannot be a label, the files have types whose texts cannot be compared, or ids are floats
        too large to be told apart.
    """
    _refuse_unlike(connection, source, name)
    if is_id:
        _refuse_large(connection, source, name)
    return {part.relation: id_sql(name, part.types[name]) for part in source.parts}


def unlike(source: Source, name: str, cure: str) -> DataError:
    """Return the error for a column whose type differs between files."""
    seen = {part.types[name]: part.title for part in reversed(source.parts)}
    told = ", ".join(f"{kind} in {title}" for kind, title in sorted(seen.items(), key=lambda each: each[1]))
    return DataError(f"column {name!r} differs between the files of {source.title}: it is {told}: {cure}")


def _refuse_unlike(connection: duckdb.DuckDBPyConnection, source: Source, name: str) -> None:
    """Refuse files in which one label may be written in two ways: 7 here and 007 there."""
    if len({part.types[name] for part in source.parts}) == 1:
        return
    texts = [part for part in source.parts if _is_text(part.types[name])]
    numbers = [part for part in source.parts if _is_number(part.types[name])]
    if len(texts) + len(numbers) < len(source.parts):
        raise unlike(source, name, "write it as text in every file")
    if not texts or not numbers:
        return
    x = f"CAST({sql.quote(name)} AS VARCHAR)"
    other = f"regexp_full_match({x}, '{_NUMBER}') AND NOT regexp_full_match({x}, '{_PLAIN}')"
    for part in texts:
        count, example = sql.one(connection, f"SELECT count(*), min({x}) FROM {part.relation} WHERE {other}")
        if count:
            raise unlike(
                source,
                name,
                f"{count:,} rows of {part.title} hold numbers written like {example[:40]!r}, and nobody can "
                "tell whether that is the number of the other files. Write it as text in every file",
            )


def _is_text(kind: str) -> bool:
    return kind == "VARCHAR" or kind.startswith("ENUM")


def _is_number(kind: str) -> bool:
    return kind in WHOLE or kind in FLOATS or kind.startswith("DECIMAL")


def drop_zeros(connection: duckdb.DuckDBPyConnection, rows: str, name: str, title: str) -> None:
    """Take ".0" off the ids of a CSV in table `rows` where every one is a whole number with it.

    Warns of that; and where some are, of customers who are there with it and without.
    """
    whole = f"regexp_full_match(customer_id, '{WRITTEN_AS_FLOAT}')"
    others, example = sql.one(
        connection, f"SELECT count(*) FILTER (NOT {whole}), min(customer_id) FROM {rows}"
    )
    if not others:
        warn_of_whole(name, title=title, example=example)
        connection.execute(f"UPDATE {rows} SET customer_id = left(customer_id, -2)")
        return
    ids = f"SELECT DISTINCT customer_id FROM {rows}"
    both = f"SELECT customer_id FROM ({ids}) WHERE {whole} AND left(customer_id, -2) IN ({ids})"
    count, some = sql.one(connection, f"SELECT count(*), list_sort(list(customer_id))[:6] FROM ({both})")
    if count:
        warn(
            f"{count:,} ids in column {name!r} of {title} are there with .0 and without ({{ids}}), and count "
            "as two customers each: write them all one way",
            ids=some,
        )


def _refuse_large(connection: duckdb.DuckDBPyConnection, source: Source, name: str) -> None:
    for part in source.parts:
        bound = EXACT_BELOW.get(part.types[name])
        if bound is None:
            continue
        large = f"abs({sql.quote(name)}) >= {bound} AND isfinite({sql.quote(name)})"
        count = sql.one(connection, f"SELECT count(*) FROM {part.relation} WHERE {large}")[0]
        if count:
            raise too_large(name, count)

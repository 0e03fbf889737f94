"""Dates of a log as local wall-clock stamps: nothing is guessed, and no stamp moves to another day."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bayesltv.data import sql
from bayesltv.data.ids import WHOLE
from bayesltv.data.log.nanoseconds import AWARE, AWARE_NS
from bayesltv.data.log.sources import Part, Source
from bayesltv.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

_SHIFT = r"[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?"
_NAME = r"[A-Za-z]{3,}[A-Za-z0-9_/:+-]*"  # AM and PM are shorter
_OFFSET = rf":[0-9.]+\s*([Zz]|{_SHIFT}|{_NAME})\s*$"
_NAMED = rf":[0-9.]+\s*({_NAME})\s*$"
_AWARE = (AWARE, AWARE_NS)
_FIRST, _EARLY, _LATE = "TIMESTAMP '0001-01-01'", "TIMESTAMP '1000-01-01'", "TIMESTAMP '10000-01-01'"


def stamps_sql(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    name: str,
    timezone: str | None,
    datetime_format: str | None,
) -> Mapping[str, str]:
    """Return, by the relation of each part, SQL for the local wall-clock stamp.

    It is NULL where it cannot be parsed, is infinite or lies in a year that a date cannot hold, and where the
    text has a year of two digits without a format that says so.

    Raises
    ------
    DataError
        Where the type is none of a date, some stamps carry a time zone and others do not, or `timezone` is
        missing, unknown or cannot be applied.
    """
    written = {
        part.relation: _written(connection, part, name, datetime_format)
        for part in source.parts
        if _is_written(part.types[name])
    }
    _refuse_other_types(source, name)
    aware = _is_aware(connection, source, name, written, datetime_format)
    _check_zone(timezone, aware, name)
    if aware and datetime_format is None:
        _check_names(connection, source, name, written)
    return {
        part.relation: _local(part, name, written.get(part.relation), timezone, datetime_format, aware)
        for part in source.parts
    }


def _is_written(kind: str) -> bool:
    return kind == "VARCHAR" or kind in WHOLE or kind.startswith("ENUM")


def _written(
    connection: duckdb.DuckDBPyConnection, part: Part, name: str, datetime_format: str | None
) -> str:
    """Return SQL for dates that are text or whole numbers, as text."""
    kind = part.types[name]
    if kind in WHOLE and datetime_format is None:
        raise DataError(
            f"dates in column {name!r} are whole numbers ({kind}): say how to read them, "
            'datetime_format="%Y%m%d"'
        )
    if datetime_format is not None:
        _parsed_type(connection, datetime_format)
    return f"CAST({sql.quote(name)} AS VARCHAR)"


def _refuse_other_types(source: Source, name: str) -> None:
    for part in source.parts:
        kind = part.types[name]
        if not _is_written(kind) and kind != "DATE" and not kind.startswith("TIMESTAMP"):
            raise DataError(f"dates in column {name!r} are of type {kind}: give dates, timestamps or text")


def _is_aware(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    name: str,
    written: Mapping[str, str],
    datetime_format: str | None,
) -> bool:
    """Whether stamps carry a time zone; refused where some do and others do not."""
    with_zone, filled = 0, 0
    zones: dict[bool, str] = {}
    for part in source.parts:
        if part.relation not in written:
            zones[part.types[name] in _AWARE] = part.title
        elif datetime_format is not None:
            zones[_parsed_type(connection, datetime_format) in _AWARE] = part.title
        else:
            some, all_ = _count_offsets(connection, part, written[part.relation])
            with_zone, filled = with_zone + some, filled + all_
            if some in (0, all_) and all_:
                zones[some > 0] = part.title
    if 0 < with_zone < filled:
        raise DataError(
            f"{with_zone:,} of {filled:,} dates in column {name!r} carry a time-zone offset and the others "
            "do not: write them all one way"
        )
    if len(zones) == 2:
        raise DataError(
            f"stamps in column {name!r} carry a time zone in {zones[True]} and none in {zones[False]}: write "
            "them all one way"
        )
    return zones.get(True) is not None


def _count_offsets(connection: duckdb.DuckDBPyConnection, part: Part, x: str) -> tuple[int, int]:
    """Return how many texts carry an offset, and how many are not blank."""
    offset = f"regexp_matches({x}, {sql.text(_OFFSET)})"
    some, filled = sql.one(
        connection, f"SELECT count(*) FILTER ({offset}), count(nullif(trim({x}), '')) FROM {part.relation}"
    )
    return some, filled


def _check_names(
    connection: duckdb.DuckDBPyConnection, source: Source, name: str, written: Mapping[str, str]
) -> None:
    """Refuse names of zones that have two meanings or none: CST is in Chicago and in China."""
    texts = [(part, written[part.relation]) for part in source.parts if part.relation in written]
    zones: set[str] = set()
    for part, x in texts:
        zones.update(
            sql.column(
                connection, f"SELECT DISTINCT regexp_extract({x}, {sql.text(_NAMED)}, 1) FROM {part.relation}"
            )
        )
    strange = sorted(
        zone for zone in zones if zone and zone.upper() not in ("UTC", "GMT") and not _exists(zone)
    )
    if strange:
        raise DataError(
            f"dates in column {name!r} carry {strange[0][:40]!r}, which names no time zone, or several: "
            "write offsets like +01:00, or names like Europe/Berlin"
        )


def _exists(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _local(
    part: Part,
    name: str,
    written: str | None,
    timezone: str | None,
    datetime_format: str | None,
    aware: bool,
) -> str:
    kind = part.types[name]
    if written is None:
        x = _to_micros(sql.quote(name), kind)
    elif datetime_format is not None:
        x = f"TRY_STRPTIME({written}, {sql.text(datetime_format)})"
        x = _to_micros(x, "TIMESTAMP_NS") if "%n" in datetime_format else x
    elif aware:
        x = f"TRY_CAST({_with_plain_offset(written)} AS TIMESTAMPTZ)"
    else:
        x = f"TRY_CAST(trim({written}) AS TIMESTAMP)"
    if timezone is not None:
        x = f"({x}) AT TIME ZONE {sql.text(timezone)}"
    local = f"TRY_CAST({x} AS TIMESTAMP)"
    full_year = f"lpad(CAST(year({local}) AS VARCHAR), 4, '0')"
    says_so = "" if written is None else f" AND contains({written}, {full_year})"
    return (
        f"CASE WHEN {local} >= {_EARLY} AND {local} < {_LATE} THEN {local} "
        f"WHEN {local} >= {_FIRST} AND {local} < {_EARLY}{says_so} THEN {local} END"
    )


def _to_micros(x: str, kind: str) -> str:
    """Return SQL for stamps of any resolution in microseconds, rounded down: up may be another day."""
    if not kind.endswith("_NS"):
        return x
    ns = f"epoch_ns({x})"
    micros = f"make_timestamp(({ns} - (({ns} % 1000) + 1000) % 1000) // 1000)"
    return f"timezone('UTC', {micros})" if kind in _AWARE else micros


def _with_plain_offset(written: str) -> str:
    """Return SQL for text written as every version of the engine knows it: +0100 as +01:00, with seconds."""
    timed = (
        rf"regexp_replace(trim({written}), '^([^:]+:[0-9]{{2}})(\s*(?:[Zz]|{_SHIFT}|{_NAME}))$', '\1:00\2')"
    )
    bare = rf"regexp_replace({timed}, '\s*([+-][0-9]{{2}}):?([0-9]{{2}})$', '\1:\2')"
    return f"regexp_replace({bare}, 'z$', 'Z')"


def _parsed_type(connection: duckdb.DuckDBPyConnection, datetime_format: str) -> str:
    """Return the type of dates in a format."""
    import duckdb

    try:
        return str(sql.one(connection, f"SELECT typeof(TRY_STRPTIME('', {sql.text(datetime_format)}))")[0])
    except duckdb.Error:
        raise DataError(
            f'datetime_format={datetime_format!r} is no strptime format: write it like "%Y%m%d" or "%d/%m/%Y"'
        ) from None


def _check_zone(timezone: str | None, is_aware: bool, name: str) -> None:
    if timezone is None:
        if is_aware:
            raise DataError(
                f"stamps in column {name!r} carry a time zone: name the zone whose days count, for example "
                'timezone="Europe/Berlin" (or "UTC")'
            )
        return
    if not is_aware:
        raise DataError(
            f"stamps in column {name!r} carry no time zone, so that timezone={timezone!r} cannot be applied: "
            "leave it out and days are taken as they stand"
        )
    if not _exists(timezone):
        raise DataError(f'timezone={timezone!r} is unknown: use an IANA name like "Europe/Berlin"')

"""Scores into a database: staged, held against the table's columns, put in place in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from bayesltv.data.databases.address import Address
from bayesltv.data.databases.connection import connected, has_table, run
from bayesltv.errors import DataError, StoreError
from bayesltv.names import AS_OF_DATE, CUSTOMER_ID, MODEL_VERSION

if TYPE_CHECKING:
    from ibis.backends.sql import SQLBackend

Mode = Literal["replace", "append"]
KEY = (CUSTOMER_ID, AS_OF_DATE, MODEL_VERSION)
"""What tells one row of a table of scores from another."""
_STAGE, _BATCH = "bayesltv_stage", 10_000
_TYPES = {
    "text": {"mysql": "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "": "TEXT"},
    "date": {"": "DATE"},
    "count": {"": "BIGINT"},
    "number": {"mysql": "DOUBLE", "sqlite": "REAL", "": "DOUBLE PRECISION"},
    "long": {"mysql": "LONGTEXT", "": "TEXT"},
}
_MANIFEST = {
    AS_OF_DATE: "date",
    MODEL_VERSION: "text",
    "sha256": "text",
    "customers": "count",
    "manifest": "long",
}
_BEGIN = {"sqlite": "BEGIN IMMEDIATE", "mysql": "START TRANSACTION", "": "BEGIN"}


@dataclass(frozen=True)
class Target:
    """A table that scores go to.

    Attributes
    ----------
    address : Address
    table : str
        ``schema.table`` where it stands in a schema of its own.
    mode : "replace" or "append"
        Take the place of all rows, or of those with the same customer, day and model.
    """

    address: Address
    table: str
    mode: Mode = "replace"

    @property
    def manifest(self) -> str:
        """The table of manifests beside it."""
        return f"{self.table}_manifest"

    @property
    def title(self) -> str:
        """How messages name it."""
        return f"table {self.table!r} of {self.address.title}"


@dataclass(frozen=True)
class Loaded:
    """What became of a table of scores.

    Attributes
    ----------
    rows : int
    changed : bool
        False where the very same rows were there already.
    """

    rows: int
    changed: bool


def kinds_of(rows: pd.DataFrame) -> dict[str, str]:
    """Return column -> "text", "date", "count" or "number"."""
    api, found = pd.api.types, {}
    for name in map(str, rows.columns):
        kind = rows[name].dtype
        number = "count" if api.is_integer_dtype(kind) else "number" if api.is_numeric_dtype(kind) else "text"
        found[name] = "date" if api.is_datetime64_any_dtype(kind) or name == AS_OF_DATE else number
    return found


def require_target(target: Target, kinds: Mapping[str, str]) -> None:
    """Raise where rows with these columns could not be written; to be called before the work.

    Raises
    ------
    StoreError
        Where the table has other columns or types, or nothing may be written there.
    EngineError
        Where the server cannot be reached.
    """
    with connected(target.address, writing=True) as backend:
        is_new = not has_table(backend, target.table)
        if not is_new:
            _require_columns(backend, target, kinds)
        with _transaction(backend, keep=False):
            _make(backend, target, kinds)
            for name in (target.table, target.manifest):
                run(backend, f"DELETE FROM {_named(backend, name)} WHERE 1 = 0")
        if is_new and backend.name == "mysql":  # which keeps tables whatever becomes of the transaction
            run(backend, f"DROP TABLE {_named(backend, target.table)}")


def write_rows(target: Target, rows: pd.DataFrame, *, sha256: str, manifest: str) -> Loaded:
    """Write rows and their manifest, all in one transaction; rows that are there already are left alone.

    Parameters
    ----------
    target : Target
    rows : DataFrame
        With the columns of `KEY`; one `as_of_date` and one `model_version`.
    sha256 : str
        Of the rows.
    manifest : str
        JSON.

    Raises
    ------
    StoreError, EngineError
        Then the table is as it was.
    """
    kinds = kinds_of(rows)
    with connected(target.address, writing=True) as backend:
        if has_table(backend, target.table):
            _require_columns(backend, target, kinds)
        if backend.name == "mysql":
            _make(backend, target, kinds)
        with _transaction(backend, keep=True):
            _make(backend, target, kinds)
            _lock(backend, target)
            run(backend, f"CREATE {_temporary(backend)} TABLE {_STAGE} ({_defined(backend, kinds)})")
            _load(backend, _STAGE, rows, kinds)
            changed = not _is_there(backend, target, rows, sha256)
            if changed:
                _replace(backend, target, rows, sha256, manifest)
            run(backend, f"DROP {'TEMPORARY ' if backend.name == 'mysql' else ''}TABLE {_STAGE}")
    return Loaded(len(rows), changed)


@contextmanager
def _transaction(backend: SQLBackend, *, keep: bool) -> Iterator[None]:
    run(backend, _of(_BEGIN, backend))
    try:
        yield
        run(backend, "COMMIT" if keep else "ROLLBACK")
    except BaseException:
        with suppress(Exception):
            run(backend, "ROLLBACK")
        raise


def _lock(backend: SQLBackend, target: Target) -> None:
    """Let one run at a time write; readers read on."""
    if backend.name == "postgres":
        run(backend, f"LOCK TABLE {_named(backend, target.table)} IN SHARE ROW EXCLUSIVE MODE")
    if backend.name == "mysql":
        ((got,),) = run(backend, "SELECT GET_LOCK(%s, 600)", (f"bayesltv {target.table}"[:64],))
        if got != 1:
            raise StoreError(f"another run is writing to {target.title}: wait for it")


def _make(backend: SQLBackend, target: Target, kinds: Mapping[str, str]) -> None:
    for name, columns in ((target.table, kinds), (target.manifest, _MANIFEST)):
        run(backend, f"CREATE TABLE IF NOT EXISTS {_named(backend, name)} ({_defined(backend, columns)})")


def _require_columns(backend: SQLBackend, target: Target, kinds: Mapping[str, str]) -> None:
    schema, _, name = target.table.rpartition(".")
    there = {
        column: _kind_of(kind) for column, kind in backend.get_schema(name, database=schema or None).items()
    }
    lacking, more = sorted(kinds.keys() - there.keys()), sorted(there.keys() - kinds.keys())
    other = [f"{c} is {there[c]}, not {kinds[c]}" for c in kinds if c in there and there[c] != kinds[c]]
    said = [f"lacks {', '.join(lacking)}"] * bool(lacking) + [f"has {', '.join(more)} besides"] * bool(more)
    said += other
    if said:
        raise StoreError(
            f"{target.title} has other columns than these scores: it {'; '.join(said)}. Write to another "
            "table, or rename this one"
        )


def _kind_of(kind: Any) -> str:  # noqa: ANN401
    if kind.is_string():
        return "text"
    if kind.is_date() or kind.is_timestamp():
        return "date"
    return "count" if kind.is_integer() else "number" if kind.is_floating() else str(kind)


def _load(backend: Any, table: str, rows: pd.DataFrame, kinds: Mapping[str, str]) -> None:  # noqa: ANN401
    columns = _listed(backend, kinds)
    if backend.name == "postgres":
        with backend.con.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in _plain(rows, kinds):
                copy.write_row(row)
        return
    if backend.name == "duckdb":
        import pyarrow as pa

        backend.con.register("bayesltv_rows", pa.Table.from_pandas(rows, preserve_index=False))
        backend.con.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM bayesltv_rows")
        backend.con.unregister("bayesltv_rows")
        return
    mark = "%s" if backend.name == "mysql" else "?"
    statement = f"INSERT INTO {table} ({columns}) VALUES ({', '.join([mark] * len(kinds))})"
    cursor = backend.con.cursor()
    for some in batched(_plain(rows, kinds), _BATCH):
        cursor.executemany(statement, some)
    cursor.close()


def _plain(rows: pd.DataFrame, kinds: Mapping[str, str]) -> Iterator[tuple[Any, ...]]:
    """Yield rows in Python's own types, missing as None, days as text that every database reads."""
    columns = []
    for name, kind in kinds.items():
        values = rows[name]
        if kind == "date":
            values = pd.to_datetime(values).dt.strftime("%Y-%m-%d")
        gone = values.isna().to_numpy()
        columns.append([None if g else v for v, g in zip(values.tolist(), gone, strict=True)])
    return zip(*columns, strict=True)


def _is_there(backend: SQLBackend, target: Target, rows: pd.DataFrame, sha256: str) -> bool:
    """Whether the very rows are there, not only a manifest that says so."""
    table, columns = _named(backend, target.table), _listed(backend, kinds_of(rows))
    where, values = _of_run(backend, rows)
    manifests = run(
        backend, f"SELECT sha256, customers FROM {_named(backend, target.manifest)} WHERE {where}", values
    )
    if (sha256, len(rows)) not in [(told[0], int(told[1])) for told in manifests]:
        return False
    missing = f"SELECT {columns} FROM {_STAGE} EXCEPT SELECT {columns} FROM {table}"
    ((lacking,),) = run(backend, f"SELECT count(*) FROM ({missing}) AS missing")
    ((there,),) = run(backend, f"SELECT count(*) FROM {table}")
    return not lacking and (target.mode == "append" or int(there) == len(rows))


def _replace(backend: SQLBackend, target: Target, rows: pd.DataFrame, sha256: str, manifest: str) -> None:
    table, told = (_named(backend, name) for name in (target.table, target.manifest))
    columns = _listed(backend, kinds_of(rows))
    where, values = _of_run(backend, rows)
    if target.mode == "replace":
        run(backend, f"DELETE FROM {table}")
        run(backend, f"DELETE FROM {told}")
    else:
        own = f"{_quoted(backend, CUSTOMER_ID)} IN (SELECT {_quoted(backend, CUSTOMER_ID)} FROM {_STAGE})"
        run(backend, f"DELETE FROM {table} WHERE {where} AND {own}", values)
        run(backend, f"DELETE FROM {told} WHERE {where}", values)
    run(backend, f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {_STAGE}")
    line = {
        **rows[[AS_OF_DATE, MODEL_VERSION]].iloc[0],
        "sha256": sha256,
        "customers": len(rows),
        "manifest": manifest,
    }
    _load(backend, told, pd.DataFrame([line]), _MANIFEST)


def _of_run(backend: SQLBackend, rows: pd.DataFrame) -> tuple[str, tuple[str, str]]:
    """Return a condition for rows of the same day and model, and its values."""
    if rows.empty:
        raise DataError("there are no scores to write: the summary has no customers")
    mark = {"postgres": "%s", "mysql": "%s"}.get(backend.name, "?")
    day = f"CAST({mark} AS DATE)" if backend.name != "sqlite" else mark
    where = f"{_quoted(backend, AS_OF_DATE)} = {day} AND {_quoted(backend, MODEL_VERSION)} = {mark}"
    return where, (str(rows[AS_OF_DATE].iloc[0])[:10], str(rows[MODEL_VERSION].iloc[0]))


def _of(told: Mapping[str, str], backend: SQLBackend) -> str:
    return told.get(backend.name, told[""])


def _temporary(backend: SQLBackend) -> str:
    return "TEMP" if backend.name != "mysql" else "TEMPORARY"


def _defined(backend: SQLBackend, kinds: Mapping[str, str]) -> str:
    return ", ".join(f"{_quoted(backend, name)} {_of(_TYPES[kind], backend)}" for name, kind in kinds.items())


def _listed(backend: SQLBackend, kinds: Mapping[str, str]) -> str:
    return ", ".join(_quoted(backend, name) for name in kinds)


def _quoted(backend: SQLBackend, name: str) -> str:
    mark = "`" if backend.name == "mysql" else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"


def _named(backend: SQLBackend, table: str) -> str:
    return ".".join(_quoted(backend, part) for part in table.split("."))

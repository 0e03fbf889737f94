"""A connection to a database through Ibis, and its troubles in words."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from bayesltv.data.databases.address import Address, DatabaseTable, without_secrets
from bayesltv.errors import BayesltvError, DataError, EngineError, StoreError

if TYPE_CHECKING:
    from ibis.backends.sql import SQLBackend
    from ibis.expr.types import Table

_MYSQL = ("mysql", "mariadb")
_SNAPSHOT = {
    "duckdb": "BEGIN TRANSACTION",
    "sqlite": "BEGIN",
    "postgres": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "mysql": "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
}
_DENIED = re.compile(
    r"permission denied|command denied|readonly|read-only|must be owner|denied to user", re.I
)
_REFUSED = re.compile(r"authentication|access denied|no password|password", re.I)
_HELD = re.compile(r"lock on file|database is locked", re.I)


@contextmanager
def connected(address: Address, *, writing: bool = False) -> Iterator[SQLBackend]:
    """Yield a connection; passwords come from the environment or the driver's own files.

    Raises
    ------
    StoreError
        Where a database that is a file is not there, or may not be read.
    EngineError
        Where a driver is missing, the server cannot be reached, or refuses us.
    """
    _require_file(address, writing=writing)
    with explained(address):
        backend = _connect(address, writing=writing)
    try:
        with explained(address):
            yield backend
    finally:
        with suppress(Exception):
            backend.disconnect()


def _require_file(address: Address, *, writing: bool) -> None:
    path = address.path
    if path is None:
        return
    if not writing and not os.path.isfile(path):
        raise StoreError(f"{path} does not exist: check the address {address.title}")
    if writing and not os.path.isdir(path.absolute().parent):
        raise StoreError(f"the folder of {path} does not exist: make it first")


def _connect(address: Address, *, writing: bool) -> SQLBackend:
    try:
        import ibis

        if address.scheme in _MYSQL:
            require_mysql_driver()
        parts, path = address.parts, address.path
        if address.scheme == "duckdb":
            return ibis.duckdb.connect(path, read_only=not writing)
        if address.scheme == "sqlite":
            return ibis.sqlite.connect(path)
        if address.scheme in ("postgres", "postgresql"):
            database, _, schema = parts.path[1:].partition("/")
            return ibis.postgres.connect(
                host=parts.hostname, port=parts.port or int(os.environ.get("PGPORT", "5432")),
                user=parts.username, database=database or None, schema=schema or None,
                application_name="bayesltv",
            )  # fmt: skip
        if address.scheme in _MYSQL:
            return _connect_mysql(address)
        return ibis.connect(address.url)
    except ImportError as error:
        raise EngineError(
            f"no driver for {address.scheme} is installed ({error.name}): pip install 'bayesltv[databases]'"
        ) from None


def _connect_mysql(address: Address) -> SQLBackend:
    """Return a connection whose clock is UTC, also where the server has no table of zones by name."""
    import ibis

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Unable to set session timezone")
        backend = ibis.mysql.connect(**_of_mysql(address))
    run(backend, "SET time_zone = '+00:00'")
    return backend


def _of_mysql(address: Address) -> dict[str, Any]:
    """Return how MySQL is reached: by the address, the environment, and ~/.my.cnf."""
    parts, own = address.parts, os.path.expanduser("~/.my.cnf")
    told: dict[str, Any] = {"host": parts.hostname or "127.0.0.1", "port": parts.port or 3306}
    told |= {"charset": "utf8mb4", "database": parts.path.strip("/"), "user": parts.username}
    if os.path.isfile(own):
        told["read_default_file"] = own
    if "MYSQL_PWD" in os.environ or "read_default_file" not in told:
        told["password"] = os.environ.get("MYSQL_PWD", "")
    return {name: value for name, value in told.items() if value is not None}


def require_mysql_driver() -> None:
    """Let PyMySQL stand in for mysqlclient, which Ibis asks for and which has to be compiled."""
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        import pymysql

        pymysql.install_as_MySQLdb()
        sys.modules["MySQLdb.constants"] = pymysql.constants
        pymysql.connections.Connection.get_character_set_info = lambda _: {"mbmaxlen": 4}
        pymysql.cursors.Cursor.description_flags = property(
            lambda self: [field.flags for field in self._result.fields]
        )


@contextmanager
def explained_backend(backend: SQLBackend) -> Iterator[None]:
    """Turn what the driver of somebody's own connection says into an error of ours."""
    with explained(Address(f"{backend.name}://the%20connection")):
        yield


@contextmanager
def explained(address: Address) -> Iterator[None]:
    """Turn what a driver says into an error with its exit code, the cure, and no password."""
    try:
        yield
    except (BayesltvError, KeyboardInterrupt, GeneratorExit, AssertionError):
        raise
    except Exception as error:
        if not _is_of_a_driver(error):
            raise
        raise _told(address, error) from None


def _is_of_a_driver(error: Exception) -> bool:
    kinds = {each.__module__.partition(".")[0] for each in type(error).__mro__}
    return bool(kinds & {"duckdb", "_duckdb", "sqlite3", "psycopg", "pymysql", "MySQLdb", "ibis"})


def _told(address: Address, error: Exception) -> BayesltvError:
    said = without_secrets(" ".join(str(error).split()))
    if _DENIED.search(said):
        return StoreError(f"{address.title} does not permit that: {{quoted}}. Ask for the right", quoted=said)
    if address.path is not None and _HELD.search(said):
        return StoreError(f"{address.title} is held by another process: {{quoted}}. Wait", quoted=said)
    if address.path is not None and not _is_of_query(error):
        return StoreError(f"{address.title} cannot be used: {{quoted}}", quoted=said)
    if _REFUSED.search(said):
        return EngineError(
            f"{address.title} refuses the user: {{quoted}}. Set PGPASSWORD or MYSQL_PWD, or see the driver's "
            "own file (~/.pgpass, ~/.my.cnf)",
            quoted=said,
        )
    if _is_of_query(error):
        return DataError(f"{address.title} cannot answer: {{quoted}}. Is the query right?", quoted=said)
    return EngineError(
        f"{address.title} cannot be reached, or the connection was lost: {{quoted}}. Nothing half-written is "
        "left; is the server up?",
        quoted=said,
    )


def _is_of_query(error: Exception) -> bool:
    """Whether the trouble is what was asked, not the connection."""
    names = {each.__name__ for each in type(error).__mro__}
    return bool(
        names
        & {"ProgrammingError", "DataError", "BinderException", "ParserException", "CatalogException",
           "IbisInputError", "ConversionException", "NotSupportedError", "OutOfRangeException"}
    ) or "no such" in str(error)  # fmt: skip


def table_of(backend: SQLBackend, source: DatabaseTable) -> Table:
    """Return a table or a query as an Ibis table.

    Raises
    ------
    DataError
        Where there is no such table; the nearest names are told.
    """
    if source.query is not None:
        return backend.sql(source.query.strip().rstrip(";"))
    schema, _, name = (source.table or "").rpartition(".")
    if has_table(backend, source.table or ""):
        return backend.table(name, database=schema or None)
    there = sorted(backend.list_tables(database=schema or None))
    near = get_close_matches(name.lower(), [each.lower() for each in there], n=2, cutoff=0.5)
    close = [each for each in there if each.lower() in near]
    hint = f"nearest: {', '.join(close)}" if close else f"there are {', '.join(there[:10]) or 'none'}"
    raise DataError(f"{source.address.title} has no table {name!r} ({hint}): name it with table=")


def has_table(backend: SQLBackend, table: str) -> bool:
    """Whether there is a table or view of this name."""
    schema, _, name = table.rpartition(".")
    return name in backend.list_tables(database=schema or None)


@contextmanager
def snapshot(backend: SQLBackend) -> Iterator[None]:
    """Let all queries within see one state of the database."""
    begin = _SNAPSHOT.get(backend.name)
    if begin is None:
        yield
        return
    run(backend, begin)
    try:
        yield
    finally:
        with suppress(Exception):
            run(backend, "ROLLBACK")


def run(backend: Any, statement: str, values: Any = None) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Run one statement, and return its rows where it has some."""
    cursor = backend.con.cursor() if backend.name != "duckdb" else backend.con
    arguments = () if values is None else (values,)
    result = cursor.execute(statement, *arguments)
    has_rows = backend.name == "duckdb" or cursor.description is not None
    rows = list((result if backend.name == "duckdb" else cursor).fetchall()) if has_rows else []
    if backend.name != "duckdb":
        cursor.close()
    return rows

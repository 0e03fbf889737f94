"""Addresses of databases among a command's files."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from bayesltv.data.databases.address import Address, DatabaseTable
    from bayesltv.data.databases.target import Target


def address_of(text: str, option: str) -> "Address | None":
    """Return the database that a text names; None where it is a file."""
    from bayesltv.data.databases.address import Address, is_address
    from bayesltv.errors import DataError

    if not is_address(text):
        return None
    try:
        return Address(text)
    except DataError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def log_of(text: str, table: str | None, query: Path | None) -> "Path | DatabaseTable":
    """Return the log that a command is given: a file, or a table or query of a database."""
    from bayesltv.data.databases.address import DatabaseTable
    from bayesltv.errors import StoreError

    address = address_of(text, "LOG")
    if address is None:
        if table is not None or query is not None:
            raise typer.BadParameter(
                "a file has no tables: give a database, such as duckdb:///shop.db", param_hint="--table"
            )
        return Path(text)
    if (table is None) == (query is None):
        raise typer.BadParameter("name a table (--table) or a query (--query), one of them")
    try:
        asked = None if query is None else query.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{query} cannot be read: {error}. Is the path right?") from None
    return DatabaseTable(address, table, asked)


def target_of(out: str, table: str | None, mode: Literal["replace", "append"]) -> "Target | None":
    """Return the table that scores go to; None where it is a file."""
    from bayesltv.data.databases.target import Target

    address = address_of(out, "--out")
    if (address is None) != (table is None):
        raise typer.BadParameter("a database needs --table, and a file has none", param_hint="--table")
    return None if address is None or table is None else Target(address, table, mode)

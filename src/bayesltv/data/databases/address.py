"""Where a table is: an address without secrets, and a table or a query."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from bayesltv.errors import DataError, shown

EMBEDDED = ("duckdb", "sqlite")
"""Databases that are one file."""
SCHEMES = (*EMBEDDED, "postgres", "postgresql", "mysql", "mariadb", "mssql", "snowflake", "bigquery", "trino",
           "clickhouse", "databricks")  # fmt: skip
"""What Ibis connects to by an address; the first six are tested, mysql with MariaDB."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SECRET = re.compile(r"pass|pwd|token|secret|key", re.IGNORECASE)
SECRETS = ("PGPASSWORD", "MYSQL_PWD", "SNOWFLAKE_PASSWORD", "DATABRICKS_TOKEN", "CLICKHOUSE_PASSWORD")
"""Variables of the environment whose values no message may hold."""


def is_address(text: object) -> bool:
    """Whether a text names a database, not a file."""
    return isinstance(text, str) and _ADDRESS.match(text) is not None


@dataclass(frozen=True)
class Address:
    """A database.

    Attributes
    ----------
    url : str
        As it was given; it holds no password.
    """

    url: str

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise DataError(
                f"{self.scheme}:// is no database that is known: use one of {', '.join(SCHEMES)}, such as "
                "duckdb:///shop.db"
            )
        asked = [name for name, _ in parse_qsl(self.parts.query) if _SECRET.search(name)]
        if self.parts.password is not None or asked:
            raise DataError(
                f"the address of {self.title} holds a password, which every list of processes would show: "
                "leave it out, and set PGPASSWORD or MYSQL_PWD, or use the driver's own file (~/.pgpass, "
                "~/.my.cnf)"
            )

    @property
    def parts(self) -> SplitResult:
        """The address, taken apart."""
        return urlsplit(self.url)

    @property
    def scheme(self) -> str:
        """What kind of database it is."""
        return self.url.partition("://")[0].lower()

    @property
    def path(self) -> Path | None:
        """The file of an embedded database."""
        if self.scheme not in EMBEDDED:
            return None
        netloc, path = self.parts.netloc, unquote(self.parts.path)
        return Path(f"{netloc}{path}" if netloc else path.removeprefix("/") if path[:2] != "//" else path[1:])

    @property
    def title(self) -> str:
        """How messages and manifests name it: kind, host and database, no user."""
        if self.path is not None:
            return f"{self.scheme}:///{self.path}"
        port = f":{self.parts.port}" if self.parts.port else ""
        return f"{self.scheme}://{self.parts.hostname or ''}{port}{self.parts.path}"


@dataclass(frozen=True)
class DatabaseTable:
    """Rows in a database: a table, or what a query returns.

    Attributes
    ----------
    address : Address
    table : str, optional
        ``schema.table`` where it stands in a schema of its own.
    query : str, optional
        SQL in place of a table.
    """

    address: Address
    table: str | None = None
    query: str | None = None

    def __post_init__(self) -> None:
        if (self.table is None) == (self.query is None):
            raise DataError(f"{self.address.title}: name a table (table=) or a query (query=), one of them")

    @property
    def title(self) -> str:
        """How messages name the rows."""
        what = "a query" if self.table is None else f"table {shown(self.table)}"
        return f"{what} of {self.address.title}"


def without_secrets(text: str) -> str:
    """Return a text without the passwords that the environment holds, and without those of addresses."""
    for name in SECRETS:
        value = os.environ.get(name)
        if value:
            text = text.replace(value, "***")
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", re.sub(r"(password=)\S+", r"\1***", text))

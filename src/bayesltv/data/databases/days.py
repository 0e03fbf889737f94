"""A log summed up where it is: by customer and day, exactly, as an Ibis expression.

Amounts become whole millionths before they are added, which every database adds exactly. What cannot be
summed up there without changing its meaning (ids that are missing, odd dates, amounts that are no numbers) is
not: then the rows come as they are, and are judged as those of a file.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from bayesltv.data.log_columns import Columns

if TYPE_CHECKING:
    from ibis.backends.sql import SQLBackend
    from ibis.expr.types import Table, Value

ID, DAY, EARLIEST, LATEST = "id", "day", "earliest", "latest"
PAID_ROWS, PAID, SAME_PAID, FREE_ROWS, SAME_FREE, REFUNDS = (
    "paid_rows", "paid", "same_paid", "free_rows", "same_free", "refunds",
)  # fmt: skip
"""Columns of a customer's day: how many rows, millionths in them, how many repeat another."""
_TESTED = ("duckdb", "postgres", "mysql", "sqlite")
_WRITTEN = ("____-__-__", *(f"____-__-__{t}__:__:__{f}" for t in "T " for f in ("", ".___", ".______")))
_EXACT = 2.0**52
_SMALL, _LARGE = 0.0005, 1e12


@dataclass(frozen=True)
class Days:
    """A log in a database that can be summed up there.

    Attributes
    ----------
    table : Ibis table
    dialect : str
    columns : Columns
        Without order ids.
    """

    table: Table
    dialect: str
    columns: Columns

    @property
    def carried(self) -> dict[str, str]:
        """Name in the answer -> column that a customer has one value of."""
        names = (*self.columns.groups, *self.columns.covariates)
        return {f"own_{i}": name for i, name in enumerate(names)}

    @property
    def is_written(self) -> bool:
        """Whether dates are text."""
        return self.dialect == "sqlite" or self.table[self.columns.date].type().is_string()

    @property
    def needs_stamps(self) -> bool:
        """Whether it matters which of two rows was the earlier one."""
        return bool(self.carried) and not self.table[self.columns.date].type().is_date()

    def trouble(self) -> Table:
        """Return the number of rows, and of those that only a reader of rows can judge."""
        t, columns = self.table, self.columns
        wrong = [self._is_blank(name) for name in (columns.customer_id, *self.carried.values())]
        date = self._date()
        if self.is_written:
            wrong.append(date.isnull() | ~reduce(or_, [date.like(form) for form in _WRITTEN]))
        else:
            day = self.day()
            wrong.append(day.isnull() | (day < dt.date(1, 1, 1)) | (day > dt.date(9999, 12, 31)))
        if columns.amount is not None:
            size = t[columns.amount].abs()
            wrong += [size.isnull(), size >= _LARGE, (size > 0) & (size < _SMALL)]
            if self.dialect == "sqlite":
                wrong.append(~t[columns.amount].typeof().isin(["integer", "real"]))
        return t.aggregate(
            rows=t.count(), odd=t.count(where=reduce(or_, [each.fill_null(False) for each in wrong]))
        )

    def portions(self, count: int) -> list[Days]:
        """Return the log in so many portions of whole customers, about alike in size."""
        if count == 1:
            return [self]
        place = (self.table[self.columns.customer_id].hash() % count + count) % count
        return [replace(self, table=self.table.filter(place == each)) for each in range(count)]

    def day(self) -> Value:
        """Return the local day of a row: a date, or its ten characters."""
        date = self._date()
        if self.is_written:
            return date.substr(0, 10)
        return date if date.type().is_date() else date.date()

    def summed(self) -> Table:
        """Return one row per customer and day (and value of what is carried)."""
        t, columns = self.table, self.columns
        micros = self._micros()
        own = {ID: columns.customer_id, **self.carried}
        keyed = {name: self._key(column) for name, column in own.items()}
        moment = self._date().cast("string")
        is_dated = self.table[columns.date].type().is_date() and not self.is_written
        told = {**keyed, DAY: self.day(), "micros": micros, "moment": moment, "stamp": self._date()}
        told |= {f"{name}_text": t[column] for name, column in own.items() if self._is_hashed(column)}
        rows = t.select(**told)
        paid, free, back = rows.micros > 0, rows.micros == 0, rows.micros < 0
        mark = rows.micros.cast("string") if is_dated else rows.micros.cast("string") + "|" + rows.moment
        free_mark = rows.micros.cast("string") if is_dated else rows.moment
        sums = {
            PAID_ROWS: rows.count(where=paid),
            PAID: rows.micros.sum(where=paid).cast("decimal(38, 0)").cast("string"),
            SAME_PAID: rows.count(where=paid) - mark.nunique(where=paid),
            FREE_ROWS: rows.count(where=free),
            SAME_FREE: rows.count(where=free) - free_mark.nunique(where=free),
            REFUNDS: rows.micros.cast("string").group_concat(" ", where=back),
        }
        if self.dialect == "sqlite":
            sums[PAID] = rows.micros.sum(where=paid)
        if self.needs_stamps:
            sums |= {EARLIEST: rows.stamp.min(), LATEST: rows.stamp.max()}
        texts = {f"{name}_text": rows[f"{name}_text"].min() for name in own if f"{name}_text" in told}
        found = rows.group_by([*keyed, DAY]).aggregate(**sums, **texts)
        plain = {name: found[f"{name}_text"] if f"{name}_text" in texts else found[name] for name in own}
        return found.select(**plain, **{name: found[name] for name in (DAY, *sums)})

    def _date(self) -> Value:
        column = self.table[self.columns.date]
        return column.cast("string") if self.dialect == "sqlite" else column

    def _is_blank(self, name: str) -> Value:
        column = self.table[name]
        return column.isnull() | (column.strip() == "") if column.type().is_string() else column.isnull()

    def _is_hashed(self, name: str) -> bool:
        """Whether the database may take two texts for one: MySQL does not tell A from a."""
        return self.dialect == "mysql" and self.table[name].type().is_string()

    def _key(self, name: str) -> Value:
        column = self.table[name]
        if self._is_hashed(name):
            return _sha1(column)
        return column.concat("") if column.type().is_string() and self.dialect == "sqlite" else column

    def _micros(self) -> Value:
        import ibis

        if self.columns.amount is None:
            return ibis.literal(0, "int64")
        amount = self.table[self.columns.amount]
        if not (amount.type().is_floating() or self.dialect == "sqlite"):
            return (amount.cast("decimal(18, 6)") * 1_000_000).cast("int64")
        size = amount.abs().cast("float64") * 1e6
        whole = ibis.ifelse(size < _EXACT, (size + 0.5).floor().cast("float64"), size)
        return (whole * amount.sign()).cast("int64")


def days_of(backend: SQLBackend, table: Table, columns: Columns, timezone: str | None) -> Days | None:
    """Return a log that can be summed up where it is; None where only its rows tell what they mean."""
    kinds = table.schema()
    date, labels = kinds[columns.date], (columns.customer_id, *columns.groups, *columns.covariates)
    amount = None if columns.amount is None else kinds[columns.amount]
    is_aware = date.is_timestamp() and date.timezone is not None
    if (
        backend.name not in _TESTED
        or columns.order_id is not None
        or not all(map(_is_plain, map(kinds.get, labels)))
    ):
        return None
    if amount is not None and not (amount.is_integer() or amount.is_decimal() or amount.is_float64()):
        return None
    if is_aware and (timezone is None or len(labels) > 1 or backend.name not in ("duckdb", "postgres")):
        return None
    if (not is_aware and timezone is not None) or (date.is_timestamp() and (date.scale or 6) > 6):
        return None
    if not (date.is_date() or date.is_timestamp() or date.is_string()):
        return None
    return Days(table, backend.name, columns)


def _is_plain(kind: Any) -> bool:  # noqa: ANN401
    return bool(kind.is_string() or kind.is_integer() or kind.is_boolean() or kind.is_float64())


def _sha1(column: Value) -> Value:
    import ibis

    def sha1(text: str) -> str:
        raise NotImplementedError(text)

    return ibis.udf.scalar.builtin(sha1)(column)

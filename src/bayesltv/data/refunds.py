"""Refunds: negative amounts netted against a customer's latest earlier purchases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bayesltv.data import sql
from bayesltv.errors import DataError

if TYPE_CHECKING:
    import duckdb

Refunds = Literal["net", "drop", "error"]
POLICIES = ("net", "drop", "error")


@dataclass(frozen=True)
class RefundReport:
    """What became of the refunds of a log.

    Parameters
    ----------
    rows : int
        Rows with a negative amount, up to the observation's end.
    dropped_rows : int
        Rows left out under the policy "drop".
    unmatched_rows : int
        Refunds that no earlier purchase could take up, wholly or in part.
    unmatched_amount : float
        Their sum, positive, in the log's currency.
    netted_to_zero : int
        Purchase days that are no purchases any more.
    customers_without_purchase : int
        Customers who have no purchase left, or never had one.
    """

    rows: int = 0
    dropped_rows: int = 0
    unmatched_rows: int = 0
    unmatched_amount: float = 0.0
    netted_to_zero: int = 0
    customers_without_purchase: int = 0


def make_days(
    connection: duckdb.DuckDBPyConnection, *, rows: str, days: str, policy: Refunds, last_day: str
) -> RefundReport:
    """Fill the table `days` with one row per customer and purchase day, refunds taken into account.

    Parameters
    ----------
    connection : DuckDB connection
    rows : str
        Table with customer_id, day and an exact amount per row.
    days : str
        Table to make: customer_id, day, amount (exact, >= 0), lines (rows of the day).
    policy : {"net", "drop", "error"}
        "net": a refund reduces the customer's latest purchases dated on or before its own day, the latest
        first; a purchase day netted to zero is no purchase. "drop": rows with negative amounts are left out.
    last_day : str
        ISO date; rows after it are not looked at, so that a later refund changes nothing.

    Returns
    -------
    RefundReport

    Raises
    ------
    DataError
        Under "error", where an amount is negative; for an unknown policy.
    """
    if policy not in POLICIES:
        raise DataError(f"refunds={policy!r} is unknown: use one of {', '.join(POLICIES)}")
    window = f"day <= DATE {sql.text(last_day)}"
    refunds, customers = sql.one(
        connection,
        f"SELECT count(*), count(DISTINCT customer_id) FROM {rows} WHERE amount < 0 AND {window}",
    )
    if refunds and policy == "error":
        raise _refused(connection, rows, window, refunds, customers)
    plain = f"{window} AND amount >= 0"
    if refunds and policy == "net":
        plain = (
            f"{window} AND customer_id NOT IN (SELECT customer_id FROM {rows} WHERE amount < 0 AND {window})"
        )
    connection.execute(
        f"CREATE TEMP TABLE {days} AS SELECT customer_id, day, sum(amount) AS amount, count(*) AS lines "
        f"FROM {rows} WHERE {plain} GROUP BY customer_id, day"
    )
    if not refunds:
        return RefundReport()
    report = RefundReport(rows=refunds, dropped_rows=refunds)
    if policy == "net":
        report = _net(connection, rows, days, window, refunds)
    return _with_lost_customers(connection, rows, days, window, report)


def _net(
    connection: duckdb.DuckDBPyConnection, rows: str, days: str, window: str, refunds: int
) -> RefundReport:
    """Add the netted days of customers with refunds to `days`.

    Last in, first out without a loop: purchases stack up layers of money, refunds take from the top. With S
    the running sum of a customer's amounts, the stack's height is L = S - min(0, min S so far): where S would
    sink below all that went before, the refund finds nothing. Of a purchase that lifts the stack from l to l
    + a there remains what no later height cuts off: min(a, min over later L - l), at least 0.
    """
    connection.execute(f"CREATE TEMP TABLE netted AS {_netted_rows(rows, window)}")
    connection.execute(
        f"INSERT INTO {days} SELECT customer_id, day, sum(kept), count(*) FILTER (amount >= 0) FROM netted "
        # a purchase recorded at zero is a purchase; one that was netted to zero is none
        "GROUP BY customer_id, day HAVING sum(kept) > 0 OR count(*) FILTER (amount = 0) > 0"
    )
    unmatched, money = sql.one(
        connection, "SELECT count(*) FILTER (unmatched > 0), CAST(sum(unmatched) AS DOUBLE) FROM netted"
    )
    gone = sql.one(
        connection,
        "SELECT count(*) FROM (SELECT 1 FROM netted WHERE amount >= 0 GROUP BY customer_id, day "
        "HAVING sum(kept) = 0 AND count(*) FILTER (amount = 0) = 0)",
    )[0]
    connection.execute("DROP TABLE netted")
    return RefundReport(rows=refunds, unmatched_rows=unmatched, unmatched_amount=money, netted_to_zero=gone)


def _netted_rows(rows: str, window: str) -> str:
    # within a day purchases come first: a log of dates does not tell which was earlier
    order = "PARTITION BY customer_id ORDER BY day, amount < 0, amount, place"
    return f"""
    WITH concerned AS (
        SELECT customer_id, day, amount, row_number() OVER () AS place FROM {rows} WHERE {window}
        AND customer_id IN (SELECT customer_id FROM {rows} WHERE amount < 0 AND {window})
    ), summed AS (
        SELECT *, sum(amount) OVER ({order} ROWS UNBOUNDED PRECEDING) AS running FROM concerned
    ), reflected AS (
        SELECT *, least(0, min(running) OVER ({order} ROWS UNBOUNDED PRECEDING)) AS lowest FROM summed
    ), stacked AS (
        SELECT *, running - lowest AS height, coalesce(lag(lowest) OVER ({order}), 0) - lowest AS unmatched
        FROM reflected
    )
    SELECT customer_id, day, amount, unmatched, CASE WHEN amount <= 0 THEN 0 ELSE greatest(0,
        min(height) OVER ({order} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) - (height - amount)) END
        AS kept
    FROM stacked
    """


def _with_lost_customers(
    connection: duckdb.DuckDBPyConnection, rows: str, days: str, window: str, report: RefundReport
) -> RefundReport:
    from dataclasses import replace

    lost = sql.one(
        connection,
        f"SELECT count(DISTINCT customer_id) FROM {rows} WHERE {window} "
        f"AND customer_id NOT IN (SELECT customer_id FROM {days})",
    )[0]
    return replace(report, customers_without_purchase=lost)


def _refused(
    connection: duckdb.DuckDBPyConnection, rows: str, window: str, refunds: int, customers: int
) -> DataError:
    ids = sql.column(
        connection,
        f"SELECT DISTINCT customer_id FROM {rows} WHERE amount < 0 AND {window} ORDER BY customer_id LIMIT 6",
    )
    return DataError(
        f'{refunds:,} rows of {customers:,} customers have a negative amount ({{ids}}): use refunds="net" to '
        "set them "
        'against earlier purchases, or refunds="drop"',
        ids=ids,
    )

"""Refunds: negative amounts netted against a customer's latest earlier purchases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bayesltv.data import sql
from bayesltv.errors import DataError

if TYPE_CHECKING:
    import duckdb

Refunds = Literal["net", "drop", "error"]
POLICIES = ("net", "drop", "error")
PURCHASES = "purchases"
DAYS = "purchase_days"
CUSTOMERS_WITH_REFUNDS = "customers_with_refunds"
NETTED = "netted_rows"
_MARK = "hash(stamp, amount, order_id)"


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


def make_purchases(
    connection: duckdb.DuckDBPyConnection, *, rows: str, policy: Refunds, last_day: str
) -> RefundReport:
    """Make the views `PURCHASES` and `DAYS`: what was bought, refunds taken into account.

    Views cost nothing until they are read. `PURCHASES` has customer_id, day, an exact amount of at least 0
    and a mark, equal in rows that are copies of each other. `DAYS` has one row per customer and purchase day:
    customer_id, day, amount.

    Parameters
    ----------
    connection : DuckDB connection
    rows : str
        Table with customer_id, stamp, day, an exact amount and order_id per row.
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
    refunds = sql.one(connection, f"SELECT count(*) FROM {rows} WHERE amount < 0 AND {window}")[0]
    if refunds and policy == "error":
        raise _refused(connection, rows, window, refunds)
    if not refunds:
        _make_views(connection, f"{rows} WHERE {window}")
        return RefundReport()
    connection.execute(
        f"CREATE TEMP TABLE {CUSTOMERS_WITH_REFUNDS} AS SELECT DISTINCT customer_id FROM {rows} "
        f"WHERE amount < 0 AND {window}"
    )
    if policy == "drop":
        plain = f"{rows} WHERE {window} AND amount >= 0"
        _make_views(connection, plain)
        lost = _count_without(connection, f"SELECT customer_id FROM {plain}")
        return RefundReport(rows=refunds, dropped_rows=refunds, customers_without_purchase=lost)
    report = _net(connection, rows, window, refunds)
    plain = f"{rows} ANTI JOIN {CUSTOMERS_WITH_REFUNDS} USING (customer_id) WHERE {window}"
    _make_views(connection, plain, netted=True)
    lost = _count_without(connection, f"SELECT customer_id FROM {NETTED}")
    return replace(report, customers_without_purchase=lost)


def _make_views(connection: duckdb.DuckDBPyConnection, plain: str, *, netted: bool = False) -> None:
    more = f" UNION ALL SELECT * FROM {NETTED}" if netted else ""
    connection.execute(
        f"CREATE TEMP VIEW {PURCHASES} AS SELECT customer_id, day, amount, {_MARK} AS mark FROM {plain}{more}"
    )
    connection.execute(
        f"CREATE TEMP VIEW {DAYS} AS SELECT customer_id, day, sum(amount) AS amount "
        f"FROM {PURCHASES} GROUP BY customer_id, day"
    )


def _net(connection: duckdb.DuckDBPyConnection, rows: str, window: str, refunds: int) -> RefundReport:
    """Make the table `NETTED` of what customers with refunds have kept.

    Last in, first out without a loop: purchases stack up layers of money, refunds take from the top. With S
    the running sum of a customer's amounts, the stack's height is L = S - min(0, min S so far): where S would
    sink below all that went before, the refund finds nothing. Of a purchase that lifts the stack from l to l
    + a there remains what no later height cuts off: min(a, min over later L - l), at least 0.
    """
    connection.execute(f"CREATE TEMP TABLE netted AS {netted_rows(rows, window)}")
    connection.execute(
        # a purchase recorded at zero is a purchase; one that was netted to zero is none
        f"CREATE TEMP TABLE {NETTED} AS SELECT customer_id, day, CAST(kept AS {sql.MONEY}) AS amount, mark "
        "FROM netted WHERE kept > 0 OR amount = 0"
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


def _count_without(connection: duckdb.DuckDBPyConnection, with_purchase: str) -> int:
    """Count the customers with refunds that have no purchase left; others have one."""
    count: int = sql.one(
        connection,
        f"SELECT count(*) FROM {CUSTOMERS_WITH_REFUNDS} WHERE customer_id NOT IN ({with_purchase})",
    )[0]
    return count


def netted_rows(rows: str, window: str, *, mark: str = _MARK, place: str = "row_number() OVER ()") -> str:
    """Return SQL for the rows of customers with refunds: what is kept of each, what found no purchase.

    It is plain enough for other engines than DuckDB, given their words for `mark` and `place` (any number
    that tells rows apart).
    """
    # within a day purchases come first: a log of dates does not tell which was earlier
    order = "PARTITION BY customer_id ORDER BY day, amount < 0, amount, place"
    return f"""
    WITH concerned AS (
        SELECT customer_id, day, amount, {mark} AS mark, {place} AS place
        FROM {rows} WHERE {window}
        AND customer_id IN (SELECT customer_id FROM {rows} WHERE amount < 0 AND {window})
    ), summed AS (
        SELECT *, sum(amount) OVER ({order} ROWS UNBOUNDED PRECEDING) AS running FROM concerned
    ), reflected AS (
        SELECT *, least(0, min(running) OVER ({order} ROWS UNBOUNDED PRECEDING)) AS lowest FROM summed
    ), stacked AS (
        SELECT *, running - lowest AS height, coalesce(lag(lowest) OVER ({order}), 0) - lowest AS unmatched
        FROM reflected
    )
    SELECT customer_id, day, amount, mark, unmatched, CASE WHEN amount <= 0 THEN 0 ELSE greatest(0,
        min(height) OVER ({order} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) - (height - amount)) END
        AS kept
    FROM stacked
    """


def _refused(connection: duckdb.DuckDBPyConnection, rows: str, window: str, refunds: int) -> DataError:
    customers = sql.one(
        connection, f"SELECT count(DISTINCT customer_id) FROM {rows} WHERE amount < 0 AND {window}"
    )[0]
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

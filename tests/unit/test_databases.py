"""Logs from databases, scores into them: the same summary as from a file, the same rows as in a file."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from warnings import catch_warnings

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.data.databases import reading
from bayesltv.data.databases.address import Address, DatabaseTable, without_secrets
from bayesltv.data.databases.target import Target, require_target, write_rows
from bayesltv.errors import BayesltvWarning, DataError, StoreError

SHOP = {"purchase": {"r": 0.5, "alpha": 6, "a": 0.8, "b": 2.5}, "spend": {"p": 6, "q": 4, "v": 15}}
OPTIONS = {"observation_end": "1997-08-15", "groups": ["shop"], "group_conflict": "last"}


def odd_log():
    """Refunds, rows loaded twice, free orders, ids that differ in case, stamps, groups that change."""
    rng = np.random.default_rng(1)
    log = ltv.simulate_log(150, seed=3, **SHOP)
    log["date"] += pd.to_timedelta(rng.integers(0, 86_000, len(log)), unit="s")
    back = log.sample(frac=0.2, random_state=1)
    back = back.assign(amount=-(back["amount"] * rng.choice([0.5, 1.0, 2.0], len(back))).round(2))
    back["date"] += timedelta(hours=30)
    free = log.sample(20, random_state=4).assign(amount=0.0)
    log = pd.concat([log, back, back.head(5), free, log.sample(frac=0.1, random_state=2)], ignore_index=True)
    case = np.where(np.arange(len(log)) % 7 == 0, "C", "c")
    return log.assign(customer_id=case + log["customer_id"].str[1:], shop=rng.choice(["x", "Y"], len(log)))


LOG = odd_log()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A folder with the log as CSV, in DuckDB and in SQLite."""
    folder = tmp_path_factory.mktemp("shop")
    LOG.to_csv(folder / "log.csv", index=False)
    with duckdb.connect(str(folder / "shop.db")) as connection:
        kinds = "customer_id, date, amount::DECIMAL(12, 2) AS amount, shop"
        types = "{'customer_id': 'VARCHAR'}"
        connection.execute(
            f"CREATE TABLE orders AS SELECT {kinds} FROM read_csv('{folder}/log.csv', types={types})"
        )
        connection.execute("CREATE TABLE floats AS SELECT * REPLACE (amount::DOUBLE AS amount) FROM orders")
        connection.execute("CREATE VIEW seen AS SELECT * FROM orders")
        connection.execute("CREATE TABLE days AS SELECT * REPLACE (date::DATE AS date) FROM orders")
        connection.execute(
            "CREATE TABLE instants AS "
            "SELECT * REPLACE (date AT TIME ZONE 'America/New_York' AS date) FROM orders"
        )
    with sqlite3.connect(folder / "shop.sqlite") as connection:
        LOG.assign(date=LOG["date"].astype(str)).to_sql("orders", connection, index=False)
    connection.close()
    return folder


def at(shop, kind, table="orders", **options):
    return DatabaseTable(
        Address(f"{kind}:///{shop}/shop.{'db' if kind == 'duckdb' else kind}"), table, **options
    )


def both(database, file, **options):
    with catch_warnings(record=True, action="always") as said:
        want = ltv.summarize(file, **options)
    with catch_warnings(record=True, action="always") as told:
        got = ltv.summarize(database, **options)
    pd.testing.assert_frame_equal(got, want)
    assert got.attrs == want.attrs
    assert messages(told) == messages(said)


def messages(told):
    return [str(each.message) for each in told if issubclass(each.category, BayesltvWarning)]


@pytest.mark.parametrize(
    ("kind", "table"), [("duckdb", "orders"), ("duckdb", "floats"), ("sqlite", "orders")]
)
@pytest.mark.parametrize("refunds", ["net", "drop"])
def test_the_summary_is_that_of_the_exported_csv(shop, kind, table, refunds):
    both(at(shop, kind, table), shop / "log.csv", **OPTIONS, refunds=refunds)


def test_whole_days_and_logs_without_amounts(shop):
    both(at(shop, "duckdb", "days"), LOG.assign(date=LOG["date"].dt.date), **OPTIONS)
    both(at(shop, "duckdb"), shop / "log.csv", **OPTIONS, monetary_value_col=None)


def test_instants_become_days_of_the_zone(shop):
    aware = LOG.assign(date=LOG["date"].dt.tz_localize("America/New_York"))
    both(at(shop, "duckdb", "instants"), aware, **OPTIONS, timezone="Asia/Tokyo")
    both(at(shop, "duckdb", "instants"), aware, observation_end="1997-08-15", timezone="Asia/Tokyo")
    with pytest.raises(DataError, match="timezone="):
        ltv.summarize(at(shop, "duckdb", "instants"), **OPTIONS)


def test_at_most_one_row_leaves_for_each_customer_day_and_group(shop, monkeypatch):
    moved = []
    take = reading._batches

    def counted(backend, rows):
        for batch in take(backend, rows):
            moved.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(reading, "_batches", counted)
    with pytest.warns():
        ltv.summarize(at(shop, "duckdb"), **OPTIONS)
    days = LOG.assign(date=LOG["date"].dt.date).groupby(["customer_id", "date", "shop"]).ngroups
    assert sum(moved) == days + 1 < len(LOG), "and one row of facts"


@pytest.mark.parametrize(("table", "portions"), [("orders", 8), ("seen", 1)])
def test_many_rows_of_a_table_come_in_portions_of_whole_customers(shop, monkeypatch, table, portions):
    """A view is asked once: it may say something else the next time."""
    taken = []
    take = reading._take
    monkeypatch.setattr(reading, "_AT_ONCE", len(LOG) // 7)
    monkeypatch.setattr(reading, "_take", lambda *given: (taken.append(len(given[2])), take(*given)))
    both(at(shop, "duckdb", table), shop / "log.csv", **OPTIONS)
    assert taken == [portions]


def test_rows_that_cannot_be_summed_up_get_the_error_of_a_file(shop):
    broken = at(shop, "duckdb", None, query="SELECT * REPLACE (NULL AS amount) FROM orders WHERE amount > 0;")
    with pytest.raises(DataError, match="missing"):
        ltv.summarize(broken, **OPTIONS)


def test_an_ibis_table_and_a_query_are_logs(shop):
    backend = ibis.duckdb.connect(shop / "shop.db", read_only=True)
    both(backend.table("orders"), shop / "log.csv", **OPTIONS)
    backend.disconnect()
    both(at(shop, "duckdb", None, query="SELECT * FROM orders;\n"), shop / "log.csv", **OPTIONS)


def test_what_is_not_there_is_named_with_what_is_near(shop):
    with pytest.raises(DataError, match=r"no table 'order' .*nearest: orders"):
        ltv.summarize(at(shop, "duckdb", "order"))
    with pytest.raises(DataError, match=r"'amounts' .*nearest: amount"):
        ltv.summarize(at(shop, "sqlite"), monetary_value_col="amounts")
    with pytest.raises(StoreError, match="does not exist"):
        ltv.summarize(DatabaseTable(Address(f"sqlite:///{shop}/no.sqlite"), "orders"))
    assert not (shop / "no.sqlite").exists()


# ------------------------------------------------------------------------------------------------- no secrets


@pytest.mark.parametrize("url", ["postgres://a:s3cret@host/db", "mysql://host/db?password=s3cret"])
def test_an_address_with_a_password_is_refused_and_not_repeated(url):
    with pytest.raises(DataError, match="PGPASSWORD") as error:
        Address(url)
    assert "s3cret" not in str(error.value)


def test_what_a_driver_says_is_cleared_of_passwords(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    said = without_secrets("cannot: postgres://a:other@host password=third s3cret")
    assert not any(word in said for word in ("s3cret", "other", "third"))


# ----------------------------------------------------------------------------------------------------- target

ROWS = pd.DataFrame(
    {
        "customer_id": ["001", "b", "B"],
        "as_of_date": pd.Timestamp("2024-01-31"),
        "model_version": "m1",
        "ltv_mean": [1.5, np.nan, 0.1 + 0.2],
        "frequency": [0, 2, 3],
        "first_purchase": pd.to_datetime(["2023-01-01", "2023-02-01", "2023-03-01"]),
    }
).astype({"model_version": "str"})


def read(target):
    path = str(target.address.path)
    if target.address.scheme == "duckdb":
        with duckdb.connect(path, read_only=True) as connection:
            rows = connection.sql(f"SELECT * FROM {target.table} ORDER BY 1, 2, 3").fetchall()
            return rows, connection.sql(f"SELECT * FROM {target.manifest}").fetchall()
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"SELECT * FROM {target.table} ORDER BY 1, 2, 3").fetchall()
        return rows, connection.execute(f"SELECT * FROM {target.manifest}").fetchall()


def put(target, rows=ROWS, digest="d1"):
    return write_rows(target, rows, sha256=digest, manifest="{}").changed


@pytest.fixture(params=["duckdb", "sqlite"])
def target(request, tmp_path):
    return Target(Address(f"{request.param}:///{tmp_path}/scores.{request.param}"), "scores")


def test_rows_come_back_as_they_went_and_a_repetition_changes_nothing(target):
    assert put(target)
    rows, manifests = read(target)
    assert [row[0] for row in rows] == ["001", "B", "b"]
    assert [row[3] for row in rows] == [1.5, 0.1 + 0.2, None]
    assert [str(row[5]) for row in rows] == ["2023-01-01", "2023-03-01", "2023-02-01"]
    assert len(manifests) == 1
    assert not put(target)
    assert read(target) == (rows, manifests)


def test_rows_that_somebody_changed_are_written_again(target):
    put(target)
    before = read(target)
    path = str(target.address.path)
    connect = duckdb.connect if target.address.scheme == "duckdb" else sqlite3.connect
    with closing(connect(path)) as connection:
        connection.execute("UPDATE scores SET ltv_mean = 7 WHERE customer_id = 'b'")
        connection.commit() if connect is sqlite3.connect else None
    assert put(target)
    assert read(target) == before


def test_replace_takes_the_place_of_all_and_append_of_its_own(target):
    put(target)
    later = ROWS.assign(as_of_date=pd.Timestamp("2024-02-29"))
    adding = Target(target.address, target.table, "append")
    assert put(adding, later, "d2")
    assert not put(adding, later, "d2")
    assert len(read(target)[0]) == 6
    assert put(adding, later.assign(frequency=9), "d3")
    rows, manifests = read(target)
    assert sorted(row[4] for row in rows) == [0, 2, 3, 9, 9, 9]
    assert len(manifests) == 2
    assert put(target, later, "d2")
    assert len(read(target)[0]) == 3


def test_append_is_keyed_by_customer_day_and_model(target):
    """What the key does not name stays: other models, other days, other customers of the same run."""
    put(target)
    adding = Target(target.address, target.table, "append")
    assert put(adding, ROWS.assign(model_version="m2").astype({"model_version": "str"}), "d2")
    assert put(adding, ROWS[:1].assign(frequency=8), "d3")
    more = ROWS[:1].assign(customer_id="new", frequency=5)
    assert put(adding, more, "d4")
    rows, manifests = read(target)
    found = {tuple(map(str, (row[0], row[1], row[2]))): row[4] for row in rows}
    assert len(found) == len(rows) == 7
    day = "2024-01-31"
    assert [found["001", day, model] for model in ("m1", "m2")] == [8, 0]
    assert [found[who, day, "m1"] for who in ("b", "B", "new")] == [2, 3, 5]
    assert sorted((told[1], told[3]) for told in manifests) == [("m1", 1), ("m2", 3)]


def test_a_table_with_other_columns_is_refused_before_the_work(target):
    put(target)
    before = read(target)
    with pytest.raises(
        StoreError, match="lacks p_alive; has ltv_mean besides; frequency is count, not number"
    ):
        require_target(
            target,
            {"customer_id": "text", "as_of_date": "date", "model_version": "text", "first_purchase": "date",
             "frequency": "number", "p_alive": "number"},
        )  # fmt: skip
    assert read(target) == before


def test_looking_at_a_target_leaves_nothing_behind(target):
    require_target(target, {"customer_id": "text"})
    with pytest.raises((duckdb.Error, sqlite3.Error)):
        read(target)


def test_a_run_that_fails_half_way_leaves_the_old_table(target, monkeypatch):
    from bayesltv.data.databases import target as module

    put(target)
    before = read(target)
    whole = module.run

    def failing(backend, statement, *values):
        if statement.startswith("INSERT INTO"):
            raise KeyboardInterrupt
        return whole(backend, statement, *values)

    monkeypatch.setattr(module, "run", failing)
    with pytest.raises(KeyboardInterrupt):
        put(target, ROWS.assign(frequency=5), "d9")
    assert read(target) == before

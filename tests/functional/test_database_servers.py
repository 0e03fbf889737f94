"""Real servers, started here: the road of a file and the road of a database end at the same rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import bayesltv as ltv
import database_servers as servers
import killed_databases
from golden_values import STORED, stored_fit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
END = "1997-12-28"
KILLS = 5


def environment(password=servers.PASSWORD):
    return {**os.environ, "PGPASSWORD": password, "MYSQL_PWD": password}


def command(*words, password=servers.PASSWORD):
    return subprocess.run(
        [sys.executable, "-m", "bayesltv", *map(str, words)],
        capture_output=True, text=True, env=environment(password), check=False,
    )  # fmt: skip


def done(*words):
    result = command(*words)
    assert result.returncode == 0, result.stderr
    assert servers.PASSWORD not in result.stdout + result.stderr
    assert "site-packages" not in result.stderr, "a library warns"
    return result


def rows_of(address, table):
    from bayesltv.data.databases.address import Address
    from bayesltv.data.databases.connection import connected, run

    with pytest.MonkeyPatch.context() as patch:
        for name in ("PGPASSWORD", "MYSQL_PWD"):
            patch.setenv(name, servers.PASSWORD)
        with connected(Address(address)) as backend:
            columns = list(backend.get_schema(table))
            return pd.DataFrame(run(backend, f"SELECT * FROM {table}"), columns=columns)


@pytest.fixture(scope="module")
def log():
    made = pd.read_csv(STORED / "log.csv", parse_dates=["date"], dtype={"customer_id": str})
    return made[["customer_id", "date", "amount"]].assign(amount=lambda each: each["amount"].round(2))


@pytest.fixture(scope="module", params=["postgres", "mariadb"])
def address(request, log):
    """A server that holds the log as the table `orders`."""
    with getattr(servers, request.param)() as server:
        load(server, log)
        yield server.address


def load(server, log):
    day = log.assign(date=log["date"].dt.date, amount=log["amount"].map("{:.2f}".format))
    rows = list(day.itertuples(index=False, name=None))
    columns = "(customer_id VARCHAR(40), date DATE, amount DECIMAL(12, 2))"
    with server.connection() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE orders {columns}")
        cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s)", rows)
        connection.commit()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, log):
    where = tmp_path_factory.mktemp("local")
    log.to_csv(where / "log.csv", index=False)
    fit = ltv.as_fit(
        stored_fit("pooled"), ltv.summarize(log, observation_end=END, time_unit="week"), "pooled"
    )
    ltv.save(ltv.with_checks(fit, ltv.check(fit)), where / "fit.nc")
    done("summarize", where / "log.csv", "--observation-end", END, "--time-unit", "week", "--out",
         where / "summary.parquet")  # fmt: skip
    return where


def summarize(address, table, out):
    return (
        "summarize", address, "--table", table, "--observation-end", END, "--time-unit", "week", "--out", out,
    )  # fmt: skip


def score(folder, *target):
    return (
        "score", folder / "fit.nc", folder / "summary.parquet", "--decision", "retention", "--seed", 1,
        "--draws", 50, *target,
    )  # fmt: skip


def test_the_summary_of_a_table_is_that_of_the_file(address, folder, tmp_path):
    done(*summarize(address, "orders", tmp_path / "summary.parquet"))
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "summary.parquet"), pd.read_parquet(folder / "summary.parquet")
    )


def test_a_wrong_password_is_not_repeated(address, tmp_path):
    result = command(*summarize(address, "orders", tmp_path / "s.parquet"), password="wrong-and-secret")
    assert result.returncode == 15
    assert "wrong-and-secret" not in result.stderr
    assert "PGPASSWORD or MYSQL_PWD" in result.stderr


def test_a_table_that_is_not_there_gets_the_nearest(address, tmp_path):
    result = command(*summarize(address, "order", tmp_path / "s.parquet"))
    assert result.returncode == 10
    assert "nearest: orders" in result.stderr


def as_rows(table):
    return table.sort_values("customer_id").reset_index(drop=True)


def test_scores_in_a_table_are_those_of_a_file_and_a_repeat_changes_nothing(address, folder, tmp_path):
    done(*score(folder, "--out", tmp_path / "scores.parquet"))
    local = as_rows(pd.read_parquet(tmp_path / "scores.parquet"))
    done(*score(folder, "--out", address, "--table", "scores"))
    there = as_rows(rows_of(address, "scores"))
    assert list(there["customer_id"]) == list(local["customer_id"])
    for column in ("ltv_mean", "ltv_p05", "ltv_p95", "p_alive", "expected_purchases"):
        assert (there[column] == local[column]).all(), column
    manifest = rows_of(address, "scores_manifest")
    done(*score(folder, "--out", address, "--table", "scores"))
    pd.testing.assert_frame_equal(as_rows(rows_of(address, "scores")), there)
    pd.testing.assert_frame_equal(rows_of(address, "scores_manifest"), manifest)


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_killed_runs_and_killed_servers_leave_old_or_new_and_never_half(kind):
    """In mid-read and in mid-write: see `killed_databases`; ten of each by `make bench`."""
    script = Path(killed_databases.__file__)
    folders = os.pathsep.join(filter(None, [str(script.parent), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, str(script), kind, "--kills", str(KILLS)], text=True, check=False,
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": folders}, timeout=800,
    )  # fmt: skip
    print(done.stdout)
    told = json.loads(done.stdout)
    assert told["faults"] == []
    assert told["kills"] == {
        f"{what}, {whom}": KILLS for what in ("read", "write") for whom in ("run", "server")
    }

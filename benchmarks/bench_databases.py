"""Question: what does a log in a database cost beside the same log as a CSV, and are the rows the same?

Large logs: ``bayesltv summarize`` on a table of DuckDB and of Postgres, beside today's road, the table
exported as CSV and summarized from there. All the way: summarize, fit (Laplace), score, and the scores into a
table, in Postgres and MariaDB, each row of summary and scores compared with those that files give. Every
command is a process of its own; memory is the peak of bayesltv's, and the most that the server's processes
held together (proportional set size, seen twice a second). And runs and servers that are killed while rows
are on their way, a quarter each in mid-read and in mid-write: see ``tests/killed_databases.py``.

What would make it rigged: customers who buy several times a day, so that sums by day were few (here there are
2.3 purchases per customer, and the rows that leave the database are nearly as many as it has); leaving the
export out of the CSV road (it is counted, and shown apart); a table that is in memory for one road and not
for the other (each is read once before); leaving out the memory of a server that does the work. Servers have
their packages' settings and run on this machine: nothing is learnt about networks.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import common

sys.path.append(str(Path(__file__).parents[1] / "tests"))

ROWS, CUSTOMERS = {True: 30_000, False: 10_000_000}, {True: 1_000, False: 200_000}
DRAWS, KILLS = {True: 50, False: 200}, {True: 2, False: 40}
FOLDER, SERVERS = "BENCH_DATABASES", "BENCH_DATABASES_SERVERS"
LARGE_END, END = "2023-12-31", "1997-12-31"
THERE, EXPORTED, WHOLE = "summarized there", "exported, summarized", "summarize, fit, score, table"
KILLED = "runs and servers killed"


def cases(quick):
    large = [
        {"database": kind, "what": what, "rows": ROWS[quick]}
        for kind in ("duckdb", "postgres")
        for what in (THERE, EXPORTED)
    ]
    servers = ("postgres",) if quick else ("postgres", "mariadb")
    whole = [
        {"database": kind, "what": WHOLE, "customers": CUSTOMERS[quick], "draws": DRAWS[quick]}
        for kind in servers
    ]
    killed = [{"database": kind, "what": KILLED, "kills": KILLS[quick]} for kind in servers]
    return large + whole + killed


def one(case):
    """Measure one road."""
    told = json.loads(os.environ[SERVERS])[case["database"]]
    folder = Path(os.environ[FOLDER])
    if case["what"] == KILLED:
        return killed(case)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        work = whole if case["what"] == WHOLE else large
        return work(case, told, folder, Path(own))


# ------------------------------------------------------------------------------------------------- large logs


def large(case, told, folder, own):
    """Summarize a large log by one of the roads; the summary of the first is kept to be compared with."""
    out, log, exported = own / "summary.parquet", told["address"], 0.0
    words = ["--observation-end", LARGE_END, "--time-unit", "week", "--no-repeat-days", "--out", str(out)]
    read_once(case["database"], told)
    if case["what"] == EXPORTED:
        log = str(own / "log.csv")
        _, spent = common.timed(export, case["database"], told, log)
        exported = spent["seconds"]
    else:
        words += ["--table", "orders"]
    found = command("summarize", log, *words, server=told.get("pid"))
    kept = folder / "large-summary.parquet"
    if not kept.exists():
        out.rename(kept)
        out = kept
    return found | {
        "seconds": found["seconds"] + exported,
        "exported": exported or None,
        "moved": case["rows"] if case["what"] == EXPORTED else told["days"],
        "equal": same_rows(kept, out),
    }


def read_once(kind, told):
    ask(kind, told, "SELECT sum(amount) FROM orders")


def export(kind, told, path):
    """Write the table as CSV, by the database's own means."""
    if kind == "duckdb":
        ask(kind, told, f"COPY orders TO '{path}' (HEADER)")
        return
    with (
        connection_of(kind, told) as connection,
        connection.cursor() as cursor,
        Path(path).open("wb") as file,
        cursor.copy("COPY orders TO STDOUT (FORMAT csv, HEADER)") as rows,
    ):
        for some in rows:
            file.write(some)


# ------------------------------------------------------------------------------------------------ all the way


def whole(case, told, folder, own):
    """Summarize, fit and score from and into a database, and hold all of it against files."""
    import pandas as pd

    files = folder / "files"
    if not files.exists():
        files.mkdir()
        road(case, files, str(folder / "shop.csv"), ["--out", str(files / "scores.parquet")])
    server = told["pid"]
    table = ["--out", told["address"], "--table", "scores"]
    found = road(case, own, told["address"], table, source=["--table", "shop"], server=server)
    equal = same_rows(files / "summary.parquet", own / "summary.parquet")
    scores = pd.read_parquet(files / "scores.parquet").sort_values("customer_id", ignore_index=True)
    there = rows_of(case["database"], told, list(scores)).sort_values("customer_id", ignore_index=True)
    return found | {"equal": min(equal, count_equal(scores, there)), "moved": told["shop_days"]}


def road(case, folder, log, target, *, source=(), server=None):
    """Run the three commands; return seconds of all and the highest peaks."""
    summary, fit = str(folder / "summary.parquet"), str(folder / "fit.nc")
    draws = ["--draws", str(case["draws"]), "--seed", "1"]
    steps = [
        command("summarize", log, *source, "--observation-end", END, "--time-unit", "week", "--out", summary,
                server=server),
        command("fit", summary, "--spec", "pooled", "--method", "laplace", "--seed", "1", "--out", fit),
        command("score", fit, summary, "--decision", "retention", *draws, *target, server=server),
    ]  # fmt: skip
    most = {name: max(step[name] or 0 for step in steps) for name in ("own_memory", "server_memory")}
    return {"seconds": sum(step["seconds"] for step in steps)} | most


# ------------------------------------------------------------------------------------------------------ kills


def killed(case):
    """Kill so many runs, and as often the server, in mid-read and in mid-write."""
    import killed_databases

    each = str(case["kills"] // 4)
    words = [sys.executable, killed_databases.__file__, case["database"], "--kills", each]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=False).stdout)
    return {"seconds": told["seconds"], "faults": len(told["faults"])}


# ---------------------------------------------------------------------------------------- commands, databases


def command(*words, server=None):
    """Run a command of bayesltv; return its seconds, its peak memory and the server's."""
    held, done = [0], threading.Event()
    eye = threading.Thread(target=look, args=(server, held, done))
    eye.start()
    begun = time.perf_counter()
    job = subprocess.Popen([sys.executable, "-m", "bayesltv", *words, "--quiet"])
    _, status, used = os.wait4(job.pid, 0)
    seconds = time.perf_counter() - begun
    done.set()
    eye.join()
    if status:
        raise RuntimeError(f"{words[0]} ends with {os.waitstatus_to_exitcode(status)}")
    return {"seconds": seconds, "own_memory": used.ru_maxrss * 1024, "server_memory": held[0] or None}


def look(server, held, done):
    """Keep the most that a server's processes hold together."""
    import database_servers

    while server is not None and not done.wait(0.5):
        held[0] = max(held[0], sum(map(share, [server, *database_servers.descendants(server)])))


def share(pid):
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def connection_of(kind, told):
    import database_servers

    if kind == "duckdb":
        import duckdb

        return closing(duckdb.connect(told["path"]))
    server = database_servers.Server(told["address"], told["port"], [], {})
    return server.connection()


def ask(kind, told, question):
    with connection_of(kind, told) as connection:
        if kind == "duckdb":
            return connection.execute(question).fetchall()
        with connection.cursor() as cursor:
            cursor.execute(question)
            return list(cursor.fetchall())


def rows_of(kind, told, columns):
    import pandas as pd

    return pd.DataFrame(ask(kind, told, f"SELECT {', '.join(columns)} FROM scores"), columns=columns)


def same_rows(one, other):
    import pandas as pd

    return count_equal(pd.read_parquet(one), pd.read_parquet(other))


def count_equal(one, other):
    """Return how many rows are the same, numbers to the last bit."""
    import numpy as np
    import pandas as pd

    if len(one) != len(other):
        return 0
    same = np.ones(len(one), dtype=bool)
    for name in one:
        a, b = one[name], other[name]
        if pd.api.types.is_datetime64_any_dtype(a):
            b = pd.to_datetime(b)
        a, b = a.to_numpy(), b.to_numpy()
        if a.dtype == object and isinstance(a[0], np.ndarray):
            same &= np.fromiter(map(np.array_equal, a, b), dtype=bool, count=len(a))
        else:
            same &= (a == b) | (pd.isna(a) & pd.isna(b))
    return int(same.sum())


# ---------------------------------------------------------------------------------------------- setting it up


def prepared(folder, quick, stack):
    """Write the logs, start the servers, load both; return what is to be known of each database."""
    import duckdb

    import bayesltv as ltv
    import bench_summarize
    import database_servers
    import worlds

    os.environ["PGPASSWORD"] = os.environ["MYSQL_PWD"] = database_servers.PASSWORD
    bench_summarize.write_log(ROWS[quick], folder / "log.parquet")
    per = worlds.PURCHASE | {"alpha": worlds.PURCHASE["alpha"] / 7}
    log = ltv.simulate_log(CUSTOMERS[quick], purchase=per, spend=worlds.SPEND, seed=1, time_unit="week",
                           observation_end=END, acquisition_days=180)  # fmt: skip
    log = log[["customer_id", "date", "amount"]].assign(amount=log["amount"].round(2))
    log.to_csv(folder / "shop.csv", index=False)
    shop = folder / "orders.duckdb"
    columns = "customer_id, CAST(date AS DATE) AS date, CAST(amount AS DECIMAL(12, 2)) AS amount"
    with closing(duckdb.connect(str(shop))) as connection:
        connection.execute(f"CREATE TABLE orders AS SELECT {columns} FROM '{folder}/log.parquet'")
        days = "SELECT count(*) FROM (SELECT DISTINCT customer_id, date FROM {})".format
        ((moved,),) = connection.execute(days("orders")).fetchall()
        shop_rows = f"read_csv('{folder}/shop.csv', all_varchar = true)"
        ((shop_moved,),) = connection.execute(days(shop_rows)).fetchall()
        connection.execute(f"COPY orders TO '{folder}/log.csv' (HEADER)")
    told = {"duckdb": {"address": f"duckdb:///{shop}", "path": str(shop), "days": moved}}
    for kind in ("postgres", "mariadb"):
        server = stack.enter_context(getattr(database_servers, kind)())
        load(server, "shop", folder / "shop.csv")
        if kind == "postgres":
            load(server, "orders", folder / "log.csv")
        of_logs = {"days": moved, "shop_days": shop_moved}
        told[kind] = {"address": server.address, "port": server.port, "pid": server.process.pid, **of_logs}
    (folder / "log.csv").unlink()
    return told


def load(server, table, path):
    columns = "(customer_id VARCHAR(40), date DATE, amount DECIMAL(12, 2))"
    with server.connection() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {table} {columns}")
        if server.address.startswith("postgres"):
            with (
                path.open("rb") as file,
                cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv, HEADER)") as copy,
            ):
                while some := file.read(1 << 20):
                    copy.write(some)
        else:
            import csv

            with path.open(encoding="utf-8") as file:
                rows = [(who, when[:10], paid) for who, when, paid in list(csv.reader(file))[1:]]
            for at in range(0, len(rows), 10_000):
                cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s, %s)", rows[at : at + 10_000])
        connection.commit()


COLUMNS = {
    "database": ("database", ""),
    "what": ("road", ""),
    "rows": ("rows", ",d"),
    "customers": ("customers", ",d"),
    "moved": ("rows that leave it", ",d"),
    "exported": ("export, s", ",.1f"),
    "seconds": ("seconds", ",.1f"),
    "own_memory": ("peak MB", ",.0f", 1e-6),
    "server_memory": ("server, MB", ",.0f", 1e-6),
    "equal": ("rows equal", ",d"),
    "kills": ("kills", ",d"),
    "faults": ("half-written or lost", ",d"),
}


def main():
    with ExitStack() as stack:
        if "--one" not in sys.argv:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            os.environ[FOLDER] = str(folder)
            os.environ[SERVERS] = json.dumps(prepared(folder, "--quick" in sys.argv, stack))
        common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS, title="Databases")


if __name__ == "__main__":
    main()

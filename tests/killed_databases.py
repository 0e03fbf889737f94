"""Runs and servers that are killed while rows are on their way: python killed_databases.py postgres

A command reaches its server through a relay, which counts the bytes of a direction and, at a number of them
drawn at random, ends by SIGKILL the command or the server: between a tenth and nine tenths of the bytes of an
undisturbed run, and every other time among the last 6,000. Reading (`summarize`), the file must be the
earlier one afterwards, and nothing beside it; writing (`score`), the rows of the table must be those of one
seed or the other, and the manifest of the same. Where the server died the command must say so, with exit code
15. Then the server is started again, and the next run must leave what an undisturbed one leaves. Prints
counts, and every fault. `--kills` is of each kind: runs and servers, in mid-read and in mid-write.
"""

import argparse
import json
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import bayesltv as ltv
import database_servers as servers
from bayesltv.cli.app import app
from golden_values import stored_fit

END, CUSTOMERS = "2020-12-31", 1500
WORLD = {
    "start": "2020-01-01", "observation_end": END, "acquisition_days": 200,
    "purchase": {"r": 0.9, "alpha": 5.0, "a": 0.8, "b": 2.5}, "spend": {"p": 6.0, "q": 4.0, "v": 15.0},
}  # fmt: skip
READ, WRITE = "read", "write"
LAST = 6000
"""Bytes: about as many as a manifest has, which is written after the rows have taken their places."""


class Relay:
    """What stands between commands and a server, on a port of its own: it counts, and acts once.

    Attributes
    ----------
    moved : dict
        Bytes that came from the server (read) and that went to it (write).
    """

    def __init__(self, port):
        self.server, self.moved = port, Counter()
        self.what, self.limit, self.act = READ, None, None
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._answer, daemon=True).start()

    def armed(self, what, limit, act):
        """Count anew, and at so many bytes of a direction do something once."""
        self.moved, self.what, self.limit, self.act = Counter(), what, limit, act

    def _answer(self):
        while True:
            client, _ = self.door.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.server))
            except OSError:
                client.close()
                continue
            for ends, what in (((server, client), READ), ((client, server), WRITE)):
                threading.Thread(target=self._pump, args=(*ends, what), daemon=True).start()

    def _pump(self, source, target, what):
        with suppress(OSError):
            while some := source.recv(4096):
                self.moved[what] += len(some)
                if what == self.what and self.limit is not None and self.moved[what] >= self.limit:
                    self.limit, act = None, self.act
                    act()
                    break  # what the server had sent on is lost with it
                target.sendall(some)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def begun(line, said):
    """Run a command line in a fork, its messages going to a file, and return the process's id."""
    child = os.fork()
    if child:
        return child
    try:
        sys.stderr = sys.stdout = said.open("w")
        code = app([str(word) for word in line], standalone_mode=False) or 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        code = 1
    sys.stderr.flush()
    os._exit(code)


def ended(child):
    """Return the exit code of a fork, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Campaign:
    """A server, a relay before it, and a folder with what the commands read."""

    def __init__(self, server, relay, folder):
        self.server, self.relay, self.folder = server, relay, folder
        address = server.address.replace(f":{server.port}/", f":{relay.port}/")
        read = ("summarize", address, "--table", "orders", "--observation-end", END, "--threads", 1, "--out",
                folder / "out" / "summary.parquet")  # fmt: skip
        write = ("score", folder / "fit.nc", folder / "summary.parquet", "--decision", "retention", "--draws",
                 20, "--threads", 1, "--out", address, "--table", "kept")  # fmt: skip
        self.lines = {
            READ: [(*read, "--time-unit", "week"), (*read, "--time-unit", "day")],
            WRITE: [(*write, "--seed", 1), (*write, "--seed", 2)],
        }

    def done(self, line):
        """Run a command to its end."""
        code = ended(begun(line, self.folder / "said"))
        assert code == 0, (self.folder / "said").read_text()

    def found(self, what):
        """What there is: the bytes of the file and its neighbours, or rows and manifests."""
        if what == READ:
            return {each.name: each.read_bytes() for each in sorted((self.folder / "out").iterdir())}
        with self.server.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT * FROM kept ORDER BY customer_id")
            rows = list(cursor.fetchall())
            cursor.execute("SELECT sha256, customers FROM kept_manifest")
            return rows, list(cursor.fetchall())

    def undisturbed(self, what):
        """Run both command lines; return what they leave, and the bytes that move in the second."""
        self.done(self.lines[what][0])
        first = self.found(what)
        self.relay.armed(what, None, None)
        self.done(self.lines[what][1])
        return (first, self.found(what)), self.relay.moved[what]

    def killed(self, what, whom, limit, line, old, new):
        """Kill once, and return whose result there is and every fault."""
        faults, children = [], []
        end = self.server.kill if whom == "server" else lambda: os.kill(children[0], signal.SIGKILL)
        self.relay.armed(what, limit, end)
        children.append(begun(line, self.folder / "said"))
        code, said = ended(children[0]), (self.folder / "said").read_text()
        if self.relay.limit is not None:
            faults.append(f"nothing was killed: {code} {said}")
        if whom == "server":
            self.server.start(lambda: self.server.connection().close())
            cure = "is the server up?" in said and "Nothing half-written" in said
            if code != 15 or not cure or servers.PASSWORD in said:
                faults.append(f"exit code {code}: {said}")
        elif code != -signal.SIGKILL:
            faults.append(f"exit code {code}: {said}")
        there = self.found(what)
        if what == READ and whom == "run":  # what was being written is removed by the next run
            there = {name: each for name, each in there.items() if not name.startswith(".")}
        if there not in (old, new):
            faults.append("neither old nor new")
        self.done(line)
        if self.found(what) != new:
            faults.append("the next run does not mend it")
        return "new" if there == new else "old", faults


def load(server, log):
    with server.connection() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE orders (customer_id VARCHAR(40), date DATE, amount DECIMAL(12, 2))")
        rows = log.assign(date=log["date"].dt.date, amount=log["amount"].round(2).map("{:.2f}".format))
        plain = list(rows.itertuples(index=False, name=None))
        cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s)", plain)
        connection.commit()


def prepared(folder, log):
    summary = ltv.summarize(log, observation_end=END, time_unit="week")
    summary.to_parquet(folder / "summary.parquet", index=False)
    fit = ltv.as_fit(stored_fit("pooled"), summary, "pooled")
    ltv.save(ltv.with_checks(fit, ltv.check(fit)), folder / "fit.nc")
    (folder / "out").mkdir()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("postgres", "mariadb"))
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    os.environ["PGPASSWORD"] = os.environ["MYSQL_PWD"] = servers.PASSWORD
    counts, kills, faults, began = Counter(), Counter(), [], time.monotonic()
    log = ltv.simulate_log(CUSTOMERS, seed=3, **WORLD)[["customer_id", "date", "amount"]]
    with tempfile.TemporaryDirectory() as made, getattr(servers, asked.kind)() as server:
        folder = Path(made)
        load(server, log)
        prepared(folder, log)
        campaign = Campaign(server, Relay(server.port), folder)
        for what in (READ, WRITE):
            results, moved = campaign.undisturbed(what)
            assert results[0] != results[1]
            there = 1
            for whom in ("run", "server"):
                rng = random.Random(f"{asked.seed} {what} {whom}")
                for i in range(
                    asked.kills
                ):  # every other one in the last statements, which put rows in place
                    limit = int(rng.uniform(0.1, 0.9) * moved if i % 2 else moved - rng.uniform(200, LAST))
                    line, old, new = campaign.lines[what][1 - there], results[there], results[1 - there]
                    state, found = campaign.killed(what, whom, limit, line, old, new)
                    there = 1 - there
                    kills[f"{what}, {whom}"] += 1
                    counts[f"{what}, {whom} killed, then {state}"] += 1
                    when = f"{what}, {whom} killed after {limit:,} of {moved:,} bytes"
                    faults += [f"{when}: {each}" for each in found]
    seconds = round(time.monotonic() - began)
    print(json.dumps({"kills": kills, "counts": counts, "faults": faults, "seconds": seconds}, indent=1))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())

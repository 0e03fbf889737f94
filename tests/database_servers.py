"""Database servers for tests: started on a free port of this machine, and stopped again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "not-for-any-log"
USER = "shop"
INSTALL = {"postgres": "apt-get install postgresql", "mariadb": "apt-get install mariadb-server"}


def program(kind, name):
    """Where a server's program is; the tests that need it fail with the command that installs it."""
    places = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True), shutil.which(name)]
    found = next((each for each in places if each), None)
    assert found, f"{name} is not installed: {INSTALL[kind]}"
    return str(found)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_user(name):
    """The user to run a server as: servers refuse to run as root."""
    return {"user": name, "group": name, "extra_groups": []} if os.geteuid() == 0 else {}


def wait_until(works, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(Exception):
            works()
            return
        time.sleep(0.2)
    raise AssertionError("the server did not come up")


@contextlib.contextmanager
def open_folder():
    """Yield a folder that another user may enter, too."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o777)
        yield Path(name)


@dataclass
class Server:
    """A server with a database `shop`, on a port of its own.

    Attributes
    ----------
    address : str
    command : list of str
    owner : dict
        As whom it runs.
    """

    address: str
    port: int
    command: list
    owner: dict
    process: subprocess.Popen | None = None

    def start(self, works):
        """Start it, and wait until `works` does."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, **quiet, **self.owner)
        wait_until(works)

    def kill(self):
        """End it, and each of its processes, by SIGKILL."""
        doomed = [self.process.pid, *descendants(self.process.pid)]
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        while any(Path(f"/proc/{pid}/exe").exists() for pid in doomed):
            time.sleep(0.05)

    def connection(self):
        """A connection as the user of the tests."""
        told = {"host": "127.0.0.1", "port": self.port, "user": USER, "password": PASSWORD}
        if self.address.startswith("postgres"):
            import psycopg

            return psycopg.connect(**told, dbname="shop")
        import pymysql

        return pymysql.connect(**told, database="shop")


def descendants(pid):
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [each for child in map(int, children) for each in (child, *descendants(child))]
    return []


@contextlib.contextmanager
def started(server, works):
    server.start(works)
    try:
        yield server
    finally:
        server.process.terminate()
        try:
            server.process.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@contextlib.contextmanager
def postgres():
    """Yield a server of Postgres."""
    import psycopg

    with open_folder() as folder:
        data, port, secret = folder / "data", free_port(), folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        owner = as_user("postgres")
        subprocess.run(
            [program("postgres", "initdb"), "-D", data, "-U", USER, "--auth=scram-sha-256",
             f"--pwfile={secret}"],
            check=True, capture_output=True, **owner,
        )  # fmt: skip
        words = [
            program("postgres", "postgres"), "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1",
        ]  # fmt: skip

        def create():
            with psycopg.connect(
                host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres", autocommit=True
            ) as connection:
                connection.execute("CREATE DATABASE shop")

        with started(
            Server(f"postgres://{USER}@127.0.0.1:{port}/shop", port, words, owner), create
        ) as server:
            yield server


@contextlib.contextmanager
def mariadb():
    """Yield a server of MariaDB."""
    import pymysql

    with open_folder() as folder:
        data, port, owner = folder / "data", free_port(), as_user("mysql")
        subprocess.run(
            [program("mariadb", "mariadb-install-db"), "--no-defaults", f"--datadir={data}",
             "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, capture_output=True, **owner,
        )  # fmt: skip
        words = [
            program("mariadb", "mariadbd"), "--no-defaults", f"--datadir={data}", f"--port={port}",
            f"--socket={folder}/socket", "--bind-address=127.0.0.1",
        ]  # fmt: skip

        def create():
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(f"{folder}/socket")
            connection = pymysql.connect(unix_socket=f"{folder}/socket", user="root")
            with connection, connection.cursor() as cursor:
                cursor.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
                cursor.execute(f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
                cursor.execute(f"GRANT ALL ON shop.* TO {USER}@'127.0.0.1'")

        with started(Server(f"mysql://{USER}@127.0.0.1:{port}/shop", port, words, owner), create) as server:
            yield server

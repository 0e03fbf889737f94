"""Question: does a Spark cluster that loses an executor and a worker in mid-job give the local scores?

A standalone master and two workers of one core each on 127.0.0.1, each a Java process of its own, score
simulated customers by ``bayesltv spark score``, into tiers relative to other customers, from one Parquet file
dealt into 32 partitions. In a second run the Java process of an executor is killed after a quarter of the
time that the first took, and a worker with its executor after half of it (SIGKILL). Scores are compared with
those of ``bayesltv score`` column by column, to the last bit, and so are totals and where tiers begin.

What would make it rigged: killing before the first or after the last task (shown are the tasks that Spark's
event log says were lost); comparing sorted quantiles in place of rows; letting one process serve both
workers; memory of the driver alone (shown are the most that an executor's Java held, and the most that its
Python processes held together: resident, seen every fifth of a second). Both workers share this machine's
disk and memory, so that nothing is learnt about networks.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import common

RUNS = ("bayesltv score", "spark score", "spark score, an executor and a worker killed")
MEMORY = "1g"
DECISION = """
[value]
horizon = "12 months"
annual_discount_rate = 0.1
margin = 0.3
[tiers]
kind = "relative"
high = { top = 0.2 }
mid = { top = 0.5 }
low = {}
"""
FOLDER = "BENCH_SPARK"


def cases(quick):
    size = {"customers": 1_000_000, "draws": 200, "partitions": 32}
    if quick:
        size = {"customers": 3_000, "draws": 100, "partitions": 8}
    return [{"what": what, **size} for what in RUNS]


def one(case):
    """Score once, and compare with what the first run left."""
    folder = Path(os.environ[FOLDER])
    prepare(folder, case)
    if case["what"] == RUNS[0]:
        words = [*scoring(folder, case, "local"), "--threads", "2"]
        _, spent = common.timed(subprocess.run, words, check=True, stdout=subprocess.DEVNULL)
        return spent
    out = case["what"].replace(" ", "-").replace(",", "")
    words = [*scoring(folder, case, out), "--time-unit", "day", "--observation-end", "1997-12-31",
             "--partitions", str(case["partitions"])]  # fmt: skip
    words.insert(words.index("score"), "spark")
    with cluster(folder / "spark") as (master, processes, environment):
        words += ["--master", master]
        usual = None if case["what"] == RUNS[1] else json.loads((folder / "usual.json").read_text())
        spent = watched(words, environment, processes, usual, folder)
    if usual is None:
        (folder / "usual.json").write_text(json.dumps(spent["seconds"]))
    return spent | lost_tasks(folder / "spark" / "events") | compared(folder / "local", folder / out)


def prepare(folder, case):
    """Write summary, fit and decision, where they are not there yet."""
    import bayesltv as ltv
    import worlds

    folder.mkdir(parents=True, exist_ok=True)
    worlds.write_summary(case["customers"], folder / "summary.parquet")
    ltv.save(worlds.posterior(case["draws"]), folder / "fit.nc")
    (folder / "decision.toml").write_text(DECISION)


def scoring(folder, case, out):
    words = (
        "score", folder / "fit.nc", folder / "summary.parquet", "--decision", folder / "decision.toml",
        "--draws", case["draws"], "--seed", 1, "--out", folder / out, "--json",
    )  # fmt: skip
    return [sys.executable, "-m", "bayesltv", *map(str, words)]


# ------------------------------------------------------------------------------------------------ the cluster


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def cluster(folder):
    """Yield the address of a master, its two workers and the environment of a driver; stop all at the end."""
    import pyspark

    shutil.rmtree(folder, ignore_errors=True)
    (folder / "events").mkdir(parents=True)
    home, address = Path(pyspark.__file__).parent, f"spark://127.0.0.1:{(port := free_port())}"
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": MEMORY,
        "spark.ui.enabled": "false",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.dir": f"file://{folder}/events",
        "spark.local.dir": f"{folder}/local",
    }
    lines = [f"{name} {value}\n" for name, value in settings.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines))
    environment = {
        **os.environ, "SPARK_HOME": str(home), "SPARK_CONF_DIR": str(folder), "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m", "SPARK_WORKER_DIR": str(folder / "work"),
        "PYSPARK_PYTHON": sys.executable,
    }  # fmt: skip
    ours = "org.apache.spark.deploy"
    start = [home / "bin" / "spark-class"]
    log = (folder / "daemons.log").open("w")
    every = {"env": environment, "stdout": log, "stderr": log, "start_new_session": True}
    daemons = [
        subprocess.Popen(
            [
                *start,
                f"{ours}.master.Master",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--webui-port",
                "0",
            ],
            **every,
        )
    ]
    try:
        for _ in range(2):
            words = [f"{ours}.worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "2g",
                     "--webui-port", "0", address]  # fmt: skip
            daemons.append(subprocess.Popen([*start, *words], **every))
        until = time.monotonic() + 120
        while (folder / "daemons.log").read_text().count("Successfully registered with master") < 2:
            if time.monotonic() > until:
                raise RuntimeError((folder / "daemons.log").read_text()[-2000:])
            time.sleep(0.5)
        yield address, daemons[1:], environment
    finally:
        for each in reversed(daemons):
            each.terminate()
        for each in daemons:
            each.wait(30)
        log.close()


# ------------------------------------------------------------------------------------ watching, and killing


def watched(words, environment, workers, usual, folder):
    """Run a command; return its seconds and the memory of executors; kill, where its usual time is known."""
    held, done = {}, threading.Event()
    eye = threading.Thread(target=look, args=(workers, held, done))
    eye.start()
    begun = time.perf_counter()
    job = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    killer = threading.Thread(target=kill, args=(workers, usual, job), daemon=True)
    if usual is not None:
        killer.start()
    output, errors = job.communicate()
    seconds = time.perf_counter() - begun
    done.set()
    eye.join()
    if job.returncode:
        (folder / "errors").write_text(errors)
        said = [line for line in errors.splitlines() if line.startswith("error:")]
        raise RuntimeError(f"exit {job.returncode}: {said or errors[-500:]}")
    most = {kind: max((each[kind] for each in held.values()), default=0) for kind in ("java", "python")}
    own = json.loads(output)["worker_memory"]
    return {
        "seconds": seconds,
        "java_memory": most["java"],
        "python_memory": most["python"],
        "own_memory": own,
    }


def kill(workers, usual, job):
    """Kill the Java process of an executor of the first worker, later the second worker and its executor."""
    time.sleep(usual / 4)
    for each in executors(workers[0].pid):
        os.kill(each, signal.SIGKILL)
    time.sleep(usual / 4)
    if job.poll() is None:
        for each in [workers[1].pid, *descendants(workers[1].pid)]:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)


def look(workers, held, done):
    """Keep the most memory that each executor has held, in Java and in its Python processes."""
    while not done.wait(0.2):
        for worker in workers:
            for pid in executors(worker.pid):
                found = {"java": memory(pid), "python": sum(map(memory, descendants(pid)))}
                known = held.setdefault(pid, found)
                held[pid] = {kind: max(known[kind], found[kind]) for kind in found}


def executors(worker):
    return [
        pid
        for pid in descendants(worker)
        if b"CoarseGrainedExecutorBackend" in read(Path(f"/proc/{pid}/cmdline"))
    ]


def descendants(pid):
    threads = Path(f"/proc/{pid}/task").glob("*/children")  # a child is that of the thread that began it
    children = [int(child) for each in threads for child in read(each).split()]
    return [each for child in children for each in (child, *descendants(child))]


def read(path):
    with suppress(OSError):
        return path.read_bytes()
    return b""


def memory(pid):
    status = read(Path(f"/proc/{pid}/status")).splitlines()
    lines = [line for line in status if line.startswith(b"VmRSS:")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


# ------------------------------------------------------------------------------------------------ the outcome


def lost_tasks(folder):
    """Return how many tasks ended, and how many were lost with an executor, by Spark's own log."""
    ended = lost = 0
    for line in next(folder.iterdir()).read_text().splitlines():
        event = json.loads(line)
        if event["Event"] == "SparkListenerTaskEnd":
            reason = event["Task End Reason"]["Reason"]
            ended, lost = ended + (reason == "Success"), lost + (reason == "ExecutorLostFailure")
    return {"tasks": ended, "lost": lost}


def compared(local, spark):
    """Return how many rows are the same to the last bit, and whether totals and thresholds are."""
    import numpy as np
    import pandas as pd
    import xarray as xr

    one, other = (
        pd.concat(map(pd.read_parquet, sorted(folder.glob("part-*.parquet"))))
        .sort_values("customer_id")
        .reset_index(drop=True)
        for folder in (local, spark)
    )
    differs = np.zeros(len(one), dtype=bool)
    for name in one:
        a, b = one[name].to_numpy(), other[name].to_numpy()
        differs |= ~((a == b) | (pd.isna(a) & pd.isna(b)))
    totals = [xr.open_dataset(folder / "_totals.nc").load() for folder in (local, spark)]
    begins = [
        json.loads((each / "_manifest.json").read_text())["found"]["thresholds"] for each in (local, spark)
    ]
    return {
        "equal": int((~differs).sum()),
        "totals": "equal" if totals[0].equals(totals[1]) else "differ",
        "tiers": "equal" if begins[0] == begins[1] else "differ",
    }


COLUMNS = {
    "what": ("what", ""),
    "customers": ("customers", ",d"),
    "draws": ("draws", ",d"),
    "seconds": ("seconds", ",.0f"),
    "java_memory": ("executor, Java MB", ",.0f", 1e-6),
    "python_memory": ("its Python, MB", ",.0f", 1e-6),
    "tasks": ("tasks", ",d"),
    "lost": ("lost", ",d"),
    "equal": ("rows equal", ",d"),
    "totals": ("totals", ""),
    "tiers": ("tiers begin", ""),
}


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault(FOLDER, folder)
        common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS, title="Spark")


if __name__ == "__main__":
    main()

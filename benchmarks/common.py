"""What benchmarks share: command line, a process per measurement, what it took, and the JSON they leave.

A benchmark names its question in its docstring, lists cases (plain dicts), and measures one case in a
function that returns a dict of numbers. `main` does the rest::

    common.main(__doc__, __file__, cases=cases, one=measure_one, columns=COLUMNS)

``python bench_x.py`` prints a table; ``--quick`` runs the small cases; ``--json FILE`` leaves what
``tables.py`` turns into Markdown (without FILE: one JSON object on stdout).
"""

import argparse
import contextlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "bayesltv", "pymc-marketing", "lifetimes", "pymc", "nutpie", "numba", "numpy", "pandas", "arviz", "duckdb"
)  # fmt: skip
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Chains and blocks run side by side already: threads of the linear algebra below them only disturb."""


def parser(question):
    """Return the command line that every benchmark has; `question` is the module's docstring."""
    line = argparse.ArgumentParser(description=question, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--json", nargs="?", const="-", metavar="FILE", help="write JSON (default: to stdout)")
    line.add_argument("--quick", action="store_true", help="a small version, in a minute or so")
    line.add_argument("--only", metavar="TEXT", help="only cases whose values contain TEXT")
    line.add_argument("--one", metavar="CASE", help=argparse.SUPPRESS)
    return line


def main(question, script, *, cases, one, columns, title=""):
    """Run a benchmark: every case in a process of its own, one after the other.

    Parameters
    ----------
    question, script : str
        ``__doc__`` and ``__file__`` of the benchmark.
    cases : callable
        ``cases(quick)`` returns a list of dicts that JSON can hold. The key "env", if there is one, holds
        environment variables of the process; a case with a true "discard" is run to warm caches, and not
        kept.
    one : callable
        ``one(case)`` measures and returns a dict of results. Time spent outside it is not counted, but for
        ``process_seconds``, the whole process from its start, imports and preparation included.
    columns : dict
        Key of a result to (heading, format) or (heading, format, factor).
    """
    line = parser(question)
    line.add_argument("--keep", metavar="FILE", help="add results here at once; do not run what it has again")
    asked = line.parse_args()
    if asked.one:
        print(json.dumps(one(json.loads(asked.one)) | {"peak_memory": peak_memory()}))
        return
    rows, kept = [], Path(asked.keep or os.devnull)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    done = [each for each in map(json.loads, lines) if "failed" not in each]
    for case in cases(asked.quick):
        if asked.only and not any(asked.only in str(value) for value in case.values()):
            continue
        shown = {key: value for key, value in case.items() if key != "env"}
        row = next((each for each in done if shown.items() <= each.items()), None)
        if row is None:
            row = shown | measure_subprocess(script, case)
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        print(json.dumps(row), file=sys.stderr, flush=True)
        if not case.get("discard"):
            rows.append(row)
    name = Path(script).stem
    made = envelope(name, rows, columns=columns, question=question.split("\n")[0], title=title)
    if asked.json:
        write_json(asked.json, made)
    else:
        print(described_machine(made))
        print(markdown(made))


def measure_subprocess(script, case, *, timeout=7200):
    """Return what ``script --one case`` prints last, with the wall and CPU seconds of the whole process.

    A case that breaks, runs out of time or is killed (out of memory) is a result too: ``failed`` says how.
    """
    plain = {key: value for key, value in case.items() if key != "env"}
    command = [sys.executable, str(script), "--one", json.dumps(plain)]
    env = {**os.environ, **ONE_THREAD, **case.get("env", {})}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout, env=env)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {timeout:,} s", "process_seconds": float(timeout)}
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = {
        "process_seconds": time.perf_counter() - begun,
        "process_cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        return {"failed": f"exit {done.returncode}: {last[:200]}", **spent}
    return json.loads(done.stdout.splitlines()[-1]) | spent


@contextlib.contextmanager
def cold_caches():
    """Give environment variables under which nothing compiled is found, neither by numba nor by PyTensor."""
    with tempfile.TemporaryDirectory() as folder:
        flags = f"base_compiledir={folder}/pytensor"
        yield {"NUMBA_CACHE_DIR": f"{folder}/numba", "PYTENSOR_FLAGS": flags}


def each_seed(number, measure, *, first=0, keep=None, **asked):
    """Return ``measure(seed)`` for `number` seeds from `first` on, less those that the file `keep` has.

    Each result is a line of `keep` as soon as it is there, so that a run that stops loses one seed. `asked`
    (how many customers, which settings) must be what it was when the lines were written.
    """
    path = Path(keep or os.devnull)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    done = {each["seed"]: each for each in map(json.loads, lines)}
    if other := [each["asked"] for each in done.values() if each["asked"] != asked]:
        sys.exit(f"{path} has lines of {other[0]}, not of {asked}: name another file")
    wanted = range(first, first + number)
    for seed in (each for each in wanted if each not in done):
        found, spent = timed(measure, seed)
        done[seed] = {"seed": seed, "asked": asked, "found": found, **spent}
        print(f"seed {seed}: {spent['cpu_seconds']:.1f} s", file=sys.stderr, flush=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(done[seed]) + "\n")
    return [done[seed]["found"] for seed in wanted]


def timed(function, *args, **kwargs):
    """Return what `function` returns, and the wall and CPU seconds it took."""
    begun, cpu = time.perf_counter(), time.process_time()
    result = function(*args, **kwargs)
    return result, {"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - cpu}


def peak_memory():
    """Return the most bytes that this process has ever held in memory (its own, not its children's)."""
    with contextlib.suppress(OSError):  # Linux; getrusage would count what the parent held before exec
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def machine():
    """Return what the machine is: processor, cores that may be used, memory, system."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model,
        "cores": cores,
        "memory_gb": round(memory / 1e9, 1),
        "system": platform.system(),
    }


def versions(*more):
    """Return the versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in (*PACKAGES, *more):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def envelope(benchmark, rows, *, columns, question="", title=""):
    """Return the JSON object that a benchmark leaves and ``tables.py`` reads."""
    return {
        "benchmark": benchmark,
        "question": question.removeprefix("Question: "),
        "title": title,
        "machine": machine(),
        "versions": versions(),
        "columns": {key: list(column) for key, column in columns.items()},
        "rows": rows,
    }


def write_json(path, made):
    """Write `made` to a file, or to stdout where `path` is "-"."""
    text = json.dumps(made, indent=1)
    if path == "-":
        print(text)
    else:
        Path(path).write_text(text + "\n", encoding="utf-8")


def described_machine(made):
    """Return one line on where the figures were taken."""
    at, with_ = made["machine"], dict(made["versions"])
    where = f"{at['cores']} cores of {at['processor']}, {at['memory_gb']} GB, {at['system']}"
    return f"{where}; " + ", ".join(f"{name} {number}" for name, number in with_.items())


def markdown(made):
    """Return the rows as a Markdown table, one column for each of ``made["columns"]``."""
    columns = made["columns"]
    lines = [
        "| " + " | ".join(heading for heading, *_ in columns.values()) + " |",
        "|" + "|".join("---:" if form else "---" for _, form, *_ in columns.values()) + "|",
    ]
    notes = []
    for row in made["rows"]:
        cells = [_cell(row, key, *columns[key][1:]) for key in columns]
        lines.append("| " + " | ".join(cells) + " |")
        if "failed" in row:
            notes.append(
                f"Not finished: {', '.join(cell for cell in cells if cell != '–')}: {row['failed']}."
            )
    return "\n".join(lines + ([""] if notes else []) + notes)


def _cell(row, key, form, factor=1.0):
    value = row.get(key)
    if value is None:
        return "–"
    if isinstance(value, str) or not form:
        return str(value)
    return format(value if factor == 1.0 else value * factor, form)

"""Commands that are killed and run again: python killed_commands.py FOLDER [--seed 1]

Each command writes over what an earlier run left, is killed before each of its renames and at moments drawn
at random (SIGKILL, and SIGTERM, which it may tidy up after), and is run again. After the kill there must be
the old outputs, the new ones, or what readers refuse; after the next run the bytes of a run that nobody
disturbed, and nothing left over. Prints counts, and every fault.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bayesltv as ltv
from bayesltv import files
from bayesltv.cli.app import app
from bayesltv.refresh.history import refreshes
from bayesltv.report.files.stored import read_plan, read_scores
from killed_runs import die, forked

AT_RANDOM = {
    "summarize": 6, "fit": 4, "score": 5, "score parts": 5, "decide": 5, "report": 4, "refit": 5,
}  # fmt: skip
"""Moments drawn for each command: every third comes as SIGTERM."""
SPILL = ".bayesltv-spill."


@dataclass(frozen=True)
class Command:
    """A command line with ``{out}``, what it reads, and how its output is read again.

    Attributes
    ----------
    line : tuple of str
    out : str
        Name of the output.
    read : callable
        (world, output) -> bytes that tell what a reader gets; raises what readers raise.
    starts_anew : bool
        Whether it replaces earlier output; a folder of scores goes on with its own only.
    """

    line: tuple[str, ...]
    out: str
    read: Callable[[Path, Path], bytes]
    starts_anew: bool = True


def whole(world: Path, out: Path) -> bytes:
    return out.read_bytes()


def scores_of(world: Path, out: Path) -> bytes:
    found = read_scores(out, ltv.load(world / "fit.nc"))
    return (found.to_csv() + found.totals.to_dataframe().to_csv()).encode()


def plan_of(world: Path, out: Path) -> bytes:
    found = read_plan(out, ltv.load(world / "fit.nc"))
    return "".join(table.to_csv() for table in found.tables.values()).encode()


def refreshes_of(world: Path, out: Path) -> bytes:
    found = refreshes(out)
    return b"".join(path.read_bytes() for each in found for path in each.files if each.fit() is not None)


_SCORED = ("fit.nc", "summary.parquet", "--decision", "retention", "--draws", "20", "--threads", "1")
COMMANDS = {
    "summarize": Command(
        ("summarize", "log.csv", "--observation-end", "2020-12-31", "--time-unit", "week", "--threads", "1"),
        "summary.parquet", whole,
    ),
    "fit": Command(
        ("fit", "summary.parquet", "--spec", "pooled", "--method", "laplace", "--seed", "2", "--chains", "2",
         "--draws", "400"), "fit.nc", whole,
    ),
    "score": Command(("score", *_SCORED), "scores.parquet", scores_of),
    "score parts": Command(("score", *_SCORED), "parts", scores_of, starts_anew=False),
    "decide": Command(("decide", *_SCORED), "plan", plan_of),
    "report": Command(("report", "fit.nc", "--scores", "ready.parquet"), "report.html", whole),
    "refit": Command(
        ("refit", "fit.nc", "later.csv", "--decision", "retention", "--score-draws", "20",
         "--observation-end", "2021-02-28"), "refreshes", refreshes_of,
    ),
}  # fmt: skip


# ---------------------------------------------------------------------------------------------- one command


def run(world: Path, command: Command, out: Path, *, old: bool = False) -> int:
    """Run a command line in this process, in its world, and return its exit code."""
    os.chdir(world)
    line = list(command.line)
    if old:
        line = [{"log.csv": "old.csv", "pooled": "mbg_pooled"}.get(each, each) for each in line]
        if command.line[0] in ("score", "decide"):
            line += ["--seed", "99"]
        if command.line[0] == "refit":  # a refresh of another day, which stays
            line[-1] = "2021-01-31"
        if command.line[0] == "report":
            line = line[:2]
    sys.stderr = sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    try:
        return app([*line, "--out", str(out)], standalone_mode=False) or 0
    except SystemExit as ended:
        return int(ended.code or 0)


def killed_before_rename(number: int) -> None:
    """Have SIGKILL come before the so-many-th file takes its place."""
    real, seen = files.Path.replace, iter(range(number - 1))

    def replace(path: Path, target: Path) -> Path:
        if next(seen, None) is None:
            die()
        return real(path, target)

    files.Path.replace = replace


def renames_of(world: Path, command: Command, out: Path) -> int:
    """Run a command undisturbed and count the files that take their places."""

    def work() -> int:
        count, real = [0], files.Path.replace

        def replace(path: Path, target: Path) -> Path:
            count[0] += 1
            return real(path, target)

        files.Path.replace = replace
        assert run(world, command, out) == 0
        return count[0]

    found, _ = forked(work)
    return found


def killed_at(seconds: float, by: signal.Signals) -> None:
    threading.Timer(seconds, lambda: os.kill(os.getpid(), by)).start()


# ------------------------------------------------------------------------------------------- what was found


def content(path: Path) -> dict[str, str]:
    """File -> hash, of a file with what stands beside it by its name, or of a folder; hidden ones too."""
    found = path.parent.rglob("*")
    return {
        str(each.relative_to(path.parent)): hashlib.sha256(each.read_bytes()).hexdigest()
        for each in sorted(found)
        if each.is_file() and each.name != "_lock"
    }


def left_over(place: Path, spill: Path) -> list[str]:
    """Hidden files and folders in the output's place, and spill folders."""
    hidden = [str(each.relative_to(place)) for each in place.rglob(".*")]
    return hidden + [each.name for each in spill.iterdir() if each.name.startswith(SPILL)]


def reading(world: Path, command: Command, out: Path) -> str | None:
    """What a reader gets, as a hash; None where it refuses, or where nothing is there."""

    def work() -> str | None:
        if not out.exists():
            return None
        try:
            return hashlib.sha256(command.read(world, out)).hexdigest()
        except ltv.StoreError:
            return None

    return forked(work)[0]


@dataclass(frozen=True)
class Undisturbed:
    """What there is without a kill."""

    old: str | None
    new: str | None
    files: dict[str, str]
    renames: int
    seconds: float
    earlier: Path


def undisturbed(world: Path, name: str, command: Command) -> Undisturbed:
    earlier = world / f"{name} earlier" / command.out
    earlier.parent.mkdir()
    if command.starts_anew:
        assert forked(lambda: run(world, command, earlier, old=True))[0] in (0, 13)
    new = world / f"{name} new" / command.out
    shutil.copytree(earlier.parent, new.parent)
    renames = renames_of(world, command, new)
    again = world / f"{name} again" / command.out
    shutil.copytree(earlier.parent, again.parent)
    began = time.perf_counter()
    assert forked(lambda: run(world, command, again))[0] == 0
    seconds = time.perf_counter() - began
    assert content(new) == content(again), f"{name} does not repeat"
    old = reading(world, command, earlier)
    return Undisturbed(old, reading(world, command, new), content(new), renames, seconds, earlier.parent)


def attempt(
    world: Path, command: Command, plain: Undisturbed, place: Path, kill: Callable[[], None], spill: Path
) -> tuple[str, list[str]]:
    """Kill a run and run it again; return how it ended and every fault."""
    shutil.copytree(plain.earlier, place)
    out = place / command.out

    def disturbed() -> int:
        kill()
        return run(world, command, out)

    code, by = forked(disturbed)
    faults = []
    found = reading(world, command, out)
    if found not in (None, plain.old, plain.new):
        faults.append("readers accept what is neither old nor new")
    if found is None and command.read is whole and out.exists():
        faults.append("a file is not whole")
    if code == 128 + signal.SIGTERM and (left := left_over(place, spill)):
        faults.append(f"SIGTERM left {left}")
    if code not in (None, 0, 128 + signal.SIGTERM):
        faults.append(f"exit code {code}")
    again, _ = forked(lambda: run(world, command, out))
    if again != 0:
        faults.append(f"the next run ends with {again}")
    if left := left_over(place, spill):
        faults.append(f"the next run leaves {left}")
    if content(out) != plain.files:
        faults.append("the next run leaves other bytes")
    ended = "killed" if by == signal.SIGKILL else "terminated" if code or by else "was done"
    state = "refused or nothing" if found is None else "old" if found == plain.old else "new"
    shutil.rmtree(place)
    return f"{ended}, then {state}", faults


def kills_of(plain: Undisturbed, name: str, rng: random.Random) -> dict[str, Callable[[], None]]:
    """What kills a command: before each rename, and at random moments."""
    kills: dict[str, Callable[[], None]] = {
        f"before rename {number}": lambda number=number: killed_before_rename(number)
        for number in range(1, plain.renames + 1)
    }
    for i in range(AT_RANDOM[name]):
        by = signal.SIGTERM if i % 3 == 2 else signal.SIGKILL
        moment = rng.random() * plain.seconds
        kills[f"{by.name} after {moment:.2f} s"] = lambda moment=moment, by=by: killed_at(moment, by)
    return kills


def make_world(world: Path) -> None:
    """Logs, a summary, a fit and scores that the commands read."""
    given = {
        "start": "2020-01-01", "observation_end": "2020-12-31", "acquisition_days": 200,
        "purchase": {"r": 0.9, "alpha": 5.0, "a": 0.8, "b": 2.5}, "spend": {"p": 6.0, "q": 4.0, "v": 15.0},
    }  # fmt: skip
    ltv.simulate_log(200, seed=3, **given).to_csv(world / "log.csv", index=False)
    ltv.simulate_log(150, seed=4, **given).to_csv(world / "old.csv", index=False)
    later = {**given, "observation_end": "2021-02-28"}
    ltv.simulate_log(200, seed=3, **later).to_csv(world / "later.csv", index=False)
    for name, out in (("summarize", "summary.parquet"), ("fit", "fit.nc"), ("score", "ready.parquet")):
        assert forked(lambda name=name, out=out: run(world, COMMANDS[name], world / out))[0] == 0, name


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(COMMANDS))
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    counts: Counter[str] = Counter()
    faults = []
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as spilled:
        world, spill = Path(made).resolve(), Path(spilled)
        os.environ["TMPDIR"] = tempfile.tempdir = str(spill)
        from bayesltv.engines import local

        local.ROWS_PER_PART = 70
        local.score_to.__kwdefaults__["rows_per_part"] = 70
        make_world(world)
        for name in asked.names:
            command, rng = COMMANDS[name], random.Random(f"{asked.seed} {name}")
            plain = undisturbed(world, name, command)
            for kill, do in kills_of(plain, name, rng).items():
                ended, found = attempt(world, command, plain, world / f"{name} {kill}", do, spill)
                counts[f"{name}: {ended}"] += 1
                faults += [f"{name}, {kill}: {each}" for each in found]
            mine = {ended: n for ended, n in counts.items() if ended.startswith(f"{name}: ")}
            print(f"{mine}, {plain.renames} renames, {len(faults)} faults", file=sys.stderr, flush=True)
    print(json.dumps({"kills": sum(counts.values()), "counts": counts, "faults": faults}, indent=1))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())

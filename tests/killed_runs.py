"""Runs of `score_to` that are killed, in processes of their own: python killed_runs.py FOLDER < scenarios.

Each scenario is forked from a process that has all imports behind it. It is a target file with the share of
it that is written when SIGKILL comes, or a function that SIGKILL comes before. Prints, for each, which signal
ended it, which files were there, and how many parts the run that was started again found done.
"""

import json
import os
import signal
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

import bayesltv as ltv
from bayesltv import files
from bayesltv.engines import folder as parts
from bayesltv.engines.local import score_to
from bayesltv.report.files import export

ROWS, DRAWS = 60, 40


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def half_written(target, share, *paths):
    with files.replacing(*paths) as beside:
        yield beside
        if Path(paths[0]).name == target:
            os.truncate(beside[0], int(share * beside[0].stat().st_size))
            die()


def arm(scenario):
    """Prepare this process to be killed as the scenario says."""
    if "before" in scenario:
        calls = iter(range(scenario.get("call", 1) - 1))
        real = getattr(parts, scenario["before"])

        def killed(*given, **named):
            if next(calls, None) is None:
                die()
            return real(*given, **named)

        setattr(parts, scenario["before"], killed)
    else:
        for module in (parts, export):
            module.replacing = lambda *paths: half_written(scenario["target"], scenario["share"], *paths)


def run(world, out):
    fit = ltv.load(world / "fit.nc")
    found = score_to(
        fit, world / "summary.parquet", ltv.load_decision(world / "decision.toml"), out=out, seed=3,
        rows_per_part=ROWS, draws=DRAWS, threads=1,
    )  # fmt: skip
    return found.kept


def forked(work):
    """Run `work` in a fork; return what it returned and the signal that ended it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, json.dumps(work()).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    return json.loads(told or "null"), os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main():
    world = Path(sys.argv[1])
    run(world, world / "warm")  # so that no fork loads kernels anew
    told = {}
    for name, scenario in json.load(sys.stdin).items():
        out = world / name

        def attempt(out=out, scenario=scenario):
            arm(scenario)
            return run(world, out)

        _, killed_by = forked(attempt)
        there = sorted(each.name for each in out.iterdir())
        kept, _ = forked(lambda out=out: run(world, out))
        told[name] = {"signal": killed_by, "there": there, "kept": kept}
    print(json.dumps(told))


if __name__ == "__main__":
    main()

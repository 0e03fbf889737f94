"""Question: how long does a trustworthy posterior of the CDNOW sample take, pooled and by cohort?

Each fit runs at the shipped sampler settings (4 chains x 1,000 + 1,000 draws) in a process of its own, so
that compiling is counted: it is part of what a user waits for. Reported are wall seconds of ``ltv.fit``
without and with ``import bayesltv`` and the reading of the data, the processor seconds of ``ltv.fit`` (which
other work on the machine hardly changes), the smallest bulk effective sample size of any parameter, and
whether the fit passed its checks.

What would make it rigged: timing sampling without compiling, or a second fit in the same process; an
effective sample size averaged over parameters instead of the smallest; counting a fit that failed its
checks; comparing with a package that runs another model, fewer draws or on other cores; best of many runs
(here every run is shown, and the median counts). Compiled code is cached on disk after the first run of
all: one run is made and thrown away, as a user pays for it once per installation.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

SPECS = ("pooled", "by_group")


def run_one(spec):
    """Fit once in this process and return what was measured."""
    start = time.perf_counter()
    import bayesltv as ltv

    summary = ltv.summarize(
        ltv.load_cdnow(), observation_end="1997-09-30", time_unit="week", groups=["cohort"]
    )
    begun, cpu = time.perf_counter(), time.process_time()
    fit = ltv.fit(summary, ltv.load_spec(spec), seed=1, progress=False)
    done, cpu = time.perf_counter(), time.process_time() - cpu
    report = ltv.check(fit)
    return {
        "fit_seconds": done - begun,
        "cpu_seconds": cpu,
        "all_seconds": done - start,
        "ess_bulk_min": report["ess_bulk"].value,
        "passed": report.passed,
    }


def run_fresh(spec):
    """Return what `run_one` measures in a process of its own."""
    command = [sys.executable, __file__, "--one", spec]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(runs, specs=SPECS):
    run_fresh(specs[0])
    return {spec: [run_fresh(spec) for _ in range(runs)] for spec in specs}


def machine():
    from importlib.metadata import version

    packages = ("bayesltv", "pymc", "nutpie", "numba", "numpy", "arviz")
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


COLUMNS = {
    "fit_seconds": ("ltv.fit, s", ".1f"),
    "cpu_seconds": ("its CPU, s", ".1f"),
    "all_seconds": ("with import, s", ".1f"),
    "ess_bulk_min": ("least ESS", ",.0f"),
}


def show(results):
    print(f"{'spec':<9}" + "".join(f"{title:>15}" for title, _ in COLUMNS.values()) + "   every ltv.fit, s")
    for spec, runs in results.items():
        medians = (statistics.median(run[name] for run in runs) for name in COLUMNS)
        shown = "".join(
            f"{value:>15{form}}" for value, (_, form) in zip(medians, COLUMNS.values(), strict=True)
        )
        each = " ".join(f"{run['fit_seconds']:.1f}{'' if run['passed'] else ' FAILED'}" for run in runs)
        print(f"{spec:<9}{shown}   {each}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3, help="per spec")
    parser.add_argument("--quick", action="store_true", help="one run per spec")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--one", choices=SPECS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(run_one(asked.one)))
        return
    results = measure(1 if asked.quick else asked.runs)
    if asked.json:
        print(json.dumps({"machine": machine(), "results": results}))
        return
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    show(results)


if __name__ == "__main__":
    main()

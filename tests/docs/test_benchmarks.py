"""Benchmarks ask one question, say what would rig the answer, and print what the documents quote."""

import ast
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import futures
from bayesltv.evaluation import rules

ROOT = Path(__file__).parents[2]
BENCHMARKS = sorted((ROOT / "benchmarks").glob("bench_*.py"))


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_states_its_question_and_what_would_rig_it(benchmark):
    said = ast.get_docstring(ast.parse(benchmark.read_text(encoding="utf-8"))) or ""
    assert said.startswith("Question: ")
    assert said.split("\n")[0].endswith("?")
    assert "What would make it rigged: " in said


def test_every_benchmark_is_listed_with_its_question():
    listed = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    for benchmark in BENCHMARKS:
        first = (ast.get_docstring(ast.parse(benchmark.read_text(encoding="utf-8"))) or "").split("\n")[0]
        assert f"| `{benchmark.name}` | {first.removeprefix('Question: ')} |" in listed


@pytest.mark.slow
def test_the_coverage_that_is_quoted_is_what_the_benchmark_prints():
    command = [sys.executable, str(ROOT / "benchmarks/bench_coverage.py")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for document in ("docs/guide.md", "benchmarks/README.md"):
        assert printed in (ROOT / document).read_text(encoding="utf-8"), document


def processor_seconds():
    """What the processes that this one has started, and theirs, have used so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_small_versions_of_all_benchmarks_run_within_ten_minutes(tmp_path):
    """What `make bench-quick` does; beside other work processor seconds count, not those of the wall."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    seconds = {}
    for benchmark in BENCHMARKS:
        begun = time.monotonic(), processor_seconds()
        done = subprocess.run(
            [sys.executable, str(benchmark), "--quick"], check=False, capture_output=True, text=True,
            cwd=tmp_path, env={**os.environ, **threads, "MPLBACKEND": "Agg"},
        )  # fmt: skip
        seconds[benchmark.stem] = min(time.monotonic() - begun[0], processor_seconds() - begun[1])
        assert done.returncode == 0, f"{benchmark.name}: {done.stderr[-2000:]}"
        assert done.stdout.strip(), benchmark.name
    assert sum(seconds.values()) < 600, {name: round(each) for name, each in seconds.items()}


def world(rng, customers, **more):
    rate, coin = np.full(customers, 1 / 14), np.full(customers, more.pop("coin", 0.0))
    return futures.lived(futures.World(rate, coin, **more), rng, leaves_at_once=False)


@pytest.mark.parametrize("stages", [1, 3])
def test_simulated_futures_have_the_mean_of_a_renewal_process(stages):
    """In equilibrium it is rate × time, whatever the shape of the waits; a day holds one purchase at most."""
    rng = np.random.default_rng(4)
    made = world(rng, 4000, stages=stages)
    old = made.log.groupby("customer_id")["date"].min() < futures.START + np.timedelta64(250, "D")
    found = np.stack([futures.future(made, rng) for _ in range(20)])[:, old.to_numpy()]
    single = (1 - np.exp(-1 / 14)) if stages == 1 else 1 / 14  # Poisson purchases of one day are one
    assert found.mean() == pytest.approx(futures.AHEAD * 7 * single, rel=0.01)
    expected = 1.0 if stages == 1 else 1 / 3
    assert found.var() / found.mean() == pytest.approx(expected, abs=0.12)


def test_simulated_customers_leave_and_shocks_are_shared():
    rng = np.random.default_rng(5)
    gone = world(rng, 2000, coin=0.5)
    assert gone.alive.mean() < 0.4
    assert futures.future(gone, rng)[~gone.alive].sum() == 0
    shaken = world(rng, 2000, shock_sd=0.4, shock_rho=0.5)
    totals = [futures.future(shaken, rng).sum() for _ in range(40)]
    assert np.std(totals) / np.mean(totals) > 0.1  # independent customers: less than 0.01


def test_the_score_over_many_futures_is_the_mean_of_their_scores():
    rng = np.random.default_rng(6)
    draws, outcomes = rng.poisson(2.0, (30, 400)), rng.poisson(3.0, (50, 30))
    ordered = np.sort(draws, axis=1)
    spread = np.abs(draws[:, :, None] - draws[:, None, :]).mean(axis=(1, 2)) / 2
    plain = np.mean([np.abs(ordered - each[:, None]).mean(axis=1) - spread for each in outcomes], axis=0)
    np.testing.assert_allclose(futures.crps_of(draws, outcomes), plain, rtol=1e-9)
    fair = np.mean([rules.crps(ordered, each) for each in outcomes], axis=0)
    np.testing.assert_allclose(futures.crps_of(draws, outcomes), fair, atol=0.01)

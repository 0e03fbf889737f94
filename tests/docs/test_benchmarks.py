"""Benchmarks ask one question, say what would rig the answer, and print what the documents quote."""

import ast
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
    for document in ("README.md", "benchmarks/README.md"):
        assert printed in (ROOT / document).read_text(encoding="utf-8"), document


def processor_seconds():
    """What the processes that this one has started, and theirs, have used so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_small_versions_of_all_benchmarks_run_within_five_minutes(tmp_path):
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
    assert sum(seconds.values()) < 300, {name: round(each) for name, each in seconds.items()}

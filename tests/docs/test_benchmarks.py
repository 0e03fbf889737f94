"""Benchmarks ask one question, say what would rig the answer, and print what the documents quote."""

import ast
import subprocess
import sys
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

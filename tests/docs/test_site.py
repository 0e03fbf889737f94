"""The site builds without a warning: `make docs` but for the notebooks, which run in tests of their own."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    assert find_spec("myst_nb"), "the site needs its packages: .ci/setup docs"
    for name in ("docs", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__", "reference", "gallery")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    made = tmp_path / "build/notebooks"
    made.mkdir(parents=True)
    (made / "one.ipynb").write_text(
        '{"cells": [{"cell_type": "markdown", "metadata": {}, "source": ["# One"]}], "metadata": {},'
        ' "nbformat": 4, "nbformat_minor": 5}'
    )
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "site"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / "site/reference/api.html").read_text(encoding="utf-8")
    assert "bayesltv.summarize" in page
    assert "https://" not in "".join(line for line in page.splitlines() if "<script" in line)

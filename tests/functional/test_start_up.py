"""Starting is quick: a help text and an import load nothing that they do not need."""

import subprocess
import sys

import pytest

HEAVY = (
    "numpy pandas xarray scipy numba duckdb pyarrow matplotlib pymc pymc_marketing pytensor nutpie arviz "
    "arviz_stats arviz_plots pyspark"
)
IMPORT = "import bayesltv; assert 'score' in dir(bayesltv) and 'spark' in dir(bayesltv)"
HELP = "from bayesltv.cli import main; sys.argv[1:] = ['score', '--help']; main()"
MEASURED = """
import atexit, sys, time
begun = time.process_time()
def told():
    found = sorted(set({heavy!r}.split()) & sys.modules.keys())
    print("SAID", time.process_time() - begun, *found)
atexit.register(told)
{code}
"""


def started(code):
    """Processor seconds of `code`, and the heavy packages that it has loaded."""
    program = MEASURED.format(heavy=HEAVY, code=code)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    seconds, *loaded = done.stdout.rpartition("SAID ")[2].split()
    return float(seconds), loaded


@pytest.mark.parametrize(
    ("code", "seconds"),
    # idle, two cores: 0.02 and 0.5 s; processor time, so that other work on the machine hardly changes it
    [(IMPORT, 0.4), (HELP, 1.5)],
    ids=["import", "help"],
)
def test_starting_loads_nothing_heavy_and_is_quick(code, seconds):
    runs = [started(code) for _ in range(2)]
    assert runs[0][1] == []
    assert min(taken for taken, _ in runs) < seconds


def test_spark_is_reached_without_pyspark_being_imported():
    _, loaded = started("import bayesltv; bayesltv.spark.score")
    assert "pyspark" not in loaded
    assert not {"pymc", "arviz", "pymc_marketing"} & set(loaded)


def test_what_commands_print_with_loads_nothing_that_draws_or_samples():
    _, loaded = started("import bayesltv.cli.output.show, bayesltv.cli.output.plain, bayesltv.jobs")
    assert not {"matplotlib", "pymc", "pytensor", "nutpie", "arviz", "arviz_plots", "duckdb"} & set(loaded)

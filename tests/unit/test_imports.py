"""The floors: imports go down only, nothing runs in a circle, light floors stay light.

The checker reads source text, so that imports inside functions and under TYPE_CHECKING count as well.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import pytest

import bayesltv
from source_text import PACKAGE, sources

FLOORS = (
    (
        "errors",
        "redaction",
        "names",
        "dates",
        "units",
        "streams",
        "unfinished",
        "files",
        "held",
        "machine",
    ),
    ("languages",),
    ("numerics",),
    ("families", "allocation"),
    ("kernels",),
    ("data",),
    ("clock_processes", "specs"),
    ("model",),
    ("base",),
    ("prediction",),
    ("cohorts",),
    ("arrivals",),
    ("evaluation",),
    ("fitting",),
    ("checks",),
    ("experiments",),
    ("decisions",),
    ("analysis",),
    ("report",),
    ("engines",),
    ("questions", "pipeline", "arrivals_fit"),
    ("comparison", "refresh"),
    ("jobs",),
    ("demo",),
    ("cli", "__main__"),
)
"""From the ground up. The package itself is the roof: it offers everything, and nothing below imports it."""

LIGHT_FLOORS = (
    *FLOORS[0],
    "languages",
    "numerics",
    "families",
    "kernels",
    "data",
    "clock_processes",
    "specs",
    "base",
    "allocation",
    "prediction",
    "cohorts",
    "arrivals",
    "evaluation",
    "experiments",
    "decisions",
    "analysis",
)
"""Any posterior with the right names will do for these, so none of them may need a sampler or its tools."""

SAMPLING = (
    "pymc",
    "pymc_extras",
    "pymc_marketing",
    "pytensor",
    "nutpie",
    "arviz",
    "arviz_base",
    "arviz_plots",
    "arviz_stats",
)
HEAVY = (*SAMPLING, "numba", "duckdb", "matplotlib")


# ----------------------------------------------------------------------------------------------- the checker


def imported(module: str, text: str, modules: Mapping[str, str]) -> Iterator[str]:
    """Dotted names that `module` imports, each as deep as a module of that name exists."""
    is_package = any(name.startswith(f"{module}.") for name in modules)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: (1 if is_package else 0) - node.level or None]
                base = ".".join([*above, *filter(None, [base])])
            for alias in node.names:
                yield deeper if (deeper := f"{base}.{alias.name}") in modules else base
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {
            "import_module",
            "__import__",
        }:
            yield from (
                a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)
            )


def imports(modules: Mapping[str, str]) -> dict[str, set[str]]:
    """What each module imports, the package's own modules and others alike."""
    return {name: set(imported(name, text, modules)) - {name} for name, text in modules.items()}


def height(module: str) -> int:
    """Number of the floor that `module` stands on; the package itself is the roof."""
    parts = module.split(".")
    if len(parts) == 1:
        return len(FLOORS)
    return next((n for n, floor in enumerate(FLOORS) if parts[1] in floor), -1)


def upward_imports(modules: Mapping[str, str]) -> list[str]:
    """Imports that go up, as "importer -> imported"."""
    return [
        f"{name} -> {other}"
        for name, others in imports(modules).items()
        for other in sorted(others)
        if other.split(".")[0] == PACKAGE and height(other) > height(name)
    ]


def circle(modules: Mapping[str, str]) -> list[str]:
    """One circle of imports, as the modules on it, or nothing."""
    try:
        TopologicalSorter({n: o & modules.keys() for n, o in imports(modules).items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def sampling_imports(modules: Mapping[str, str]) -> list[str]:
    """Direct imports of a sampler or its tools from the light floors."""
    return [
        f"{name} -> {other}"
        for name, others in imports(modules).items()
        for other in sorted(others)
        if other.split(".")[0] in SAMPLING and name.split(".")[1:2] and name.split(".")[1] in LIGHT_FLOORS
    ]


def run(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ------------------------------------------------------------------------------------------------- the house


def test_every_module_stands_on_a_known_floor() -> None:
    assert [name for name in sources() if height(name) < 0] == []


def test_no_import_goes_up() -> None:
    assert upward_imports(sources()) == []


def test_no_imports_run_in_a_circle() -> None:
    assert circle(sources()) == []


def test_light_floors_import_no_sampler() -> None:
    assert sampling_imports(sources()) == []


def test_light_floors_work_where_no_sampler_is_installed() -> None:
    light = [name for name in sources() if name.split(".")[1:2] and name.split(".")[1] in LIGHT_FLOORS]
    code = """
import importlib, sys
blocked, wanted = (text.split() for text in sys.argv[1:])
sys.modules.update(dict.fromkeys(blocked))  # None stands for "not installed"
for name in wanted:
    importlib.import_module(name)
print(len(wanted))
"""
    assert run(code, " ".join(SAMPLING), " ".join(light)) == str(len(light))


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, bayesltv; print(*sorted(set(sys.argv[1].split()) & sys.modules.keys()))"
    assert run(code, " ".join(HEAVY)) == ""


def test_no_public_name_is_that_of_a_module() -> None:
    # importing bayesltv.NAME would put the module where the function was
    beside = {name.split(".")[1] for name in sources() if name.count(".") == 1}
    assert sorted(beside & set(bayesltv.__all__)) == []
    code = "import bayesltv as ltv; ltv.CustomerBase; print(callable(ltv.customer_base))"
    assert run(code) == "True"


# ------------------------------------------------------------------------------------- the checker is checked

PLAIN = {
    "bayesltv": "from bayesltv.pipeline import fit",
    "bayesltv.names": "import math",
    "bayesltv.kernels": "",
    "bayesltv.kernels.walks": "from bayesltv.names import T",
    "bayesltv.data": "from bayesltv.data.summary import summarize",
    "bayesltv.data.summary": "from bayesltv import names\nfrom bayesltv.kernels import walks",
    "bayesltv.prediction": "",
    "bayesltv.prediction.draws": "from bayesltv.data import summarize",
    "bayesltv.pipeline": "import bayesltv.prediction.draws",
}


def test_a_house_in_order_passes() -> None:
    assert upward_imports(PLAIN) == []
    assert circle(PLAIN) == []
    assert sampling_imports(PLAIN) == []


@pytest.mark.parametrize(
    "planted",
    [
        "from bayesltv.prediction import draws",
        "from bayesltv.prediction.draws import anything",
        "import bayesltv.prediction.draws as d",
        "from bayesltv import prediction",
        "def late():\n    from bayesltv.prediction import draws",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import bayesltv.prediction.draws",
        "import bayesltv",
        "from bayesltv import summarize",
        "from ..prediction import draws",
        "from .. import prediction",
        "import importlib\nimportlib.import_module('bayesltv.prediction.draws')",
    ],
)
def test_a_planted_upward_import_is_found(planted: str) -> None:
    found = upward_imports(PLAIN | {"bayesltv.data.summary": planted})
    assert len(found) == 1
    assert found[0].startswith("bayesltv.data.summary -> bayesltv")


def test_an_upward_import_planted_in_a_floors_own_init_is_found() -> None:
    assert upward_imports(PLAIN | {"bayesltv.data": "from ..prediction import draws"}) == [
        "bayesltv.data -> bayesltv.prediction.draws"
    ]


@pytest.mark.parametrize(
    "planted",
    [
        "from bayesltv.data import summarize",
        "from . import summarize",
        "def late():\n    import bayesltv.data",
    ],
)
def test_a_planted_circle_is_found(planted: str) -> None:
    assert set(circle(PLAIN | {"bayesltv.data.summary": planted})) == {
        "bayesltv.data",
        "bayesltv.data.summary",
    }


def test_a_circle_through_three_modules_is_found() -> None:
    ring = {f"bayesltv.data.{a}": f"from bayesltv.data import {b}" for a, b in ("xy", "yz", "zx")}
    assert set(circle(PLAIN | ring)) == set(ring)


def test_a_module_on_no_floor_is_found() -> None:
    assert height("bayesltv.helpers") < 0


@pytest.mark.parametrize(
    "planted", ["import pymc as pm", "def f():\n    from arviz_stats import rhat", "import arviz.x"]
)
def test_a_planted_sampler_is_found_in_a_light_floor_only(planted: str) -> None:
    assert len(sampling_imports(PLAIN | {"bayesltv.prediction.draws": planted})) == 1
    assert sampling_imports(PLAIN | {"bayesltv.pipeline": planted}) == []

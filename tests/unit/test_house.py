"""What the house holds to: short lists of parameters, families known by their verbs, small rooms.

Each number and list is what is left to do: it may shrink, and is to be cut here when it does; it never grows.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

import bayesltv
from source_text import PACKAGE, SOURCE, sources

MOST_PARAMETERS, MOST_FILES, MOST_LINES = 10, 16, 350
PARAMETERS = {"r", "alpha", "a", "b", "p", "q", "v", "delta"}
"""Of the families that there are."""
KNOW_FAMILIES = ("families", "model", "fitting")
SIMULATORS = ("data.simulate", "data.datasets")

LONG_LISTS: set[str] = set()
"""Functions with more than ten parameters, outside `cli`, the public names and methods with theirs."""
CLOCK_FILES = {"specs.model.model_spec"}
"""Files that ask whether a spec has a clock; a population without one has a clock that stands still."""
LARGE_ROOMS: dict[str, int] = {}
"""Folders with more than sixteen files, and how many they have."""
LONG_FILES: dict[str, int] = {}
"""Files of more than 350 lines."""

type Function = ast.FunctionDef | ast.AsyncFunctionDef


# ------------------------------------------------------------------------------------------------ the checker


def functions(text: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def parameters_of(function: Function) -> int:
    given = function.args
    return len([a for a in (*given.posonlyargs, *given.args, *given.kwonlyargs) if a.arg != "self"])


def long_lists(modules: Mapping[str, str], public: set[str]) -> set[str]:
    """Functions with too many parameters, as "module.function"."""
    return {
        f"{module.removeprefix(PACKAGE + '.')}.{function.name}"
        for module, text in modules.items()
        if module.split(".")[1:2] != ["cli"]
        for function in functions(text)
        if parameters_of(function) > MOST_PARAMETERS and function.name not in public
    }


def read_parameters(modules: Mapping[str, str]) -> list[str]:
    """Where a family's parameter is read as attribute or string key outside the rooms that may."""
    found = []
    for module, text in modules.items():
        place = module.removeprefix(PACKAGE + ".")
        if place in SIMULATORS or place.split(".")[0] in KNOW_FAMILIES:
            continue
        for node in ast.walk(ast.parse(text)):
            named = isinstance(node, ast.Attribute) and node.attr in PARAMETERS
            keyed = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
            if named or (keyed and node.slice.value in PARAMETERS):
                found.append(f"{module}: {ast.unparse(node)}")
    return found


def clock_files(modules: Mapping[str, str]) -> set[str]:
    """Modules that compare a clock with None."""
    return {
        module.removeprefix(PACKAGE + ".")
        for module, text in modules.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.Is | ast.IsNot)
        and ast.unparse(node.comparators[0]) == "None"
        and ast.unparse(node.left).split(".")[-1] == "clock"
    }


def large_rooms() -> dict[str, int]:
    files = Counter(str(path.parent.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))
    return {room: count for room, count in files.items() if count > MOST_FILES}


def long_files(modules: Mapping[str, str]) -> dict[str, int]:
    lengths = {module.removeprefix(PACKAGE + "."): len(text.splitlines()) for module, text in modules.items()}
    return {module: lines for module, lines in lengths.items() if lines > MOST_LINES}


# -------------------------------------------------------------------------------------------------- the house


def test_no_more_functions_take_more_than_ten_parameters() -> None:
    assert long_lists(sources(), {*bayesltv.__all__, *bayesltv.spark.__all__}) <= LONG_LISTS


def test_a_familys_parameters_are_read_where_families_are_known_alone() -> None:
    assert read_parameters(sources()) == []


def test_no_more_files_ask_whether_there_is_a_clock() -> None:
    assert clock_files(sources()) <= CLOCK_FILES


def test_no_room_grows_past_its_size() -> None:
    assert {room: files for room, files in large_rooms().items() if files > LARGE_ROOMS.get(room, 0)} == {}


def test_no_long_file_grows() -> None:
    assert {
        name: lines for name, lines in long_files(sources()).items() if lines > LONG_FILES.get(name, 0)
    } == {}
    assert LONG_FILES.keys() <= long_files(sources()).keys(), "shorter now: take it off the list"


# ------------------------------------------------------------------------------------- the checker is checked

MANY = ", ".join(f"x{i}" for i in range(11))


@pytest.mark.parametrize(
    "planted", [f"def f({MANY}):\n    pass", f"class A:\n    def f(self, *, {MANY}): ..."]
)
def test_a_planted_long_list_is_found(planted: str) -> None:
    assert long_lists({"bayesltv.data.summary": planted}, set()) == {"data.summary.f"}
    assert long_lists({"bayesltv.data.summary": planted}, {"f"}) == set()
    assert long_lists({"bayesltv.cli.app": planted}, set()) == set()


def test_ten_parameters_are_no_long_list() -> None:
    assert (
        long_lists({"bayesltv.data.summary": "def f(self, a, b, c, d, e, f, g, h, i, j): ..."}, set())
        == set()
    )


@pytest.mark.parametrize("planted", ["x = law.alpha", "x = draws['q']", "def f(law):\n    return law.v + 1"])
def test_a_planted_parameter_is_found_outside_its_rooms(planted: str) -> None:
    assert len(read_parameters({"bayesltv.kernels.futures": planted})) == 1
    assert read_parameters({"bayesltv.families.bg_nbd.law": planted}) == []


@pytest.mark.parametrize(
    "planted", ["clock is None", "population.clock is not None", "f(1 if self.clock is None else 2)"]
)
def test_a_planted_question_for_a_clock_is_found(planted: str) -> None:
    assert clock_files({"bayesltv.kernels.futures": planted}) == {"kernels.futures"}


def test_a_clock_that_is_used_is_no_question() -> None:
    assert clock_files({"bayesltv.kernels.futures": "clock.times is None\nclock == 1"}) == set()

"""Linter and type checker let unannotated kernels be, so that this must mind which functions those are."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "bayesltv"
ROOMS = ("kernels", "numerics", "families")
"""Where the tools let them be."""


WORDS = ("compiled", "inlined", "verb", "usual", "way")


def unannotated(text: str) -> list[str]:
    """Names of the functions that are neither compiled nor fully annotated."""
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return [f.name for f in functions if not is_compiled(f) and not is_annotated(f)]


def is_compiled(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator).partition("(")[0] in WORDS for decorator in function.decorator_list)


def is_annotated(function: ast.FunctionDef) -> bool:
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    named = [a for a in arguments if a is not None and a.arg != "self"]
    return function.returns is not None and all(a.annotation is not None for a in named)


def test_kernels_that_are_not_compiled_are_annotated() -> None:
    paths = [path for room in ROOMS for path in (SOURCE / room).rglob("*.py")]
    found = {path.name: names for path in paths if (names := unannotated(path.read_text("utf-8")))}
    assert found == {}


@pytest.mark.parametrize(
    "planted", ["def f(x):\n    pass", "def f(x) -> None:\n    pass", "def f(x: int):\n    pass"]
)
def test_a_planted_bare_function_is_found(planted: str) -> None:
    assert unannotated(planted) == ["f"]
    assert unannotated(f"@compiled\n{planted}") == []

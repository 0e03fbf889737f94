"""Every public name is used where a reader sees it run: in the gallery, or a how-to that a test runs."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import ClassVar, get_args

import jupytext
import pytest

import bayesltv as ltv
from bayesltv.analysis.asked import AnalysisQuestions

ROOT = Path(__file__).parents[2]
RUN_PAGES = ("README.md", "docs/guide.md", "docs/spark.md")  # by test_readme and test_spark
QUESTIONS = {
    name
    for room in (ltv.CustomerBase, AnalysisQuestions)
    for name, value in vars(room).items()
    if callable(value) and not name.startswith("_")
}


def executed():
    """The code that runs: cells of notebooks, blocks of the pages, calls of the page of requirements."""
    for path in sorted((ROOT / "notebooks").glob("*.py")):
        yield from (cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code")
    for name in RUN_PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        yield from re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    table = (ROOT / "docs/requirements.md").read_text(encoding="utf-8")
    yield from re.findall(r"^\| .* \| `(.+)` \|$", table, flags=re.MULTILINE)


class Names(ast.NodeVisitor):
    """What is asked of `ltv`, of `ltv.plot` and of a customer base."""

    rooms: ClassVar = {"ltv": "public", "ltv.plot": "pictures", "base": "questions"}

    def __init__(self):
        self.found = {"public": set(), "pictures": set(), "questions": set()}

    def visit_Attribute(self, node):
        room = self.rooms.get(ast.unparse(node.value))
        if room:
            self.found[room].add(node.attr)
        self.generic_visit(node)


@cache
def used():
    names = Names()
    for code in executed():
        names.visit(ast.parse(code))
    return names.found


def returned():
    """The classes that come back from what is called: they are seen without their names being written."""
    calls = [getattr(ltv, name) for name in used()["public"]]
    calls += [getattr(ltv.CustomerBase, name, None) for name in used()["questions"]]
    said = [getattr(call, "__annotations__", {}).get("return") for call in calls]
    words = " ".join(str(each) for each in [*said, *(part for each in said for part in get_args(each))])
    return set(re.findall(r"\w+", words))


def test_every_public_name_is_used_in_a_cell_that_runs():
    assert sorted(set(ltv.__all__) - used()["public"] - returned()) == []


@pytest.mark.parametrize(
    ("room", "names"), [("questions", QUESTIONS - {"met"}), ("pictures", set(ltv.plot.__all__))]
)
def test_every_question_and_picture_is_used_in_a_cell_that_runs(room, names):
    assert sorted(names - used()[room]) == []

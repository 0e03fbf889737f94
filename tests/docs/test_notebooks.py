"""Every notebook runs from top to bottom, in order, without a warning."""

from functools import cache
from pathlib import Path

import jupytext
import matplotlib
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.py"))
QUICK = {"chains": 4, "tune": 400, "draws": 600}
SETTING = "SAMPLER = {}"


def code_of(notebook):
    """The source of each code cell; where one states the sampler, it is made quick."""
    cells = [cell.source for cell in jupytext.read(notebook).cells if cell.cell_type == "code"]
    return [f"SAMPLER = {QUICK}" if cell == SETTING else cell for cell in cells]


def run(notebook):
    """Execute the cells in one namespace and return it."""
    space = {"__name__": "__main__"}
    for number, cell in enumerate(code_of(notebook)):
        exec(compile(cell, f"{notebook.name}, code cell {number}", "exec"), space)
    return space


@pytest.fixture(scope="module")
def ran():
    """What each notebook left behind, by name; figures are drawn but not shown."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plt, "show", lambda *_, **__: None)
        yield cache(run)
    plt.close("all")


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_from_top_to_bottom(ran, notebook):
    ran(notebook)


@pytest.mark.slow
def test_the_first_notebook_says_what_is_true(ran):
    """Its words about two customers and about the hold-out are checked against what its cells compute."""
    space = ran(NOTEBOOKS[0])
    rows, draws = space["rows"], space["draws"]
    assert abs(rows["ltv_mean"].iloc[0] - rows["ltv_mean"].iloc[1]) < 4  # "the same expected value"
    silent = space["summary"].set_index("customer_id").loc[space["PAIR"][0]]
    assert 14 <= silent["T"] - silent["recency"] < 15  # weeks
    nothing = (draws["purchases"] == 0).mean(("chain", "draw")).values
    assert 0.45 < nothing[0] < 0.65  # "a coin toss"
    assert nothing[1] < 0.25
    assert 0.95 < space["covered"] < 0.99
    assert space["actual"].sum() == 1882
    assert float(space["together"].quantile(0.95)) < 1882  # "above what the model held possible"

"""In 80 columns no line is longer, and no number is cut."""

import io
import re

import numpy as np
import pytest
from rich.console import Group
from rich.table import Table

import bayesltv as ltv
from bayesltv.cli.output import show
from bayesltv.cli.output.narrow import Screen
from golden_values import decision, stored_fit, stored_summary

pytestmark = pytest.mark.filterwarnings("ignore::bayesltv.BayesltvWarning")
NUMBER = re.compile(r"[−-]?[$]?\d[\d,]*(?:\.\d+)?")


def printed(found, width):
    screen = Screen(width=width, file=io.StringIO())
    screen.print(found)
    return screen.file.getvalue()


def made(columns, rows=12, seed=1):
    rng = np.random.default_rng(seed)
    table = Table(title="A table")
    table.add_column("policy")
    table.add_column("what to do")
    for at in range(columns):
        table.add_column(f"some long heading {at}, 90 %", justify="right")
    cells = [
        [f"{value:,.2f} to {9 * value:,.2f}" for value in rng.lognormal(7, 2, columns)] for _ in range(rows)
    ]
    for at, row in enumerate(cells):
        table.add_row(f"policy_{at}", "leave the action out; nearly blind: accept the assumption", *row)
    return table, cells


@pytest.mark.parametrize("columns", [1, 3, 5, 12])
@pytest.mark.parametrize("width", [60, 80, 110])
def test_no_line_is_longer_and_every_number_is_whole(columns, width):
    table, cells = made(columns)
    for found in (table, Group(table, table)):
        text = printed(found, width)
        assert max(map(len, text.splitlines())) <= width
        assert all(cell in text for row in cells for cell in row)
        assert "…" not in text


def test_a_table_that_fits_is_left_alone():
    table = Table(title="Small")
    table.add_column("two words", justify="right")
    table.add_row("1,234")
    assert "two words" in printed(table, 80)


def test_a_plan_fits_a_terminal_of_80_columns(monkeypatch, capsys):
    plan = ltv.decide(
        stored_fit("grouped"), stored_summary("summary_grouped"), decision("retention"), seed=4, draws=40
    )
    texts = {}
    for columns in ("80", "1000"):
        monkeypatch.setenv("COLUMNS", columns)
        show.show_plan(plan, show._console())
        texts[columns] = capsys.readouterr().out
    assert max(map(len, texts["80"].splitlines())) <= 80
    assert set(NUMBER.findall(texts["1000"])) <= set(NUMBER.findall(texts["80"]))


def test_columns_that_wrap_leave_room_for_each_other():
    """Wrapped to its longest word, the second column leaves one letter too many for the others."""
    table = Table()
    for heading in ("spec", "CRPS", "difference, % [95 %]", "Gini", "total: score", "90 % held", "failed"):
        table.add_column(heading, justify="right" if heading in ("CRPS", "Gini", "failed") else "left")
    table.add_row("mbg_pooled", "0.1231", "-0.42 [-1.13, +0.23]", "0.5525", "74 %", "3 of 3", "0")
    for width in range(75, 95):
        text = printed(table, width)
        lines = text.splitlines()
        assert max(map(len, lines)) <= width
        assert len({len(each) for each in lines}) == 1  # the right border is there
        assert "failed" in text


def test_what_is_said_below_a_table_stays_below_its_last_part():
    table, _ = made(12)
    table.caption, table.caption_justify = "~ predicted", "left"
    assert printed(table, 80).rstrip().endswith("~ predicted")

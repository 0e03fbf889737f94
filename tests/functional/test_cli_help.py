"""What ``--help`` says: an example that runs, options in named panels; and what a shell completes."""

import os
import shlex
import subprocess
import sys
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from bayesltv.cli.app import app
from bayesltv.cli.command import Bundle, laid_out
from bayesltv.cli.options import FIT, LOG, RUN, SAMPLER, SUMMARY

COMMANDS = typer.main.get_command(app).commands
GROUPS = [name for name in COMMANDS if hasattr(COMMANDS[name], "commands")]
LINES = [
    [],
    *([name] for name in COMMANDS),
    *([group, name] for group in GROUPS for name in COMMANDS[group].commands),
]
DECISION = '[value]\nhorizon = "12 months"\nannual_discount_rate = 0.1\nmargin = 0.3\n'


def run(line):
    return CliRunner().invoke(app, line)


def helped(line):
    result = run([*line, "--help"])
    assert result.exit_code == 0, result.output
    return result.output


def example(line):
    """The example that a help text ends with: the last line of all."""
    before, _, last = helped(line).rstrip().rpartition("\n")
    assert before.splitlines()[-1].strip() == "Example:"
    program, *words = shlex.split(last)
    assert program == "bayesltv"
    return words


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory):
    """The small files that the examples name, and nothing else."""
    where = tmp_path_factory.mktemp("examples")
    for name in ("summary.parquet", "fit.nc"):
        (where / name).write_bytes((world / name).read_bytes())
    log = pd.read_csv(world / "log.csv", dtype=str)
    later = pd.to_datetime(log["date"]) + pd.Timedelta(days=39 * 7)  # everybody does the same once more
    pd.concat([log, log.assign(date=later.dt.date)]).to_csv(where / "log.csv", index=False)
    (where / "decision.toml").write_text(DECISION)
    weeks = pd.date_range("1997-10-01", periods=13, freq="7D").date
    plan = pd.DataFrame({"week": weeks, "channel": "all", "customers": 20, "cac": 12.0})
    plan.to_csv(where / "plan.csv", index=False)
    rng = np.random.default_rng(5)
    ids = [f"{i:04d}" for i in range(800)]
    test = pd.DataFrame({"customer_id": ids, "arm": ["control", "mail"] * 400, "tier": ["low"] * 800})
    bought = rng.random(800) < 0.3
    test.assign(spend=np.where(bought, rng.lognormal(3.0, 0.5, 800).round(2), 0.0)).to_csv(
        where / "test.csv", index=False
    )
    return where


SLOW = {"demo", "fit", "compare", "choose", "benchmark", "uplift"}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, marks=pytest.mark.slow if SLOW & set(line) else (), id=" ".join(line) or "none")
        for line in LINES
        if line[:1] != ["spark"] or len(line) == 1  # test_spark.py has a session for those
    ],
)
def test_every_help_ends_with_an_example_that_runs(line, folder, monkeypatch):
    monkeypatch.chdir(folder)
    words = example(line)
    assert words[: len(line)] == line
    result = run(words)
    assert result.exit_code == 0, result.output


def test_an_example_stands_on_one_line_however_narrow_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert "--out" in example(["summarize"])


@pytest.mark.parametrize("line", [line for line in LINES if line], ids=" ".join)
def test_examples_name_options_that_there_are(line):
    # also of the commands whose examples run in the slow suite alone
    command = COMMANDS[line[0]] if len(line) == 1 else COMMANDS[line[0]].commands[line[1]]
    known = [name for each in getattr(command, "params", []) for name in (*each.opts, *each.secondary_opts)]
    known.append("--help")
    assert [word for word in example(line) if word.startswith("--") and word not in known] == []


PANELS = {
    LOG: ("customer_id_col", "datetime_col", "monetary_value_col", "no_amounts", "refunds", "log_end"),
    SAMPLER: ("chains", "tune", "target_accept", "cores", "method"),
    RUN: ("seed", "threads"),
    FIT: ("unknown_groups", "accept_failed", "max_fit_age_days"),
}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - set(GROUPS)))
def test_options_stand_in_named_panels(name):
    panel = {each.name: getattr(each, "rich_help_panel", None) for each in COMMANDS[name].params}
    for title, options in PANELS.items():
        for option in options:
            if option in panel and (name, option) != ("uplift", "customer_id_col"):
                assert panel[option] == title, option
    titles = [title for title in dict.fromkeys(panel.values()) if title]
    text = helped([name])
    assert all(f"─ {title} ─" in text for title in titles)
    assert titles


def test_what_a_summary_does_not_say_stands_together():
    for name in ("fit", "check", "compare", "score", "decide"):
        panel = {each.name: getattr(each, "rich_help_panel", None) for each in COMMANDS[name].params}
        assert panel["time_unit"] == panel["observation_end"] == SUMMARY


@pytest.mark.parametrize(
    ("words", "expected"),
    [("sc", "score"), ("models sh", "show"), ("score --dec", "--decision"), ("fit --method la", "laplace")],
)
def test_a_shell_completes(words, expected):
    asked = {
        "_BAYESLTV_COMPLETE": "complete_bash",
        "COMP_WORDS": f"bayesltv {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from bayesltv.cli import main; main()"],
        env={**os.environ, **asked}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == [expected], done.stderr


def test_completion_can_be_installed():
    assert "--install-completion" in helped([])


# ---------------------------------------------------------------------------------------------------- bundles


def place(
    row: Annotated[int, typer.Option(help="Row.")], column: Annotated[str, typer.Option(help="Column.")] = "a"
) -> tuple[int, str]:
    return row, column


def made(bundle):
    """An app with one command that takes the bundle and an argument, and what the command was given."""
    given = []

    def command(name: str, where: Annotated[tuple[int, str], bundle], loud: bool = False) -> None:
        """Note what was given."""
        given.append((name, where, loud))

    one = typer.Typer()
    one.command()(laid_out(command))
    return one, given


def test_a_bundle_is_laid_out_and_given_as_one_value():
    one, given = made(Bundle(place))
    assert CliRunner().invoke(one, ["x", "--row", "3", "--column", "b", "--loud"]).exit_code == 0
    assert CliRunner().invoke(one, ["y", "--row", "4"]).exit_code == 0
    assert given == [("x", (3, "b"), True), ("y", (4, "a"), False)]


def test_an_option_that_a_bundle_requires_is_required():
    one, given = made(Bundle(place))
    assert CliRunner().invoke(one, ["x"]).exit_code == 2
    assert given == []


def test_a_command_may_leave_an_option_out():
    one, given = made(Bundle(place, without=("column",)))
    assert CliRunner().invoke(one, ["x", "--row", "3", "--column", "b"]).exit_code == 2
    assert CliRunner().invoke(one, ["x", "--row", "3"]).exit_code == 0
    assert given == [("x", (3, "a"), False)]


def test_a_command_may_tell_an_option_in_its_own_words():
    one, _ = made(Bundle(place, help={"row": "Of the seat."}))
    other, _ = made(Bundle(place))
    assert "Of the seat." in CliRunner().invoke(one, ["--help"]).output
    assert "Of the seat." not in CliRunner().invoke(other, ["--help"]).output
    assert "Note what was given." in CliRunner().invoke(one, ["--help"]).output


def test_two_bundles_with_one_option_are_refused():
    def command(
        one: Annotated[tuple[int, str], Bundle(place)], other: Annotated[tuple[int, str], Bundle(place)]
    ) -> None:
        raise AssertionError((one, other))

    with pytest.raises(ValueError, match="duplicate parameter name: 'row'"):
        laid_out(command)

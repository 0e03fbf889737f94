"""Progress is shown where somebody watches, stage by stage, and nowhere else."""

import io
import time

import pytest
from rich.console import Console

from bayesltv.checks.result import CheckResult, report_of
from bayesltv.cli.output import bars


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal of 100 columns is sent."""
    sent = io.StringIO()
    monkeypatch.setattr(bars, "Console", lambda **_: Console(file=sent, force_terminal=True, width=100))
    return sent


def drawn(sent):
    time.sleep(0.3)  # three refreshes
    text = sent.getvalue()
    sent.seek(0)
    sent.truncate()
    return text


def test_a_folder_of_scores_is_read_through_before_customers_are_scored(terminal):
    with bars.scoring_bar() as bar:
        bar.looking(60)
        reading = drawn(terminal)
        bar.started(300)
        bar.progress(120)
        scoring = drawn(terminal)
    assert "reading" in reading
    assert "60 rows" in reading
    assert "scoring" in scoring
    assert "120 of 300 customers" in scoring
    assert "/?" not in reading + scoring


def test_customers_are_counted_while_a_log_is_summarized(terminal):
    with bars.summary_bar() as advance:
        before = drawn(terminal)
        advance(40)
        advance(2)
        during = drawn(terminal)
    assert "reading the log" in before
    assert "summarizing" in during
    assert "42 customers" in during
    assert "/?" not in before + during
    assert "0 customers" not in before


def test_without_a_terminal_nothing_is_drawn(monkeypatch):
    sent = io.StringIO()
    monkeypatch.setattr(bars, "Console", lambda **_: Console(file=sent))
    with bars.scoring_bar() as bar:
        bar.looking(60)
        bar.started(300)
        bar.progress(300)
    with bars.summary_bar() as advance:
        advance(5)
    assert sent.getvalue() == ""


@pytest.mark.parametrize("width", [80, 60])
def test_names_of_checks_are_never_cut(width):
    names = ["rhat", "replicated_customers", "spend_depends_on_frequency_much"]
    report = report_of([CheckResult(name, "pass", 1.0, 1.01, "what was found " * 8) for name in names])
    sent = io.StringIO()
    Console(file=sent, width=width).print(report)
    for name in names:
        assert f" {name} " in sent.getvalue()
    assert all(len(line) <= width for line in sent.getvalue().splitlines())

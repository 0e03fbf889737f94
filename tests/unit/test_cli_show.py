"""Progress is shown where somebody watches, stage by stage, and nowhere else."""

import io
import time

import pytest
from rich.console import Console

from bayesltv.cli import show


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal of 100 columns is sent."""
    sent = io.StringIO()
    monkeypatch.setattr(show, "Console", lambda **_: Console(file=sent, force_terminal=True, width=100))
    return sent


def drawn(sent):
    time.sleep(0.3)  # three refreshes
    text = sent.getvalue()
    sent.seek(0)
    sent.truncate()
    return text


def test_a_folder_of_scores_is_read_through_before_customers_are_scored(terminal):
    with show.scoring_bar() as bar:
        bar.look(60)
        reading = drawn(terminal)
        bar.start(300)
        bar.advance(120)
        scoring = drawn(terminal)
    assert "reading" in reading
    assert "60/?" in reading
    assert "rows" in reading
    assert "scoring" in scoring
    assert "120/300" in scoring
    assert "customers" in scoring


def test_customers_are_counted_while_a_log_is_summarized(terminal):
    with show.summary_bar() as advance:
        before = drawn(terminal)
        advance(40)
        advance(2)
        during = drawn(terminal)
    assert "reading the log" in before
    assert "summarizing" in during
    assert "42/?" in during


def test_without_a_terminal_nothing_is_drawn(monkeypatch):
    sent = io.StringIO()
    monkeypatch.setattr(show, "Console", lambda **_: Console(file=sent))
    with show.scoring_bar() as bar:
        bar.look(60)
        bar.start(300)
        bar.advance(300)
    with show.summary_bar() as advance:
        advance(5)
    assert sent.getvalue() == ""

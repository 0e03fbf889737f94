"""Signals: a run that is asked to end ends in order, and what a killed one left goes with the next."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bayesltv.cli.app import app
from bayesltv.files import replacing


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def heard():
    """Signals as they are in the foreground: a shell lets what it runs in the background ignore some."""
    usual = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("library", [KeyboardInterrupt, RuntimeError])
def test_a_signal_ends_a_run_in_order_with_the_code_that_shells_expect(
    tmp_path, monkeypatch, number, library
):
    """Whatever a library makes of the interruption; a second signal does not disturb the tidying up."""

    def work(*_, **__):
        with replacing(tmp_path / "out.txt") as (part,):
            part.write_text("id 17")
            try:
                os.kill(os.getpid(), number)
                time.sleep(5)
            except KeyboardInterrupt:
                if number != signal.SIGINT:
                    os.kill(os.getpid(), number)
                raise library("interrupted") from None

    monkeypatch.setattr("bayesltv.jobs.check_file", work)
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    result = run("check", tmp_path / "fit.nc")
    assert result.exit_code == 128 + number
    assert "files that were finished stay" in result.stderr
    assert list(tmp_path.iterdir()) == []
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_signal_that_is_ignored_stays_ignored(tmp_path, monkeypatch):
    """As nohup has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr("bayesltv.jobs.check_file", lambda *_, **__: os.kill(os.getpid(), signal.SIGHUP))
    try:
        assert run("check", tmp_path / "fit.nc").exit_code != 128 + signal.SIGHUP
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_run_that_spills_leaves_no_folder_when_it_is_terminated(tmp_path):
    """1.5 million rows in 100 MB: killed, and then terminated, in the middle of sorting them."""
    rows = 1_500_000
    place = np.random.default_rng(1).permutation(rows)
    log = pd.DataFrame({"customer_id": place % 400_000, "date": "1997-01-05", "amount": 1.5})
    log.to_parquet(tmp_path / "log.parquet", index=False)
    spills, out = tmp_path / "spills", tmp_path / "out"
    spills.mkdir()
    out.mkdir()
    line = [
        sys.executable, "-m", "bayesltv", "summarize", tmp_path / "log.parquet", "--observation-end",
        "1997-09-30", "--time-unit", "week", "--memory-limit", "100MB", "--threads", "1", "--out",
        out / "s.parquet",
    ]  # fmt: skip

    def ended_by(number):
        earlier, given = set(spills.iterdir()), {**os.environ, "TMPDIR": str(spills)}
        process = subprocess.Popen(line, env=given, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while process.poll() is None and not [
            each for each in spills.glob("*/*") if each.parent not in earlier
        ]:
            time.sleep(0.01)
        assert process.poll() is None  # it has spilled, and is at work
        process.send_signal(number)
        return process.wait(60)

    assert ended_by(signal.SIGKILL) == -signal.SIGKILL
    assert len(list(spills.iterdir())) == 1
    assert len(list(out.iterdir())) == 1
    assert ended_by(signal.SIGTERM) == 128 + signal.SIGTERM  # and it has removed what the other left
    assert list(spills.iterdir()) == list(out.iterdir()) == []

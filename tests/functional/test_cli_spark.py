"""What ``bayesltv spark`` refuses before it starts a session."""

import sys

import pytest
from typer.testing import CliRunner

from bayesltv.cli.app import app


def refusal(world, *, fit="fit.nc", out="scores"):
    words = ["spark", "score", world / fit, "summary", "--decision", "retention", "--out", out]
    return CliRunner().invoke(app, list(map(str, words)))


def test_without_pyspark_the_extra_is_named(world, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    result = refusal(world)
    assert result.exit_code == 15
    assert "pip install 'bayesltv[spark]'" in result.output


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_without_java_the_cure_is_named(world, monkeypatch):
    pytest.importorskip("pyspark")
    monkeypatch.setenv("PATH", "")
    for name in ("JAVA_HOME", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(name, raising=False)
    result = refusal(world)
    assert result.exit_code == 15
    assert "Java 17" in result.output
    assert "apt install default-jre-headless" in result.output


def test_what_can_be_known_is_refused_before_a_session(world, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)  # a session would be refused with 15
    assert refusal(world, fit="failed.nc").exit_code == 13
    assert refusal(world, fit="no.nc").exit_code == 14
    odd = refusal(world, out="table:scores; DROP TABLE x")
    assert (odd.exit_code, "names no table" in odd.output) == (10, True)

"""Which spec is taken where none is given, and what is said of money where there is none."""

import json
import warnings

import pytest
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app
from bayesltv.data.summary.store import write_summary
from bayesltv.errors import counted
from bayesltv.model.build import make_problem
from bayesltv.specs.catalogue import default_spec

PURCHASE = {"r": 0.8, "alpha": 4.0, "a": 0.8, "b": 2.5}
END = "1997-09-30"


@pytest.fixture(scope="module")
def log():
    return ltv.simulate_log(
        {"web": 150, "shop": 150}, seed=5, purchase=PURCHASE, family="mbg_nbd", group_col="channel"
    )


def summary_of(log, **more):
    return ltv.summarize(log, observation_end=END, time_unit="week", monetary_value_col=None, **more)


@pytest.mark.parametrize(("groups", "name"), [([], "mbg_pooled"), (["channel"], "mbg_by_group")])
def test_without_a_spec_it_is_mbg_nbd_by_the_summarys_groups(log, groups, name):
    assert default_spec(groups) == name
    summary = summary_of(log, groups=groups)
    plain = ltv.fit(summary, seed=1, method="laplace", progress=False)
    named = ltv.fit(summary, name, seed=1, method="laplace", progress=False)
    assert json.loads(plain.attrs["spec"])["purchase"]["family"] == "mbg_nbd"
    assert plain.attrs["spec_hash"] == named.attrs["spec_hash"]
    assert plain["posterior"].to_dataset().equals(named["posterior"].to_dataset())


def test_the_command_says_which_spec_it_took(log, tmp_path):
    write_summary(summary_of(log), tmp_path / "s.parquet")
    arguments = ["fit", str(tmp_path / "s.parquet"), "--out", str(tmp_path / "fit.nc"), "--method", "laplace"]
    told = CliRunner().invoke(app, [*arguments, "--seed", "1"])
    assert told.exit_code == 0, told.output
    assert ltv.load_spec("mbg_pooled").title in " ".join(told.stdout.split())


def test_a_log_or_a_path_is_no_summary_without_a_spec_either(log):
    with pytest.raises(ltv.DataError, match="summarize it first"):
        ltv.fit(log, seed=1)
    with pytest.raises(ltv.DataError, match="path is no summary"):
        ltv.fit("summary.parquet", seed=1)


def test_missing_money_is_told_of_where_there_should_be_some_alone(log):
    silent = summary_of(log)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make_problem(silent, ltv.load_spec("mbg_pooled")).spec.spend is None
    free = ltv.summarize(log.assign(amount=0.0), observation_end=END, time_unit="week")
    with pytest.warns(ltv.BayesltvWarning, match="no customer has positive repeat spend"):
        make_problem(free, ltv.load_spec("mbg_pooled"))


def test_one_is_one_and_two_are_many():
    assert counted(1, "day has", "days have") == "1 day has"
    assert counted(1200, "day has", "days have") == "1,200 days have"
    assert counted(0, "day has", "days have") == "0 days have"

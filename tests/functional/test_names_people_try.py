"""What people write first: a name for a spec, a log for a summary, arguments the wrong way round."""

import pandas as pd
import polars as pl
import pytest

import bayesltv as ltv
from bayesltv.specs.catalogue import models_folder

LOG_FIRST = r"this is a log: summarize it first, summary = ltv\.summarize\(log, observation_end="
DISCOUNT = {"horizon": "39 weeks", "annual_discount_rate": 0.1, "margin": 0.3}


@pytest.fixture
def few(small_summary):
    some = small_summary.head(60)
    some.attrs = dict(small_summary.attrs)
    return some


@pytest.fixture
def own(tmp_path):
    """A spec and a decision of one's own, as files."""
    spec, decision = tmp_path / "mine.toml", tmp_path / "ours.toml"
    spec.write_bytes((models_folder() / "pooled.toml").read_bytes())
    decision.write_bytes((models_folder() / "decisions" / "retention.toml").read_bytes())
    return spec, decision


# -------------------------------------------------------------------------------- a name, a path or an object


def test_a_model_is_built_from_a_name_a_path_or_a_spec(few, own):
    built = [ltv.build_model(few, spec) for spec in ("pooled", own[0], str(own[0]), ltv.load_spec("pooled"))]
    assert len({tuple(sorted(model.named_vars)) for model in built}) == 1


def test_a_fit_from_a_name_is_that_from_the_spec(few):
    sampler = {"chains": 2, "tune": 50, "draws": 50}
    by_name = ltv.fit(few, "pooled", seed=1, sampler=sampler, progress=False)
    by_spec = ltv.fit(few, ltv.load_spec("pooled"), seed=1, sampler=sampler, progress=False)
    assert by_name.attrs["spec_hash"] == by_spec.attrs["spec_hash"]
    assert by_name["posterior"].to_dataset().identical(by_spec["posterior"].to_dataset())
    own = ltv.as_fit(by_name, few, "pooled")
    assert own.attrs["spec_hash"] == by_spec.attrs["spec_hash"]


def test_the_priors_of_a_name_are_those_of_its_spec():
    found, expected = (ltv.prior_predictive(each, draws=20) for each in ("pooled", ltv.load_spec("pooled")))
    pd.testing.assert_frame_equal(found.table, expected.table)


@pytest.mark.filterwarnings("ignore::bayesltv.errors.BayesltvWarning")  # of customers who never lapse
def test_scores_and_plans_by_name_path_and_decision_are_the_same(small_fit, few, own, tmp_path):
    expected = ltv.score(small_fit, few, ltv.load_decision("retention"), seed=1, draws=20)
    for decision in ("retention", "models/decisions/retention.toml", own[1]):
        found = ltv.score(small_fit, few, decision, seed=1, draws=20)
        pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(expected))
    ltv.as_summary(few).to_parquet(tmp_path / "s.parquet")
    folder = ltv.score_to(
        small_fit, tmp_path / "s.parquet", "retention", out=tmp_path / "f", seed=1, draws=20
    )
    assert folder.customers == len(few)
    plans = [ltv.decide(small_fit, few, each, seed=1, draws=20) for each in ("retention", own[1])]
    pd.testing.assert_frame_equal(plans[0].customers, plans[1].customers)


def test_an_evaluation_takes_a_decision_by_name(small_fit, small_log):
    past = ltv.summarize(small_log, observation_end="1997-06-30", time_unit="week", groups=["channel"])
    found = ltv.evaluate(small_fit, past, small_log, horizon="13 weeks", decision="acquisition", draws=20)
    expected = ltv.evaluate(
        small_fit, past, small_log, horizon="13 weeks", decision=ltv.load_decision("acquisition"), draws=20
    )
    assert found.to_json() == expected.to_json()


def test_a_comparison_and_a_backtest_read_names_before_anything_is_fitted(few, small_log):
    with pytest.raises(ltv.SpecError, match=r"'pooledd' does not exist; did you mean \"pooled\""):
        ltv.compare(few, {"a": "pooled", "b": "pooledd"})
    with pytest.raises(ltv.SpecError, match="'mbg' does not exist"):
        ltv.compare(few, ["pooled", "mbg"])
    with pytest.raises(ltv.SpecError, match="'pooledd' does not exist"):
        ltv.backtest(small_log, "pooledd", cuts=["1997-06-30"], horizon="4 weeks")


@pytest.mark.slow
def test_a_comparison_of_names_is_one_of_their_specs(few):
    sampler = {"chains": 2, "tune": 100, "draws": 100}
    found = ltv.compare(few, ["pooled", "mbg_pooled"], sampler=sampler, progress=False)
    assert set(found.loo["model"]) == {"pooled", "mbg_pooled"}


def test_what_is_neither_name_nor_spec_is_told(small_fit, few):
    with pytest.raises(
        ltv.SpecError, match=r"a spec is a ModelSpec, a path or .* not a DecisionSpec: are arg"
    ):
        ltv.fit(few, ltv.load_decision("retention"), seed=1)
    with pytest.raises(ltv.SpecError, match="this is a decision file"):
        ltv.fit(few, models_folder() / "decisions" / "retention.toml", seed=1)
    with pytest.raises(ltv.SpecError, match=r"a decision is a DecisionSpec, .* not a ModelSpec"):
        ltv.score(small_fit, few, ltv.load_spec("pooled"), seed=1)
    with pytest.raises(ltv.DataError, match=r"not .*ModelSpec: are arguments swapped"):
        ltv.fit(ltv.load_spec("pooled"), few, seed=1)


# ---------------------------------------------------------------------------------------- a log for a summary


def with_a_log(fit, log):
    return {
        "fit": lambda: ltv.fit(log, "pooled", seed=1),
        "build_model": lambda: ltv.build_model(log, "pooled"),
        "as_fit": lambda: ltv.as_fit(fit, log, "pooled"),
        "score": lambda: ltv.score(fit, log, "retention", seed=1),
        "predict": lambda: ltv.predict(fit, log, seed=1, **DISCOUNT),
        "decide": lambda: ltv.decide(fit, log, "retention", seed=1),
        "evaluate": lambda: ltv.evaluate(fit, log, log, horizon="4 weeks"),
        "check": lambda: ltv.check(fit, log),
        "as_summary": lambda: ltv.as_summary(log, time_unit="week"),
        "compare": lambda: ltv.compare(log, ["pooled", "mbg_pooled"]),
        "prior_predictive": lambda: ltv.prior_predictive("pooled", log),
        "posterior_predictive": lambda: ltv.posterior_predictive(fit, log, seed=1),
        "loo": lambda: ltv.loo(fit, log),
    }


@pytest.mark.parametrize("name", with_a_log(None, None))
def test_a_log_for_a_summary_is_told_so(name, small_fit, small_log):
    named = small_log.rename(columns={"date": "InvoiceDate", "customer_id": "CustomerID"})
    for log in (small_log, named):
        with pytest.raises(ltv.DataError, match=LOG_FIRST):
            with_a_log(small_fit, log)[name]()


def test_a_log_of_another_library_is_told_so_too(small_fit, small_log):
    with pytest.raises(ltv.DataError, match=LOG_FIRST):
        ltv.fit(pl.DataFrame(small_log), "pooled", seed=1)
    with pytest.raises(ltv.DataError, match="a path is no summary yet"):
        ltv.fit("log.csv", "pooled", seed=1)


def test_a_summary_with_dates_is_no_log(small_fit, few):
    dated = few.rename(columns={"T": "age_days"})
    with pytest.raises(ltv.DataError, match="no column 'T'"):
        ltv.score(small_fit, dated, "retention", seed=1)


# ------------------------------------------------------------------------------------ arguments the wrong way


def swapped(fit, summary, log):
    return {
        "score": lambda: ltv.score(summary, fit, "retention", seed=1),
        "predict": lambda: ltv.predict(summary, fit, seed=1, **DISCOUNT),
        "decide": lambda: ltv.decide(summary, fit, "retention", seed=1),
        "evaluate": lambda: ltv.evaluate(summary, fit, log, horizon="4 weeks"),
        "check": lambda: ltv.check(summary, fit),
        "loo": lambda: ltv.loo(summary, fit),
        "posterior_predictive": lambda: ltv.posterior_predictive(summary, fit, seed=1),
        "write_report": lambda: ltv.write_report(summary, "report.html"),
    }


@pytest.mark.parametrize("name", swapped(None, None, None))
def test_swapped_arguments_are_told_so(name, small_fit, few, small_log):
    with pytest.raises(ltv.DataError, match="a summary stands where the fit should: swap the arguments"):
        swapped(small_fit, few, small_log)[name]()


def test_a_fit_for_a_summary_and_a_path_for_a_fit_are_told_so(small_fit, few):
    for ask in (
        lambda: ltv.fit(small_fit, "pooled", seed=1),
        lambda: ltv.score(small_fit, small_fit, "retention", seed=1),
        lambda: ltv.check(small_fit, small_fit),
    ):
        with pytest.raises(ltv.DataError, match="a fit stands where the summary should: swap the arguments"):
            ask()
    with pytest.raises(ltv.StoreError, match=r"a path is no fit yet: pass ltv\.load\('fit\.nc'\)"):
        ltv.score("fit.nc", few, "retention", seed=1)

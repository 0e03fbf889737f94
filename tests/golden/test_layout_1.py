"""What version 0.1.0 wrote is read with one warning, and gives the values that it gave then.

``layout_1.json`` was made by that version (commit df83446), never by a later one:
python tests/golden/test_layout_1.py > tests/golden/layout_1.json
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.data.fingerprint import fingerprint
from bayesltv.data.summary.store import read_summary
from bayesltv.data.summary.validate import validate_summary
from bayesltv.specs.decision.decision_spec import DecisionSpec

FOLDER = Path(__file__).parents[1] / "data" / "layout_1"
EXPECTED = Path(__file__).with_name("layout_1.json")
FITS = {
    "pooled": "summary",
    "grouped": "summary_grouped",
    "clock": "summary",
    "covariates": "summary_covariates",
}
SPECS = {
    "pooled": "pooled",
    "grouped": "mbg_by_group",
    "clock": "clock",
    "covariates": FOLDER / "covariates.toml",
}
TERMS = {"horizon": "26 weeks", "annual_discount_rate": 0.1, "margin": 0.3}


LATER = ("calendar_and_tenure", "one_time_buyers", "common_shocks")
"""Checks that were not there when these fits were made."""


def loaded(name):
    """A fit of the first layout, and what was warned of."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fit = ltv.load(FOLDER / f"{name}.nc")
    return fit, [str(each.message) for each in said if issubclass(each.category, ltv.BayesltvWarning)]


def summary_of(name):
    return read_summary(FOLDER / f"{FITS[name]}.parquet")


def values(name):
    """Named figures of a fit: scores, forecasts, checks, LOO; sums over all customers, and some customers."""
    fit, summary = loaded(name)[0], summary_of(name)
    failed = [each.name for each in ltv.check(fit, summary).failed]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decision = DecisionSpec.from_dict(manifest("scores.manifest.json")["decision"])
        scores = ltv.score(fit, summary, decision, seed=4, draws=200, accept_failed=failed)
        drawn = ltv.predict(fit, summary, seed=7, draws=100, **TERMS)
        loo = ltv.loo(fit, summary)
    numbers = scores.select_dtypes("number")
    found = {f"sum of {column}": float(numbers[column].sum()) for column in numbers}
    for row in (0, 17, 399):
        found |= {f"{column} of row {row}": float(numbers[column].iloc[row]) for column in numbers}
    found |= {f"tier {tier}": int(count) for tier, count in scores["tier"].value_counts().items()}
    found["purchases drawn"] = int(drawn["purchases"].sum())
    found["value drawn"] = float(drawn["value"].sum())
    found |= {f"elpd of {part}": float(each.elpd) for part, each in loo.items()}
    for result in ltv.check(fit, summary).results:
        if result.name not in LATER:
            found[f"{result.name}: {result.status}"] = result.value
    return {key: None if value is None or not np.isfinite(value) else value for key, value in found.items()}


def manifest(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def equal(found, expected):
    """Counts equal, other numbers to 1e-9."""
    assert list(found) == list(expected)
    for key, value in expected.items():
        if value is None or isinstance(value, int):
            assert found[key] == value, key
        else:
            assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key


def same_table(found, expected):
    """Columns of an earlier table in a later one: numbers to 1e-9, all else equal."""
    for column in expected:
        if pd.api.types.is_float_dtype(expected[column]):
            np.testing.assert_allclose(found[column], expected[column], rtol=1e-9, atol=1e-12, err_msg=column)
        else:
            assert found[column].astype(str).tolist() == expected[column].astype(str).tolist(), column


@pytest.mark.parametrize("name", [*FITS, "uplift"])
def test_a_fit_loads_with_one_warning(name):
    fit, said = loaded(name)
    assert len(said) == 1
    assert "was made before digests: it cannot be verified" in said[0]
    assert int(fit.attrs["format"]) == 1


@pytest.mark.parametrize("name", FITS)
def test_a_fit_gives_the_values_that_it_gave(name):
    equal(values(name), json.loads(EXPECTED.read_text(encoding="utf-8"))[name])


@pytest.mark.parametrize("name", FITS)
def test_a_fit_is_taken_over_thinned_and_stamped_anew(name, tmp_path):
    old, summary = loaded(name)[0], summary_of(name)
    spec = ltv.load_spec(SPECS[name])
    thinned = old.isel(draw=slice(None, None, 2))
    fit = ltv.as_fit(thinned, summary, spec, seed=3)
    ltv.save(fit, tmp_path / "fit.nc")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ltv.BayesltvWarning)
        read = ltv.load(tmp_path / "fit.nc")
    drawn = [ltv.predict(each, summary, seed=7, draws=40, **TERMS)["value"] for each in (thinned, read)]
    np.testing.assert_array_equal(*drawn)
    with pytest.raises(ltv.StoreError, match=r"ltv\.as_fit\(fit, summary, spec\)") as caught:
        ltv.predict(read.isel(draw=slice(None, None, 2)), summary, seed=7, **TERMS)
    assert caught.value.exit_code == 14


@pytest.mark.parametrize("name", FITS)
def test_a_stored_spec_is_read_as_it_was_written(name):
    """Nothing is added to it: a key that it does not have would mean what a later default says."""
    attributes = loaded(name)[0].attrs
    stored = json.loads(attributes["spec"])
    spec = ltv.ModelSpec.from_dict(stored)
    assert spec.to_dict() == stored
    assert spec.hash() == attributes["spec_hash"]


@pytest.mark.parametrize(
    "name", ["scores.manifest.json", "plan/plan.manifest.json", "scores_relative/_run.json"]
)
def test_a_stored_decision_is_read_as_it_was_written(name):
    stored = manifest(name)["decision"]
    assert DecisionSpec.from_dict(stored).to_dict() == stored


def test_scores_are_those_that_were_written():
    fit, decision = loaded("pooled")[0], DecisionSpec.from_dict(manifest("scores.manifest.json")["decision"])
    found = ltv.score(fit, summary_of("pooled"), decision, seed=4, draws=200)
    same_table(found, pd.read_parquet(FOLDER / "scores.parquet"))


def test_relative_scores_are_those_of_the_folder():
    decision = ltv.load_decision(FOLDER / "relative.toml")
    found = ltv.score(loaded("pooled")[0], summary_of("pooled"), decision, seed=4, draws=200)
    same_table(found, pd.read_parquet(FOLDER / "scores_relative" / "part-00000.parquet"))


def test_a_plan_is_the_one_that_was_written():
    told = manifest("plan/plan.manifest.json")
    decision = DecisionSpec.from_dict(told["decision"])
    made = ltv.decide(loaded("grouped")[0], summary_of("grouped"), decision, seed=4, draws=200)
    stored = pd.read_parquet(FOLDER / "plan" / "customers.parquet")
    shared = [column for column in made.customers if column in stored]
    assert len(shared) >= 20
    same_table(made.customers, stored[shared])
    assert made.attrs["net_mean"] == pytest.approx(told["plan"]["net_mean"], rel=1e-9)


def test_the_table_of_a_test_is_the_one_that_was_written():
    same_table(ltv.uplift_table(loaded("uplift")[0]), pd.read_csv(FOLDER / "uplift_table.csv"))


@pytest.mark.parametrize("name", sorted(set(FITS.values())))
def test_a_summary_is_the_one_that_its_log_gives(name):
    stored = read_summary(FOLDER / f"{name}.parquet")
    more = {"summary_grouped": {"groups": ["channel"]}, "summary_covariates": {"covariates": ["age", "plan"]}}
    made = ltv.summarize(
        FOLDER / "log.csv", observation_end="1997-12-28", time_unit="week", acquired_from="1997-01-01",
        **more.get(name, {}),
    )  # fmt: skip
    assert fingerprint(made, like=stored.attrs["fingerprint"]) == stored.attrs["fingerprint"]
    assert validate_summary(stored).attrs["fingerprint"] == made.attrs["fingerprint"]  # first amounts, too
    same_table(made, stored)


if __name__ == "__main__":
    json.dump({name: values(name) for name in FITS}, sys.stdout, indent=1)

"""One customer at once: the row that all customers' table has for the same one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.errors import DataError, SpecError

STORED = Path(__file__).parents[1] / "data/layout_1"
pytestmark = pytest.mark.filterwarnings("ignore:.*made before digests")


@pytest.fixture(scope="module")
def stored():
    return ltv.load(STORED / "pooled.nc"), pd.read_parquet(STORED / "summary.parquet")


@pytest.mark.parametrize("decision", ["retention", STORED / "relative.toml"])
def test_each_row_is_that_of_the_whole_table(stored, decision):
    fit, summary = stored
    decision = ltv.load_decision(decision)
    whole = ltv.score(fit, summary, decision, seed=1)
    begins = whole.attrs.get("thresholds")
    begins = None if begins is None else np.array(begins)
    base = ltv.customer_base(fit, summary, seed=1)
    for at in (0, 7, 211, 399):
        alone = ltv.score_one(fit, summary.iloc[[at]], decision, seed=1, thresholds=begins)
        placed = base.score_one(summary["customer_id"].iloc[at], decision, thresholds=begins)
        for found in (alone, placed):
            pd.testing.assert_series_equal(
                pd.Series(found, name=at), whole.iloc[at].rename(at), check_exact=True, check_dtype=False
            )


def test_relative_tiers_are_found_among_all_or_asked_for(stored):
    fit, summary = stored
    decision = ltv.load_decision(STORED / "relative.toml")
    whole = ltv.score(fit, summary, decision, seed=1)
    found = ltv.customer_base(fit, summary, seed=1).score_one(summary["customer_id"].iloc[3], decision)
    assert found["tier"] == whole["tier"].iloc[3]
    with pytest.raises(SpecError, match="thresholds="):
        ltv.score_one(fit, summary.iloc[[3]], decision, seed=1)


def test_a_mapping_is_a_row_and_ids_keep_their_zeros(stored):
    fit, summary = stored
    row = {**summary.iloc[5].drop("repeat_days").to_dict(), "customer_id": "00123"}
    assert ltv.score_one(fit, row, "retention", seed=1)["customer_id"] == "00123"
    with pytest.raises(DataError, match="no customer of 400 has this id"):
        ltv.customer_base(fit, summary, seed=1).score_one("00123", "retention")
    with pytest.raises(DataError, match="2 customers where one"):
        ltv.score_one(fit, summary.iloc[:2], "retention", seed=1)

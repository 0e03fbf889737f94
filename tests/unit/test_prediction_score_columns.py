"""One table says what the columns of scores are; scores, CRM export and README take theirs from it."""

import json
import re
from pathlib import Path

import pytest

import bayesltv as ltv
from bayesltv.kernels.closed_forms import COLUMNS
from bayesltv.prediction.scores.score_columns import (
    SCORE_COLUMNS,
    documented,
    in_order,
    kinds_of,
    label_of,
    score_column,
    tiers_among,
)
from bayesltv.prediction.scores.scoring import QUANTILES
from bayesltv.report.files.crm import CRM_TYPES
from helpers import point_fit, sealed

README = (Path(__file__).parents[2] / "docs/guide.md").read_text(encoding="utf-8")
POINT = {"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5, "p": 3.6, "q": 4.5, "v": 34.0}
DTYPES = {"text": "str", "date": "datetime64", "count": "int64", "number": "float64"}
EVERY = (
    "customer_id", "cohort", "ltv_mean", "ltv_p05", "ltv_p50", "ltv_p95", "p_alive", "p_purchase_30d",
    "p_purchase_90d", "p_purchase_horizon", "expected_purchases", "expected_spend_per_purchase",
    "next_purchase_days_p50", "p_tier_low", "p_tier_medium", "p_tier_high", "tier", "first_purchase",
    "last_purchase", "frequency", "value_to_date", "fit_age_days", "accepted_failed",
)  # fmt: skip


@pytest.fixture(scope="module")
def scores(grouped_laplace_fit, cdnow):
    """Scores with every column that there is."""
    results = [{**result, "status": "fail"} for result in json.loads(grouped_laplace_fit.attrs["checks"])]
    bad = sealed(grouped_laplace_fit, checks=json.dumps(results))
    accepted = [result["name"] for result in results]
    return ltv.score(bad, cdnow[:50], "retention", seed=1, draws=20, accept_failed=accepted)


def dtype_of(kind: str, dtype: object) -> bool:
    return str(dtype).startswith(DTYPES[kind])


def test_a_score_table_has_the_columns_of_the_table_in_its_order_and_types(scores):
    groups = ["cohort"]
    alphabetic = sorted(name for name in scores.columns if not name.startswith("p_tier_"))
    rest = [name for name in scores.columns if not name.startswith("p_tier_")]
    assert in_order(alphabetic, groups=groups) == rest
    for name in scores.columns:
        column = SCORE_COLUMNS[1] if name in groups else score_column(name)
        assert dtype_of(column.kind, scores[name].dtype), name
    assert list(EVERY) == list(scores.columns)


def test_every_column_of_the_table_is_made_by_some_score(scores):
    made = {column.name for name in scores.columns if (column := score_column(name)) is not None}
    of_tables = {"as_of_date", "model_version"}  # which say which run a row is of
    assert {column.name for column in SCORE_COLUMNS} - made == {"<group>", *of_tables}


def test_what_kernels_and_quantiles_fill_is_in_the_table():
    assert all(score_column(name) is not None for name in (*COLUMNS, *QUANTILES))
    assert score_column("p_tier_anything").kind == "number"
    assert score_column("anything") is None


def test_without_money_its_columns_are_left_out_and_the_order_stays(cdnow):
    fit = point_fit({name: value for name, value in POINT.items() if name not in "pqv"}, draws=20)
    with pytest.warns(ltv.BayesltvWarning, match="no spend model"):
        plain = ltv.score(fit, cdnow[:20], "retention", seed=1)
    money = {name for name in EVERY if name.startswith(("ltv_", "p_tier_"))}
    money |= {"tier", "expected_spend_per_purchase", "cohort", "accepted_failed"}
    assert [name for name in EVERY if name not in money] == list(plain.columns)


def test_the_readme_lists_the_table():
    (table,) = re.findall(
        r"^\| column \| unit \| meaning \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", README, re.MULTILINE
    )
    rows = table.splitlines()
    listed = [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]
    assert listed == documented()


def test_the_crm_export_has_the_same_types():
    shared = {name: kind for name, kind in CRM_TYPES.items() if score_column(name) is not None}
    assert shared == {name: score_column(name).kind for name in shared}
    told = {column.name for column in SCORE_COLUMNS if "<" not in column.name} - {"accepted_failed"}
    assert told - set(shared) == {"last_purchase"}  # days_since_last_purchase says it


def test_headings_and_types_are_found_by_name():
    assert label_of("p_alive") == "P(alive)"
    assert kinds_of("tier", "frequency") == {"tier": "text", "frequency": "count"}
    assert tiers_among(["tier", "p_tier_low", "p_alive", "p_tier_high"]) == ["low", "high"]


def test_a_group_of_a_columns_name_stands_with_the_groups():
    names = ["customer_id", "ltv_mean", "p_tier_of_shop"]
    assert in_order(names, groups=["p_tier_of_shop"]) == ["customer_id", "p_tier_of_shop", "ltv_mean"]

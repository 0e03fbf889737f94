"""Each call that the page of requirements names runs, and no row is without one."""

import re
import warnings
from pathlib import Path

import pandas as pd
import pytest

import bayesltv as ltv
from golden_values import SEED, STORED, decision, stored_fit, stored_summary

PAGE = (Path(__file__).parents[2] / "docs/requirements.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|-][^|]*) \| ([^|]+) \| `(.+)` \|$", PAGE, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def space():
    fit, summary = stored_fit("grouped"), stored_summary("summary_grouped")
    base = ltv.customer_base(fit, summary, seed=SEED, draws=40)
    log = pd.read_csv(STORED / "log.csv", parse_dates=["date"], dtype={"customer_id": str})
    known = {"ltv": ltv, "fit": fit, "summary": summary, "base": base, "log": log}
    return known | {"decision": decision("retention")}


def test_every_row_of_the_table_is_read():
    table = PAGE[: PAGE.index("On the command line")]
    assert len(ROWS) == len(re.findall(r"^\| ", table, flags=re.MULTILINE)) - 1
    assert all(re.search("[\u4e00-\u9fff]", chinese) for _, chinese, _ in ROWS)


@pytest.mark.parametrize("call", [call for *_, call in ROWS])
def test_the_call_runs(space, call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        assert eval(call, dict(space)) is not None

"""Results show themselves in a notebook, and nothing that data bring is read as HTML."""

from dataclasses import replace

import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.languages.notebook import ROWS, html_of
from golden_values import SEED, STORED, decision, stored_fit, stored_summary

EVIL = "<script>alert(1)</script>"


def test_what_data_bring_is_escaped():
    shown = html_of(EVIL, {EVIL: pd.DataFrame({EVIL: [EVIL]})})
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") == 4


def test_a_long_table_is_cut():
    shown = html_of("many", {"": pd.DataFrame({"x": range(100)})})
    assert shown.count("<tr") <= ROWS + 3
    assert "..." in shown


@pytest.fixture(scope="module")
def base():
    return ltv.customer_base(stored_fit("pooled"), stored_summary("summary"), seed=SEED, draws=40)


@pytest.mark.filterwarnings("ignore::bayesltv.BayesltvWarning")
def test_reports_plans_evaluations_and_specs_show_their_figures(base):
    checks = ltv.check(base.fit)
    assert all(each.name in checks._repr_html_() for each in checks.results)
    plan = base.decide(decision("retention"))
    assert all(name in plan._repr_html_() for name in ("membership", "plug_in_means"))
    log = pd.read_csv(STORED / "log.csv", parse_dates=["date"], dtype={"customer_id": str})
    found = base.evaluate(log, horizon="26 weeks")
    assert f"{found.total()['actual']:,.4g}" in found._repr_html_()
    spec = ltv.load_spec("pooled")
    assert "[purchase]" in spec._repr_html_()
    assert "&lt;script&gt;" in replace(spec, title=EVIL)._repr_html_()

"""What a reader of Chinese sees is Chinese: the page, what is written on figures, tables of the terminal."""

import json
import re
import warnings
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from rich.cells import cell_len
from rich.console import Console

import bayesltv as ltv
from bayesltv.checks.result import CheckReport, CheckResult
from bayesltv.checks.run import CHECKS_OF_A_FIT
from bayesltv.checks.thorough import THOROUGH_CHECKS
from bayesltv.cli.output.cohorts import show_cohorts
from bayesltv.cli.output.forecast import show_forecast
from bayesltv.cli.output.narrow import Screen
from bayesltv.cli.output.plan import uplift_shown
from bayesltv.cli.output.show import show, show_plan
from bayesltv.decisions.customers.refresh import compare_refresh
from bayesltv.evaluation import posterior_predictive as by
from bayesltv.evaluation.calibration import purchase_calibration
from bayesltv.evaluation.comparison import Benchmark, Choice
from bayesltv.languages.language import retold, word
from bayesltv.prediction.scores.score_columns import documented
from bayesltv.report import style
from bayesltv.report.page.about_fit import verdict
from bayesltv.report.style import new_figure
from golden_values import SEED, STORED, decision, stored_fit, stored_summary

DRAWS = 60
ENGLISH = re.compile(r"[A-Za-z][A-Za-z']+")
NAMES = """
AUC BFMI BG Brier CAC CDF CNY CRPS CSV ESS EVPI EVPPI EVSI Gamma Gini HalfNormal LTV LogNormal
LogitNormal MAE MBG NBD NUTS PIT Pareto RFM RMSE ROI Roll Spearman Test US USD bayesltv delta
hat laplace mu nuts sigma
"""
"""Abbreviations of the field, names of distributions and methods (Test & Roll), currencies."""
CODE = re.compile(
    r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b|\b[0-9a-f]{16,64}\b|[a-z-]+ \d+(?:\.\d+)+|ltv\.\w+|\[\w+\]|`[^`]*`"
)
"""Names of columns and parameters, hashes, versions."""
PICTURED = (
    "prior_conflict", "spend_independence", "regular_timing", "first_purchase_effect",
    "common_shocks",
)  # fmt: skip


class Seen(HTMLParser):
    """The texts of a page and what stands for its pictures."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.is_code = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.is_code = tag in ("script", "style")
        self.texts += [v for k, v in attributes if k in ("alt", "title", "aria-label", "placeholder") and v]

    def handle_endtag(self, _tag):
        self.is_code = False

    def handle_data(self, data):
        if not self.is_code:
            self.texts.append(data)


def in_english(texts, own=()):
    """The texts with an English word in them; `own` are what the spec, the decision and the data bring."""
    found = {}
    for text in texts:
        rest = str(text)
        for each in sorted(own, key=len, reverse=True):
            rest = rest.replace(each, "")
        words = set(ENGLISH.findall(CODE.sub("", rest))) - set(NAMES.split())
        if words:
            found[str(text).strip()[:120]] = sorted(words)
    return found


@pytest.fixture(scope="module")
def spec_texts():
    """What a spec and a decision say in the words of whoever wrote them, and labels of the data."""
    spec = ltv.ModelSpec.from_dict(json.loads(stored_fit("grouped").attrs["spec"]), source="")
    chosen = decision("retention")
    reasons = [prior.why for prior in spec.priors.values()]
    reasons += [each.why for action in chosen.actions for each in action.effects.values()]
    return [*reasons, spec.title, chosen.title, *(action.label for action in chosen.actions), "web", "shop",
            *(tier.label for tier in chosen.tiers.tiers if tier.label)]  # fmt: skip


@pytest.fixture(scope="module")
def told():
    """What people ask of a small fit with Chinese ids, asked in Chinese."""
    fit, summary = stored_fit("grouped"), stored_summary("summary_grouped")
    named = summary.assign(customer_id="客户" + summary["customer_id"].astype(str))
    named.attrs = summary.attrs
    log = pd.read_csv(STORED / "log.csv", parse_dates=["date"], dtype={"customer_id": str})
    log["customer_id"] = "客户" + log["customer_id"]
    with warnings.catch_warnings(), ltv.language("zh"):
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        base, chosen = ltv.customer_base(fit, named, seed=SEED, draws=DRAWS), decision("retention")
        scores = base.score(chosen, draws=DRAWS)
        old = scores.assign(tier=np.roll(scores["tier"].to_numpy(object), 3))
        margin = ltv.CohortValue(margin=0.3)
        weeks = pd.date_range(base.require_end() + pd.Timedelta(days=1), periods=13, freq="7D")
        ahead = pd.DataFrame({"week": weeks, "channel": "web", "customers": 20, "cac": 9.0})
        return {
            "fit": fit, "summary": named, "base": base, "scores": scores, "checks": ltv.check(fit, named),
            "plan": base.decide(chosen, draws=DRAWS, plan_test=True, previous=old),
            "evaluation": base.evaluate(log, horizon="13 weeks", draws=DRAWS),
            "cohorts": base.cohorts(log, by="month", ages=[30, 90], value=margin, cac=5.0),
            "forecast": base.forecast(ahead, horizon="13 weeks", margin=0.3, target=1000.0, log=log),
            "refresh": compare_refresh(old, scores, chosen.tiers), "decision": chosen,
        }  # fmt: skip


@pytest.mark.slow
def test_the_page_is_chinese(told, tmp_path, spec_texts):
    given = {name: told[name] for name in ("summary", "checks", "scores", "evaluation", "plan", "cohorts")}
    path = ltv.write_report(told["fit"], tmp_path / "page.html", language="zh", **given)
    assert in_english(Seen(path.read_text(encoding="utf-8")).texts, spec_texts) == {}


def pictures(told):
    base, scores, plan = told["base"], told["scores"], told["plan"]
    busy = base.summary.sort_values("frequency")["customer_id"].iloc[-1]
    drawn = base.predict(horizon="26 weeks", annual_discount_rate=0.1, margin=0.3, draws=DRAWS)
    evaluation, cohorts = told["evaluation"], told["cohorts"]
    matrix = base.matrix(horizon="26 weeks", levels={"channel": "web"}, most=6, draws=DRAWS)
    track = base.track(horizon="13 weeks", draws=DRAWS)
    prior = ltv.prior_predictive("mbg_pooled", draws=40)
    calls = {
        "history": lambda ax: ltv.plot.history(base.alive_path(busy, draws=DRAWS), ax=ax),
        "matrix": lambda ax: ltv.plot.matrix(matrix, ax=ax),
        "P(alive)": lambda ax: ltv.plot.matrix(matrix, "p_alive", ax=ax),
        "waits": lambda ax: ltv.plot.waits(base, ax=ax),
        "lorenz": lambda ax: ltv.plot.lorenz(drawn, ax=ax),
        "migration": lambda ax: ltv.plot.migration(told["refresh"], ax=ax),
        "tracking": lambda ax: ltv.plot.tracking(track, ax=ax),
        "forecast": lambda ax: ltv.plot.forecast(told["forecast"], ax=ax),
        "new": lambda ax: ltv.plot.forecast(told["forecast"], "new_customers", ax=ax),
        "values": lambda ax: ltv.plot.values(scores, ax=ax),
        "tiers": lambda ax: ltv.plot.tiers(scores, ax=ax),
        "tier_probabilities": lambda ax: ltv.plot.tier_probabilities(scores, [busy], ax=ax),
        "cohorts": lambda ax: ltv.plot.cohorts(cohorts, ax=ax),
        "curves": lambda ax: ltv.plot.cohort_curves(cohorts, ax=ax),
        "payback": lambda ax: ltv.plot.payback(cohorts, ax=ax),
        "by_group": lambda ax: ltv.plot.posterior_by_group(told["fit"], ax=ax),
        "prior": lambda ax: ltv.plot.prior_predictive(prior, ax=ax),
    }  # fmt: skip
    for name in ("coverage", "pit", "by_frequency", "reliability", "lift"):
        calls[name] = lambda ax, name=name: getattr(ltv.plot, name)(evaluation, ax=ax)
    for name in PICTURED:
        calls[name] = lambda ax, name=name: ltv.plot.check(told["checks"][name], ax=ax)
    path = ltv.trace_clock(stored_fit("clock"), seed=1, horizon="13 weeks")
    calls["clock"] = lambda ax: ltv.plot.clock(path, ax=ax)
    replicas = base.posterior_predictive(draws=40)
    for name in ("frequency", "recency given frequency", "repeat share", "mean spend"):
        calls[f"replicas of {name}"] = lambda ax, name=name: ltv.plot.posterior_predictive(
            replicas, statistic=name, ax=ax
        )
    test = next(iter(plan.tests.values()))
    calls["test_value"] = lambda ax: ltv.plot.test_value(test, currency="CNY", name="信函", ax=ax)
    came = evaluation.customers["purchases_actual"] > 0
    bins = purchase_calibration(evaluation.customers["p_purchase"], came)
    calls["calibration"] = lambda ax: ltv.plot.calibration(bins, horizon="13 weeks", ax=ax)
    for name in ("budget", "customers", "policies", "returns", "roi", "waterfall"):
        calls[name] = lambda ax, name=name: getattr(ltv.plot, name)(plan, ax=ax)
    return calls


@pytest.mark.slow
def test_figures_are_chinese_and_have_the_characters(told, tmp_path, spec_texts):
    found = {}
    with ltv.language("zh"), warnings.catch_warnings():
        warnings.simplefilter("error" if style.has_cjk_font() else "ignore")  # a box warns
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        for name, draw in pictures(told).items():
            figure = new_figure((7, 5))
            draw(figure.subplots())
            style.save_figure(figure, tmp_path / f"{name}.png")
            if texts := in_english({each.get_text() for each in figure.findobj(Text)}, spec_texts):
                found[name] = texts
    assert found == {}


@pytest.mark.slow
def test_tables_of_the_terminal_are_chinese(told, spec_texts):
    console = Console(file=StringIO(), width=400)
    with ltv.language("zh"):
        for name in ("checks", "evaluation"):
            show(told[name], console)
        show_plan(told["plan"], console)
        show_cohorts(told["cohorts"], console)
        show_forecast(told["forecast"], console)
        customer = told["summary"]["customer_id"].iloc[0]
        console.print(str(told["base"].explain(customer, told["decision"], told["plan"])), markup=False)
    assert in_english(console.file.getvalue().splitlines(), spec_texts) == {}


def test_the_dictionary_of_columns_is_chinese():
    with ltv.language("zh"):
        assert in_english(text for _, *said in documented() for text in said) == {}
    assert in_english(text for _, *said in documented() for text in said)


def test_sentences_and_headings_of_checks_are_chinese():
    statistics = [by.FREQUENCY, by.RECENCY, by.REPEAT, by.PURCHASES, by.SPEND, by.TYPICAL, by.SPREAD]
    kept = [
        f"furthest of 9 statistics from its replicas, in their standard deviations: {each} (all): 1 against 2"
        for each in [*statistics, by.FIRST, by.ALIKE]
    ]
    kept += [
        f"1.00% of customers have k-hat above 0.67 in {each} (largest 0.9)" for each in ("purchase", "spend")
    ]
    names = [each.name for each in CHECKS_OF_A_FIT] + [each.__name__ for each in THOROUGH_CHECKS]
    found = CheckReport(tuple(CheckResult(each, "warn", 0.4, 0.3, "needs the summary") for each in names))
    console = Console(file=StringIO(), width=200)
    with ltv.language("zh"):
        console.print(found)
        shown = console.file.getvalue()
        assert in_english([*map(retold, kept), shown, *Seen(found._repr_html_()).texts]) == {}
        assert [each for each in names if each in shown] == []
        assert "数值" in shown  # a figure
        assert "价值" not in shown  # what a customer is worth
        assert in_english(verdict(found).notes) == {}


def test_tables_of_tests_choices_and_benchmarks_are_chinese_and_fit():
    row = {"spec": "mbg_pooled", "crps": 0.1231, "crps_diff": 0.01, "crps_low": -0.01, "crps_high": 0.03,
           "gini": 0.5, "interval_score": 0.7, "inside_90": 2, "cuts": 3, "failed": 0,
           "seconds": 1.0}  # fmt: skip
    why = "no difference of CRPS is seen from pooled, and it is the simpler one"
    facts = {"cuts": ["1997-05-27", "1997-07-08"], "customers": 300, "days": 42, "cut": "1997-05-27"}
    choice = Choice("mbg_pooled", None, why, False, pd.DataFrame([row]), pd.DataFrame(), facts)
    scored = {"quantity": "purchases", "method": "mbg_pooled", "mae": 0.2, "rmse": 0.4, "crps": 0.1,
              "gini": 0.5, "total": 0.031, "inside_90": 0.92, "crps_diff": -0.01, "crps_low": -0.03,
              "crps_high": 0.01}  # fmt: skip
    lost = "purchases, crps: mbg_pooled (0.1) LOSES to order × frequency × time (0.09)"
    benchmark = Benchmark(pd.DataFrame([scored]), (lost,), {}, facts)
    effect = {"cell": "high", "arm": "", "customers": 300, "control_customers": 300, "effect_raw": 4.316,
              "effect_raw_se": 1.2, "effect_mean": 4.1, "effect_p05": 2.6, "effect_p95": 5.8,
              "p_positive": 0.99, "rate_p50": 1.77, "rate_is": "hazard ratio of conversions"}  # fmt: skip
    console = Screen(file=StringIO(), width=80)
    with ltv.language("zh"):
        for found in (choice, benchmark):
            show(found, console)
        console.print(uplift_shown(pd.DataFrame([effect]), title=word(effect["rate_is"]), currency="CNY"))
    said = console.file.getvalue()
    assert in_english(said.splitlines(), ["mbg_pooled", "pooled", "order × frequency × time"]) == {}
    assert max(map(cell_len, said.splitlines())) <= 80
    assert all(each in said for each in ("1997年7月8日", "+3%", "92%", "¥4.32 ± ¥1.20", "¥2.60 至 ¥5.80"))

"""The page: all that was given is in it, nothing runs in it, nothing is asked of the network, no ids leak."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.checks.result import CheckResult, report_of
from bayesltv.redaction import Redaction
from bayesltv.report.files.export import score_files, write_scores
from bayesltv.report.files.stored import read_scores
from bayesltv.report.page import about_scores, html
from bayesltv.report.page.parts import Picture, grid_of
from helpers import point_fit, sealed

PARAMETERS = {"r": 0.24, "alpha": 4.4, "a": 0.79, "b": 2.4, "p": 3.6, "q": 4.5, "v": 34.0}
VICIOUS = '<script>alert("1")</script>'
FACTS = {"seed": 3, "fingerprint": "f1", "customers": 2357}


class Parsed(HTMLParser):
    """What a browser would see: tags with their attributes, and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data.strip())

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def labels():
    return [VICIOUS, "web & app", "shop"]


@pytest.fixture(scope="module")
def fit(labels):
    """Three groups with some width, and checks of which one warns."""
    tree = point_fit(PARAMETERS, draws=100)
    noise = np.exp(0.1 * np.random.default_rng(1).standard_normal((len(PARAMETERS), 1, 100, 3)))
    dims = ("chain", "draw", "group")
    wide = {name: (dims, value * noise[at]) for at, (name, value) in enumerate(PARAMETERS.items())}
    posterior = xr.Dataset(wide, coords={"chain": [0], "draw": np.arange(100), "group": labels})
    spec = ltv.ModelSpec(groups=("channel",), spend=ltv.SpendSpec(first_amounts=False)).resolved(
        time_unit="week", spend_unit=1.0
    )
    constant = xr.Dataset({"channel_of_group": ("group", labels)}, coords={"group": labels})
    made = xr.DataTree.from_dict({"posterior": posterior, "constant_data": constant})
    checks = report_of(
        [
            CheckResult("rhat", "pass", 1.0042, 1.01, "largest R-hat"),
            CheckResult("spend_independence", "warn", 0.4321, 0.3, f"{VICIOUS} correlates", "Look at it"),
        ]
    )
    made.attrs = tree.attrs | FACTS
    return sealed(made, spec=json.dumps(spec.to_dict()), checks=checks.to_json())


@pytest.fixture(scope="module")
def customers(cdnow, labels):
    some = cdnow.drop(columns="cohort").head(300).copy()
    some["customer_id"] = ["id-" + each for each in some["customer_id"]]
    some["channel"] = np.array(labels)[np.arange(300) % 3]
    some.attrs = cdnow.attrs | {"groups": ["channel"], "currency": "USD"}
    return some


@pytest.fixture(scope="module")
def scores(fit, customers):
    return ltv.score(fit, customers, ltv.load_decision("retention"), seed=1, draws=50)


@pytest.fixture(scope="module")
def page(fit, scores, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert ltv.write_report(fit, path, scores=scores, title=VICIOUS) == path
    return path.read_text("utf-8")


def test_what_comes_from_data_is_text_and_never_markup(page):
    parsed = Parsed(page)
    assert VICIOUS in parsed.texts  # title, group label and check read as they are
    assert sum(VICIOUS in text for text in parsed.texts) >= 4
    assert "web & app" in parsed.texts
    assert page.count("<script") == len(parsed.of("script")) == 1


def test_the_only_script_that_may_run_is_the_one_inside_known_by_its_hash(page):
    parsed = Parsed(page)
    (policy,) = [each["content"] for each in parsed.of("meta") if "http-equiv" in each]
    inside = page.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    assert re.findall(r"script-src ([^;]*)", policy) == [f"'sha256-{digest}'"]
    assert not any(name.startswith("on") for _, found in parsed.tags for name in found)


def test_the_page_asks_nothing_of_the_network(page):
    parsed = Parsed(page)
    sources = [value for _, found in parsed.tags for name, value in found.items() if name in ("src", "href")]
    assert sources
    assert all(each.startswith(("data:image/png;base64,", "#")) for each in sources)
    assert parsed.of("link") == parsed.of("iframe") == []
    assert "url(" not in page
    assert "@import" not in page
    assert "http://" not in page
    assert "https://" not in page
    (policy,) = [each["content"] for each in parsed.of("meta") if "http-equiv" in each]
    assert policy.startswith("default-src 'none'")


def test_the_contents_lead_to_every_section_and_every_picture_is_whole_and_told_in_words(page):
    parsed = Parsed(page)
    links = [each["href"] for each in parsed.of("a")]
    sections = [f"#{each['id']}" for each in parsed.of("section") if "id" in each]
    assert links == ["#checks", *sections]  # the verdict's own, then the contents
    assert sections == ["#people", "#scores", "#checks", "#posterior", "#origin"]
    pictures = parsed.of("img")
    assert len(pictures) == 3
    for each in pictures:
        content = base64.b64decode(each["src"].partition(",")[2], validate=True)
        assert content.startswith(b"\x89PNG")
        assert content.rstrip().endswith(b"IEND\xaeB`\x82")
        assert len(each["alt"]) > 10


def test_the_page_says_the_figures_of_the_results(page, fit, scores):
    parsed = Parsed(page)
    value = scores.totals["value"].sum(("group", "tier"))
    low, high = np.quantile(value.values, [0.05, 0.95])
    whole = f"${scores['ltv_mean'].sum():,.0f}"
    assert f"{whole} (${low:,.0f} to ${high:,.0f})" in parsed.texts
    assert f"<b>{whole}</b> (${low:,.0f} to ${high:,.0f} at 90 %) of margin within 12 months" in page
    by_group = scores.groupby("channel")["ltv_mean"].sum()
    assert all(any(text.startswith(f"${mean:,.0f} (") for text in parsed.texts) for mean in by_group)
    rate = (fit["posterior"]["r"] / fit["posterior"]["alpha"]).sel(group="shop").values
    low, middle, high = np.quantile(rate, [0.05, 0.5, 0.95])
    assert f"{middle:.3g} ({low:.3g} to {high:.3g})" in parsed.texts
    for words in (
        "1.004",
        "0.4321",
        "warn",
        "Amber: use it with care.",
        "No check failed; 1 of 2 warn: spend independence.",
        fit.attrs["spec_hash"],
        "f1",
        "2,357",
    ):
        assert words in parsed.texts


def test_a_failed_check_is_said_at_the_top(fit, tmp_path):
    failed = report_of([CheckResult("ess_bulk", "fail", 12.0, 400.0, "smallest bulk ESS 12", "Draw more")])
    path = ltv.write_report(fit, tmp_path / "report.html", checks=failed)
    texts = [text for text in Parsed(path.read_text("utf-8")).texts if text]
    assert texts.index("Red: do not use it as it is.") < 30
    assert "1 of 1 checks failed: ess bulk." in texts
    assert "Failed: ess bulk. Scores and decisions from this fit must not be used as they are." in texts


def test_people_stand_in_one_table_and_can_be_left_out_or_hashed(fit, page, scores, monkeypatch, tmp_path):
    ids = set(scores["customer_id"])
    named = [text for text in Parsed(page).texts if text in ids]
    ranked = scores.sort_values("ltv_mean", ascending=False, kind="stable")["customer_id"]
    best = ranked.head(html.MOST_PEOPLE)
    assert named == best.tolist()
    ltv.write_report(fit, tmp_path / "without.html", scores=scores, people=0)
    assert not any(each in (tmp_path / "without.html").read_text("utf-8") for each in ids)
    redaction = Redaction(b"a key for this test", repeats=True)
    ltv.write_report(fit, tmp_path / "hashed.html", scores=scores, redact_ids=redaction)
    hashed = (tmp_path / "hashed.html").read_text("utf-8")
    assert not any(each in hashed for each in ids)
    assert all(redaction.hashed(each) in hashed for each in best)
    drawn = {}

    def keep(name, figure):
        drawn[name] = figure
        return Picture(name, "", "")

    monkeypatch.setattr(about_scores, "picture_of", keep)
    shown = {}
    for redaction in (None, Redaction(b"a key for this test", repeats=True)):
        about_scores.scored(scores, redaction=redaction)
        shown[redaction is not None] = [
            text.get_text().split("  (")[0] for text in drawn["ltv_intervals"].get_yticklabels()
        ]
    assert set(shown[False]) <= set(scores["customer_id"])
    assert len(set(shown[True])) == len(shown[False]) >= 10
    assert all(re.fullmatch(r"#[0-9a-f]{20}", each) for each in shown[True])


def test_the_same_results_give_the_same_page(fit, scores, page, tmp_path):
    again = ltv.write_report(fit, tmp_path / "report.html", scores=scores, title=VICIOUS)
    assert again.read_text("utf-8") == page


def test_an_earlier_page_stays_where_a_new_one_cannot_be_written(fit, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("last month's")
    with monkeypatch.context() as patch:
        patch.setattr(html, "render", lambda *_, **__: "\ud800")  # no UTF-8
        with pytest.raises(UnicodeEncodeError):
            ltv.write_report(fit, path)
    assert path.read_text() == "last month's"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(ltv.StoreError, match="is no folder"):
        ltv.write_report(fit, tmp_path / "nowhere" / "report.html")


def test_the_data_are_told_with_what_was_set_aside_and_what_is_odd(fit, customers, tmp_path):
    odd = customers.copy()
    day = np.arange(300)  # two thirds in the first days, the rest drop by drop
    odd["first_purchase"] = pd.Timestamp("1997-01-01") + pd.to_timedelta(
        np.where(day < 200, 0, day - 190), "D"
    )
    odd.attrs = customers.attrs | {"set_aside": {"unmatched_refunds": 17}}
    path = ltv.write_report(fit, tmp_path / "report.html", summary=odd, checks=report_of([]))
    texts = Parsed(path.read_text("utf-8")).texts
    assert "set aside: unmatched refunds" in texts
    assert "17 rows of the log were set aside; the table says why." in texts
    assert any(
        text.startswith("The log seems to start in the middle of its customers' lives") for text in texts
    )


def test_a_fit_without_money_and_without_groups_is_told_in_purchases(customers, tmp_path):
    purchases = {name: PARAMETERS[name] for name in ("r", "alpha", "a", "b")}
    plain = point_fit(purchases, draws=60)
    people = customers[["customer_id", "frequency", "recency", "T"]].copy()
    people.attrs = {"time_unit": "week", "observation_end": "1997-09-30"}
    with pytest.warns(ltv.BayesltvWarning, match="no spend model"):
        scored = ltv.score(plain, people, ltv.load_decision("retention"), seed=1)
    page = ltv.write_report(
        plain, tmp_path / "report.html", summary=people, scores=scored, checks=report_of([])
    )
    texts = Parsed(page.read_text("utf-8")).texts
    assert any("customers we have should make" in text for text in texts)
    assert f"{scored['expected_purchases'].sum():,.0f}" in texts
    assert not any("$" in text or "€" in text for text in texts)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_scores_read_back_are_those_that_were_written(fit, scores, tmp_path, suffix):
    files = score_files(tmp_path / f"scores{suffix}")
    value = {"horizon": "12 months", "basis": "margin", "currency": "USD"}
    told = {"fit": FACTS, "decision": {"value": value}, "as_of_date": "1997-09-30", "seed": 1, "draws": 50}
    write_scores(scores, scores.totals, files, provenance=told)
    found = read_scores(files.table, fit)
    assert found["customer_id"].tolist() == scores["customer_id"].tolist()
    assert found["channel"].tolist() == scores["channel"].tolist()
    columns = ["ltv_mean", "ltv_p05", "p_tier_high", "p_alive"]
    np.testing.assert_allclose(found[columns], scores[columns], rtol=1e-12)
    totals = scores.totals.sel(group=found.totals["group"], tier=found.totals["tier"])
    xr.testing.assert_allclose(found.totals, totals.reset_coords(drop=True))
    assert found.attrs["horizon"] == scores.attrs["horizon"]
    other = sealed(fit, seed=4)
    with pytest.raises(ltv.StoreError, match="not from this fit: its seed is 3, the fit's 4"):
        read_scores(files.table, other)
    files.manifest.unlink()
    with pytest.raises(ltv.StoreError, match=r"manifest\.json is missing or damaged"):
        read_scores(files.table, fit)


def test_a_long_table_says_how_much_of_it_is_left_out():
    grid = grid_of(pd.DataFrame({"a": range(100), "none": np.nan}), "numbers", most=60)
    assert (len(grid.rows), grid.left_out, grid.heads) == (60, 40, ("a",))

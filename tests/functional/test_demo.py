"""The demo tells each figure once: terminal, page, pictures, files and README say the same."""

import io
import json
import re
from dataclasses import replace
from html import unescape
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import bayesltv as ltv
from bayesltv.cli.output import show
from bayesltv.data import datasets
from bayesltv.demo import HORIZON, KNOWN_UNTIL, OBSERVED_UNTIL, open_shop, run_demo
from bayesltv.report import plot as draw
from bayesltv.report.figures.tracking import plot_tracking_cumulative
from bayesltv.report.style import BLUE, money

ROOT = Path(__file__).parents[2]
README = "\n".join((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/guide.md"))
DECISIONS = (ROOT / "docs/decisions.md").read_text("utf-8")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return run_demo(tmp_path_factory.mktemp("demo"), seed=1, say=lambda _: None)


def told(demo):
    """What the terminal is told, lines and blanks apart."""
    page = io.StringIO()
    show.show(demo, Console(file=page, width=show.WIDTH))
    return " ".join(re.sub("[│┃]", " ", page.getvalue()).split())


@pytest.fixture(scope="module")
def terminal(demo):
    return told(demo)


@pytest.fixture(scope="module")
def page(demo):
    """The words of the report, tags and blanks apart."""
    text = (demo.folder / "report.html").read_text("utf-8")
    text = re.sub(r'src="data:[^"]*"|<style.*?</style>', "", text, flags=re.DOTALL)
    return " ".join(unescape(re.sub("<[^>]+>", " ", text)).split())


@pytest.fixture(scope="module")
def happened(demo):
    """Mean and ends of the 90 % interval of purchases and spend in the hold-out, from draws of their own."""
    fit = ltv.load(demo.folder / "fit.nc")
    future = ltv.predict(fit, demo.summary, horizon=HORIZON, annual_discount_rate=0.0, margin=1.0, seed=1)
    sums = {name: future[name].sum("customer_id").values.ravel() for name in ("purchases", "spend")}
    return {name: (each.mean(), *np.quantile(each, [0.05, 0.95])) for name, each in sums.items()}


@pytest.fixture(scope="module")
def value(demo):
    """Expected value of all customers and the ends of its 90 % interval, from the files."""
    scores = pd.read_csv(demo.folder / "scores.csv", encoding="utf-8-sig")
    totals = pd.read_parquet(demo.folder / "scores.totals.parquet").groupby("draw")["value"].sum()
    return (scores["ltv_mean"].sum(), *np.quantile(totals, [0.05, 0.95]))


def whole(numbers):
    return [f"{number:,.0f}" for number in numbers]


def numbers_in(text):
    return [float(each.replace(",", "")) for each in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def test_everything_is_written(demo):
    names = {path.name for path in demo.folder.iterdir()}
    assert names == {
        "summary.parquet", "fit.nc", "scores.parquet", "scores.csv", "scores.totals.parquet",
        "scores.manifest.json", "plan", "figures", "report.html",
    }  # fmt: skip
    assert all(path.is_file() for path in demo.files)
    pictures = sorted((demo.folder / "figures").glob("*.png"))
    assert len(pictures) == 14
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert (pd.Timestamp(KNOWN_UNTIL) - pd.Timestamp(OBSERVED_UNTIL)).days == 7 * int(HORIZON.split()[0])


def test_the_holdout_is_one_forecast_in_terminal_page_json_and_picture(demo, terminal, page, happened):
    mean, low, high = whole(happened["purchases"])
    assert f"purchases {mean} {low} to {high} 1,882 outside" in terminal
    assert f"A forecast missed: 1,882 purchases came, {low} to {high} were expected: outside" in page
    assert f"purchases 1,882 {mean} {low} {high} no" in page
    mean, low, high = whole(happened["spend"])
    assert f"spend, USD {mean} {low} to {high} 70,976 outside" in terminal
    assert f"spend 70,976 {mean} {low} {high} no" in page
    for quantity, numbers in happened.items():
        found = show.plain(demo)["holdout"][quantity]
        assert [found[name] for name in ("mean", "p05", "p95")] == pytest.approx(list(numbers), rel=1e-9)
        ax = plot_tracking_cumulative(
            demo.evaluation.tracking, demo.evaluation.tracking_actual, quantity=quantity
        )
        observed = demo.evaluation.tracking.attrs[f"{quantity}_observed"]
        forecast = next(line for line in reversed(ax.lines) if line.get_color() == BLUE)
        assert forecast.get_ydata()[-1] - observed == pytest.approx(numbers[0], rel=1e-9)
        band = ax.collections[2].get_paths()[0].vertices[:, 1] - observed
        assert {round(numbers[1], 3), round(numbers[2], 3)} <= set(band.round(3))
        plt.close(ax.figure)


def test_probabilities_of_the_picture_are_those_of_the_evaluation(demo, page):
    ax = draw.reliability(demo.evaluation)
    words = [text.get_text().replace(",", "") for text in ax.texts]
    counts = [int(each) for each in words if each.isdigit()]
    assert sum(counts) == len(demo.summary) == 2357
    points = ax.containers[0].lines[0].get_xdata()
    predicted = np.average(points, weights=counts)
    assert f"purchase 2,357 {predicted:.4g}" in page
    plt.close(ax.figure)


def test_the_value_of_all_customers_is_one_figure_everywhere(demo, terminal, page, value):
    mean, low, high = whole(value)
    assert f"all 2,357 {mean} {low} to {high}" in terminal
    assert re.search(rf"all all 2,357 [\d %]+\$36 \${mean} ", terminal)
    assert f"worth ${mean} within 12 months (${low} to ${high} at 90 %)" in terminal
    assert f"should bring ${mean} (${low} to ${high} at 90 %) of margin within 12 months" in page
    assert page.count(f"${mean} (${low} to ${high})") == 2  # by tier, by group
    assert page.count(f"${mean}") == 6  # beside these the head, segments, customers one has by tier and group
    for name, column in (("segments", "value"), ("portfolio", "value_latent")):
        table = pd.read_csv(demo.folder / "plan" / f"{name}.csv", encoding="utf-8-sig")
        assert table[column].iloc[-1] == pytest.approx(value[0], rel=1e-9)
    simple = pd.read_csv(demo.folder / "plan" / "simple_ltv.csv", encoding="utf-8-sig")
    model = simple[(simple["group"] == "all") & (simple["method"] == "this_model")].iloc[0]
    assert [model[name] for name in ("total", "total_p05", "total_p95")] == pytest.approx(value, rel=1e-9)
    draws = demo.scores.totals["value"].sum(("group", "tier"))
    for other in whole([draws.mean(), draws.median()]):
        assert other == mean or other not in terminal + page


def test_expected_values_of_tiers_and_groups_add_up(demo, terminal, page, value):
    of_tiers = terminal.split("Value within 12 months, USD")[1]
    tiers = [numbers_in(of_tiers.split(f" {name} ")[1])[:2] for name in ("high", "medium", "low")]
    assert sum(number for number, _ in tiers) == 2357
    assert sum(expected for _, expected in tiers) == pytest.approx(value[0], abs=2)
    by_group = page.split("Totals over the horizon by group")[1].split("total 2,357")[0]
    means = numbers_in(" ".join(re.findall(r"\$[\d,]+ \(", by_group)))
    assert len(means) == 24
    assert sum(means[1::2]) == pytest.approx(value[0], abs=8)


def test_checks_are_told_once(demo, terminal, page):
    warned = [row["name"] for row in show.plain(demo)["checks"] if row["status"] == "warn"]
    words = f"passed, {len(warned)} with a warning" if warned else "passed"
    words += ", totals too sure" if "common_shocks" in warned else ""
    assert f"Checks: {words} " in terminal
    assert f"No check failed; {len(warned)} of 14 warn: {', '.join(warned).replace('_', ' ')}." in page
    assert re.findall(r"(\w+) warn ", page) == re.findall(r"(\w+) warn ", terminal) == warned


def test_the_plan_counts_the_same_customers_in_table_picture_and_words(demo, terminal, page):
    ax = draw.customers(demo.plan)
    labels = [text.get_text().rstrip(")").split(" (") for text in ax.get_legend().get_texts()]
    drawn = {name: int(number.replace(",", "")) for name, number in labels}
    export = pd.read_csv(demo.folder / "plan" / "customers.csv", encoding="utf-8-sig", keep_default_na=False)
    done = export["assignment"].value_counts()
    assert drawn == {name.replace("_", " "): number for name, number in done.items()}
    held = drawn.pop("hold out")
    for name, number in drawn.items():
        if name != "none":
            assert f" {name.replace(' ', '_')} {number:,} $" in terminal
    treated = sum(number for name, number in drawn.items() if name != "none")
    assert f" total {treated:,} $" in terminal
    assert f" plan {treated:,} $" in terminal
    assert f"{held:,} customers are held out at random" in terminal
    assert f"held out at random, to measure what it does: {held:,}" in page
    words = "customers get an action"
    (subtitle,) = (text.get_text() for text in ax.texts if words in text.get_text())
    assert subtitle == f"{treated:,} {words}; {held:,} more should, and are held out at random"
    plt.close(ax.figure)


def test_what_the_plan_brings_is_one_figure_in_table_pictures_and_page(demo, terminal, page):
    total = demo.plan.actions.iloc[-1]
    net, low, high = (money(total[name], "USD") for name in ("net", "net_p05", "net_p95"))
    assert re.search(rf" total [\d,]+ .*? {re.escape(net)} {re.escape(low)} to {re.escape(high)} ", terminal)
    said = f"This should bring {net} ({low} to {high} at 90 %) net of its cost of".replace("-", "−")
    assert said in page
    waterfall, curve = draw.waterfall(demo.plan), draw.budget(demo.plan)
    assert f" {net}" in [text.get_text() for text in waterfall.texts]
    cost = money(demo.plan.attrs["cost_mean"], "USD")
    assert any(text.get_text().startswith(f"plan: {net} for {cost}") for text in curve.texts)
    assert f"of which {cost} is spent" in terminal
    price = demo.plan.attrs["shadow_price"]  # what a unit of money brings net of itself
    returned = f"another $1 would return {money(1 + price, 'USD', decimals=2)}"
    assert (returned if price > 0 else "more would not return itself") in terminal
    plt.close(waterfall.figure)
    plt.close(curve.figure)


def test_the_readme_says_what_the_demo_prints(happened):
    """To hundreds: chains on another processor end a few purchases away."""
    (told,) = re.findall(r"`make demo` expects about ([\d,]+) \(([\d,]+) to ([\d,]+) at 90 %\)", README)
    assert list(told) == [f"{round(number, -2):,.0f}" for number in happened["purchases"]]
    assert "1,882 purchases were made" in README
    assert "2,357 real customers" in README


def test_the_page_on_decisions_says_what_the_demo_prints(demo, value, happened):
    """Within a fiftieth: chains on another processor end a little away, and figures are rounded."""
    row = re.search(r"^\| the model \|(.*)$", DECISIONS, flags=re.MULTILINE).group(1)
    figures = numbers_in(row)
    expected = [value[0] / 2357, *value, *(0.3 * number for number in happened["spend"])]
    assert figures == pytest.approx(expected, rel=0.02)
    assert f"they brought {0.3 * 70976.39:,.0f}" in DECISIONS.replace("\n", " ")
    simple = demo.plan.simple_ltv.set_index(["group", "method"]).loc["all"]
    for method, words in (
        ("order_frequency_lifetime", "average order × orders a year × lifetime"),
        ("historical", "historical: the past once more"),
        ("cohort_curve", "cohort curve, its last quarter going on"),
    ):
        each, total = simple.loc[method, ["per_customer", "total"]]
        assert f"| {words} | {each:.2f} | {total:,.0f} |" in DECISIONS


@pytest.mark.parametrize("name", ["ltv_intervals", "tracking_cumulative"])
def test_pictures_of_the_readme_are_those_that_the_demo_draws(demo, name):
    assert f"figures/{name}.png" in README
    where = (ROOT / "docs/figures", demo.folder / "figures")
    ours, drawn = (plt.imread(folder / f"{name}.png") for folder in where)
    assert ours.shape == drawn.shape
    assert (
        np.abs(ours - drawn).mean() < 0.003
    )  # of another shop's picture .013, with an eighth of the draws .0004


def test_without_the_files_of_cdnow_the_shop_is_made_up_and_the_cure_is_told(demo, monkeypatch):
    def gone(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(datasets, "distribution", gone)
    shop = open_shop()
    summary = ltv.summarize(shop.log, observation_end=OBSERVED_UNTIL, time_unit="week", groups=["cohort"])
    assert summary["cohort"].nunique() == 12
    assert len(summary) == 2357
    assert 800 < (summary["frequency"] > 0).sum() < 1100  # CDNOW: 946
    assert shop.log["date"].max() <= pd.Timestamp(KNOWN_UNTIL)
    pd.testing.assert_frame_equal(shop.log, open_shop().log)
    words = told(replace(demo, shop=shop))
    assert "These customers are made up. CDNOW comes with the package lifetimes" in words
    assert 'pip install "bayesltv[lifetimes]"' in words
    assert "2,357 customers of a simulated shop" in words
    monkeypatch.undo()
    assert open_shop().note == ""


def test_the_demo_as_json_can_be_read(demo):
    found = json.loads(json.dumps(show.plain(demo), allow_nan=False))
    assert found["shop"] == "CDNOW"
    assert sum(found["tiers"].values()) == found["customers"] == 2357

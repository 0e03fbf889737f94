"""Figures: they draw, say what is on their axes in which unit, and always show uncertainty."""

import json
import resource

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.base.group_scales import group_scales
from bayesltv.data.log.split import purchase_days
from bayesltv.errors import StoreError
from bayesltv.evaluation.calibration import purchase_calibration
from bayesltv.prediction.actual import actual_counts
from bayesltv.prediction.tracking import track
from bayesltv.report import plot as draw
from bayesltv.report.figures.customers import spread_of_customers
from bayesltv.report.figures.posterior import MOST_GROUPS, chosen_groups
from bayesltv.report.figures.tracking import plot_tracking_cumulative, plot_tracking_weekly
from bayesltv.report.style import money, new_figure, save_figure
from helpers import point_fit, sealed

CDNOW = {"r": 0.2425945, "alpha": 4.413602, "a": 0.792922, "b": 2.425907}
SPEND = {"p": 3.61, "q": 4.4862, "v": 34.083}


@pytest.fixture(scope="module")
def spread_fit():
    """A fit of one population whose posterior has some width."""
    tree = point_fit(CDNOW | SPEND, draws=200)
    noise = np.exp(0.1 * np.random.default_rng(1).standard_normal((7, 1, 200)))
    posterior = tree["posterior"].to_dataset()
    for factor, name in zip(noise, CDNOW | SPEND, strict=True):
        posterior[name] = posterior[name] * factor
    tree["posterior"] = xr.DataTree(posterior)
    return sealed(tree)


@pytest.fixture(scope="module")
def grouped(spread_fit):
    """Three groups; the shop's customers buy twice as often as the web's, the app's three times."""
    posterior = spread_fit["posterior"].to_dataset()
    labels = ["web", "shop", "app"]
    times = xr.DataArray([1.0, 2.0, 3.0], coords={"group": labels}, dims="group")
    wide = {name: posterior[name] * xr.ones_like(times) for name in posterior.data_vars}
    wide["alpha"] = posterior["alpha"] / times
    spec = ltv.ModelSpec(groups=("channel",), spend=ltv.SpendSpec(first_amounts=False)).resolved(
        time_unit="week", spend_unit=1.0
    )
    cells = {"group_code": ("cell", [0, 1, 1, 2]), "count": ("cell", [1200, 30, 4, 5])}
    constant = xr.Dataset(cells | {"channel_of_group": ("group", labels)}, coords={"group": labels})
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(wide), "constant_data": constant})
    tree.attrs = spread_fit.attrs
    return sealed(tree, spec=json.dumps(spec.to_dict()))


@pytest.fixture(scope="module")
def tracked(spread_fit, cdnow):
    return track(spread_fit, cdnow, seed=1, horizon="100 days")


@pytest.fixture(scope="module")
def actual(tracked, cdnow_log):
    later = ltv.summarize(cdnow_log, observation_end="1998-06-30", time_unit="week")
    days = purchase_days(cdnow_log, after=pd.Timestamp("1996-12-31"), until=pd.Timestamp("1998-06-30"))
    return actual_counts(tracked, later, amounts=days)


@pytest.fixture(scope="module")
def scores(spread_fit, cdnow, decision):
    return ltv.score(spread_fit, cdnow, decision, seed=1)


def words(ax):
    """All text of a figure's axes."""
    title = ax.get_title(loc="left")
    return " | ".join([title, ax.get_xlabel(), ax.get_ylabel(), *(text.get_text() for text in ax.texts)])


def row_labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def bands(ax):
    """The outlines of filled bands, as arrays of (x, y)."""
    return [collection.get_paths()[0].vertices for collection in ax.collections]


# ---------------------------------------------------------------------- the posterior


def test_group_scales_are_those_of_the_parameters(grouped):
    scales = group_scales(grouped)
    posterior = grouped["posterior"].to_dataset()
    np.testing.assert_allclose(scales["purchase_rate"], posterior["r"] / posterior["alpha"])
    np.testing.assert_allclose(scales["dropout_mean"], posterior["a"] / (posterior["a"] + posterior["b"]))
    np.testing.assert_allclose(scales["spend_typical"], posterior["p"] * posterior["v"] / posterior["q"])
    assert scales["customers"].values.tolist() == [1200, 34, 5]


def test_a_forest_draws_the_intervals_of_every_group_with_the_first_on_top(grouped):
    ax = draw.posterior_by_group(grouped)
    rate = group_scales(grouped)["purchase_rate"].values[0]
    thin = sorted(
        (line for line in ax.lines if line.get_linewidth() < 2), key=lambda line: -line.get_ydata()[0]
    )
    drawn = np.array([[line.get_xdata().min(), line.get_xdata().max()] for line in thin])
    np.testing.assert_allclose(drawn, np.quantile(rate, [0.05, 0.95], axis=0).T, rtol=0.01)
    assert row_labels(ax) == ["web  (n = 1,200)", "shop  (n = 34)", "app  (n = 5)"]
    assert [round(y) for y in ax.get_yticks()] == [2, 1, 0]
    assert "purchases per week while active" in words(ax)


def test_a_forest_of_one_population_has_one_row(spread_fit):
    ax = draw.posterior_by_group(spread_fit, scale="spend_typical", currency="EUR")
    assert row_labels(ax) == ["all customers"]
    ax.figure.canvas.draw()
    assert all("€" in text.get_text() for text in ax.get_xticklabels())


def test_three_forests_stand_side_by_side_and_two_without_a_spend_model(grouped):
    assert len(draw.posterior(grouped).axes) == 3
    assert len(draw.posterior(point_fit(CDNOW, draws=50)).axes) == 2


def test_groups_may_be_chosen_and_unknown_ones_are_refused(grouped):
    ax = draw.posterior_by_group(grouped, groups=["app", "web"])
    assert [label.split()[0] for label in row_labels(ax)] == ["app", "web"]
    with pytest.raises(ltv.DataError, match="kiosk"):
        draw.posterior(grouped, groups=["kiosk"])
    with pytest.raises(ltv.DataError, match=r"use purchase_rate, dropout_mean$"):
        draw.posterior_by_group(point_fit(CDNOW, draws=50), scale="spend_typical")


def test_of_many_groups_the_largest_are_drawn():
    count = xr.DataArray(np.arange(100), dims="group", coords={"group": [f"g{i}" for i in range(100)]})
    scales = xr.Dataset({"purchase_rate": count * 1.0}).assign_coords(customers=count)
    assert chosen_groups(scales, None)["customers"].values.tolist() == list(range(100 - MOST_GROUPS, 100))


# ---------------------------------------------------------------------- tracking


def test_weekly_bands_hold_the_quantiles_of_the_draws(tracked, actual):
    ax = plot_tracking_weekly(tracked, actual)
    whole = tracked["days"].values == 7
    past = ~tracked["is_forecast"].values
    counts = tracked["purchases"].values[:, past & whole]
    for outline, limits in zip(bands(ax), ([0.05, 0.95], [0.25, 0.75]), strict=False):
        edges = pd.DataFrame(outline, columns=["day", "count"]).groupby("day")["count"].agg(["min", "max"])
        np.testing.assert_allclose(edges.to_numpy().T, np.quantile(counts, limits, axis=0))
    assert len(ax.collections) == 4
    assert "repeat purchases per week" in words(ax)
    assert "2,357 customers" in words(ax)
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert shown == ["90 % of draws", "50 % of draws", "model, mean", "actual", "actual, not seen by the fit"]


def test_a_week_that_the_horizon_cuts_short_is_not_drawn_as_a_drop(tracked):
    assert tracked["days"].values[-1] == 2
    ax = plot_tracking_weekly(tracked)
    assert ax.lines[1].get_xdata()[-1] == tracked["period_end"].values[-2]


def test_the_cumulative_forecast_starts_at_what_was_bought(tracked, actual):
    ax = plot_tracking_cumulative(tracked, actual)
    start = np.datetime64("1997-09-30")
    forecast = next(line for line in ax.lines if line.get_xdata()[0] == start)
    assert forecast.get_ydata()[0] == 2457
    assert any("observed" in text.get_text() for text in ax.texts)


def test_spend_is_drawn_from_what_was_spent(tracked, actual, cdnow):
    ax = plot_tracking_cumulative(tracked, actual, quantity="spend")
    start = np.datetime64("1997-09-30")
    forecast = next(line for line in ax.lines if line.get_xdata()[0] == start)
    assert forecast.get_ydata()[0] == pytest.approx(cdnow["spend_sum"].sum())
    assert "spend on repeat purchases" in ax.get_ylabel()
    weekly = plot_tracking_weekly(tracked, actual, quantity="spend")
    past = (~tracked["is_forecast"]).values
    shown = next(line for line in weekly.lines if line.get_label() == "actual")
    np.testing.assert_allclose(shown.get_ydata(), actual["spend"].values[past])
    with pytest.raises(ltv.DataError, match="spend model"):
        plot_tracking_weekly(tracked.drop_vars("spend"), quantity="spend")
    assert plot_tracking_weekly(tracked, actual.drop_vars("spend"), quantity="spend").lines


def test_a_track_without_forecast_and_without_actual_is_drawn(tracked):
    past = tracked.isel(period_end=~tracked["is_forecast"].values)
    for plot in (plot_tracking_weekly, plot_tracking_cumulative):
        assert len(bands(plot(past))) == 2


# ---------------------------------------------------------------------- tiers, customers, calibration


def test_tier_bars_hold_the_mean_probabilities_of_each_label(scores):
    ax = draw.tiers(scores)
    high = scores[scores["tier"] == "high"]
    top = [patch.get_width() for patch in ax.patches if patch.get_y() > 1.5]
    np.testing.assert_allclose(top, high[["p_tier_low", "p_tier_medium", "p_tier_high"]].mean())
    assert row_labels(ax)[0] == f"labelled high\n{len(high):,} customers"


def test_tier_probabilities_of_chosen_customers_stand_in_the_order_asked_for(scores):
    ids = ["00018", "00004"]
    ax = draw.tier_probabilities(scores, ids)
    assert row_labels(ax) == ids
    lows = {round(patch.get_y()): patch.get_width() for patch in ax.patches if patch.get_x() == 0}
    expected = scores.set_index("customer_id").loc[ids, "p_tier_low"]
    assert [lows[1], lows[0]] == pytest.approx(expected.tolist())


def test_intervals_of_value_run_from_the_5_to_the_95_per_cent_quantile(scores):
    ids = ["00018", "00004", "01760"]
    ax = draw.values(scores, ids)
    chosen = scores.set_index("customer_id").loc[ids].sort_values("ltv_mean")
    ends = [path.vertices[:, 0].tolist() for path in ax.collections[0].get_paths()]
    assert ends == chosen[["ltv_p05", "ltv_p95"]].to_numpy().tolist()
    assert row_labels(ax)[-1] == "01760  (29 repeat purchases)"
    assert "over 12 months (margin, discounted, USD)" in words(ax)


def test_customers_chosen_for_a_picture_lead_from_the_best_to_the_middle(scores):
    chosen = spread_of_customers(scores)
    ranking = scores.sort_values("ltv_mean", ascending=False, kind="stable")["customer_id"].tolist()
    ranks = [ranking.index(customer) for customer in chosen]
    assert ranks == sorted(set(ranks))
    assert ranks[0] == 0
    assert ranks[-1] == 2357 // 2 - 1
    assert len(chosen) == 12
    assert len(spread_of_customers(scores.head(1))) == 1


def test_unknown_customers_and_tables_without_tiers_or_value_are_refused(scores):
    with pytest.raises(
        ltv.DataError, match=r"1 of 2 customers to draw are not in the score table \(id nobody\)"
    ):
        draw.values(scores, ["00004", "nobody"])
    plain = pd.DataFrame(scores)[["customer_id", "p_alive"]]
    with pytest.raises(ltv.DataError, match="no tiers"):
        draw.tiers(plain)
    with pytest.raises(ltv.DataError, match="no ltv columns"):
        draw.values(plain)


def test_calibration_shows_shares_with_intervals_against_the_line():
    table = purchase_calibration([0.2] * 10 + [0.8] * 10, [True] * 2 + [False] * 8 + [True] * 9 + [False])
    ax = draw.calibration(table, horizon="39 weeks")
    bars = ax.collections[0].get_segments()
    np.testing.assert_allclose([bar[:, 1] for bar in bars], table[["observed_p05", "observed_p95"]])
    assert "within 39 weeks" in words(ax)
    assert "share of customers who did buy" in words(ax)


# ---------------------------------------------------------------------- all of them


@pytest.fixture(scope="module")
def plots(spread_fit, grouped, tracked, actual, scores):
    table = purchase_calibration([0.2, 0.8], [False, True])
    return {
        "posterior": lambda **ax: draw.posterior_by_group(grouped, **ax),
        "weekly": lambda **ax: plot_tracking_weekly(tracked, actual, **ax),
        "cumulative": lambda **ax: plot_tracking_cumulative(tracked, actual, **ax),
        "tiers": lambda **ax: draw.tiers(scores, **ax),
        "tier probabilities": lambda **ax: draw.tier_probabilities(scores, ["00004"], **ax),
        "values": lambda **ax: draw.values(scores, **ax),
        "calibration": lambda **ax: draw.calibration(table, **ax),
    }


NAMES = ["posterior", "weekly", "cumulative", "tiers", "tier probabilities", "values", "calibration"]


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_a_title_and_labels_and_can_be_written(plots, name, tmp_path):
    ax = plots[name]()
    assert ax.get_title(loc="left")
    assert ax.get_xlabel()
    path = draw.save(ax, tmp_path / "figure.png")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_draws_into_given_axes_and_leaves_pyplot_alone(plots, name):
    import matplotlib.pyplot as plt

    ax = new_figure((4, 3)).subplots()
    assert plots[name](ax=ax) is ax
    assert ax.has_data()
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("amount", "currency", "decimals", "text"),
    [
        (1204.4, "USD", 0, "$1,204"),
        (-3.0, "EUR", 2, "−€3.00"),
        (-0.2, "SEK", 0, "SEK 0"),
        (7.0, None, 0, "7"),
    ],
)
def test_money_is_written_for_people(amount, currency, decimals, text):
    assert money(amount, currency, decimals=decimals) == text


def test_a_figure_that_cannot_be_written_leaves_the_earlier_one(tmp_path, monkeypatch):
    figure = new_figure((2.0, 2.0))
    path = save_figure(figure, tmp_path / "a.png")
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))  # what a full disk looks like to a program
    try:
        with pytest.raises(StoreError, match=r"cannot write .*a\.png.*room") as caught:
            save_figure(figure, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.exit_code == 14
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert save_figure(figure, tmp_path / "a.svg").read_text().startswith("<?xml")
    with pytest.raises(StoreError, match="is no folder"):
        save_figure(figure, tmp_path / "nope" / "a.png")

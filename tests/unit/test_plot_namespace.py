"""``ltv.plot``: every new picture is drawn, with Chinese names too, from numbers reckoned by hand."""

import warnings
from importlib import import_module
from pkgutil import walk_packages

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.data.summary.days import wait_table
from bayesltv.decisions.customers.refresh import compare_refresh
from bayesltv.prediction.concentration import lorenz_curve
from bayesltv.report import figures, style
from bayesltv.report.style import new_figure
from golden_values import SEED, decision, stored_fit, stored_summary

TWO = {"plot_tracking_weekly", "plot_tracking_cumulative"}
"""Both are ``tracking``."""


@pytest.fixture(scope="module")
def summary():
    return in_chinese(stored_summary("summary"))


def in_chinese(summary):
    named = summary.assign(customer_id="客户" + summary["customer_id"].astype(str))
    named.attrs = summary.attrs
    return named


@pytest.fixture(scope="module")
def base(summary):
    return ltv.customer_base(stored_fit("pooled"), summary, seed=SEED)


@pytest.fixture(scope="module")
def scores(base):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        return base.score(decision("retention"), draws=40)


@pytest.fixture(scope="module")
def drawn(base):
    return base.predict(horizon="26 weeks", annual_discount_rate=0.1, margin=0.3, draws=40)


@pytest.fixture(scope="module")
def refresh(scores):
    tiers = decision("retention").tiers
    old = scores.assign(tier=np.roll(scores["tier"].to_numpy(object), 3))
    return compare_refresh(old, scores, tiers)


@pytest.fixture(scope="module")
def pictures(base, scores, drawn, refresh):
    busy = base.summary.sort_values("frequency")["customer_id"].iloc[-1]
    path, table = base.alive_path(busy, draws=40), base.matrix(horizon="26 weeks", most=6, draws=40)
    return {
        "history": lambda **ax: ltv.plot.history(path, **ax),
        "matrix": lambda **ax: ltv.plot.matrix(table, **ax),
        "matrix of P(alive)": lambda **ax: ltv.plot.matrix(table, "p_alive", **ax),
        "waits": lambda **ax: ltv.plot.waits(base, **ax),
        "lorenz": lambda **ax: ltv.plot.lorenz(drawn, **ax),
        "migration": lambda **ax: ltv.plot.migration(refresh, **ax),
        "values": lambda **ax: ltv.plot.values(scores, **ax),
        "tier_probabilities": lambda **ax: ltv.plot.tier_probabilities(scores, [busy], **ax),
        "tiers": lambda **ax: ltv.plot.tiers(scores, **ax),
    }


NAMES = [
    "history", "matrix", "matrix of P(alive)", "waits", "lorenz", "migration", "values", "tier_probabilities",
    "tiers",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_draws_into_given_axes_and_shows_chinese_names(pictures, name, tmp_path):
    ax = new_figure((7, 5)).subplots()
    assert pictures[name](ax=ax) is ax
    assert ax.get_title(loc="left")
    assert ax.get_xlabel()
    ax.text(0.5, 0.5, "客户生命周期价值", transform=ax.transAxes)
    with warnings.catch_warnings():
        if style.has_cjk_font():
            warnings.simplefilter("error")  # a missing glyph warns
        ltv.plot.save(ax, tmp_path / "figure.png")


def test_a_missing_font_is_said_once_with_the_cure(monkeypatch):
    monkeypatch.setattr(style, "_CJK_FONTS", ("No Such Font",))
    style.cjk_fonts.cache_clear()
    figure = new_figure((3, 2))
    figure.suptitle("客户")
    with pytest.warns(ltv.BayesltvWarning, match="Noto Sans CJK"):
        style.readable(figure)
    style.readable(figure)  # a second warning would be an error
    style.cjk_fonts.cache_clear()


def test_every_plot_function_has_a_short_name():
    shorts = {ltv.plot.__dict__[name] for name in ltv.plot.__all__}
    rooms = [import_module(each.name) for each in walk_packages(figures.__path__, f"{figures.__name__}.")]
    long = {name: made for room in rooms for name, made in vars(room).items() if name.startswith("plot_")}
    assert len(long) > len(TWO)
    assert {name for name, made in long.items() if made not in shorts} == TWO
    assert "plot" in dir(ltv)


def draws_of(values):
    values = np.asarray(values, dtype=float)[None]
    return xr.Dataset({"value": (("chain", "draw", "customer_id"), values)})


def test_a_lorenz_curve_is_that_of_a_hand_computation():
    # 1 + 2 + 3 + 4 + 10 = 20: the lowest fifth brings 1 / 20, ..., the top fifth 10 / 20
    curve = lorenz_curve(draws_of([[3, 10, 1, 4, 2]])).set_index("customers")["p50"]
    for share, sum_ in ((0, 0), (0.2, 1), (0.4, 3), (0.6, 6), (0.8, 10), (1, 20)):
        assert curve[np.isclose(curve.index, share)].item() == pytest.approx(sum_ / 20)
    told = lorenz_curve(draws_of([[3, 10, 1, 4, 2]])).attrs
    assert told["best"] == pytest.approx([0.5] * 3)
    pairs = np.abs(np.subtract.outer([3, 10, 1, 4, 2], [3, 10, 1, 4, 2])).mean()
    assert told["gini"] == pytest.approx([pairs / (2 * 4)] * 3)


def test_each_draw_is_ordered_anew_and_draws_without_anything_are_left_out():
    told = lorenz_curve(draws_of([[1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]])).attrs
    assert told["best"] == pytest.approx([1.0] * 3)
    assert told["nothing"] == pytest.approx(1 / 3)
    with pytest.raises(ltv.DataError, match="nobody brings"):
        lorenz_curve(draws_of([[0, 0]]))
    with pytest.raises(ltv.DataError, match="no 'spend'"):
        lorenz_curve(draws_of([[1, 2]]), quantity="spend")


def test_waits_are_counted_with_the_customers_as_the_news():
    log = pd.DataFrame(
        {
            "customer_id": ["甲"] * 4 + ["乙"] * 2 + ["丙"],
            "date": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-13",
                                    "2024-01-01", "2024-01-11", "2024-02-01"]),
            "amount": 1.0,
        }
    )  # fmt: skip
    table = wait_table(ltv.summarize(log, observation_end="2024-03-01", time_unit="day"))
    # waits: 1, 1, 10 of the first and 10 of the second
    assert table["waits"].sum() == 4
    one = table[(table["wait_from"] <= 1) & (table["wait_to"] >= 1)].iloc[0]
    ten = table[(table["wait_from"] <= 10) & (table["wait_to"] >= 10)].iloc[0]
    assert (one["share"], ten["share"]) == (0.5, 0.5)
    # shares of 4 waits: residuals of the two customers are 2 - 3 / 2 and 0 - 1 / 2
    assert one["standard_error"] == pytest.approx(np.sqrt(0.5**2 + 0.5**2) / 4)
    assert table.attrs == {"waits": 4, "customers": 2, "median": 5.5}
    assert (table["wait_from"].iloc[1:].to_numpy() == table["wait_to"].iloc[:-1].to_numpy() + 1).all()


def test_a_bin_far_from_the_line_gets_a_word_and_one_on_it_none():
    table = pd.DataFrame({"predicted": [0.05, 0.5], "observed": [0.43, 0.5], "customers": [300, 100]})
    table = table.assign(observed_p05=table["observed"] - 0.05, observed_p95=table["observed"] + 0.05)
    said = [text.get_text() for text in ltv.plot.calibration(table).texts]
    assert "5 % said, 43 % came" in said
    assert not any("said" in text.get_text() for text in ltv.plot.calibration(table.iloc[1:]).texts)


def test_a_notebook_shows_what_is_drawn_without_axes_of_its_own(pictures):
    shown = pictures["lorenz"]()._repr_png_()
    assert shown.startswith(b"\x89PNG")
    assert not hasattr(pictures["lorenz"](ax=new_figure((7, 5)).subplots()), "_repr_png_")


def test_the_namespace_lists_pictures_alone():
    assert dir(ltv.plot) == sorted(ltv.plot.__all__)


def test_ticks_that_are_written_when_a_figure_is_drawn_have_their_characters(tmp_path):
    if not style.has_cjk_font():
        pytest.skip("no font with Chinese characters")
    with warnings.catch_warnings(), ltv.language("zh"):
        warnings.simplefilter("error")
        ax = style.new_axes(None)
        ax.plot(pd.date_range("2021-01-01", "2023-05-01", freq="W"), range(122))
        style.date_axis(ax.xaxis)
        assert style.save_figure(style.dress(ax, title="t"), tmp_path / "a.png").exists()

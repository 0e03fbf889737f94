"""Checks of assumptions see what is planted and pass what the model itself has made."""

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rich.console import Console

import bayesltv as ltv
from bayesltv.checks.assumptions import spend_independence
from bayesltv.checks.loo import loo_per_customer
from bayesltv.checks.psense import CONFLICT
from bayesltv.checks.result import CheckResult, FunctionCheck
from bayesltv.checks.thorough import (
    common_shocks,
    influential_customers,
    prior_sensitivity,
    replicated_customers,
)
from bayesltv.checks.timing import first_purchase_effect, pairs_of_waits, regular_timing
from bayesltv.report import plot as draw
from bayesltv.report.figures.checks import check_figures
from bayesltv.report.style import new_axes
from helpers import point_fit, sealed

PURCHASE = {"r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
END = "1997-12-31"


def log_of_waits(waits):
    """A log of customers who buy on 1 January and then after each of their waits, in days."""
    days = np.cumsum(np.concatenate([np.zeros((len(waits), 1)), waits], axis=1), axis=1).round().astype(int)
    number = np.repeat(np.arange(len(waits)), days.shape[1])
    dates = pd.Timestamp("1997-01-01") + pd.to_timedelta(days.ravel(), unit="D")
    return pd.DataFrame({"customer_id": number.astype(str), "date": dates, "amount": 10.0})


def summary_of(log, end=END):
    return ltv.summarize(log[log["date"] <= end], observation_end=end, time_unit="week")


def gamma_waits(shape, *, seed, customers=1500):
    rng = np.random.default_rng(seed)
    means = rng.uniform(15, 60, (customers, 1))
    return 1 + rng.gamma(shape, means / shape, (customers, 6))


@pytest.fixture(scope="module")
def made_by_the_model():
    log = ltv.simulate_log(3000, seed=12, purchase=PURCHASE, spend=SPEND, observation_end=END)
    return summary_of(log)


@pytest.fixture(scope="module")
def few(cdnow):
    """Customers enough for what smooths importance weights one by one."""
    some = cdnow.iloc[::12].reset_index(drop=True)
    some.attrs = cdnow.attrs
    return some


@pytest.fixture(scope="module")
def truth():
    return point_fit(PURCHASE | SPEND, draws=300)


@pytest.mark.parametrize(("shape", "status"), [(4.0, "warn"), (0.35, "warn")])
def test_regular_and_bursty_customers_are_seen(truth, shape, status):
    found = regular_timing(truth, summary_of(log_of_waits(gamma_waits(shape, seed=5))))
    assert found.status == status
    assert ("compare with mbg_cnbd" if shape > 1 else "Bursts") in found.advice


def test_the_shape_of_waits_is_recovered(truth):
    found = regular_timing(truth, summary_of(log_of_waits(gamma_waits(3.0, seed=6, customers=3000))))
    assert found.value == pytest.approx(3.0, rel=0.15)


def test_waits_made_by_the_model_pass(truth, made_by_the_model):
    found = regular_timing(truth, made_by_the_model)
    assert found.status == "pass"
    assert found.value == pytest.approx(1.0, abs=0.12)
    assert first_purchase_effect(truth, made_by_the_model).status == "pass"


def test_a_first_wait_unlike_the_others_is_seen(truth):
    waits = gamma_waits(1.0, seed=7)
    waits[:, 0] *= 0.3
    found = first_purchase_effect(truth, summary_of(log_of_waits(waits)))
    assert found.status == "warn"
    assert "sooner" in found.advice


def pairs_one_by_one(summary):
    """The pairs of waits, customer by customer."""
    found = []
    for start, days in zip(summary["first_purchase"], summary["repeat_days"], strict=True):
        purchases = [(start - pd.Timestamp(0)).days, *days]
        for at in range(0, len(purchases) - 2, 2):
            begin, middle, end = purchases[at : at + 3]
            if end - begin > 2:
                found.append(((middle - begin) / (end - begin), end - begin, at == 0))
    return found


@pytest.mark.parametrize("kind", [np.array, list])
def test_pairs_of_waits_are_those_found_customer_by_customer(made_by_the_model, kind):
    summary = made_by_the_model.sample(frac=1.0, random_state=1)
    summary["repeat_days"] = [kind(days) for days in summary["repeat_days"]]
    found = pairs_of_waits(summary)
    expected = pairs_one_by_one(summary)
    assert len(expected) > 1000
    assert list(zip(found.share, found.total, found.is_first, strict=True)) == expected


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA])
def test_customers_without_repeat_days_are_left_out_of_timing(truth, made_by_the_model, nothing):
    patchy = made_by_the_model.copy()
    patchy["repeat_days"] = [
        nothing if at % 3 == 0 else days for at, days in enumerate(patchy["repeat_days"])
    ]
    rest = made_by_the_model[np.arange(len(patchy)) % 3 != 0]
    assert regular_timing(truth, patchy).value == regular_timing(truth, rest).value
    assert first_purchase_effect(truth, patchy).value == first_purchase_effect(truth, rest).value


def test_repeat_days_that_a_csv_turned_into_text_are_not_judged(truth, made_by_the_model):
    text = made_by_the_model.assign(repeat_days=made_by_the_model["repeat_days"].astype(str))
    assert regular_timing(truth, text).status == "not applicable"
    assert ltv.check(truth, text)["first_purchase_effect"].status == "not applicable"


def test_the_first_wait_is_held_against_its_distance_from_a_half(truth):
    waits = gamma_waits(1.0, seed=7, customers=4000)
    waits[:, 0] *= 0.5
    found = first_purchase_effect(truth, summary_of(log_of_waits(waits)))
    # E[X/(X + Y)] of exponential waits with means m/2 and m is 2 ln 2 − 1
    assert found.value == pytest.approx(0.5 - (2 * np.log(2) - 1), abs=0.015)
    assert found.value > found.threshold


def test_a_first_amount_unlike_the_others_is_seen(truth, made_by_the_model):
    doubled = made_by_the_model.copy()
    doubled["value_to_date"] += doubled["value_to_date"] - doubled["spend_sum"]
    found = first_purchase_effect(truth, doubled)
    assert found.status == "warn"
    assert "first basket" in found.advice


def test_weeks_that_move_all_customers_are_seen(truth, made_by_the_model):
    passing = common_shocks(truth, made_by_the_model)
    assert passing.status == "pass"
    log = ltv.simulate_log(3000, seed=12, purchase=PURCHASE, spend=SPEND, observation_end=END)
    # two of five purchases of every second four weeks are put off to the four weeks after
    late = log.copy()
    block = (late["date"] - pd.Timestamp("1997-01-01")).dt.days // 28
    first = ~late.duplicated("customer_id")
    moved = (block % 2 == 0) & ~first & (np.arange(len(late)) % 5 < 2)
    late.loc[moved, "date"] += pd.Timedelta(days=28)
    found = common_shocks(truth, summary_of(late))
    assert found.status == "warn"
    assert "[clock]" in found.advice
    assert found.value > 2 * passing.value


def test_cdnow_has_common_shocks_and_price_points(laplace_fit, cdnow):
    assert common_shocks(laplace_fit, cdnow).status == "warn"
    found = replicated_customers(laplace_fit, cdnow)
    assert found.status == "warn"
    assert "price points" in found.advice


def test_the_wrong_family_is_seen_by_replicas():
    log = ltv.simulate_log(
        3000, seed=21, family="mbg_nbd", purchase=PURCHASE | {"a": 2.5}, observation_end=END
    )
    summary = ltv.summarize(log, observation_end=END, time_unit="week", monetary_value_col=None)
    wrong = replicated_customers(point_fit(PURCHASE | {"a": 2.5}, draws=200), summary)
    right = replicated_customers(point_fit(PURCHASE | {"a": 2.5}, draws=200, family="mbg_nbd"), summary)
    assert (wrong.status, right.status) == ("warn", "pass")
    assert "mbg_nbd" in wrong.advice


def test_no_customer_of_cdnow_is_too_influential(laplace_fit, few):
    assert influential_customers(laplace_fit, few).status == "pass"


# --------------------------------------------------------------------------------- power scaling and loo


def test_sensitivity_is_that_of_arviz_with_every_customer_set_out(laplace_fit, few):
    found = ltv.psense(laplace_fit, few).set_index("parameter")
    values = {}
    for part, node in ltv.log_likelihood(laplace_fit, few).children.items():
        each = node["log_likelihood"].isel(
            unit=np.repeat(np.arange(node.sizes["unit"]), node["customers"].values)
        )
        values[part] = each.rename(unit=f"{part}_customer").assign_coords(laplace_fit["posterior"].coords)
    tree = xr.DataTree.from_dict(
        {
            "posterior": laplace_fit["posterior"].to_dataset()[list(found.index)],
            "log_prior": laplace_fit["log_prior"].to_dataset(),
            "log_likelihood": xr.Dataset(values),
        }
    )
    for group, column in (("prior", "prior"), ("likelihood", "likelihood")):
        expected = az.psense(tree, group=group)
        for name in found.index:
            assert found.loc[name, column] == pytest.approx(float(expected[name]), rel=1e-6)


def test_a_strong_prior_in_the_wrong_place_is_found(cdnow):
    sure = ltv.PriorSpec(
        family="LogNormal", parameters={"mu": 0.0, "sigma": 0.05}, per="week", why="wrong by a factor"
    )
    spec = ltv.ModelSpec(priors={"purchase_rate": sure}, spend=None)
    some = cdnow.iloc[::4].reset_index(drop=True)
    some.attrs = cdnow.attrs
    fit = ltv.fit(some, spec, seed=1, method="laplace", progress=False)
    found = ltv.psense(fit, some).set_index("parameter")
    assert found["strongest_prior"].eq("purchase_rate").any()
    assert found["prior"].max() > 0.1
    assert CONFLICT in set(found["diagnosis"])


def test_a_fit_without_log_prior_cannot_be_scaled(truth, cdnow):
    with pytest.raises(ltv.FitError, match="log_prior"):
        ltv.psense(truth, cdnow)


def test_leave_one_out_per_customer_adds_up_to_that_of_cells(laplace_fit, few):
    mixed = few.sample(frac=1.0, random_state=3).reset_index(drop=True)
    mixed.attrs = few.attrs
    per_customer = loo_per_customer(laplace_fit, mixed)
    for part, whole in ltv.loo(laplace_fit, few).items():
        each = per_customer[part]
        assert each.elpd_i.size == each.n_data_points == whole.n_data_points
        assert float(each.elpd_i.sum()) == pytest.approx(whole.elpd, abs=1e-8)
        n = each.elpd_i.size
        assert whole.se == pytest.approx(np.sqrt(n * np.var(each.elpd_i.values, ddof=1)), rel=1e-9)


# -------------------------------------------------------------------------------------------- protocol


def test_a_summary_without_attributes_is_checked_in_the_unit_and_to_the_end_of_the_fit(
    laplace_fit, cdnow, monkeypatch
):
    monkeypatch.setattr("bayesltv.checks.thorough.THOROUGH_CHECKS", (common_shocks,))
    bare = cdnow.copy()
    bare.attrs = {}
    told = ltv.check(laplace_fit, cdnow, thorough=True)
    assert told["common_shocks"].status == "warn"
    assert ltv.check(laplace_fit, bare, thorough=True).table.equals(told.table)
    assert bare.attrs == {}
    endless = sealed(laplace_fit, observation_end="")
    assert ltv.check(endless, bare, thorough=True)["common_shocks"].status == "not applicable"
    given = {"time_unit": "week", "observation_end": "1997-09-30"}
    assert ltv.check(endless, bare, thorough=True, **given).table.equals(told.table)
    for wrong in ({"time_unit": "day"}, {"observation_end": "1997-09-29"}):
        with pytest.raises(ltv.DataError):
            ltv.check(laplace_fit, cdnow, **wrong)
    with pytest.raises(ltv.DataError, match="in days but the fit in weeks"):
        ltv.check(laplace_fit, bare, time_unit="day")


def test_a_check_of_ones_own_is_run_with_the_others(truth, made_by_the_model):
    def nobody_is_called_bob(fit, summary):
        bobs = int((summary["customer_id"] == "bob").sum())
        return CheckResult("nobody_is_called_bob", "fail" if bobs else "pass", bobs, 0, f"{bobs} bobs")

    report = ltv.check(truth, made_by_the_model, more=[FunctionCheck(nobody_is_called_bob)])
    assert report["nobody_is_called_bob"].passed
    assert "nobody_is_called_bob" in list(report.table["name"])


def test_thorough_checks_print_serialise_and_draw(laplace_fit, cdnow, monkeypatch):
    monkeypatch.setattr(
        "bayesltv.checks.thorough.THOROUGH_CHECKS", (common_shocks, replicated_customers, prior_sensitivity)
    )
    report = ltv.check(laplace_fit, cdnow, thorough=True)
    assert {"common_shocks", "replicated_customers", "prior_sensitivity"} <= set(report.table["name"])
    assert report.passed
    assert "table" not in report.to_json()
    console = Console(record=True, width=400)
    console.print(report)
    assert "try [clock]" in console.export_text()
    figures = check_figures(report)
    expected = {"regular_timing", "common_shocks", "prior_sensitivity", "replicas_frequency"}
    expected |= {"spend_independence", "first_purchase_effect", "prior_conflict"}
    assert expected <= set(figures)
    for plot in figures.values():
        assert plot().get_title(loc="left")
    with pytest.raises(ltv.DataError, match="no picture"):
        draw.check(report["rhat"])


def test_a_check_of_ones_own_brings_its_own_figure(truth, made_by_the_model):
    def bobs(fit, summary):
        def plot(result, ax):
            ax = new_axes(ax)
            ax.set_title(f"{result.value:g} bobs", loc="left")
            return ax

        return CheckResult("bobs", "pass", 0.0, 1.0, "no bobs", plot=plot)

    report = ltv.check(truth, made_by_the_model, more=[FunctionCheck(bobs)])
    assert check_figures(report)["bobs"]().get_title(loc="left") == "0 bobs"
    assert "plot" not in report.to_json()
    assert "plot" not in report.table


def test_influence_is_drawn_with_the_customers_counted_as_often_as_they_occur(laplace_fit, few):
    found = influential_customers(laplace_fit, few)
    ax = draw.check(found)
    shapes = found.facts["shapes"]
    sizes = {"purchase": len(few), "spend": int(((few["spend_count"] > 0) | (few["first_amount"] > 0)).sum())}
    assert shapes.groupby("part")["customers"].sum().to_dict() == sizes
    assert len(ax.patches) == 2


def test_spend_by_frequency_holds_the_quartiles_of_each_class(laplace_fit, cdnow):
    table = spend_independence(laplace_fit, cdnow).table.set_index("frequency")
    twice = cdnow[(cdnow["frequency"] == 2) & (cdnow["monetary_value"] > 0)]["monetary_value"]
    assert table.loc["2", "customers"] == len(twice)
    assert table.loc["2", ["p25", "p50", "p75"]].tolist() == twice.quantile([0.25, 0.5, 0.75]).tolist()
    # against the bootstrap: the interval of a median is about four of its standard errors wide
    rng = np.random.default_rng(1)
    medians = [np.median(rng.choice(twice, len(twice))) for _ in range(2000)]
    width = np.log(table.loc["2", "p50_high"] / table.loc["2", "p50_low"])
    assert width == pytest.approx(4 * np.std(np.log(medians)), rel=0.35)


def test_chains_are_drawn_by_the_checks_that_look_at_them(pooled_fit, laplace_fit):
    figures = check_figures(ltv.check(pooled_fit), pooled_fit)
    assert {"rhat", "ess_bulk", "ess_tail", "divergences", "ebfmi"} <= set(figures)
    assert len(draw.sampler(pooled_fit, "rhat").axes) >= 7
    assert len(draw.sampler(pooled_fit, "ebfmi").axes) >= 1
    with pytest.raises(ltv.DataError, match="not sampled by NUTS"):
        draw.sampler(laplace_fit, "rhat")

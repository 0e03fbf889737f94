"""Key figures by tier and stage, and of all customers, against predictive draws and sums by hand."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.base.customers import make_customers
from bayesltv.base.population import hyperparameters_of, read_posterior
from bayesltv.decisions.customers.portfolio_value import portfolio_table, simple_reckonings
from bayesltv.decisions.customers.stages import stage_block, stage_limits
from bayesltv.prediction.terms import terms_of
from bayesltv.specs.decision.stages import STAGES, StageSpec
from helpers import point_fit

THETA = {"r": 0.6, "alpha": 5.0, "a": 0.9, "b": 2.0, "p": 6.0, "q": 4.0, "v": 90.0}
DRAWS = 80
VALUE = ltv.ValueSpec(horizon="52 weeks", annual_discount_rate=0.1, margin=0.4, currency="EUR")
LETTER = ltv.ActionSpec(
    name="letter", kind="contact", contact=0.4,
    effects={"rate": ltv.PriorSpec.elicited(mass=0.9, between=(0.8, 2.2))},
)  # fmt: skip
TIERS = ltv.TierSpec([ltv.Tier("low"), ltv.Tier("high", at_least=25.0)])
DECISION = ltv.DecisionSpec(value=VALUE, tiers=TIERS, stages=StageSpec(), actions=(LETTER,))


@pytest.fixture(scope="module")
def fit():
    return point_fit(THETA, draws=DRAWS, family="mbg_nbd")


@pytest.fixture(scope="module")
def summary():
    log = ltv.simulate_log(
        90, seed=5, purchase={k: THETA[k] for k in "r alpha a b".split()},  # noqa: SIM905
        spend={k: THETA[k] for k in "pqv"}, family="mbg_nbd",
    )  # fmt: skip
    return ltv.summarize(log, observation_end="1997-09-30", time_unit="week", currency="EUR")


@pytest.fixture(scope="module")
def plan(fit, summary):
    return ltv.decide(fit, summary, DECISION, seed=4, draws=None)


def test_segments_count_every_customer_once(plan):
    table = plan.segments.set_index(["tier", "stage"])
    inner = table.drop(index="all", level="tier").drop(index="all", level="stage")
    assert inner["customers"].sum() == table.loc[("all", "all"), "customers"] == len(plan.customers)
    for name in ("expected_purchases", "value"):
        assert inner[name].sum() == pytest.approx(table.loc[("all", "all"), name])
    both = plan.customers.groupby(["tier", "stage"]).size()
    for place, number in both.items():
        assert table.loc[place, "customers"] == number


def test_how_many_are_in_a_stage_is_counted_draw_by_draw(fit, summary, plan):
    """Each customer staged alone; then those of a tier are added up inside each draw."""
    population = hyperparameters_of(read_posterior(fit)).as_population()
    people = make_customers(summary, np.zeros(len(summary), np.int32), population.family, with_spend=True)
    terms = terms_of(VALUE, "week")
    limits = stage_limits(DECISION.stages, terms, "week")
    alone = np.stack(
        [
            stage_block(population, people.rows(slice(i, i + 1)), terms, limits, seed=4).counts
            for i in range(len(summary))
        ]
    )
    table = plan.segments.set_index(["tier", "stage"])
    for tier in ("low", "high"):
        counts = alone[(plan.customers["tier"] == tier).to_numpy()].sum(axis=0)
        for at, stage in enumerate(STAGES):
            expected = np.quantile(counts[at], [0.05, 0.5, 0.95])
            row = table.loc[(tier, stage), ["in_stage_p05", "in_stage_p50", "in_stage_p95"]]
            assert np.allclose(row.to_numpy(float), expected), (tier, stage)
    assert table.loc[("all", "lapsed"), "in_stage_p95"] > table.loc[("all", "lapsed"), "in_stage_p05"]


def test_key_figures_are_means_over_those_who_have_the_label(plan):
    some = plan.customers[(plan.customers["tier"] == "low") & (plan.customers["stage"] == "at_risk")]
    assert len(some)
    row = plan.segments.set_index(["tier", "stage"]).loc[("low", "at_risk")]
    assert row["retention"] == pytest.approx(some["p_purchase_horizon"].mean())
    assert row["repurchase"] == pytest.approx((some["frequency"] >= 1).mean())
    assert row["active"] == pytest.approx(some["p_stage_active"].mean())
    weights = some["expected_purchases"]
    average = np.average(some["expected_spend_per_purchase"], weights=weights)
    assert row["average_order"] == pytest.approx(average)


def test_without_tiers_and_stages_there_is_one_segment(fit, summary):
    bare = ltv.decide(fit, summary, ltv.DecisionSpec(value=VALUE, actions=(LETTER,)), seed=4, draws=20)
    assert bare.segments[["tier", "stage"]].drop_duplicates().to_numpy().tolist() == [["all", "all"]]
    assert bare.segments["in_stage_p05"].isna().all()


def test_the_portfolio_is_the_sum_of_predictive_draws(fit, summary, plan):
    draws = ltv.predict(fit, summary, horizon="52 weeks", annual_discount_rate=0.1, margin=0.4, seed=4)
    table = plan.portfolio.set_index(["group", "tier"])
    high = (plan.customers["tier"] == "high").to_numpy()
    for tier, here in (("high", high), ("all", np.ones(len(high), bool))):
        whole = draws.isel(customer_id=here).sum("customer_id")
        for name in ("purchases", "spend", "value"):
            expected = np.quantile(whole[name].values, [0.05, 0.5, 0.95])
            row = table.loc[("all", tier), [f"{name}_p05", f"{name}_p50", f"{name}_p95"]]
            assert np.allclose(row.to_numpy(float), expected, rtol=1e-6), (tier, name)
        spent = summary.loc[here, "value_to_date"].sum()
        assert table.loc[("all", tier), "value_to_date"] == pytest.approx(spent)
        assert table.loc[("all", tier), "past_value"] == pytest.approx(0.4 * spent)
    said = plan.portfolio.iloc[-1]
    assert (said["value_basis"], said["value_kind"]) == ("margin", "realised")
    assert said["scope"] == "existing customers only"
    # customers' quantiles do not add up to the portfolio's
    assert plan.customers["ltv_p95"].sum() > said["value_p95"]


def test_groups_and_tiers_have_rows_of_their_own_and_sums_over_either():
    rng = np.random.default_rng(3)
    sums = rng.gamma(2.0, 50.0, (3, 2, 2, 400))
    sums[:, 1, 1] = 0.0  # nobody in the north is high
    dims = ("group", "tier", "draw")
    totals = xr.Dataset(
        {name: (dims, sums[at]) for at, name in enumerate(("purchases", "spend", "value"))},
        coords={"group": ["web | south", "web | north"], "tier": ["low", "high"]},
    )
    scores = pd.DataFrame(
        {
            "channel": "web",
            "region": ["south", "north", "south", "south"],
            "tier": ["low", "low", "high", "low"],
            "ltv_mean": [1.0, 2.0, 4.0, 8.0],
            "value_to_date": [10.0, 20.0, 40.0, 80.0],
        }
    )
    table = portfolio_table(totals, scores, VALUE, ("channel", "region")).set_index(["group", "tier"])
    assert len(table) == 8
    expected = {
        ("web | south", "low"): (2, 90.0, sums[2, 0, 0]),
        ("web | south", "all"): (3, 130.0, sums[2, 0].sum(axis=0)),
        ("web | north", "low"): (1, 20.0, sums[2, 1, 0]),
        ("all", "low"): (3, 110.0, sums[2, :, 0].sum(axis=0)),
        ("all", "all"): (4, 150.0, sums[2].sum(axis=(0, 1))),
    }
    for place, (customers, spent, value) in expected.items():
        row = table.loc[place]
        assert row["customers"] == customers
        assert row["value_to_date"] == spent
        assert row["past_value"] == pytest.approx(0.4 * spent)
        assert row["value_latent"] == pytest.approx(spent / 10)
        assert row["value_p95"] == pytest.approx(np.quantile(value, 0.95))


def test_simple_reckonings_of_regular_customers_are_known_by_hand():
    """Two years in sight, an order of 10 every 28 days: 13.04 orders a year, all of them still there."""
    ages = 26 * 28
    days = [np.arange(28, ages, 28) + 14] * 3
    some = pd.DataFrame(
        {
            "customer_id": list("abc"),
            "frequency": [len(days[0])] * 3,
            "recency": [float(days[0][-1])] * 3,
            "T": [float(ages)] * 3,
            "value_to_date": [10.0 * (len(days[0]) + 1)] * 3,
            "first_purchase": pd.to_datetime(["2020-01-01"] * 3),
            "repeat_days": [
                each + np.datetime64("2020-01-01").astype("datetime64[D]").astype(int) for each in days
            ],
        }
    )
    found = simple_reckonings(some, horizon_days=365.25, unit_days=1.0)
    orders, years = 26, ages / 365.25
    assert found["historical"] == 3 * 260.0
    assert found["order_frequency_lifetime"] == pytest.approx(3 * 10.0 * orders / years)
    assert found["revenue_lifetime_retention"] == pytest.approx(3 * 260.0 / years)
    assert found["cohort_curve"] == pytest.approx(3 * 10.0 * 365.25 / 28)
    gone = some.assign(recency=[100.0, *some["recency"][1:]])
    churned = simple_reckonings(gone, horizon_days=365.25, unit_days=1.0)
    assert churned["revenue_lifetime_retention"] == pytest.approx(2 / 3 * 3 * 260.0 / years)


def test_the_model_stands_beside_simple_reckonings(plan, summary):
    table = plan.simple_ltv.set_index("method")
    assert table.index.tolist() == [
        "this_model", "order_frequency_lifetime", "revenue_lifetime_retention", "historical", "cohort_curve",
    ]  # fmt: skip
    assert table.loc["this_model", "total"] == pytest.approx(plan.customers["ltv_mean"].sum())
    assert table.loc["historical", "per_customer"] == pytest.approx(0.4 * summary["value_to_date"].mean())

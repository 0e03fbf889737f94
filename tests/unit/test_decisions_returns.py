"""Returns by segment add up to the plan; reasons and runners-up follow from options; a sceptic sees less."""

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.cli.output.plan import sceptic_lines
from bayesltv.decisions.offer.pnl import net_value, spending
from bayesltv.decisions.reasons import Expected, reasons, runners_up
from bayesltv.decisions.returns import segments_of
from bayesltv.decisions.sceptic import weakened
from bayesltv.errors import SpecError
from bayesltv.report.figures.plan import plot_returns
from bayesltv.specs.decision.actions import EFFECTS
from bayesltv.specs.decision.stages import StageSpec
from helpers import point_fit

THETA = {"r": 0.8, "alpha": 4.0, "a": 0.7, "b": 2.5, "p": 6.25, "q": 3.74, "v": 15.44}
LETTER = ltv.ActionSpec(
    name="letter", kind="contact", window="6 weeks", contact=0.4, eligible="p_alive > 0.3",
    effects={"rate": ltv.PriorSpec.elicited(mass=0.9, between=(1.0, 1.8))},
)  # fmt: skip
COUPON = ltv.ActionSpec(
    name="coupon", kind="discount", window="4 weeks", discount=0.2,
    effects={"rate": ltv.PriorSpec.elicited(mass=0.9, between=(0.9, 2.5))},
)  # fmt: skip
VALUE = ltv.ValueSpec(horizon="52 weeks", annual_discount_rate=0.1, margin=0.4, currency="EUR")


@pytest.fixture(scope="module")
def plan():
    world = {
        "purchase": {k: THETA[k] for k in ("r", "alpha", "a", "b")},
        "spend": {k: THETA[k] for k in "pqv"},
    }
    log = ltv.simulate_log(90, seed=11, family="mbg_nbd", **world)
    summary = ltv.summarize(log, observation_end="1997-09-30", time_unit="week", currency="EUR")
    decision = ltv.DecisionSpec(
        value=VALUE,
        tiers=ltv.TierSpec([ltv.Tier("low"), ltv.Tier("high", at_least=15.0)]),
        actions=(LETTER, COUPON),
        budget=ltv.BudgetSpec(amount=20.0, hold_out=0.2),
        stages=StageSpec(),
    )
    return ltv.decide(point_fit(THETA, draws=40, family="mbg_nbd"), summary, decision, seed=4)


@pytest.mark.parametrize("by", ["tier", "stage"])
def test_the_chosen_of_all_segments_are_the_plan_in_every_draw(plan, by):
    found = plan.return_draws
    mine = found.isel(segment=np.flatnonzero(found["by"].values == by)).sel(who="chosen")
    whole = plan.draws.sel(policy="plan")
    assert mine.sizes["segment"] >= 2
    assert np.array_equal(mine["pnl"].sum("segment").values, whole["pnl"].values)
    assert np.array_equal(mine["customers"].sum("segment").values, whole["customers"].values)


def test_all_who_are_eligible_are_one_action_for_all_of_the_segment(plan):
    tiers, eligible = plan.customers["tier"].to_numpy(), plan.options["eligible"].values
    net = plan.options["net_mean"].values
    table = plan.returns[plan.returns["by"] == "tier"].set_index(["segment", "action"])
    for (segment, action), row in table.iterrows():
        at = list(plan.options["action"].values).index(action)
        who = (tiers == segment) & eligible[:, at]
        assert row["eligible"] == who.sum()
        assert row["net"] == pytest.approx(net[who, at].sum(), abs=1e-4)
    draws = plan.return_draws.isel(segment=0).sel(who="eligible", action="letter")["pnl"].values
    first = plan.returns.iloc[0]
    assert first["roi"] == pytest.approx(net_value(draws, axis=0).mean() / spending(draws, axis=0).mean())
    by_draw = net_value(draws, axis=0) / spending(draws, axis=0)
    assert first["roi_p95"] == pytest.approx(np.quantile(by_draw, 0.95))


def test_an_action_that_nobody_gets_still_shows_what_it_would_return(plan):
    unchosen = plan.returns[(plan.returns["chosen"] == 0) & (plan.returns["eligible"] > 0)]
    assert len(unchosen)
    assert unchosen["net"].notna().all()
    assert unchosen["chosen_net"].isna().all()


def test_columns_with_many_labels_are_no_segments():
    table = pd.DataFrame({"few": ["a", "b"] * 20, "many": [str(i) for i in range(40)]})
    assert segments_of(table, ("few", "many", "absent")).columns == ("few",)


def test_every_reason_is_given_where_it_holds():
    net = np.array([[5.0, 1.0], [-1.0, -2.0], [3.0, 1.0], [0.5, -1.0], [4.0, 2.0], [9.0, 9.0]])
    eligible = np.ones((6, 2), bool)
    eligible[5] = False
    expected = Expected(net, np.ones((6, 2)), eligible, np.zeros(2), 1.0, is_limited=True)
    recommended = np.array([0, -1, -1, -1, 0, -1], np.int32)
    withheld = np.array([False, False, False, False, True, False])
    told = ["", "does_not_pay", "capacity", "budget", "held_out", "not_eligible"]
    assert reasons(expected, recommended, withheld).tolist() == told
    second, value = runners_up(expected, recommended)
    assert second.tolist() == [1, 0, 0, 0, 1, -1]
    assert np.allclose(value, [1.0, -1.0, 3.0, 0.5, 2.0, np.nan], equal_nan=True)


def test_a_campaign_that_does_not_earn_its_fixed_cost_does_not_pay():
    expected = Expected(
        np.array([[2.0]]), np.ones((1, 1)), np.ones((1, 1), bool), np.array([50.0]), 0.0, False
    )
    assert reasons(expected, np.array([-1], np.int32), np.array([False])).tolist() == ["does_not_pay"]


def test_the_columns_of_customers_agree_with_the_options(plan):
    customers = plan.customers
    treated = customers["assignment"].isin(["letter", "coupon"])
    assert (customers.loc[treated, "reason"] == "").all()
    assert (customers.loc[~treated, "reason"] != "").all()
    roi = customers.loc[treated, "action_net_mean"] / customers.loc[treated, "action_cost_mean"]
    assert np.allclose(customers.loc[treated, "action_roi"], roi)
    assert (customers["runner_up"] != customers["recommended_action"])[customers["runner_up"] != "none"].all()


def test_without_effects_the_plan_costs_what_it_costs(plan):
    table = plan.sceptic.set_index("share_of_effect")
    parts = plan.draws.sel(policy="plan")["pnl"].sum("action")
    given_away = float(parts.sel(part="contact_cost").mean() + parts.sel(part="subsidy").mean())
    assert table.loc[0.0, "net"] == pytest.approx(-given_away, rel=1e-3)
    assert table.loc[1.0, "net"] == pytest.approx(plan.attrs["net_mean"], rel=1e-6)
    share = plan.attrs["break_even_share"]
    assert np.interp(share, table.index, table["net"]) == pytest.approx(0.0, abs=1e-9)
    assert "if no action works the plan nets" in sceptic_lines(plan)[0]


def test_half_of_an_effect_is_half_way_to_none():
    effects = np.full((1, 1, 1, len(EFFECTS)), 0.4)
    half = dict(zip(EFFECTS, weakened(effects, 0.5)[0, 0, 0], strict=True))
    assert half["rate"] == pytest.approx(0.7)
    assert half["reactivation"] == pytest.approx(0.2)
    assert half["redemption"] == 0.4


def test_who_slips_away_is_ranked_by_what_would_be_lost(plan):
    listed = plan.tables["at_risk"]
    assert listed["value_at_risk"].is_monotonic_decreasing
    assert set(listed["customer_id"]) <= set(plan.customers["customer_id"])
    assert (listed["value_at_risk"] > 0).all()


def test_returns_are_drawn_and_absent_segments_named(plan):
    ax = plot_returns(plan, by="tier")
    assert [each.get_text() for each in ax.get_yticklabels()] == ["high", "low"]
    with pytest.raises(SpecError, match="no returns by country"):
        plot_returns(plan, by="country")

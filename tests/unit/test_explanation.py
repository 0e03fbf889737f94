"""What is said of one customer, and of some beside all: each figure against the question it comes from."""

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.languages.language import language
from golden_values import SEED, STORED, decision, stored_fit, stored_summary

PLANNED = ("recommended_action", "assignment", "reason", "runner_up", "action_net_mean", "runner_up_net_mean")
pytestmark = pytest.mark.filterwarnings("ignore::bayesltv.BayesltvWarning")


@pytest.fixture(scope="module")
def base():
    whole = stored_summary("summary_grouped")
    summary = whole.iloc[:: len(whole) // 120].head(120)
    return ltv.customer_base(stored_fit("grouped"), summary, seed=SEED, draws=100)


@pytest.fixture(scope="module")
def asked():
    return decision("retention")


@pytest.fixture(scope="module")
def plan(base, asked):
    return base.decide(asked)


@pytest.fixture(scope="module")
def scores(base, asked):
    return base.score(asked)


# ------------------------------------------------------------------------------------------- one customer


def test_figures_are_those_of_score_and_the_path_is_that_of_alive_path(base, asked, scores):
    who = scores["customer_id"].iloc[17]
    found = base.explain(who, asked)
    want = scores.iloc[17]
    for name in scores.columns:
        assert found.row[name] == want[name] or pd.isna(want[name])
    pd.testing.assert_frame_equal(found.path, base.alive_path(who))
    told = found.table.set_index("quantity")["value"]
    assert told["ltv_p95"] == want["ltv_p95"]
    assert told["tier"] == want["tier"]
    assert told["p_tier_high"] == want["p_tier_high"]
    assert "plan" not in set(found.table["about"])


def test_reason_action_and_runner_up_are_the_plans_columns(base, asked, plan):
    rows = plan.customers.groupby("reason").head(1)
    assert len(rows) >= 3
    for row in rows.to_dict("records"):
        found = base.explain(row["customer_id"], asked, plan)
        told = found.table.set_index("quantity")["value"]
        for name in PLANNED:
            assert told[name] == row[name] or pd.isna(row[name])
        text = str(found)
        assert ("does nothing" in text) == (row["recommended_action"] == "none")
        assert ("held out" in text) == (row["assignment"] == "hold_out")
        assert (f"action is {row['recommended_action']}:" in text) == (row["recommended_action"] != "none")
        is_more = row["runner_up_net_mean"] > row["action_net_mean"]
        assert (f"{row['runner_up']} would bring more" in text) == is_more
        assert (f"{row['runner_up']}: " in text) == (row["runner_up"] != "none" and not is_more)


def test_sentences_tell_history_value_and_tier(base, asked, scores):
    log = pd.read_csv(STORED / "log.csv", parse_dates=["date"], dtype={"customer_id": str})
    row = scores.loc[scores["frequency"].idxmax()]
    text = str(base.explain(row["customer_id"], asked))
    days = log.loc[log["customer_id"] == row["customer_id"], "date"].dt.date
    days = sorted(set(days[days <= base.end.date()]))
    assert f"bought first on {days[0]} and again on {len(days) - 1} days" in text
    assert f"last on {days[-1]}." in text
    assert f"{100 * row['p_alive']:.0f} %" in text
    assert f"between ${row['ltv_p05']:,.2f} and ${row['ltv_p95']:,.2f}" in text
    assert f"Its tier is {row['tier']} (" in text
    once = scores.loc[scores["frequency"] == 0, "customer_id"].iloc[0]
    assert "and not again up to" in str(base.explain(once, asked))


def test_it_is_said_in_chinese(base, asked, plan):
    for who in plan.customers.groupby("reason").head(1)["customer_id"]:
        with language("zh"):
            text = str(base.explain(who, asked, plan))
        assert all(any("\u4e00" <= letter <= "\u9fff" for letter in line) for line in text.splitlines())


def test_tiers_relative_to_others_are_those_among_all(base):
    ranked = decision("relative")
    want = base.score(ranked).iloc[3]
    assert base.explain(want["customer_id"], ranked).row["tier"] == want["tier"]
    names = [name for name in want.index if name.startswith("p_tier_")]
    found = base.explain(want["customer_id"], ranked).row
    assert [found[name] for name in names] == [want[name] for name in names]


def test_an_unknown_customer_gets_the_nearest(base, asked):
    known = base.summary["customer_id"].iloc[5]
    with pytest.raises(ltv.DataError, match=f"no customer {known}x among the 120 .* nearest is id {known}$"):
        base.explain(f"{known}x", asked)
    with pytest.raises(
        ltv.DataError, match=r"no customer ZZZ among the 120 of the summary: it has ids c00001"
    ):
        base.explain("ZZZ", asked)


def test_a_plan_of_another_decision_is_refused(base, plan):
    with pytest.raises(ltv.DataError, match=r"another base or decision.*decision_hash"):
        base.explain(base.summary["customer_id"].iloc[0], decision("relative"), plan)


def test_the_picture_shows_the_path(base, asked, scores):
    who = scores.loc[scores["frequency"].idxmax(), "customer_id"]
    found = base.explain(who, asked)
    drawn = np.concatenate([line.get_ydata() for line in found.plot().get_lines()])
    assert np.isin(found.path["p_alive"].round(12), np.round(np.asarray(drawn, float), 12)).all()


# ------------------------------------------------------------------------------------------- some beside all

WHERE = "tier == 'high' and p_alive >= 0.5"


@pytest.fixture(scope="module")
def profile(base, asked):
    return base.profile(WHERE, asked).set_index(["kind", "name", "level"])


def test_shares_and_known_means_are_those_reckoned_by_hand(base, asked, plan, profile):
    people = plan.customers
    mine = ((people["tier"] == "high") & (people["p_alive"] >= 0.5)).to_numpy()
    assert 0 < mine.sum() < len(base)
    assert profile.loc[("customers", "customers", ""), ["chosen", "all"]].tolist() == [mine.sum(), len(base)]
    column = base.posterior.columns[0]
    assert base.summary[column].nunique() > 1
    for level in base.summary[column].unique():
        share = [(base.summary.loc[rows, column] == level).mean() for rows in (mine, mine | True)]
        assert profile.loc[("share", column, level), ["chosen", "all"]].tolist() == pytest.approx(share)
    assert profile.xs("tier", level="name").index.get_level_values("level").tolist() == list(
        asked.tiers.names
    )
    assert profile.loc[("share", "tier", "low"), "chosen"] == 0
    assert profile.loc[("share", "tier", "high"), "chosen"] == 1
    lapsed = profile.loc[("share", "stage", "lapsed")]
    assert lapsed["chosen"] == pytest.approx(people.loc[mine, "p_stage_lapsed"].mean())
    assert lapsed["all"] == pytest.approx(people["p_stage_lapsed"].mean())
    assert profile.loc[("known", "value_to_date", ""), "chosen"] == pytest.approx(
        base.summary.loc[mine, "value_to_date"].mean()
    )


def test_bands_are_those_of_predicted_draws_added_up_draw_by_draw(base, asked, plan, profile):
    people, value = plan.customers, asked.value
    mine = ((people["tier"] == "high") & (people["p_alive"] >= 0.5)).to_numpy()
    drawn = base.predict(
        horizon=value.horizon, annual_discount_rate=value.annual_discount_rate, margin=value.margin
    ).stack(all=("chain", "draw"))
    by_hand = {
        "p_alive": drawn["alive"], "p_purchase_horizon": drawn["purchases"] > 0,
        "expected_purchases": drawn["purchases"], "ltv_mean": drawn["value"],
    }  # fmt: skip
    for at, rows in (("chosen", mine), ("all", mine | True)):
        for name, draws in by_hand.items():
            means = draws.transpose("customer_id", "all").values[rows].mean(axis=0)
            row = profile.loc[("predicted", name, "")]
            assert row[at] == pytest.approx(people.loc[rows, name].mean())
            assert [row[f"{at}_p05"], row[f"{at}_p95"]] == pytest.approx(np.quantile(means, [0.05, 0.95]))
        orders = drawn.isel(customer_id=rows).sum("customer_id")
        ratio = np.quantile(orders["spend"] / orders["purchases"], [0.05, 0.95])
        row = profile.loc[("predicted", "average_order", "")]
        assert [row[f"{at}_p05"], row[f"{at}_p95"]] == pytest.approx(ratio)


def test_all_beside_all_are_the_same(base, asked):
    found = base.profile("frequency >= 0", asked)
    for level in ("", "_p05", "_p95"):
        pd.testing.assert_series_equal(found[f"chosen{level}"], found[f"all{level}"], check_names=False)


def test_a_condition_that_nobody_fulfils_or_that_names_nothing_is_refused(base, asked):
    with pytest.raises(ltv.DataError, match="none of 120 customers fulfils 'p_alive > 2'"):
        base.profile("p_alive > 2", asked)
    with pytest.raises(ltv.SpecError, match=r"no score column 'tyer'; did you mean \"tier\""):
        base.profile("tyer == 'high'", asked)

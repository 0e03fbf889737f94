"""Labels of tiers: what they cost, when they move, what a refresh changed."""

import numpy as np
import pandas as pd
import pytest

from bayesltv.decisions.customers.refresh import compare_refresh
from bayesltv.decisions.customers.tiers import (
    previous_codes,
    refreshed_labels,
    tier_columns,
    with_tier_columns,
)
from bayesltv.errors import DataError, SpecError
from bayesltv.prediction.scores.tiers import tier_labels, tier_probabilities
from bayesltv.specs.decision.tiers import Tier, TierSpec

BANDS = (Tier("low"), Tier("medium", at_least=5.0), Tier("high", at_least=30.0))
TIERS = TierSpec(BANDS)
SURE = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])


def test_the_bayes_act_costs_less_in_truth_than_the_mean_or_the_most_probable_tier():
    # 20,000 customers whose value is skewed and often 0; what happens is one more draw of the same law
    rng = np.random.default_rng(811)
    typical, buys = rng.lognormal(1.5, 1.5, (20_000, 1)), rng.beta(1.0, 1.0, (20_000, 1))
    value = typical * rng.lognormal(0, 1.2, (20_000, 201)) * (rng.random((20_000, 201)) < buys)
    told, truth = value[:, 1:], np.searchsorted(TIERS.thresholds, value[:, 0], side="right")
    probabilities = tier_probabilities(told, TIERS)
    by_mean = np.searchsorted(TIERS.thresholds, told.mean(axis=1), side="right")
    costs = [
        np.abs(truth - labels)
        for labels in (tier_labels(probabilities, TIERS), by_mean, probabilities.argmax(axis=1))
    ]
    for worse in costs[1:]:
        gain = worse - costs[0]
        assert gain.mean() > 3 * gain.std() / np.sqrt(gain.size)
    columns = tier_columns(probabilities, TIERS)
    # 200 draws of each customer: the promised cost is right on average
    assert columns["tier_error_cost"].mean() == pytest.approx(costs[0].mean(), abs=4 * costs[0].std() / 141)


def test_with_the_default_cost_the_label_is_the_tier_of_the_median():
    value = np.random.default_rng(5).lognormal(2, 1.5, (300, 101))
    labels = tier_labels(tier_probabilities(value, TIERS), TIERS)
    np.testing.assert_array_equal(
        labels, np.searchsorted(TIERS.thresholds, np.median(value, axis=1), "right")
    )


def test_a_label_moves_only_where_that_saves_more_than_switching_costs():
    p = np.array([[0.40, 0.60, 0.0]] * 3)
    slow = TierSpec(BANDS, switching_cost=0.2)  # moving from low to medium saves .60 − .40 = .20: not more
    quick = TierSpec(BANDS, switching_cost=0.19)
    previous = np.array([0, 2, -1])
    assert refreshed_labels(p, slow, previous).tolist() == [0, 1, 1]
    assert refreshed_labels(p, quick, previous).tolist() == [1, 1, 1]
    assert refreshed_labels(p, TIERS, previous).tolist() == [1, 1, 1]


def test_where_nothing_is_saved_the_old_label_stays_even_if_switching_is_free():
    tie = np.array([[0.5, 0.5, 0.0]])
    assert refreshed_labels(tie, TIERS, np.array([1])).tolist() == [1]
    assert refreshed_labels(tie, TIERS).tolist() == [0]


def test_hysteresis_calms_customers_near_a_border():
    rng = np.random.default_rng(3)
    slow, moves = TierSpec(BANDS, switching_cost=0.15), {0.0: 0, 0.15: 0}
    for tiers in (TIERS, slow):
        labels = np.ones(500, dtype=np.int64)
        for _ in range(10):
            low = np.clip(0.5 + 0.05 * rng.standard_normal(500), 0, 1)
            now = refreshed_labels(np.column_stack([low, 1 - low, 0 * low]), tiers, labels)
            moves[tiers.switching_cost] += int((now != labels).sum())
            labels = now
    assert moves[0.15] < 0.2 * moves[0.0]


def test_columns_say_the_cost_of_error_the_way_up_and_the_room_above():
    p = np.array([[0.2, 0.5, 0.3], [0.0, 0.1, 0.9]])
    columns = tier_columns(p, TIERS, previous=np.array([-1, 0]), median_value=np.array([12.0, 80.0]))
    assert columns["tier"].tolist() == ["medium", "high"]
    np.testing.assert_allclose(columns["tier_error_cost"], [0.5, 0.1])
    np.testing.assert_allclose(columns["p_moves_up"], [0.3, 0.0])
    np.testing.assert_allclose(columns["headroom"], [18.0, np.nan])
    assert columns["tier_previous"].tolist() == [None, "low"]
    shifted = tier_columns(p, TIERS, median_value=np.array([12.0, 80.0]), floors=np.array([4.0, 20.0]))
    np.testing.assert_allclose(shifted["headroom"], [8.0, np.nan])


SCORES = pd.DataFrame(
    {"customer_id": ["b", "a", "007"], "p_tier_low": 0.45, "p_tier_medium": 0.55, "p_tier_high": 0.0}
)


def test_old_labels_find_their_customers_whatever_the_order():
    slow = TierSpec(BANDS, switching_cost=0.3)
    old = pd.DataFrame({"customer_id": ["007", "gone", "b"], "tier": ["low", "high", "medium"]})
    table = with_tier_columns(SCORES, slow, previous=old)
    assert table["tier"].tolist() == ["medium", "medium", "low"]
    assert table["tier_previous"].isna().tolist() == [False, True, False]
    assert table["tier_previous"].dropna().tolist() == ["medium", "low"]
    same = with_tier_columns(SCORES, slow, previous={"007": "low", "b": "medium"})
    pd.testing.assert_frame_equal(table, same)
    assert "tier_previous" not in with_tier_columns(SCORES, slow)


@pytest.mark.parametrize(
    ("previous", "says"),
    [
        (pd.DataFrame({"customer_id": ["a"]}), "lack the column tier"),
        (pd.DataFrame({"customer_id": ["a", "a"], "tier": "low"}), r"1 customer stands twice .* \(id a\)"),
        ({"a": "gold"}, r"1 of 1 previous tiers are none of low, medium, high, like 'gold' \(id a\)"),
    ],
)
def test_old_labels_that_cannot_be_used_are_named(previous, says):
    with pytest.raises(DataError, match=says):
        previous_codes(previous, SCORES["customer_id"], TIERS)


def test_a_table_scored_without_these_tiers_is_refused():
    with pytest.raises(SpecError, match="no column p_tier_high: score with these tiers first"):
        with_tier_columns(SCORES.drop(columns="p_tier_high"), TIERS)


def scored(rows):
    names = ["customer_id", "tier", "frequency", "expected_purchases", "ltv_mean"]
    return pd.DataFrame(rows, columns=names)


OLD = scored(
    [
        ("a", "low", 1, 1.0, 4.0),
        ("b", "medium", 2, 2.0, 20.0),
        ("c", "medium", 3, 3.0, 25.0),
        ("d", "high", 4, 4.0, 90.0),
        ("e", "low", 0, 0.1, 1.0),
        ("f", "high", 4, 4.0, 60.0),
    ]
)
NEW = scored(
    [
        ("n", "low", 0, 0.5, 3.0),
        ("d", "medium", 4, 2.0, 45.0),  # fewer purchases expected, spend as before
        ("a", "medium", 2, 2.0, 8.0),  # bought again, spend as before
        ("b", "high", 2, 2.1, 40.0),  # mostly spend
        ("c", "low", 3, 3.0, 4.0),  # all spend, down
        ("e", "medium", 0, 0.1, 1.0),  # nothing moved but the tiers
    ]
)


def test_a_refresh_tells_who_moved_and_why():
    refresh = compare_refresh(OLD, NEW, TIERS)
    reasons = refresh.movers.set_index("customer_id")["reason"].to_dict()
    assert reasons == {
        "d": "buys less or not at all",
        "a": "bought again",
        "b": "spends more a purchase",
        "c": "spends less a purchase",
        "e": "new fit or new tiers",
    }
    assert refresh.stayed == 0.0
    assert refresh.migration.loc["high", "(gone)"] == 1
    assert refresh.migration.loc["(none)", "low"] == 1
    assert refresh.migration.loc["low", "medium"] == 2
    assert int(refresh.migration.to_numpy().sum()) == 7


def test_the_stability_index_is_nought_for_the_same_shares_and_known_for_others():
    same = compare_refresh(OLD, OLD, TIERS)
    assert (same.stayed, same.stability_index, len(same.movers)) == (1.0, 0.0, 0)
    # shares .5/.5 to .7/.3 in large numbers: .2 ln(1.4) − .2 ln(.6) = .16946
    two = TierSpec((Tier("low"), Tier("high", at_least=1.0)))
    ids = [str(i) for i in range(100_000)]
    old, new = (scored([(i, "low" if int(i) % 10 < k else "high", 0, 1.0, 1.0) for i in ids]) for k in (5, 7))
    assert compare_refresh(old, new, two).stability_index == pytest.approx(0.169460, abs=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (OLD.drop(columns="ltv_mean"), NEW, "lacks ltv_mean"),
        (pd.concat([OLD, OLD.head(1)]), NEW, r"1 customer stands twice .* \(id a\)"),
        (OLD, NEW.replace("medium", "gold"), r"3 customers have a tier that is none of low, medium, high"),
        (OLD, NEW.assign(customer_id=list("uvwxyz")), "share no customer"),
    ],
)
def test_tables_that_cannot_be_compared_are_refused(old, new, says):
    with pytest.raises(DataError, match=says):
        compare_refresh(old, new, TIERS)

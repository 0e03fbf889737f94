"""Values of policies on randomised data, against a population whose values are known."""

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.errors import DataError

ARMS = ("none", "mail", "call")
BASE, EFFECT = np.array([1.0, 4.0]), np.array([[0.0, 0.5, -0.5], [0.0, -1.0, 2.0]])


def trial(n, seed, shares=(0.5, 0.3, 0.2)):
    rng = np.random.default_rng(seed)
    cell = rng.integers(0, 2, n)
    arm = rng.choice(3, n, p=shares)
    outcome = rng.gamma(2.0, (BASE[cell] + EFFECT[cell, arm]) / 2.0)
    return pd.DataFrame(
        {"cell": cell, "arm": np.array(ARMS)[arm], "outcome": outcome, "share": np.array(shares)[arm]}
    )


def policies(frame):
    best = np.where(frame["cell"] == 0, "mail", "call")
    return {"none": ["none"] * len(frame), "best": best, "mail for all": ["mail"] * len(frame)}


TRUTH = {"none": 2.5, "best": (1.5 + 6.0) / 2, "mail for all": (1.5 + 3.0) / 2}


def test_both_estimates_find_the_true_values():
    frame = trial(40_000, seed=5)
    found = ltv.policy_value(
        frame, policies(frame), outcome="outcome", arm="arm", propensity="share", cells=["cell"], seed=1,
        bootstraps=200,
    )  # fmt: skip
    se = (found["p95"] - found["p05"]) / (2 * 1.645)
    truth = found["policy"].map(TRUTH)
    assert (np.abs(found["value"] - truth) < 4.5 * se).all()
    robust = found[found["method"] == "doubly_robust"].set_index("policy")
    weighted = found[found["method"] == "ipw"].set_index("policy")
    assert (robust["p95"] - robust["p05"] < weighted["p95"] - weighted["p05"]).all()
    assert robust.loc["best", "above_first_p05"] > 1.0


@pytest.mark.parametrize("spoilt", ["propensity", "prediction"])
def test_doubly_robust_stands_on_either_leg(spoilt):
    frame = trial(60_000, seed=6)
    truth = pd.DataFrame(BASE[frame["cell"], None] + EFFECT[frame["cell"]], columns=list(ARMS))
    shares = {"none": 0.5, "mail": 0.3, "call": 0.2}
    if spoilt == "propensity":
        shares = {"none": 0.4, "mail": 0.2, "call": 0.4}
    else:
        truth = truth * 0.0 + 7.0
    found = ltv.policy_value(
        frame, policies(frame), outcome="outcome", arm="arm", propensity=shares, predicted=truth, seed=1,
        bootstraps=100,
    )  # fmt: skip
    robust = found[found["method"] == "doubly_robust"].set_index("policy")["value"]
    for name, value in TRUTH.items():
        assert robust[name] == pytest.approx(value, abs=0.15)


def test_intervals_hold_the_truth_as_often_as_they_say():
    inside = []
    for seed in range(60):
        frame = trial(400, seed=100 + seed)
        found = ltv.policy_value(
            frame, policies(frame), outcome="outcome", arm="arm", propensity="share", cells=["cell"],
            seed=seed, bootstraps=200,
        )  # fmt: skip
        truth = found["policy"].map(TRUTH)
        inside.append(((found["p05"] <= truth) & (truth <= found["p95"])).to_numpy())
    share = np.mean(inside)
    # 360 intervals of 90 %, six per data set and correlated: as if 60 independent ones, four standard errors
    assert 0.9 - 4 * np.sqrt(0.09 / 60) < share <= 1.0


def test_what_a_policy_claims_on_its_own_customers_it_does_not_earn_on_others():
    """No arm does anything: the best arm of each of 40 cells by raw means is worth what any other is."""
    rng = np.random.default_rng(9)
    n, cells = 8_000, 40
    frame = pd.DataFrame(
        {
            "cell": rng.integers(0, cells, n),
            "arm": rng.choice(ARMS, n),
            "outcome": rng.gamma(0.2, 10.0, n),
            "share": 1 / 3,
        }
    )
    half = np.arange(n) < n // 2
    means = frame[half].groupby(["cell", "arm"])["outcome"].mean().unstack()
    best = means.idxmax(axis=1)
    claimed = (means.max(axis=1) - means["none"]).mean()
    told = {"outcome": "outcome", "arm": "arm", "propensity": "share", "seed": 1, "bootstraps": 200}
    found = {}
    for name, some in (("own", frame[half]), ("others", frame[~half])):
        given = {"none": ["none"] * len(some), "best": some["cell"].map(best).tolist()}
        table = ltv.policy_value(some.reset_index(drop=True), given, **told)
        found[name] = table[table["policy"] == "best"].set_index("method").loc["ipw"]
    assert claimed > 0.4
    assert found["own"]["above_first_p05"] > 0  # sure of what is not there
    assert found["own"]["above_first"] == pytest.approx(claimed, rel=0.25)
    assert found["others"]["above_first_p05"] < 0 < found["others"]["above_first_p95"]


def test_what_cannot_be_evaluated_is_refused():
    frame = trial(50, seed=1)
    told = {"outcome": "outcome", "arm": "arm", "propensity": "share", "seed": 1}
    with pytest.raises(DataError, match="gives 'visit', which nobody got"):
        ltv.policy_value(frame, {"x": ["visit"] * 50}, **told)
    with pytest.raises(DataError, match="has 3 arms for 50 customers"):
        ltv.policy_value(frame, {"x": ["none"] * 3}, **told)
    with pytest.raises(DataError, match="lack the column 'spend'"):
        ltv.policy_value(frame, {"x": ["none"] * 50}, **(told | {"outcome": "spend"}))
    with pytest.raises(DataError, match=r"not in \(0, 1\]"):
        ltv.policy_value(frame.assign(share=0.0), {"x": ["none"] * 50}, **told)

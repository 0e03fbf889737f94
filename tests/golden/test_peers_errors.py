"""Where packages for the same models give wrong numbers without a word, ours are right.

Each was seen in pymc-marketing 1.3.0 or lifetimes 0.11.3, and is tested here against a truth of its own.
Others stand elsewhere: amounts in cents (tests/functional/test_invariance.py), discounting between month ends
(test_kernel_pins.py), ids of any kind (tests/functional/test_unusual_inputs.py).
"""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import beta as beta_law
from scipy.stats import gamma as gamma_law

import bayesltv as ltv
from bayesltv.families.bg_nbd.formulas import log_likelihood
from bayesltv.families.gamma_gamma import GAMMA_GAMMA
from bayesltv.numerics.quadrature import work_space
from bayesltv.specs.model.defaults import priors_of
from beta_geometric import expected_over_horizon, p_alive
from helpers import point_fit

POINT = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.4, "p": 4.0, "q": 4.0, "v": 30.0}
TERMS = {"annual_discount_rate": 0.0, "margin": 1.0, "seed": 2}


def history(**columns):
    return ltv.as_summary(pd.DataFrame(columns), time_unit="week", observation_end="2024-12-29")


def test_spend_priors_follow_the_currency(cdnow):
    cents = cdnow.assign(
        monetary_value=100 * cdnow["monetary_value"],
        spend_sum=100 * cdnow["spend_sum"],
        spend_log_sum=cdnow["spend_log_sum"] + cdnow["spend_count"] * np.log(100),
        first_amount=100 * cdnow["first_amount"],
        value_to_date=100 * cdnow["value_to_date"],
    )
    from bayesltv.model.build import make_problem

    spec = ltv.ModelSpec()
    dollars, hundredfold = (make_problem(each, spec).spec for each in (cdnow, cents))
    assert hundredfold.spend_unit == pytest.approx(100 * dollars.spend_unit, rel=1e-12)
    for level in (0.05, 0.5, 0.95):
        before, after = (each.priors["spend_typical"].quantile(level) for each in (dollars, hundredfold))
        assert after == pytest.approx(100 * before, rel=1e-9)
    # the two shapes have no unit
    for scale in ("spend_within", "spend_between"):
        assert hundredfold.priors[scale].parameters == priors_of(GAMMA_GAMMA)[scale].parameters


def test_spend_draws_stay_with_their_customer_when_rows_are_not_sorted():
    summary = history(
        customer_id=["z", "a", "m"],
        frequency=[30, 30, 30],
        recency=[50.0] * 3,
        T=[52.0] * 3,
        monetary_value=[1000.0, 10.0, 100.0],
    ).iloc[[2, 0, 1]]
    drawn = ltv.predict(point_fit(POINT, draws=400), summary, horizon="52 weeks", **TERMS)
    per_purchase = drawn["spend"].sum(("chain", "draw")) / drawn["purchases"].sum(("chain", "draw"))
    assert list(per_purchase["customer_id"].values) == list(summary["customer_id"])
    for customer, mean in {"z": 1000.0, "a": 10.0, "m": 100.0}.items():
        # thirty amounts leave little doubt about a customer's mean
        shrunk = POINT["p"] * (POINT["v"] + 30 * mean) / (POINT["p"] * 30 + POINT["q"] - 1)
        assert float(per_purchase.sel(customer_id=customer)) == pytest.approx(shrunk, rel=0.1)


def test_no_purchase_within_a_window_is_right_for_one_time_buyers():
    r, alpha = POINT["r"], POINT["alpha"]
    summary = history(customer_id=["1"], frequency=[0], recency=[0.0], T=[20.0], monetary_value=[np.nan])
    # alive for certain under BG/NBD, and of rate λ ~ Gamma(r, α + T): the mean of exp(−λ · 10)
    none = quad(lambda lam: np.exp(-10 * lam) * gamma_law.pdf(lam, r, scale=1 / (alpha + 20)), 0, np.inf)[0]
    drawn = ltv.predict(point_fit(POINT, draws=20_000), summary, horizon="10 weeks", **TERMS)["purchases"]
    error = np.sqrt(none * (1 - none) / drawn.size)
    assert abs(float((drawn == 0).mean()) - none) < 4 * error
    decision = ltv.DecisionSpec(value=ltv.ValueSpec(horizon="10 weeks", margin=1.0, annual_discount_rate=0.0))
    score = ltv.score(point_fit(POINT, draws=10), summary, decision, seed=1)
    assert float(score["p_purchase_horizon"].iloc[0]) == pytest.approx(1 - none, rel=1e-6)


def test_ids_with_gaps_point_at_nothing():
    ids = [1_000_000_007, 3, 12]
    columns = {
        "frequency": [3, 0, 1],
        "recency": [20.0, 0.0, 4.0],
        "T": [30.0] * 3,
        "monetary_value": [20.0, np.nan, 50.0],
    }
    decision = ltv.DecisionSpec(value=ltv.ValueSpec(horizon="26 weeks", margin=1.0, annual_discount_rate=0.0))
    fit = point_fit(POINT, draws=10)
    gaps, plain = (
        ltv.score(fit, history(customer_id=each, **columns), decision, seed=1) for each in (ids, [0, 1, 2])
    )
    by_frequency = ["frequency", "expected_purchases", "p_alive", "ltv_mean"]
    assert (
        gaps[by_frequency]
        .sort_values("frequency", ignore_index=True)
        .equals(plain[by_frequency].sort_values("frequency", ignore_index=True))
    )


def test_a_purchase_after_the_end_of_a_week_that_has_begun_is_not_counted():
    # 2024-01-10 is a Wednesday: a calendar week that counts whole would take the Friday with it
    dates = ["2024-01-01", "2024-01-08", "2024-01-12", "2024-01-19"]
    log = pd.DataFrame({"customer_id": "1", "date": dates, "amount": 10.0})
    early = ltv.summarize(log, observation_end="2024-01-10", time_unit="week")
    assert early[["frequency", "recency", "T"]].iloc[0].tolist() == [1, 1.0, 9 / 7]
    later = ltv.summarize(log, observation_end="2024-01-31", time_unit="week")
    counted_later = log["date"].gt("2024-01-10").sum()
    assert early["frequency"].iloc[0] + counted_later == later["frequency"].iloc[0]


def test_another_packages_name_for_the_method_is_not_swallowed(cdnow):
    with pytest.raises(TypeError, match="fit_method"):
        ltv.fit(cdnow, ltv.load_spec("pooled"), seed=1, fit_method="map")
    with pytest.raises(ltv.FitError, match="map"):
        ltv.fit(cdnow, ltv.load_spec("pooled"), seed=1, method="map")


@pytest.mark.parametrize("column", ["T", "recency", "frequency"])
def test_a_missing_number_in_a_history_is_an_error(cdnow, column):
    broken = cdnow.astype({column: "float64"})
    broken.loc[3, column] = np.nan
    with pytest.raises(ltv.DataError, match=cdnow["customer_id"].iloc[3]):
        ltv.build_model(broken, ltv.load_spec("pooled"))


@pytest.mark.parametrize("x", [500, 1200, 2000])
def test_customers_with_very_many_purchases_have_finite_and_right_expectations(x):
    # the textbook hypergeometric form overflows from about 500 purchases on
    r, alpha, a, b = (POINT[name] for name in ("r", "alpha", "a", "b"))
    T, t_x, horizon = 100.0, 99.5, 10.0
    got = expected_over_horizon(horizon, 0.0, r + x, alpha + T, a, b + x, work_space())[0]
    dropout = beta_law(a, b + x)

    def given(p):
        # over λ: E (1 − exp(−λ p H)) / p, a Laplace transform of a gamma
        rate = alpha + T
        return (1 - np.exp(-(r + x) * np.log1p(p * horizon / rate))) / p

    want = quad(lambda p: given(p) * dropout.pdf(p), 0, 0.2, points=[1e-6, 1e-4, 1e-2], limit=500)[0]
    assert got == pytest.approx(want, rel=1e-5)
    assert 0 < p_alive(x, x, t_x, T, r, alpha, a, b) < 1
    assert np.isfinite(log_likelihood(x, x, t_x, T, r, alpha, a, b))

"""A forecast of the business against what came, beside rivals."""

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.data.log.reading import LaterLog
from bayesltv.errors import DataError, SpecError
from bayesltv.evaluation.business import RIVALS, judge_forecast
from helpers import point_fit

SHOP = {"r": 0.8, "alpha": 4.0, "a": 0.7, "b": 2.5, "p": 6.25, "q": 5.0, "v": 15.44, "delta": 1.2}
CUT = pd.Timestamp("1997-12-31")
pytestmark = pytest.mark.filterwarnings("ignore::bayesltv.BayesltvWarning")


def rng():
    return np.random.default_rng(1)


@pytest.fixture(scope="module")
def base(cdnow_log):
    fit = point_fit(SHOP, draws=100, family="mbg_nbd")
    return ltv.customer_base(fit, ltv.summarize(cdnow_log, observation_end=CUT), seed=2)


def nobody():
    return pd.DataFrame({"week": ["1998-01-01"], "channel": ["all"], "customers": [0], "cac": [0.0]})


def test_what_came_is_that_of_the_log_and_scores_are_the_formulas(base, cdnow_log):
    found = base.evaluate(cdnow_log, horizon="13 weeks", arrivals=nobody(), tracking=False).business
    later = cdnow_log[cdnow_log["date"].between("1998-01-01", "1998-04-01")]
    row = found.set_index(["quantity", "forecaster"]).loc[("revenue", "bayesltv")]
    assert row["actual"] == pytest.approx(later["amount"].sum())
    draws = base.forecast(nobody(), horizon="13 weeks").total()
    low, high = np.quantile(draws, [0.05, 0.95])
    miss = max(low - row["actual"], 0) + max(row["actual"] - high, 0)
    assert row["interval_score"] == pytest.approx(high - low + 20 * miss)
    pairs = np.abs(draws[:, None] - draws).sum() / (draws.size * (draws.size - 1))
    assert row["crps"] == pytest.approx(np.abs(draws - row["actual"]).mean() - pairs / 2)
    assert set(found["forecaster"]) == {"bayesltv", "last_year", "seasonal_naive"}


@pytest.mark.parametrize("name", ["last_year", "seasonal_naive"])
def test_last_years_days_are_the_middle_of_the_naive_forecasts(name):
    """A year of 364 days that repeats itself but for noise of a hundredth."""
    season = 100 + 50 * np.sin(2 * np.pi * np.arange(364 * 3) / 364)
    past = season * (1 + 0.01 * rng().standard_normal(season.size))
    drawn = RIVALS[name](past, 91, rng())
    assert np.median(drawn) == pytest.approx(past[-364:-273].sum(), rel=0.01)
    assert drawn.std() / drawn.mean() < 0.02


def test_ets_goes_on_with_a_level_that_stands_still():
    past = 100 * np.exp(0.05 * rng().standard_normal(28 * 20))
    assert np.median(RIVALS["ets"](past, 91, rng())) == pytest.approx(9100, rel=0.03)


def test_a_history_too_short_gives_no_rival_and_a_log_too_short_is_refused(base, cdnow_log):
    assert RIVALS["last_year"](np.ones(300), 91, rng()) is None
    assert RIVALS["seasonal_naive"](np.ones(370), 91, rng()) is None
    assert RIVALS["ets"](np.ones(100), 91, rng()) is None
    ahead = base.forecast(nobody(), horizon="52 weeks")
    with pytest.raises(DataError, match="the log ends on 1998-06-30, before the horizon's end"):
        judge_forecast(ahead, LaterLog(cdnow_log))
    with pytest.raises(SpecError, match="rival 'oracle' is unknown"):
        judge_forecast(ahead, LaterLog(cdnow_log), rivals=["oracle"])

"""A known clock is recovered: ranks of the truth are uniform, and totals lie inside their intervals.

Worlds are drawn from the priors of a spec with its own, narrower priors (simulation-based calibration: Talts
et al. 2018) and lived through in the calendar, independently of the package: 500 customers, ten blocks
observed and ten ahead, while the AR(1) shocks go on. Blocks are 32 weeks, so that a day hardly ever holds two
purchases: with four weeks and rates to match, merging them moved the ranks of the shape.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesltv as ltv
from bayesltv.streams import generator

WORLDS, CUSTOMERS, OBSERVED, AHEAD, BLOCK, ARRIVING = 100, 500, 2184, 2184, 224, 672
START = pd.Timestamp("2010-01-04")
SAMPLER = {"chains": 2, "tune": 300, "draws": 300}
BINS = 10


def prior(low, high, family="LogNormal", per=None):
    return ltv.PriorSpec.elicited(mass=0.9, between=(low, high), family=family, per=per)


PRIORS = {
    "purchase_rate": prior(0.01, 0.03, per="week"),
    "purchase_shape": prior(0.4, 1.5),
    "dropout_mean": prior(0.05, 0.3, "LogitNormal"),
    "dropout_concentration": prior(1.0, 10.0),
}
CLOCK = {"sd": prior(0.1, 0.5), "rho": ltv.PriorSpec("Beta", {"alpha": 2.0, "beta": 2.0})}


def world(number):
    """Return a log up to the end of observation, later purchases of its customers, and the truth."""
    rng = generator(number, "clock world")
    scales = {name: float(each.frozen().rvs(random_state=rng)) for name, each in PRIORS.items()}
    sd, rho = (float(CLOCK[name].frozen().rvs(random_state=rng)) for name in ("sd", "rho"))
    blocks = -(-OBSERVED // BLOCK) + -(-AHEAD // BLOCK)
    s = np.empty(blocks)
    s[0] = sd * rng.standard_normal()
    for k in range(1, blocks):
        s[k] = rho * s[k - 1] + sd * np.sqrt(1 - rho**2) * rng.standard_normal()
    fitted = -(-OBSERVED // BLOCK)
    day = np.arange(1, OBSERVED + AHEAD + 1)
    pace = np.exp(s[fitted - 1 + -(-(day - OBSERVED) // BLOCK)]) / 7.0
    until = np.concatenate([[0.0], pace.cumsum()])
    r, mean, spread = scales["purchase_shape"], scales["dropout_mean"], scales["dropout_concentration"]
    lam = rng.gamma(r, size=CUSTOMERS) * scales["purchase_rate"] / r
    p = rng.beta(mean * spread, (1 - mean) * spread, size=CUSTOMERS)
    first = rng.integers(0, ARRIVING, CUSTOMERS)
    first[0] = 0
    rows, later = [], 0
    for i in range(CUSTOMERS):
        bought, time = [first[i]], until[first[i]]
        while True:
            time += rng.exponential() / lam[i]
            if time > until[-1]:
                break
            bought.append(int(np.ceil(np.interp(time, until, np.arange(until.size)) - 1e-9)))
            if rng.random() < p[i]:
                break
        days = np.unique(bought)
        later += int((days > OBSERVED).sum())
        rows += [(f"c{i:04d}", START + pd.Timedelta(days=int(each))) for each in days if each <= OBSERVED]
    truth = scales | {"clock_sd": sd, "clock_rho": rho, "clock first": s[0], "clock last": s[fitted - 1]}
    return pd.DataFrame(rows, columns=["customer_id", "date"]), later, truth


def outcome(number):
    """Return ranks of the truth among 99 draws, and where the total lies, with the clock and without."""
    log, later, truth = world(number)
    end = (START + pd.Timedelta(days=OBSERVED)).date().isoformat()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        summary = ltv.summarize(log, observation_end=end, time_unit="week", monetary_value_col=None)
        row = {"world": number, "later": later}
        for name, clock in (("clock", ltv.ClockSpec(block=f"{BLOCK} days", priors=CLOCK)), ("plain", None)):
            spec = ltv.ModelSpec(spend=None, priors=PRIORS, clock=clock)
            fit = ltv.fit(summary, spec, seed=number, sampler=SAMPLER, cores=1, progress=False)
            draws = ltv.predict(
                fit,
                summary,
                horizon=f"{AHEAD / 7} weeks",
                annual_discount_rate=0.0,
                margin=1.0,
                seed=number,
                draws=200,
            )
            total = draws["purchases"].sum("customer_id").values.ravel()
            low, high = np.quantile(total, [0.05, 0.95])
            row |= {f"{name}_inside": bool(low <= later <= high), f"{name}_width": high - low}
            if clock is not None:
                posterior = fit["posterior"].to_dataset().stack(sample=("chain", "draw"))
                known = {key: posterior[key].values for key in posterior if posterior[key].ndim == 1}
                known |= {
                    "clock first": posterior["clock"].values[0],
                    "clock last": posterior["clock"].values[-1],
                }
                thin = np.linspace(0, 599, 99).astype(int)
                row |= {f"rank of {key}": int((known[key][thin] < truth[key]).sum()) for key in truth}
    return row


@pytest.fixture(scope="module")
def outcomes():
    return pd.DataFrame([outcome(number) for number in range(WORLDS)])


@pytest.mark.calibration
@pytest.mark.timeout(7200)
def test_ranks_of_the_truth_are_uniform(outcomes):
    ranks = outcomes.filter(like="rank of")
    assert ranks.shape[1] == 8
    for name in ranks:
        counts = np.histogram(ranks[name], bins=BINS, range=(0, 100))[0]
        assert stats.chisquare(counts).pvalue > 1e-4, (name, counts.tolist())


@pytest.mark.calibration
@pytest.mark.timeout(7200)
def test_totals_lie_inside_their_intervals_with_the_clock_and_not_without(outcomes):
    inside = {name: int(outcomes[f"{name}_inside"].sum()) for name in ("clock", "plain")}
    width = {name: float(outcomes[f"{name}_width"].mean()) for name in ("clock", "plain")}
    print(f"\n90 % intervals of the total held {inside} of {WORLDS} worlds; mean width {width}")
    assert 82 <= inside["clock"] <= 97, inside
    assert inside["plain"] < 70, inside

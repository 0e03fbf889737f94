"""Known parameters of simulated groups are recovered, pooled over replications, and small groups shrink.

Purchases are a tenth as frequent as CDNOW's and observed ten times as long: at 0.04 a week, purchases that
fall on one day and become one take 1.5 % off the rate, more than two standard errors of the larger groups.
"""

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv

REPLICATIONS = 20
CHANNELS, REGIONS = 6, 5
SIZES = np.round(np.geomspace(5, 5000, CHANNELS * REGIONS)).astype(int)
SHARED = {"r": 0.6, "p": 4.0, "q": 4.0}
RATE, DROPOUT, CONCENTRATION, TYPICAL = 0.04, 0.15, 4.0, 30.0
SLOWER = 10
SD = {"rate": 0.3, "dropout": 0.3, "typical": 0.2}
FEW = {"chains": 2, "tune": 600, "draws": 600}


def make_world(rng):
    """Groups crossed from two columns, sizes 5 to 5,000 in random order, effects drawn from normals."""
    channel, region = np.divmod(np.arange(CHANNELS * REGIONS), REGIONS)

    def effects(name):
        return rng.normal(0, SD[name], CHANNELS)[channel] + rng.normal(0, SD[name], REGIONS)[region]

    rate = RATE / SLOWER * np.exp(effects("rate"))
    odds = DROPOUT / (1 - DROPOUT) * np.exp(effects("dropout"))
    typical = TYPICAL * np.exp(effects("typical"))
    mean = odds / (1 + odds)
    return pd.DataFrame(
        {
            "channel": [f"channel {i}" for i in channel],
            "region": [f"region {i}" for i in region],
            "n": rng.permutation(SIZES),
            "alpha": SHARED["r"] / rate,
            "a": mean * CONCENTRATION,
            "b": (1 - mean) * CONCENTRATION,
            "v": typical * SHARED["q"] / SHARED["p"],
        }
    )


def fit_world(design, seed, **sampler):
    log = ltv.simulate_log(
        design,
        purchase={"r": SHARED["r"]},
        spend={"p": SHARED["p"], "q": SHARED["q"]},
        observation_end="2024-12-31",
        start="2005-01-01",
        acquisition_days=180 * SLOWER,
        seed=seed,
    )
    summary = ltv.summarize(log, observation_end="2024-12-31", time_unit="week", groups=["channel", "region"])
    fit = ltv.fit(summary, ltv.load_spec("by_group"), seed=seed, sampler=sampler, progress=False)
    return fit, summary


@pytest.mark.calibration
@pytest.mark.timeout(7200)
def test_90_percent_intervals_cover_known_parameters_of_30_crossed_groups():
    covered, spread = [], []
    for replication in range(REPLICATIONS):
        design = make_world(np.random.default_rng(1000 + replication))
        fit, _ = fit_world(design, 2000 + replication, **FEW)
        draws = fit["posterior"].to_dataset().stack(sample=("chain", "draw"))
        labels = design["channel"] + " | " + design["region"]
        truth = {
            "rate": SHARED["r"] / design["alpha"],
            "dropout": design["a"] / (design["a"] + design["b"]),
            "v": design["v"],
        }
        group = draws.sel(group=labels.to_list())
        drawn = {
            "rate": group["r"] / group["alpha"],
            "dropout": group["a"] / (group["a"] + group["b"]),
            "v": group["v"],
        }
        for name, values in drawn.items():
            low, high = np.quantile(values.transpose("group", "sample").values, [0.05, 0.95], axis=1)
            covered += list((truth[name] >= low) & (truth[name] <= high))
        for name, value in SHARED.items():
            values = draws[name].values.reshape(-1, draws.sizes["sample"])[0]
            covered.append(np.quantile(values, 0.05) <= value <= np.quantile(values, 0.95))
        width = np.log(drawn["rate"]).std("sample").values
        spread.append(width[np.argsort(design["n"].to_numpy())])
    coverage = np.mean(covered)
    print(f"coverage of 90 % intervals: {coverage:.3f} over {len(covered):,} parameters")
    assert 0.84 <= coverage <= 0.95
    # groups of 5 lean on their columns' levels: known far better than 5 customers alone could say
    smallest, largest = np.mean(spread, axis=0)[[0, -1]]
    print(f"posterior sd of log rate: {smallest:.3f} with 5 customers, {largest:.3f} with 5,000")
    assert largest < smallest < 0.3


@pytest.mark.timeout(1800)
@pytest.mark.slow
@pytest.mark.parametrize("levels", [3, 12, 30])
def test_the_gate_passes_at_the_shipped_settings(levels):
    rng = np.random.default_rng(levels)
    design = pd.DataFrame(
        {
            "store": [f"store {i:02d}" for i in range(levels)],
            "n": rng.permutation(np.round(np.geomspace(5, 2000, levels)).astype(int)),
            "alpha": SHARED["r"] / (RATE * np.exp(rng.normal(0, 0.3, levels))),
        }
    )
    log = ltv.simulate_log(
        design,
        purchase={"r": SHARED["r"], "a": 0.6, "b": 3.4},
        spend={"p": 4.0, "q": 4.0, "v": 30.0},
        observation_end="2024-12-31",
        start="2023-01-01",
        acquisition_days=180,
        seed=levels,
    )
    summary = ltv.summarize(log, observation_end="2024-12-31", time_unit="week", groups=["store"])
    fit = ltv.fit(summary, ltv.load_spec("by_group"), seed=levels, progress=False)
    report = ltv.check(fit, summary)
    print(report.table[["name", "value"]].to_string())
    assert report.passed


@pytest.mark.slow
def test_small_groups_shrink_towards_the_others():
    design = pd.DataFrame(
        {
            "store": [f"store {i}" for i in range(8)],
            "n": [2000, 1500, 1000, 1000, 800, 800, 600, 6],
            "alpha": SHARED["r"] / (RATE * np.array([0.8, 0.9, 1.0, 1.0, 1.0, 1.1, 1.2, 4.0])),
        }
    )
    log = ltv.simulate_log(
        design,
        purchase={"r": SHARED["r"], "a": 0.6, "b": 3.4},
        observation_end="2023-12-31",
        start="2023-01-01",
        acquisition_days=90,
        seed=5,
    )
    summary = ltv.summarize(
        log, observation_end="2023-12-31", time_unit="week", groups=["store"], monetary_value_col=None
    )
    spec = ltv.load_spec("by_group").without_spend()
    fit = ltv.fit(summary, spec, seed=5, method="laplace", progress=False)
    draws = fit["posterior"].to_dataset()
    small = float(np.log((draws["r"] / draws["alpha"]).sel(group="store 7")).mean())
    typical = float(np.log(draws["purchase_rate"]).mean())
    rows = summary[summary["store"] == "store 7"]
    alone = np.log(rows["frequency"].sum() / rows["T"].sum())
    big = float(np.log((draws["r"] / draws["alpha"]).sel(group="store 0")).mean())
    assert abs(small - typical) < 0.5 * abs(alone - typical)
    assert big == pytest.approx(np.log(0.8 * RATE), abs=0.12)

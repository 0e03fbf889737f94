"""Values that must not move: what stored fits say of stored customers, as arrays by column.

``python tests/golden_values.py`` writes them anew. That is right only where a column was meant to move, and
the changelog says so: run it, look at what ``git diff --stat`` names, and say why.
"""

import json
import math
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import bayesltv as ltv
from bayesltv.machine import processor, versions

DATA = Path(__file__).parent / "data"
STORED, SPECS, GOLDEN = DATA / "layout_1", DATA / "specs", DATA / "golden"
EVERY = 5
"""One customer in so many is kept whole; of all of them the exact sum of each column."""
SEED, DRAWS = 4, 200
PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "p": 6.25, "q": 3.74, "v": 15.44}
"""CDNOW in weeks: Fader, Hardie & Lee (2005), and Fader & Hardie (2013) for spend."""
Columns = dict[str, np.ndarray]


def stored_fit(name: str) -> xr.DataTree:
    """A copy of a stored fit, which is read and verified once."""
    return _read(name).copy()


@cache
def _read(name: str) -> xr.DataTree:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)  # stored before digests
        return ltv.load(STORED / f"{name}.nc")


def stored_summary(name: str) -> pd.DataFrame:
    return pd.read_parquet(STORED / f"{name}.parquet")


def decision(name: str) -> ltv.DecisionSpec:
    return ltv.load_decision({"retention": SPECS, "relative": STORED}[name] / f"{name}.toml")


def scored(fit: xr.DataTree, summary: pd.DataFrame, chosen: str) -> Columns:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        table = ltv.score(fit, summary, decision(chosen), seed=SEED, draws=DRAWS)
    totals = {f"total {name}": table.totals[name].values.ravel() for name in ("purchases", "spend", "value")}
    return columns_of(table) | totals


def planned(fit: xr.DataTree, summary: pd.DataFrame) -> Columns:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        plan = ltv.decide(fit, summary, decision("retention"), seed=SEED, draws=DRAWS)
    policies = {f"policies {k}": v for k, v in columns_of(plan.policies, every=1).items()}
    curve = {f"curve {k}": v for k, v in columns_of(plan.budget_curve, every=1).items()}
    return columns_of(plan.customers) | policies | curve


def judged(fit: xr.DataTree, summary: pd.DataFrame) -> Columns:
    log = pd.read_csv(STORED / "log.csv", parse_dates=["date"], dtype={"customer_id": str})
    found = ltv.evaluate(fit, summary, log, horizon="26 weeks", seed=SEED, draws=DRAWS)
    tables = {"scores": found.scores, "coverage": found.coverage, "totals": found.totals}
    flat = {f"{at} {k}": v for at, table in tables.items() for k, v in columns_of(table, every=1).items()}
    tracked = {f"track {name}": found.tracking[name].values.ravel()[:500] for name in found.tracking}
    return columns_of(found.customers) | flat | tracked


def cdnow(which: str) -> tuple[xr.DataTree, pd.DataFrame]:
    """CDNOW's customers with a posterior that no sampler has made: log-normal around what was published."""
    summary = ltv.summarize(ltv.load_cdnow(which), observation_end="1997-09-30", time_unit="week")
    rng = np.random.default_rng(7)
    draws = {k: v * np.exp(0.05 * rng.standard_normal((4, 500))) for k, v in PUBLISHED.items()}
    posterior = xr.Dataset({k: (("chain", "draw"), v) for k, v in draws.items()})
    tree = xr.DataTree.from_dict({"posterior": posterior})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        fit = ltv.as_fit(tree, summary, ltv.load_spec(SPECS / "pooled.toml"))
    return fit, summary


def columns_of(table: pd.DataFrame, every: int = EVERY) -> Columns:
    """Every so many rows of each column, and the exact sum of those that are numbers."""
    found: Columns = {}
    for name, column in pd.DataFrame(table).items():
        if pd.api.types.is_numeric_dtype(column):
            found[str(name)] = column.to_numpy()[::every]
            if every > 1 and pd.api.types.is_float_dtype(column):
                found[f"sum of {name}"] = np.array([math.fsum(column.dropna())])
        else:
            found[str(name)] = column.astype(str).to_numpy(dtype="U")[::every]
    return found


CASES: Mapping[str, Callable[[], Columns]] = {
    "score_pooled": lambda: scored(stored_fit("pooled"), stored_summary("summary"), "retention"),
    "score_relative": lambda: scored(stored_fit("pooled"), stored_summary("summary"), "relative"),
    "score_grouped": lambda: scored(stored_fit("grouped"), stored_summary("summary_grouped"), "retention"),
    "score_covariates": lambda: scored(
        stored_fit("covariates"), stored_summary("summary_covariates"), "retention"
    ),
    "score_clock": lambda: scored(stored_fit("clock"), stored_summary("summary"), "retention"),
    "decide_grouped": lambda: planned(stored_fit("grouped"), stored_summary("summary_grouped")),
    "decide_clock": lambda: planned(stored_fit("clock"), stored_summary("summary")),
    "evaluate_pooled": lambda: judged(stored_fit("pooled"), stored_summary("summary")),
    "evaluate_grouped": lambda: judged(stored_fit("grouped"), stored_summary("summary_grouped")),
    "evaluate_clock": lambda: judged(stored_fit("clock"), stored_summary("summary")),
    "cdnow_sample": lambda: scored(*cdnow("sample"), "retention"),
    "cdnow_relative": lambda: scored(*cdnow("sample"), "relative"),
    "cdnow_master": lambda: {k: v[::4] for k, v in scored(*cdnow("master"), "retention").items()},
}


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, make in CASES.items():
        np.savez_compressed(GOLDEN / f"{name}.npz", **make())
        print(name)
    told = {"processor": processor(), "versions": {k: v for k, v in versions().items() if k != "bayesltv"}}
    (GOLDEN / "made_by.json").write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()

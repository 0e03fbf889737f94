"""What version 0.1.0 (commit df83446) wrote, made from simulated logs: python make.py FOLDER.

Run with the version whose files are wanted, never with a later one: the files beside it are what later
versions must read.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import bayesltv as ltv

PURCHASE = {"r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
END, LAST = "1997-12-28", "1998-06-28"
SAMPLER = {"chains": 4, "tune": 1000, "draws": 250, "target_accept": 0.98}
COVARIATES = """
[covariates.age]
kind = "numeric"
round_to = 1.0
on = ["purchase_rate", "spend_typical"]
why = "older customers may buy more often and for more"

[covariates.plan]
kind = "categorical"
reference = "basic"
on = ["purchase_rate", "dropout_mean"]
why = "who pays for a plan may stay longer"
"""
RELATIVE = """
[value]
horizon = "26 weeks"
annual_discount_rate = 0.1
margin = 0.3

[tiers]
kind = "relative"
[tiers.top]
top = 0.2
[tiers.middle]
top = 0.5
[tiers.rest]
"""


def make_log() -> pd.DataFrame:
    """400 customers of two channels with an age and a plan; a year and a half."""
    log = ltv.simulate_log(
        {"shop": 250, "web": 150}, purchase=PURCHASE, spend=SPEND, seed=11, group_col="channel",
        start="1997-01-01", observation_end=LAST, acquisition_days=240,
    )  # fmt: skip
    ids = np.sort(log["customer_id"].unique())
    rng = np.random.default_rng(5)
    age = pd.Series(rng.integers(20, 70, len(ids)), index=ids)
    plan = pd.Series(rng.choice(["basic", "plus"], len(ids)), index=ids)
    return log.assign(age=log["customer_id"].map(age), plan=log["customer_id"].map(plan))


def make_test() -> pd.DataFrame:
    """A randomised test of 2,400 customers in four cells: a letter doubles the share of those who buy."""
    rng = np.random.default_rng(8)
    parts = []
    for tier in ("low", "high"):
        for stage in ("active", "lapsed"):
            for arm, times in (("control", 1.0), ("letter", 2.0)):
                bought = rng.random(300) < 0.1 * times
                spend = np.where(bought, rng.lognormal(3.0, 0.6, 300).round(2), 0.0)
                parts.append(pd.DataFrame({"tier": tier, "stage": stage, "arm": arm, "spend": spend}))
    frame = pd.concat(parts, ignore_index=True).sample(frac=1.0, random_state=1)
    frame.insert(0, "customer_id", [f"{i:05d}" for i in range(len(frame))])
    return frame


def run(*arguments: object) -> None:
    """Run the command line of this interpreter's version."""
    subprocess.run([sys.executable, "-m", "bayesltv", *map(str, arguments)], check=True)


def main(folder: Path) -> None:
    """Write everything into the folder."""
    folder.mkdir(exist_ok=True)
    make_log().to_csv(folder / "log.csv", index=False)
    make_test().to_csv(folder / "test.csv", index=False)
    spec = (Path(ltv.__file__).parents[2] / "models" / "pooled.toml").read_text()
    (folder / "covariates.toml").write_text(spec + COVARIATES)
    (folder / "relative.toml").write_text(RELATIVE)
    log = folder / "log.csv"
    asked = ("--observation-end", END, "--time-unit", "week", "--acquired-from", "1997-01-01")
    run("summarize", log, *asked, "--out", folder / "summary.parquet")
    run("summarize", log, *asked, "--group", "channel", "--out", folder / "summary_grouped.parquet")
    run(
        "summarize", log, *asked, "--covariate", "age", "--covariate", "plan", "--out",
        folder / "summary_covariates.parquet",
    )  # fmt: skip
    named = {
        "pooled": ("pooled", "summary"),
        "grouped": ("mbg_by_group", "summary_grouped"),
        "clock": ("clock", "summary"),
        "covariates": (folder / "covariates.toml", "summary_covariates"),
    }
    for name, (chosen, customers) in named.items():
        summary = pd.read_parquet(folder / f"{customers}.parquet")
        sampler = SAMPLER | ({"draws": 360} if name == "clock" else {})
        fit = ltv.fit(summary, ltv.load_spec(chosen), seed=3, sampler=sampler, progress=False)
        ltv.save(fit, folder / f"{name}.nc")
    test = pd.read_csv(folder / "test.csv", dtype={"customer_id": str})
    uplift = ltv.fit_uplift(
        test, cells=["tier", "stage"], outcome="spend", randomised=True, seed=3, progress=False,
        sampler={"chains": 4, "tune": 1000, "draws": 450},
    )  # fmt: skip
    ltv.save(uplift, folder / "uplift.nc")
    ltv.uplift_table(uplift).to_csv(folder / "uplift_table.csv", index=False)
    decided = ("--draws", 200, "--seed", 4)
    score = ("score", folder / "pooled.nc", folder / "summary.parquet", "--decision")
    run(*score, "retention", "--out", folder / "scores.parquet", *decided)
    run(*score, folder / "relative.toml", "--out", folder / "scores_relative", *decided)
    grouped = (folder / "grouped.nc", folder / "summary_grouped.parquet")
    run("decide", *grouped, "--decision", "retention", "--out", folder / "plan", *decided)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Question: what does each customer's first amount add to forecasts of spend, and what is still lost?

MBG/NBD and Gamma-Gamma, fitted to repeat amounts alone and with first amounts on their own level, beside past
spend and gradient boosting: CDNOW, and the logs in the folder BENCH_LOGS (Online Retail, Online Retail II
without those who were customers before it began, apparel), each at two cuts. Differences are with − without,
paired, with a bootstrap over customers: below 0, first amounts help.

What would make it rigged: a cut where they happen to help; purchases forecast by another model; the mean
alone, where wholesalers decide (hence CRPS, PIT and coverage beside squared error and ranking); a rival that
nobody would build.
"""

import os
import sys
from pathlib import Path

import pandas as pd

import bayesltv as ltv
import common

LOGS = {
    "online retail": ("online_retail/transactions.csv.gz", None, (("2011-03-31", 13), ("2011-04-30", 8))),
    "online retail II": (
        "online_retail_2/transactions.csv.gz",
        "2010-03-01",
        (("2010-12-31", 26), ("2011-05-31", 26)),
    ),
    "apparel": ("apparel/transactions.csv", None, (("2006-12-31", 39), ("2007-12-31", 39))),
}
CDNOW = (("1997-09-30", 39), ("1997-12-30", 26))
MBG = ltv.PurchaseSpec("mbg_nbd")
MODELS = {
    "without first amounts": ltv.ModelSpec(purchase=MBG, spend=ltv.SpendSpec(first_amounts=False)),
    "with first amounts": ltv.ModelSpec(purchase=MBG),
}
COLUMNS = {
    "log": ("log", ""),
    "cut": ("cut", ""),
    "weeks": ("weeks", "d"),
    "method": ("method", ""),
    "crps": ("spend: CRPS", ",.3f"),
    "crps_difference": ("− without [95 %]", ""),
    "rmse": ("RMSE", ",.1f"),
    "mse_change": ("MSE", "+.1%"),
    "gini": ("Gini", ".3f"),
    "pit": ("PIT", ".3f"),
    "inside_90": ("90 % holds", ".1%"),
    "total": ("total", "+.1%"),
}


def cases(quick):
    """Return the cuts."""
    if quick:
        return [{"log": "CDNOW sample", "cut": "1997-09-30", "weeks": 13}]
    chosen = {"CDNOW sample": CDNOW, "CDNOW master": CDNOW}
    if "BENCH_LOGS" in os.environ:
        chosen |= {name: cuts for name, (_, _, cuts) in LOGS.items()}
    return [{"log": log, "cut": cut, "weeks": weeks} for log, cuts in chosen.items() for cut, weeks in cuts]


def load(name):
    """Return a log, and since when its customers are known from the beginning."""
    if name.startswith("CDNOW"):
        return ltv.load_cdnow(name.removeprefix("CDNOW ")), None
    path, since, _ = LOGS[name]
    log = pd.read_csv(Path(os.environ["BENCH_LOGS"]) / path, dtype={"customer_id": str})
    return log[["customer_id", "date", "amount"]], since


def rows_of(case):
    """Measure one cut: a row per method."""
    log, since = load(case["log"])
    found = ltv.benchmark(
        log, models=MODELS, rivals=("past spend", "gradient boosting"), cut=case["cut"],
        horizon=f"{case['weeks']} weeks", customers=30_000, acquired_from=since,
    )  # fmt: skip
    spend = found.table[found.table["quantity"] == "spend"].set_index("method")
    before = spend.loc["without first amounts", "rmse"]
    for name, row in spend.iterrows():
        known = {key: float(row[key]) for key in COLUMNS if key in row and pd.notna(row[key])}
        known["mse_change"] = float((row["rmse"] / before) ** 2 - 1)
        if pd.notna(row["crps_diff"]):
            known["crps_difference"] = "{crps_diff:+.3f} [{crps_low:+.3f}, {crps_high:+.3f}]".format(**row)
        yield {**case, "method": name, **known}
    for name, why in found.skipped.items():
        yield {**case, "method": f"{name}: {why}"}


def main():
    asked, rows = common.parser(__doc__).parse_args(), []
    for case in cases(asked.quick):
        if not asked.only or asked.only in case["log"]:
            rows += rows_of(case)
            print(case, file=sys.stderr, flush=True)
            made = common.envelope(
                "bench_first_amounts", rows, columns=COLUMNS, question=__doc__.split("\n")[0]
            )
            if asked.json:
                common.write_json(asked.json, made)
    if not asked.json:
        print(common.described_machine(made))
        print(common.markdown(made))


if __name__ == "__main__":
    main()

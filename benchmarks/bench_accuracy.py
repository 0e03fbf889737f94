"""Question: does a posterior predict purchases and spend better than point estimates and rules of thumb?

39 weeks of observation, 39 of hold-out. Every method gives one number per customer; a predictive distribution
gives two, its mean (for squared error and totals) and its median (for absolute error), and both are shown.
A number alone counts as a distribution without width: its CRPS is its absolute error. Differences to our
BG/NBD come with paired bootstrap intervals over customers: above 0 is worse than ours, below 0 is better.

What would make it rigged: tuning anything on the hold-out; showing the median for absolute error only where
it is ours (rivals that have a mean alone are worse by it: compare the means); worlds from our own simulator
alone, so that four of the five simulated ones break the assumptions that we and the maximum-likelihood
packages share, and two real logs are there; a boosted model that nobody would build (this one has 25 figures
of each customer, four earlier windows, and scikit-learn's defaults but for smaller steps). Rankings by past
spend are hard to beat, and are not left out.
"""

import common
import forecasts
import holdouts
from bayesltv.comparison.benchmark import rows_of

COLUMNS = {
    "world": ("log", ""),
    "quantity": ("what", ""),
    "method": ("method", ""),
    "mae": ("MAE", ".3f"),
    "mae_of_median": ("of the median", ".3f"),
    "rmse": ("RMSE", ".3f"),
    "rmse_difference": ("− ours [95 %]", ""),
    "crps": ("CRPS", ".4f"),
    "crps_difference": ("− ours [95 %]", ""),
    "gini": ("Gini", ".3f"),
    "total": ("total", "+.1%"),
    "inside_90": ("90 % holds", ".1%"),
}


def difference(row, score):
    """Return a difference to ours with its interval, as text."""
    found = [row.get(f"{score}_{part}") for part in ("diff", "low", "high")]
    return None if found[0] is None else "{:+.3f} [{:+.3f}, {:+.3f}]".format(*found)


def accuracy(split, *, quick):
    """Return one row per quantity and method."""
    kept, rows = {}, []
    for name in forecasts.METHODS:
        made = forecasts.forecast(name, split, quick=quick)
        rows += rows_of(name, made, split.actual, kept)
    for row in sorted(rows, key=lambda row: row["quantity"]):
        yield {"world": split.name, **row} | {
            f"{score}_difference": difference(row, score) for score in ("rmse", "crps")
        }


def main():
    asked = common.parser(__doc__).parse_args()
    rows = [row for split in holdouts.chosen(asked) for row in accuracy(split, quick=asked.quick)]
    made = common.envelope("bench_accuracy", rows, columns=COLUMNS, question=__doc__.split("\n")[0])
    if asked.json:
        common.write_json(asked.json, made)
        return
    print(common.described_machine(made))
    print(common.markdown(made))


if __name__ == "__main__":
    main()

"""Question: does a posterior predict purchases and spend better than point estimates and rules of thumb?

39 weeks of observation, 39 of hold-out. Every method gives one number per customer; a predictive distribution
gives two, its mean (for squared error and totals) and its median (for absolute error), and both are shown.
Differences to the mean of this package's posterior come with paired bootstrap intervals over customers.

What would make it rigged: tuning anything on the hold-out; showing the median for absolute error only where
it is ours (rivals that have a mean alone are worse by it: read the rows of the mean against theirs); worlds
from our own simulator alone, so that four of the five simulated ones break the assumptions that we and the
maximum-likelihood packages share, and two real logs are there. Rankings by past spend are hard to beat, and
are not left out.
"""

import numpy as np

import common
import holdouts
import rivals
from bayesltv.evaluation.ranking import normalised_gini

RESAMPLES = 400
COLUMNS = {
    "world": ("log", ""),
    "method": ("method", ""),
    "purchases_mae": ("MAE", ".3f"),
    "purchases_rmse": ("RMSE", ".3f"),
    "purchases_rmse_difference": ("RMSE − ours [95 %]", ""),
    "purchases_bias": ("total", "+.1%"),
    "purchases_gini": ("Gini", ".3f"),
    "spend_mae": ("spend: MAE", ".1f"),
    "spend_rmse": ("RMSE", ".1f"),
    "spend_rmse_difference": ("RMSE − ours [95 %]", ""),
    "spend_bias": ("total", "+.1%"),
    "spend_gini": ("Gini", ".3f"),
}


def scores(predicted, actual):
    """Return the errors of points, shape (customer,)."""
    return {
        "mae": float(np.abs(predicted - actual).mean()),
        "rmse": float(np.sqrt(((predicted - actual) ** 2).mean())),
        "bias": float(predicted.sum() / actual.sum() - 1),
        "gini": normalised_gini(predicted.astype(float), actual.astype(float)),
    }


def difference(predicted, ours, actual):
    """Return the RMSE's difference to ours with its paired bootstrap interval over customers, as text."""
    rng = np.random.default_rng(1)
    weights = (
        rng.multinomial(actual.size, np.full(actual.size, 1 / actual.size), size=RESAMPLES) / actual.size
    )
    errors = [weights @ (each - actual) ** 2 for each in (predicted, ours)]
    low, high = np.quantile(np.sqrt(errors[0]) - np.sqrt(errors[1]), [0.025, 0.975])
    middle = scores(predicted, actual)["rmse"] - scores(ours, actual)["rmse"]
    return f"{middle:+.3f} [{low:+.3f}, {high:+.3f}]"


def rows_of(split, *, quick):
    """Return one row per method and kind of point."""
    forecasts = {name: rivals.forecast(name, split, quick=quick) for name in rivals.METHODS}
    ours = forecasts[rivals.OURS]
    for name, made in forecasts.items():
        points = {name: (made.purchases, made.spend)}
        if made.median_purchases is not None:
            points[f"{name}: median"] = (made.median_purchases, made.median_spend)
        for label, (purchases, spend) in points.items():
            row = {"world": split.name, "method": label}
            for what, predicted, best, actual in (
                ("purchases", purchases, ours.purchases, split.purchases),
                ("spend", spend, ours.spend, split.spend),
            ):
                row |= {f"{what}_{key}": value for key, value in scores(predicted, actual).items()}
                if label != rivals.OURS:
                    row[f"{what}_rmse_difference"] = difference(predicted, best, actual)
            yield row


def main():
    asked = common.parser(__doc__).parse_args()
    rows = [row for split in holdouts.chosen(asked) for row in rows_of(split, quick=asked.quick)]
    made = common.envelope("bench_accuracy", rows, columns=COLUMNS, question=__doc__.split("\n")[0])
    if asked.json:
        common.write_json(asked.json, made)
        return
    print(common.described_machine(made))
    print(common.markdown(made))


if __name__ == "__main__":
    main()

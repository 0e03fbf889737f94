"""Question: whose intervals hold what they promise, and what do sharper forecasts cost in calibration?

39 weeks of observation, 39 of hold-out; purchases and spend of each customer, and their totals. Beside this
package's predictive distribution: the exact predictive at lifetimes' maximum-likelihood parameters, which is
what a point estimate could say if it said anything; pymc-marketing's NUTS with intervals from its own draws,
which are draws of an expectation; and quantiles by gradient boosting, which say nothing of totals.

What would make it rigged: fitting on the hold-out; comparing by coverage alone, which wide intervals win
(hence CRPS, which they lose, with paired bootstrap intervals over customers); coverage of counts above its
level, which discreteness forces, called a virtue (hence the largest deviation of the non-randomised PIT);
leaving out totals, which all of these models miss where a shock is shared by all customers.
"""

import common
import forecasts
import holdouts
from bayesltv.comparison.scores import judge, paired, scores

COLUMNS = {
    "world": ("log", ""),
    "method": ("intervals of", ""),
    "purchases_crps": ("CRPS", ".4f"),
    "purchases_crps_difference": ("− ours [95 %]", ""),
    "purchases_pit": ("PIT", ".3f"),
    "purchases_inside_50": ("50 %", ".1%"),
    "purchases_inside_90": ("90 %", ".1%"),
    "purchases_inside_95": ("95 %", ".1%"),
    "purchases_total": ("total, 90 %", ""),
    "spend_crps": ("spend: CRPS", ".2f"),
    "spend_crps_difference": ("− ours [95 %]", ""),
    "spend_inside_90": ("90 %", ".1%"),
    "spend_total": ("total, 90 %", ""),
}


def total(row, actual):
    """Return the total's interval and whether it held, as text; None where there is none."""
    if "total_p05" not in row:
        return None
    low, high = row["total_p05"], row["total_p95"]
    return f"{low:,.0f} to {high:,.0f} {'holds' if low <= actual <= high else 'misses'} {actual:,.0f}"


def rows_of(split, *, quick):
    """Return one row per method that has a distribution."""
    own = {}
    for name in forecasts.DISTRIBUTIONS:
        row = {"world": split.name, "method": name, "customers": len(split.known.summary)}
        for what, made in forecasts.forecast(name, split, quick=quick).items():
            actual = split.actual[what]
            found, each = scores(made, actual), judge(made, actual)
            row |= {f"{what}_{key}": value for key, value in found.items()}
            row[f"{what}_total"] = total(found, actual.sum())
            if what in own:
                gap = paired("crps", each, own[what])
                row[f"{what}_crps_difference"] = "{:+.4f} [{:+.4f}, {:+.4f}]".format(*gap)
            own.setdefault(what, each)
        yield row


def main():
    asked = common.parser(__doc__).parse_args()
    rows = [row for split in holdouts.chosen(asked) for row in rows_of(split, quick=asked.quick)]
    made = common.envelope("bench_calibration", rows, columns=COLUMNS, question=__doc__.split("\n")[0])
    if asked.json:
        common.write_json(asked.json, made)
        return
    print(common.described_machine(made))
    print(common.markdown(made))


if __name__ == "__main__":
    main()

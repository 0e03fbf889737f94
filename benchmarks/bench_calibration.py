"""Question: whose intervals hold what they promise, and what do sharper forecasts cost in calibration?

39 weeks of observation, 39 of hold-out; purchases and spend of each customer, and their totals. Beside this
package's predictive distribution: the exact predictive at lifetimes' maximum-likelihood parameters, which is
what a point estimate could say if it said anything; and pymc-marketing's NUTS with intervals from its own
draws, which are draws of an expectation.

What would make it rigged: fitting on the hold-out; comparing by coverage alone, which wide intervals win
(hence CRPS, which they lose, with paired bootstrap intervals over customers); coverage of counts above its
level, which discreteness forces, called a virtue (hence the largest deviation of the non-randomised PIT);
leaving out totals, which all of these models miss where a shock is shared by all customers.
"""

import numpy as np

import common
import holdouts
import rivals
from bayesltv.evaluation import rules

RESAMPLES = 1000
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


def judged(draws, actual):
    """Return what draws, shape (customer, draw), are worth as forecasts, and the CRPS of each customer."""
    ordered = np.sort(draws, axis=1).astype(float)
    low, high = rules.intervals(ordered)
    inside = (low <= actual) & (actual <= high)
    each = rules.crps(ordered, actual)
    ends = np.quantile(draws.sum(axis=0), [0.05, 0.95])
    mark = "holds" if ends[0] <= actual.sum() <= ends[1] else "misses"
    found = {
        "crps": float(each.mean()),
        "pit": rules.pit_deviation(*rules.pit_limits(ordered, actual)),
        "total": f"{ends[0]:,.0f} to {ends[1]:,.0f} {mark} {actual.sum():,.0f}",
    }
    levels = zip(rules.LEVELS, inside.mean(axis=1), strict=True)
    return found | {f"inside_{level:.0%}".rstrip("%"): float(share) for level, share in levels}, each


def difference(theirs, ours):
    """Return the mean difference of scores with its paired bootstrap interval over customers, as text."""
    gap = theirs - ours
    rng = np.random.default_rng(1)
    means = [gap[rng.integers(0, gap.size, gap.size)].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{gap.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def rows_of(split, *, quick):
    """Return one row per method that has a distribution."""
    own = {}
    for name in rivals.DISTRIBUTIONS:
        made = rivals.forecast(name, split, quick=quick)
        row = {"world": split.name, "method": name, "customers": len(split.summary)}
        for what, draws, actual in (
            ("purchases", made.purchase_draws, split.purchases),
            ("spend", made.spend_draws, split.spend),
        ):
            found, each = judged(draws, actual)
            row |= {f"{what}_{key}": value for key, value in found.items()}
            if name != rivals.OURS:
                row[f"{what}_crps_difference"] = difference(each, own[what])
            else:
                own[what] = each
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

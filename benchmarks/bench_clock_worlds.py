"""Question: do 90 % intervals of a total hold 90 % of worlds, with a calendar clock and without one?

Simulated customers (their own code, `worlds.clocked_log`) who are acquired up to the cut, over three years
of calendar; 13 weeks are held out. Three calendars, forty worlds of each: AR(1) shocks in blocks of four
weeks, a yearly season, and none. Each is fitted without a clock, with the default one (AR(1)) and with a
season beside it, by Laplace where that passes its checks, else by NUTS. ``inside`` counts 90 % intervals of
the total that hold it, and ``gate`` says whether that lies between the .05 and 99.95 % points of
Binomial(n, .9); width and interval score are shares of what came. Rows of a spec that does not know its
calendar stand here too.

What would make it rigged: worlds from the package's own simulator; the one calendar that the clock is made
for; coverage without the width that pays for it; a clock whose blocks end where those of the world do (they
lie a week apart here); other seeds than the first that were run.
"""

import warnings
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

import bayesltv as ltv
import common
import worlds
from bayesltv.evaluation.rules import interval_score

DAYS, WEEKS, DRAWS = 1092, 13, 1000
CALENDARS = {
    "AR(1) shocks": {"sd": 0.25, "rho": 0.6},
    "season": {"sd": 0.0, "season": 0.3},
    "none": {"sd": 0.0},
}
CLOCKS = {
    "no clock": None,
    "clock": ltv.ClockSpec(),
    "clock with a season": ltv.ClockSpec(("ar1", "seasonal")),
}
SPECS = {name: ltv.ModelSpec(spend=None, clock=clock) for name, clock in CLOCKS.items()}
COLUMNS = {
    "calendar": ("calendar", ""),
    "spec": ("spec", ""),
    "inside": ("inside", "d"),
    "number": ("of", "d"),
    "gate": ("gate", ""),
    "width": ("width", ".3f"),
    "interval_score": ("interval score", ".3f"),
    "bias": ("mean, less what came", "+.3f"),
    "by_nuts": ("fitted by NUTS", "d"),
    "cpu_seconds": ("fit, CPU s", ".1f"),
}


def measured(seed, *, calendar, customers):
    """Return what each spec says of the weeks after the cut in one world, and what came."""
    log, end = worlds.clocked_log(customers, days=DAYS + 7 * WEEKS, seed=seed, **CALENDARS[calendar])
    cut = pd.Timestamp(end) - pd.Timedelta(weeks=WEEKS)
    summary = ltv.summarize(log, observation_end=cut, time_unit="week", monetary_value_col=None)
    known = log["customer_id"].isin(log.loc[log["date"] <= cut, "customer_id"])
    actual = int((known & (log["date"] > cut)).sum())
    return {name: said(spec, summary) | {"actual": actual} for name, spec in SPECS.items()}


def fitted(summary, spec):
    """Return a fit by Laplace where it passes its checks, else by NUTS."""
    fit = ltv.fit(summary, spec, seed=1, method="laplace", progress=False)
    return fit if ltv.check(fit).passed else ltv.fit(summary, spec, seed=1, progress=False)


def said(spec, summary):
    """Return the 90 % interval and mean of the total, and what the fit took."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        fit, spent = common.timed(fitted, summary, spec)
        made = ltv.predict(
            fit, summary, horizon=f"{WEEKS} weeks", annual_discount_rate=0.0, margin=1.0, seed=1, draws=DRAWS
        )
    total = made["purchases"].sum("customer_id").to_numpy().ravel()
    low, high = np.quantile(total, [0.05, 0.95])
    by_nuts = fit.attrs["method"] == "nuts"
    return {"low": low, "high": high, "mean": total.mean(), "by_nuts": by_nuts} | spent


def row_of(calendar, spec, found):
    """Return one row of the table."""
    each = pd.DataFrame([world[spec] for world in found])
    inside = int(each["actual"].between(each["low"], each["high"]).sum())
    least, most = stats.binom.ppf([0.0005, 0.9995], len(each), 0.9)
    scores = [
        interval_score(low, high, came, 0.9)
        for low, high, came in zip(each["low"], each["high"], each["actual"], strict=True)
    ]
    return {
        "calendar": calendar,
        "spec": spec,
        "inside": inside,
        "number": len(each),
        "gate": None if len(each) < 40 else "passes" if least <= inside <= most else "misses",
        "width": float(((each["high"] - each["low"]) / each["actual"]).mean()),
        "interval_score": float((scores / each["actual"]).mean()),
        "bias": float((each["mean"] / each["actual"] - 1).mean()),
        "by_nuts": int(each["by_nuts"].sum()),
        "cpu_seconds": float(each["cpu_seconds"].median()),
    }


def main():
    line = common.parser(__doc__)
    line.add_argument("--keep", metavar="FILE", help="add results here at once; do not run what it has again")
    asked, rows = line.parse_args(), []
    number, customers = (1, 300) if asked.quick else (40, 2_000)
    for calendar in CALENDARS:
        if asked.only and asked.only not in calendar:
            continue
        keep = f"{asked.keep}.{calendar.split('(')[0]}" if asked.keep else None
        measure = partial(measured, calendar=calendar, customers=customers)
        found = common.each_seed(number, measure, first=1, keep=keep, customers=customers)
        rows += [row_of(calendar, spec, found) for spec in SPECS]
    made = common.envelope("bench_clock_worlds", rows, columns=COLUMNS, question=__doc__.split("\n")[0])
    if asked.json:
        common.write_json(asked.json, made)
    else:
        print(common.described_machine(made))
        print(common.markdown(made))


if __name__ == "__main__":
    main()

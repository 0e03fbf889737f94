"""Question: what will the cohorts acquired so far bring in the next 180 days?

Cohorts are the months of a log's first purchases. At each of four cuts every method sees the log up to that
day and says what each cohort will spend in the 180 days that follow; only that future money is scored, since
what is known is common to all. ``error`` is the sum over cohort-cases of |forecast − actual| in shares of
the money that came, ``bias`` the same with its sign. ``coverage`` is that of 90 % intervals, averaged within
a cut first, and ``interval_score`` (Gneiting & Raftery 2007) is in shares of the money that came, too.

Rivals, as they are practised: a power law fitted to the cohort's value curve, to its repeat money alone, and
to retention times a constant spend per buyer; and two that see all cohorts: the pooled age curve of members
at risk, and that scaled by the cohort's own past (chain ladder).

What would make it rigged: first purchases inside a value curve, which make a power law flat (so it is given
both ways, and neither as a rival in accuracy: OLS on logarithms cannot see a level); ages that only some
members have passed (all rivals see ages that the last member has passed); periods without a buyer, which a
logarithm drops (retention × ARPU gives no forecast there: ``error_same`` is every method's on the cases where
it does); a constant spend per buyer where heavy buyers survive; and counting four cuts of one log, which
share their shocks, as independent. Laplace fits; the models' gates are not asked.
"""

import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import bayesltv as ltv
import common

HORIZON, BIN, YOUNGEST, FEWEST, DRAWS = 180, 30, 60, 10, 1000
DATA = Path(os.environ.get("BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
CLOCK = "bayesltv, clock"
LOGS = {
    "CDNOW": ("1997-06-30", "1997-08-31", "1997-10-31", "1997-12-31"),
    "Online Retail II": ("2010-08-31", "2010-11-30", "2011-02-28", "2011-05-31"),
}
MODELS = {
    "bayesltv, one population": ("mbg_pooled", ()),
    "bayesltv, months pooled": ("mbg_by_group", ("cohort_month",)),
    CLOCK: ("clock", ()),
}
RIVALS = ("power law", "power law on repeat money", "age curve at risk", "chain ladder", "retention × ARPU")
COLUMNS = {
    "log": ("log", ""), "method": ("method", ""),
    "cases": ("cohort-cases", ",.0f"), "error": ("error", ".2f"), "bias": ("bias", "+.2f"),
    "cases_same": ("same cases", ",.0f"), "error_same": ("error", ".2f"),
    "coverage": ("coverage", ".2f"), "interval_score": ("interval score", ".2f"),
    "seconds": ("seconds", ",.0f"),
}  # fmt: skip


def cases(quick):
    """Return each log with each method."""
    logs = ["CDNOW sample"] if quick else list(LOGS)
    plain = [name for name in MODELS if quick is False or name != CLOCK]
    made = [
        {"log": log, "method": method, "cuts": 1 if quick else 4}
        for log in logs
        for method in (*RIVALS, *plain)
    ]
    return sorted(made, key=lambda case: case["method"] == CLOCK)  # minutes each: last


def log_of(name):
    """Return a log and the day from which customers count as acquired, where it starts in mid-life."""
    if name.startswith("CDNOW"):
        return ltv.load_cdnow("sample" if "sample" in name else "master"), None
    return pd.read_csv(DATA / "online_retail_2" / "transactions.csv.gz", parse_dates=["date"]), "2010-03-01"


def one(case):
    """Return how one method does on one log, over all cuts."""
    warnings.simplefilter("ignore")
    log, since = log_of(case["log"])
    cuts = LOGS["CDNOW" if "CDNOW" in case["log"] else case["log"]][-case["cuts"] :]
    rows, spent = common.timed(lambda: pd.concat([at_cut(log, since, cut, case["method"]) for cut in cuts]))
    return scored(rows) | spent


def at_cut(log, since, cut, method):
    """Return one row per cohort: what came, what was forecast, and whether retention × ARPU can be fitted."""
    world = World(log, since, pd.Timestamp(cut))
    draws = model(world, method) if method in MODELS else None
    found = []
    for cohort in world.cohorts():
        practised = retention_times_arpu(cohort)
        row = {"cut": cut, "actual": cohort.later, "same": np.isfinite(practised)}
        if draws is not None:
            own = draws[cohort.rows].sum(axis=0)
            row |= {"forecast": own.mean(), "low": np.quantile(own, 0.05), "high": np.quantile(own, 0.95)}
        else:
            row["forecast"] = practised if method == RIVALS[4] else RULES[method](cohort, world)
        found.append(row)
    return pd.DataFrame(found)


def scored(rows):
    """Return errors in shares of the money that came, and how intervals did."""
    known = rows[np.isfinite(rows["forecast"])]
    same = known[known["same"]]
    made = {
        "cases": len(known), "error": share(known, np.abs), "bias": share(known, lambda error: error),
        "cases_same": len(same), "error_same": share(same, np.abs),
    }  # fmt: skip
    if "low" in known:
        low, high, actual = known["low"], known["high"], known["actual"]
        inside = (low <= actual) & (actual <= high)
        score = high - low + 20 * ((low - actual).clip(lower=0) + (actual - high).clip(lower=0))
        made |= {
            "coverage": float(inside.groupby(known["cut"]).mean().mean()),
            "interval_score": float(score.sum() / actual.sum()),
        }
    return made


def share(rows, size):
    """Return the sum of errors in shares of the money that came."""
    return float(size(rows["forecast"] - rows["actual"]).sum() / rows["actual"].sum()) if len(rows) else None


class Cohort:
    """The members of one month, their purchases by age, and what they spent later."""

    def __init__(self, world, rows):
        self.rows, self.size = rows, rows.size
        self.observed = world.observed[rows]
        inside = np.isin(world.row, rows)
        self.age, self.amount, self.row = world.age[inside], world.amount[inside], world.row[inside]
        self.later = float(world.later[rows].sum())
        self.youngest, self.mean_age = int(self.observed.min()), float(self.observed.mean())

    def value(self, ages):
        """Return money per member by ages that all of them have passed."""
        return np.array([self.amount[self.age <= age].sum() / self.size for age in ages])


class World:
    """A log as it stands at a cut, and what its customers spend within the horizon."""

    def __init__(self, log, since, cut):
        self.log, self.cut = log, cut
        asked = {"acquired_from": since, "time_unit": "week", "cohort": "month"}
        self.summary = ltv.summarize(log, observation_end=cut, **asked)
        later = ltv.summarize(log, observation_end=cut + pd.Timedelta(days=HORIZON), **asked)
        worth = later.set_index("customer_id")["value_to_date"].reindex(self.summary["customer_id"])
        self.later = (worth.to_numpy() - self.summary["value_to_date"].to_numpy()).clip(min=0)
        first = self.summary["first_purchase"]
        self.observed = (cut - first).dt.days.to_numpy()
        self.row, self.age, self.amount = purchases(log, self.summary, cut, first)
        self.curve = at_risk(self)

    def cohorts(self):
        """Yield the months of at least ten customers whose last member has been seen for 60 days."""
        for _, rows in self.summary.groupby("cohort_month").indices.items():
            if rows.size >= FEWEST and self.observed[rows].min() >= YOUNGEST:
                yield Cohort(self, rows)


def purchases(log, summary, cut, first):
    """Return row of the summary, age and amount of each purchase day up to a cut, refunds taken off."""
    from bayesltv.data.log.reading import LogReading
    from bayesltv.data.log.split import purchase_days

    days = purchase_days(log, LogReading(), after=first.min() - pd.Timedelta(days=1), until=cut)
    row = pd.Index(summary["customer_id"]).get_indexer(pd.Index(days.customer_id, dtype="str"))
    born = first.to_numpy().astype("datetime64[D]").astype(np.int64)
    return row[row >= 0], days.day[row >= 0] - born[row[row >= 0]], days.amount[row >= 0]


def model(world, name):
    """Return draws of each customer's spend within the horizon, shape (customer, draw)."""
    name, groups = MODELS[name]
    spec = replace(ltv.load_spec(name), purchase=ltv.PurchaseSpec("mbg_nbd"))
    summary = world.summary if groups else world.summary.drop(columns="cohort_month")
    summary.attrs = world.summary.attrs | {"groups": list(groups)}
    fit = ltv.fit(summary, spec, seed=1, method="laplace", progress=False)
    base = ltv.customer_base(fit, summary, seed=1, draws=DRAWS)
    parts = []
    for some in np.array_split(summary["customer_id"].to_numpy(), max(1, len(summary) // 5000)):
        terms = {"horizon": f"{HORIZON} days", "annual_discount_rate": 0.0, "margin": 1.0}
        spend = base.predict(customers=list(some), **terms)["spend"]
        parts.append(spend.transpose("customer_id", ...).values.reshape(some.size, -1))
    return np.concatenate(parts)


def at_risk(world):
    """Return mean repeat money by 30-day bin of age, of the members who have passed it; all cohorts."""
    bins = np.arange(1, int(world.observed.max()) // BIN + 1)
    money, place = np.where(world.age > 0, world.amount, 0.0), -(-world.age // BIN)
    passed = world.observed[world.row]
    return np.array(
        [
            money[(place == k) & (passed >= k * BIN)].sum() / max((world.observed >= k * BIN).sum(), 1)
            for k in bins
        ]
    )


def along_curve(world, low, high):
    """Return the money of the age curve between two ages of each member; past its end its last mean of 3."""
    curve = world.curve
    tail = curve[-3:].mean() if curve.size else 0.0
    added = np.concatenate([[0.0], np.cumsum(curve)])

    def until(age):
        k = np.asarray(age) / BIN
        whole = np.minimum(k.astype(int), curve.size)
        here = np.where(whole < curve.size, np.append(curve, tail)[whole], tail)
        return added[whole] + (k - whole) * here

    return until(high) - until(low)


def age_curve(cohort, world):
    """Return the pooled curve's money of the horizon, each member at the own age."""
    return float(along_curve(world, cohort.observed, cohort.observed + HORIZON).sum())


def chain_ladder(cohort, world):
    """Return the pooled curve scaled by what the cohort has brought so far in shares of the curve's."""
    past = along_curve(world, np.zeros(cohort.size), cohort.observed).sum()
    mine = cohort.amount[cohort.age > 0].sum()
    return float(age_curve(cohort, world) * mine / past) if past > 0 else np.nan


def power_law(cohort, _world, *, first=True):
    """Return e^a (tg^b − ma^b) per member, of ln V(t) = a + b ln t by OLS on ages that all have passed."""
    ages = np.unique(np.round(np.geomspace(1, cohort.youngest, 25)))
    value = cohort.value(ages) - (0.0 if first else cohort.value([0])[0])
    usable = value > 0
    if usable.sum() < 2:
        return np.nan
    b, a = np.polyfit(np.log(ages[usable]), np.log(value[usable]), 1)
    ahead, now = cohort.mean_age + HORIZON, cohort.mean_age
    return float(cohort.size * np.exp(a) * (ahead**b - now**b))


def retention_times_arpu(cohort):
    """Return Σ r_k × spend per buyer over the horizon's bins; NaN where one of two or more has no buyer."""
    bins = cohort.youngest // BIN
    place = -(-cohort.age // BIN)
    buyers = np.array([np.unique(cohort.row[place == k]).size for k in range(1, bins + 1)])
    if bins < 2 or (buyers == 0).any():
        return np.nan
    k = np.arange(1, bins + 1)
    b, a = np.polyfit(np.log(k), np.log(buyers / cohort.size), 1)
    per_buyer = cohort.amount[(place >= 1) & (place <= bins)].sum() / buyers.sum()
    ahead = cohort.mean_age / BIN + np.arange(1, HORIZON // BIN + 1)
    return float(cohort.size * per_buyer * np.minimum(np.exp(a) * ahead**b, 1.0).sum())


RULES = {
    RIVALS[0]: power_law, RIVALS[1]: lambda cohort, world: power_law(cohort, world, first=False),
    RIVALS[2]: age_curve, RIVALS[3]: chain_ladder,
}  # fmt: skip

if __name__ == "__main__":
    common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS)

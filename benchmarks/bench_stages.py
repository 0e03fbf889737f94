"""Question: does a customer's stage say who comes back?

39 weeks of observation, then 39 of hold-out, in real logs and simulated ones inside and outside the model's
assumptions. Each customer gets the label that `decide` gives with the shipped limits; beside what was said of
those with a label (bought nothing within three months; bought within 39 weeks) stands what they did. "At
risk" is the label of doubt, so that its customers should lie between the active and the lapsed, and be as
many as are in doubt: with the most probable stage as the label (`at_risk_from = 0.5`) hardly anybody has it.

What would make it rigged: limits chosen on these hold-outs (the defaults are taken); leaving out logs in
which the model is wrong; calling somebody lapsed who was never seen to leave (nothing is said of who has
left, which a log does not show, but of who bought); or pooling labels, so that errors cancel.
"""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd

import bayesltv as ltv
import common
import holdouts
from bayesltv.checks.run import stored_report
from bayesltv.specs.decision.stages import MOST_PROBABLE, STAGES

MONTHS = 91
COLUMNS = {
    "world": ("log", ""),
    "label": ("stage", ""),
    "customers": ("customers", ",d"),
    "most_probable": ("as the most probable stage", ",d"),
    "silent_said": ("no purchase in 3 months: said", ".1%"),
    "silent_came": ("came", ".1%"),
    "silent_off": ("off in se", "+.1f"),
    "buys_said": ("buys in 39 weeks: said", ".1%"),
    "buys_came": ("came", ".1%"),
    "buys_off": ("off in se", "+.1f"),
}


def decision(at_risk_from):
    """Return the shipped decision with the hold-out as its horizon."""
    shipped = ltv.load_decision("retention")
    stages = replace(shipped.stages or ltv.StageSpec(), at_risk_from=at_risk_from)
    value = replace(shipped.value, horizon=f"{holdouts.WEEKS} weeks", currency=None)
    return replace(shipped, value=value, stages=stages)


def people_of(log, *, seed=1):
    """Return the customers of a log as they were at END with their stages, and when they bought again."""
    end = pd.Timestamp(holdouts.END)
    summary = ltv.summarize(log, observation_end=end, time_unit="week")
    fit = ltv.fit(summary, "mbg_pooled", seed=seed, method="laplace", progress=False)
    failed = [each.name for each in stored_report(fit).failed]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own, plain = (
            ltv.decide(fit, summary, decision(each), seed=seed, draws=500, accept_failed=failed).customers
            for each in (ltv.StageSpec().at_risk_from, MOST_PROBABLE)
        )
    later = log[(log["date"] > end) & (log["date"] <= end + pd.Timedelta(weeks=holdouts.WEEKS))]
    first = (later.groupby("customer_id")["date"].min() - end).dt.days
    wait = own["customer_id"].map(first.rename(index=str)).fillna(np.inf).to_numpy()
    return own.assign(plain=plain["stage"], silent=wait > MONTHS, buys=np.isfinite(wait))


def rows_of(world, log):
    """Return one row per label."""
    people = people_of(log)
    for label in STAGES:
        mine = people[people["stage"] == label]
        if mine.empty:
            continue
        row = {"world": world, "label": label, "customers": len(mine)}
        row["most_probable"] = int((people["plain"] == label).sum())
        for what, said in (("silent", "p_no_purchase"), ("buys", "p_purchase_horizon")):
            p, came = mine[said].to_numpy(), mine[what].to_numpy()
            se = np.sqrt((p * (1 - p)).sum())
            row |= {
                f"{what}_said": p.mean(),
                f"{what}_came": came.mean(),
                f"{what}_off": (came - p).sum() / se,
            }
        yield row


def main():
    asked = common.parser(__doc__).parse_args()
    names = (
        holdouts.QUICK if asked.quick else [n for n in holdouts.WORLDS if not asked.only or asked.only in n]
    )
    rows = [row for name in names for row in rows_of(name, holdouts.WORLDS[name]())]
    question = __doc__.split("\n")[0]
    made = common.envelope("bench_stages", rows, columns=COLUMNS, question=question, title="")
    if asked.json:
        common.write_json(asked.json, made)
    else:
        print(common.markdown(made))


if __name__ == "__main__":
    main()

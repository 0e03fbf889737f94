"""Question: how long does a posterior with a calendar clock take, and does it pass its checks?

Simulated customers over three years (40 blocks of four weeks) and over nine (118 blocks), with AR(1) shocks
that move all of them; one process per row. Laplace at its defaults; NUTS with 4 x (150 + 400) steps, enough
for an effective sample size of 400. Timed is the whole call that a user makes, its code compiled before, as
it is after the first fit with a clock of any length; summarising and importing are left out. ESS is the
least bulk effective sample size of any parameter; for Laplace that of the importance weights, but at most the
number of draws.

What would make it rigged: timing sampling without building the model; counting a fit that failed its checks;
a calendar without shocks, on which every clock is easy; the mean effective sample size instead of the least.
"""

import bayesltv as ltv
import common
import worlds

YEARS = {3: 1095, 9: 3285}
SHORT = {"chains": 4, "tune": 150, "draws": 400}
COLUMNS = {
    "customers": ("customers", ",d"),
    "years": ("years", "d"),
    "clock": ("clock", ""),
    "method": ("method", ""),
    "cells": ("cells", ",d"),
    "seconds": ("seconds", ",.1f"),
    "cpu_seconds": ("CPU seconds", ",.1f"),
    "ess": ("least ESS", ",.0f"),
    "khat": ("k-hat", ".2f"),
    "failed_checks": ("failed checks", ""),
    "peak_memory": ("peak MB", ",.0f", 1e-6),
}


def cases(quick):
    """Return the cases, in order; those marked "discard" compile."""
    sizes = [(2_000, 3)] if quick else [(10_000, 3), (20_000, 3), (100_000, 3), (15_500, 9), (1_000_000, 3)]
    made = [{"customers": 500, "years": 3, "clock": "yes", "method": "laplace", "discard": True}]
    for customers, years in sizes:
        ways = [("no", "laplace"), ("yes", "laplace"), ("yes", "nuts")]
        made += [
            {"customers": customers, "years": years, "clock": clock, "method": method}
            for clock, method in ways
        ]
    return made


def one(case):
    import nutpie  # noqa: F401

    import bayesltv.fitting.fit  # noqa: F401  (imports are not timed)

    log, end = worlds.clocked_log(case["customers"], days=YEARS[case["years"]])
    summary = ltv.summarize(log, observation_end=end, time_unit="week", monetary_value_col=None)
    spec = ltv.ModelSpec(spend=None, clock=ltv.ClockSpec() if case["clock"] == "yes" else None)
    method = case["method"]
    sampler = SHORT if method == "nuts" else None
    fit, spent = common.timed(ltv.fit, summary, spec, seed=1, method=method, sampler=sampler, progress=False)
    report = ltv.check(fit)
    sizes = fit["posterior"].sizes
    ess = float(report["importance_ess" if method == "laplace" else "ess_bulk"].value)
    return {
        "cells": int(fit.attrs["cells"]),
        "ess": min(ess, float(sizes["chain"] * sizes["draw"])),
        "khat": float(fit["sample_stats"]["pareto_k"]) if method == "laplace" else float("nan"),
        "failed_checks": ", ".join(each.name for each in report.results if each.status == "fail"),
        **spent,
    }


if __name__ == "__main__":
    common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS)

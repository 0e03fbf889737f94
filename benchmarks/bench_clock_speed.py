"""Question: what does a shared calendar clock cost, at equal cells?

The same customers with and without ``[clock]`` (AR(1) over blocks of four weeks): one evaluation of the
purchase likelihood with its gradient, and a score table with totals within a year, at 1,000 posterior draws.
The clock's path moves in every draw. Rows are CDNOW's whole file, and simulated customers at daily
resolution; all share the end of observation, so that cells with days are as many as cells without.

What would make it rigged: a clock that stands still, whose operational times could be shared by all draws;
timing the first call, which compiles; comparing runs that were not taken in turn (each pair is, and the
median of their ratios is what counts); a horizon of few blocks.
"""

import statistics

import common

PAIRS = 7
COLUMNS = {
    "data": ("customers", ""),
    "cells": ("cells", ",d"),
    "clock_cells": ("cells with days", ",d"),
    "gradient": ("gradient, ms", ".2f", 1e3),
    "clock_gradient": ("with a clock", ".2f", 1e3),
    "gradient_ratio": ("ratio", ".2f"),
    "score": ("scores, CPU s", ".2f"),
    "clock_score": ("with a clock", ".2f"),
    "score_ratio": ("ratio", ".2f"),
}
BLOCK = 28
SD, RHO = 0.3, 0.6


def cases(quick):
    return [{"data": data, "draws": 100 if quick else 1000} for data in (["sample"] if quick else DATA)]


DATA = ("master", "20000")


def one(case):
    import bayesltv as ltv
    import bench_fit

    summary = bench_fit.summary_of(case["data"]).drop(columns="segment")
    plain, clocked = fits(summary, case["draws"])
    value = ltv.ValueSpec(horizon="12 months", annual_discount_rate=0.10, margin=0.30)
    bands = ltv.Tier("low"), ltv.Tier("medium", at_least=5.0), ltv.Tier("high", at_least=30.0)
    decision = ltv.DecisionSpec(value=value, tiers=ltv.TierSpec(bands))

    def score(fit):
        return ltv.score(fit, summary, decision, seed=1, draws=None, accept_failed=())

    gradients = [gradient_of(summary, clock) for clock in (None, ltv.ClockSpec())]
    row = {"cells": gradients[0][1], "clock_cells": gradients[1][1]}
    row |= paired("gradient", *(each for each, _ in gradients))
    return row | paired("score", lambda: score(plain), lambda: score(clocked), pairs=3)


def paired(name, plain, clocked, pairs=PAIRS):
    """Return median CPU seconds of two functions called in turn, and the median of their ratios."""
    taken = []
    for at in range(pairs + 1):
        first, second = (common.timed(each)[1]["cpu_seconds"] for each in (plain, clocked))
        taken += [(first, second)] if at else []  # the first pair compiles
    return {
        name: statistics.median(first for first, _ in taken),
        f"clock_{name}": statistics.median(second for _, second in taken),
        f"{name}_ratio": statistics.median(second / first for first, second in taken),
    }


def gradient_of(summary, clock):
    """Return a function that evaluates the likelihood ten times, and the number of cells."""
    import numpy as np

    import worlds
    from bayesltv.data.summary.cells import make_cells
    from bayesltv.data.summary.validate import validate_summary
    from bayesltv.families.bg_nbd import BG_NBD
    from bayesltv.families.cells import purchase_value_and_gradient
    from bayesltv.kernels.clock import clocked_value_and_gradient
    from bayesltv.model.clock import repeat_counts
    from bayesltv.model.likelihood import clocked_purchase_data, purchase_data
    from bayesltv.specs.model.timeline import make_timeline

    checked = validate_summary(summary)
    cells = make_cells(checked, [], with_spend=False, with_days=clock is not None)
    parameters = np.array([[worlds.PURCHASE[name]] for name in ("r", "alpha", "a", "b")])
    if clock is None:
        kernel, packed = purchase_value_and_gradient, parameters
        data = purchase_data(cells.purchase, BG_NBD)
    else:
        days = cells.purchase.days
        timeline = make_timeline(clock, start=int(days.first.min()), end=int(days.end.max()))
        s = SD * np.random.default_rng(1).standard_normal(timeline.block.size)
        kernel, packed = clocked_value_and_gradient, np.concatenate([parameters.ravel(), s])[None]
        clocks = np.zeros(1, np.int64)
        counts = repeat_counts(cells, timeline, np.zeros(cells.rows.group.size, np.int64))
        data = clocked_purchase_data(cells.purchase, BG_NBD, timeline, clocks, counts, 7.0)
    arrays = tuple(data.values())

    def evaluate():
        for _ in range(10):
            kernel(BG_NBD.kind, packed, *arrays)

    return evaluate, int(cells.purchase.count.size)


def fits(summary, draws):
    """Return the same posterior without a clock and with one."""
    import json

    import numpy as np
    import xarray as xr

    import bayesltv as ltv
    import worlds
    from bayesltv.base.seal import stamped
    from bayesltv.specs.frozen import digest

    plain = worlds.posterior(draws, time_unit="week")
    first = summary["first_purchase"].min()
    end = ltv_end(summary)
    start, last = (int(np.datetime64(day, "D").astype(int)) for day in (first, end))
    blocks = -(-(last - start) // BLOCK)
    rng = np.random.default_rng(1)
    sizes = plain["posterior"].sizes
    shape = (sizes["chain"], sizes["draw"])
    posterior = plain["posterior"].to_dataset().assign(
        clock=(("chain", "draw", "clock_block"), SD * rng.standard_normal((*shape, blocks))),
        clock_sd=(("chain", "draw"), np.full(shape, SD)),
        clock_rho=(("chain", "draw"), np.full(shape, RHO)),
    )  # fmt: skip
    constant = xr.Dataset({"clock_start": start, "clock_end": last})
    clocked = xr.DataTree.from_dict({"posterior": posterior, "constant_data": constant})
    spec = json.loads(plain.attrs["spec"])
    spec["clock"] = ltv.ClockSpec().to_dict()
    told = {"spec": json.dumps(spec), "spec_hash": digest(spec), "observation_end": str(end)[:10]}
    clocked.attrs = plain.attrs | told
    return plain, stamped(clocked)


def ltv_end(summary):
    import numpy as np

    return np.datetime64(str(summary.attrs["observation_end"])[:10])


if __name__ == "__main__":
    common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS, title="Cost of a clock")

"""Question: what does cost grow with, as customers become more?

Simulated customers of one shop, at daily resolution: distinct histories (cells), the time of one evaluation
of the purchase likelihood with its gradient (a NUTS fit is some thousands of them), and seconds and memory of
scoring from Parquet to Parquet with 200 posterior draws. ``--picture FILE`` draws them.

What would make it rigged: few distinct histories, such as at weekly resolution or with everybody acquired on
one day, for which cells hardly grow at all; timing the first call, which compiles; memory without the
process's own. Customers are acquired over 180 days here: over several years there are more histories, and
cells come nearer to the number of customers.
"""

import sys
from pathlib import Path

import common

DRAWS = 200


def cases(quick):
    """Return what is measured."""
    sizes = (1_000, 4_000) if quick else (10_000, 30_000, 100_000, 300_000, 1_000_000)
    return [{"customers": n} for n in sizes]


def one(case):
    """Measure one case and return its results."""
    import bench_score
    import worlds

    bench_score.CACHE.mkdir(exist_ok=True)
    path = bench_score.CACHE / f"summary-{case['customers']}.parquet"
    if not path.exists():
        bench_score.make_summary(path, case["customers"])
    scored = bench_score.ours(path, worlds.posterior(DRAWS))
    return {
        "draws": DRAWS,
        "score_seconds": scored["seconds"],
        "score_cpu_seconds": scored["cpu_seconds"],
        "score_peak_memory": common.peak_memory(),
        **likelihood(path),
    }


def likelihood(path):
    """Return the number of cells and the CPU seconds of one gradient, the best of ten."""
    import numpy as np

    import worlds
    from bayesltv.data.summary.cells import make_cells
    from bayesltv.data.summary.store import read_summary
    from bayesltv.data.summary.validate import validate_summary
    from bayesltv.families.bg_nbd import BG_NBD
    from bayesltv.families.cells import purchase_value_and_gradient
    from bayesltv.model.likelihood import purchase_data

    cells = make_cells(validate_summary(read_summary(path)), [], with_spend=False).purchase
    data = tuple(purchase_data(cells, BG_NBD).values())
    parameters = np.array([[worlds.PURCHASE[name]] for name in ("r", "alpha", "a", "b")])
    purchase_value_and_gradient(BG_NBD.kind, parameters, *data)
    spent = [common.timed(purchase_value_and_gradient, BG_NBD.kind, parameters, *data)[1] for _ in range(10)]
    return {"cells": int(cells.count.size), "gradient_seconds": min(each["cpu_seconds"] for each in spent)}


COLUMNS = {
    "customers": ("customers", ",d"),
    "cells": ("cells", ",d"),
    "gradient_seconds": ("gradient, ms", ",.2f", 1e3),
    "score_seconds": ("scoring, s", ",.1f"),
    "score_cpu_seconds": ("its CPU, s", ",.1f"),
    "score_peak_memory": ("peak MB", ",.0f", 1e-6),
}


def draw(made, path):
    """Draw the rows of a run: cost against customers, both axes logarithmic."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    rows = made["rows"]
    n = [row["customers"] for row in rows]
    figure = Figure(figsize=(8.4, 3.0), layout="constrained")
    panels = figure.subplots(1, 3)
    drawn = (
        ("cells", [row["cells"] for row in rows], "distinct histories"),
        ("gradient", [row["gradient_seconds"] * 1e3 for row in rows], "one gradient, ms"),
        ("scoring", [row["score_cpu_seconds"] for row in rows], f"scoring, {DRAWS} draws, CPU s"),
    )
    for ax, (_, values, label) in zip(panels, drawn, strict=True):
        proportional = [values[-1] * each / n[-1] for each in n]
        ax.plot(n, proportional, color="0.7", linestyle="--", label="in proportion")
        ax.plot(n, values, color="#0072B2", marker="o", markersize=4, label="measured")
        ax.set(xscale="log", yscale="log", xlabel="customers", title=label)
        ax.title.set_size(10)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_formatter(NullFormatter())
        ax.grid(color="0.92")
        ax.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def main():
    """Run the benchmark; with ``--picture FILE --json FILE`` draw what an earlier run left."""
    if "--picture" in sys.argv:
        import json

        at = sys.argv.index("--picture")
        path = sys.argv[at + 1]
        made = json.loads(Path(sys.argv[sys.argv.index("--json") + 1]).read_text(encoding="utf-8"))
        draw(made, path)
        return
    common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS, title="Growth")


if __name__ == "__main__":
    main()

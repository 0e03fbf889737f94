"""Question: what does it take to score customers, for each of them and posterior draw?

``bayesltv`` reads a summary of simulated customers from Parquet, draws each customer's future within a year
once per posterior draw, and writes quantiles, probabilities, tiers and totals as Parquet (``score_to``). The
peer, pymc-marketing's ``expected_customer_lifetime_value`` on the same posterior, gives one number for each
customer and draw: the discounted expectation, in memory. It has no predictive draws. ``expected_purchases``
is the cheapest thing it offers about the future.

What would make it rigged: counting threads for one and not for the other (CPU seconds are shown beside the
wall's); leaving out reading, validating and writing, which are in ours and not in the peer's; customers who
all have the same history, where sharing work between equal histories would be free (here a million have
about 190,000 histories at daily resolution); a peer at a size where it swaps; dividing memory by different
draws. Compiling is not counted for either: a first call on 50 customers, thrown away, does it. Memory is the
peak of the whole process, imports included; a process that only imports is the first row.
"""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import common

CACHE = Path(os.environ.get("BENCH_WORLDS", tempfile.gettempdir())) / "bayesltv-bench"


def cases(quick):
    """Return what is measured; the summaries are made before anything is timed, once per machine."""
    ours = [(2_000, 200)] if quick else [(10_000, 1000), (100_000, 1000), (1_000_000, 1000)]
    same = (500, 400) if quick else (5_000, 4000)
    return [
        {"what": "imports", "customers": 0, "draws": 0},
        *({"what": "bayesltv score_to", "customers": n, "draws": d} for n, d in [*ours, same]),
        {"what": "pymc-marketing expected_customer_lifetime_value", "customers": same[0], "draws": same[1]},
        {"what": "pymc-marketing expected_purchases", "customers": same[0], "draws": same[1]},
    ]


def one(case):
    """Measure one case and return its results."""
    import bayesltv as ltv
    import worlds

    if case["what"] == "imports":
        assert ltv.score_to
        return {}
    work = ours if case["what"].startswith("bayesltv") else partial(peer, case["what"])
    CACHE.mkdir(exist_ok=True)
    path = CACHE / f"summary-{case['customers']}.parquet"
    if not path.exists():  # in a process of its own: its memory is not that of the scoring
        make_summary(path, case["customers"])
    spent = work(path, worlds.posterior(case["draws"]))
    each = case["customers"] * case["draws"]
    return spent | {
        "ns": spent["seconds"] / each * 1e9,
        "cpu_ns": spent["cpu_seconds"] / each * 1e9,
        "per_second": each / spent["seconds"],
        "bytes": (common.peak_memory() - spent.pop("memory_before")) / each,
    }


def make_summary(path, customers):
    """Write a summary in a process of its own."""
    code = f"import worlds; worlds.write_summary({customers}, {str(path)!r})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


def ours(path, fit):
    """Score a summary on disk into Parquet."""
    import bayesltv as ltv
    from bayesltv.data.summary.store import summary_batches, write_summary

    value = ltv.ValueSpec(horizon="12 months", annual_discount_rate=0.10, margin=0.30)
    bands = ltv.Tier("low"), ltv.Tier("medium", at_least=5.0), ltv.Tier("high", at_least=30.0)
    decision = ltv.DecisionSpec(value=value, tiers=ltv.TierSpec(bands))
    with tempfile.TemporaryDirectory() as folder:
        write_summary(next(iter(summary_batches(path, 50))), Path(folder) / "few.parquet")
        few = Path(folder) / "few.parquet"
        ltv.score_to(fit, few, decision, out=Path(folder) / "warm", seed=1, draws=None)
        before = common.peak_memory()
        _, spent = common.timed(
            ltv.score_to, fit, path, decision, out=Path(folder) / "out", seed=1, draws=None
        )
    return spent | {"memory_before": before}


def peer(what, path, fit):
    """Ask pymc-marketing for expectations, from the same draws and for the same customers."""
    import bayesltv as ltv
    from bayesltv.data.summary.store import read_summary

    summary = read_summary(path)
    purchase, spend = ltv.to_pymc_marketing(fit, summary)
    data = summary[["customer_id", "frequency", "recency", "T"]].assign(
        monetary_value=summary["monetary_value"].fillna(0.0)
    )
    if what.endswith("expected_purchases"):

        def call(rows):
            return purchase.expected_purchases(rows, future_t=365)

    else:

        def call(rows):
            return spend.expected_customer_lifetime_value(
                purchase, rows, future_t=12, discount_rate=1.10 ** (1 / 12) - 1, time_unit="D"
            )

    call(data.iloc[:50])
    before = common.peak_memory()
    answer, spent = common.timed(call, data)
    assert answer.sizes["customer_id"] == len(summary)
    return spent | {"memory_before": before}


COLUMNS = {
    "what": ("what", ""),
    "customers": ("customers", ",d"),
    "draws": ("draws", ",d"),
    "seconds": ("seconds", ",.1f"),
    "ns": ("ns per customer and draw", ",.0f"),
    "cpu_ns": ("its CPU, ns", ",.0f"),
    "per_second": ("millions per second", ",.2f", 1e-6),
    "peak_memory": ("peak MB", ",.0f", 1e-6),
    "bytes": ("bytes added per customer and draw", ",.2f"),
}

if __name__ == "__main__":
    common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS, title="Scoring")

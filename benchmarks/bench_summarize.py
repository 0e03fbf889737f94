"""Question: how long does a log of purchases take to become one row per customer, and how much memory?

The log is drawn from BG/NBD at CDNOW's parameters over two years of steady acquisition, amounts from
Gamma-Gamma: 2.3 purchases per customer, most customers once, rows in random order, ids as text. It is
written as Parquet before the clock starts. Every package begins with that file, so that reading it counts,
and ends with a pandas DataFrame: this package with and without the days of each repeat purchase (which the
others do not give) and with a memory limit; ``bayesltv summarize`` ends with a Parquet file instead.
pymc-marketing is called with ``rfm_summary``, lifetimes with ``summary_data_from_transaction_data``.

What would make it rigged: few customers with many purchases, or rows sorted by customer, which suits one
algorithm; timing the others with the frame in memory and this package from a file, or the other way round;
leaving out what is asked of all (end of observation, amounts); counting imports for one side only (no import
is counted here, except in ``process_seconds``). Unlike the others this package also reports odd rows,
carries exact sums and sorts by id; nothing is taken off for that.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import common

END = "2023-12-31"
COLUMNS = {
    "rows": ("rows", ",d"),
    "what": ("what", ""),
    "seconds": ("seconds", ".1f"),
    "cpu_seconds": ("CPU seconds", ".1f"),
    "peak_memory": ("peak memory, MB", ",.0f", 1e-6),
    "customers": ("customers", ",d"),
}
MEMORY_LIMIT = "500MB"
FOLDER = "BENCH_SUMMARIZE"
SIZES = {True: (200_000,), False: (1_000_000, 10_000_000)}
RUNS = 3


def draw_log(rows, seed=1):
    """Return customer number, day and amount of so many purchases, in random order."""
    import numpy as np

    rng, last = np.random.default_rng(seed), 730
    who, when, first = [], [], 0
    while sum(map(len, who)) < rows:
        n = 200_000
        rate, p = rng.gamma(0.243, 1 / 4.414 / 7, n), rng.beta(0.793, 2.426, n)
        born = rng.integers(0, last, n)
        time, alive = born.astype(float), np.arange(n)
        who.append(alive + first)
        when.append(born)
        while alive.size:
            time[alive] += rng.exponential(size=alive.size) / np.maximum(rate[alive], 1e-300)
            alive = alive[time[alive] < last]
            who.append(alive + first)
            when.append(np.ceil(time[alive]).astype(np.int64))
            alive = alive[rng.random(alive.size) >= p[alive]]
        first += n
    who, when = np.concatenate(who), np.concatenate(when)
    whole = np.argsort(who, kind="stable")[:rows]  # customers with all that they buy, but for the last
    who, when = who[whole], when[whole]
    scale = rng.gamma(3.74, 1 / 15.44, first)
    amount = np.round(np.maximum(rng.gamma(6.25, 1 / scale[who]), 0.01), 2)
    order = rng.permutation(rows)
    return who[order], when[order], amount[order]


def write_log(rows, path):
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    who, when, amount = draw_log(rows)
    ids = pc.cast(pa.array(who * 7919 % 1_000_000_007), pa.string())
    dates = pa.array(np.datetime64("2022-01-01") + when).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"customer_id": ids, "date": dates, "amount": amount}), path)


def log_of(rows):
    """Return the path of the log, which the first process that asks for it writes."""
    path = Path(os.environ[FOLDER]) / f"log_{rows}.parquet"
    if not path.exists():
        write_log(rows, path)
    return path


def of_bayesltv(path, *, repeat_days, memory_limit=None):
    import bayesltv as ltv

    return ltv.summarize(path, observation_end=END, repeat_days=repeat_days, memory_limit=memory_limit)


def of_command(path):
    import pyarrow.parquet as pq

    from bayesltv.data.log.reading import Summarizing
    from bayesltv.jobs import summarize_file

    out = path.with_suffix(".summary.parquet")
    summarize_file(path, out, Summarizing(observation_end=END, memory_limit=MEMORY_LIMIT))
    return pq.read_table(out, columns=["customer_id"])


def of_pymc_marketing(path):
    import pandas as pd
    from pymc_marketing.clv.utils import rfm_summary

    return rfm_summary(
        pd.read_parquet(path), "customer_id", "date", "amount",
        observation_period_end=END, time_unit="D", time_scaler=7,
    )  # fmt: skip


def of_lifetimes(path):
    import pandas as pd
    from lifetimes.utils import summary_data_from_transaction_data

    return summary_data_from_transaction_data(
        pd.read_parquet(path), "customer_id", "date", "amount",
        observation_period_end=END, freq="D", freq_multiplier=7,
    )  # fmt: skip


WHAT = {
    "bayesltv": lambda path: of_bayesltv(path, repeat_days=False),
    "bayesltv, repeat days": lambda path: of_bayesltv(path, repeat_days=True),
    f"bayesltv, limit {MEMORY_LIMIT}": lambda path: of_bayesltv(
        path, repeat_days=False, memory_limit=MEMORY_LIMIT
    ),
    f"bayesltv summarize, limit {MEMORY_LIMIT}": of_command,
    "pymc-marketing": of_pymc_marketing,
    "lifetimes": of_lifetimes,
}


def cases(quick):
    every = [{"rows": rows, "what": what} for rows in SIZES[quick] for what in WHAT]
    return every * (1 if quick else RUNS)  # one round after the other, so that each has its share of trouble


def measure(case):
    """Measure one package; imports come before the clock starts, and a warm-up on a few rows with them."""
    import warnings

    warnings.simplefilter("ignore")
    small = log_of(1000)
    path = log_of(case["rows"])
    work = WHAT[case["what"]]
    work(small)
    result, took = common.timed(work, path)
    return took | {"customers": len(result)}


def main():
    if "--write" in sys.argv:
        log_of(int(sys.argv[-1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault(FOLDER, folder)
        if "--one" not in sys.argv:  # drawn in other processes, so that none that measures has held the rows
            for rows in (1000, *SIZES["--quick" in sys.argv]):
                subprocess.run([sys.executable, __file__, "--write", str(rows)], check=True)
        common.main(__doc__, __file__, cases=cases, one=measure, columns=COLUMNS)


if __name__ == "__main__":
    main()

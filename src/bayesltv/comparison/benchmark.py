"""``benchmark``: this package's models beside those of others, on a log's own last stretch."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from bayesltv.comparison.forecast import Forecast
from bayesltv.comparison.known import Known, known_at
from bayesltv.comparison.named import carried_by, named_specs, require_models
from bayesltv.comparison.origins import CUSTOMERS, Origins, require_customers
from bayesltv.comparison.own import asked_of, posterior_forecast
from bayesltv.comparison.plain_log import log_extent, read_plain
from bayesltv.comparison.rivals.registry import RIVALS, Rival
from bayesltv.comparison.scores import Judged, Measure, judge, paired, scores
from bayesltv.data.log.reading import LogReading
from bayesltv.dates import Date
from bayesltv.errors import QUOTED, DataError
from bayesltv.errors import cut as cut_short
from bayesltv.evaluation.comparison import Benchmark
from bayesltv.languages.language import as_kept, mark
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.catalogue import SpecLike
from bayesltv.specs.model.model_spec import ModelSpec

MODELS = ("pooled", "mbg_pooled")
MEASURES: dict[Measure, str] = {"crps": "CRPS", "rmse": "RMSE", "gini": "Gini"}
type Named = tuple[str, Judged]


def benchmark(
    log: object,
    *,
    models: Mapping[str, SpecLike] | Sequence[SpecLike] = MODELS,
    rivals: Sequence[str] | None = None,
    cut: Date | None = None,
    horizon: str | float | None = None,
    time_unit: str = "week",
    seed: int = 1,
    customers: int = CUSTOMERS,
    columns: Mapping[str, Any] | None = None,
    acquired_from: Date | None = None,
    log_end: Date | None = None,
    step: Callable[[str], None] | None = None,
) -> Benchmark:
    """Return how this package's models and those of others forecast the last stretch of a log.

    Every method sees the log up to the cut alone. Ours are fitted by laplace, and by NUTS where laplace does
    not pass its checks.

    Parameters
    ----------
    log : path or frame
    models : mapping of name to spec, or sequence of spec
        Ours; differences are from the first. Groups and covariates are columns of the log.
    rivals : sequence of str, optional
        Names of ``RIVALS``; default: all that take seconds and are installed. "gradient boosting" needs the
        extra ``benchmark``, and is left out and named without it.
    cut : date, optional
        Last day known; default: the horizon before the log's end.
    horizon : str or float, optional
        Text with a unit, or a number in `time_unit`; default: a third of the log.
    time_unit : str
        Of the summary.
    seed : int
    customers : int
        At most; of a larger log so many are drawn by lot.
    columns : mapping, optional
        How the log is read: keywords of ``summarize``, for instance ``{"datetime_col": "day"}``.
    acquired_from, log_end : date, optional
        As for ``summarize`` and ``evaluate``.
    step : callable, optional
        Told what is done next.

    Returns
    -------
    Benchmark

    Raises
    ------
    DataError
        Where the log does not reach the horizon, there are too few customers, or a rival is unknown.

    Examples
    --------
    >>> found = benchmark("log.csv", horizon="26 weeks")  # doctest: +SKIP
    >>> found.table[["method", "crps", "crps_diff"]]  # doctest: +SKIP
    """
    origins = Origins(
        () if cut is None else (cut,), horizon, time_unit, customers, acquired_from, log_end, seed
    )
    return benchmark_as(log, LogReading.of(columns), origins, models=models, rivals=rivals, step=step)


def benchmark_as(
    log: object,
    reading: LogReading,
    origins: Origins,
    *,
    models: Mapping[str, SpecLike] | Sequence[SpecLike] = MODELS,
    rivals: Sequence[str] | None = None,
    step: Callable[[str], None] | None = None,
) -> Benchmark:
    """Return how methods forecast the last stretch of a log; see `benchmark`."""
    own, others = named_specs(models), _chosen(rivals)
    for name in own.keys() & others.keys():
        raise DataError(f'a model is called "{name}" like a rival: give a mapping with another name')
    if len(origins.cuts) > 1:
        raise DataError(f"a benchmark has one cut, not {len(origins.cuts)}")
    first, last = log_extent(log, reading, log_end=origins.log_end)
    (cut,), days = origins.placed(first, last, count=1)
    plain = read_plain(log, reading, origins, until=cut, carried=carried_by(own))
    require_customers(len(plain.ids), cut)
    known, actual = known_at(plain, cut, days, time_unit=origins.time_unit)
    require_models({name: asked_of(known, spec) for name, spec in own.items()}, known.summary)
    table, skipped, verdict = _table(
        known, actual, own, others, seed=origins.seed, say=step or (lambda _: None)
    )
    facts = {
        "cut": cut.date().isoformat(), "days": days, "customers": len(known.summary),
        "customers_of_the_log": plain.customers, "seed": origins.seed,
    }  # fmt: skip
    return Benchmark(table, verdict, skipped, facts)


def _chosen(names: Sequence[str] | None) -> dict[str, Rival]:
    if names is None:
        return {name: rival for name, rival in RIVALS.items() if not rival.is_slow}
    unknown = [name for name in names if name not in RIVALS]
    if unknown:
        raise DataError(f"there is no rival {unknown[0]!r}: take {', '.join(RIVALS)}")
    return {name: RIVALS[name] for name in names}


def _table(
    known: Known,
    actual: Mapping[str, Floats],
    own: Mapping[str, ModelSpec],
    others: Mapping[str, Rival],
    *,
    seed: int,
    say: Callable[[str], None],
) -> tuple[pd.DataFrame, dict[str, str], tuple[str, ...]]:
    """Return a row of scores per quantity and method, why methods are missing, and the verdict."""
    rows: list[dict[str, Any]] = []
    skipped: dict[str, str] = {}
    kept: dict[str, list[Named]] = {}
    methods: dict[str, Callable[[], Mapping[str, Forecast]]] = {
        name: partial(posterior_forecast, known, spec, seed=seed) for name, spec in own.items()
    }
    methods |= {name: partial(rival.forecast, known) for name, rival in others.items()}
    for name, forecast in methods.items():
        rival = others.get(name)
        if rival is not None and not rival.is_installed:
            skipped[name] = f'pip install "bayesltv[{rival.extra}]"'
            continue
        say(name)
        begun = time.perf_counter()
        try:
            made = forecast()
        except Exception as error:
            if rival is None:
                raise
            said = " ".join(str(error).split())  # that it did not converge is a result too
            skipped[name] = f"{type(error).__name__}: {cut_short(said, QUOTED)}"
            continue
        told = {"is_ours": rival is None, "seconds": time.perf_counter() - begun}
        rows += [{**row, **told} for row in rows_of(name, made, actual, kept)]
    table = pd.DataFrame(rows).sort_values("quantity", kind="stable", ignore_index=True)
    return table, skipped, verdicts(table, kept)


def rows_of(
    name: str, forecasts: Mapping[str, Forecast], actual: Mapping[str, Floats], kept: dict[str, list[Named]]
) -> list[dict[str, Any]]:
    """Return a row of scores per quantity, with differences to what was judged first, which `kept` holds."""
    rows = []
    for quantity, forecast in forecasts.items():
        judged = judge(forecast, actual[quantity])
        before = kept.setdefault(quantity, [])
        row = {"quantity": quantity, "method": name, **scores(forecast, actual[quantity])}
        if before:
            for measure in ("crps", "rmse"):
                ends = paired(measure, judged, before[0][1])
                row |= dict(zip((f"{measure}_diff", f"{measure}_low", f"{measure}_high"), ends, strict=True))
        before.append((name, judged))
        rows.append({**row, "actual": float(actual[quantity].sum())})
    return rows


def verdicts(table: pd.DataFrame, kept: Mapping[str, Sequence[Named]]) -> tuple[str, ...]:
    """Return by quantity and measure how the best of ours stands beside the best of the others."""
    said = []
    for quantity, rows in table.groupby("quantity", sort=False):
        judged = dict(kept[str(quantity)])
        for measure in MEASURES:
            best = [
                rows[rows["is_ours"] == own].sort_values(measure, ascending=measure != "gini").head(1)
                for own in (True, False)
            ]
            if len(best[1]):
                ours, theirs = (each.iloc[0] for each in best)
                gap = paired(measure, judged[theirs["method"]], judged[ours["method"]])
                where = {"quantity": quantity, "measure": MEASURES[measure]}
                said.append(as_kept(_beside(measure, gap), **where, **_named(ours, theirs, measure)))
    return tuple(said)


def _beside(measure: Measure, gap: tuple[float, float, float]) -> str:
    """Return the sentence that says how ours stands beside theirs, its places open."""
    _, low, high = gap
    if low <= 0 <= high:
        return mark("{quantity}, {measure}: {ours} ({mine}) is not told apart from {theirs} ({other})")
    if high < 0 if measure == "gini" else low > 0:
        return mark("{quantity}, {measure}: {ours} ({mine}) beats {theirs} ({other})")
    return mark("{quantity}, {measure}: {ours} ({mine}) LOSES to {theirs} ({other})")


def _named(ours: Any, theirs: Any, measure: Measure) -> dict[str, str]:  # noqa: ANN401
    mine, other = f"{ours[measure]:.4g}", f"{theirs[measure]:.4g}"
    return {"ours": ours["method"], "mine": mine, "theirs": theirs["method"], "other": other}

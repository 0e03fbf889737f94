"""A forecast of the business against what came, beside what is usually done instead."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from bayesltv.arrivals.result import Forecast
from bayesltv.data.day_lists import day_number
from bayesltv.data.log.reading import LaterLog
from bayesltv.data.log.split import purchase_days
from bayesltv.errors import DataError, EngineError, SpecError, shown
from bayesltv.evaluation.rules import crps, interval_score
from bayesltv.numerics.arrays import Floats
from bayesltv.streams import generator

LEVEL, DRAWS = 0.9, 1000
YEAR, WEEK, BLOCK = 364, 7, 28
NAIVE = ("last_year", "seasonal_naive")
OWN = "bayesltv"


def judge_forecast(
    found: Forecast, later: LaterLog, *, rivals: Sequence[str] = NAIVE, seed: int = 1
) -> pd.DataFrame:
    """Return how a forecast's totals compare with what happened, and rivals' beside them.

    Parameters
    ----------
    found : Forecast
    later : LaterLog
        A log that holds all purchases, from the first one to the end of the horizon.
    rivals : sequence of str
        "last_year": the same days a year ago, with the spread of such forecasts so far. "seasonal_naive": the
        same weeks a year ago, with the spread of weeks against those of the year before. "ets": exponential
        smoothing of four-week totals, with a season from two years on (statsmodels, extra ``benchmark``).
    seed : int

    Returns
    -------
    DataFrame
        One row per quantity ("purchases", "revenue") and forecaster: ``actual``, ``mean``, ``p05``, ``p50``,
        ``p95``, ``inside_90``, ``interval_score`` and ``crps``. A rival without history enough has none.

    Raises
    ------
    DataError
        Where the log does not reach the end of the horizon.
    SpecError, EngineError
        Where a rival is unknown, or not installed.
    """
    require_rivals(rivals)
    days = int(found.attrs["horizon_days"])
    end = day_number(pd.Timestamp(found.attrs["observation_end"]))
    by_day = _daily(later, end, days, with_money="revenue" in found.draws)
    rows = []
    for quantity, series in by_day.items():
        past, actual = series[:-days], float(series[-days:].sum())
        drawn: dict[str, Floats | None] = {OWN: found.total(quantity)}
        rng = generator(seed, "rivals", quantity)
        drawn |= {name: RIVALS[name](past, days, rng) for name in rivals}
        rows += [_row(quantity, name, each, actual) for name, each in drawn.items()]
    return pd.DataFrame(rows)


def require_rivals(rivals: Sequence[str]) -> None:
    """Refuse a rival that is unknown; SpecError says which there are."""
    unknown = [name for name in rivals if name not in RIVALS]
    if unknown:
        raise SpecError(f"rival {shown(unknown[0])} is unknown: there are {', '.join(RIVALS)}")


def _daily(later: LaterLog, end: int, days: int, *, with_money: bool) -> dict[str, Floats]:
    """Return purchases and revenue by day, from the log's first purchase to the end of the horizon."""
    until = pd.Timestamp(np.datetime64(end + days, "D"))
    found = purchase_days(later.log, later.reading, after=pd.Timestamp("1900-01-01"), until=until)
    reached = found.log_end if later.log_end is None else max(found.log_end, pd.Timestamp(later.log_end))
    if reached < until:
        raise DataError(f"the log ends on {reached.date()}, before the horizon's end on {until.date()}")
    start = int(found.day.min())
    length = end + days - start + 1
    series = {"purchases": np.bincount(found.day - start, minlength=length).astype(np.float64)}
    if with_money and found.amount is not None:
        money = np.bincount(found.day - start, weights=found.amount, minlength=length)
        series["revenue"] = np.asarray(money, dtype=np.float64)
    return series


def _row(quantity: str, name: str, drawn: Floats | None, actual: float) -> dict[str, object]:
    told = {"quantity": quantity, "forecaster": name, "actual": actual}
    if drawn is None:
        return told
    low, middle, high = np.quantile(drawn, [0.05, 0.5, 0.95])
    return told | {
        "mean": float(drawn.mean()), "p05": low, "p50": middle, "p95": high,
        "inside_90": bool(low <= actual <= high), "interval_score": interval_score(low, high, actual, LEVEL),
        "crps": float(crps(np.sort(drawn)[None], np.array([actual]))[0]),
    }  # fmt: skip


def _last_year(past: Floats, days: int, rng: np.random.Generator) -> Floats | None:
    """Return the same days a year ago times the errors that this forecast made so far, log-normal."""
    if past.size < YEAR:
        return None
    point = past[past.size - YEAR : past.size - YEAR + days].sum()
    ends = np.arange(past.size, YEAR + days - 1, -BLOCK)
    pairs = [(past[end - days : end].sum(), past[end - days - YEAR : end - YEAR].sum()) for end in ends]
    logs = np.array([np.log(new / old) for new, old in pairs if new > 0 and old > 0])
    if logs.size < 2:  # no year to compare: how much neighbouring stretches differ
        sums = np.array([past[end - days : end].sum() for end in range(past.size, days - 1, -days)])
        logs = np.diff(np.log(np.maximum(sums, 1.0)))
    return np.asarray(point * np.exp(np.sqrt(np.mean(logs**2)) * rng.standard_normal(DRAWS)))


def _seasonal_naive(past: Floats, days: int, rng: np.random.Generator) -> Floats | None:
    """Return the same weeks a year ago, each with the spread of weeks against those of a year before."""
    if past.size < YEAR + 4 * WEEK:
        return None
    weekly = past[past.size % WEEK :].reshape(-1, WEEK).sum(axis=1)
    errors = weekly[YEAR // WEEK :] - weekly[: -(YEAR // WEEK)]
    point = past[past.size - YEAR : past.size - YEAR + days].sum()
    sd = np.sqrt(np.mean(errors**2) * days / WEEK)
    return np.asarray(point + sd * rng.standard_normal(DRAWS))


def _ets(past: Floats, days: int, rng: np.random.Generator) -> Floats | None:
    """Return exponential smoothing of the logs of four-week totals, simulated ahead."""
    try:
        from statsmodels.tsa.exponential_smoothing.ets import ETSModel
    except ImportError as error:
        raise EngineError("ets needs statsmodels: pip install 'bayesltv[benchmark]'") from error
    totals = past[past.size % BLOCK :].reshape(-1, BLOCK).sum(axis=1)
    if totals.size < 6:
        return None
    has_season = totals.size >= 2 * YEAR // BLOCK
    season = {"seasonal": "add", "seasonal_periods": YEAR // BLOCK} if has_season else {}
    logs = pd.Series(np.log(np.maximum(totals, 0.5)))
    made = ETSModel(logs, error="add", trend="add", damped_trend=True, **season).fit(disp=False)
    ahead = -(-days // BLOCK)
    errors = np.sqrt(made.mse) * rng.standard_normal((ahead, DRAWS))
    paths = made.simulate(ahead, anchor="end", repetitions=DRAWS, random_errors=errors)
    whole = np.exp(np.clip(np.asarray(paths).reshape(ahead, DRAWS), -50, 50))
    share = np.minimum(np.maximum(days - BLOCK * np.arange(ahead), 0), BLOCK) / BLOCK
    return np.asarray(share @ whole)


RIVALS: Mapping[str, Callable[[Floats, int, np.random.Generator], Floats | None]] = {
    "last_year": _last_year, "seasonal_naive": _seasonal_naive, "ets": _ets,
}  # fmt: skip

"""``choose``: several specs tried at several days of a log's own past, and the one to use.

Where none are named it tries what `candidates` has, the simplest first.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.checks.timing import regular_timing
from bayesltv.comparison.backtest import Backtest, backtest
from bayesltv.comparison.named import carried_by, named_specs, require_models
from bayesltv.comparison.origins import CUSTOMERS, Origins, require_customers
from bayesltv.comparison.plain_log import PlainLog, log_extent, read_plain
from bayesltv.comparison.recommendation import mean_crps, recommend, summed_up
from bayesltv.data.log.reading import LogReading
from bayesltv.data.log.summarize import summarize
from bayesltv.dates import Date
from bayesltv.errors import DataError, FitError, SpecError
from bayesltv.evaluation.comparison import Choice
from bayesltv.languages.language import as_kept
from bayesltv.names import CUSTOMER_ID, DATE
from bayesltv.specs.catalogue import SpecLike, load_spec
from bayesltv.specs.model.model_spec import ModelSpec

CUTS = 3
DRAWS = 1000
REGULAR = "mbg_cnbd"
LARGEST = 4
"""Stages of a wait."""


def choose(
    log: object,
    *,
    specs: Mapping[str, SpecLike] | Sequence[SpecLike] | None = None,
    cuts: Sequence[Date] = (),
    horizon: str | float | None = None,
    time_unit: str = "week",
    seed: int = 1,
    customers: int = CUSTOMERS,
    columns: Mapping[str, Any] | None = None,
    acquired_from: Date | None = None,
    log_end: Date | None = None,
    step: Callable[[str], None] | None = None,
) -> Choice:
    """Return which purchase model forecasts a log's own past best.

    Each spec is fitted up to each cut and held against what came next: single customers by CRPS, their total
    by its interval score. Fits are made by laplace, and by NUTS where laplace does not pass its checks.

    Parameters
    ----------
    log : path or frame
    specs : mapping of name to spec, or sequence of spec, optional
        The simplest first. Default: BG/NBD, MBG/NBD, MBG/CNBD-k at the k nearest the measured shape of the
        waits where they are regular, and then the best of these on a calendar clock.
    cuts : sequence of date, optional
        Last days known; default: three, so that their windows follow one another up to the log's end.
    horizon : str or float, optional
        Text with a unit, or a number in `time_unit`; default: a sixth of the log.
    time_unit : str
        Of summaries.
    seed : int
    customers : int
        At most; of a larger log so many are drawn by lot.
    columns : mapping, optional
        How the log is read: keywords of ``summarize``, for instance ``{"datetime_col": "day"}``.
    acquired_from, log_end : date, optional
        As for ``summarize`` and ``evaluate``.
    step : callable, optional
        Told what is done next, and about how long the rest takes.

    Returns
    -------
    Choice
        Its ``spec`` is what ``fit`` takes.

    Raises
    ------
    DataError
        Where the log is too short for the cuts, or has too few customers.
    SpecError
        Where a spec is unknown, or two differ in spend alone.

    Notes
    -----
    Paired differences of CRPS: bootstrap over customers, who are in it with all their cuts. Interval score:
    Gneiting & Raftery (2007). What in-sample likelihood and leave-one-out prefer is not asked: where days
    hide how waits are spread, and where the calendar moves everybody, they are wrong (``docs/criticism.md``).

    Examples
    --------
    >>> found = choose("log.csv", step=print)  # doctest: +SKIP
    >>> fit = ltv.fit(summary, found.spec, seed=1)  # doctest: +SKIP
    """
    origins = Origins(tuple(cuts), horizon, time_unit, customers, acquired_from, log_end, seed)
    return choose_as(log, LogReading.of(columns), origins, specs=specs, step=step)


def choose_as(
    log: object,
    reading: LogReading,
    origins: Origins,
    *,
    specs: Mapping[str, SpecLike] | Sequence[SpecLike] | None = None,
    step: Callable[[str], None] | None = None,
) -> Choice:
    """Return which purchase model forecasts a log's own past best; see `choose`."""
    asked = None if specs is None else _checked(named_specs(specs))
    first, last = log_extent(log, reading, log_end=origins.log_end)
    days_known, days = origins.placed(first, last, count=CUTS)
    carried = carried_by(asked or {})
    plain = read_plain(log, reading, origins, until=days_known[-1], carried=carried)
    begun = plain.rows.groupby(CUSTOMER_ID)[DATE].min()
    require_customers(int((begun < days_known[0] + pd.Timedelta(days=1)).sum()), days_known[0])
    calendar = (days_known[0] - begun.min()).days
    if asked is not None:
        earliest = _summary(plain, days_known[0], origins.time_unit)
        purchases = {name: each.without_spend() for name, each in asked.items()}
        require_models(purchases, earliest, when=f" at the first cut, {days_known[0].date()}")
    shape = shape_of_waits(_summary(plain, days_known[-1], origins.time_unit))
    found = candidates(shape) if asked is None else asked
    trial = Trial(plain, days_known, days, origins, step or (lambda _: None))
    clocked = on_a_clock(found, calendar) if asked is None else {}
    tried = trial.run(found, more=CUTS * len(clocked))
    if clocked:
        best = recommend(tried, clocked=frozenset()).name
        ranked = sorted(found, key=lambda name: (name != best, mean_crps(tried[name])))
        clocked = on_a_clock({name: found[name] for name in ranked}, calendar)
        found |= clocked
        tried |= trial.run(clocked, more=0)
    verdict = recommend(tried, clocked=frozenset(name for name, each in found.items() if each.clock))
    if asked is None and not clocked:
        told = as_kept("no clock was tried: {days} days up to the first cut are too few", days=calendar)
        verdict = replace(verdict, reason=f"{verdict.reason}; {told}")
    spec = found[verdict.name]
    facts = {
        "cuts": [cut.date().isoformat() for cut in days_known], "days": days, "customers": len(plain.ids),
        "customers_of_the_log": plain.customers, "seed": origins.seed, "shape_of_waits": shape,
    }  # fmt: skip
    return Choice(
        verdict.name, spec if reading.monetary_value_col else spec.without_spend(), verdict.reason,
        verdict.is_clear, summed_up(tried, verdict.name), _all_cuts(tried), facts,
    )  # fmt: skip


@dataclass
class Trial:
    """Specs tried at the cuts of a log, one after the other, and how long that takes."""

    log: PlainLog
    cuts: Sequence[pd.Timestamp]
    days: int
    origins: Origins
    say: Callable[[str], None]
    seconds: list[float] = field(default_factory=list)

    def run(self, specs: Mapping[str, ModelSpec], *, more: int) -> dict[str, Backtest]:
        """Return what each spec says at each cut; `more` fits will follow these."""
        found, left = {}, len(specs) * len(self.cuts) + more
        for name, spec in specs.items():
            parts = []
            for cut in self.cuts:
                self.say(f"{name} up to {cut.date()}{self._rest(left)}")
                parts.append(self._tried(spec.without_spend(), cut))
                left -= 1
            found[name] = Backtest(
                pd.concat([part.table for part in parts], ignore_index=True),
                {cut: each for part in parts for cut, each in part.evaluations.items()},
            )
        return found

    def _tried(self, spec: ModelSpec, cut: pd.Timestamp) -> Backtest:
        """Return a spec's forecast from one cut, by laplace where it passes."""
        begun = time.perf_counter()
        try:
            method, found = "laplace", self._backtest(spec, cut, "laplace")
        except FitError:
            found = None  # no mode to start from; NUTS needs none
        if found is None or not found.table["passed"].all():
            method, found = "nuts", self._backtest(spec, cut, "nuts")
        self.seconds.append(time.perf_counter() - begun)
        return Backtest(found.table.assign(method=method, seconds=self.seconds[-1]), found.evaluations)

    def _backtest(self, spec: ModelSpec, cut: pd.Timestamp, method: Any) -> Backtest:  # noqa: ANN401
        return backtest(
            self.log.rows, spec, cuts=[cut], horizon=f"{self.days} days", time_unit=self.origins.time_unit,
            seed=self.origins.seed, method=method, draws=DRAWS, log_end=self.log.last, progress=False,
            acquired_from=self.log.acquired_from,
            columns=self.log.reading.without_amounts().keywords,
        )  # fmt: skip

    def _rest(self, left: int) -> str:
        if not self.seconds:
            return ""
        rest = left * float(np.mean(self.seconds[-3:]))
        return f", about {rest / 60:.0f} min left" if rest > 90 else f", about {rest:.0f} s left"


def _checked(specs: dict[str, ModelSpec]) -> dict[str, ModelSpec]:
    """Return specs that differ in what is judged."""
    if len(specs) < 2:
        raise DataError(
            f"choose needs at least two specs, not {len(specs)}: give a second one, or none at all"
        )
    seen: dict[str, str] = {}
    for name, spec in specs.items():
        other = seen.setdefault(spec.without_spend().hash(), name)
        if other != name:
            raise SpecError(
                f"{other} and {name} differ in spend or not at all, and choose judges purchases alone"
            )
    return specs


def _summary(log: PlainLog, cut: pd.Timestamp, time_unit: str) -> pd.DataFrame:
    reading = log.reading.without_amounts()
    return summarize(
        log.rows,
        observation_end=cut,
        time_unit=time_unit,
        acquired_from=log.acquired_from,
        **reading.keywords,
    )


def _all_cuts(tried: Mapping[str, Backtest]) -> pd.DataFrame:
    return pd.concat([each.table.assign(spec=name) for name, each in tried.items()], ignore_index=True)


def candidates(shape: float | None) -> dict[str, ModelSpec]:
    """Return BG/NBD, MBG/NBD and, where waits are regular, MBG/CNBD-k at the k nearest their shape."""
    found = {"bg_nbd": load_spec("pooled"), "mbg_nbd": load_spec("mbg_pooled")}
    k = 1 if shape is None else min(max(round(shape), 1), LARGEST)
    if k > 1:
        told = found["mbg_nbd"].to_dict()
        title = f"MBG/CNBD-{k} and Gamma-Gamma, one population"
        regular: dict[str, Any] = {**told, "model": {"title": title}, "purchase": {"family": REGULAR, "k": k}}
        found[f"{REGULAR}_{k}"] = ModelSpec.from_dict(regular, source="the regular candidate")
    return found


def on_a_clock(specs: Mapping[str, ModelSpec], days: int | None = None) -> dict[str, ModelSpec]:
    """Return the first spec that goes by a calendar clock, on that of the shipped `clock.toml`.

    There is none where `days` of calendar are too few for it.
    """
    clock = load_spec("clock").clock
    for name, spec in specs.items():
        try:
            clocked = replace(spec, clock=clock, title=f"{spec.title}, on a shared calendar clock")
            if days is not None:
                clocked.check_calendar(days)
        except (SpecError, DataError):  # of a family that has none
            continue
        return {f"{name}_clock": clocked}
    return {}


def shape_of_waits(summary: pd.DataFrame) -> float | None:
    """Return the shape of a gamma distribution of waits, 1 being exponential; None of too few."""
    plain = xr.DataTree()
    plain.attrs["spec"] = json.dumps(load_spec("pooled").to_dict())  # the check compares with a fit's family
    return regular_timing(plain, summary).value

"""Logs from known parameters: the process itself, event by event."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv import names
from bayesltv.dates import Date, require_day
from bayesltv.errors import DataError
from bayesltv.families.bg_cnbd import MOST_STAGES
from bayesltv.families.family import Family
from bayesltv.families.registry import PARAMETERS, PURCHASE
from bayesltv.numerics.arrays import Floats
from bayesltv.streams import generator
from bayesltv.units import DAYS_PER, time_unit_of

Parameters = Mapping[str, float] | Mapping[str, Mapping[str, float]]
FAMILIES = tuple(PURCHASE)
SIZE = "n"
_SPEND = names.SPEND_PARAMETERS


@dataclass(frozen=True)
class World:
    """A simulated log and the truth behind it.

    Parameters
    ----------
    log : DataFrame
        One row per purchase: customer_id, date, amount (where there is spend) and group columns, ordered by
        date.
    customers : DataFrame
        One row per customer: customer_id, group columns, first_purchase (date), T (in the time unit), lam
        (purchases per time unit while alive), p (probability of dropping out after a purchase; in Pareto/NBD
        mu, the hazard of leaving), nu (rate of the spend gamma), purchases (repeat purchases in continuous
        time, before those of one day merge), alive_at_end, dropout_after (time from first purchase to
        dropout; missing where alive).
    design : DataFrame
        One row per group: group columns, n, and the parameters used.
    """

    log: pd.DataFrame
    customers: pd.DataFrame
    design: pd.DataFrame


def simulate_world(
    customers: int | Mapping[str, int] | pd.DataFrame,
    *,
    seed: int,
    purchase: Parameters | None = None,
    spend: Parameters | None = None,
    family: str = "bg_nbd",
    k: int | None = None,
    start: Date = "1997-01-01",
    observation_end: Date = "1997-09-30",
    acquisition_days: int = 84,
    time_unit: str = "week",
    group_col: str = names.GROUP,
    round_to: float | None = 0.01,
) -> World:
    """Return a log drawn from the model, with everything that is hidden in reality.

    Customer by customer and event by event (Fader, Hardie & Lee 2005, section 2): lam ~ Gamma(r, rate alpha),
    p ~ Beta(a, b), exponential gaps with rate lam, and after each repeat purchase (MBG/NBD: after the first
    one too) dropout with probability p. Amounts are Gamma(p, rate nu) with nu ~ Gamma(q, rate v), and the
    first one delta times such an amount.

    First purchases are uniform over `acquisition_days` whole days; the clock of a customer starts at the end
    of that day, and a purchase t days later is dated ceil(t) days later. So a repeat purchase never falls on
    the first day, purchases within the observed time (0, T] are exactly those dated up to `observation_end`,
    and recency is half a day too long on average. Two purchases of one day are two rows here and one purchase
    in a summary: with daily rates near 0.01 a loss of about 0.5 % of the repeat purchases
    (`customers["purchases"]` counts all of them).

    Parameters
    ----------
    customers : int, mapping or DataFrame
        How many; or group -> how many; or a design, one row per group with a column "n", group columns (one
        or several crossed) and, where they differ by group, parameters r, alpha, a, b, p, q, v, delta.
    seed : int
        Purchases, spend and acquisition are separate streams: leaving spend out moves no purchase.
    purchase : mapping, optional
        r, alpha (a rate, in `time_unit`), a, b (Pareto/NBD: s, beta); or group -> such a mapping; what the
        design has goes first.
    spend : mapping, optional
        p, q, v (a rate, in currency) and delta (1 where it is left out: first orders are like later ones); or
        group -> such a mapping. Without any the log has no amounts.
    family : str
        "bg_nbd", "mbg_nbd", "bg_cnbd" and "mbg_cnbd", whose waits are gamma, or "pareto_nbd".
    k : int, optional
        Stages of their waits, default 2; alpha is then a rate of stages, k of which are a purchase.
    start, observation_end : date
        First day of acquisition, last day of the log.
    acquisition_days : int
        Days over which customers arrive, at least 1.
    time_unit : str
        Unit of alpha, T and lam.
    group_col : str
        Name of the group column where `customers` is a mapping.
    round_to : float or None
        Amounts are rounded to multiples of this, and at least one of it; None leaves them as drawn.

    Returns
    -------
    World

    Raises
    ------
    DataError
        Where a parameter is missing or not positive, the design has no "n", or the dates leave no time.

    Examples
    --------
    >>> world = simulate_world(50, purchase={"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.4}, seed=1)
    >>> len(world.customers), world.log.columns.tolist()
    (50, ['customer_id', 'date'])
    """
    if family not in FAMILIES:
        raise DataError(f"family={family!r} is unknown: use {' or '.join(FAMILIES)}")
    card = PURCHASE[family] if k is None else _with_k(PURCHASE[family], k)
    design = _design(customers, purchase, spend, group_col, card.parameters)
    unit = DAYS_PER[time_unit_of(time_unit)]
    first_day, last_day = _calendar(start, observation_end, acquisition_days)
    truth = _draw_customers(design, seed, (first_day, last_day, acquisition_days), unit, card)
    rows, after, truth = _draw_purchases(truth, card, seed)
    log = _log(truth, rows, after, unit)
    if "nu" in truth:
        log["amount"] = _draw_amounts(truth, log["place"].to_numpy(), seed, round_to)
    group_cols = _group_columns(design)
    columns = ["customer_id", "date", *(["amount"] if "nu" in truth else []), *group_cols]
    log = log.sort_values(["date", "place"], kind="stable", ignore_index=True)[columns]
    return World(log, truth.drop(columns=["first_day", *_hyper(design)]), design)


def simulate_log(
    customers: int | Mapping[str, int] | pd.DataFrame,
    *,
    seed: int,
    purchase: Parameters | None = None,
    spend: Parameters | None = None,
    family: str = "bg_nbd",
    k: int | None = None,
    start: Date = "1997-01-01",
    observation_end: Date = "1997-09-30",
    acquisition_days: int = 84,
    time_unit: str = "week",
    group_col: str = names.GROUP,
    round_to: float | None = 0.01,
) -> pd.DataFrame:
    """Return the log of `simulate_world`, without the truth behind it.

    Parameters, errors and conventions are those of `simulate_world`.

    Returns
    -------
    DataFrame
        customer_id, date, amount (where there is spend), group columns; one row per purchase.
    """
    return simulate_world(
        customers,
        seed=seed,
        purchase=purchase,
        spend=spend,
        family=family,
        k=k,
        start=start,
        observation_end=observation_end,
        acquisition_days=acquisition_days,
        time_unit=time_unit,
        group_col=group_col,
        round_to=round_to,
    ).log


def _design(
    customers: int | Mapping[str, int] | pd.DataFrame,
    purchase: Parameters | None,
    spend: Parameters | None,
    group_col: str,
    wanted: tuple[str, ...],
) -> pd.DataFrame:
    """One row per group with its size and all its parameters."""
    if isinstance(customers, pd.DataFrame):
        design = customers.reset_index(drop=True)
    elif isinstance(customers, Mapping):
        design = pd.DataFrame({group_col: list(customers), SIZE: list(customers.values())})
    else:
        design = pd.DataFrame({SIZE: [customers]})
    if SIZE not in design or not (design[SIZE] >= 0).all() or design[SIZE].sum() < 1:
        raise DataError(f'a design needs a column "{SIZE}" of customer counts, at least one customer in all')
    of_spend = (*_SPEND, names.DELTA)
    wants_spend = spend is not None or any(name in design for name in of_spend)
    design = _filled(design, purchase, wanted, "purchase", group_col)
    return _filled(design, spend, of_spend, "spend", group_col) if wants_spend else design


def _filled(
    design: pd.DataFrame, given: Parameters | None, wanted: tuple[str, ...], argument: str, group_col: str
) -> pd.DataFrame:
    given = given or {}
    unknown = [k for k, v in given.items() if k not in wanted and not isinstance(v, Mapping)]
    if unknown:
        raise DataError(f"{argument} has no parameter {unknown[0]!r}: it has {', '.join(wanted)}")
    values = {name: _values(design, given, name, argument, group_col) for name in wanted}
    design = design.assign(**values)
    for name in wanted:
        if not (np.isfinite(design[name]) & (design[name] > 0)).all():
            raise DataError(
                f"{argument} parameter {name} must be positive and finite: got {list(design[name])[:5]}"
            )
    return design


def _values(design: pd.DataFrame, given: Parameters, name: str, argument: str, group_col: str) -> Floats:
    if name in design:
        return design[name].to_numpy(dtype=np.float64)
    if name in given:
        return np.full(len(design), float(given[name]))  # type: ignore[arg-type]
    by_group = {k: v for k, v in given.items() if isinstance(v, Mapping)}
    labels = list(design[group_col]) if group_col in design else []
    if name == names.DELTA:
        known = [float(by_group.get(g, {}).get(name, 1.0)) for g in labels]
        return np.array(known or [1.0] * len(design))
    missing = [g for g in labels if name not in by_group.get(g, {})]
    if missing or not labels:
        where = f" for group {missing[0]!r}" if missing else ""
        raise DataError(
            f"{argument} parameter {name!r} is missing{where}: give it in {argument}= or in the design"
        )
    return np.array([float(by_group[g][name]) for g in labels])


def _group_columns(design: pd.DataFrame) -> list[str]:
    return [c for c in design.columns if c != SIZE and c not in PARAMETERS]


def _hyper(design: pd.DataFrame) -> list[str]:
    return [f"{c}_of_group" for c in design.columns if c in PARAMETERS]


def _calendar(start: Date, observation_end: Date, acquisition_days: int) -> tuple[int, int]:
    """First and last day, counted from 1970-01-01."""
    first, last = require_day(start, "start"), require_day(observation_end, "observation_end")
    if acquisition_days < 1 or first + dt.timedelta(days=acquisition_days - 1) > last:
        span = f"acquisition_days={acquisition_days} from {first}"
        raise DataError(f"{span} must be at least 1 and end by observation_end={last}")
    epoch = dt.date(1970, 1, 1)
    return (first - epoch).days, (last - epoch).days


def _with_k(card: Family, k: int) -> Family:
    if not card.is_regular or k not in range(1, MOST_STAGES + 1):
        raise DataError(f"k={k!r} must be 1 to {MOST_STAGES}, of bg_cnbd or mbg_cnbd, not {card.name}")
    return card.of(k)


def _draw_customers(
    design: pd.DataFrame, seed: int, span: tuple[int, int, int], unit: float, card: Family
) -> pd.DataFrame:
    """Draw the latents of each customer; the group's own parameters are carried along as <name>_of_group."""
    first_day, last_day, acquisition_days = span
    parameters = {c: f"{c}_of_group" for c in design.columns if c in PARAMETERS}
    people = design.rename(columns=parameters).loc[np.repeat(design.index, design[SIZE])].drop(columns=SIZE)
    people = people.reset_index(drop=True)
    count = len(people)
    width = max(len(str(count)), 5)
    people.insert(0, "customer_id", pd.Series([f"c{i:0{width}d}" for i in range(1, count + 1)], dtype="str"))
    first = first_day + generator(seed, "simulate", "acquisition").integers(0, acquisition_days, count)
    rates = generator(seed, "simulate", "rates")
    hyper = {c: people[name].to_numpy() for c, name in parameters.items()}
    people["first_purchase"] = pd.to_datetime(first, unit="D").astype("datetime64[us]")
    people["first_day"] = first
    people["T"] = (last_day - first) / unit
    people["lam"] = rates.gamma(hyper["r"]) / hyper["alpha"] / card.stages
    if card.has_coins:
        people["p"] = rates.beta(hyper["a"], hyper["b"])
    else:
        people["mu"] = rates.gamma(hyper["s"]) / hyper["beta"]
    if "q" in hyper:
        people["nu"] = generator(seed, "simulate", "spend").gamma(hyper["q"]) / hyper["v"]
    return people


def _draw_purchases(
    people: pd.DataFrame, card: Family, seed: int
) -> tuple[NDArray[np.intp], Floats, pd.DataFrame]:
    """Rows of the buyers and times of all repeat purchases, and the customers with what became of them."""
    rng = generator(seed, "simulate", "purchases")
    lam, end = people["lam"].to_numpy(), people["T"].to_numpy()
    count = len(people)
    now, dropout, purchases = np.zeros(count), np.full(count, np.nan), np.zeros(count, dtype=np.int64)
    active, stages = np.arange(count), card.stages
    p, life = np.zeros(count), np.full(count, np.inf)
    if card.has_coins:
        p = people["p"].to_numpy()
    else:
        with np.errstate(divide="ignore", over="ignore"):  # a hazard of 0 never ends a life
            life = rng.standard_exponential(count) / people["mu"].to_numpy()
        dropout[life <= end] = life[life <= end]
    if card.first_coins:
        gone = rng.random(count) < p
        dropout[gone] = 0.0
        active = active[~gone]
    rows, times = [], []
    while active.size:
        with np.errstate(divide="ignore", over="ignore"):  # a rate of 0 never buys again
            waits = rng.standard_exponential((stages, active.size)).sum(axis=0) / stages
            now[active] += waits / lam[active]
        active = active[now[active] <= np.minimum(end, life)[active]]
        rows.append(active)
        times.append(now[active])
        purchases[active] += 1
        gone = rng.random(active.size) < p[active]
        dropout[active[gone]] = now[active[gone]]
        active = active[~gone]
    people = people.assign(purchases=purchases, alive_at_end=np.isnan(dropout), dropout_after=dropout)
    return (
        np.concatenate([*rows, np.empty(0, np.intp)]).astype(np.intp),
        np.concatenate([*times, [0.0][:0]]),
        people,
    )


def _log(people: pd.DataFrame, rows: NDArray[np.intp], after: Floats, unit: float) -> pd.DataFrame:
    place = np.concatenate([np.arange(len(people)), rows])
    later = np.concatenate([np.zeros(len(people)), np.maximum(np.ceil(after * unit - 1e-9), 1.0)])
    day = people["first_day"].to_numpy()[place] + later.astype(np.int64)
    date = pd.Series(pd.to_datetime(day, unit="D")).astype("datetime64[us]")
    hidden = ["first_purchase", "T", "lam", "p", "mu"]
    carried = people.drop(columns=hidden, errors="ignore").iloc[place].reset_index(drop=True)
    return carried.assign(date=date, place=place)


def _draw_amounts(people: pd.DataFrame, place: NDArray[np.intp], seed: int, round_to: float | None) -> Floats:
    shape, rate = people["p_of_group"].to_numpy()[place], people["nu"].to_numpy()[place]
    amounts: Floats = generator(seed, "simulate", "amounts").gamma(shape) / rate
    amounts[: len(people)] *= people["delta_of_group"].to_numpy()
    if round_to is None:
        return amounts
    steps = np.maximum(np.rint(amounts / round_to), 1.0)
    # dividing by a whole number of parts keeps 29.33 the float that is written 29.33
    parts = round(1.0 / round_to)
    return steps / parts if parts >= 1 and abs(parts * round_to - 1.0) < 1e-12 else steps * round_to

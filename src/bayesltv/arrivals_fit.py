"""``fit_arrivals`` as users know it: how new customers come, sampled and checked."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from bayesltv.data.log.reading import LogReading
from bayesltv.dates import Date
from bayesltv.fitting.sampling import Method, Sampling
from bayesltv.specs.model.events import Events


def fit_arrivals(
    log: object,
    *,
    seed: int,
    by: str | Sequence[str] = (),
    events: Events | None = None,
    burn: int | None = None,
    observation_end: Date | None = None,
    reading: LogReading | None = None,
    method: Method = "nuts",
    sampler: Mapping[str, Any] | None = None,
    cores: int | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Return how new customers come by week and channel: what ``base.forecast`` goes on from.

    Weekly first purchases are negative binomial around level, trend, a season of thirteen times four weeks,
    shocks that channels share and that fade (AR(1)), and events. Weeks count back from the last day.

    Parameters
    ----------
    log : path, frame or summary
        Transaction log, as for ``summarize``; or a customer summary with ``first_purchase``.
    seed : int
    by : str or sequence of str
        Columns that make a channel; a customer is of the first one seen. A forecast needs the group columns
        of the customers' fit among them.
    events : Events, optional
        ``spec.clock.events``: known days as factors of arrivals, with their priors.
    burn : int, optional
        Weeks at the start to leave out. Default: up to 13 in which old customers look new, since the log
        begins where the shop was already open; a warning says so.
    observation_end : date, optional
        Last day of the log that counts.
    reading : LogReading, optional
        Columns of the log and how it is read.
    method : "nuts" or "laplace"
        Laplace, put right by importance weights, takes seconds and no events; its checks say whether it will
        do.
    sampler : mapping, optional
        Overrides of 4 chains, 1,000 tuning steps, 2,000 draws, target_accept 0.9.
    cores : int, optional
        Chains run at once.
    progress : bool

    Returns
    -------
    xarray.DataTree
        ``posterior``, dims (chain, draw, ...): ``level``, ``trend``, ``overdispersion`` (channel); ``season``
        (four_weeks), ``shock`` (week_end), their ``season_sd``, ``shock_sd``, ``shock_rho``, and a
        ``clock_factor_<event>`` each. ``constant_data``: ``new_customers`` (channel, week_end). ``attrs``
        hold the results of the sampler's checks. ``save`` and ``load`` keep it.

    Raises
    ------
    DataError
        Where the log cannot be used, or has fewer than 26 weeks.
    FitError, SpecError
        Where it cannot be sampled.

    Examples
    --------
    >>> arrivals = fit_arrivals("log.csv", by="channel", seed=1)  # doctest: +SKIP
    >>> base.forecast(arrivals, horizon="13 weeks", by="month")  # doctest: +SKIP
    """
    from bayesltv.checks.result import report_of
    from bayesltv.checks.run import with_checks
    from bayesltv.checks.sampler import SAMPLER_CHECKS
    from bayesltv.data.summary.first_purchases import first_purchases
    from bayesltv.data.summary.weeks import make_weeks
    from bayesltv.fitting.arrivals import sample_arrivals

    columns = (by,) if isinstance(by, str) else tuple(dict.fromkeys(by))
    summary = first_purchases(log, columns, reading or LogReading(), observation_end=observation_end)
    weeks = make_weeks(summary, columns, burn=burn)
    tree = sample_arrivals(weeks, events, Sampling(seed, method, sampler or {}, cores, progress))
    return with_checks(tree, report_of([each(tree, None) for each in SAMPLER_CHECKS]))

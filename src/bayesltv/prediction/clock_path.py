"""``trace_clock``: the intensity that all customers share, block by block, past and future."""

import numpy as np
import xarray as xr

from bayesltv.base.clock import Clock, make_clock
from bayesltv.base.population import read_posterior
from bayesltv.errors import SpecError
from bayesltv.names import CHAIN, CLOCK, CLOCK_BLOCK, DRAW, OBSERVATION_END
from bayesltv.specs.model.events import iso
from bayesltv.units import convert, horizon_in


def trace_clock(fit: xr.DataTree, *, seed: int, horizon: str | float | None = None) -> xr.DataArray:
    """Return s, the log of the factor on everybody's purchase rate, by block of the calendar.

    Parameters
    ----------
    fit : DataTree
        With a clock.
    seed : int
        The future is that of ``predict`` under the same seed.
    horizon : str or float, optional
        How far to go on past the fit's end: text with a unit, or a number in the fit's unit; None for not.

    Returns
    -------
    DataArray
        Dims (clock, chain, draw, clock_block): clocks are "all", or the levels that have their own; blocks
        are named by their last day. Factors of events are left out. Coordinate ``is_forecast``; attributes
        ``observation_end`` and ``block_days``.

    Raises
    ------
    SpecError
        Where the fit has no clock.
    """
    posterior = read_posterior(fit)
    spec, calendar = posterior.spec.clock, posterior.calendar
    if spec is None or calendar is None:
        raise SpecError("the fit has no clock: fit a spec with [clock]")
    unit = posterior.time_unit
    ahead = 0.0 if horizon is None else convert(horizon_in(horizon, unit), unit, "day")
    levels = ["all"] if spec.by is None else [str(each) for each in posterior.dataset[spec.by].values]
    named = [None] if spec.by is None else levels
    clock = make_clock(posterior.dataset, spec, calendar=calendar, levels=named, time_unit=unit, seed=seed)
    path = clock_path(clock, chains=posterior.chains, until=calendar[1] + int(np.ceil(ahead)))
    path = path.assign_coords({CLOCK: levels})
    return path.assign_attrs({OBSERVATION_END: iso(calendar[1]), "block_days": spec.block_days})


def clock_path(clock: Clock, *, chains: int, until: int) -> xr.DataArray:
    """Return s by block's end and draw, dims (clock, chain, draw, clock_block); events are left out of it.

    Parameters
    ----------
    clock : Clock
    chains : int
    until : int
        Last day wanted, in days since 1970-01-01.
    """
    timeline = clock.timeline
    quiet = np.flatnonzero(~timeline.events.any(axis=0))
    _, at = np.unique(timeline.block[quiet], return_index=True)
    segments = quiet[at]
    ends = timeline.block_ends[timeline.block[segments]]
    kept = ends - timeline.width < until
    values = clock.intensity[:, :, segments[kept]]
    shaped = values.reshape(values.shape[0], chains, -1, values.shape[2])
    return xr.DataArray(
        shaped,
        dims=(CLOCK, CHAIN, DRAW, CLOCK_BLOCK),
        coords={
            CLOCK_BLOCK: [iso(int(day)) for day in ends[kept]],
            "is_forecast": (CLOCK_BLOCK, ends[kept] > clock.timeline.end),
        },
        name=CLOCK,
    )

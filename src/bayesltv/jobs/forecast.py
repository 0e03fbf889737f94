"""From a fit, a summary and a plan or arrivals to the business ahead."""

from pathlib import Path
from typing import Any

import xarray as xr

from bayesltv.base.meeting import Meeting
from bayesltv.files import require_folder, require_folder_name
from bayesltv.held import watch
from bayesltv.jobs.asked import ALONE, ForecastOptions, Run
from bayesltv.jobs.paths import PlacedFile, place_files
from bayesltv.jobs.written import ForecastFolder


def forecast_file(
    fit: str | Path,
    summary: str | Path,
    out: str | Path,
    meeting: Meeting,
    asked: ForecastOptions,
    run: Run = ALONE,
) -> ForecastFolder:
    """Write what the business will bring by period into a folder: tables, figures and a manifest.

    Without a plan and without a fit of arrivals one is fitted to the summary, by the fit's groups and with
    the events of its clock, and written beside.

    Parameters
    ----------
    fit, summary : path
    out : path
        Folder; made where it is not there.
    meeting : Meeting
    asked : ForecastOptions
    run : Run

    Raises
    ------
    CheckFailed, DataError, FitError, SpecError, StoreError
        Then nothing is written, and what an earlier run wrote is left in place.
    """
    from bayesltv.arrivals.business import ForecastAsked, forecast_base
    from bayesltv.fitting.store import content_of
    from bayesltv.report.figures.forecast import forecast_figures
    from bayesltv.report.files.forecast import write_forecast

    require_folder(require_folder_name(out, what="a forecast"))
    wanted = ForecastAsked(
        asked.horizon, asked.by, asked.margin, asked.cac, asked.reach_plan, asked.target, asked.reading
    )
    given = [path for path in (asked.plan, asked.arrivals, asked.reach_plan, asked.log) if path is not None]
    watched = [watch(path) for path in given]
    placed = place_files(fit, summary, meeting)
    accepted = placed.base.require_usable()
    arrivals = asked.plan if asked.plan is not None else _arrivals(placed, asked, meeting)
    found = forecast_base(placed.base, arrivals, wanted, log=asked.log, threads=run.threads)
    for each in watched:
        each.require_unchanged()
    is_fitted = asked.plan is None and asked.arrivals is None
    origin = run.told(placed.told(accepted, files=[Path(path).name for path in given]))
    files = write_forecast(
        found, out, provenance=origin, figures=forecast_figures(found),
        arrivals=content_of(arrivals) if is_fitted else None,  # type: ignore[arg-type]
    )  # fmt: skip
    return ForecastFolder(Path(out), tuple(files), found)


def _arrivals(placed: PlacedFile, asked: ForecastOptions, meeting: Meeting) -> "xr.DataTree":
    """Return the fit of arrivals that was named, or one to the summary."""
    from bayesltv.arrivals_fit import fit_arrivals
    from bayesltv.fitting.store import load

    if asked.arrivals is not None:
        return load(asked.arrivals)
    posterior: Any = placed.base.posterior
    clock = posterior.spec.clock
    events = getattr(clock, "events", None)
    return fit_arrivals(
        placed.base.summary, by=posterior.columns, events=events, burn=asked.burn, seed=meeting.seed
    )

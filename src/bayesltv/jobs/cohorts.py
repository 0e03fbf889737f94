"""From a fit, a summary and its log to cohorts by age."""

from pathlib import Path
from typing import Any

import pandas as pd

from bayesltv.base.meeting import Meeting
from bayesltv.files import require_folder, require_folder_name
from bayesltv.held import watch
from bayesltv.jobs.asked import ALONE, CohortOptions, Run
from bayesltv.jobs.paths import place_files
from bayesltv.jobs.written import CohortFolder


def cohorts_file(
    fit: str | Path,
    summary: str | Path,
    log: str | Path,
    out: str | Path,
    meeting: Meeting,
    asked: CohortOptions,
    run: Run = ALONE,
) -> CohortFolder:
    """Write what cohorts have brought by day N into a folder: tables, figures and a manifest.

    Parameters
    ----------
    fit, summary, log : path
        The log that the summary was made of.
    out : path
        Folder; made where it is not there.
    meeting : Meeting
    asked : CohortOptions
    run : Run

    Raises
    ------
    CheckFailed, DataError, SpecError, StoreError
        Then nothing is written, and what an earlier run wrote is left in place.
    """
    from bayesltv.cohorts.asked import CohortValue, ask
    from bayesltv.cohorts.desk import cohorts_base
    from bayesltv.report.figures.cohorts import cohort_figures
    from bayesltv.report.files.cohorts import write_cohorts

    require_folder(require_folder_name(out, what="cohorts"))
    value = CohortValue(
        margin=asked.margin, annual_discount_rate=asked.annual_discount_rate,
        service_cost_per_year=asked.service_cost_per_year,
    )  # fmt: skip
    cac, read = _cac(asked.cac)
    new, read_new = (None, {}) if asked.new is None else _table(asked.new, "new")
    wanted = ask(
        by=asked.by, ages=asked.ages, period=asked.period, value=value, cac=cac, new=new,
        first_day=asked.first_day, reading=asked.reading,
    )  # fmt: skip
    watched = watch(log)
    placed = place_files(fit, summary, meeting)
    accepted = placed.base.require_usable()
    found = cohorts_base(placed.base, log, wanted, threads=run.threads)
    watched.require_unchanged()
    if asked.suppress:
        found = found.suppressed()
    origin = run.told(placed.told(accepted, log={"file": Path(log).name}, **read, **read_new))
    files = write_cohorts(found, out, provenance=origin, figures=cohort_figures(found))
    return CohortFolder(Path(out), tuple(files), found)


def _cac(text: str | None) -> "tuple[float | pd.DataFrame | None, dict[str, Any]]":
    """Return the cost that an option states, a number or a table's path, and what was read."""
    if text is None:
        return None, {}
    try:
        return float(text), {}
    except ValueError:
        return _table(text, "cac")


def _table(path: str | Path, name: str) -> "tuple[pd.DataFrame, dict[str, Any]]":
    """Return a table of texts, and what a manifest says of it."""
    from bayesltv.report.files.crm import read_table_of
    from bayesltv.report.files.verified import held_table

    with held_table(Path(path)) as (file, origin):
        return read_table_of(file, "str"), {name: origin.told()}

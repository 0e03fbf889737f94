"""From a log to a customer summary."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bayesltv.data.log.reading import Summarizing
from bayesltv.jobs.paths import prepare
from bayesltv.jobs.written import SummaryFile
from bayesltv.names import FINGERPRINT, GROUPS, OBSERVATION_END, SET_ASIDE, TIME_UNIT

if TYPE_CHECKING:
    from bayesltv.data.databases.address import DatabaseTable


def summarize_file(
    log: "str | Path | DatabaseTable",
    out: str | Path,
    asked: Summarizing,
    *,
    progress: Callable[[int], None] | None = None,
) -> SummaryFile:
    """Write the customer summary of a log.

    Parameters
    ----------
    log : path or DatabaseTable
        CSV or Parquet; or a table or a query of a database.
    out : path
        Parquet.
    asked : Summarizing
        The rows go to the file as they come: they never are in memory all at once.
    progress : callable, optional
        Told how many customers have been written since it was last called.

    Raises
    ------
    DataError, StoreError
        Then nothing is written.
    """
    from bayesltv.data.log.request import make_request
    from bayesltv.data.summary.store import require_parquet, write_summary_of

    files = [log] if isinstance(log, str | Path) else [log.address.path or ""]
    prepare(require_parquet(out), inputs=files)
    customers, repeaters, attributes = write_summary_of(log, make_request(asked), out, progress=progress)
    told = (TIME_UNIT, OBSERVATION_END, GROUPS, SET_ASIDE, FINGERPRINT)
    return SummaryFile(Path(out), customers, repeaters, {name: attributes[name] for name in told})

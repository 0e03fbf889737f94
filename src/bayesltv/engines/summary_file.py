"""A summary on disk, read part by part: looked through once, and known from then on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.base.placed_base import Placement, match_known, match_summary
from bayesltv.data.fingerprint import added, print_like
from bayesltv.data.summary.store import require_own_print, summary_attributes, summary_batches
from bayesltv.data.summary.validate import resolve_observation_end
from bayesltv.errors import DataError
from bayesltv.held import Held
from bayesltv.names import CUSTOMER_ID, FINGERPRINT, OBSERVATION_END
from bayesltv.prediction.scores.engine import Threads
from bayesltv.prediction.scores.prepare import Prepared
from bayesltv.prediction.scores.scoring import Scoring


@dataclass(frozen=True)
class SummaryFile:
    """A summary on disk, of which one state is read throughout."""

    held: Held
    rows: int
    time_unit: str | None
    observation_end: str | None

    def frames(self, *, with_days: bool = False) -> Iterator[pd.DataFrame]:
        """Yield its parts as they stand in the file."""
        for frame in summary_batches(self.held, self.rows, with_days=with_days):
            self.held.require_unchanged()
            yield frame

    def end(self) -> pd.Timestamp | None:
        """Return the last day observed, as the file or the caller says."""
        return resolve_observation_end(next(self.frames()), self.observation_end)


@dataclass(frozen=True)
class FileJob:
    """A summary on disk, and what scores it."""

    source: SummaryFile
    prepared: Prepared
    threads: int | None

    @property
    def scoring(self) -> Scoring:
        """What scores."""
        return self.prepared.scoring

    def looked_at(self, frame: pd.DataFrame) -> Placement:
        """Return a part for the first time: validated."""
        checked = match_summary(
            self.scoring.posterior, self._dated(frame), time_unit=self.source.time_unit, allow_empty=True
        )
        return self.scoring.place(checked)

    def seen(self, frame: pd.DataFrame) -> Placement:
        """Return a part that was looked at before: its rules hold, since the file's bytes are the same."""
        known = match_known(self.scoring.posterior, self._dated(frame))
        return self.scoring.place(known)

    def batches(self) -> Iterator[Placement]:
        """Yield the parts, which were looked at before."""
        return map(self.seen, self.source.frames())

    def part(self, frame: pd.DataFrame) -> list[Placement]:
        """Return one part alone, which was looked at before."""
        return [self.seen(frame)]

    def engine(self, batches: Callable[[], Iterable[Placement]]) -> Threads:
        """Return what maps over parts."""
        return Threads(self.scoring, batches, self.threads)

    def _dated(self, frame: pd.DataFrame) -> pd.DataFrame:
        end = resolve_observation_end(frame, self.source.observation_end)
        frame.attrs[OBSERVATION_END] = None if end is None else end.date().isoformat()
        return frame


def look_through(job: FileJob, looking: Callable[[int], None] | None) -> dict[str, Any]:
    """Return what has to be known of all customers before the first is scored.

    Raises
    ------
    DataError
        Where a row is not right, an id stands in two parts, or a group is unknown.
    """
    source, prints, hashes, customers, end = job.source, [], [], 0, None
    told = summary_attributes(source.held)
    own: list[str] = []
    frames = source.frames(with_days=True)  # for the fingerprint
    for placed in _told(map(job.looked_at, frames), looking):
        rows = placed.summary
        prints.append(rows.attrs[FINGERPRINT])
        own.append(print_like(told.get(FINGERPRINT, prints[-1]), rows))
        hashes.append(_hashes(rows))
        customers, end = customers + len(rows), rows.attrs[OBSERVATION_END]
    _require_distinct(job, np.concatenate(hashes), customers)
    require_own_print(source.held.path, told, added(own))
    engine = job.engine(lambda: _told(job.batches(), looking))
    thresholds = job.prepared.found_by(engine, customers=customers).scoring.thresholds
    return {
        "customers": customers,
        FINGERPRINT: added(prints),
        OBSERVATION_END: end,
        "thresholds": None if thresholds is None else thresholds.tolist(),
    }


def _told(batches: Iterable[Placement], looking: Callable[[int], None] | None) -> Iterator[Placement]:
    """Yield batches, and tell of each once it has been dealt with."""
    for placed in batches:
        yield placed
        if looking is not None:
            looking(len(placed.summary))


def _hashes(rows: pd.DataFrame) -> NDArray[np.uint64]:
    """Return a number for each id; equal ids have equal ones."""
    return pd.util.hash_array(rows[CUSTOMER_ID].to_numpy(dtype=object), categorize=False)


def _require_distinct(job: FileJob, hashes: NDArray[np.uint64], customers: int) -> None:
    """Raise DataError where an id stands in two parts; within a part the validation has seen to it."""
    hashes = np.sort(hashes)
    suspects = hashes[1:][hashes[1:] == hashes[:-1]]
    if suspects.size == 0:
        return
    ids: list[str] = []
    for placed in job.batches():
        ids += placed.summary.loc[np.isin(_hashes(placed.summary), suspects), CUSTOMER_ID].tolist()
    twice = [one for one, other in pairwise(sorted(ids)) if one == other]
    if twice:
        raise DataError(
            f"customer_id appears more than once for {len(twice):,} of {customers:,} customers ({{ids}}): a "
            "summary has one row per customer",
            ids=twice[:6],
        )

"""The calendar cut into segments of constant intensity: blocks back from the end, and the days of events."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.specs.model.clock import ClockSpec
from bayesltv.specs.model.events import Events, iso


@dataclass(frozen=True)
class Timeline:
    """Segments of days.

    Attributes
    ----------
    clock : ClockSpec
        Whose they are.
    edges : ndarray of int64, shape (segment + 1,)
        Days since 1970-01-01: segment j holds the days after edge j, up to and with edge j + 1.
    block : ndarray of int64, shape (segment,)
        Block of each segment; the fit's blocks are 0 to `blocks` − 1, later ones follow.
    events : ndarray of float64, shape (event, segment)
        1 where the event takes place.
    blocks : int
        Of the fit.
    end : int
        Last day of the fit's last block.
    width : int
        Days per block.
    """

    clock: ClockSpec
    edges: Integers
    block: Integers
    events: Floats
    blocks: int
    end: int
    width: int

    @property
    def days(self) -> Integers:
        """Days of each segment."""
        return np.diff(self.edges)

    @property
    def block_ends(self) -> Integers:
        """Last day of each block that is touched, the fit's first."""
        number = np.arange(int(self.block[-1]) + 1, dtype=np.int64)
        return self.end + (number - self.blocks + 1) * self.width

    @property
    def block_middles(self) -> Floats:
        """Day in the middle of each block that is touched."""
        return self.block_ends.astype(np.float64) - 0.5 * self.width

    @property
    def labels(self) -> list[str]:
        """Dates on which the fit's blocks end."""
        return [iso(int(day)) for day in self.block_ends[: self.blocks]]

    def segment_of(self, day: Integers) -> Integers:
        """Return the segment in which each whole day lies."""
        return np.searchsorted(self.edges, day, side="left").astype(np.int64) - 1

    def place(self, day: NDArray[np.generic]) -> Floats:
        """Return where days (whole or not) stand among the edges: segment + share of it that has passed."""
        whole = np.asarray(day, dtype=np.float64)
        segment = np.clip(np.searchsorted(self.edges, whole, side="left") - 1, 0, self.block.size - 1)
        start = self.edges[segment]
        share = (whole - start) / (self.edges[segment + 1] - start)
        return segment.astype(np.float64) + share


def make_timeline(clock: ClockSpec, *, start: int, end: int, until: int | None = None) -> Timeline:
    """Return the segments from the day after `start` to the last day of the block that holds `until`.

    Parameters
    ----------
    clock : ClockSpec
    start : int
        The earliest first purchase: exposure begins on the day after it.
    end : int
        Latest end of observation of the fit, from which blocks count back and forth; the oldest block is
        cut off at `start`.
    until : int, optional
        Last day wanted; default `end`.
    """
    width = clock.block_days
    last = end + max(0, -(-((end if until is None else until) - end) // width)) * width
    blocks = max(1, -(-(end - start) // width))
    cuts = np.arange(end, start, -width)
    edges = np.unique(np.concatenate([[start], cuts, np.arange(end, last + 1, width), _cuts(clock.events)]))
    edges = edges[(edges >= start) & (edges <= last)].astype(np.int64)
    middle = edges[1:]
    block = blocks - 1 + -(-(middle - end) // width)
    return Timeline(clock, edges, block, _values(clock.events, edges), blocks, end, width)


def _cuts(events: Events | None) -> Integers:
    if events is None:
        return np.zeros(0, dtype=np.int64)
    days = [day for each in events.occurrences for day in (each.first_day - 1, each.last_day)]
    return np.array(days, dtype=np.int64)


def _values(events: Events | None, edges: Integers) -> Floats:
    if events is None:
        return np.zeros((0, edges.size - 1))
    values = np.zeros((len(events.names), edges.size - 1))
    for at, event in enumerate(events.names):
        for each in events.of(event):
            values[at, (edges[1:] >= each.first_day) & (edges[1:] <= each.last_day)] = 1.0
    return values

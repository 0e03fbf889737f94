"""Who walks the rows of a summary: threads of this machine, or an engine elsewhere; the work is the same."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from bayesltv.base.placed_base import Placement
from bayesltv.prediction.scores.scoring import Scoring

Batches = Callable[[], Iterable[Placement]]
"""Gives the customers of a summary, batch by batch where they stand; each time anew."""


class Work[Answer](Protocol):
    """What is done with a batch of customers, here or on a worker."""

    def __call__(self, scoring: Scoring, placed: Placement, *, threads: int | None) -> Answer:
        """Return the answer of a batch; `threads` change its speed, never a byte of it."""
        ...


@dataclass(frozen=True)
class Threads:
    """The threads of one machine: batch after batch, each one's blocks in threads.

    Attributes
    ----------
    scoring : Scoring
    batches : callable
    threads : int, optional
        Default: the processors this process may use.
    """

    scoring: Scoring
    batches: Batches
    threads: int | None = None

    def map[Answer](self, work: Work[Answer]) -> Iterator[Answer]:
        """Yield what `work` makes of each batch, in their order."""
        for placed in self.batches():
            yield work(self.scoring, placed, threads=self.threads)

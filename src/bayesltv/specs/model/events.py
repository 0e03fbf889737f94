"""Known days of the calendar (holidays, sales) as multipliers of the purchase intensity."""

import csv
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesltv.dates import require_day
from bayesltv.errors import DataError, SpecError, shown
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.specs import checked
from bayesltv.specs.frozen import FrozenMapping, Plain
from bayesltv.specs.prior import PriorSpec
from bayesltv.specs.toml_file import Table

_EPOCH = dt.date(1970, 1, 1)
_NAME = re.compile("[a-z][a-z0-9_]*")
_COLUMNS = ("event", "first_day", "last_day")


@dataclass(frozen=True)
class Occurrence:
    """One time that an event takes place.

    Attributes
    ----------
    event : str
    first_day, last_day : int
        Days since 1970-01-01, both included.
    """

    event: str
    first_day: int
    last_day: int


@dataclass(frozen=True)
class Events:
    """Events, when they take place, and what is believed of each.

    Attributes
    ----------
    occurrences : tuple of Occurrence
    covers : tuple of int
        First and last day for which `occurrences` are complete.
    priors : mapping of str to PriorSpec
        Event -> prior of its factor: 2 doubles the intensity.

    Raises
    ------
    SpecError
        Where an event has no prior or a prior no event, or an occurrence lies outside `covers`.
    """

    occurrences: tuple[Occurrence, ...]
    covers: tuple[int, int]
    priors: Mapping[str, PriorSpec]

    def __post_init__(self) -> None:
        first, last = self.covers
        if first > last:
            raise SpecError(f"covers = [{iso(first)}, {iso(last)}] must increase")
        for each in self.occurrences:
            span = f"{each.event} from {iso(each.first_day)} to {iso(each.last_day)}"
            if each.first_day > each.last_day:
                raise SpecError(f"{span} ends before it begins")
            if each.first_day < first or each.last_day > last:
                raise SpecError(f"{span} lies outside covers = [{iso(first)}, {iso(last)}]")
        known = dict.fromkeys(each.event for each in self.occurrences)
        for event in known:
            if not _NAME.fullmatch(event):
                raise SpecError(f"event {shown(event)} must be small letters, digits and _: double_11")
            if event not in self.priors:
                raise SpecError(f"event {shown(event)} has no prior: add [clock.events.priors.{event}]")
        for event, prior in self.priors.items():
            if event not in known:
                raise SpecError(f"priors.{event}: not in the table; {checked.nearest(event, known)}")
            if prior.support != "positive" or prior.per is not None:
                raise SpecError(f"priors.{event}: a factor is positive and has no unit: use LogNormal")
        object.__setattr__(self, "priors", FrozenMapping({event: self.priors[event] for event in known}))

    @property
    def names(self) -> tuple[str, ...]:
        """Events, in the table's order."""
        return tuple(self.priors)

    def of(self, event: str) -> tuple[Occurrence, ...]:
        """Return the occurrences of one event."""
        return tuple(each for each in self.occurrences if each.event == event)

    def shares(self, first: Integers, last: Integers) -> Floats:
        """Return the share of days on which each event takes place in stretches of days, both included.

        Returns
        -------
        ndarray of float64, shape (event, stretch)
        """
        found = np.zeros((len(self.names), first.size))
        for at, name in enumerate(self.names):
            for each in self.of(name):
                days = np.minimum(each.last_day, last) - np.maximum(each.first_day, first) + 1
                found[at] += np.maximum(days, 0) / (last - first + 1)
        return np.minimum(found, 1.0)

    def require(self, first: int, last: int, what: str) -> None:
        """Refuse days that the table does not cover.

        Raises
        ------
        DataError
            Naming `what` needs them.
        """
        if first < self.covers[0] or last > self.covers[1]:
            raise DataError(
                f"the clock's events cover {iso(self.covers[0])} to {iso(self.covers[1])}, but {what} runs "
                f"from {iso(first)} to {iso(last)}: complete the event table, extend covers, and fit again"
            )

    def to_dict(self) -> dict[str, Plain]:
        """Return the events as plain JSON types, with the table in it."""
        return {
            "rows": [[each.event, iso(each.first_day), iso(each.last_day)] for each in self.occurrences],
            "covers": [iso(day) for day in self.covers],
            "priors": {event: dict(prior.to_dict()) for event, prior in self.priors.items()},
        }

    @classmethod
    def read(cls, table: Table) -> "Events":
        """Return the events that ``[clock.events]`` states: a CSV file beside the spec, or rows.

        Raises
        ------
        SpecError
            Where the file cannot be read, or a row has no event and two days.
        """
        source = ("table",) if table.is_file else ("rows",)
        table.only((*source, "covers", "priors"))
        if table.is_file:
            path = Path(table.source).parent / table.text("table")
            with table.located("table"):
                rows = _csv_rows(path)
        else:
            path, rows = Path(table.source), table.get("rows", list, "a list of rows")
        covers = table.texts("covers")
        if len(covers) != 2:
            raise table.fail("must be the first and the last day that the table is complete for", "covers")
        inner = table.table("priors")
        with table.located():
            return cls(
                tuple(_occurrence(path, number, row) for number, row in enumerate(rows, start=2)),
                (day_number("covers", covers[0]), day_number("covers", covers[1])),
                {event: PriorSpec.read(inner.table(event), "positive") for event in inner.values},
            )


def day_number(name: str, text: object) -> int:
    """Return days since 1970-01-01 of a date."""
    return (require_day(text, name, error=SpecError) - _EPOCH).days


def iso(day: int) -> str:
    """Return the ISO date of a day since 1970-01-01."""
    return (_EPOCH + dt.timedelta(days=int(day))).isoformat()


def _csv_rows(path: Path) -> list[Sequence[Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise SpecError(
                    f"{path}: column {shown(missing[0])} is missing: it needs {', '.join(_COLUMNS)}"
                )
            return [[row[name] for name in _COLUMNS] for row in reader]
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: not UTF-8 (byte {error.start:,}): save it as UTF-8") from None


def _occurrence(path: Path, number: int, row: Sequence[Any]) -> Occurrence:
    if not isinstance(row, Sequence) or len(row) != len(_COLUMNS):
        raise SpecError(f"{path}, row {number}: {shown(row)} must be {', '.join(_COLUMNS)}")
    where = f"{path}, row {number}: "
    event = checked.text(f"{where}event", row[0])
    return Occurrence(event, day_number(f"{where}first_day", row[1]), day_number(f"{where}last_day", row[2]))

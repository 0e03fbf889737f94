"""The ``[clock]`` section: a purchase intensity that all customers share, block of days by block of days.

A customer buys at λ·exp(s(t)). The processes are a closed list, and s is the sum of those named: ``ar1``
(stationary, returns to 0), ``random_walk`` (a level that drifts), ``seasonal`` (yearly Fourier terms), and
known events (`bayesltv.specs.model.events`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bayesltv.clock_processes import ar1
from bayesltv.clock_processes.registry import PROCESSES
from bayesltv.errors import DataError, SpecError, shown
from bayesltv.names import CLOCK_GROUP_SD, CLOCK_RHO
from bayesltv.specs import checked
from bayesltv.specs.family import Support, of_support
from bayesltv.specs.frozen import FrozenMapping, Plain
from bayesltv.specs.model.events import Events
from bayesltv.specs.prior import PriorSpec
from bayesltv.specs.toml_file import Table
from bayesltv.units import horizon_in

FEWEST_BLOCKS = 4
DEFAULTS: Mapping[str, PriorSpec] = {
    **{name: prior for process in PROCESSES.values() for name, prior in process.PRIORS.items()},
    CLOCK_GROUP_SD: PriorSpec(
        "HalfNormal", {"sigma": 0.15}, why="groups of one shop share most of what moves its calendar"
    ),
}
"""Priors of a clock that states none, by parameter: each on the log scale of the intensity."""
_SUPPORT: Mapping[str, Support] = {name: prior.support for name, prior in DEFAULTS.items()}


@dataclass(frozen=True)
class ClockSpec:
    """A shared calendar intensity.

    Attributes
    ----------
    process : tuple of str
        Of ``PROCESSES``, each at most once; s is their sum. May be empty where there are events.
    block : str
        How long s stays constant: a duration of whole days, "4 weeks". Blocks count back from the end of
        observation.
    harmonics : int
        Yearly Fourier terms of the season.
    by : str, optional
        Group column whose levels have clocks of their own, pooled towards the common one.
    priors : mapping of str to PriorSpec
        ``sd`` and ``rho`` (of neighbouring blocks) of ar1, ``step_sd`` of random_walk, ``season_sd`` of the
        Fourier coefficients, ``group_sd`` of the levels' deviations; those left out get ``DEFAULTS``.
    events : Events, optional
        Known days (holidays, sales) with a prior each.

    Raises
    ------
    SpecError
        Where anything is unknown or impossible.

    Examples
    --------
    >>> ClockSpec().block_days, ClockSpec(process="random_walk").parameters
    (28, ('step_sd',))
    """

    process: tuple[str, ...] = (ar1.NAME,)
    block: str = "4 weeks"
    harmonics: int = 2
    by: str | None = None
    priors: Mapping[str, PriorSpec] = field(default_factory=dict)
    events: Events | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "process", _processes(self.process, self.events))
        self._check_block()
        object.__setattr__(self, "harmonics", checked.count("harmonics", self.harmonics, at_least=1))
        if self.by is not None:
            checked.text("by", self.by)
        for name in self.priors:
            if name not in self.parameters:
                raise SpecError(f"priors.{name}: not of this clock; {checked.nearest(name, self.parameters)}")
        priors = {
            name: _checked_prior(name, self.priors.get(name, DEFAULTS[name])) for name in self.parameters
        }
        object.__setattr__(self, "priors", FrozenMapping(priors))

    @property
    def block_days(self) -> int:
        """Length of a block in days."""
        return round(horizon_in(self.block, "day"))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Parameters of the processes, in a fixed order."""
        own = [name for process in self.process for name in PROCESSES[process].PRIORS]
        if self.by is not None:
            own += [CLOCK_GROUP_SD, *([] if CLOCK_RHO in own else [CLOCK_RHO])]
        return tuple(own)

    def within(self, groups: Sequence[str]) -> "ClockSpec":
        """Return the clock for these group columns: the common one alone where its column was dropped."""
        if self.by is None or self.by in groups:
            return self
        kept = {name: prior for name, prior in self.priors.items() if name != CLOCK_GROUP_SD}
        if ar1.NAME not in self.process:
            kept.pop(CLOCK_RHO, None)
        return replace(self, by=None, priors=kept)

    def check_calendar(self, days: int) -> None:
        """Refuse a calendar of `days` days that is too short for the clock.

        Raises
        ------
        DataError
            For fewer than four blocks, or a season that less than a year and a half cannot identify.
        """
        blocks = -(-days // self.block_days)
        if blocks < FEWEST_BLOCKS:
            raise DataError(
                f"the clock has {blocks} block{'' if blocks == 1 else 's'} of {self.block} in {days:,} days "
                f"of calendar, and needs {FEWEST_BLOCKS}: take a shorter block, or leave [clock] out"
            )
        for process in (PROCESSES[name] for name in self.process):
            leans = self.priors.get(process.SCALE) == DEFAULTS[process.SCALE]
            if days < process.FEWEST_DAYS and leans:
                raise DataError(
                    f"{days:,} days of calendar {process.TOO_SHORT} (about {process.FEWEST_DAYS} can): leave "
                    f"{process.NAME} out, or state your own [clock.priors.{process.SCALE}], on which it will "
                    "lean"
                )

    def to_dict(self) -> dict[str, Plain]:
        """Return the section as a spec file would state it."""
        stated: dict[str, Plain] = {
            "process": list(self.process),
            "block": self.block,
            "harmonics": self.harmonics,
            **({} if self.by is None else {"by": self.by}),
            "priors": {name: dict(prior.to_dict()) for name, prior in self.priors.items()},
        }
        return stated if self.events is None else {**stated, "events": self.events.to_dict()}

    @classmethod
    def read(cls, table: Table) -> "ClockSpec":
        """Return the clock that a table states; its event table lies beside the spec file."""
        table.only(("process", "block", "harmonics", "by", "priors", "events"))
        values: dict[str, Any] = {key: table.text(key) for key in ("block", "by") if key in table}
        if "harmonics" in table:
            values["harmonics"] = table.get("harmonics", int, "a whole number")
        if "process" in table:
            values["process"] = table.get("process", (str, list), "a process or a list of them")
        values["priors"] = {
            name: PriorSpec.read(inner, _SUPPORT[name])
            for name, inner in table.table("priors").tables(tuple(_SUPPORT)).items()
        }
        if "events" in table:
            values["events"] = Events.read(table.table("events"))
        with table.located():
            return cls(**values)

    def _check_block(self) -> None:
        days = horizon_in(checked.text("block", self.block), "day")
        if days != round(days) or days < 1:
            raise SpecError(f'block = {shown(self.block)} is {days:g} days: state whole days, "4 weeks"')


def _processes(value: object, events: Events | None) -> tuple[str, ...]:
    listed = (value,) if isinstance(value, str) else value
    if not isinstance(listed, Sequence):
        raise SpecError(f"process = {shown(value)} must be of {', '.join(PROCESSES)}, or a list of them")
    names = tuple(checked.known("process", each, PROCESSES) for each in listed)
    if len(set(names)) < len(names):
        raise SpecError(f"process = {list(names)} names one twice: it is their sum")
    if not names and events is None:
        raise SpecError(f"process is empty and there are no events: name one of {', '.join(PROCESSES)}")
    return tuple(process for process in PROCESSES if process in names)


def _checked_prior(name: str, value: object) -> PriorSpec:
    with checked.located(f"priors.{name}"):
        prior = PriorSpec.of(value)
    if prior.support != _SUPPORT[name]:
        raise SpecError(
            f"priors.{name}: {prior.family} has the wrong support: use "
            f"{', '.join(of_support(_SUPPORT[name]))}"
        )
    if prior.per is not None:
        raise SpecError(f"priors.{name}: it is on the log scale and has no time unit: leave per out")
    return prior

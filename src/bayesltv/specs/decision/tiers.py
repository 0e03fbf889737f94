"""Tiers: named bands of value or of rank, and what a wrong label costs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from bayesltv.errors import SpecError, shown
from bayesltv.specs import checked
from bayesltv.specs.frozen import Plain, put, stated
from bayesltv.specs.toml_file import Table

ABSOLUTE, RELATIVE, SHARE = "absolute", "relative", "share"
KINDS = (ABSOLUTE, RELATIVE, SHARE)
_OWN_KEYS = ("kind", "cost", "switching_cost", "preset")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Tier:
    """One band of value.

    Attributes
    ----------
    name : str
        Part of a column name, so lower-case letters, digits and underscores.
    label : str
        For display, in any language; the name where it is left out.
    at_least : float, optional
        Money; a value equal to it belongs to this tier. None: the lowest tier, which has no floor (value can
        be negative by the service cost).
    top : float, optional
        In place of `at_least`, where tiers are relative to other customers: a share in (0, 1) that this tier
        and those above it reach from the top, of customers ("relative") or of the sum of positive value
        ("share"). None: the lowest tier.
    """

    name: str
    label: str = ""
    at_least: float | None = None
    top: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name) or self.name in _OWN_KEYS:
            raise SpecError(
                f"a tier cannot be called {shown(self.name)}: lower-case letters, digits and underscores, "
                f"a letter first, and not {' or '.join(_OWN_KEYS)}; use label for display"
            )
        put(self, label=checked.text(f"{self.name}.label", self.label or self.name))
        if self.at_least is not None:
            put(self, at_least=checked.money(f"{self.name}.at_least", self.at_least))
        if self.top is not None:
            put(self, top=checked.number(f"{self.name}.top", self.top, above=0.0, below=1.0))

    def to_dict(self) -> dict[str, Plain]:
        """Return the tier as a decision file would state it under its name."""
        return stated(self, but=("name",))


@dataclass(frozen=True)
class TierSpec:
    """Bands of value from low to high.

    Attributes
    ----------
    tiers : tuple of Tier
        From low to high; the first has neither `at_least` nor `top`.
    kind : str
        "absolute": thresholds in money. "relative": shares of customers from the top, ranked within each
        draw. "share": shares of the sum of positive value within each draw, made by the best customers.
        Customers of equal value at a boundary, most often those who buy nothing, fall into the tier below.
    cost : tuple of tuple of float
        ``cost[j][k]``: what it costs to label k a customer whose value falls into j, both from low to high,
        in any one unit. The default ``abs(j - k)`` makes the label the tier of the posterior median.
    switching_cost : float
        In the unit of `cost`: a refresh changes a label only where that saves more than this.

    Raises
    ------
    SpecError
        Where names repeat, thresholds do not increase, or the cost is no square matrix of costs.

    Examples
    --------
    >>> tiers = TierSpec((Tier("low"), Tier("high", "High value", 30.0)))
    >>> tiers.names, tiers.thresholds, tiers.cost
    (('low', 'high'), (30.0,), ((0.0, 1.0), (1.0, 0.0)))
    """

    tiers: tuple[Tier, ...]
    kind: str = "absolute"
    cost: tuple[tuple[float, ...], ...] = ()
    switching_cost: float = 0.0

    def __post_init__(self) -> None:
        checked.known("kind", self.kind, KINDS)
        put(self, tiers=tuple(self.tiers))
        for i, tier in enumerate(self.tiers):
            checked.instance(f"tiers[{i}]", tier, Tier)
        _check_order(self.tiers, self.kind)
        put(self, cost=_checked_cost(self.cost, self.names) if self.cost else _distance(len(self.tiers)))
        put(self, switching_cost=checked.money("switching_cost", self.switching_cost, at_least=0.0))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names from low to high."""
        return tuple(tier.name for tier in self.tiers)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels from low to high."""
        return tuple(tier.label for tier in self.tiers)

    @property
    def is_absolute(self) -> bool:
        """Whether thresholds are money, the same whoever else there is."""
        return self.kind == ABSOLUTE

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Return the lower ends of all tiers but the lowest, increasing, in money; () unless absolute."""
        return tuple(tier.at_least for tier in self.tiers if tier.at_least is not None)

    @property
    def tops(self) -> tuple[float, ...]:
        """Return the shares from the top of all tiers but the lowest, decreasing; () where absolute."""
        return tuple(tier.top for tier in self.tiers if tier.top is not None)

    def to_dict(self) -> dict[str, Plain]:
        """Return the section as a decision file would state it, the cost always written out."""
        bands: dict[str, Plain] = {tier.name: tier.to_dict() for tier in reversed(self.tiers)}
        return {
            "kind": self.kind,
            **bands,
            "cost": [list(row) for row in self.cost],
            "switching_cost": self.switching_cost,
        }

    @classmethod
    def read(cls, table: Table) -> "TierSpec":
        """Return the tiers that a table states, one sub-table each.

        A person may write them from high to low or from low to high, but not in disorder, which is more
        likely a slip of the pen; a stored decision may have had its keys sorted.
        """
        bands = [key for key, value in table.values.items() if isinstance(value, dict)]
        table.only((*_OWN_KEYS, *bands))
        if "preset" in table:
            table.only(("preset", "switching_cost"))
            with table.located():
                found = cls.preset(table.text("preset"))
                return replace(found, switching_cost=_switching(table))
        tiers = [_read_tier(table, key) for key in bands]
        kind = table.text("kind", default=KINDS[0])
        cost = table.get("cost", list, "a list of rows of numbers") if "cost" in table else ()
        if cost == []:
            raise table.fail("must have a row for each tier", "cost")
        with table.located():
            ordered = _low_to_high(tiers, is_sorted=not table.is_file)
            return cls(ordered, kind, cost, _switching(table))

    @classmethod
    def preset(cls, name: str) -> "TierSpec":
        """Return tiers that go by a name: "hvc_mvc_lvc", high, medium and low value customers.

        They are relative: a fifth of the customers, the three tenths below them, and the rest.

        Examples
        --------
        >>> TierSpec.preset("hvc_mvc_lvc").names
        ('lvc', 'mvc', 'hvc')
        """
        checked.known("preset", name, PRESETS)
        return cls(PRESETS[name], RELATIVE)


PRESETS = {
    "hvc_mvc_lvc": (
        Tier("lvc", "Low value"),
        Tier("mvc", "Medium value", top=0.5),
        Tier("hvc", "High value", top=0.2),
    )
}


def _switching(table: Table) -> float:
    return table.number("switching_cost") if "switching_cost" in table else 0.0


def _read_tier(table: Table, name: str) -> Tier:
    band = table.table(name)
    band.only(("label", "at_least", "top"))
    return band.record(Tier, name=name)


def _floor(tier: Tier) -> float:
    if tier.top is not None:
        return -tier.top
    return float("-inf") if tier.at_least is None else tier.at_least


def _low_to_high(tiers: Sequence[Tier], *, is_sorted: bool) -> tuple[Tier, ...]:
    if is_sorted:
        return tuple(sorted(tiers, key=_floor))
    turned = len(tiers) > 1 and _floor(tiers[0]) > _floor(tiers[-1])
    return tuple(reversed(tiers) if turned else tiers)


def _check_order(tiers: Sequence[Tier], kind: str) -> None:
    if len(tiers) < 2:
        raise SpecError(f"{len(tiers)} tiers: there must be two or more")
    names = [tier.name for tier in tiers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecError(f"{', '.join(twice)} stands twice among the tiers")
    key, other = ("at_least", "top") if kind == ABSOLUTE else ("top", "at_least")
    stray = [tier.name for tier in tiers if getattr(tier, other) is not None]
    if stray:
        raise SpecError(f'tiers of kind "{kind}" have {key}, not {other}: {", ".join(stray)}')
    floorless = [tier.name for tier in tiers if getattr(tier, key) is None]
    if floorless != [names[0]]:
        raise SpecError(
            f"exactly one tier, the lowest, has no {key} (value may be negative); here "
            f"{_listed(floorless)} without, and the lowest by order is {names[0]}"
        )
    for lower, upper in pairwise(tiers[1:]):
        if _floor(lower) >= _floor(upper):
            if kind != ABSOLUTE:
                raise SpecError(
                    f"top must decrease from tier to tier: {lower.name} reaches {lower.top:g} from the top, "
                    f"{upper.name} {upper.top:g}"
                )
            raise SpecError(
                f"thresholds must increase from tier to tier: {lower.name} begins at {_floor(lower):g}, "
                f"{upper.name} at {_floor(upper):g}"
            )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}" if names else "none is"


def _distance(size: int) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(abs(j - k)) for k in range(size)) for j in range(size))


def _checked_cost(cost: Any, names: Sequence[str]) -> tuple[tuple[float, ...], ...]:  # noqa: ANN401
    size = len(names)
    rows = [list(row) if isinstance(row, Sequence) and not isinstance(row, str) else [] for row in cost]
    if len(rows) != size or any(len(row) != size for row in rows):
        raise SpecError(
            f"cost must be {size} rows of {size} numbers, tiers from low to high: {', '.join(names)}"
        )
    checked_rows = tuple(
        tuple(checked.money(f"cost[{j}][{k}]", value, at_least=0.0) for k, value in enumerate(row))
        for j, row in enumerate(rows)
    )
    wrong = [names[j] for j in range(size) if checked_rows[j][j] != 0]
    if wrong:
        raise SpecError(
            f"cost of the right label must be 0, is not for {', '.join(wrong)}: subtract it from the row"
        )
    return checked_rows

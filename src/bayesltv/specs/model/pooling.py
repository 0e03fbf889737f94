"""Partial pooling of one scale: over which group columns, and how much they may differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from bayesltv.errors import SpecError, shown
from bayesltv.specs import checked
from bayesltv.specs.frozen import Plain
from bayesltv.specs.prior import PriorSpec
from bayesltv.specs.toml_file import Table

DEFAULT_SCALE = PriorSpec(
    "HalfNormal",
    {"sigma": 0.5},
    why="on the log or logit scale: groups seldom differ by more than a factor e, and may not differ at all",
)


@dataclass(frozen=True)
class Pooling:
    """The effects of each column's levels on a scale are Normal(0, sd), with one sd per column.

    Attributes
    ----------
    scale : PriorSpec
        Prior of that sd, on the log scale (on the logit scale for dropout_mean).
    columns : tuple of str, optional
        Group columns; None means all of the spec, an empty tuple none: complete pooling.
    """

    scale: PriorSpec = DEFAULT_SCALE
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        scale = PriorSpec.of(self.scale)
        if scale.support != "positive":
            raise SpecError(f"scale is a standard deviation: {scale.family} lives on (0, 1), use HalfNormal")
        if scale.per is not None:
            raise SpecError("scale is on the log scale and has no time unit: leave per out")
        object.__setattr__(self, "scale", scale)
        if self.columns is not None:
            object.__setattr__(self, "columns", column_names("columns", self.columns))

    def over(self, groups: Sequence[str]) -> tuple[str, ...]:
        """Return the columns among `groups` whose levels get an effect, in the order of `groups`."""
        return tuple(column for column in groups if self.columns is None or column in self.columns)

    def to_dict(self) -> dict[str, Plain]:
        """Return the pooling as a spec file would state it."""
        stated: dict[str, Plain] = {"scale": dict(self.scale.to_dict())}
        return stated if self.columns is None else {**stated, "columns": list(self.columns)}

    @classmethod
    def read(cls, table: Table) -> "Pooling":
        """Return the pooling that a table states."""
        table.only(("scale", "columns"))
        columns = table.texts("columns") if "columns" in table else None
        scale = PriorSpec.read(table.table("scale"), "positive") if "scale" in table else DEFAULT_SCALE
        with table.located():
            return cls(scale, columns)


def column_names(name: str, value: object) -> tuple[str, ...]:
    """Return a tuple of distinct column names.

    Raises
    ------
    SpecError
        Where `value` is a single text, holds something else than names, or names a column twice.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise SpecError(f"{name} = {shown(value)} must be a list of column names")
    columns = tuple(checked.text(f"{name}[{i}]", column) for i, column in enumerate(value))
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise SpecError(f"{name} names {', '.join(twice)} twice")
    return columns

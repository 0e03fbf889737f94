"""Covariates: columns of a summary that move a customer's scales, each with a prior and a reason."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from bayesltv import names
from bayesltv.data.summary.design import Coding
from bayesltv.errors import SpecError
from bayesltv.families.registry import SCALES
from bayesltv.specs import checked
from bayesltv.specs.frozen import Plain
from bayesltv.specs.model.pooling import column_names
from bayesltv.specs.toml_file import Table

KINDS = ("numeric", "categorical")
ACTS_ON = (names.PURCHASE_RATE, names.DROPOUT_MEAN, names.DROPOUT_HAZARD, names.SPEND_TYPICAL)
_UNLESS_STATED = (names.PURCHASE_RATE, names.DROPOUT_MEAN, names.SPEND_TYPICAL)
_STATED = ("kind", "on", "sigma", "why", "round_to", "reference")
_LEARNED = ("mean", "sd", "levels")


@dataclass(frozen=True, kw_only=True)
class Covariate:
    """One column of the summary and what it may do.

    Attributes
    ----------
    kind : "numeric" or "categorical"
        Numeric columns are standardised (mean and sd of the fitted customers); categorical ones are coded
        against a reference.
    on : tuple of str
        Scales that it moves, among purchase_rate, dropout_mean (dropout_hazard in Pareto/NBD) and
        spend_typical.
    sigma : float
        Prior sd of each coefficient, Normal(0, sigma) on the log scale (logit for dropout_mean): per standard
        deviation of a numeric column, per level against the reference of a categorical one.
    why : str
        The reason for this sigma.
    round_to : float, optional
        Numeric columns are rounded to multiples of it, so that customers share cells.
    reference : str, optional
        Categorical columns need one.
    mean, sd, levels : optional
        Set by the fit: how the numbers were made.
    """

    kind: Literal["numeric", "categorical"]
    on: tuple[str, ...] = _UNLESS_STATED
    sigma: float = 0.5
    why: str = ""
    round_to: float | None = None
    reference: str | None = None
    mean: float | None = None
    sd: float | None = None
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked.known("kind", self.kind, KINDS)
        object.__setattr__(self, "on", column_names("on", self.on))
        for scale in self.on:
            checked.known("on", scale, ACTS_ON)
        if not self.on:
            raise SpecError("on is empty: name the scales that the covariate moves, or leave it out")
        object.__setattr__(self, "sigma", checked.number("sigma", self.sigma, above=0.0))
        if self.round_to is not None:
            object.__setattr__(self, "round_to", checked.number("round_to", self.round_to, above=0.0))
        if self.kind == "numeric" and self.reference is not None:
            raise SpecError("reference belongs to categorical covariates: a numeric one is at its mean")
        if self.kind == "categorical" and self.round_to is not None:
            raise SpecError("round_to belongs to numeric covariates")
        if self.kind == "categorical":
            checked.text("reference", self.reference)
        object.__setattr__(self, "levels", tuple(self.levels))

    def coding(self, column: str) -> Coding:
        """Return how `column` becomes numbers."""
        return Coding(column, self.kind, self.round_to, self.reference, self.mean, self.sd, self.levels)

    def with_coding(self, coding: Coding) -> "Covariate":
        """Return the covariate with what was learned from the customers."""
        return replace(self, mean=coding.mean, sd=coding.sd, levels=coding.levels)

    def to_dict(self) -> dict[str, Plain]:
        """Return the covariate as a spec file would state it, and what was learned."""
        stated: dict[str, Plain] = {"kind": self.kind, "on": list(self.on), "sigma": self.sigma}
        more = {key: getattr(self, key) for key in ("round_to", "reference", "mean", "sd")}
        stated.update({key: value for key, value in more.items() if value is not None})
        if self.levels:
            stated["levels"] = list(self.levels)
        return {**stated, "why": self.why}

    @classmethod
    def read(cls, table: Table) -> "Covariate":
        """Return the covariate that a table states; a file gives a reason."""
        table.only(_STATED if table.is_file else (*_STATED, *_LEARNED))
        stated: dict[str, Any] = {
            "kind": table.text("kind"),
            "why": table.text("why") if table.is_file else table.text("why", default=""),
        }
        stated |= {key: table.number(key) for key in ("sigma", "round_to", "mean", "sd") if key in table}
        stated |= {key: table.texts(key) for key in ("on", "levels") if key in table}
        if "reference" in table:
            stated["reference"] = table.text("reference")
        with table.located():
            return cls(**stated)


def checked_covariates(value: object, groups: object, scales: tuple[str, ...]) -> dict[str, Covariate]:
    """Return the covariates of a spec, by column.

    Raises
    ------
    SpecError
        Where a column is also a group or has a name that means something else, or no scale is left for it.
    """
    checked.instance("covariates", value, Mapping)
    assert isinstance(value, Mapping)
    taken = {*names.DIMS, *names.SUMMARY_COLUMNS, *SCALES}
    found = {}
    for column, covariate in value.items():
        checked.instance(f"covariates.{column}", covariate, Covariate)
        if column in taken or (not isinstance(groups, str) and column in tuple(groups)):  # type: ignore[arg-type]
            raise SpecError(f"covariates.{column}: the column is a group, or the word means something else")
        if covariate.on == _UNLESS_STATED and names.DROPOUT_HAZARD in scales:
            covariate = replace(
                covariate, on=tuple(scale for scale in ACTS_ON if scale != names.DROPOUT_MEAN)
            )
        absent = [scale for scale in covariate.on if scale not in scales]
        if absent:
            lacks = "spend" if absent == [names.SPEND_TYPICAL] else "such scale"
            raise SpecError(f"covariates.{column}: on {', '.join(absent)}, but the spec has no {lacks}")
        found[column] = covariate
    return found


def without(covariates: Mapping[str, Covariate], scales: tuple[str, ...]) -> dict[str, Covariate]:
    """Return the covariates as far as they act on `scales`."""
    kept = {column: [scale for scale in each.on if scale in scales] for column, each in covariates.items()}
    return {column: replace(covariates[column], on=tuple(on)) for column, on in kept.items() if on}

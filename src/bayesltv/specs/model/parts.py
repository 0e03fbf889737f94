"""The parts of a model spec that speak of scales and groups: which there are, and what each may be given."""

from collections.abc import Iterable

from bayesltv import names
from bayesltv.errors import SpecError, cut, shown
from bayesltv.families.registry import PURCHASE, SCALES
from bayesltv.specs import checked
from bayesltv.specs.family import of_support
from bayesltv.specs.model import defaults
from bayesltv.specs.model.pooling import Pooling, column_names
from bayesltv.specs.model.settings import PurchaseSpec, SpendSpec
from bayesltv.specs.prior import PriorSpec
from bayesltv.specs.toml_file import Table

ALL_GROUPS = "all"
"""Groups of a spec that takes whatever group columns the customer summary has."""
_EVERY_SPEND = (*names.SPEND_SCALES, names.SPEND_FIRST)
_TAKEN = {
    *names.DIMS,
    *names.SUMMARY_COLUMNS,
    *names.PURCHASE_PARAMETERS,
    *names.SPEND_PARAMETERS,
    *names.PURCHASE_SCALES,
    *_EVERY_SPEND,
    names.CLOCK,
    names.CLOCK_BLOCK,
    names.CLOCK_HARMONIC,
}
"""Names that mean something else in a summary or a posterior."""


def scales_of(purchase: PurchaseSpec, spend: SpendSpec | None) -> tuple[str, ...]:
    """Return the scales of a model with or without spend, those of purchases first."""
    return purchase.card.scale_names + (() if spend is None else spend.card.scale_names)


def checked_groups(groups: object, reserved: tuple[str, ...] = ()) -> tuple[str, ...] | str:
    """Return the group columns, or "all".

    Raises
    ------
    SpecError
        Where they are no list of distinct names, or a name is taken, of those `reserved` too, or cannot stand
        in a netCDF file.
    """
    if isinstance(groups, str):
        if groups == ALL_GROUPS:
            return ALL_GROUPS
        raise SpecError(
            f'groups = {shown(groups)} must be a list of column names, ["{cut(groups)}"], or "{ALL_GROUPS}"'
        )
    columns = column_names("groups", groups)
    for column in columns:
        if column in _TAKEN or column in reserved or "/" in column:
            why = (
                "netCDF takes no slash"
                if "/" in column
                else "the word means something else in a summary or posterior"
            )
            raise SpecError(f"groups: a column cannot be called {shown(column)} ({why}): rename it")
    return columns


def check_scales(
    section: str, stated: Iterable[str], purchase: PurchaseSpec, spend: SpendSpec | None
) -> None:
    """Refuse a scale that does not exist, is one of another family, or of spend where there is no spend."""
    there = scales_of(purchase, spend)
    for scale in stated:
        if scale in _EVERY_SPEND and spend is None:
            raise SpecError(f"{section}.{scale}: the spec has no spend: add a [spend] section or drop this")
        if scale == names.SPEND_FIRST and spend is not None and not spend.first_amounts:
            raise SpecError(
                f"{section}.{scale}: first_amounts is false in [spend]: make it true or drop this"
            )
        if scale not in there:
            raise SpecError(f"{section}.{scale}: unknown scale; {checked.nearest(scale, there)}")


def checked_prior(scale: str, value: object) -> PriorSpec:
    """Return the prior of `scale`, which must have the scale's support and no unit that it cannot have."""
    with checked.located(f"priors.{scale}"):
        prior = PriorSpec.of(value)
    support = defaults.SUPPORT[scale]
    if prior.support != support:
        lies = "is positive" if support == "positive" else "is a share between 0 and 1"
        raise SpecError(
            f"priors.{scale}: {scale} {lies}, {prior.family} is not: use {', '.join(of_support(support))}"
        )
    if prior.per is not None and SCALES[scale].per is None:
        raise SpecError(f"priors.{scale}: {scale} has no time unit: leave per out")
    return prior


def check_pooling(scale: str, pooling: object, groups: tuple[str, ...] | str) -> None:
    """Refuse what is no Pooling, or pools over a column that is no group."""
    checked.instance(f"pooling.{scale}", pooling, Pooling)
    assert isinstance(pooling, Pooling)
    if isinstance(groups, str) or pooling.columns is None:
        return
    for column in pooling.columns:
        if column not in groups:
            raise SpecError(
                f"pooling.{scale}.columns: {shown(column)} is not a group; {checked.nearest(column, groups)}"
            )


def check_clock_column(by: str | None, groups: tuple[str, ...] | str) -> None:
    """Refuse clocks of their own for the levels of a column that is no group."""
    if by is not None and not isinstance(groups, str) and by not in groups:
        raise SpecError(f"clock.by: {shown(by)} is not a group; {checked.nearest(by, groups)}")


def check_clock_family(purchase: PurchaseSpec) -> None:
    """Refuse a clock for a family that does not go by one."""
    if not purchase.card.has_clock:
        known = " or ".join(family.name for family in PURCHASE.values() if family.has_clock)
        raise SpecError(
            f"clock: {purchase.family} ({purchase.card.title}) does not go by a calendar clock: leave "
            f"[clock] out, or use {known}"
        )


def read_priors(table: Table, scales: tuple[str, ...]) -> dict[str, PriorSpec]:
    """Return the priors that a file states; a rate in a file says per what."""
    priors = {
        scale: PriorSpec.read(inner, defaults.SUPPORT[scale]) for scale, inner in table.tables(scales).items()
    }
    for scale, prior in priors.items():
        if table.is_file and SCALES[scale].per is not None and prior.per is None:
            raise table.fail('missing: state the unit of the rate, per = "week"', f"{scale}.per")
    return priors

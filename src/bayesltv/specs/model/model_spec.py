"""The model spec: families, priors, pooling, sampler and gates, as one frozen value."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bayesltv import names
from bayesltv.errors import SpecError
from bayesltv.languages.notebook import html_of_text
from bayesltv.specs import checked
from bayesltv.specs.frozen import FrozenMapping, Plain, digest
from bayesltv.specs.model import defaults, parts
from bayesltv.specs.model.clock import ClockSpec
from bayesltv.specs.model.covariates import Covariate, checked_covariates, without
from bayesltv.specs.model.pooling import Pooling, column_names
from bayesltv.specs.model.settings import GateSpec, PurchaseSpec, SamplerSpec, SpendSpec
from bayesltv.specs.prior import PriorSpec
from bayesltv.specs.toml_file import Table, toml_text

SECTIONS = ("model", "purchase", "spend", "priors", "pooling", "covariates", "clock", "sampler", "gates")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Everything that, with a customer summary, makes a model.

    Attributes
    ----------
    title : str
        For people.
    groups : tuple of str or "all"
        Group columns, crossed when more than one; () is one population; "all" stands for those of the
        summary until `with_groups` or `resolved` names them.
    purchase : PurchaseSpec
    spend : SpendSpec, optional
        None leaves spend out.
    priors : mapping of scale to PriorSpec
        ``pymc_extras.prior.Prior`` objects are taken too, and scales left out get the default. Spend's
        typical amount is relative to the geometric mean of the positive amounts until `resolved`.
    pooling : mapping of scale to Pooling
        Scales whose level differs by group. Purchase rate, dropout mean and typical spend are always here
        where there are groups; ``Pooling(columns=())`` shares one of them between the groups.
    covariates : mapping of column to Covariate
        Columns of the summary that move a customer's scales; the scales' own values are those of the mean and
        reference customer.
    clock : ClockSpec, optional
        Purchase intensity over the calendar that customers share; None for none.
    sampler : SamplerSpec
    gates : GateSpec
    time_unit, spend_unit : optional
        Set by `resolved`: the units in which the priors now speak.

    Raises
    ------
    SpecError
        Where anything is unknown, impossible or contradicts something else.

    Examples
    --------
    >>> spec = ModelSpec(groups=("cohort",), spend=None)
    >>> spec.pooled_columns("purchase_rate"), spec.pooled_columns("purchase_shape")
    (('cohort',), ())
    >>> round(spec.resolved(time_unit="day").priors["purchase_rate"].quantile(0.95), 6)  # 1 / 7
    0.142857
    """

    title: str = ""
    groups: tuple[str, ...] | str = ()
    purchase: PurchaseSpec = field(default_factory=PurchaseSpec)
    spend: SpendSpec | None = field(default_factory=SpendSpec)
    priors: Mapping[str, PriorSpec] = field(default_factory=dict)
    pooling: Mapping[str, Pooling] = field(default_factory=dict)
    covariates: Mapping[str, Covariate] = field(default_factory=dict)
    clock: ClockSpec | None = None
    sampler: SamplerSpec = field(default_factory=SamplerSpec)
    gates: GateSpec = field(default_factory=GateSpec)
    time_unit: str | None = None
    spend_unit: float | None = None

    def __post_init__(self) -> None:
        self._check_types()
        reserved = self.purchase.card.parameters + self.purchase.card.scale_names
        reserved += () if self.spend is None else self.spend.card.parameters
        object.__setattr__(self, "groups", parts.checked_groups(self.groups, reserved))
        object.__setattr__(self, "priors", self._all_priors())
        object.__setattr__(self, "pooling", self._all_pooling())
        covariates = checked_covariates(self.covariates, self.groups, self.scales)
        object.__setattr__(self, "covariates", FrozenMapping(covariates))
        if self.time_unit is not None:
            object.__setattr__(self, "time_unit", checked.unit("time_unit", self.time_unit))
        if self.spend_unit is not None:
            object.__setattr__(self, "spend_unit", checked.number("spend_unit", self.spend_unit, above=0.0))

    @property
    def has_clock(self) -> bool:
        """Whether all customers share a calendar clock."""
        return self.clock is not None

    @property
    def scales(self) -> tuple[str, ...]:
        """Return the scales the model has, in the fixed order; those of spend only where spend is in it."""
        return parts.scales_of(self.purchase, self.spend)

    @property
    def block_days(self) -> int:
        """Return the days of a block of the clock; 0 without one."""
        return 0 if self.clock is None else self.clock.block_days

    def check_calendar(self, days: int) -> None:
        """Refuse a calendar of `days` days where the clock needs a longer one; see ``ClockSpec``."""
        if self.clock is not None:
            self.clock.check_calendar(days)

    @property
    def is_open(self) -> bool:
        """Say whether the groups are still "all", so that a summary must name them."""
        return self.groups == parts.ALL_GROUPS

    def pooled_columns(self, scale: str) -> tuple[str, ...]:
        """Return the group columns whose levels differ in `scale`, in spec order; () where it is shared.

        Raises
        ------
        SpecError
            Where the groups are still "all".
        """
        pooling = self.pooling.get(scale)
        return () if pooling is None else pooling.over(self._named_groups())

    def with_groups(self, columns: Sequence[str]) -> "ModelSpec":
        """Return the spec with its groups named, or with some of its named groups dropped.

        Raises
        ------
        SpecError
            Where a column is not among the spec's named groups.
        """
        named = column_names("groups", tuple(columns))
        absent = [] if self.is_open else [column for column in named if column not in self.groups]
        if absent:
            raise SpecError(
                f"groups {', '.join(absent)} are not in the spec, which has {self._groups_text()}"
            )
        pooling = self.pooling if self.is_open else _restricted(self.pooling, named)
        clock = None if self.clock is None else self.clock.within(named)
        return replace(self, groups=named, pooling=pooling if named else {}, clock=clock)

    def without_spend(self) -> "ModelSpec":
        """Return the spec of the purchases alone, for a log that has no amounts."""
        return replace(self._with(None), spend_unit=None)

    def without_first_amounts(self) -> "ModelSpec":
        """Return the spec with spend from repeat amounts alone, for a summary that has no others."""
        return self._with(None if self.spend is None else replace(self.spend, first_amounts=False))

    def _with(self, spend: SpendSpec | None) -> "ModelSpec":
        """Return the spec with less of spend, and nothing said of what is gone."""
        scales = parts.scales_of(self.purchase, spend)
        return replace(
            self,
            spend=spend,
            priors=_only(self.priors, scales),
            pooling=_only(self.pooling, scales),
            covariates=without(self.covariates, scales),
        )

    def resolved(
        self,
        *,
        time_unit: str,
        spend_unit: float | None = None,
        groups: Sequence[str] | None = None,
    ) -> "ModelSpec":
        """Return the spec with every prior in the summary's units: the one that is fitted, hashed and stored.

        Parameters
        ----------
        time_unit : str
            Unit of recency and T.
        spend_unit : float, optional
            Geometric mean of the positive amounts, in money; needed where the spec has spend.
        groups : sequence of str, optional
            The summary's group columns, for a spec whose groups are "all"; a spec that names its groups
            keeps them.

        Raises
        ------
        SpecError
            Where the groups remain unknown, or the spend unit is missing or not positive.
        """
        spec = self.with_groups(groups) if self.is_open and groups is not None else self
        spec._named_groups()
        priors = dict(spec.priors)
        timed = [scale.name for scale in spec.purchase.card.scales if scale.per is not None]
        priors |= {name: priors[name].in_unit(time_unit) for name in timed}
        if spec.spend is None:
            return replace(spec, priors=priors, time_unit=time_unit)
        if spend_unit is None:
            raise SpecError(
                "spend_unit is missing: give the geometric mean of the positive amounts, "
                "or use spec.without_spend()"
            )
        unit = checked.number("spend_unit", spend_unit, above=0.0)
        typical = priors[names.SPEND_TYPICAL]
        priors[names.SPEND_TYPICAL] = typical.rescaled(unit / (spec.spend_unit or 1.0))
        return replace(spec, priors=priors, time_unit=time_unit, spend_unit=unit)

    def _repr_html_(self) -> str:
        return html_of_text(self.title or "ModelSpec", toml_text(self.to_dict()))

    def to_dict(self) -> dict[str, Plain]:
        """Return the spec as plain JSON types, laid out like a spec file with nothing left to a default."""
        model: dict[str, Plain] = {
            "title": self.title,
            "groups": self.groups if isinstance(self.groups, str) else list(self.groups),
        }
        units = {"time_unit": self.time_unit, "spend_unit": self.spend_unit}
        model.update({key: value for key, value in units.items() if value is not None})
        stated: dict[str, Plain] = {"model": model, "purchase": dict(self.purchase.to_dict())}
        if self.spend is not None:
            stated["spend"] = self.spend.to_dict()
        stated["priors"] = {scale: dict(prior.to_dict()) for scale, prior in self.priors.items()}
        stated["pooling"] = {scale: dict(pooling.to_dict()) for scale, pooling in self.pooling.items()}
        if self.covariates:
            stated["covariates"] = {column: dict(each.to_dict()) for column, each in self.covariates.items()}
        if self.clock is not None:
            stated["clock"] = dict(self.clock.to_dict())
        return {**stated, "sampler": asdict(self.sampler), "gates": asdict(self.gates)}

    def hash(self) -> str:
        """Return the SHA-256 of the canonical JSON of `to_dict`, 64 hexadecimal digits."""
        return digest(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, source: str = "stored spec") -> "ModelSpec":
        """Return the spec that `to_dict` gave.

        Raises
        ------
        SpecError
            Where a key is unknown or a value impossible; `source` stands in the message.
        """
        return cls.read(Table(values, source, is_file=False))

    @classmethod
    def read(cls, table: Table) -> "ModelSpec":
        """Return the spec that the top table of a file states.

        Raises
        ------
        SpecError
            With file and key path.
        """
        sections = {name: Table({}, table.source, (name,), table.is_file) for name in SECTIONS}
        sections.update(table.tables(SECTIONS))
        purchase = sections["purchase"].record(PurchaseSpec)
        spend = SpendSpec.read(sections["spend"]) if "spend" in table else None
        scales = parts.scales_of(purchase, spend)
        pooling = sections["pooling"].tables(scales)
        covariates = sections["covariates"].tables(tuple(table.values.get("covariates", ())))
        stated: dict[str, Any] = {
            **_read_model(sections["model"]),
            "purchase": purchase,
            "spend": spend,
            "priors": parts.read_priors(sections["priors"], scales),
            "pooling": {scale: Pooling.read(inner) for scale, inner in pooling.items()},
            "covariates": {column: Covariate.read(inner) for column, inner in covariates.items()},
            "clock": ClockSpec.read(sections["clock"]) if "clock" in table else None,
            "sampler": sections["sampler"].record(SamplerSpec),
            "gates": sections["gates"].record(GateSpec),
        }
        with table.located():
            return cls(**stated)

    def _check_types(self) -> None:
        checked.instance("title", self.title, str)
        checked.instance("purchase", self.purchase, PurchaseSpec)
        if self.spend is not None:
            checked.instance("spend", self.spend, SpendSpec)
        checked.instance("priors", self.priors, Mapping)
        checked.instance("pooling", self.pooling, Mapping)
        if self.clock is not None:
            checked.instance("clock", self.clock, ClockSpec)
            parts.check_clock_column(self.clock.by, self.groups)
            parts.check_clock_family(self.purchase)
        checked.instance("sampler", self.sampler, SamplerSpec)
        checked.instance("gates", self.gates, GateSpec)

    def _all_priors(self) -> FrozenMapping[PriorSpec]:
        default = defaults.priors_of(self.purchase.card)
        if self.spend is not None:
            default |= defaults.priors_of(self.spend.card)
        parts.check_scales("priors", self.priors, self.purchase, self.spend)
        return FrozenMapping(
            {
                scale: parts.checked_prior(scale, self.priors.get(scale, default[scale]))
                for scale in self.scales
            }
        )

    def _all_pooling(self) -> FrozenMapping[Pooling]:
        parts.check_scales("pooling", self.pooling, self.purchase, self.spend)
        if not self.groups:
            if self.pooling:
                raise SpecError(
                    f"pooling of {', '.join(self.pooling)} needs groups: "
                    "name group columns in groups, or leave pooling out"
                )
            return FrozenMapping({})
        stated = {scale: Pooling() for scale in defaults.POOLED if scale in self.scales} | dict(self.pooling)
        for scale, pooling in stated.items():
            parts.check_pooling(scale, pooling, self.groups)
        return FrozenMapping({scale: stated[scale] for scale in self.scales if scale in stated})

    def _named_groups(self) -> tuple[str, ...]:
        if isinstance(self.groups, str):
            raise SpecError(
                'groups are still "all": name the summary\'s group columns, spec.with_groups(["cohort"])'
            )
        return self.groups

    def _groups_text(self) -> str:
        return ", ".join(self.groups) if self.groups else "none"


def _read_model(table: Table) -> dict[str, Any]:
    stored = () if table.is_file else ("time_unit", "spend_unit")
    table.only(("title", "groups", *stored))
    model = {key: table.text(key) for key in ("title", "time_unit") if key in table}
    with table.located():
        groups = parts.checked_groups(table.values.get("groups", ()))
    return {
        **model,
        "groups": groups,
        **({"spend_unit": table.number("spend_unit")} if "spend_unit" in table else {}),
    }


def _restricted(pooling: Mapping[str, Pooling], groups: tuple[str, ...]) -> dict[str, Pooling]:
    return {
        scale: each if each.columns is None else replace(each, columns=each.over(groups))
        for scale, each in pooling.items()
    }


def _only[V](mapping: Mapping[str, V], keys: Sequence[str]) -> dict[str, V]:
    return {key: value for key, value in mapping.items() if key in keys}

"""The flat sections of a model spec: which likelihoods, how to sample, what the sampler checks must reach."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from bayesltv.errors import SpecError, shown
from bayesltv.families.bg_cnbd import MOST_STAGES
from bayesltv.families.family import Family
from bayesltv.families.registry import PURCHASE, SPEND, SPEND_WITH_FIRST
from bayesltv.specs import checked
from bayesltv.specs.frozen import Plain
from bayesltv.specs.toml_file import Table

PURCHASE_FAMILIES = tuple(PURCHASE)
SPEND_FAMILIES = tuple(SPEND)


@dataclass(frozen=True)
class PurchaseSpec:
    """When customers buy and when they stop.

    Attributes
    ----------
    family : str
        "bg_nbd" (Fader, Hardie & Lee 2005: dropout only after a repeat purchase) or "mbg_nbd" (after any
        purchase, the first included); "bg_cnbd" and "mbg_cnbd" where customers buy regularly; "pareto_nbd"
        (dropout at any time).
    k : int, optional
        Shape of the gamma waits of "bg_cnbd" and "mbg_cnbd", 1 to 4; default 2, and none for other families.
        Compare k by a hold-out, never by likelihood: logs that are kept by the day look regular.
    """

    family: str = "bg_nbd"
    k: int | None = None

    def __post_init__(self) -> None:
        checked.known("family", self.family, PURCHASE_FAMILIES)
        known = PURCHASE[self.family]
        if self.k is None:
            object.__setattr__(self, "k", known.settings[0] if known.is_regular else None)
            return
        if not known.is_regular:
            raise SpecError(f"k belongs to bg_cnbd and mbg_cnbd: leave it out with {self.family}")
        k = checked.count("k", self.k, at_least=1)
        if k > MOST_STAGES:
            raise SpecError(f"k = {k} is larger than {MOST_STAGES}: use 1 to {MOST_STAGES}")
        object.__setattr__(self, "k", k)

    @property
    def card(self) -> Family:
        """The family, with its k."""
        known = PURCHASE[self.family]
        return known if self.k is None else known.of(self.k)

    def to_dict(self) -> dict[str, Plain]:
        """Return the section as a spec file would state it."""
        return {"family": self.family} | ({} if self.k is None else {"k": self.k})


@dataclass(frozen=True)
class SpendSpec:
    """How much they spend.

    Attributes
    ----------
    family : str
        "gamma_gamma".
    first_amounts : bool
        Whether each customer's first amount is used, where the summary has them: it shares the customer's
        mean, on a level of its own. False looks at repeat amounts alone.
    """

    family: str = "gamma_gamma"
    first_amounts: bool = True

    def __post_init__(self) -> None:
        checked.known("family", self.family, SPEND_FAMILIES)
        checked.instance("first_amounts", self.first_amounts, bool)

    @property
    def card(self) -> Family:
        """The family, with first amounts or without them."""
        return (SPEND_WITH_FIRST if self.first_amounts else SPEND)[self.family]

    def to_dict(self) -> dict[str, Plain]:
        """Return what a stored spec says; what it does not say, as earlier ones did not, means false."""
        stated: dict[str, Plain] = {"family": self.family}
        return {**stated, "first_amounts": True} if self.first_amounts else stated

    @classmethod
    def read(cls, table: Table) -> "SpendSpec":
        """Return what a table states; a stored one without the key was made without first amounts."""
        found = table.record(cls)
        is_told = table.is_file or "first_amounts" in table
        return found if is_told else replace(found, first_amounts=False)


@dataclass(frozen=True)
class SamplerSpec:
    """How NUTS runs.

    Attributes
    ----------
    chains : int
        Two or more: R-hat compares chains.
    tune, draws : int
        Per chain. `tune` is at least 1,000 where the posterior can't be approximated beforehand. A fit's
        ``attrs["sampler"]`` says what was used.
    target_accept : float
        In (0, 1). Higher means smaller steps: slower, fewer divergences. It is at least 0.95 where a pooled
        column has fewer than five levels, or the posterior can't be approximated beforehand.
    max_treedepth : int
        At most 2^max_treedepth steps per draw.
    """

    chains: int = 4
    tune: int = 1000
    draws: int = 1000
    target_accept: float = 0.9
    max_treedepth: int = 10

    def __post_init__(self) -> None:
        _set_counts(self, chains=2, tune=1, draws=1, max_treedepth=1)
        _set_number(self, "target_accept", above=0.0, below=1.0)

    def overridden(self, settings: Mapping[str, object]) -> "SamplerSpec":
        """Return the sampler with some settings replaced.

        Raises
        ------
        SpecError
            Where a setting is unknown or impossible.
        """
        known = [field.name for field in fields(self)]
        for name in settings:
            if name not in known:
                raise SpecError(f"sampler setting {shown(name)} is unknown; {checked.nearest(name, known)}")
        values: dict[str, Any] = dict(settings)
        return replace(self, **values)


@dataclass(frozen=True)
class GateSpec:
    """What a fit must reach before it may score customers.

    Attributes
    ----------
    rhat_max : float
        Rank-normalised split R-hat (Vehtari et al. 2021 recommend 1.01).
    ess_min : float
        Bulk and tail effective sample size of every parameter (Vehtari et al. 2021: 100 per chain).
    divergences_max : int
        Divergent transitions after tuning, over all chains.
    ebfmi_min : float
        Smallest energy Bayesian fraction of missing information of a chain (Stan warns below 0.3).
    treedepth_share_max : float
        Share of draws that ended at the greatest tree depth: slow mixing, not bias.
    khat_max : float
        Pareto k-hat of the importance weights of a Laplace fit (Vehtari et al. 2024: unreliable above 0.7).
    """

    rhat_max: float = 1.01
    ess_min: float = 400.0
    divergences_max: int = 0
    ebfmi_min: float = 0.3
    treedepth_share_max: float = 0.01
    khat_max: float = 0.7

    def __post_init__(self) -> None:
        _set_counts(self, divergences_max=0)
        _set_number(self, "rhat_max", above=1.0)
        _set_number(self, "ess_min", at_least=0.0)
        _set_number(self, "ebfmi_min", at_least=0.0)
        _set_number(self, "treedepth_share_max", at_least=0.0, at_most=1.0)
        _set_number(self, "khat_max", above=0.0)


def _set_counts(settings: object, **at_least: int) -> None:
    for name, bound in at_least.items():
        object.__setattr__(settings, name, checked.count(name, getattr(settings, name), at_least=bound))


def _set_number(settings: object, name: str, **bounds: float) -> None:
    object.__setattr__(settings, name, checked.number(name, getattr(settings, name), **bounds))

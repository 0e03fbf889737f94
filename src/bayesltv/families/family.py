"""A family's card: what the rest of the house must know of it without compiling anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, TypeVar

import numpy as np

from bayesltv.numerics.arrays import Floats, Integers

Count = TypeVar("Count", int, Integers)
type Link = Literal["log", "logit"]
LOG: Link = "log"
LOGIT: Link = "logit"


@dataclass(frozen=True)
class Scale:
    """A scale that priors speak of, with the prior of a spec that states none.

    Attributes
    ----------
    name : str
    link : "log" or "logit"
        Where effects of groups and covariates are added: the quantity is positive, or a share.
    between : tuple of float
        Two values between which 90 % of the prior's mass lie, with equal tails.
    why : str
        The reason for them, as a spec records it.
    error : float
        Posterior variance of the scale on its link, times the number of repeaters; from the CDNOW sample.
    prior : str
        Family of the prior.
    per : str, optional
        Time unit of the two values.
    is_pooled : bool
        Whether its level differs by group unless a spec says otherwise; few data speak of the others.
    """

    name: str
    link: Link
    between: tuple[float, float]
    why: str
    error: float
    prior: str = "LogNormal"
    per: str | None = None
    is_pooled: bool = False


@dataclass(frozen=True)
class Family:
    """A family of purchases (buy till you die) or of spend.

    Attributes
    ----------
    name : str
        Word used in specs.
    title : str
        Name in the literature.
    parameters : tuple of str
        Natural parameters, in the order of the arrays that hold them.
    scales : tuple of Scale
        As many.
    to_natural : callable
        Scales by name -> natural parameters by name; arithmetic only, so that it serves NumPy and PyTensor.
    to_scales : callable
        The way back.
    law : str
        "module:name" of what makes the NamedTuple by which compiled kernels know the family.
    formulas : str
        Module of its formulas for NumPy arrays.
    summary_columns : tuple of str
        Columns of a customer summary that it needs.
    score_columns : tuple of str
        Columns of a score table that it makes.
    first_coins : int
        Dropout coins that the first purchase brings: 0 in BG/NBD, 1 in MBG/NBD.
    settings : tuple of int
        Whole numbers that are no parameters; `to_natural`, `to_scales`, the law and the formulas take them
        last.
    needs_every_cell : bool
        Whether histories without a coin say more than their distinct frequencies and times.
    has_coins : bool
        Whether a coin after purchases ends a life.
    has_clock : bool
        Whether it can go by a calendar that customers share.
    is_regular : bool
        Whether waits are more regular than exponential ones: single waits then matter to the likelihood.
    """

    name: str
    title: str
    parameters: tuple[str, ...]
    scales: tuple[Scale, ...]
    to_natural: Callable[..., dict[str, Any]]
    to_scales: Callable[..., dict[str, Any]]
    law: str
    formulas: str
    summary_columns: tuple[str, ...]
    score_columns: tuple[str, ...]
    first_coins: int = 0
    settings: tuple[int, ...] = ()
    needs_every_cell: bool = False
    has_coins: bool = True
    has_clock: bool = True
    is_regular: bool = False

    def of(self, *settings: int) -> "Family":
        """Return the family with these settings; the title, "MBG/CNBD-k", tells them."""
        title = self.title.removesuffix("k") + "".join(map(str, settings))
        return replace(self, settings=settings, title=title)

    @property
    def stages(self) -> int:
        """Shape of a wait, 1 where waits are exponential."""
        return self.settings[0] if self.is_regular else 1

    @property
    def kind(self) -> Any:  # noqa: ANN401
        """A law that says which family this is, with zeros for parameters."""
        return self._law(*(0.0 for _ in self.parameters), *self.settings)

    def natural(self, scales: Mapping[str, Any]) -> dict[str, Any]:
        """Return natural parameters by name from scales by name."""
        return self.to_natural(scales, *self.settings)

    def scaled(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return scales by name from natural parameters by name."""
        return self.to_scales(parameters, *self.settings)

    @property
    def scale_names(self) -> tuple[str, ...]:
        """Names of the scales, in order."""
        return tuple(scale.name for scale in self.scales)

    def scales_of(self, values: Floats) -> dict[str, Any]:
        """Return the scales by name from an array of natural parameters, the parameters first."""
        return self.scaled(dict(zip(self.parameters, values, strict=True)))

    def stacked(self, scales: Mapping[str, Any]) -> Floats:
        """Return the array of natural parameters, the parameters first, from scales by name."""
        found = self.natural(scales)
        return np.stack([found[name] for name in self.parameters])

    def coins(self, frequency: Count) -> Count:
        """Return the number of dropout coins met by customers with this many repeat purchases."""
        return frequency + self.first_coins

    def formula(self, name: str) -> Callable[..., Floats]:
        """Return one of the family's formulas for NumPy arrays, which take its parameters last."""
        found: Callable[..., Floats] = getattr(import_module(self.formulas), name)
        return (lambda *given: found(*given, *self.settings)) if self.settings else found

    def laws(self, values: Floats) -> Any:  # noqa: ANN401
        """Return arrays of parameters, shape (parameter, group, draw), as compiled kernels take them."""
        return self._law(*np.ascontiguousarray(values), *self.settings)

    @property
    def _law(self) -> Callable[..., Any]:
        module, _, name = self.law.partition(":")
        found: Callable[..., Any] = getattr(import_module(module), name)
        return found

"""A family's card: what the rest of the house must know of it without compiling anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Count = TypeVar("Count", int, NDArray[np.int64])
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
    natural : callable
        Scales by name -> natural parameters by name; arithmetic only, so that it serves NumPy and PyTensor.
    scaled : callable
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
    """

    name: str
    title: str
    parameters: tuple[str, ...]
    scales: tuple[Scale, ...]
    natural: Callable[[Mapping[str, Any]], dict[str, Any]]
    scaled: Callable[[Mapping[str, Any]], dict[str, Any]]
    law: str
    formulas: str
    summary_columns: tuple[str, ...]
    score_columns: tuple[str, ...]
    first_coins: int = 0

    @property
    def scale_names(self) -> tuple[str, ...]:
        """Names of the scales, in order."""
        return tuple(scale.name for scale in self.scales)

    def scales_of(self, values: NDArray[np.float64]) -> dict[str, Any]:
        """Return the scales by name from an array of natural parameters, the parameters first."""
        return self.scaled(dict(zip(self.parameters, values, strict=True)))

    def stacked(self, scales: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the array of natural parameters, the parameters first, from scales by name."""
        found = self.natural(scales)
        return np.stack([found[name] for name in self.parameters])

    def coins(self, frequency: Count) -> Count:
        """Return the number of dropout coins met by customers with this many repeat purchases."""
        return frequency + self.first_coins

    def formula(self, name: str) -> Callable[..., NDArray[np.float64]]:
        """Return one of the family's formulas for NumPy arrays, which take its parameters last."""
        found: Callable[..., NDArray[np.float64]] = getattr(import_module(self.formulas), name)
        return found

    def laws(self, values: NDArray[np.float64]) -> Any:  # noqa: ANN401
        """Return arrays of parameters, shape (parameter, group, draw), as compiled kernels take them."""
        module, _, name = self.law.partition(":")
        return getattr(import_module(module), name)(*np.ascontiguousarray(values))

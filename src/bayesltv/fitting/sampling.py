"""How a posterior is sampled: the arguments of ``fit`` and ``fit_uplift`` that are not about the data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from bayesltv.errors import FitError

if TYPE_CHECKING:
    import xarray as xr

Method = Literal["nuts", "laplace"]


@dataclass(frozen=True)
class Sampling:
    """How a posterior is sampled.

    Attributes
    ----------
    seed : int
        The same seed, data, spec and versions give the same draws.
    method : "nuts" or "laplace"
    overrides : mapping
        Of the sampler's settings, for instance ``{"draws": 500}``.
    cores : int, optional
        Chains run at once.
    progress : bool
        Show a progress bar where somebody watches.
    earlier : Dataset, optional
        Posterior of an earlier fit of the same spec, to start from; see ``fitting.warm_start``.

    Raises
    ------
    FitError
        Where the method is unknown.
    """

    seed: int
    method: Method = "nuts"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    cores: int | None = None
    progress: bool = True
    earlier: "xr.Dataset | None" = None

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise FitError(f'method={self.method!r} is unknown: use "nuts" or "laplace"')

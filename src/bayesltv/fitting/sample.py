"""NUTS on a density, by nutpie."""

import sys
from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

from bayesltv.errors import FitError
from bayesltv.model.pooling import OFFSET
from bayesltv.spec.settings import SamplerSpec

JITTER = 0.5
"""Start points are spread uniformly by this much around the prior's centre, on the unconstrained scale."""
SAMPLE_STATS = (
    "diverging",
    "energy",
    "depth",
    "maxdepth_reached",
    "n_steps",
    "step_size",
    "mean_tree_accept",
    "logp",
)


class LogDensity(Protocol):
    """What NUTS walks on: a density on the unconstrained space, and the way back to named variables."""

    @property
    def size(self) -> int:
        """Return the dimension of the unconstrained space."""
        ...

    @property
    def start(self) -> NDArray[np.float64]:
        """Return the point around which chains start, shape (size,)."""
        ...

    def __call__(self, point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the log density and its gradient."""
        ...

    def expand(self, point: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Return the named variables at `point`."""
        ...


def sample_nuts(
    model: pm.Model,
    density: LogDensity,
    sampler: SamplerSpec,
    *,
    seed: int,
    cores: int | None,
    progress: bool,
    adaptation: Literal["low_rank", "diag"] = "low_rank",
) -> dict[str, xr.Dataset]:
    """Return the groups ``posterior`` and ``sample_stats`` of a run.

    The mass matrix adapts to correlations (low rank plus diagonal): with 30 groups of 5 to 5,000 customers
    the smallest effective sample size rose from 323 to 960, with one population from 3,950 to 4,860.

    Parameters
    ----------
    model : pymc.Model
        For coordinates and dims.
    density : LogDensity
    sampler : SamplerSpec
    seed : int
    cores : int, optional
        Chains run at once; default as many as there are processors.
    progress : bool
        Show a bar where stderr is a terminal (or in a notebook).
    adaptation : "low_rank" or "diag"
        Of the mass matrix. Low rank costs much in hundreds of dimensions.

    Raises
    ------
    FitError
        Where the sampler cannot start or breaks down.
    """
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    first = density.expand(density.start)
    compiled = from_pyfunc(
        density.size,
        make_logp_fn=lambda: density,
        make_expand_fn=lambda *_: density.expand,
        expanded_dtypes=[np.dtype(np.float64)] * len(first),
        expanded_shapes=[np.shape(value) for value in first.values()],
        expanded_names=list(first),
        coords={name: list(values) for name, values in model.coords.items()},
        dims={name: tuple(dims) for name, dims in model.named_vars_to_dims.items() if name in first},
        make_initial_point_fn=_start_points(density),
    )
    try:
        tree = nutpie.sample(
            compiled,
            draws=sampler.draws,
            tune=sampler.tune,
            chains=sampler.chains,
            cores=cores,
            seed=seed,
            target_accept=sampler.target_accept,
            maxdepth=sampler.max_treedepth,
            adaptation=adaptation,
            save_warmup=False,
            progress_bar=progress and _watched(),
        )
    except RuntimeError as error:
        raise FitError(
            f"sampling broke down: {error}. Look at the summary for extreme values, or narrow the priors"
        ) from error
    posterior, stats = tree["posterior"].to_dataset(), tree["sample_stats"].to_dataset()
    kept = [name for name in posterior.data_vars if OFFSET not in str(name)]
    return {
        "posterior": posterior[kept],
        "sample_stats": stats[[name for name in SAMPLE_STATS if name in stats]],
    }


def _start_points(density: LogDensity) -> Callable[[int], NDArray[np.float64]]:
    def start_point(seed: int) -> NDArray[np.float64]:
        return density.start + np.random.default_rng(seed).uniform(-JITTER, JITTER, density.size)

    return start_point


def _watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules

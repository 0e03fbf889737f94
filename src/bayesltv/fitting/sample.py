"""NUTS on a density, by nutpie, in coordinates that leave it little to adapt; see ``fitting.coordinates``."""

import sys
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pymc as pm
import xarray as xr

from bayesltv.errors import FitError
from bayesltv.fitting.coordinates import Coordinates, plain_coordinates
from bayesltv.fitting.mode import LogDensity
from bayesltv.machine import available_processors
from bayesltv.model.pooling import OFFSET
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.model.settings import SamplerSpec

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


def sample_nuts(
    model: pm.Model,
    density: LogDensity,
    sampler: SamplerSpec,
    *,
    seed: int,
    cores: int | None,
    progress: bool,
    frame: Coordinates | None = None,
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
        Chains run at once; default as many as there are processors to work with.
    progress : bool
        Show a bar where stderr is a terminal (or in a notebook).
    frame : Coordinates, optional
        Default the unconstrained space itself.
    adaptation : "low_rank" or "diag"
        Of the mass matrix. Low rank costs much in hundreds of dimensions.

    Raises
    ------
    FitError
        Where the sampler cannot start or breaks down.
    KeyboardInterrupt
        Where it was interrupted: part of a run is no posterior.
    """
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    frame = frame or plain_coordinates(density)
    first = density.expand(density.start)

    def log_density(z: Floats) -> tuple[float, Floats]:
        with np.errstate(invalid="ignore"):  # a step out of the support ends in infinities: it is rejected
            return frame.density(density, z)

    compiled = from_pyfunc(
        density.size,
        make_logp_fn=lambda: log_density,
        make_expand_fn=lambda *_: lambda z: density.expand(frame.point(z)),
        expanded_dtypes=[np.dtype(np.float64)] * len(first),
        expanded_shapes=[np.shape(value) for value in first.values()],
        expanded_names=list(first),
        coords={name: list(values) for name, values in model.coords.items()},
        dims={name: tuple(dims) for name, dims in model.named_vars_to_dims.items() if name in first},
        make_initial_point_fn=_start_points(frame),
    )
    try:
        running = nutpie.sample(
            compiled,
            blocking=False,
            draws=sampler.draws,
            tune=sampler.tune,
            chains=sampler.chains,
            cores=cores or available_processors(),
            seed=seed,
            target_accept=sampler.target_accept,
            maxdepth=sampler.max_treedepth,
            adaptation=adaptation,
            save_warmup=False,
            progress_bar=progress and _watched(),
        )
        tree = _finished(running)
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


def _finished(running: Any) -> xr.DataTree:  # noqa: ANN401
    """Return the trace of a run once it is whole; interrupted, nutpie itself would return a part of one."""
    try:
        tree: xr.DataTree = running.wait()
    except BaseException:
        running.cancel()
        raise
    return tree


def _start_points(frame: Coordinates) -> Callable[[int], Floats]:
    def start_point(seed: int) -> Floats:
        size = frame.origin.size
        return np.random.default_rng(seed).uniform(-frame.spread, frame.spread, size)

    return start_point


def _watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules

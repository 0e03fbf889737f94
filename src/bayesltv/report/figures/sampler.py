"""What the checks of the sampler looked at, drawn by arviz-plots: ranks, effective sizes, traces, energy."""

from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from bayesltv.base.population import read_posterior
from bayesltv.errors import DataError

_COLUMNS = 3


def plot_sampler(fit: xr.DataTree, check: str) -> Figure:
    """Draw what a check of the sampler looked at.

    Parameters
    ----------
    fit : DataTree
        Sampled by NUTS.
    check : str
        "rhat" (ranks of each chain's draws among all, less what is uniform, and a test at 1 %),
        "ess_bulk" (effective size by quantile), "ess_tail" (effective sizes of bulk and tails as draws are
        added), "divergences" (traces, divergent draws marked) or "ebfmi" (energy and its changes).

    Returns
    -------
    Figure
        One panel per scale of the model; energy: one.

    Raises
    ------
    DataError
        Where there is no such picture of this fit.
    """
    known = sampler_pictures(fit)
    if check not in known:
        told = ", ".join(known) or "none: it was not sampled by NUTS"
        raise DataError(f"check {check!r} has no picture of the sampler: those of this fit are {told}")
    return known[check]()


def sampler_pictures(fit: xr.DataTree) -> Mapping[str, Callable[[], Figure]]:
    """Return a way to draw each picture of the sampler that a fit has, by the name of the check."""
    stats = fit["sample_stats"].to_dataset() if "sample_stats" in fit.children else xr.Dataset()
    if "pareto_k" in stats or fit["posterior"].sizes["chain"] < 2:
        return {}
    posterior = read_posterior(fit)
    gates = posterior.spec.gates
    names = [scale for scale in posterior.spec.scales if scale in posterior.dataset]
    moving = [name for name in names if float(posterior.dataset[name].std()) > 0]
    found: dict[str, Callable[[], Figure]] = {}
    if moving:
        found["rhat"] = lambda: _drawn("plot_rank", fit, var_names=moving, envelope_prob=0.99)
        found["ess_bulk"] = lambda: _drawn("plot_ess", fit, var_names=moving, min_ess=int(gates.ess_min))
        found["ess_tail"] = lambda: _drawn(
            "plot_ess_evolution", fit, var_names=moving, min_ess=int(gates.ess_min)
        )
    if moving and "diverging" in stats:
        found["divergences"] = lambda: _drawn("plot_trace", fit, var_names=moving)
    if "energy" in stats:
        found["ebfmi"] = lambda: _drawn("plot_energy", fit, threshold=gates.ebfmi_min)
    return found


def _size(wide: float, tall: float) -> dict[str, Any]:
    return {"figsize": (wide, tall), "layout": "constrained"}


def _drawn(name: str, fit: xr.DataTree, **settings: Any) -> Figure:  # noqa: ANN401
    """Return the figure of a function of arviz-plots, which no global state knows of."""
    import arviz_plots as azp
    from matplotlib import pyplot as plt

    if "var_names" in settings:
        wide = min(_COLUMNS, len(settings["var_names"]))
        tall = -(-len(settings["var_names"]) // _COLUMNS)
        settings |= {"col_wrap": _COLUMNS, "figure_kwargs": _size(3.6 * wide, 2.7 * tall)}
    else:
        settings |= {"figure_kwargs": _size(7.2, 4.0)}
    collection = getattr(azp, name)(fit, backend="matplotlib", **settings)
    figure: Figure = collection.viz["figure"].item()
    plt.close(figure)
    return figure

"""Did the sampler explore the posterior? These checks gate.

R-hat and effective sample sizes: Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021); E-BFMI: Betancourt
(2016).
"""

from collections.abc import Callable

import arviz_stats as az
import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.population import read_posterior
from bayesltv.base.seal import is_uplift
from bayesltv.checks.result import CheckResult, not_applicable
from bayesltv.languages.language import as_kept, mark
from bayesltv.specs.model.settings import GateSpec

_MORE = mark("Sample longer (sampler={'draws': ...}), or simplify the pooling")


def rhat(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Largest rank-normalised split R-hat of any parameter."""
    if not _has_chains(fit):
        return _not_applicable("rhat")
    if still := _still(fit):
        return _point("rhat", still, _gates(fit).rhat_max)
    worst, where = _extreme(az.rhat(_posterior(fit)), np.max)
    gate = _gates(fit).rhat_max
    return _judged(
        "rhat", worst, gate, worst <= gate,
        as_kept("largest R-hat {worst}, of {where}", worst=f"{worst:.4f}", where=where),
        mark("Chains disagree: tune longer (sampler={'tune': ...}) and look at the trace of that parameter"),
    )  # fmt: skip


def ess_bulk(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Smallest bulk effective sample size of any parameter."""
    return _ess("ess_bulk", mark("smallest bulk ESS {worst}, of {where}"), fit)


def ess_tail(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Smallest tail effective sample size of any parameter."""
    return _ess("ess_tail", mark("smallest tail ESS {worst}, of {where}"), fit)


def divergences(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Count divergent transitions after tuning."""
    stats = _stats(fit)
    if "diverging" not in stats:
        return _not_applicable("divergences")
    count, gate = int(stats["diverging"].sum()), _gates(fit).divergences_max
    found = as_kept(
        "{count} divergent of {size} transitions", count=f"{count:,}", size=f"{stats['diverging'].size:,}"
    )
    return _judged(
        "divergences", count, gate, count <= gate, found,
        mark("Raise target_accept towards 0.99, pool fewer scales or tighten the priors of their sds"),
    )  # fmt: skip


def ebfmi(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Smallest energy Bayesian fraction of missing information of a chain."""
    stats = _stats(fit)
    if "energy" not in stats:
        return _not_applicable("ebfmi")
    energy = stats["energy"].transpose("chain", "draw").values
    worst = float(np.min(np.mean(np.diff(energy, axis=1) ** 2, axis=1) / np.var(energy, axis=1)))
    gate = _gates(fit).ebfmi_min
    return _judged(
        "ebfmi", worst, gate, worst >= gate,
        as_kept("smallest E-BFMI of a chain {worst}", worst=f"{worst:.2f}"),
        mark("Heavy tails: tighten the priors of the pooling sds"),
    )  # fmt: skip


def treedepth(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Share of transitions that were stopped by the greatest tree depth."""
    stats = _stats(fit)
    if "maxdepth_reached" not in stats:
        return _not_applicable("treedepth")
    share, gate = float(stats["maxdepth_reached"].mean()), _gates(fit).treedepth_share_max
    found = as_kept("{share} of transitions reached the greatest tree depth", share=f"{share:.2%}")
    return _judged(
        "treedepth", share, gate, share <= gate, found,
        mark("Raise max_treedepth, or look for parameters that the data cannot tell apart"),
    )  # fmt: skip


def pareto_k(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Tail shape of the importance weights of a Laplace fit (Vehtari et al. 2024)."""
    stats = _stats(fit)
    if "pareto_k" not in stats:
        return _not_applicable("pareto_k", mark("the posterior was not importance sampled"))
    gate = min(_gates(fit).khat_max, 1 - 1 / np.log10(_proposals(fit)))
    khat = float(stats["pareto_k"])
    return _judged(
        "pareto_k", khat, gate, khat < gate,
        as_kept("k-hat of the importance weights {khat}", khat=f"{khat:.2f}"),
        mark("The posterior is too far from a normal for laplace: use method='nuts'"),
    )  # fmt: skip


def importance_ess(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Effective number of importance-sampled draws of a Laplace fit."""
    stats = _stats(fit)
    if "importance_ess" not in stats:
        return _not_applicable("importance_ess", mark("the posterior was not importance sampled"))
    size, gate = float(stats["importance_ess"]), _gates(fit).ess_min
    return _judged(
        "importance_ess", size, gate, size >= gate,
        as_kept("importance weights are worth {size} draws", size=f"{size:,.0f}"),
        mark("The posterior is too far from a normal for laplace: use method='nuts'"),
    )  # fmt: skip


SAMPLER_CHECKS = (rhat, ess_bulk, ess_tail, divergences, ebfmi, treedepth, pareto_k, importance_ess)


def _ess(name: str, text: str, fit: xr.DataTree) -> CheckResult:
    if not _has_chains(fit):
        return _not_applicable(name)
    if still := _still(fit):
        return _point(name, still, _gates(fit).ess_min)
    worst, where = _extreme(az.ess(_posterior(fit), method=name.removeprefix("ess_")), np.min)
    gate = _gates(fit).ess_min
    return _judged(name, worst, gate, worst >= gate, as_kept(text, worst=f"{worst:,.0f}", where=where), _MORE)


def _judged(name: str, value: float, gate: float, good: bool, summary: str, advice: str) -> CheckResult:
    """Return pass or fail; a figure that is not a number fails."""
    if good and np.isfinite(value):
        return CheckResult(name, "pass", float(value), float(gate), summary)
    return CheckResult(name, "fail", float(value), float(gate), summary, advice)


def _still(fit: xr.DataTree) -> list[str]:
    """Return the parameters that are the same in every draw."""
    return [str(name) for name, values in _posterior(fit).data_vars.items() if np.ptp(values.values) == 0]


def _point(name: str, still: list[str], gate: float) -> CheckResult:
    """Return a failure: a point has no chains, and leaves its uncertainty out of every interval."""
    found = as_kept("{names}: a single point, the same in every draw", names=", ".join(still))
    advice = mark("Intervals leave out what is not known of these: sample them, or accept that by name")
    return CheckResult(name, "fail", None, float(gate), found, advice)


def _not_applicable(name: str, reason: str = mark("the posterior was not sampled by NUTS")) -> CheckResult:
    return not_applicable(name, reason)


def _has_chains(fit: xr.DataTree) -> bool:
    """Whether the draws came from chains: importance-sampled draws did not."""
    return "pareto_k" not in _stats(fit)


def _proposals(fit: xr.DataTree) -> int:
    """Return how many weights k-hat was found from: fewer give a stricter gate."""
    stats = _stats(fit)
    return int(stats["proposals"] if "proposals" in stats else _draws(fit))


def _draws(fit: xr.DataTree) -> int:
    return int(fit["posterior"].sizes["chain"] * fit["posterior"].sizes["draw"])


def _extreme(figures: xr.Dataset, pick: Callable[..., np.float64]) -> tuple[float, str]:
    """Return the worst figure over all parameters and the parameter that has it; NaN is worst of all."""
    worst = {str(name): float(pick(array.values)) for name, array in figures.data_vars.items()}
    broken = [name for name, value in worst.items() if np.isnan(value)]
    name = broken[0] if broken else next(n for n in worst if worst[n] == pick(np.array(list(worst.values()))))
    return worst[name], name + _level(figures[name], worst[name])


def _level(figures: xr.DataArray, value: float) -> str:
    """Return " [level]" of the first element that has this figure; nothing for a scalar."""
    if figures.ndim != 1:
        return ""
    at = int(np.argmax(np.isnan(figures.values) if np.isnan(value) else figures.values == value))
    return f" [{figures[figures.dims[0]].values[at]}]"


def _posterior(fit: xr.DataTree) -> xr.Dataset:
    """Return the draws; of a test on a fit of one chain its halves as chains, since R-hat compares some."""
    posterior = fit["posterior"].to_dataset()
    half = posterior.sizes["draw"] // 2
    if not is_uplift(fit) or posterior.sizes["chain"] > 1:
        return posterior
    kept = posterior.transpose("chain", "draw", ...).isel(draw=slice(2 * half)).drop_vars(["chain", "draw"])
    halves = {name: (each.dims, each.values.reshape(2, half, *each.shape[2:])) for name, each in kept.items()}
    return xr.Dataset(halves, coords=kept.coords)


def _stats(fit: xr.DataTree) -> xr.Dataset:
    return fit["sample_stats"].to_dataset() if "sample_stats" in fit.children else xr.Dataset()


def _gates(fit: xr.DataTree) -> GateSpec:
    return read_posterior(fit).spec.gates if "spec" in fit.attrs else GateSpec()

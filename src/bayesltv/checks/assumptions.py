"""Do priors and data contradict each other, or the model's assumptions? These checks warn."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import spearmanr

from bayesltv.base.population import read_posterior
from bayesltv.checks.result import CheckResult, not_applicable, warning_where
from bayesltv.languages.language import as_kept, mark
from bayesltv.names import FREQUENCY, MONETARY_VALUE, SPEND_BETWEEN

CONFLICT_TAIL = 0.005
"""A posterior median beyond the prior's 0.5 % or 99.5 % quantile is a conflict."""
SPEARMAN_MAX = 0.30
"""|Spearman| of frequency and spend from which independence is doubtful (the bound clvkit warns at)."""
MOST = 8
"""Frequencies 1, 2, ..., 8 and more are told apart."""
FEW = 30
"""Repeaters below which a correlation says nothing."""


def prior_conflict(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Warn where a scale's posterior sits in its prior's far tail."""
    posterior = read_posterior(fit)
    rows = []
    for scale in posterior.spec.scales:
        if scale in posterior.dataset:
            at = np.quantile(posterior.dataset[scale].values, [0.05, 0.5, 0.95])
            rows.append([scale, *at, *posterior.spec.priors[scale].frozen().cdf(at)])
    if not rows:
        return not_applicable("prior_conflict", mark("the posterior holds no scales"))
    table = pd.DataFrame(
        rows, columns=["scale", "p05", "p50", "p95", "prior_below_p05", "prior_below_p50", "prior_below_p95"]
    )
    below = table["prior_below_p50"]
    table["tail"] = np.minimum(below, 1 - below)
    worst = table.iloc[int(table["tail"].argmin())]
    scale, tail = str(worst["scale"]), float(worst["tail"])
    clash = tail < CONFLICT_TAIL
    advice = as_kept(
        "Look at the unit of the data and at the prior of {scale}: one of them is not what was meant",
        scale=scale,
    )
    text = mark("the posterior median of {scale} leaves {tail} of its prior beyond it")
    found = as_kept(text, scale=scale, tail=f"{tail:.2%}")
    return warning_where(clash, "prior_conflict", (tail, CONFLICT_TAIL), found, advice, table=table)


def spend_mean_exists(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Warn where q is not above 1 in every draw, so that mean spend need not exist."""
    posterior = read_posterior(fit)
    if posterior.spec.spend is None:
        return not_applicable("spend_mean_exists", mark("the fit has no spend model"))
    q = posterior.spend[1]
    share = float((q <= 1).any(axis=0).mean())
    heavy = share > 0
    advice = as_kept(
        "Expected spend is infinite there: use medians, or a prior of {scale} above 1", scale=SPEND_BETWEEN
    )
    text = mark("q <= 1 in {share} of draws; smallest q {least}")
    if heavy:
        text = mark("q <= 1 in {share} of draws")
    found = as_kept(text, share=f"{share:.2%}", least=f"{q.min():.2f}")
    return warning_where(heavy, "spend_mean_exists", (share, 0.0), found, advice)


def spend_independence(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:
    """Warn where spend per purchase goes with frequency, which the model takes to be unrelated."""
    name = "spend_independence"
    if read_posterior(fit).spec.spend is None or summary is None or MONETARY_VALUE not in summary.columns:
        return not_applicable(name, mark("needs a spend model and the summary"))
    repeaters = summary[(summary[FREQUENCY] > 0) & (summary[MONETARY_VALUE] > 0)]
    if len(repeaters) < FEW or repeaters[FREQUENCY].nunique() < 2:
        few = as_kept("only {n} repeaters with spend", n=f"{len(repeaters):,}")
        return not_applicable(name, few)
    rho = float(np.asarray(spearmanr(repeaters[FREQUENCY], repeaters[MONETARY_VALUE]).statistic))
    related = abs(rho) >= SPEARMAN_MAX
    advice = mark("Frequent buyers spend differently: value is biased for them; split them by a group column")
    found = as_kept(
        "Spearman correlation of frequency and mean spend {rho} over {n} repeaters",
        rho=f"{rho:+.3f}", n=f"{len(repeaters):,}",
    )  # fmt: skip
    table = _spend_by_frequency(repeaters)
    return warning_where(related, name, (rho, SPEARMAN_MAX), found, advice, table=table)


def _spend_by_frequency(repeaters: pd.DataFrame) -> pd.DataFrame:
    """Return quartiles of customers' mean spend by number of repeat purchases, and the median's error."""
    classes = repeaters[FREQUENCY].clip(upper=MOST)
    rows = []
    for often, spend in repeaters[MONETARY_VALUE].groupby(classes):
        low, middle, high = spend.quantile([0.25, 0.5, 0.75])
        # standard error of a median of normal logarithms, from their quartiles
        error = 1.2533 * np.log(high / low) / 1.349 / np.sqrt(len(spend))
        label = f"{often}+" if often == MOST else str(often)
        rows.append([label, len(spend), low, middle, high, *(middle * np.exp([-2 * error, 2 * error]))])
    columns = ["frequency", "customers", "p25", "p50", "p75", "p50_low", "p50_high"]
    return pd.DataFrame(rows, columns=columns)


ASSUMPTION_CHECKS = (prior_conflict, spend_mean_exists, spend_independence)

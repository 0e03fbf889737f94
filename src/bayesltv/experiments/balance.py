"""Whether the arms of a test look assigned at random: chi-square tests of shares and cells."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesltv.data.experiment import Experiment
from bayesltv.errors import DataError
from bayesltv.numerics.arrays import Floats


def balance(told: pd.DataFrame, arms: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Return, for each cell column, the chi-square test that its levels are spread alike over the arms.

    Parameters
    ----------
    told : DataFrame
        From `make_experiment`.
    arms, columns : sequence of str

    Returns
    -------
    DataFrame
        column, chi2, df, p; none for a column with one level.
    """
    rows = []
    for column in columns:
        counts = pd.crosstab(told[column], told["arm"])[list(arms)].to_numpy(np.float64)
        if len(counts) > 1:
            rows.append((column, *_chi_square(counts, counts.sum(1)[:, None] * counts.sum(0) / counts.sum())))
    return pd.DataFrame(rows, columns=["column", "chi2", "df", "p"])


def sample_ratio(
    experiment: Experiment, shares: Mapping[Any, float] | None
) -> tuple[dict[str, float], float, float]:
    """Return the planned share of each arm, chi-square and p of the customers that were counted.

    Raises
    ------
    DataError
        Where shares name other arms than those of the experiment, or are not positive.
    """
    arms = experiment.arms
    planned = {str(arm): float(share) for arm, share in (shares or dict.fromkeys(arms, 1.0)).items()}
    if set(planned) != set(arms) or not all(np.isfinite(s) and s > 0 for s in planned.values()):
        raise DataError(f"shares={planned} must give each of the arms {', '.join(arms)} a share above 0")
    weights = np.array([planned[arm] for arm in arms])
    counts = experiment.customers.sum(axis=0)
    chi2, _, p = _chi_square(counts, counts.sum() * weights / weights.sum(), df=len(arms) - 1)
    return dict(zip(arms, (weights / weights.sum()).tolist(), strict=True)), chi2, p


def _chi_square(counts: Floats, expected: Floats, df: int | None = None) -> tuple[float, int, float]:
    from scipy.stats import chi2 as distribution

    statistic = float(((counts - expected) ** 2 / expected).sum())
    freedom = (counts.shape[0] - 1) * (counts.shape[1] - 1) if df is None else df
    return statistic, freedom, float(distribution.sf(statistic, freedom))

"""What a policy is worth on customers who were treated at random: the only value that needs no model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.errors import DataError, shown
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.levels import ENDS, quantiles_of
from bayesltv.streams import generator

BOOTSTRAPS = 2_000
_BATCH = 50


@dataclass(frozen=True)
class _Trial:
    outcome: Floats
    code: Integers
    propensity: Floats
    predicted: Floats


def policy_value(
    frame: pd.DataFrame,
    policies: Mapping[str, Sequence[object] | NDArray[np.generic]],
    *,
    outcome: str,
    arm: str,
    propensity: str | Mapping[object, float],
    cells: Sequence[str] = (),
    predicted: pd.DataFrame | None = None,
    bootstraps: int = BOOTSTRAPS,
    seed: int,
) -> pd.DataFrame:
    """Return the value per customer of policies, from customers whose arms were drawn at random.

    Two estimates, each with an interval by the Bayesian bootstrap (Rubin 1981; the same weights for all
    policies, so that differences are paired). Self-normalised inverse propensity: the mean outcome of those
    who happened to get what the policy says, weighted by 1/propensity. Doubly robust (Robins, Rotnitzky &
    Zhao 1994): the policy's predicted outcome, corrected by the weighted errors of those same customers;
    right where either the propensities or the predictions are.

    The policies must have been made on other customers than these.

    Parameters
    ----------
    frame : DataFrame
        One row per customer.
    policies : mapping of str to sequence
        Name -> the arm that the policy gives each row.
    outcome, arm : str
        Columns: money or any number, and what each customer got.
    propensity : str or mapping
        Column with the probability of the arm that was got, or arm -> probability.
    cells : sequence of str
        Columns; predictions are the mean outcomes by cell and arm, where `predicted` gives none.
    predicted : DataFrame, optional
        Expected outcome of each row under each arm, one column per arm, from a model of other customers.
    bootstraps : int
    seed : int

    Returns
    -------
    DataFrame
        Per policy and method: ``value``, ``p05``, ``p95``; ``matched``, the customers who got what the policy
        says; ``above_first`` with its quantiles, the difference to the first policy.

    Raises
    ------
    DataError
        Where a column is missing, a propensity is not in (0, 1], a policy gives an arm that nobody got, or
        nobody got what a policy gives.
    """
    trial, arms = _trial(frame, outcome, arm, propensity, cells, predicted)
    wanted = {name: _codes(name, given, arms, len(frame)) for name, given in policies.items()}
    for name, codes in wanted.items():
        if not (codes == trial.code).any():
            raise DataError(f"policy {shown(name)}: none of {len(frame):,} customers got what it gives")
    rng = generator(seed, "policy_value")
    names = [(name, method) for name in wanted for method in ("ipw", "doubly_robust")]
    centre = _values(trial, wanted, np.ones((1, len(frame))))[:, 0]
    draws = np.empty((len(names), bootstraps))
    for start in range(0, bootstraps, _BATCH):
        stop = min(start + _BATCH, bootstraps)
        weights = rng.standard_exponential((stop - start, len(frame)))
        draws[:, start:stop] = _values(trial, wanted, weights)
    first = {"ipw": 0, "doubly_robust": 1}
    rows = []
    for at, (name, method) in enumerate(names):
        above = draws[at] - draws[first[method]]
        rows.append(
            {
                "policy": name,
                "method": method,
                "value": centre[at],
                **quantiles_of(draws[at], levels=ENDS),
                "matched": int((wanted[name] == trial.code).sum()),
                "above_first": centre[at] - centre[first[method]],
                **quantiles_of(above, "above_first_", levels=ENDS),
            }
        )
    return pd.DataFrame(rows)


def _values(trial: _Trial, wanted: Mapping[str, Integers], weights: Floats) -> Floats:
    """Return both estimates of each policy under some weightings, shape (estimate, weighting)."""
    total = weights.sum(axis=1)
    rows = np.arange(trial.code.size)
    values = []
    for codes in wanted.values():
        inverse = np.where(codes == trial.code, 1.0 / trial.propensity, 0.0)
        values.append((weights @ (inverse * trial.outcome)) / (weights @ inverse))
        expected = trial.predicted[rows, codes]
        error = inverse * (trial.outcome - trial.predicted[rows, trial.code])
        values.append((weights @ (expected + error)) / total)
    return np.array(values)


def _trial(
    frame: pd.DataFrame,
    outcome: str,
    arm: str,
    propensity: str | Mapping[object, float],
    cells: Sequence[str],
    predicted: pd.DataFrame | None,
) -> tuple[_Trial, list[str]]:
    columns = [outcome, arm, *cells, *([propensity] if isinstance(propensity, str) else [])]
    absent = [name for name in columns if name not in frame]
    if absent or not len(frame):
        what = f"the data lack the column {shown(absent[0])}" if absent else "there are no customers"
        raise DataError(f"{what}: pass one row per customer with outcome, arm and propensity")
    got = frame[arm].astype(str)
    arms = sorted(got.unique())
    code = pd.Index(arms).get_indexer(pd.Index(got)).astype(np.int64)
    if isinstance(propensity, str):
        share = frame[propensity].to_numpy(dtype=np.float64)
    else:
        known = {str(name): float(value) for name, value in propensity.items()}
        share = got.map(known).to_numpy(dtype=np.float64)
    wrong = ~((share > 0) & (share <= 1))
    if wrong.any():
        raise DataError(
            f"the propensity of {int(wrong.sum()):,} of {len(frame):,} customers is not in (0, 1]: state the "
            "probability with which each got its arm"
        )
    result = frame[outcome].to_numpy(dtype=np.float64)
    if not np.isfinite(result).all():
        raise DataError(
            f"{outcome} is missing or infinite for {int((~np.isfinite(result)).sum()):,} customers"
        )
    expected = (
        _cell_means(frame, got, result, arms, cells) if predicted is None else _given(predicted, frame, arms)
    )
    return _Trial(result, code, share, expected), arms


def _cell_means(
    frame: pd.DataFrame, got: "pd.Series[str]", result: Floats, arms: Sequence[str], cells: Sequence[str]
) -> Floats:
    """Return the mean outcome of each row's cell under each arm, the row itself left out."""
    table = pd.DataFrame({"outcome": result, "arm": got.to_numpy()})
    table["cell"] = frame.groupby(list(cells), sort=True).ngroup().to_numpy() if cells else 0
    by_arm = table.groupby("arm")["outcome"].mean().reindex(list(arms)).to_numpy()
    grouped = table.groupby(["cell", "arm"])["outcome"]
    total, count = (
        getattr(grouped, verb)().unstack("arm").reindex(columns=list(arms)).fillna(0.0).to_numpy()
        for verb in ("sum", "count")
    )
    own = got.to_numpy()[:, None] == np.asarray(arms)[None, :]
    at = table["cell"].to_numpy()
    number = count[at] - own
    means = np.divide(total[at] - own * result[:, None], number, out=np.zeros(own.shape), where=number > 0)
    return np.where(number > 0, means, by_arm[None, :])


def _given(predicted: pd.DataFrame, frame: pd.DataFrame, arms: Sequence[str]) -> Floats:
    table = predicted.rename(columns=str)
    absent = [name for name in arms if name not in table]
    if absent or len(table) != len(frame):
        raise DataError(
            f"predicted must have {len(frame):,} rows and a column for each arm ({', '.join(arms)}), has "
            f"{len(table):,} rows{f' and no {absent[0]}' if absent else ''}"
        )
    return table[list(arms)].to_numpy(dtype=np.float64)


def _codes(
    name: str, given: Sequence[object] | NDArray[np.generic], arms: Sequence[str], rows: int
) -> Integers:
    if len(given) != rows:
        raise DataError(f"policy {shown(name)} has {len(given):,} arms for {rows:,} customers")
    codes = pd.Index(arms).get_indexer(pd.Index([str(each) for each in given]))
    if (codes < 0).any():
        strange = str(list(given)[int(np.argmax(codes < 0))])
        raise DataError(
            f"policy {shown(name)} gives {shown(strange)}, which nobody got: arms are {', '.join(arms)}"
        )
    return np.asarray(codes, dtype=np.int64)

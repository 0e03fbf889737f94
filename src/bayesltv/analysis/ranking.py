"""Who makes the value: the probability of being among the best n customers."""

import numpy as np
import pandas as pd

from bayesltv.base.placed_base import PlacedBase
from bayesltv.cohorts.simulated import walk_draws
from bayesltv.errors import DataError
from bayesltv.names import CUSTOMER_ID
from bayesltv.numerics.arrays import Floats
from bayesltv.prediction.draws import simulate_futures
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.prediction.terms import terms_of
from bayesltv.specs import checked
from bayesltv.specs.decision.decision_spec import DecisionSpec

_WIDE = 16
"""Draws of all customers side by side, since they are ranked within a draw."""


def top_base(base: PlacedBase, n: int, decision: DecisionSpec, *, threads: int | None = None) -> pd.DataFrame:
    """Return each customer's probability of being among the best `n` by value within the horizon.

    Customers are ranked within each predictive draw. Places that several customers of equal value contend
    for are shared among them, so that the probabilities of all add up to `n`.

    Parameters
    ----------
    base : PlacedBase
    n : int
        From 1 to the number of customers.
    decision : DecisionSpec
        States horizon, discount, margin and service cost.
    threads : int, optional
        Changes speed, never a number.

    Returns
    -------
    DataFrame
        ``customer_id`` and ``p_top``, in the summary's order.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    DataError
        Where the fit has no spend model, or there are fewer customers than `n`.
    """
    base.require_usable()
    base.require_customers()
    if checked.count("n", n, at_least=1) and n > len(base):
        raise DataError(f"n={n:,} is more than the {len(base):,} customers that there are")
    _, population, people = base.placed(DRAWS)
    population.require_spend()
    terms = terms_of(decision.value, base.posterior.time_unit)

    def work(block: slice) -> Floats:
        part = population.of_draws(block)
        return _places(simulate_futures(part, people, terms, seed=base.seed).value, n)

    draws = population.draws.size
    share = sum(walk_draws(work, draws, size=_WIDE, threads=threads), np.zeros(len(base))) / draws
    return pd.DataFrame({CUSTOMER_ID: base.summary[CUSTOMER_ID].to_numpy(), "p_top": share})


def _places(value: Floats, n: int) -> Floats:
    """Return how many of the draws, shape (customer, draw), see each customer among the best n."""
    last = np.partition(value, value.shape[0] - n, axis=0)[value.shape[0] - n]
    above, level = value > last, value == last
    left = (n - above.sum(axis=0)) / level.sum(axis=0)
    found: Floats = above.sum(axis=1) + level @ left
    return found

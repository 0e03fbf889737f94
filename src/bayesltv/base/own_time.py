"""Time of a customer's own: stretches of the past in which it ran faster or slower than everybody's.

What multiplies one customer's purchase rate for a while, a campaign, contacts, prices that differ by
customer, is operational time of that customer (Lewis & Shedler 1979): a history in it is that of somebody
who was left alone. A factor has one draw per posterior draw, so that it goes with the latents it is met by.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.base.customers import Customers
from bayesltv.base.population import Population
from bayesltv.numerics.arrays import Floats, Integers


@dataclass(frozen=True)
class OwnTime:
    """Stretches of the past, one row each; those of a customer must not overlap.

    Attributes
    ----------
    ids : ndarray of object, shape (row,)
        Whose stretch it is. Those of nobody among the customers say nothing.
    spans : ndarray of float64, shape (2, row)
        How long before the end of observation it began and ended, in the time unit, 0 or more.
    factor : ndarray of int64, shape (row,)
        Number of the factor.
    factors : ndarray of float64, shape (factor, chain x draw)
        On the purchase rate, by draws of the whole posterior.
    """

    ids: NDArray[np.object_]
    spans: Floats
    factor: Integers
    factors: Floats

    @property
    def customers(self) -> int:
        """How many customers have stretches."""
        return int(np.unique(self.ids.astype(str)).size)

    def placed(self, population: Population, customers: Customers) -> tuple[Population, Customers]:
        """Return population and customers with these stretches."""
        at = pd.Index(customers.ids).get_indexer(pd.Index(self.ids))
        known = np.flatnonzero(at >= 0)
        number = pd.Series(at[known]).groupby(at[known]).cumcount().to_numpy()
        own = np.zeros((len(customers), int(number.max(initial=-1)) + 1, 3))
        since_first = np.maximum(customers.histories[3, at[known]] - self.spans[:, known], 0.0)
        own[at[known], number] = np.column_stack([*since_first, self.factor[known]])
        factors = np.ascontiguousarray(self.factors[:, population.draws.astype(np.int64)])
        return replace(population, factors=factors), replace(customers, own=own)

"""One budget for customers one has and for new ones: money goes where another unit of it brings most.

New customers are bought at a price each, up to a capacity, so that what they bring is concave in money, with
one slope for each place that sells them; what is spent on the customers one has is worth
``budget_curve``. The best split is at a corner of the one or the other.
"""

from dataclasses import dataclass

import numpy as np

from bayesltv.numerics.arrays import Floats, Integers


@dataclass(frozen=True)
class Market:
    """Where new customers can be won.

    Attributes
    ----------
    returns : ndarray of float64, shape (channel,)
        Net value per unit of money; NaN where it is not known.
    room : ndarray of float64, shape (channel,)
        Money that can be spent there.
    """

    returns: Floats
    room: Floats

    @property
    def order(self) -> Integers:
        """Channels that pay, the best first."""
        pays = np.flatnonzero((self.returns > 0) & (self.room > 0))
        return pays[np.argsort(-self.returns[pays], kind="stable")]

    def bought(self, money: float) -> Floats:
        """Return the money that each channel gets of a sum, the best first."""
        spent, order = np.zeros(self.room.size), self.order
        before = np.cumsum(self.room[order]) - self.room[order]
        spent[order] = np.clip(money - before, 0.0, self.room[order])
        return spent

    def left_to(self, curve: Floats, money: float) -> float:
        """Return how much of a budget is best left to what has a curve of its own.

        Parameters
        ----------
        curve : ndarray of float64, shape (2, point)
            Money and its net value, which stays where the curve ends.
        money : float
            The budget, finite.
        """
        cost, net = curve
        bends = money - np.cumsum(self.room[self.order])
        asked = np.unique(np.clip(np.concatenate([cost, bends, [0.0, money]]), 0.0, money))
        pays = np.where(self.returns > 0, self.returns, 0.0)
        worth = [
            np.interp(each, cost, net, left=-np.inf) + pays @ self.bought(money - each) for each in asked
        ]
        return float(asked[int(np.argmax(worth))])

    def next_unit(self, spent: Floats) -> Floats:
        """Return what another unit of money brings, net of itself; NaN where there is no room for it."""
        return np.where(spent < self.room, self.returns, np.nan)

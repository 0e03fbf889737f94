"""Mean and tail of a whole portfolio: max (1 − w) E[Net] + w CVaR(Net) over allocations.

Single customers' risk averages out in a portfolio; what is shared, effects and hyperparameters, does not.
CVaR is the least expectation over weights on draws (Rockafellar & Uryasev 2000), so that the best mixture of
allocations is found by turns: weights from a small linear program over the allocations so far, then the best
allocation at these weights, which is a knapsack like any other.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesltv.allocation.allocation import Allocation
from bayesltv.numerics.arrays import Codes, Flags, Floats, Integers

ROUNDS = 25
CLOSE = 1e-4
CELLS = 2_000
EACH_CUSTOMER = 50_000
"""Above so many customers, cells of similar customers take their place."""
DRAWS = 200
"""Draws of the portfolio used where each customer is a cell: 50,000 x 4 x 200 numbers are 320 MB."""
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class RiskPlan:
    """What mean and tail together recommend.

    Attributes
    ----------
    mixture : list of Allocation
        Of units: customers, or cells of them.
    shares : ndarray, shape (allocation,)
        They sum to 1.
    value, bound : float
        (1 − w) E + w CVaR of the mixture, and what no mixture exceeds.
    weights : ndarray, shape (draw,)
        Of the draws at the end: expected net value with them is what one more customer adds to `value`.
    """

    mixture: list[Allocation]
    shares: Floats
    value: float
    bound: float
    weights: Floats

    def assign(self, cell: Integers, unit: Integers) -> Codes:
        """Return each customer's action: the mixture realised inside each cell in its shares.

        Parameters
        ----------
        cell : ndarray of int64, shape (customer,)
        unit : ndarray of int64, shape (customer,)
            Place of each customer in the allocations.
        """
        order = np.argsort(cell, kind="stable")
        place = np.empty(cell.size)
        place[order] = (0.5 + np.arange(cell.size) * _GOLDEN) % 1.0
        which = np.searchsorted(np.cumsum(self.shares)[:-1], place, side="right")
        table = np.stack([each.assigned for each in self.mixture])
        return table[which, unit]


def cvar(net: Floats, tail: float) -> float:
    """Return the mean of the worst `tail` of the draws (at least one)."""
    worst = max(1, round(tail * net.size))
    return float(np.sort(net)[:worst].mean())


def objective(net: Floats, weight: float, tail: float) -> float:
    """Return (1 − w) mean + w CVaR of the draws of a portfolio's net value."""
    return float((1 - weight) * net.mean() + weight * cvar(net, tail))


def balance_risk(
    solve: Callable[[Floats], Allocation],
    net_of: Callable[[Codes], Floats],
    draws: Floats,
    *,
    weight: float,
    tail: float,
) -> RiskPlan:
    """Return the mixture of allocations with the best balance of mean and tail.

    Parameters
    ----------
    solve : callable
        Net value of each cell and action, shape (cell, action) -> the best Allocation under all constraints.
    net_of : callable
        What an Allocation assigns -> net value of the whole draw by draw, shape (draw,).
    draws : ndarray, shape (cell, action, draw)
        Net value, in money.
    weight : float
        w in [0, 1].
    tail : float
    """
    count = draws.shape[2]
    weights = np.full(count, 1.0 / count)
    found, nets = [], []
    bound = np.inf
    shares, value = np.ones(1), -np.inf
    for _ in range(ROUNDS):
        best = solve(draws @ weights)
        bound = min(bound, best.bound)
        found.append(best)
        nets.append(net_of(best.assigned))
        shares, value, weights = _mixed(np.array(nets), weight, tail)
        if bound - value <= CLOSE * max(abs(bound), 1e-9):
            break
    kept = np.flatnonzero(shares > 1e-6)
    return RiskPlan([found[k] for k in kept], shares[kept] / shares[kept].sum(), value, bound, weights)


def portfolio_net(draws: Floats, assigned: Codes, fixed: Floats) -> Floats:
    """Return the net value of an allocation of cells draw by draw, fixed costs taken off."""
    chosen = np.flatnonzero(assigned >= 0)
    used = np.unique(assigned[chosen])
    total: Floats = draws[chosen, assigned[chosen]].sum(axis=0, dtype=np.float64) - fixed[used].sum()
    return total


def make_cells(net: Floats, cost: Floats, eligible: Flags) -> Integers:
    """Return a cell per customer: itself for up to 50,000, else some two thousand of similar customers.

    Customers of a cell may get the same actions, and are alike in the best of them and in its efficiency.
    """
    n = len(net)
    if n <= EACH_CUSTOMER:
        return np.arange(n)
    worth = np.where(eligible, net, -np.inf)
    best = np.argmax(worth, axis=1)
    rows = np.arange(n)
    efficiency = worth[rows, best] / np.maximum(cost[rows, best], 1e-12)
    pattern = eligible @ (1 << np.arange(eligible.shape[1]))
    order = np.lexsort((efficiency, best, pattern))
    kind = pattern[order] * eligible.shape[1] + best[order]
    starts = np.append(True, kind[1:] != kind[:-1]) | (np.arange(n) % -(-n // CELLS) == 0)
    cell = np.empty(n, np.int64)
    cell[order] = np.cumsum(starts) - 1
    return cell


def _mixed(nets: Floats, weight: float, tail: float) -> tuple[Floats, float, Floats]:
    """Return the best shares of some portfolios, their value, and the weights of draws that hold it down.

    maximise (1 − w) mean·θ + w (z − Σ u / (tail·D)) over θ on the simplex, u_d >= z − net_d·θ, u >= 0. The
    number of worst draws in the tail is a whole one, as in `cvar`.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, hstack, identity

    count, n_draws = nets.shape
    worst = max(1, round(tail * n_draws))
    target = np.concatenate([-(1 - weight) * nets.mean(axis=1), [-weight], np.full(n_draws, weight / worst)])
    below = hstack(
        [csr_array(-nets.T), csr_array(np.ones((n_draws, 1))), -identity(n_draws, format="csr")], format="csr"
    )
    simplex = np.concatenate([np.ones(count), np.zeros(1 + n_draws)])[None, :]
    found = linprog(
        target,
        A_ub=below,
        b_ub=np.zeros(n_draws),
        A_eq=simplex,
        b_eq=[1.0],
        bounds=[(0, None)] * count + [(None, None)] + [(0, None)] * n_draws,
        method="highs",
    )
    if not found.success:
        shares = np.zeros(count)
        values = [objective(net, weight, tail) for net in nets]
        shares[int(np.argmax(values))] = 1.0
        return shares, max(values), np.full(n_draws, 1.0 / n_draws)
    weights = (1 - weight) / n_draws - np.asarray(found.ineqlin.marginals)
    return np.asarray(found.x[:count]), -float(found.fun), weights

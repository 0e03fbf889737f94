"""The probability of a number of future purchases.

Given alive, the count in a horizon is min(N, K): N negative binomial (Poisson with the customer's Gamma
rate), K the number of purchases until dropout, beta-geometric.
"""

import math

from bayesltv.numerics.compile import compiled


@compiled
def purchase_probability(y, horizon, a_alive, shape, rate, a, b):
    """Return P(X* = y), as a sum of positive terms: A [P(K = y) P(N >= y) + P(K > y) P(N = y)].

    Parameters
    ----------
    y : int
        Purchases in the horizon.
    horizon : float
        H, in the time unit.
    a_alive : float
        P(alive at T).
    shape, rate : float
        r' = r + x and α' = α + T of the customer's purchase rate given alive.
    a, b : float
        a and b' of the dropout probability given alive.
    """
    w = horizon / (rate + horizon)
    log_none, log_w = -math.log1p(horizon / rate), math.log(w)
    if y == 0:
        return 1.0 - a_alive + a_alive * math.exp(shape * log_none)
    reach, below = 1.0, 0.0  # P(K >= y), P(N < y)
    log_pmf = shape * log_none
    for n in range(y):
        below += math.exp(log_pmf)
        log_pmf += math.log((shape + n) / (n + 1.0)) + log_w
        if n > 0:
            reach *= (b + n - 1.0) / (a + b + n - 1.0)
    leaves = a / (a + b + y - 1.0)
    return a_alive * reach * (leaves * max(1.0 - below, 0.0) + (1.0 - leaves) * math.exp(log_pmf))

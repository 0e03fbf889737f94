"""The distribution of the number of future purchases where each takes several stages."""

import math

from bayesltv.families.bg_cnbd.stages import stage_sum, stage_terms
from bayesltv.numerics.compile import compiled


@compiled
def purchase_probability(y, horizon, a_alive, law):
    """Return P(X* = y), as a sum of positive terms.

    A Σ_j P(j) [P(K = y) P(N >= ky−j) + P(K > y) P(ky−j <= N < k(y+1)−j)], N the stages passed in the horizon
    after j, negative binomial, K the number of purchases until dropout, beta-geometric.

    Parameters
    ----------
    y : int
        Purchases in the horizon.
    horizon, a_alive : float
        In the time unit; P(alive at T).
    law : Ahead
        The future of who is alive, numbers.
    """
    shape, rate, since, a, b, stages, _ = law
    log_none, log_w = -math.log1p(horizon / rate), math.log(horizon / (rate + horizon))
    reach = 1.0  # P(K >= y)
    for n in range(1, y):
        reach *= (b + n - 1.0) / (a + b + n - 1.0)
    leaves = a / (a + b + y - 1.0) if y > 0 else 0.0
    u = since / rate
    share, total = 1.0 / stage_sum(stage_terms(shape, stages), u), 0.0
    for j in range(stages):
        below, within = 0.0, 0.0
        log_pmf = (shape + j) * log_none
        for n in range(stages * (y + 1) - j):
            if n < stages * y - j:
                below += math.exp(log_pmf)
            else:
                within += math.exp(log_pmf)
            log_pmf += math.log((shape + j + n) / (n + 1.0)) + log_w
        if y > 0:
            total += share * (leaves * max(1.0 - below, 0.0) + (1.0 - leaves) * within)
        else:
            total += share * within
        share *= (shape + j) * u / (j + 1.0)
    return (1.0 - a_alive if y == 0 else 0.0) + a_alive * reach * total

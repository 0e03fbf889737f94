"""Probabilities of purchase counts, averaged over posterior draws."""

from bayesltv.families.verbs import at, count_probability, draws_of, given_alive, inverse_p_alive
from bayesltv.kernels.calendar import ahead_of, history_at, stand
from bayesltv.numerics.compile import compiled


@compiled
def mean_purchase_probabilities(people, counts, purchase, clock, horizon, out):
    """Fill `out` with P(X* = y) of each customer or cell, averaged over draws.

    Parameters
    ----------
    people : People
    counts : ndarray of int64, shape (customer,)
        y of each.
    purchase : law of a family by (group, draw)
    clock : Still or Running
    horizon : float
        In the time unit; with a running clock the places say it.
    out : ndarray of float64, shape (customer,)
    """
    n_draws = draws_of(purchase)
    for i in range(counts.size):
        customer, g, total = stand(clock, people, i), people.group[i], 0.0
        for d in range(n_draws):
            law, history = at(purchase, g, d), history_at(customer, d)
            alive, ahead = 1.0 / inverse_p_alive(law, history), ahead_of(customer, d, horizon)
            total += count_probability(given_alive(law, history), counts[i], ahead, alive)
        out[i] = total / n_draws

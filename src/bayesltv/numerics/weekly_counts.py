"""States under negative binomial counts: the mode given their normal prior, and a draw around it.

ln E[y] = centre + Σ value × state over the few states that a count hangs on; the prior's precision is Q. A
step of Newton's method is the posterior mean of states that were seen with the curvature's precision, so that
`whitening.states_of` makes it, and from its end the draw.
"""

import math

import numpy as np

from bayesltv.numerics.compile import compiled
from bayesltv.numerics.whitening import root_of, states_of

STEPS, CLOSE, LONGEST = 50, 1e-7, 2.0
"""Of Newton's method at most; the last step's and the longest step's size on the log scale."""


@compiled
def _curved(x, counts, index, value, centres, sizes, prior):
    """Return M = Q + D'WD and p = D'(W D x + slope): the states' normal around x."""
    precision, pull = prior.copy(), np.zeros(x.size)
    for c in range(counts.shape[0]):
        size = sizes[c]
        for t in range(counts.shape[1]):
            own = 0.0
            for k in range(index.shape[2]):
                own += value[c, t, k] * x[index[c, t, k]]
            mean, y = math.exp(centres[c] + own), counts[c, t]
            weight = (y + size) * size * mean / (size + mean) ** 2
            along = weight * own + y - (y + size) * mean / (size + mean)
            for k in range(index.shape[2]):
                i = index[c, t, k]
                pull[i] += value[c, t, k] * along
                for m in range(index.shape[2]):
                    precision[i, index[c, t, m]] += weight * value[c, t, k] * value[c, t, m]
    return precision, pull


@compiled
def _height(x, counts, index, value, centres, sizes, prior):
    """Return ln p(counts | x) - x'Qx / 2, without what hangs on counts alone."""
    height = 0.0
    for i in range(x.size):
        for j in range(x.size):
            if prior[i, j] != 0.0:
                height -= 0.5 * x[i] * prior[i, j] * x[j]
    for c in range(counts.shape[0]):
        size = sizes[c]
        for t in range(counts.shape[1]):
            log_mean, y = centres[c], counts[c, t]
            for k in range(index.shape[2]):
                log_mean += value[c, t, k] * x[index[c, t, k]]
            height += math.lgamma(y + size) - math.lgamma(size) + size * math.log(size) + y * log_mean
            height -= (y + size) * math.log(size + math.exp(log_mean))
    return height


@compiled
def states_given(z, counts, index, value, centres, sizes, prior):
    """Return a draw of the states, its log height and log volume, and the log evidence about.

    Parameters
    ----------
    z : ndarray of float64, shape (state,)
        The draw is the mode and L'⁻¹ z.
    counts : ndarray of float64, shape (channel, week)
    index, value : ndarray, shape (channel, week, part)
        The states that a count's log mean hangs on, and what they are times.
    centres, sizes : ndarray of float64, shape (channel,)
        Of log means; of the negative binomial.
    prior : ndarray of float64, shape (state, state)
        Q.

    Returns
    -------
    x : ndarray, shape (state,)
    height : float
        ln p(counts, x), without constants.
    volume : float
        ln det L: ln q(x) is ln p(z) plus this.
    evidence : float
        ln p(counts) by Laplace, without constants.
    """
    x, still = np.zeros(z.size), np.zeros(z.size)
    for _ in range(STEPS):
        precision, pull = _curved(x, counts, index, value, centres, sizes, prior)
        step = states_of(still, precision, pull)[0] - x
        far = np.max(np.abs(step))
        x = x + step * min(1.0, LONGEST / max(far, 1e-300))
        if far < CLOSE:
            break
    precision, pull = _curved(x, counts, index, value, centres, sizes, prior)
    drawn, volume = states_of(z, precision, pull)
    root = np.log(np.diag(root_of(prior)[0])).sum()
    height = _height(drawn, counts, index, value, centres, sizes, prior) + root
    evidence = _height(x, counts, index, value, centres, sizes, prior) + root - volume
    return drawn, height, volume, evidence

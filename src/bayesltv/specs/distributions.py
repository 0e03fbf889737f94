"""Two laws that PyMC has and scipy.stats has not. Import it late: scipy.stats takes a second to load."""

from typing import Any

import numpy as np
from scipy import special, stats

from bayesltv.numerics.arrays import Floats


class _LogitNormal(stats.rv_continuous):  # type: ignore[misc]
    """Law of expit(Y), Y ~ Normal(mu, sigma)."""

    def _argcheck(self, mu: Floats, sigma: Floats) -> Any:  # noqa: ANN401
        return np.isfinite(mu) & (sigma > 0)

    def _pdf(self, x: Floats, mu: Floats, sigma: Floats) -> Any:  # noqa: ANN401
        return np.exp(self._logpdf(x, mu, sigma))

    def _logpdf(self, x: Floats, mu: Floats, sigma: Floats) -> Any:  # noqa: ANN401
        return stats.norm.logpdf(special.logit(x), mu, sigma) - np.log(x) - np.log1p(-x)

    def _cdf(self, x: Floats, mu: Floats, sigma: Floats) -> Any:  # noqa: ANN401
        return special.ndtr((special.logit(x) - mu) / sigma)

    def _ppf(self, q: Floats, mu: Floats, sigma: Floats) -> Any:  # noqa: ANN401
        return special.expit(mu + sigma * special.ndtri(q))


class _HalfStudentT(stats.rv_continuous):  # type: ignore[misc]
    """Law of the absolute value of a Student t with nu degrees of freedom."""

    def _pdf(self, x: Floats, nu: Floats) -> Any:  # noqa: ANN401
        return np.exp(self._logpdf(x, nu))

    def _logpdf(self, x: Floats, nu: Floats) -> Any:  # noqa: ANN401
        return np.log(2) + stats.t.logpdf(x, nu)

    def _cdf(self, x: Floats, nu: Floats) -> Any:  # noqa: ANN401
        return 2 * special.stdtr(nu, x) - 1

    def _ppf(self, q: Floats, nu: Floats) -> Any:  # noqa: ANN401
        return special.stdtrit(nu, (1 + q) / 2)


logit_normal = _LogitNormal(a=0.0, b=1.0, name="logit_normal", shapes="mu, sigma")
half_student_t = _HalfStudentT(a=0.0, name="half_student_t", shapes="nu")

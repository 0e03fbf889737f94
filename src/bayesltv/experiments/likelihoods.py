"""What a test says without histories: log likelihoods of conversion and of spend by cell and arm."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import xarray as xr
from scipy.special import gammaln

from bayesltv.data.experiment import Experiment
from bayesltv.errors import SpecError, shown
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.slices import RowPriors, Tables, tabulated

CELL, ARM, TREATED = "cell", "arm", "treated"
RATE, SPEND = "rate", "spend"
EFFECT_SD = {RATE: 0.5, SPEND: 0.25}
"""Prior sd of an arm's mean effect, a log multiplier: 90 % of rates between x 0.44 and x 2.3, of spend
between x 0.66 and x 1.5; harm is as likely as gain. Of several arms it is learnt, half-normal with this
scale."""
LARGEST_SD = 2.0
"""Of what may be stated: 90 % of factors between x 0.04 and x 27."""
SPREAD_SHARE = {RATE: 0.5, SPEND: 0.6}
"""Scale of the half-normal prior of the sd of an arm's effects over cells, as a share of that sd."""
BASE_SD, BASE_SPREAD_SD = 1.0, 1.0
"""Without histories: prior sd of the baseline's mean around the pooled data, scale of its spread (log)."""
SHAPES = 16
"""Sets of tables of spend, each under its own draw of the arms' shapes."""
_START, _STEP, _POINTS = -6.0, 0.05, 241
_LOG_SHAPES = np.linspace(np.log(0.02), np.log(2000.0), 2000)


@dataclass(frozen=True)
class Part:
    """Conversion and rate, or spend, as the sampler takes it.

    Attributes
    ----------
    tables : Tables
    centre : float
        What the base of a cell is relative to, on the log scale.
    base : tuple of float
        Prior sd of the base's mean, scale of the half-normal of its sd over cells.
    sets : ndarray of int64, optional
        The set of tables of each draw, shape (chain, draw); None: in turn.
    told : mapping of str to ndarray, shape (set, arm)
        What else each set knows of the arms.
    """

    tables: Tables
    centre: float
    base: tuple[float, float]
    sets: Integers | None = None
    told: dict[str, Floats] = field(default_factory=dict)

    def priors(self, sizes: tuple[float, float], treated: int) -> RowPriors:
        """Return the priors of the base and of the effects of the treated arms: sd of a mean, of a spread.

        The effects of several arms have one sd, half-normal with the former as its scale: where none of them
        does much, the best of them is believed to be the luckiest.
        """
        rows = [self.base, *[sizes] * treated]
        wide, spread = (np.ascontiguousarray(each) for each in np.array(rows).T)
        return RowPriors(np.zeros(treated + 1), wide, spread, sizes[0] if treated > 1 else 0.0)

    def sets_of(self, chains: int, draws: int) -> Integers:
        """Return the set of tables of each draw, shape (chain, draw)."""
        if self.sets is not None:
            return self.sets
        return np.tile(np.arange(draws, dtype=np.int64) % self.tables.pieces.shape[0], (chains, 1))


def effect_sizes(stated: Mapping[str, float] | None) -> dict[str, float]:
    """Return the prior sd of an arm's mean log multiplier, of rate and spend, as stated or by default.

    Raises
    ------
    SpecError
        Where another effect is named, or a number is no such sd.
    """
    sizes = EFFECT_SD | dict(stated or {})
    for name, sd in sizes.items():
        if name not in EFFECT_SD:
            raise SpecError(f"effect_sd names {shown(name)}, but a test measures {' and '.join(EFFECT_SD)}")
        if not (isinstance(sd, Real) and 0 < sd <= LARGEST_SD):
            raise SpecError(
                f"effect_sd of {name} is {shown(sd)}: it is the sd of a log multiplier, above 0 and at most "
                f"{LARGEST_SD:g}. {EFFECT_SD[name]:g} is the default; 0.01 says that nothing changes"
            )
    return {name: float(sd) for name, sd in sizes.items()}


def parts_of(experiment: Experiment) -> dict[str, Part]:
    """Return conversion and, where amounts differ, spend of a test without histories.

    With c a cell and k an arm, a customer converts with probability 1 − exp(−exp(η_ck)), and who converted
    spends Gamma(p_k) of mean e^{μ_ck}: η_ck = base_c + effect_ck, with effect 0 in the control, and so for μ.
    """
    parts = {RATE: _conversion(experiment)}
    return parts | {SPEND: _spend(experiment)} if experiment.has_amounts else parts


def money(posterior: xr.Dataset, unit: float) -> xr.Dataset:
    """Return the posterior with conversion, spend of who converted and outcome per customer, in money."""
    conversion = posterior["log_rate"].copy(data=-np.expm1(-np.exp(posterior["log_rate"].values)))
    spend = unit * xr.ones_like(conversion)
    if "log_spend" in posterior:
        spend = spend * np.exp(posterior["log_spend"])
    return posterior.assign(conversion=conversion, spend_if_converted=spend, outcome=conversion * spend)


def _conversion(experiment: Experiment) -> Part:
    customers, converted = experiment.customers, experiment.converted
    share = np.clip(converted.sum() / customers.sum(), 1e-9, 1 - 1e-9)
    centre = float(np.log(-np.log1p(-share)))
    hazard = np.exp(centre + _grid())
    logs = converted[..., None] * np.log(-np.expm1(-hazard)) - (customers - converted)[..., None] * hazard
    return Part(_tabulated(logs[None]), centre, (BASE_SD, BASE_SPREAD_SD))


def _spend(experiment: Experiment) -> Part:
    """Amounts relative to their mean; each arm's shape is drawn for each set, its means left out."""
    number, total = experiment.converted, experiment.total / experiment.unit
    log_sum = number * (experiment.log_mean - np.log(experiment.unit))
    shapes = drawn_shapes(*(_shape_density(*each) for each in zip(number.T, total.T, log_sum.T, strict=True)))
    x, p = _grid(), shapes[:, None, :, None]
    n, z, logs = (each[None, :, :, None] for each in (number, total, log_sum))
    found = n * (p * np.log(p) - p * x - gammaln(p)) + (p - 1) * logs - p * np.exp(-x) * z
    return Part(_tabulated(found), 0.0, (BASE_SD, BASE_SPREAD_SD), None, {"shape": shapes})


def _shape_density(number: Floats, total: Floats, log_sum: Floats) -> Floats:
    """Return the log density of ln p on its grid, means of the cells left out (each N(ln mean, 1/(n p)))."""
    some = number > 0
    n, z, logs = number[some], total[some], log_sum[some]
    p = np.exp(_LOG_SHAPES)[:, None]
    found = n * (p * np.log(p) - p * np.log(z / n) - gammaln(p) - p) + (p - 1) * logs - 0.5 * np.log(n * p)
    density: Floats = found.sum(axis=1)
    return density


def drawn_shapes(*densities: Floats) -> Floats:
    """Return evenly spread quantiles of each arm's shape, shape (set, arm), paired anew between arms."""
    rng = np.random.default_rng(SHAPES)
    shapes = np.empty((SHAPES, len(densities)))
    for arm, density in enumerate(densities):
        below = np.cumsum(np.exp(density - density.max()))
        u = (np.arange(SHAPES) + 0.5) / SHAPES
        shapes[:, arm] = np.exp(rng.permutation(np.interp(u, below / below[-1], _LOG_SHAPES)))
    return shapes


def _grid() -> Floats:
    return np.linspace(_START, _START + _STEP * (_POINTS - 1), _POINTS)


def _tabulated(logs: Floats) -> Tables:
    """Return tables of log likelihoods, shape (set, cell, arm, point)."""
    return tabulated(_START, _STEP, np.moveaxis(logs, 2, 1))

"""Effects of an experiment's arms by cell: a hierarchical hurdle model of conversion and spend."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayesltv.data.experiment import Experiment
from bayesltv.model.pooling import OFFSET

Tensor = Any
Floats = NDArray[np.float64]
CELL, ARM, TREATED = "cell", "arm", "treated"
RATE, SPEND = "rate", "spend"
PARTS = (RATE, SPEND)
BASE_SD = 1.0
"""Prior sd of the baseline's mean around the pooled data, and scale of its spread over cells (log)."""
EFFECT_SD = {RATE: 0.5, SPEND: 0.25}
"""Prior sd of an arm's mean effect, a log multiplier: 90 % of rates between x 0.44 and x 2.3, of spend
between x 0.66 and x 1.5; harm is as likely as gain."""
SPREAD_SD = {RATE: 0.25, SPEND: 0.15}
"""Scale of the half-normal prior of the sd of an arm's effects over cells."""
SIGMA_SD = 2.0
"""Scale of the half-normal prior of the sd of ln(amount) within a cell and arm."""


@dataclass(frozen=True)
class UpliftProblem:
    """What the model of an experiment is built from.

    Attributes
    ----------
    labels, arms : tuple of str
        Cells, and arms with the control first.
    counts : ndarray of float64, shape (5, cell, arm)
        Customers, converted, amounts (converted, or 0 where amounts tell nothing), mean of ln(amount / unit),
        sum of squares around it.
    centres : ndarray of float64, shape (2,)
        Prior means of the baselines of conversion (ln hazard) and spend (ln of amounts relative to unit).
    seen : ndarray of float64, shape (2, 2, cell, arm)
    effect_seen : ndarray of float64, shape (2, treated, 2, cell)
        By part, about what data say of each cell and arm, and of its difference to the control, as precision
        (of spend: times σ²) and estimate: they change the sampler's steps, not the model.
    """

    labels: tuple[str, ...]
    arms: tuple[str, ...]
    counts: Floats
    centres: Floats
    seen: Floats
    effect_seen: Floats

    @property
    def parts(self) -> tuple[str, ...]:
        """Return conversion and, where amounts differ, spend."""
        return PARTS if self.counts[2].any() else PARTS[:1]

    @property
    def coords(self) -> dict[str, list[str]]:
        """Return the coordinates of the model."""
        return {CELL: list(self.labels), ARM: list(self.arms), TREATED: list(self.arms[1:])}


def make_uplift_problem(experiment: Experiment) -> UpliftProblem:
    """Return the problem of an experiment."""
    customers, converted = experiment.customers, experiment.converted
    amounts = converted if experiment.has_amounts else np.zeros_like(converted)
    log_mean = np.where(amounts > 0, experiment.log_mean - np.log(experiment.unit), 0.0)
    share = np.minimum(converted.sum() / customers.sum(), 1 - 1e-9)
    information = np.stack([_conversion_information(experiment), amounts])
    estimate = np.stack([np.log(_hazard(experiment)), log_mean])
    control, treated = information[:, :, :1], information[:, :, 1:]
    known = control * treated / np.maximum(control + treated, 1e-12)
    effect = np.stack([known, estimate[:, :, 1:] - estimate[:, :, :1]])
    return UpliftProblem(
        labels=experiment.labels,
        arms=experiment.arms,
        counts=np.stack([customers, converted, amounts, log_mean, experiment.log_square]),
        centres=np.array([np.log(-np.log1p(-share)), 0.0]),
        seen=np.stack([information, estimate], axis=1),
        effect_seen=np.ascontiguousarray(effect.transpose(1, 3, 0, 2)),
    )


def build_uplift_model(experiment: Experiment) -> pm.Model:
    """Return the model of an experiment, to inspect; sampling walks on the same density, made by hand.

    With c a cell and k an arm, a customer converts with probability 1 − exp(−exp(η_ck)), and the log of what
    those who converted spent is N(μ_ck, σ²): η_ck = base_c + effect_ck, with effect 0 in the control, and so
    for μ. Base and effects are normal over cells around a mean with a common sd (per arm for the effects), so
    that small cells lean on the others; the normal effects let each arm harm as well as help.

    Returns
    -------
    pymc.Model
        ``rate_effect`` and ``spend_effect``, dim treated: means over cells of the log multipliers;
        ``rate_effect_sd``, ``spend_effect_sd``: their spread; ``log_rate``, ``log_spend``, dims (cell, arm):
        η, and μ relative to the geometric mean of all amounts; ``spend_sigma``.
    """
    problem = make_uplift_problem(experiment)
    customers, converted, amounts, log_mean, log_square = problem.counts
    with pm.Model(coords=problem.coords) as model:
        log_rate = _linear(problem, RATE, np.float64(1.0))
        chance = -pt.expm1(-pt.exp(log_rate))
        pm.Binomial("converted", n=customers, p=chance, observed=converted, dims=(CELL, ARM))
        if SPEND in problem.parts:
            sigma = pm.HalfNormal("spend_sigma", sigma=np.float64(SIGMA_SD))
            log_spend = _linear(problem, SPEND, 1 / sigma**2)
            squares = log_square + amounts * (log_mean - log_spend) ** 2
            pm.Potential("amounts", pt.sum(-amounts * pt.log(sigma) - squares / (2 * sigma**2)))
    return model


def _linear(problem: UpliftProblem, part: str, unit: Tensor) -> Tensor:
    """Add baseline and effects of one part to the model; return them as (cell, arm)."""
    at = PARTS.index(part)
    scales = (EFFECT_SD[part], SPREAD_SD[part])
    known, estimate = problem.effect_seen[at].transpose(1, 0, 2)
    effects = _over_cells(f"{part}_effect", 0.0, scales, unit, known, estimate, TREATED).T
    known, estimate = problem.seen[at]
    effects = pt.concatenate([pt.zeros((len(problem.labels), 1)), effects], axis=1)
    given = pt.sum(known * (estimate - effects), axis=1) / np.maximum(known.sum(axis=1), 1e-12)
    known, scales = known.sum(axis=1)[None], (BASE_SD, BASE_SD)
    base = _over_cells(f"{part}_base", problem.centres[at], scales, unit, known, given[None])
    return pm.Deterministic(f"log_{part}", base.T + effects, dims=(CELL, ARM))


def _over_cells(
    name: str,
    centre: float,
    scales: tuple[float, float],
    unit: Tensor,
    information: Floats,
    estimate: Tensor,
    dims: str | None = None,
) -> Tensor:
    """Return values of the cells, N(mean, sd²), shape (row, cell); just the mean where there is one cell.

    Of each row, the mean is N(centre, scales[0]²) and the sd half-normal with scale scales[1]; without
    `dims` there is one row and its mean and sd are scalars. The sampler sees both mean and values through
    what the data say of them given sd, `estimate` with precision `unit` × `information`:
    see ``kernels.hurdle.cell_values``.
    """
    rows, cells = information.shape
    known = unit * information
    wide, shape = np.float64(scales[0]), (rows,) if dims else ()
    sd = pt.zeros(shape)
    if cells > 1:
        sd = pm.HalfNormal(f"{name}_sd", sigma=np.float64(scales[1]), shape=shape, dims=dims)
    across = pt.reshape(sd, (rows, 1))
    told = known / (1 + across**2 * known)
    stretch = pt.reshape(pt.sqrt(1 + wide**2 * pt.sum(told, axis=1)), shape)
    about = wide * pt.reshape(pt.sum(told * (centre - estimate), axis=1), shape) / stretch
    draw = pm.Normal(f"{name}{OFFSET}mean", mu=about, sigma=stretch, shape=shape)
    mean = pm.Deterministic(name, centre + wide / stretch * (draw - about), dims=dims)
    column = pt.reshape(mean, (rows, 1))
    if cells == 1:
        return column
    stretch = pt.sqrt(1 + across**2 * known)
    about = across * known / stretch * (column - estimate)
    offset = pm.Normal(f"{name}{OFFSET}cell", mu=about, sigma=stretch, shape=(rows, cells))
    return column + across / stretch * (offset - about)


def _hazard(experiment: Experiment) -> Floats:
    """Return −ln(1 − share converted), the share drawn a little to one half so that it is never 0 or 1."""
    hazard: Floats = -np.log1p(-(experiment.converted + 0.5) / (experiment.customers + 1.0))
    return hazard


def _conversion_information(experiment: Experiment) -> Floats:
    """Return about the Fisher information of η: n (h e^{−h})² / (c (1 − c)), c = 1 − e^{−h} of customers."""
    hazard = _hazard(experiment)
    share = -np.expm1(-hazard)
    information: Floats = experiment.customers * (hazard * (1 - share)) ** 2 / (share * (1 - share))
    return information

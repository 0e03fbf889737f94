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
    base_centred : ndarray of float64, shape (2, cell)
    effect_centred : ndarray of float64, shape (2, treated, cell)
        How far the sampler sees each cell centred, in [0, 1): they change its steps, not the model.
    """

    labels: tuple[str, ...]
    arms: tuple[str, ...]
    counts: Floats
    centres: Floats
    base_centred: Floats
    effect_centred: Floats

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
    information = np.stack([_conversion_information(experiment), amounts / _spread_of_logs(experiment) ** 2])
    control, treated = information[:, :, :1], information[:, :, 1:]
    known = control * treated / np.maximum(control + treated, 1e-12)
    spread = np.array([SPREAD_SD[part] for part in PARTS])[:, None, None]
    return UpliftProblem(
        labels=experiment.labels,
        arms=experiment.arms,
        counts=np.stack([customers, converted, amounts, log_mean, experiment.log_square]),
        centres=np.array([np.log(-np.log1p(-share)), 0.0]),
        base_centred=_centred(information.sum(axis=2), BASE_SD / 2),
        effect_centred=np.ascontiguousarray(_centred(known, spread / 4).transpose(0, 2, 1)),
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
        log_rate = _linear(problem, RATE)
        chance = -pt.expm1(-pt.exp(log_rate))
        pm.Binomial("converted", n=customers, p=chance, observed=converted, dims=(CELL, ARM))
        if SPEND in problem.parts:
            log_spend = _linear(problem, SPEND)
            sigma = pm.HalfNormal("spend_sigma", sigma=np.float64(SIGMA_SD))
            squares = log_square + amounts * (log_mean - log_spend) ** 2
            pm.Potential("amounts", pt.sum(-amounts * pt.log(sigma) - squares / (2 * sigma**2)))
    return model


def _linear(problem: UpliftProblem, part: str) -> Tensor:
    """Add baseline and effects of one part to the model; return them as (cell, arm)."""
    at = PARTS.index(part)
    treated = len(problem.arms) - 1
    mean = pm.Normal(f"{part}_base", mu=problem.centres[at], sigma=np.float64(BASE_SD))
    effect = pm.Normal(f"{part}_effect", sigma=np.float64(EFFECT_SD[part]), shape=treated, dims=TREATED)
    base = _over_cells(f"{part}_base", mean, problem.base_centred[at], BASE_SD, None)
    effects = _over_cells(
        f"{part}_effect", effect[:, None], problem.effect_centred[at], SPREAD_SD[part], TREATED
    )
    both = pt.concatenate([base[:, None], base[:, None] + effects.T], axis=1)
    return pm.Deterministic(f"log_{part}", both, dims=(CELL, ARM))


def _over_cells(name: str, mean: Tensor, centred: Floats, scale: float, dims: str | None) -> Tensor:
    """Return values of the cells, N(mean, sd²); just the mean where there is one cell.

    The sampler sees x ~ N(φ mean, sd^φ), and the value is mean + sd^(1 − φ) (x − φ mean): centred (φ = 1)
    where a cell's own data say much, not centred where they say little (Gorinova, Moore & Hoffman 2020).
    """
    if centred.shape[-1] == 1:
        return mean + pt.zeros(centred.shape)
    sd = pm.HalfNormal(f"{name}_sd", sigma=np.float64(scale), shape=centred.shape[:-1], dims=dims)
    wide = sd if dims is None else sd[:, None]
    offset = pm.Normal(f"{name}{OFFSET}cell", mu=centred * mean, sigma=wide**centred, shape=centred.shape)
    return mean + wide ** (1 - centred) * (offset - centred * mean)


def _centred(information: Floats, sd: float | Floats) -> Floats:
    known: Floats = information * np.square(sd)
    return known / (1 + known)


def _conversion_information(experiment: Experiment) -> Floats:
    """Return about the Fisher information of η: n (h e^{−h})² / (c (1 − c)), c = 1 − e^{−h} of customers."""
    share = (experiment.converted + 0.5) / (experiment.customers + 1.0)
    hazard = -np.log1p(-share)
    information: Floats = experiment.customers * (hazard * (1 - share)) ** 2 / (share * (1 - share))
    return information


def _spread_of_logs(experiment: Experiment) -> float:
    freedom = max(experiment.converted.sum() - experiment.converted.size, 1.0)
    return float(max(np.sqrt(experiment.log_square.sum() / freedom), 1e-3))

"""Simulation-based calibration: parameters from the prior, data from the parameters, a fit, ranks.

Talts, Betancourt, Simpson, Vehtari & Gelman (2018). Where prior, simulator, likelihood, sampler and the draws
of latents and futures all belong to one model, the truth ranks uniformly among the posterior draws of every
quantity; also of quantities that look at the data, which are the sharper ones (Modrák et al. 2023). An error
anywhere between the prior and the last draw bends the ranks.

The calendar counts in years, so that the whole days in which a log is kept are 1/365 of the time unit and
what they round away stays far below what a few hundred replications can see.
"""

import json
import warnings
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logit

import bayesltv as ltv
from bayesltv.base.customers import make_customers
from bayesltv.base.population import hyperparameters_of, read_posterior
from bayesltv.data.summary.groups import Groups, codes_of
from bayesltv.families.cells import purchase_value_and_gradient
from bayesltv.families.gamma_gamma.likelihood import spend_value_and_gradient
from bayesltv.families.registry import PARAMETERS
from bayesltv.fitting.density import make_density
from bayesltv.fitting.sample import sample_nuts
from bayesltv.kernels.latents import draw_latents
from bayesltv.model.build import Problem, make_problem, model_of
from bayesltv.model.likelihood import purchase_data, spend_data
from bayesltv.model.prior_draws import draw_prior
from bayesltv.names import DELTA, level_name
from bayesltv.names import SPEND_PARAMETERS as REPEAT_PARAMETERS
from bayesltv.prediction.draws import simulate_futures
from bayesltv.prediction.packed import clock_of, laws_of, people_of, streams_of
from bayesltv.prediction.terms import make_terms
from bayesltv.streams import generator
from helpers import sealed
from uniformity import p_uniform, ranked

SPEND_PARAMETERS = (*REPEAT_PARAMETERS, DELTA)
START, END, LATER = "1960-01-01", "1998-12-31", "2018-12-31"
ARRIVALS = 12 * 365
YEARS_AHEAD = 20.0
COLUMN = "store"
SAMPLER = {"chains": 2, "tune": 400, "draws": 500}
THIN = 5
"""500 draws of 2 chains, every fifth: 200, which is nearly as many as they are worth independent ones."""

PRIORS = {
    "purchase_rate": ltv.PriorSpec.elicited(mass=0.9, between=(0.04, 0.4), per="year"),
    "purchase_shape": ltv.PriorSpec.elicited(mass=0.9, between=(0.4, 2.5)),
    "dropout_mean": ltv.PriorSpec.elicited(mass=0.9, between=(0.05, 0.4), family="LogitNormal"),
    "dropout_concentration": ltv.PriorSpec.elicited(mass=0.9, between=(1.0, 10.0)),
    "dropout_hazard": ltv.PriorSpec.elicited(mass=0.9, between=(0.01, 0.2), per="year"),
    "lifetime_shape": ltv.PriorSpec.elicited(mass=0.9, between=(0.5, 4.0)),
    "spend_typical": ltv.PriorSpec.elicited(mass=0.9, between=(10.0, 100.0)),
    "spend_within": ltv.PriorSpec.elicited(mass=0.9, between=(1.0, 6.0)),
    "spend_between": ltv.PriorSpec.elicited(mass=0.9, between=(2.0, 10.0)),
    "spend_first": ltv.PriorSpec.elicited(mass=0.9, between=(0.5, 2.0)),
}
"""Priors that a person could have had, and whose data are not degenerate: 1 to 15 purchases while alive."""


@dataclass(frozen=True)
class World:
    """A spec to calibrate and how many customers each of its groups has."""

    family: str
    sizes: tuple[int, ...] = (300,)
    k: int | None = None

    @property
    def name(self):
        """A word for files and figures."""
        return f"{self.family}{self.k or ''}_{'pooled' if len(self.sizes) == 1 else 'grouped'}"

    @property
    def groups(self):
        """The groups as the spec knows them."""
        if len(self.sizes) == 1:
            return Groups((), ((),))
        return Groups((COLUMN,), tuple((f"store {i}",) for i in range(len(self.sizes))))

    @property
    def spec(self):
        """The resolved spec: spend priors speak of money, whatever the data."""
        spec = ltv.ModelSpec(groups=self.groups.columns, purchase=ltv.PurchaseSpec(self.family, self.k))
        spec = replace(spec, priors={scale: PRIORS[scale] for scale in spec.scales})
        return spec.resolved(time_unit="year", spend_unit=1.0)


POOLED, GROUPED = (300,), (60, 100, 200)
WORLDS = (
    *(World(family, sizes) for family in ("bg_nbd", "mbg_nbd") for sizes in (POOLED, GROUPED)),
    *(World("mbg_cnbd", sizes, k) for sizes, k in ((POOLED, 2), (POOLED, 3), (GROUPED, 2))),
    *(World("pareto_nbd", sizes) for sizes in (POOLED, GROUPED)),
)


@dataclass(frozen=True)
class Replication:
    """One round: a truth, what could be seen of it, and the posterior given that.

    Attributes
    ----------
    truth : xarray.Dataset
        One draw from the prior.
    people : DataFrame
        The hidden truth of each customer, in the summary's order; purchases_later and spend_later of the
        YEARS_AHEAD after END.
    summary : DataFrame
    fit : xarray.DataTree
        What ``predict`` takes.
    """

    truth: xr.Dataset
    people: pd.DataFrame
    summary: pd.DataFrame
    fit: xr.DataTree


def replicate(world, seed):
    """Return one replication."""
    truth = draw_prior(world.spec, world.groups, draws=1, rng=generator(seed, world.name, "prior"))
    summary, people = simulate(world, truth, seed)
    return Replication(truth, people, summary, fit_to(world, summary, seed))


def simulate(world, truth, seed):
    """Return the summary at END of a log from these parameters, and the hidden truth of its customers."""
    design = pd.DataFrame({"n": world.sizes})
    for name in (*world.spec.purchase.card.parameters, *SPEND_PARAMETERS):
        design[name] = np.ravel(truth[name].values)
    if world.groups.columns:
        design[COLUMN] = world.groups.labels
    return simulate_people(design, world.family, k=world.k, groups=world.groups.columns, seed=seed)


def simulate_people(design, family, *, seed, k=None, groups=()):
    """Return a summary at END and, in its order, what is hidden and what comes in YEARS_AHEAD."""
    made = ltv.simulate_world(
        design,
        seed=seed,
        family=family,
        k=k,
        start=START,
        observation_end=LATER,
        acquisition_days=ARRIVALS,
        time_unit="year",
        round_to=None,
    )
    is_later = made.log["date"] > END
    with warnings.catch_warnings(action="ignore", category=ltv.BayesltvWarning):  # tails of the prior
        summary = ltv.summarize(made.log[~is_later], observation_end=END, time_unit="year", groups=groups)
    later = made.log[is_later].groupby("customer_id")["amount"].agg(["size", "sum"])
    people = made.customers.set_index("customer_id").loc[summary["customer_id"]]
    later = later.reindex(people.index, fill_value=0)
    alive = ~(people["dropout_after"].to_numpy() <= summary["T"].to_numpy())
    return summary, people.assign(alive=alive, purchases_later=later["size"], spend_later=later["sum"])


def fit_to(world, summary, seed):
    """Return a fit with what prediction reads, thinned.

    As ``ltv.fit`` does it, but for the priors of spend, which there are relative to the data's own amounts.
    """
    model = model_of(Problem(make_problem(summary, world.spec).cells, world.spec))
    sampler = world.spec.sampler.overridden(SAMPLER)
    draws = sample_nuts(model, make_density(model), sampler, seed=seed, cores=1, progress=False)["posterior"]
    nodes = {"posterior": draws.isel(draw=slice(None, None, THIN))}
    if world.groups.columns:
        levels = np.array([levels[0] for levels in world.groups.combinations], dtype=object)
        nodes["constant_data"] = xr.Dataset({level_name(COLUMN): ("group", levels)})
    tree = xr.DataTree.from_dict(nodes)
    return sealed(tree, spec=json.dumps(world.spec.to_dict()), time_unit="year")


def _data(world, cells):
    parts = (
        purchase_data(cells.purchase, world.spec.purchase.card),
        spend_data(cells.spend, len(cells.groups.combinations)),
    )
    return tuple(
        tuple(value.item() if np.ndim(value) == 0 else value for value in part.values()) for part in parts
    )


# ---- quantities: the same functions of the truth (as a single draw) and of the posterior draws


@dataclass(frozen=True)
class Latents:
    """What is hidden of customers, and what they do later: shape (customer, draw); the truth is one draw."""

    alive: np.ndarray
    rate: np.ndarray
    dropout: np.ndarray
    spend_rate: np.ndarray
    purchases: np.ndarray
    spend: np.ndarray


def true_latents(people):
    """Return what the simulator knows."""
    leaving = "p" if "p" in people else "mu"
    columns = ("alive", "lam", leaving, "nu", "purchases_later", "spend_later")
    return Latents(*(people[name].to_numpy()[:, None] for name in columns))


def drawn_latents(fit, summary, seed):
    """Return one draw of each customer's latents and future for each posterior draw, by the package."""
    posterior = read_posterior(fit)
    population = hyperparameters_of(posterior).as_population()
    codes = codes_of(summary, posterior.columns, posterior.combinations)
    people = make_customers(summary, codes, population.family, with_spend=True, with_first=True)
    shape = (len(people), population.draws.size)
    alive = np.empty(shape, np.bool_)
    rate, dropout, spend_rate = np.empty(shape), np.empty(shape), np.empty(shape)
    draw_latents(
        streams_of(population, people, seed=seed), people_of(population, people, YEARS_AHEAD),
        laws_of(population), clock_of(population), alive, rate, dropout, spend_rate,
    )  # fmt: skip
    terms = make_terms("year", horizon=YEARS_AHEAD, annual_discount_rate=0.0, margin=1.0)
    future = simulate_futures(population, people, terms, seed=seed)
    assert (future.alive == alive).all()
    return Latents(alive, rate, dropout, spend_rate, future.purchases, future.spend)


def stacked(dataset, name):
    """Return a variable as (draw, element), the draws of all chains one after the other."""
    return dataset[name].values.reshape(dataset.sizes["chain"] * dataset.sizes["draw"], -1)


def hyperparameters(dataset):
    """Return every scale, effect and pooling sd, each of shape (draw,)."""
    found = {}
    for name in set(dataset.data_vars) - set(PARAMETERS):
        values = stacked(dataset, name)
        labels = [name] if values.shape[1] == 1 else [f"{name}[{i}]" for i in range(values.shape[1])]
        found |= dict(zip(labels, values.T, strict=True))
    return dict(sorted(found.items()))


def log_likelihoods(dataset, world, summary):
    """Return the log likelihood of the purchases and of the amounts, each of shape (draw,)."""
    purchases, amounts = _data(world, make_problem(summary, world.spec).cells)

    def at_each_draw(kernel, names, data):
        parameters = np.stack([stacked(dataset, name) for name in names], axis=1)
        return np.array([kernel(np.ascontiguousarray(each), *data)[0] for each in parameters])

    purchase = partial(purchase_value_and_gradient, world.spec.purchase.card.kind)
    return {
        "log_likelihood_purchases": at_each_draw(purchase, world.spec.purchase.card.parameters, purchases),
        "log_likelihood_amounts": at_each_draw(spend_value_and_gradient, SPEND_PARAMETERS, amounts),
    }


def chosen_customers(summary):
    """Return rows of three customers: any, the one with most purchases, the repeater silent the longest.

    The choice looks at nothing but the data, and so leaves ranks uniform.
    """
    silence = np.where(summary["frequency"] > 0, summary["T"] - summary["recency"], -1.0)
    busiest = int(summary["frequency"].to_numpy().argmax())
    return {"first": 0, "busiest": busiest, "silent": int(silence.argmax())}


def quantities(dataset, latents, world, summary):
    """Return all quantities that are ranked, each of shape (draw,)."""
    found = hyperparameters(dataset) | log_likelihoods(dataset, world, summary)
    for who, row in chosen_customers(summary).items():
        found |= {f"{name}_{who}": getattr(latents, name)[row] for name in Latents.__dataclass_fields__}
    logs = {f"mean_log_{name}": np.log(getattr(latents, name)) for name in ("rate", "spend_rate")}
    if world.family == "pareto_nbd":
        logs["mean_log_hazard"] = np.log(latents.dropout)
    else:
        logs["mean_logit_dropout"] = logit(np.clip(latents.dropout, 1e-12, 1 - 1e-12))
    found |= {name: values.mean(axis=0) for name, values in logs.items()}
    totals = ("alive", "purchases", "spend")
    return found | {f"total_{name}": getattr(latents, name).sum(axis=0) for name in totals}


def ranks(world, round_, seed, *, plant=None):
    """Return where the truth stands among the posterior draws, in (0, 1), by quantity.

    Parameters
    ----------
    world : World
    round_ : Replication
    seed : int
    plant : callable, optional
        An error: (fit, latents, summary, seed) -> (dataset, latents).
    """
    latents = drawn_latents(round_.fit, round_.summary, seed)
    dataset = round_.fit["posterior"].to_dataset()
    if plant is not None:
        dataset, latents = plant(round_.fit, latents, round_.summary, seed)
    truth = quantities(round_.truth, true_latents(round_.people), world, round_.summary)
    drawn = quantities(dataset, latents, world, round_.summary)
    rng = generator(seed, world.name, "ties")
    return {name: float(ranked(drawn[name], truth[name], rng)[0]) for name in truth}


# ---- planted errors


def dead_rate_over_T(fit, latents, summary, _seed):
    """Draw λ of the customers who left from Gamma(r+x, α+T), as if they had not bought for lack of luck."""
    posterior = read_posterior(fit)
    codes = codes_of(summary, posterior.columns, posterior.combinations)
    alpha = posterior.purchase[1][codes]
    t_x, T = (summary[name].to_numpy(float)[:, None] for name in ("recency", "T"))
    rate = np.where(latents.alive, latents.rate, latents.rate * (alpha + t_x) / (alpha + T))
    return fit["posterior"].to_dataset(), replace(latents, rate=rate)


def shuffled_parameters(fit, _latents, summary, seed):
    """Give each parameter its draws in an order of its own."""
    rng = generator(seed, "shuffle")
    dataset = fit["posterior"].to_dataset().copy(deep=True)
    for name in [each for each in PARAMETERS if each in dataset]:
        values = dataset[name].values
        flat = values.reshape(-1, *values.shape[2:])
        dataset[name] = dataset[name].copy(data=rng.permutation(flat).reshape(values.shape))
    tree = fit.copy()
    tree["posterior"] = xr.DataTree(dataset)
    return dataset, drawn_latents(sealed(tree), summary, seed)


def first_times_delta(fit, latents, summary, _seed):
    """Multiply first amounts by δ, where they are to be divided by it."""
    posterior = read_posterior(fit)
    codes = codes_of(summary, posterior.columns, posterior.combinations)
    _, _, v, delta = posterior.spend[:, codes]
    repeats, first = (summary[name].fillna(0.0).to_numpy()[:, None] for name in ("spend_sum", "first_amount"))
    ratio = (v + repeats + first / delta) / (v + repeats + first * delta)
    moved = replace(latents, spend_rate=latents.spend_rate * ratio, spend=latents.spend / ratio)
    return fit["posterior"].to_dataset(), moved


PLANTS = {
    "dead_rate_over_T": dead_rate_over_T,
    "shuffled_parameters": shuffled_parameters,
    "first_times_delta": first_times_delta,
}


# ---- many rounds


def calibrate(world, replications, *, planted=0):
    """Return the ranks of many rounds, seeds 1, 2, ...

    Returns
    -------
    dict of str to DataFrame
        One row per round and one column per quantity: "right", and for the first `planted` rounds each of
        PLANTS.
    """
    rows = {name: [] for name in ("right", *PLANTS)}
    for seed in range(1, replications + 1):
        round_ = replicate(world, seed)
        rows["right"].append(ranks(world, round_, seed))
        for name, plant in PLANTS.items() if seed <= planted else ():
            rows[name].append(ranks(world, round_, seed, plant=plant))
    return {name: pd.DataFrame(table) for name, table in rows.items()}


def verdict(table):
    """Return each quantity's probability to stray this far where all is right, smallest first."""
    return pd.Series({name: p_uniform(table[name].to_numpy()) for name in table}).sort_values()


JOINT = 0.001
"""Probability that anything strays in any world though all is right."""


def bound(table):
    """Return what a quantity's probability must not fall below: all of them share JOINT (Bonferroni)."""
    return JOINT / len(WORLDS) / len(table.columns)

"""Simulation-based calibration: of the latent sampler alone, and of everything from prior to forecast.

All quantities of all worlds together stay inside with probability 99.9 % where everything is right: each
has its simultaneous band, and their levels share the 0.1 % (Bonferroni). Seeds are 1, 2, 3, ... and have not
been chosen. With SBC_RANKS=FOLDER, ranks are kept there, and taken from there: `make calibration` makes the
figures of docs/calibration.md of them.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
import sbc
from helpers import point_fit
from uniformity import p_uniform, ranked

REPLICATIONS, PLANTED = 200, 40

# ---- the latent sampler, parameters known: each customer is a replication

CUSTOMERS, DRAWS = 2000, 199
KNOWN = {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4, "p": 4.0, "q": 4.0, "v": 30.0, "delta": 1.4}


def ranks_given_parameters(family, k=None, *, plant=None):
    purchase = {name: KNOWN[name] for name in ("r", "alpha", "a", "b")}
    spend = {name: KNOWN[name] for name in ("p", "q", "v", "delta")}
    design = pd.DataFrame([{"n": CUSTOMERS, **purchase, **spend}])
    summary, people = sbc.simulate_people(design, family, k=k, seed=1)
    fit = point_fit(KNOWN, draws=DRAWS, family=family, k=k, time_unit="year")
    latents = sbc.drawn_latents(fit, summary, seed=1)
    if plant is not None:
        latents = plant(fit, latents, summary, 1)[1]
    truth = sbc.true_latents(people)
    rng = np.random.default_rng(1)
    return {
        name: ranked(getattr(latents, name), getattr(truth, name)[:, 0], rng)
        for name in sbc.Latents.__dataclass_fields__
    }


FAMILIES = pytest.mark.parametrize(
    ("family", "k"),
    [
        ("bg_nbd", None),
        ("mbg_nbd", None),
        pytest.param("bg_cnbd", 2, marks=pytest.mark.slow),
        pytest.param("mbg_cnbd", 3, marks=pytest.mark.slow),
    ],
)


@FAMILIES
def test_latents_and_futures_rank_uniformly_given_the_parameters(family, k):
    strayed = {name: p_uniform(numbers) for name, numbers in ranks_given_parameters(family, k).items()}
    assert min(strayed.values()) > sbc.JOINT / 2 / len(strayed), strayed


@FAMILIES
def test_a_wrong_rate_of_customers_who_left_is_found_given_the_parameters(family, k):
    ranks = ranks_given_parameters(family, k, plant=sbc.dead_rate_over_T)
    assert p_uniform(ranks["rate"]) < sbc.JOINT / 2 / len(ranks)


@pytest.mark.parametrize("family", ["bg_nbd", "mbg_nbd"])
def test_first_amounts_on_the_wrong_side_of_delta_are_found_given_the_parameters(family):
    ranks = ranks_given_parameters(family, plant=sbc.first_times_delta)
    assert p_uniform(ranks["spend_rate"]) < sbc.JOINT / 2 / len(ranks)


# ---- everything


@pytest.fixture(scope="module", params=sbc.WORLDS, ids=lambda world: world.name)
def ranks(request):
    """Return the ranks of a world, by "right" and by planted error."""
    world, folder = request.param, os.environ.get("SBC_RANKS")
    files = {name: Path(folder or "") / f"{world.name}-{name}.parquet" for name in ("right", *sbc.PLANTS)}
    if folder and all(path.exists() for path in files.values()):
        return {name: pd.read_parquet(path) for name, path in files.items()}
    tables = sbc.calibrate(world, REPLICATIONS, planted=PLANTED)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, path in files.items():
            tables[name].to_parquet(path)
    return tables


@pytest.mark.calibration
@pytest.mark.timeout(7200)
def test_the_truth_ranks_uniformly_among_posterior_draws(ranks):
    table = ranks["right"]
    assert len(table) == REPLICATIONS
    strayed = sbc.verdict(table)
    assert strayed.iloc[0] > sbc.bound(table), strayed.head()


@pytest.mark.calibration
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("error", sbc.PLANTS)
def test_a_planted_error_is_found_with_fewer_replications(ranks, error):
    table = ranks[error]
    assert len(table) == PLANTED
    assert sbc.verdict(ranks["right"].head(PLANTED)).iloc[0] > sbc.bound(table)
    assert sbc.verdict(table).iloc[0] < sbc.bound(table)


def test_the_worlds_to_calibrate_are_pooled_and_grouped_in_all_families():
    assert {world.name for world in sbc.WORLDS} == {
        f"{family}_{shape}"
        for family in ("bg_nbd", "mbg_nbd", "mbg_cnbd2", "pareto_nbd")
        for shape in ("pooled", "grouped")
    } | {"mbg_cnbd3_pooled"}
    assert all(sum(world.sizes) >= 300 for world in sbc.WORLDS)
    assert isinstance(sbc.WORLDS[1].spec, ltv.ModelSpec)

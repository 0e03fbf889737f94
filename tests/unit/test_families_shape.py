"""The shape of a family: what one must say for kernels to walk it, and that compiled code is found again."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from bayesltv.families import registry, verbs
from bayesltv.families.verbs import History

FAMILY = """
import math
from typing import Any, NamedTuple

from bayesltv.families import verbs
from bayesltv.numerics.compile import way
from bayesltv.numerics.random_numbers import exponential, gamma


class Faithful(NamedTuple):
    r: Any
    alpha: Any


class Life(NamedTuple):
    rate: float


@way(verbs.at, Faithful)
def _at(law, group, draw):
    return Faithful(law.r[group, draw], law.alpha[group, draw])


@way(verbs.inverse_p_alive, Faithful)
def _inverse_p_alive(law, history):
    return 1.0


@way(verbs.silent_below, Faithful)
def _silent_below(law, history, ahead):
    return 0.0


@way(verbs.first_wait, Faithful)
def _first_wait(law, history, u):
    return (law.alpha + history.T) * math.expm1(-math.log(u) / (law.r + history.x))


@way(verbs.begin_life, Faithful)
def _begin_life(law, history, wait, latents, coins, key, draw):
    return Life(gamma(latents, law.r + history.x + 1.0) / (law.alpha + history.T + wait))


@way(verbs.next_purchase, Life)
def _next_purchase(life, n, time, coins, events):
    return life, time + exponential(events) / life.rate
"""
"""Buys at a rate drawn from Gamma(r, rate alpha), for ever."""

WALK = """
import gc, json, sys
import numpy as np
from numba.core.dispatcher import Dispatcher
from bayesltv.families.registry import PURCHASE, SPEND
from bayesltv.kernels.block import Laws, People, Streams
from bayesltv.kernels.calendar import NO_FACTORS, STILL, Running
from bayesltv.kernels.futures import Filled, draw_futures

draws, edges = int(sys.argv[2]), np.array([0.0, 30.0, 60.0])
keys = [np.array([key], np.uint64) for key in (7, 8, 9)]
histories, places = np.array([[3.0, 3, 20, 30, 3, 60, 0]]).T, np.array([[0.0, 0.7, 1.1, 1.9]]).T
people = People(histories, np.zeros(1, np.int32), places, np.zeros((1, 0, 3)))
spend = SPEND["gamma_gamma"].laws(np.ones((3, 1, draws)))
clocks = [STILL, Running(np.zeros(1, np.int64), np.tile(edges, (1, draws, 1)), edges, NO_FACTORS)]
if sys.argv[1] == "faithful":
    from faithful import Faithful

    purchase, clocks = Faithful(np.full((1, draws), 0.8), np.full((1, draws), 4.0)), clocks[:1]
else:
    purchase = PURCHASE[sys.argv[1]].laws(np.ones((4, 1, draws)))
for clock in clocks:
    filled = Filled(*(np.zeros((1, draws), kind) for kind in (bool, np.int32, float, float)))
    streams = Streams(*keys, np.arange(draws, dtype=np.uint64))
    draw_futures(streams, people, Laws(purchase, spend), clock, (39.0, 0.0, 1.0, 0.0), filled)
every = [each.stats for each in gc.get_objects() if isinstance(each, Dispatcher)]
hits = sum(sum(each.cache_hits.values()) for each in every)
misses = sum(sum(each.cache_misses.values()) for each in every)
print(json.dumps([hits, misses, bool(filled.alive.all()), filled.purchases[0].tolist()]))
"""


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Three processes with one cache: a family in a file of its own, then BG/NBD without it, twice."""
    folder, cache = tmp_path_factory.mktemp("family"), tmp_path_factory.mktemp("cache")
    (folder / "faithful.py").write_text(FAMILY)
    found = []
    for name, draws, known in (("faithful", 20_000, [str(folder)]), ("bg_nbd", 3, []), ("bg_nbd", 3, [])):
        path = os.pathsep.join([*known, *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, "-c", WALK, name, str(draws)],
            env={**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    return found


@pytest.mark.slow
def test_a_family_in_one_file_is_walked_by_kernels_that_do_not_know_it(walked):
    _, _, alive, purchases = walked[0]
    # negative binomial: mean r' H / α', P(0) = (α' / (α' + H))^r'
    shape, rate, horizon, draws = 3.8, 34.0, 39.0, len(purchases)
    mean, spread = shape * horizon / rate, math.sqrt(shape * horizon / rate * (1 + horizon / rate))
    assert alive
    assert np.mean(purchases) == pytest.approx(mean, abs=4.5 * spread / math.sqrt(draws))
    none = (rate / (rate + horizon)) ** shape
    assert np.mean(np.array(purchases) == 0) == pytest.approx(none, abs=4.5 * math.sqrt(none / draws))


@pytest.mark.slow
def test_cached_code_for_types_that_are_gone_is_no_obstacle(walked):
    (_, first, *_), (found, compiled, *_), _ = walked
    assert first > 0
    assert compiled > 0
    assert found > 0  # random numbers, which name no such type


@pytest.mark.slow
def test_a_second_process_compiles_nothing(walked):
    assert walked[2][:2] == [2, 0]  # the kernel on either clock
    assert walked[2][2:] == walked[1][2:]


EVERY = [*registry.PURCHASE.values(), *registry.SPEND.values(), *registry.SPEND_WITH_FIRST.values()]


@pytest.mark.parametrize("family", EVERY, ids=[family.title for family in EVERY])
def test_a_card_and_its_law_speak_of_the_same_parameters(family):
    laws = family.laws(np.ones((len(family.parameters), 2, 3)))
    assert laws._fields[: len(family.parameters)] == family.parameters
    assert laws[len(laws) - len(family.settings) :] == family.settings
    assert type(laws) in verbs.at.ways
    assert verbs.draws_of(laws) == 3
    assert len(family.scales) == len(family.parameters)
    assert {scale.name for scale in family.scales} <= set(registry.SCALES)


@pytest.mark.parametrize("family", registry.PURCHASE.values(), ids=registry.PURCHASE)
def test_every_verb_of_purchases_has_a_way(family):
    law = type(family.laws(np.ones((len(family.parameters), 1, 1))))
    ahead = type(verbs.given_alive(family.kind, History(1.0, 1.0, 1.0, 2.0)))
    of_spend_or_life = {
        "next_purchase", "is_modelled", "draw_buyer", "level_of_first", "nobody", "draw_amount",
        "spend_rate_of", "usual_amount", "expected_amount", "finite_amount", "buyer_of_mean", "leaving_of",
        "lead", "changed", "stopping", "stays", "drops_out_within", "silent_within", "draw_leaving",
        "log_spent",
    }  # fmt: skip
    declared = {name: each for name, each in vars(verbs).items() if hasattr(each, "ways")}
    assert of_spend_or_life < declared.keys()
    own = {name: each for name, each in declared.items() if each.otherwise is None}
    assert {name for name, each in own.items() if not {law, ahead} & each.ways.keys()} == of_spend_or_life


def test_a_verb_is_spoken_in_python_too():
    law = registry.PURCHASE["bg_nbd"].laws(np.array([0.8, 4.0, 0.9, 2.5]).reshape(4, 1, 1))
    history = History(2.0, 2.0, 30.43, 38.86)
    odds = 0.9 / 3.5 * (42.86 / 34.43) ** 2.8
    assert verbs.inverse_p_alive(verbs.at(law, 0, 0), history) == pytest.approx(1 + odds, rel=1e-12)

"""One customer of BG/CNBD-k or MBG/CNBD-k whose latents are known, in compiled kernels."""

import math
from typing import NamedTuple

from bayesltv.families import verbs
from bayesltv.families.bg_cnbd.stages import erlang, lead_stages, poisson_below
from bayesltv.numerics.compile import way
from bayesltv.numerics.random_numbers import uniform


class Latents(NamedTuple):
    """λ and p of one customer, and the probability of each stage of the running gap."""

    rate: float
    dropout: float
    stages: int
    place: tuple[float, float, float, float]


@way(verbs.rate_of, Latents)
def _rate_of(latents):
    return latents.rate / latents.stages


@way(verbs.leaving_of, Latents)
def _leaving_of(latents):
    return latents.dropout


@way(verbs.lead, Latents)
def _lead(latents, weight, pace, time, discount):
    last, lived, ends = lead_stages(
        latents.place, latents.rate * pace, latents.dropout, time, discount, latents.stages
    )
    left = ends[0] + ends[1] + ends[2] + ends[3]
    place = (
        latents.place if not left > 0.0 else (ends[0] / left, ends[1] / left, ends[2] / left, ends[3] / left)
    )
    bought = weight * last * latents.stages * pace
    return (
        bought,
        weight * lived,
        weight * left,
        Latents(latents.rate, latents.dropout, latents.stages, place),
    )


@way(verbs.later, Latents)
def _later(latents, passed):
    return verbs.lead(latents, 1.0, 1.0, passed, 0.0)[3]


@way(verbs.as_far_as, Latents)
def _as_far_as(latents, other):
    return Latents(latents.rate, latents.dropout, latents.stages, other.place)


@way(verbs.changed, Latents)
def _changed(latents, rate, leaving):
    dropout = min(1.0, leaving * latents.dropout)
    return Latents(rate * latents.rate, dropout, latents.stages, latents.place)


@way(verbs.reborn, Latents)
def _reborn(latents):
    return Latents(latents.rate, latents.dropout, latents.stages, (1.0, 0.0, 0.0, 0.0))


@way(verbs.stopping, Latents)
def _stopping(latents, share):
    dropout = share + (1.0 - share) * latents.dropout
    return Latents(latents.rate, dropout, latents.stages, latents.place)


@way(verbs.stays, Latents)
def _stays(latents):
    return 1.0 - latents.dropout


@way(verbs.drops_out_within, Latents)
def _drops_out_within(latents, passed):
    return 1.0 - min(1.0, verbs.lead(latents, 1.0, 1.0, passed, 0.0)[2])


@way(verbs.silent_within, Latents)
def _silent_within(latents, passed):
    total = 0.0
    for j in range(latents.stages):
        total += latents.place[j] * poisson_below(latents.rate * passed, latents.stages - j)
    return total


@way(verbs.is_overdue, Latents)
def _is_overdue(latents, silence, patience):
    return poisson_below(latents.rate * silence, latents.stages) < math.exp(-patience)


@way(verbs.draw_gap, Latents)
def _draw_gap(latents, is_first, events):
    left = latents.stages
    if is_first and latents.stages > 1:
        u = uniform(events) - latents.place[0]
        for j in range(1, latents.stages):
            if u >= 0.0:
                left -= 1
            u -= latents.place[j]
    return erlang(events, left) / latents.rate


@way(verbs.draw_leaving, Latents)
def _draw_leaving(latents, events):
    return uniform(events) < latents.dropout

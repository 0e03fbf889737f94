"""One customer of Pareto/NBD whose latents are known, in compiled kernels."""

import math
from typing import NamedTuple

from bayesltv.families import verbs
from bayesltv.numerics.compile import way
from bayesltv.numerics.random_numbers import exponential
from bayesltv.numerics.special import discounted_time


class Latents(NamedTuple):
    """λ and μ of one customer, and a coin after purchases, where one is asked what would stop for good."""

    rate: float
    hazard: float
    coin: float


@way(verbs.leaving_of, Latents)
def _leaving_of(latents):
    return latents.hazard


@way(verbs.lead, Latents)
def _lead(latents, weight, pace, time, discount):
    leaving = (latents.rate * latents.coin + latents.hazard) * pace + discount
    lived = weight * discounted_time(time, leaving)
    return pace * lived, lived, weight * math.exp(-leaving * time), latents


@way(verbs.changed, Latents)
def _changed(latents, rate, leaving):
    return Latents(rate * latents.rate, leaving * latents.hazard, latents.coin)


@way(verbs.stopping, Latents)
def _stopping(latents, share):
    return Latents(latents.rate, latents.hazard, share)


@way(verbs.stays, Latents)
def _stays(latents):
    return 1.0


@way(verbs.drops_out_within, Latents)
def _drops_out_within(latents, passed):
    return -math.expm1(-latents.hazard * passed)


@way(verbs.silent_within, Latents)
def _silent_within(latents, passed):
    """Return P(neither buys nor leaves, or leaves first)."""
    either = latents.rate + latents.hazard
    return 1.0 + latents.rate * math.expm1(-either * passed) / either if either > 0.0 else 1.0


@way(verbs.draw_span, Latents)
def _draw_span(latents, events):
    return exponential(events) / latents.hazard


@way(verbs.draw_leaving, Latents)
def _draw_leaving(latents, events):
    return False

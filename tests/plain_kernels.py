"""The kernels that walk customers and draws, without a clock, on bare arrays: for tests of what they draw."""

import numpy as np

from bayesltv.families.bg_nbd.law import BgNbd
from bayesltv.families.gamma_gamma.law import GammaGamma, of_repeats
from bayesltv.kernels import futures, latents, tracking
from bayesltv.kernels.block import Laws, People, Streams
from bayesltv.kernels.calendar import STILL


def laws(purchase, spend):
    """The laws of r, alpha, a, b and p, q, v, or p, q, v, delta, by (group, draw)."""
    of_spend = of_repeats if len(spend) == 3 else GammaGamma
    return Laws(BgNbd(*np.ascontiguousarray(purchase)), of_spend(*np.ascontiguousarray(spend)))


def people(customers, group):
    """Customers without a clock, from x, k, t_x, T, count and sum of amounts, and first amounts or none."""
    whole = customers if len(customers) == 7 else np.vstack([customers, np.zeros(group.size)])
    return People(whole, group, np.zeros((0, group.size)), np.zeros((group.size, 0, 3)))


def draw_futures(of_latents, events, amounts, draws, customers, group, purchase, spend, terms, *filled):
    streams = Streams(of_latents, events, amounts, draws)
    whole = laws(purchase, spend)
    futures.draw_futures(streams, people(customers, group), whole, STILL, terms, futures.Filled(*filled))


def draw_latents(keys, draws, customers, group, purchase, spend, *filled):
    streams = Streams(keys, keys, keys, draws)
    latents.draw_latents(streams, people(customers, group), laws(purchase, spend), STILL, *filled)


def count_in_bins(of_latents, events, amounts, draws, customers, group, purchase, spend, *bins):
    streams = Streams(of_latents, events, amounts, draws)
    whole = laws(purchase, spend)
    tracking.count_in_bins(streams, people(customers, group), whole, STILL, tracking.Bins(*bins))

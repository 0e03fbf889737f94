"""Campaigns event by event: what customers with known latents do with and without an action.

The independent truth of the decision layer. It knows nothing of bayesltv and of no closed form: customers
wait, buy, redeem and drop out one event after the other, and money is counted as it comes and goes.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """An action; the defaults do nothing and cost nothing. Effects are numbers or one per customer."""

    window: float = np.inf
    after: float = np.inf
    rate: object = 1.0
    rate_after: object = 1.0
    dropout: object = 1.0
    spend: object = 1.0
    margin: object = 1.0
    price: float = 1.0
    depth: float = 0.0
    per_redemption: float = 0.0
    redemption: object = 1.0
    single_use: bool = False
    cap: float = np.inf
    contact: float = 0.0
    running: float = 0.0
    wins_back: bool = False
    reactivation: object = 0.0
    second_rate: object = 1.0
    second_dropout: object = 1.0


NOTHING = Campaign()


@dataclass(frozen=True)
class Ledger:
    """Discounted money of each customer, and how often each bought."""

    contribution: np.ndarray
    discounts: np.ndarray
    contact: np.ndarray
    running: np.ndarray
    service: np.ndarray
    purchases: np.ndarray

    @property
    def value(self):
        """Return what is left of the contribution after all costs."""
        return self.contribution - self.discounts - self.contact - self.running - self.service


class Luck:
    """What chance deals each customer: waits, amounts, coins, redemptions, by number of the purchase.

    Two runs with the same luck differ by the campaign alone: the j-th purchase has the same amount and the
    same coin, and comes when as much intensity has gone by. Each run by itself is as random as ever.
    """

    def __init__(self, rng, shape):
        self.rng, self.shape = rng, np.asarray(shape)
        self.waits, self.amounts, self.coins, self.redeems = (
            np.empty((self.shape.size, 0)) for _ in range(4)
        )
        self.back = rng.random(self.shape.size)

    def reach(self, number):
        """Deal up to purchase `number` of each customer."""
        while self.waits.shape[1] <= number:
            n = (self.shape.size, 8)
            self.waits = np.hstack([self.waits, self.rng.standard_exponential(n)])
            self.amounts = np.hstack([self.amounts, self.rng.gamma(self.shape[:, None], size=n)])
            self.coins = np.hstack([self.coins, self.rng.random(n)])
            self.redeems = np.hstack([self.redeems, self.rng.random(n)])


EVEN = (np.array([0.0, np.inf]), np.ones(1))
"""A calendar on which purchases always come at the same pace: edges, and the factor between them."""


def run(
    rng, customers, campaign, *, horizon, discount, margin, service=0.0, contacted=True, calendar=EVEN
):  # fmt: skip
    """Return the ledger of `customers` (alive, lam, p, shape, nu: arrays) over the horizon under a campaign.

    `rng` is a generator, or a `Luck` to be shared by several runs. With `contacted=False` the vouchers are
    out but nobody has been written to: what would have been redeemed by customers whose behaviour is that of
    `campaign` with no effects. All customers' purchases come faster or slower together by the factors of
    `calendar` between its edges, the first of which is now.
    """
    edges, pace = calendar
    alive, lam, p, shape, nu = (np.asarray(each) for each in customers)
    n = alive.size
    luck = rng if isinstance(rng, Luck) else Luck(rng, shape)
    luck.reach(0)
    left_to_wait, number = luck.waits[:, 0].copy(), np.zeros(n, dtype=int)
    each = {name: np.broadcast_to(getattr(campaign, name), n) for name in EFFECTS}
    window = min(campaign.window, horizon)
    ends = np.array([window, min(window + campaign.after, horizon), horizon])
    contribution, discounts, running, served = (np.zeros(n) for _ in range(4))
    purchases = np.zeros(n, dtype=int)
    left, redeemed = np.full(n, float(campaign.cap)), np.zeros(n, dtype=bool)
    rates = np.stack([lam * each["rate"], lam * each["rate_after"], lam])
    coins = np.stack([np.minimum(1, p * each["dropout"]), p, p])
    spends = np.stack([each["spend"], np.ones(n), np.ones(n)])
    active = np.flatnonzero(alive)

    if campaign.wins_back:
        lapsed = np.flatnonzero(~alive)
        back = lapsed[luck.back[lapsed] < each["reactivation"][lapsed]]
        amount = luck.amounts[back, 0] / nu[back]
        contribution[back] += margin * amount
        discounts[back] += np.minimum(campaign.cap, campaign.depth * amount + campaign.per_redemption)
        purchases[back] += 1
        rates[:, back] = lam[back] * each["second_rate"][back]
        coins[:, back] = np.minimum(1, p[back] * each["second_dropout"][back])
        spends[:, back], redeemed[back] = 1.0, True
        active = np.concatenate([active, back[luck.coins[back, 0] >= coins[0, back]]])
        luck.reach(1)
        number[back], left_to_wait[back] = 1, luck.waits[back, 1]

    now, phase, segment = np.zeros(n), np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    is_second_life = np.zeros(n, dtype=bool)
    is_second_life[active[~alive[active]]] = True
    while active.size:
        until = np.minimum(ends[phase[active]], edges[segment[active] + 1])
        rate = rates[phase[active], active] * pace[segment[active]]
        after = now[active] + left_to_wait[active] / rate
        buys = after <= until
        then = np.where(buys, after, until)
        worth = present(now[active], then, discount)
        served[active] += service * worth
        in_window = (phase[active] == 0) & ~is_second_life[active]
        running[active] += np.where(in_window, campaign.running * worth, 0.0)
        left_to_wait[active] -= rate * (then - now[active])
        now[active] = then
        buyers, in_window = active[buys], in_window[buys]
        at = np.exp(-discount * now[buyers])
        this = number[buyers]
        amount = spends[phase[buyers], buyers] * luck.amounts[buyers, this] / nu[buyers]
        earned = np.where(in_window, margin * each["margin"][buyers] + campaign.price - 1, margin)
        contribution[buyers] += at * earned * amount
        purchases[buyers] += 1
        redeems = in_window & (luck.redeems[buyers, this] < each["redemption"][buyers])
        redeems &= ~redeemed[buyers] if campaign.single_use else True
        given = np.where(redeems, campaign.depth * amount + campaign.per_redemption, 0.0)
        given = np.minimum(given, left[buyers])
        left[buyers] -= given
        redeemed[buyers] |= redeems
        discounts[buyers] += at * given
        stays = luck.coins[buyers, this] >= coins[phase[buyers], buyers]
        number[buyers] += 1
        luck.reach(int(number.max()))
        left_to_wait[buyers] = luck.waits[buyers, number[buyers]]
        movers = active[~buys]
        ended = now[movers] >= ends[phase[movers]]
        segment[movers] += now[movers] >= edges[segment[movers] + 1]
        phase[movers] += ended
        active = np.concatenate([buyers[stays], movers[phase[movers] < 3]])
    contact = np.full(n, campaign.contact if contacted else 0.0)
    return Ledger(contribution, discounts, contact, running, served, purchases)


EFFECTS = (
    "rate",
    "rate_after",
    "dropout",
    "spend",
    "margin",
    "redemption",
    "reactivation",
    "second_rate",
    "second_dropout",
)


def present(begin, end, discount):
    """Return the present value of a unit of money per unit of time from `begin` to `end`."""
    if discount == 0:
        return end - begin
    return (np.exp(-discount * begin) - np.exp(-discount * end)) / discount

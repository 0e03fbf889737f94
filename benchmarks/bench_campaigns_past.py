"""Question: does last month's campaign make its customers look better than they are?

Shops are simulated event by event. A plan treats those 30 % of the customers for whom its letter is worth
most; for 32 weeks their purchases come m times as fast, ln m ~ N(ln 1.4, .08), which is also what the
decision believes: a belief as a test leaves it. Then everybody is valued again, by `decide` with `previous=`,
and with the same export without its assignments, which is what ignoring the campaign comes to. The truth is
what each customer would spend from then on if left alone, given the latents behind the shop.

What would make it rigged: treating people by lot, where a plan takes those who buy much; believing an m that
is nearer to the truth than the belief says; using the formulas under test in the simulation; or leaving out
the fit whose own data hold the campaign, which nothing here corrects.
"""

import json
import sys
import warnings

import numpy as np
import pandas as pd

import bayesltv as ltv
import common
from bayesltv.checks.run import stored_report
from bayesltv.report.files.crm import crm_table

CUT, LENGTH, WINDOW, AHEAD = pd.Timestamp("2023-12-31"), 1092, 224, 728
END = CUT + pd.Timedelta(days=WINDOW)
RATE, DROPOUT, AMOUNT = (0.8, 192.0), (0.7, 2.3), (4.0, 5.0, 80.0)
"""As in `bench_uplift`: shape and rate per day; a and b; shape of amounts, shape and rate of their rates."""
BELIEF, SHARE = (np.log(1.4), 0.08), 0.30
MARGIN, CONTACT = 0.3, 0.2
SAMPLER = {"chains": 2, "draws": 250}
ALLOWED = 0.02
WHO = ("treated", "not treated", "all")


def decision(customers):
    """Return the decision: one letter, for as many as the budget pays."""
    low, high = np.exp(BELIEF[0] + np.array([-1.645, 1.645]) * BELIEF[1])
    letter = ltv.ActionSpec(
        name="letter", kind="contact", window="32 weeks", contact=CONTACT,
        effects={"rate": ltv.PriorSpec.elicited(mass=0.9, between=(float(low), float(high)))},
    )  # fmt: skip
    value = ltv.ValueSpec(horizon="104 weeks", annual_discount_rate=0.0, margin=MARGIN)
    budget = ltv.BudgetSpec(amount=SHARE * customers * CONTACT)
    return ltv.DecisionSpec(value=value, actions=(letter,), budget=budget)


class Shop:
    """Customers with a rate, a coin and a mean amount of their own; purchases until a day."""

    def __init__(self, rng, customers):
        self.rng, self.ids = rng, np.char.add("k", np.arange(customers).astype(str))
        self.lam = rng.gamma(RATE[0], 1 / RATE[1], customers)
        self.coin = rng.beta(*DROPOUT, customers)
        self.nu = rng.gamma(AMOUNT[1], 1 / AMOUNT[2], customers)
        self.now = rng.integers(0, LENGTH * 2 // 3, customers).astype(float)
        self.alive = rng.random(customers) >= self.coin
        self.log = [self._bought(np.arange(customers))]

    def live_until(self, end, fast=1.0):
        """Go on to a day; waits have no memory, so that each stretch may begin anew, at its own pace."""
        fast = np.broadcast_to(fast, self.lam.shape)
        active = np.flatnonzero(self.alive)
        while active.size:
            then = self.now[active] + self.rng.standard_exponential(active.size) / (self.lam * fast)[active]
            buyers = active[then <= end]
            self.now[buyers] = then[then <= end]
            self.log.append(self._bought(buyers))
            stays = self.rng.random(buyers.size) >= self.coin[buyers]
            self.alive[buyers[~stays]] = False
            active = buyers[stays]
        self.now[:] = end

    def _bought(self, who):
        amount = self.rng.gamma(AMOUNT[0], size=who.size) / self.nu[who]
        days = CUT + pd.to_timedelta(np.ceil(self.now[who]) - LENGTH, unit="D")
        return pd.DataFrame({"customer_id": self.ids[who], "date": days, "amount": amount})

    def summary(self, end):
        """Return the summary of what was bought so far."""
        return ltv.summarize(pd.concat(self.log), observation_end=end, time_unit="week")

    def worth(self):
        """Return what each customer will spend on average if left alone, times the margin, from now on."""
        many = (1 - np.exp(-self.lam * self.coin * AHEAD)) / self.coin
        return pd.Series(MARGIN * np.where(self.alive, many, 0.0) * AMOUNT[0] / self.nu, index=self.ids)


def measure(seed, customers):
    """Return the bias of one shop's values, as shares of the truth, by fit, by what is told, and by whom."""
    rng = np.random.default_rng([seed, 16])
    shop, asked = Shop(rng, customers), decision(customers)
    shop.live_until(LENGTH)
    before = shop.summary(CUT)
    fit = _fit(before, seed)
    earlier = crm_table(_plan(fit, before, asked, seed))
    treated = earlier.loc[earlier["assignment"] == "letter", "customer_id"]
    m = float(np.exp(rng.normal(*BELIEF)))
    shop.live_until(LENGTH + WINDOW, np.where(np.isin(shop.ids, treated), m, 1.0))
    after, row = shop.summary(END), {"seed": seed, "m": m, "treated": len(treated) / customers}
    for name, each in (("before", fit), ("after", _fit(after, seed))):
        for told, previous in (("told", earlier), ("ignored", None)):
            plan = _plan(each, after, asked, seed, previous=previous)
            value = plan.customers.set_index("customer_id")["ltv_mean"]
            truth, mine = shop.worth()[value.index], value.index.isin(treated)
            for who, some in zip(WHO, (mine, ~mine, mine | ~mine), strict=True):
                row[f"{name}, {told}, {who}"] = float(value[some].sum() / truth[some].sum() - 1)
    return row


def _fit(summary, seed):
    return ltv.fit(summary, "mbg_pooled", seed=seed, method="laplace", sampler=SAMPLER, progress=False)


def _plan(fit, summary, asked, seed, **more):
    failed = [each.name for each in stored_report(fit).failed]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ltv.decide(fit, summary, asked, seed=seed, draws=200, threads=1, accept_failed=failed, **more)


def summarise(shops):
    """Return one row per fit and manner: mean bias in per cent with its standard error, and the gate."""
    rows = []
    for fit in ("before", "after"):
        for told in ("told", "ignored"):
            row = {
                "fit": f"on purchases {fit} the campaign" if fit == "before" else "its data hold the campaign"
            }
            row["campaign"] = told
            for who in WHO:
                off = np.array([shop[f"{fit}, {told}, {who}"] for shop in shops])
                row[who], row[f"{who}_se"] = off.mean(), off.std(ddof=1) / np.sqrt(off.size)
            row["holds"] = bool(abs(row["treated"]) <= ALLOWED + 3.3 * row["treated_se"])
            rows.append(row)
    return rows


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--shops", type=int, default=40, help="how many")
    parser.add_argument("--customers", type=int, default=4_000, help="of each shop")
    asked = parser.parse_args()
    number, customers = (3, 1_000) if asked.quick else (asked.shops, asked.customers)
    shops = []
    for seed in range(number):
        shops.append(measure(seed, customers))
        print(json.dumps(shops[-1]), file=sys.stderr, flush=True)
    rows = summarise(shops)
    if asked.json:
        made = common.envelope(
            "bench_campaigns_past", rows, columns={}, question=__doc__.split("\n")[0], title=""
        )
        common.write_json(asked.json, made | {"shops": shops})
        return
    share = np.mean([shop["treated"] for shop in shops])
    print(f"{number} shops of {customers:,} customers, {share:.0%} treated; value if left alone, said - true")
    print(f"{'fit':<36}{'campaign':<10}" + "".join(f"{who:>20}" for who in WHO) + "   within 2 %")
    for row in rows:
        cells = "".join(f"{row[who]:>+11.1%} +- {row[f'{who}_se']:.1%}".rjust(20) for who in WHO)
        print(f"{row['fit']:<36}{row['campaign']:<10}{cells}   {'yes' if row['holds'] else 'NO'}")


if __name__ == "__main__":
    main()

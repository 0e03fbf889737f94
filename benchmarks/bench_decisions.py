"""Question: does acting on the posterior earn what it claims, and more than simpler rules?

A hundred simulated shops. In each: 2,000 customers with known latents (MBG/NBD, Gamma-Gamma), a randomised
test of three actions on 8,000 others, a fit to the purchases, and a plan under a budget. What then happens is
simulated order by order (`campaigns.py`, which knows nothing of bayesltv), 16 lives per customer with and
without each action. In a third of the shops no action does anything, or all do harm.

claimed - realised
    what the plan says it will bring, less what it brings
behind the plan
    what the same money brings under another rule, with the standard error over shops
regret
    what a plan with the true latents and effects would have brought on top

What would make it rigged: effects that are always good; counting a plan's own draws as what happened;
leaving out the rules that a team uses today (highest value, highest churn risk, everybody, random), or giving
them less money; a test so large that nothing is left to be unsure of; and picking the shops (all seeds are
counted up from 0). In the plan's favour: where effects differ they are drawn from the prior it starts from.
"""

import contextlib
import io
import json
import sys
import time
from dataclasses import replace

import numpy as np

import bayesltv as ltv
import common
from bayesltv.allocation.allocation import allocate
from bayesltv.families.bg_nbd.law import Latents
from bayesltv.families.gamma_gamma.law import Buyer
from bayesltv.kernels import actions as kernel
from bayesltv.kernels.actions import act_on_alive, net_of
from bayesltv.kernels.calendar import STILL
from campaigns import NOTHING, Campaign, Luck, run

CUSTOMERS, TESTED, DRAWS, LIVES = 2_000, 8_000, 1_000, 16
ROAD = (STILL.table, STILL.edges, 0, 0.0)
WINDOW, HORIZON, ANNUAL, MARGIN = 8.0, "52 weeks", 0.10, 0.40
DISCOUNT = np.log1p(ANNUAL) / (365.25 / 7)
BUDGET = 300.0
SAMPLER = {"chains": 2, "draws": 500}
SPREAD = 0.35
"""Sd of the log of true effects, and of the prior."""
CAMPAIGNS = {
    "letter": Campaign(window=WINDOW, contact=0.5),
    "coupon": Campaign(window=WINDOW, contact=0.05, depth=0.10),
    "gift": Campaign(window=WINDOW, contact=2.5),
}
KINDS = {"letter": "contact", "coupon": "discount", "gift": "gift"}
FAMILIES = ("effects differ", "no effect", "harm")
RULES = (
    "none", "one_for_all_letter", "one_for_all_coupon", "one_for_all_gift", "random", "highest_churn_risk",
    "highest_ltv", "flat_share_of_ltv", "plug_in_means",
)  # fmt: skip


def true_effects(seed):
    """Return the kind of shop and each action's true factor on the rate of purchases in the window."""
    rng = np.random.default_rng([seed, 1])
    log = rng.normal(0.0, SPREAD, len(CAMPAIGNS))
    kind = FAMILIES[0] if seed % 3 else FAMILIES[1 + seed // 3 % 2]
    log = {"effects differ": log, "no effect": 0 * log, "harm": -np.abs(log)}[kind]
    return kind, dict(zip(CAMPAIGNS, np.exp(log), strict=True))


def shop(seed):
    """Return the purchases of a shop and what is hidden behind them."""
    rng = np.random.default_rng([seed, 2])
    factor = np.exp(rng.normal(0.0, 0.25, 4))
    purchase = dict(zip(["r", "alpha", "a", "b"], np.array([0.7, 6.0, 0.8, 2.6]) * factor, strict=True))
    spend = {"p": 5.0, "q": 4.5, "v": 30.0 * float(np.exp(rng.normal(0, 0.2)))}
    world = ltv.simulate_world(
        CUSTOMERS + TESTED, seed=seed, purchase=purchase, spend=spend, family="mbg_nbd",
        observation_end="1997-12-31", acquisition_days=270,
    )  # fmt: skip
    return world, spend["p"]


def people_of(truth, shape, repeat=1):
    """Return alive, lam, p, shape and nu of customers, each so many times."""
    columns = (truth["alive_at_end"], truth["lam"], truth["p"], np.full(len(truth), shape), truth["nu"])
    return tuple(np.repeat(np.asarray(each), repeat) for each in columns)


def tested(rng, truth, shape, factors, weights):
    """Return draws of each action's factor, given a test in which arms were drawn at random.

    The likelihood is normal for the log of the ratio of mean purchases per customer, whose expectation at a
    factor m follows from the posterior's latents; the prior of ln m is N(0, 0.35^2), as in the shops where
    effects differ.
    """
    arm = rng.integers(0, 1 + len(factors), len(truth))
    rate = np.append(1.0, list(factors.values()))[arm]
    bought = run(
        rng, people_of(truth, shape), replace(NOTHING, window=WINDOW, rate=rate), horizon=WINDOW,
        discount=0.0, margin=1.0,
    ).purchases  # fmt: skip
    grid = np.linspace(-5 * SPREAD, 5 * SPREAD, 241)
    ratio = np.log(np.array([weights(np.exp(x)) for x in grid]) / weights(1.0))
    mean = np.array([bought[arm == k].mean() for k in range(1 + len(factors))])
    relative = (
        np.array([bought[arm == k].var() / (arm == k).sum() for k in range(1 + len(factors))]) / mean**2
    )
    draws = {}
    for k, name in enumerate(factors, start=1):
        se2 = relative[0] + relative[k]
        log = -0.5 * (grid / SPREAD) ** 2 - 0.5 * (np.log(mean[k] / mean[0]) - ratio) ** 2 / se2
        cumulative = np.cumsum(np.exp(log - log.max()))
        u = (rng.permutation(weights.draws) + rng.random(weights.draws)) / weights.draws
        draws[name] = np.exp(np.interp(u, cumulative / cumulative[-1], grid))
    return draws


class ExpectedPurchases:
    """Mean purchases per customer in the window at a factor m, over draws of latents from the posterior."""

    def __init__(self, fit, summary):
        from bayesltv.base.customers import make_customers
        from bayesltv.base.population import hyperparameters_of, read_posterior
        from bayesltv.kernels.latents import draw_latents
        from bayesltv.prediction.packed import clock_of, laws_of, people_of, streams_of

        population = hyperparameters_of(read_posterior(fit)).thinned(24).as_population()
        self.draws = fit["posterior"].sizes["chain"] * fit["posterior"].sizes["draw"]
        codes = np.zeros(len(summary), np.int32)
        people = make_customers(
            summary, codes, population.family, with_spend=True, with_first=population.uses_first_amounts
        )
        shape = (len(people), population.draws.size)
        alive, self.lam, self.p, nu = np.empty(shape, bool), np.empty(shape), np.empty(shape), np.empty(shape)
        draw_latents(
            streams_of(population, people, seed=77), people_of(population, people, WINDOW),
            laws_of(population), clock_of(population), alive, self.lam, self.p, nu,
        )  # fmt: skip
        self.lam, self.p = self.lam[alive], np.maximum(self.p[alive], 1e-12)

    def __call__(self, m):
        """Return the sum over customers and draws; only ratios are used."""
        return float((-np.expm1(-m * self.lam * self.p * WINDOW) / self.p).sum())


def decision():
    """Return the decision that a team would write down; the priors are replaced by the test."""
    belief = {"rate": ltv.PriorSpec("LogNormal", {"mu": 0.0, "sigma": SPREAD})}
    actions = tuple(
        ltv.ActionSpec(
            name=name, kind=KINDS[name], window="8 weeks", contact=each.contact, discount=each.depth,
            effects=belief,
        )
        for name, each in CAMPAIGNS.items()
    )  # fmt: skip
    value = ltv.ValueSpec(horizon=HORIZON, annual_discount_rate=ANNUAL, margin=MARGIN)
    return ltv.DecisionSpec(value=value, actions=actions, budget=ltv.BudgetSpec(amount=BUDGET))


def happens(rng, truth, shape, factors):
    """Return each customer's net value under each action, (customer, action): the mean of simulated lives.

    With and without the action chance deals the same waits, amounts and coins, so that luck does not drown
    the difference.
    """
    people = people_of(truth, shape, LIVES)
    money = {"horizon": 52.0, "discount": DISCOUNT, "margin": MARGIN}
    luck = Luck(rng, people[3])
    nothing = run(luck, people, NOTHING, **money).value
    net = []
    for name, campaign in CAMPAIGNS.items():
        acted = run(luck, people, replace(campaign, rate=factors[name]), **money)
        net.append((acted.value - nothing).reshape(-1, LIVES).mean(axis=1))
    return np.column_stack(net)


def at_truth(truth, shape, factors):
    """Return net value and cost at the true latents and effects: what an oracle acts on."""
    shape_of = (len(truth), len(CAMPAIGNS))
    net, cost = np.zeros(shape_of), np.zeros(shape_of)
    parts, state = np.zeros(kernel.PARTS), np.ones(4, np.uint64)
    alive, lam, p, _, nu = people_of(truth, shape)
    terms = (52.0, DISCOUNT, MARGIN, 0.0)
    for a, (name, campaign) in enumerate(CAMPAIGNS.items()):
        effect = np.ones(9)
        effect[kernel.RATE], effect[kernel.REACTIVATION] = factors[name], 0.0
        offer = np.array([WINDOW, 52.0, campaign.depth, 0, 0, np.inf, campaign.contact, 0, 1, 0])
        cost[:, a], net[:, a] = campaign.contact, -campaign.contact
        for i in np.flatnonzero(alive):
            act_on_alive(state, ROAD, Latents(lam[i], p[i]), Buyer(shape, nu[i]), effect, offer, terms, parts)
            net[i, a], cost[i, a] = net_of(parts), parts[1:5].sum()
    return net, cost


def measure(seed):
    """Return what one shop's plan claims and brings, beside every other rule."""
    world, shape = shop(seed)
    kind, factors = true_effects(seed)
    rng = np.random.default_rng([seed, 3])
    summary = ltv.summarize(world.log, observation_end="1997-12-31", time_unit="week")
    truth = world.customers.set_index("customer_id").loc[summary["customer_id"]]
    fit = ltv.fit(
        summary, ltv.load_spec("mbg_pooled"), seed=seed, method="laplace", sampler=SAMPLER, progress=False
    )
    is_tested = rng.permutation(len(summary)) < TESTED
    known = tested(rng, truth[is_tested], shape, factors, ExpectedPurchases(fit, summary[is_tested]))
    effects = {name: ltv.Effects({"rate": draws}, {"rate": "test"}) for name, draws in known.items()}
    mine, truth = summary[~is_tested].reset_index(drop=True), truth[~is_tested]
    mine.attrs = summary.attrs
    plan = ltv.decide(
        fit, mine, decision(), seed=seed, draws=DRAWS, effects=effects, accept_failed=_failed(fit), threads=1
    )
    net = happens(rng, truth, shape, factors)
    expected, cost = at_truth(truth, shape, factors)
    oracle = allocate(expected, cost, np.ones(net.shape, bool), budget=BUDGET).assigned
    realised = {
        str(name): brings(net, plan.draws["assigned"].sel(policy=name).values)
        for name in plan.draws["policy"].values
    }
    told = plan.policies.set_index("policy")
    p_pays = plan.options["p_pays"].values
    return {
        "seed": seed,
        "kind": kind,
        "claimed": float(told.loc["plan", "net"]),
        "p_pays": 1 - float(told.loc["plan", "p_loss"]),
        "spent": float(told.loc["plan", "cost"]),
        "realised": realised,
        "oracle": brings(net, oracle),
        "expected_regret": brings(expected, oracle)
        - brings(expected, plan.draws["assigned"].sel(policy="plan").values),
        "calibration": [
            [float(p_pays[inside].sum()), float((expected > 0)[inside].sum()), int(inside.sum())]
            for low in np.arange(0, 1, 0.1)
            for inside in [(p_pays >= low) & ((p_pays < low + 0.1) | (low >= 0.9 - 1e-9))]
        ],
        "ltv": float(np.nansum(plan.customers["ltv_mean"])),
    }


def _failed(fit):
    from bayesltv.checks.run import stored_report

    return [each.name for each in stored_report(fit).failed]


def brings(net, assigned):
    """Return the sum of what customers bring under the actions they get."""
    chosen = np.flatnonzero(assigned >= 0)
    return float(net[chosen, assigned[chosen]].sum())


def mean_and_se(values):
    """Return mean and standard error."""
    values = np.asarray(values, dtype=float)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))


def summarise(worlds):
    """Return what the shops say together."""
    rows = []
    for kind in ("all", *FAMILIES):
        mine = [each for each in worlds if kind in ("all", each["kind"])]
        if len(mine) < 2:
            continue
        row = {"shops": kind, "number": len(mine), "claimed": np.mean([each["claimed"] for each in mine])}
        row |= {"realised": np.mean([each["realised"]["plan"] for each in mine])}
        row["off"], row["off_se"] = mean_and_se([each["claimed"] - each["realised"]["plan"] for each in mine])
        row["spent"] = np.mean([each["spent"] for each in mine])
        row["claimed_of_ltv"] = np.sum([e["claimed"] for e in mine]) / np.sum([e["ltv"] for e in mine])
        row["regret"], row["regret_se"] = mean_and_se(
            [each["oracle"] - each["realised"]["plan"] for each in mine]
        )
        row["p_no_loss"] = np.mean([each["p_pays"] for each in mine])
        row["no_loss"] = np.mean([each["realised"]["plan"] >= 0 for each in mine])
        for rule in RULES:
            ahead = [each["realised"]["plan"] - each["realised"][rule] for each in mine]
            row[f"{rule}"], row[f"{rule}_se"] = mean_and_se(ahead)
        rows.append(
            {key: value if isinstance(value, str | int) else float(value) for key, value in row.items()}
        )
    bins = np.sum([each["calibration"] for each in worlds], axis=0)
    filled = bins[:, 2] > 0
    said, came = bins[filled, 0] / bins[filled, 2], bins[filled, 1] / bins[filled, 2]
    return rows, [
        {"said": float(s), "came": float(c), "pairs": int(n)}
        for s, c, n in zip(said, came, bins[filled, 2], strict=True)
    ]


def show(rows, calibration):
    """Print the tables that the documents quote."""
    heads = f"{'shops':>6}{'claimed':>9}{'realised':>9}{'claimed - realised':>20}{'spent':>7}{'regret':>14}"
    print(f"{'':<16}{heads}")
    for row in rows:
        print(
            f"{row['shops']:<16}{row['number']:>6}{row['claimed']:>9.1f}{row['realised']:>9.1f}"
            f"{row['off']:>13.1f} +- {row['off_se']:.1f}{row['spent']:>7.0f}{row['regret']:>8.1f} +- "
            f"{row['regret_se']:.1f}"
        )
    print(
        f"\nclaimed of all customers' value: {rows[0]['claimed_of_ltv']:.2%}; with no effect at all: "
        + ", ".join(f"{row['claimed_of_ltv']:.3%}" for row in rows if row["shops"] == "no effect")
    )
    print(f"P(no loss) said {rows[0]['p_no_loss']:.2f}, came true {rows[0]['no_loss']:.2f}")
    print("\nthe plan brings more than (mean, standard error)")
    print(f"{'':<22}" + "".join(f"{row['shops']:>20}" for row in rows))
    for rule in RULES:
        cells = "".join(f"{row[rule]:>13.1f} +- {row[rule + '_se']:<4.1f}" for row in rows)
        print(f"{rule.replace('_', ' '):<22}{cells}")
    print("\nP(action pays for this customer): said, came true at the true latents and effects, pairs")
    for each in calibration:
        print(f"{each['said']:>8.2f}{each['came']:>8.2f}{each['pairs']:>10,}")


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--shops", type=int, default=100, help="how many")
    asked = parser.parse_args()
    number = 6 if asked.quick else asked.shops
    began, worlds = time.process_time(), []
    for seed in range(number):
        worlds.append(measure(seed))
        print(json.dumps(worlds[-1]), file=sys.stderr, flush=True)
    rows, calibration = summarise(worlds)
    result = {"worlds": worlds, "calibration": calibration, "cpu_seconds": time.process_time() - began}
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        show(rows, calibration)
    if asked.json:
        made = common.envelope("bench_decisions", rows, columns={}, question=__doc__.split("\n")[0], title="")
        common.write_json(asked.json, made | result | {"text": text.getvalue()})
    else:
        print(text.getvalue(), end="")


if __name__ == "__main__":
    main()

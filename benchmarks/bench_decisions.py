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
counted up from 0). In the plan's favour: effects that differ are normal around none, as its prior is; against
it: they are narrower, an sd of 0.35 where the prior has 0.5, and spend stays what it was.
"""

import contextlib
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

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
END = "1997-12-31"
WINDOW, HORIZON, ANNUAL, MARGIN = 8.0, "52 weeks", 0.10, 0.40
DISCOUNT = np.log1p(ANNUAL) / (365.25 / 7)
BUDGET = 300.0
SAMPLER = {"chains": 4, "draws": 500}
SPREAD = 0.35
"""Sd of the log of true effects."""
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
        observation_end=END, acquisition_days=270,
    )  # fmt: skip
    return world, purchase | spend | {"delta": 1.0}


def people_of(truth, shape, repeat=1):
    """Return alive, lam, p, shape and nu of customers, each so many times."""
    columns = (truth["alive_at_end"], truth["lam"], truth["p"], np.full(len(truth), shape), truth["nu"])
    return tuple(np.repeat(np.asarray(each), repeat) for each in columns)


def tested(rng, truth, shape, factors):
    """Return a test in which arms were drawn at random, orders and spend by customer."""
    arm = rng.integers(0, 1 + len(factors), len(truth))
    rate = np.append(1.0, list(factors.values()))[arm]
    took = run(
        rng, people_of(truth, shape), replace(NOTHING, window=WINDOW, rate=rate), horizon=WINDOW,
        discount=0.0, margin=1.0,
    )  # fmt: skip
    columns = {"arm": np.array(["control", *factors])[arm], "orders": took.purchases}
    return pd.DataFrame({"customer_id": truth.index, **columns, "spend": took.contribution})


def told_by(test, fit, summary, seed):
    """Return what the shipped way makes of the test: the customers as they were, and ``fit_uplift``."""
    base = ltv.customer_base(fit, summary, seed=seed, accept_failed=_failed(fit))
    return ltv.fit_uplift(
        test, cells=[], outcome="spend", purchases="orders", randomised=True, base=base,
        window=f"{WINDOW:g} weeks", assigned_on=END, seed=seed, progress=False,
    )  # fmt: skip


def knowing(fit, hidden):
    """Return the fit with the truth in place of every draw: customers' posteriors are then exact."""
    from bayesltv.base.seal import stamped

    known, posterior = fit.copy(), fit["posterior"].to_dataset()
    posterior = posterior.assign({name: xr.full_like(posterior[name], at) for name, at in hidden.items()})
    known["posterior"] = xr.DataTree(posterior)
    return stamped(known)


def part(summary, rows):
    """Return some rows of a summary."""
    some = summary[rows].reset_index(drop=True)
    some.attrs = {key: value for key, value in summary.attrs.items() if key != "fingerprint"}
    return some


def decision():
    """Return the decision that a team would write down: effects are those of the test."""
    actions = tuple(
        ltv.ActionSpec(
            name=name, kind=KINDS[name], window=f"{WINDOW:g} weeks", contact=each.contact,
            discount=each.depth, test="pilot",
        )
        for name, each in CAMPAIGNS.items()
    )  # fmt: skip
    value = ltv.ValueSpec(horizon=HORIZON, annual_discount_rate=ANNUAL, margin=MARGIN)
    budget = ltv.BudgetSpec(amount=BUDGET)
    return ltv.DecisionSpec(value=value, actions=actions, budget=budget, stages=ltv.StageSpec())


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
    """Return what one shop's plan claims and brings, beside every other rule and a planner who knows more."""
    world, hidden = shop(seed)
    shape = hidden["p"]
    kind, factors = true_effects(seed)
    rng = np.random.default_rng([seed, 3])
    summary = ltv.summarize(world.log, observation_end=END, time_unit="week")
    truth = world.customers.set_index("customer_id").loc[summary["customer_id"]]
    fit = ltv.fit(
        summary, ltv.load_spec("mbg_pooled"), seed=seed, method="laplace", sampler=SAMPLER, progress=False
    )
    is_tested = rng.permutation(len(summary)) < TESTED
    uplift = told_by(tested(rng, truth[is_tested], shape, factors), fit, part(summary, is_tested), seed)
    mine, truth = part(summary, ~is_tested), truth[~is_tested]
    asked = {"seed": seed, "draws": DRAWS, "accept_failed": _failed(fit), "threads": 1}
    plan = ltv.decide(fit, mine, decision(), tests={"pilot": uplift}, **asked)
    sure = {
        name: ltv.Effects({"rate": np.full(fit["posterior"]["r"].size, m)}, {"rate": "test"})
        for name, m in factors.items()
    }
    planner = ltv.decide(knowing(fit, hidden), mine, decision(), effects=sure, **asked)
    net = happens(rng, truth, shape, factors)
    expected, cost = at_truth(truth, shape, factors)
    oracle = allocate(expected, cost, np.ones(net.shape, bool), budget=BUDGET).assigned
    given = {str(name): codes_of(plan, name) for name in plan.draws["policy"].values}
    told = plan.policies.set_index("policy")
    return {
        "kind": kind,
        "failed": _failed(fit),
        "claimed": float(told.loc["plan", "net"]),
        "spent": float(told.loc["plan", "cost"]),
        "realised": {name: brings(net, codes) for name, codes in given.items()},
        "expected": {name: brings(expected, codes) for name, codes in given.items()},
        "planner": brings(expected, codes_of(planner, "plan")),
        "planner_claims": float(planner.policies.set_index("policy").loc["plan", "net"]),
        "oracle": brings(expected, oracle),
        "p_loss": {name: float(told.loc[name, "p_loss"]) for name in given if name != "none"},
        "reliability": reliability(plan, mine, truth, expected),
        "ltv": float(np.nansum(plan.customers["ltv_mean"])),
    }


def codes_of(plan, policy):
    """Return what a policy gives each customer."""
    return plan.draws["assigned"].sel(policy=policy).values


def reliability(plan, summary, truth, expected):
    """Return what was said and what is so, added up in ten bins, for chances of single customers.

    ``dropping out`` is set beside its probability at the true latents, what cannot be otherwise beside yes
    and no.
    """
    people, stages = plan.customers, ltv.StageSpec()
    new_within, ahead = stages.limits_in("week")
    lam, p, alive = (truth[name].to_numpy() for name in ("lam", "p", "alive_at_end"))
    frequency, recency, observed = (summary[name].to_numpy() for name in ("frequency", "recency", "T"))
    settled = (frequency > 0) | (observed > new_within)
    drops_out = -np.expm1(-lam * p * ahead)
    is_late = observed - recency > -np.log1p(-stages.overdue_quantile) / lam
    at_risk = settled & alive & (is_late | (drops_out > stages.dropout_limit))
    pairs = {
        "pays": (plan.options["p_pays"].values, expected > 0),
        "lapsed": (people["p_stage_lapsed"], settled & ~alive),
        "at risk": (people["p_stage_at_risk"], at_risk),
        "drops out": (people["p_drops_out"], alive * drops_out),
    }
    return {name: in_bins(said, came) for name, (said, came) in pairs.items()}


def in_bins(said, came):
    """Return sums of what was said, of what came, and how many, in tenths of what was said."""
    said, came = (np.asarray(each, dtype=float).ravel() for each in (said, came))
    at = np.minimum((10 * said).astype(int), 9)
    return [np.bincount(at, weights=each, minlength=10).tolist() for each in (said, came, np.ones(said.size))]


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


def share_and_se(part, whole):
    """Return the ratio of sums over shops, and its standard error by the delta method."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    share = part.sum() / whole.sum()
    return float(share), float((part - share * whole).std(ddof=1) / np.sqrt(part.size) / whole.mean())


def summarise(worlds):
    """Return what the shops say together: one row per kind of shop."""
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
        earned = [each["expected"]["plan"] for each in mine]
        row["regret"], row["regret_se"] = mean_and_se(np.subtract([each["oracle"] for each in mine], earned))
        planned = [each["planner"] for each in mine]
        row["planner"] = np.mean(planned)
        row["share"], row["share_se"] = share_and_se(earned, planned) if any(planned) else (np.nan, np.nan)
        for rule in RULES:
            ahead = np.subtract(earned, [each["expected"][rule] for each in mine])
            row[f"{rule}"], row[f"{rule}_se"] = mean_and_se(ahead)
            row[f"{rule}_worst"], row[f"{rule}_behind"] = float(ahead.min()), int((ahead < 0).sum())
        rows.append(
            {key: value if isinstance(value, str | int) else float(value) for key, value in row.items()}
        )
    return rows


def reliabilities(worlds):
    """Return rows of (said, came, number) by what was said: of single customers, and of policies of shops."""
    names = worlds[0]["reliability"]
    sums = {name: np.sum([each["reliability"][name] for each in worlds], axis=0) for name in names}
    said = [[each["p_loss"][rule] for rule in each["p_loss"]] for each in worlds]
    came = [[each["expected"][rule] < 0 for rule in each["p_loss"]] for each in worlds]
    sums |= {"policy loses": np.array(in_bins(said, came))}
    plans = [each["p_loss"]["plan"] for each in worlds]
    lost = [each["expected"]["plan"] < 0 for each in worlds]
    sums |= {"plan loses": np.array(in_bins(plans, lost))}
    return {
        name: [(float(s / n), float(c / n), int(n)) for s, c, n in zip(*table, strict=True) if n > 0]
        for name, table in sums.items()
    }


def show(worlds, rows, reliable):
    """Print the tables that the documents quote."""
    print(
        f"{'':<16} shops  claimed realised  claimed - realised  spent   planner  share of it          regret"
    )
    for row in rows:
        share = f"{row['share']:>8.1%} +- {row['share_se']:<5.1%}" if row["planner"] else f"{'-':>8}{'':9}"
        print(
            f"{row['shops']:<16}{row['number']:>6}{row['claimed']:>9.1f}{row['realised']:>9.1f}"
            f"{row['off']:>13.1f} +- {row['off_se']:<4.1f}{row['spent']:>6.0f}{row['planner']:>10.1f}"
            f"{share}{row['regret']:>8.1f} +- {row['regret_se']:.1f}"
        )
    none = ", ".join(f"{row['claimed_of_ltv']:.3%}" for row in rows if row["shops"] == "no effect")
    print(
        f"\nclaimed of all customers' value: {rows[0]['claimed_of_ltv']:.2%}; with no effect at all: {none}"
    )
    failed = sum(bool(each["failed"]) for each in worlds)
    print(f"fits that failed a check, and were used all the same: {failed}")
    print("\nthe plan brings more than (mean, standard error; all shops: how often less, and the worst shop)")
    print(f"{'':<20}" + "".join(f"{row['shops']:>19}" for row in rows) + "    less   worst")
    for rule in RULES:
        cells = "".join(f"{row[rule]:>11.1f} +- {row[rule + '_se']:<4.1f}" for row in rows)
        last = f"{rows[0][rule + '_behind']:>8}{rows[0][rule + '_worst']:>8.0f}"
        print(f"{rule.replace('_', ' '):<20}{cells}{last}")
    print("\nsaid, came, number")
    for name, table in reliable.items():
        print(f"{name:<14}" + "  ".join(f"{said:.2f} {came:.2f} {n:,}" for said, came, n in table))


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--shops", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first one")
    parser.add_argument("--keep", metavar="FILE", help="lines of seeds done: they are not run again")
    asked = parser.parse_args()
    worlds = common.each_seed(2 if asked.quick else asked.shops, measure, first=asked.first, keep=asked.keep)
    rows, reliable = summarise(worlds), reliabilities(worlds)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        show(worlds, rows, reliable)
    if asked.json:
        made = common.envelope("bench_decisions", rows, columns={}, question=__doc__.split("\n")[0], title="")
        common.write_json(asked.json, made | {"reliability": reliable, "text": text.getvalue()})
    else:
        print(text.getvalue(), end="")


if __name__ == "__main__":
    main()

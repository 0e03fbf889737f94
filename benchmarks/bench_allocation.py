"""Question: how far from the best is an allocation, and what does it take to find it?

One action each for simulated customers (skewed worth, four actions with costs of several kinds, effects that
differ), under a budget, capacities for two of them and fixed costs for two, by ``allocate``; the same with a
hold-out; the balance of mean and tail (mean-CVaR) with draws that share an effect; and the whole of
``ltv.decide`` on a posterior, from summary to plan, with everything that it says beside the plan.

What would make it rigged: a gap to anything but a bound on all allocations under the same constraints, fixed
costs included; constraints that do not bind (what is used of each is shown); net values that are alike, or
whose best action is the same for all; leaving out the search over sets of actions. Compiling is not counted:
a first call on a few customers, thrown away, does it. Memory is the peak of the whole process.
"""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

import common

CACHE = Path(os.environ.get("BENCH_WORLDS", tempfile.gettempdir())) / "bayesltv-bench"
DRAWS = 200


def cases(quick):
    """Return what is measured."""
    sizes = {
        "allocate": [20_000, 1_000_000],
        "hold-out": [20_000],
        "mean-CVaR": [100_000],
        "decide": [200_000],
    }
    if quick:
        sizes = {"allocate": [20_000], "hold-out": [5_000], "mean-CVaR": [60_000], "decide": [2_000]}
    return [{"what": what, "customers": n, "actions": 4} for what, ns in sizes.items() for n in ns]


def one(case):
    """Measure one case and return its results."""
    return {"allocate": plain, "hold-out": held_out, "mean-CVaR": risky, "decide": whole}[case["what"]](
        case["customers"]
    )


def problem(customers, *, seed=1):
    """Return an allocation to be found: everything binds but one capacity."""
    from bayesltv.allocation.allocation import Problem
    from bayesltv.allocation.limits import Limit

    rng = np.random.default_rng(seed)
    worth = rng.lognormal(1, 1, customers)
    cost = np.column_stack([np.full(customers, 0.1), worth * 0.2, np.full(customers, 3.0), 0.5 + worth * 0.1])
    net = worth[:, None] * rng.normal([0.05, 0.1, 0.3, 0.2], 0.3, (customers, 4)) - 0.3 * cost
    limits = tuple(
        Limit(f"action {a}", np.broadcast_to(np.arange(4) == a, net.shape), at_most=customers // part)
        for a, part in ((0, 20), (2, 30))
    )
    fixed = np.array([0.0, 0.01, 0.02, 0.0]) * customers
    return Problem(net, cost, rng.random(net.shape) < 0.85, 0.2 * customers, fixed, limits)


def told(asked, assigned, net, bound):
    """Return the gap, and what is used of budget and capacities."""
    chosen = np.flatnonzero(assigned >= 0)
    spent = asked.cost[chosen, assigned[chosen]].sum() + asked.fixed[np.unique(assigned[chosen])].sum()
    assert spent <= asked.money + 1e-6
    used = [int((assigned == a).sum()) for a in (0, 2)]
    assert all(count <= limit.at_most for count, limit in zip(used, asked.limits, strict=True))
    shares = (f"{count / limit.at_most:.0%}" for count, limit in zip(used, asked.limits, strict=True))
    return {"gap": (bound - net) / bound, "budget": spent / asked.money, "capacities": ", ".join(shares)}


def plain(customers):
    """Allocate under everything at once."""
    problem(2_000).solve()
    asked = problem(customers)
    found, spent = common.timed(asked.solve)
    return spent | told(asked, found.assigned, found.net, found.bound)


def held_out(customers):
    """Withhold a tenth of what is recommended; the bound is that of those who are not held out."""
    from bayesltv.allocation.hold_out import expected_problem, recommend

    asked = problem(customers)
    withheld = np.random.default_rng(2).random(customers) < 0.1

    def find(asked, withheld):
        return recommend(asked, expected_problem(asked, 0.1).solve(), withheld, 0.1)

    find(problem(2_000), withheld[:2_000])
    recommended, spent = common.timed(find, asked, withheld)
    assigned = np.where(withheld, -1, recommended)
    chosen = np.flatnonzero(assigned >= 0)
    net = asked.net[chosen, assigned[chosen]].sum() - asked.fixed[np.unique(assigned[chosen])].sum()
    bound = replace(asked, eligible=asked.eligible & ~withheld[:, None]).solve().bound
    return spent | told(asked, assigned, net, bound)


def risky(customers):
    """Balance mean and tail, half and half, where all customers share each action's effect."""
    from bayesltv.allocation.cvar import make_cells
    from bayesltv.decisions.portfolio_cvar import TailView, balanced

    asked = problem(customers)
    cell = make_cells(asked.net, asked.cost, asked.eligible)
    sums, able = (np.zeros((cell.max() + 1, 4)) for _ in range(2))
    np.add.at(sums, cell, np.where(asked.eligible, asked.net, 0.0))
    np.add.at(able, cell, asked.eligible.astype(float))
    shared = np.random.default_rng(3).normal(1.0, [[0.4], [0.8], [0.6], [0.2]], (4, 1_000))
    draws = sums[:, :, None] * shared / shared.mean(axis=1, keepdims=True)
    view = TailView(cell, able, draws, asked.net)
    small = problem(2_000)
    small.solve()

    def find():
        return balanced(view, asked, asked.solve(), weight=0.5, tail=0.1)

    (found, _, (value, bound)), spent = common.timed(find)
    return spent | told(asked, found.assigned, value, bound)


def whole(customers):
    """Decide: from a summary and a posterior to a plan."""
    import bayesltv as ltv
    import worlds
    from bayesltv.data.summary.store import read_summary

    CACHE.mkdir(exist_ok=True)
    summary = read_summary(worlds.write_summary(customers, CACHE / f"summary-{customers}.parquet"))
    fit = worlds.posterior(DRAWS)
    ltv.decide(fit, summary.iloc[:50], decision(50), seed=1, draws=None)
    plan, spent = common.timed(ltv.decide, fit, summary, decision(customers), seed=1, draws=None)
    capacities = [decision(customers).actions[at].capacity for at in (0, 2)]
    names = [action.name for action in decision(customers).actions]
    given = plan.customers["assignment"].value_counts()
    shares = (given.get(names[at], 0) / most for at, most in zip((0, 2), capacities, strict=True))
    return spent | {
        "gap": plan.attrs["allocation_gap"],
        "budget": plan.attrs["cost_mean"] / plan.attrs["budget"],
        "capacities": ", ".join(f"{share:.0%}" for share in shares),
    }


def decision(customers):
    """Return a decision of four actions: two capacities, two fixed costs, a budget and a hold-out."""
    import bayesltv as ltv

    def effect(low, high):
        return {"rate": ltv.PriorSpec.elicited(mass=0.9, between=(low, high))}

    actions = (
        ltv.ActionSpec(
            name="letter", kind="contact", window="8 weeks", contact=0.2, effects=effect(0.9, 1.9),
            capacity=customers // 10,
        ),
        ltv.ActionSpec(
            name="coupon", kind="discount", window="8 weeks", contact=0.05, discount=0.1,
            fixed=0.002 * customers, effects=effect(0.9, 2.5),
        ),
        ltv.ActionSpec(
            name="call", kind="contact", window="12 weeks", contact=1.0, effects=effect(0.9, 2.6),
            capacity=customers // 50,
        ),
        ltv.ActionSpec(
            name="gift", kind="gift", window="12 weeks", contact=0.6, fixed=0.001 * customers,
            effects=effect(0.9, 2.2),
        ),
    )  # fmt: skip
    value = ltv.ValueSpec(horizon="12 months", annual_discount_rate=0.10, margin=0.30)
    budget = ltv.BudgetSpec(amount=0.05 * customers, hold_out=0.1)
    return ltv.DecisionSpec(value=value, actions=actions, budget=budget)


COLUMNS = {
    "what": ("what", ""),
    "customers": ("customers", ",d"),
    "actions": ("actions", ",d"),
    "seconds": ("seconds", ",.2f"),
    "cpu_seconds": ("CPU seconds", ",.2f"),
    "gap": ("gap to the bound", ".1e"),
    "budget": ("budget used", ".2%"),
    "capacities": ("capacities used", ""),
    "peak_memory": ("peak MB", ",.0f", 1e-6),
}

if __name__ == "__main__":
    common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS, title="Allocation")

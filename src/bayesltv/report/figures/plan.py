"""Figures of a plan: where its money goes, what it returns, how much to spend, what else could be done."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bayesltv.allocation.hold_out import HOLD_OUT
from bayesltv.decisions.offer.pnl import net_value, spending
from bayesltv.decisions.plan import PLAN, Plan
from bayesltv.errors import SpecError
from bayesltv.languages.language import mark, tr, word
from bayesltv.languages.written import percent, span
from bayesltv.numerics.arrays import Floats
from bayesltv.report.planned_tests import plot_test_value
from bayesltv.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILLION,
    dress,
    legend_beside,
    money,
    money_axis,
    new_axes,
    note,
    percent_axis,
    rows_axis,
)
from bayesltv.specs.decision.actions import NO_ACTION

ACTION_COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, "#CC79A7", "#56B4E9", "#8A6D00", "#5B4B8A")
_STEPS = (
    ("incremental_margin", mark("incremental\nmargin")),
    ("incremental_discount", mark("discount on\nnew sales")),
    ("subsidy", mark("subsidy")),
    ("contact_cost", mark("contact")),
    ("running_cost", mark("running")),
    ("service_cost", mark("service")),
    ("fixed_cost", mark("fixed")),
)


def plot_waterfall(plan: Plan, *, ax: Axes | None = None) -> Axes:
    """Draw how the plan's incremental margin becomes its net value, with the net value's 90 % interval.

    On a revenue basis it says revenue.
    """
    total, basis = plan.actions.iloc[-1], str(plan.attrs.get("value_basis") or "margin")
    steps = [
        (tr(label.replace("margin", basis)), total[name] if at == 0 else -total[name])
        for at, (name, label) in enumerate(_STEPS)
        if at == 0 or abs(total[name]) > 0
    ]
    ax = new_axes(ax, size=(8.4, 4.4))
    at, level, reach = 0, 0.0, max(abs(total["incremental_margin"]), 1e-9)
    for at, (_, change) in enumerate(steps):
        colour = BLUE if change >= 0 else VERMILLION
        ax.bar(at, change, bottom=level, color=colour, width=0.62)
        level += change
        ax.plot([at - 0.31, at + 1.31], [level, level], color=GREY, linewidth=0.8)
        top = max(level, level - change) + 0.02 * reach
        ax.text(at, top, money(change, _currency(plan)), ha="center", va="bottom", fontsize=9, color=BLACK)
    end = at + 1
    ax.bar(end, level, color=GREEN, width=0.62)
    low, high = total["net_p05"], total["net_p95"]
    ax.errorbar(end, level, yerr=[[level - low], [high - level]], color=BLACK, capsize=4, linewidth=1.4)
    ax.text(
        end + 0.1, level, f" {money(level, _currency(plan))}", ha="left", va="bottom", fontsize=9, color=BLACK
    )
    ax.set_xticks(range(end + 1), [*(label for label, _ in steps), tr("net")])
    ax.axhline(0, color=BLACK, linewidth=0.8)
    money_axis(ax.yaxis, _currency(plan))
    ax.set_ylabel(tr("within {horizon}, discounted", horizon=_horizon(plan)))
    reading = tr("Subsidy: discount on purchases that would have been made anyway. On net: its 90 % interval")
    return dress(ax, title=tr("From incremental {basis} to net value", basis=_basis(plan)), subtitle=reading)


def plot_roi(plan: Plan, *, ax: Axes | None = None) -> Axes:
    """Draw the posterior of each action's return: net value per unit of money spent on those who get it."""
    mine = plan.draws.sel(policy=PLAN)
    shown = []
    for name in [str(each) for each in plan.draws["action"].values]:
        of = mine.sel(action=name)
        cost = spending(of["pnl"].values, axis=0) + float(of["fixed_cost"])
        if int(of["customers"]) and (cost > 0).all():
            shown.append((name, (net_value(of["pnl"].values, axis=0) - float(of["fixed_cost"])) / cost))
    ax = new_axes(ax, size=(7.6, 1.9 + 0.62 * max(1, len(shown))))
    for at, (_, draws) in enumerate(reversed(shown)):
        low, quarter, middle, three, high = np.quantile(draws, [0.05, 0.25, 0.5, 0.75, 0.95])
        ax.hlines(at, low, high, color=BLUE, linewidth=5, alpha=0.3)
        ax.hlines(at, quarter, three, color=BLUE, linewidth=5, alpha=0.7)
        ax.plot(middle, at, marker="|", markersize=12, markeredgewidth=2.4, color=BLACK)
        words = tr("pays: {mean}", mean=percent((draws > 0).mean()))
        note(ax, words, (high, at), (6, 0), colour=GREY, align=("left", "center"))
    ax.axvline(0, color=VERMILLION, linewidth=1.2)
    ax.set_yticks(range(len(shown)), [word(name) for name, _ in reversed(shown)])
    ax.set_ylim(-0.6, max(0.6, len(shown) - 0.4))
    ax.margins(x=0.2)
    ax.set_xlabel(tr("net value ({basis}) per unit of money spent", basis=_basis(plan)))
    reading = tr(
        "Median, 50 % and 90 % interval of the portfolio's return; left of the line the action loses"
    )
    return dress(ax, title=tr("Return on what each action costs"), subtitle=reading, grid="x")


def plot_returns(plan: Plan, *, by: str = "tier", ax: Axes | None = None) -> Axes:
    """Draw the return of each action in each segment, for all who are eligible, as a heat map with intervals.

    Parameters
    ----------
    plan : Plan
    by : str
        "tier", "stage" or a group column of ``plan.returns``.
    ax : Axes, optional

    Raises
    ------
    SpecError
        Where the plan has no such segments.
    """
    table = None if plan.returns is None else plan.returns[plan.returns["by"] == by]
    if table is None or not len(table):
        raise SpecError(f"the plan has no returns by {by}: its columns are those of plan.returns['by']")
    wide = table.pivot(index="segment", columns="action", values="roi")
    actions = [
        name for name in table["action"].unique() if table.loc[table["action"] == name, "eligible"].any()
    ]
    wide = wide.loc[list(table["segment"].unique()), actions]
    ax = new_axes(ax, size=(max(6.4, 2.4 + 1.35 * len(actions)), 1.6 + 0.7 * len(wide)))
    reach = max(1.0, float(np.nanquantile(np.abs(wide.to_numpy()), 0.8)) if wide.notna().any().any() else 1.0)
    ax.imshow(wide.to_numpy(float), cmap="RdBu", vmin=-reach, vmax=reach, aspect="auto")
    for row in table[table["action"].isin(actions)].to_dict("records"):
        y, x = list(wide.index).index(row["segment"]), actions.index(row["action"])
        ax.text(x, y, _cell(row), ha="center", va="center", fontsize=8, color=_ink(row["roi"], reach))
    ax.set_xticks(range(len(actions)), [word(name).replace(" ", "\n") for name in actions])
    ax.set_yticks(range(len(wide)), [word(each) for each in wide.index])
    ax.set_ylabel(tr(by))
    reading = tr(
        "ROI = net value / cost for all who are eligible, before fixed costs, given the believed effects, "
        "with 5 and 95 %"
    )
    dress(ax, title=tr("What each action returns by {by}", by=tr(by)), subtitle=reading)
    ax.grid(visible=False)
    return ax


def _cell(row: Mapping[Any, Any]) -> str:
    if not row["eligible"]:
        return tr("nobody")
    if np.isnan(row["roi"]):
        return tr("no cost each\npays {share}", share=percent(row["p_pays"]))
    if np.isnan(row["roi_p05"]):
        return tr("{roi:.2f}\nchosen {chosen:,} of {eligible:,}", **row)
    return tr("{roi:.2f}\n{roi_p05:.1f} to {roi_p95:.1f}\nchosen {chosen:,} of {eligible:,}", **row)


def _ink(roi: float, reach: float) -> str:
    return "white" if abs(roi) > 0.65 * reach else BLACK


def plot_budget_curve(plan: Plan, *, ax: Axes | None = None) -> Axes:
    """Draw expected net value against money spent with its band, the plan's place and the shadow price."""
    curve, told = plan.budget_curve, plan.attrs
    ax = new_axes(ax, size=(7.2, 4.2))
    ax.fill_between(curve["cost"], curve["net_p05"], curve["net_p95"], color=BLUE, alpha=0.15, linewidth=0)
    ax.plot(curve["cost"], curve["net"], color=BLUE, linewidth=2)
    ax.plot(told["allocation_cost"], told["allocation_net"], marker="o", markersize=8, color=VERMILLION)
    price = told["shadow_price"]
    words = mark("plan: {net} for {cost}\nanother {unit} would return {more}")
    if price == 0:
        words = mark("plan: {net} for {cost}\nmore money would not return itself")
    net, cost = (money(told[f"allocation_{part}"], _currency(plan)) for part in ("net", "cost"))
    unit, more = money(1, _currency(plan)), money(1 + price, _currency(plan), decimals=2)
    right = told["allocation_cost"] < 0.6 * max(float(curve["cost"].max()), 1e-9)
    ax.annotate(
        tr(words, net=net, cost=cost, unit=unit, more=more),
        (told["allocation_cost"], told["allocation_net"]),
        xytext=(12 if right else -12, -30),
        textcoords="offset points",
        ha="left" if right else "right",
        va="top",
        fontsize=9,
        color=BLACK,
        parse_math=False,
    )
    ax.axhline(0, color=GREY, linewidth=0.8)
    for axis in (ax.xaxis, ax.yaxis):
        money_axis(axis, _currency(plan))
    ax.set_xlabel(tr("money spent, in expectation"))
    ax.set_ylabel(tr("expected net value ({basis})", basis=_basis(plan)))
    reading = tr("The best allocation of each amount of money, with 90 %; its slope is the shadow price")
    start = float(curve["cost"].min())
    if start > 0:
        reading = tr(
            "The best use of each amount of money, with 90 %, once {start} of fixed costs are spent;\n"
            "its slope is the shadow price",
            start=money(start, _currency(plan)),
        )
    elif (plan.actions["fixed_cost"] > 0).any():
        reading = tr(
            "The best use of each amount of money, with 90 %; its slope is the shadow price.\nLevel where "
            "money does not yet pay for another fixed cost"
        )
    return dress(ax, title=tr("What does more budget bring?"), subtitle=reading)


def plot_policies(plan: Plan, *, ax: Axes | None = None) -> Axes:
    """Draw the claimed net value of the plan and of what it is compared with, with 90 % intervals."""
    table = plan.policies.sort_values("net", kind="stable").reset_index(drop=True)
    ax = new_axes(ax, size=(7.8, 1.6 + 0.34 * len(table)))
    colours = [VERMILLION if name == PLAN else BLUE for name in table["policy"]]
    ax.hlines(range(len(table)), table["net_p05"], table["net_p95"], color=colours, linewidth=5, alpha=0.35)
    ax.scatter(table["net"], range(len(table)), color=colours, s=26, zorder=3)
    ax.axvline(0, color=GREY, linewidth=0.8)
    rows_axis(ax, range(len(table)), [word(name) for name in table["policy"]])
    money_axis(ax.xaxis, _currency(plan))
    ax.set_xlabel(
        tr("net value ({basis}) within {horizon}, 90 % interval", basis=_basis(plan), horizon=_horizon(plan))
    )
    reading = tr("All at the same budget and on the same draws; nothing costs nothing and brings nothing")
    return dress(ax, title=tr("The plan beside what else could be done"), subtitle=reading, grid="x")


def plot_customers(plan: Plan, *, ax: Axes | None = None) -> Axes:
    """Draw customers on the plane of P(alive) and expected value, coloured by what is done.

    Who is held out from a recommended action stands apart: each action has the customers of its row in
    ``plan.actions``.
    """
    table = plan.customers
    ax = new_axes(ax, size=(7.8, 4.8))
    value = table["ltv_mean"].to_numpy(float)
    floor = max(float(np.nanquantile(value[value > 0], 0.01)), 1e-3) if (value > 0).any() else 1e-3
    names = [str(each) for each in plan.draws["action"].values]
    ways: dict[str, dict[str, Any]] = {NO_ACTION: {"s": 9, "color": "#BDBDBD"}}
    for at, name in enumerate(names):
        colour = ACTION_COLOURS[at % len(ACTION_COLOURS)]
        ways[name] = {"s": 14, "color": colour, "edgecolor": "white", "linewidth": 0.3}
    ways[HOLD_OUT] = {"s": 16, "facecolor": "white", "edgecolor": BLACK, "linewidth": 0.9}
    counts = {name: int((table["assignment"] == name).sum()) for name in ways}
    for name, way in ways.items():
        mine = (table["assignment"] == name).to_numpy()
        if mine.any() or name == NO_ACTION:
            label = f"{word(name)} ({counts[name]:,})"
            ax.scatter(table["p_alive"][mine], np.maximum(value[mine], floor), label=label, **way)
    ax.set_yscale("log")
    money_axis(ax.yaxis, _currency(plan))
    percent_axis(ax.xaxis)
    ax.set_xlabel(tr("probability of still being a customer"))
    ax.set_ylabel(tr("expected value ({basis}), {horizon}", basis=_basis(plan), horizon=_horizon(plan)))
    legend_beside(ax, title=tr("what is done"))
    _mark_floor(value, floor, ax)
    treated = sum(counts[name] for name in names)
    text = mark("{treated:,} customers get an action")
    if counts[HOLD_OUT]:
        text = mark("{treated:,} customers get an action; {held:,} more should, and are held out at random")
    reading = tr(text, treated=treated, held=counts[HOLD_OUT])
    return dress(ax, title=tr("Who gets what"), subtitle=reading, grid="both")


def _mark_floor(value: Floats, floor: float, ax: Axes) -> None:
    """Say that who is worth less than the floor, which a logarithmic axis cannot show, stands on it."""
    below = int((value < floor).sum())
    if below:
        ax.axhline(floor, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
        words = tr("on this line: {customers:,} worth as little or less", customers=below)
        where = ("axes fraction", "data")
        note(ax, words, (1, floor), (-3, 4), size=8, colour=GREY, measured=where, align=("right", "baseline"))


def plan_figures(plan: Plan) -> dict[str, Callable[[], Axes]]:
    """Return what draws a plan, by name of the figure; all are of actions: without any there is none."""
    if not plan.actions_offered:
        return {}
    segments = set() if plan.returns is None else set(plan.returns["by"])
    shown = [by for by in ("tier", "stage") if by in segments]
    currency = _currency(plan)
    return {
        "plan_waterfall": partial(plot_waterfall, plan),
        "plan_roi": partial(plot_roi, plan),
        "plan_budget_curve": partial(plot_budget_curve, plan),
        "plan_policies": partial(plot_policies, plan),
        "plan_customers": partial(plot_customers, plan),
        **{f"plan_returns_{by}": partial(plot_returns, plan, by=by) for by in shown},
        **{
            f"test_value_{name}": partial(plot_test_value, test, currency=currency, name=name)
            for name, test in plan.tests.items()
        },
    }


def _basis(plan: Plan) -> str:
    return word(plan.attrs.get("value_basis") or "margin")


def _horizon(plan: Plan) -> str:
    return span(plan.attrs["horizon"])


def _currency(plan: Plan) -> object:
    return plan.attrs.get("currency")

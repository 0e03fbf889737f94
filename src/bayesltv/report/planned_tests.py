"""What a test is worth, as a figure and as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesltv.experiments.test_plan import TestPlan
from bayesltv.languages.language import label, mark, tr
from bayesltv.languages.written import percent
from bayesltv.report.style import BLACK, BLUE, GREY, ORANGE, dress, money, money_axis, new_axes, note

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_test_value(
    plan: TestPlan, *, currency: object = None, name: str = "", ax: Axes | None = None
) -> Axes:
    """Draw the expected value of a test and its net benefit by size, the ceiling and the best size.

    Parameters
    ----------
    plan : TestPlan
    currency : str, optional
    name : str
        Of the action, for the title.
    ax : Axes, optional
    """
    ax = new_axes(ax)
    curve = plan.curve
    # net benefit falls without limit once most customers are in the test: show it where it is of interest
    reach = max(plan.evppi, plan.cost, 1.0)
    floor = -0.35 * reach if plan.cost < 0.3 * reach else -1.3 * plan.cost
    shown = np.where(curve["net_benefit"] >= floor, curve["net_benefit"], np.nan)
    ax.axhline(0.0, color=GREY, linewidth=0.8)
    ax.axhline(plan.evppi, color=BLACK, linewidth=1.0, linestyle=(0, (4, 3)))
    ax.plot(curve["n_per_arm"], curve["evsi"], color=BLUE, linewidth=1.8)
    ax.plot(curve["n_per_arm"], shown, color=ORANGE, linewidth=1.8)
    ax.set_xscale("log")
    ax.set_ylim(floor, 1.16 * reach)
    left = curve["n_per_arm"].iloc[0]
    ceiling = tr("ceiling: knowing the effect exactly, {evppi}", evppi=money(plan.evppi, currency))
    note(ax, ceiling, (left, plan.evppi), (0, 4))
    if plan.is_worthwhile:
        ax.plot([plan.n_per_arm], [plan.net_benefit], "o", color=ORANGE, markersize=6)
        told = tr(
            "best:\n{n_per_arm:,} an arm\n{net_benefit} net",
            n_per_arm=plan.n_per_arm,
            net_benefit=money(plan.net_benefit, currency),
        )
        note(ax, told, (plan.n_per_arm, plan.net_benefit), (0, -48), align=("center", "baseline"))
    middle = _label_point(curve["n_per_arm"], curve["evsi"], 0.5)
    note(ax, tr("value of the test (EVSI)"), middle, (-6, 4), colour=BLUE, align=("right", "baseline"))
    ax.set_xlabel(tr("customers in each arm"))
    ax.set_ylabel(tr("expected gain over deciding now"))
    money_axis(ax.yaxis, currency)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    title = (tr("A test pays") if plan.is_worthwhile else tr("No test pays")) + (f": {name}" if name else "")
    subtitle = tr("orange: net benefit, after what the test costs and what its arms forgo")
    return dress(ax, title=title, subtitle=subtitle)


def plans_for_terminal(plans: Mapping[str, TestPlan], *, currency: object = None) -> Any:  # noqa: ANN401
    """Return a rich table of test plans, one row per action."""
    from rich.table import Table

    table = Table(title=tr("Is a test worth it?"), title_justify="left")
    for heading in (
        "action",
        "per arm",
        "weeks",
        "net benefit",
        "ceiling (EVPPI)",
        "window shows",
        "Test & Roll",
        "what to do",
    ):
        table.add_column(tr(heading), justify="left" if heading in ("action", "what to do") else "right")
    for name, plan in plans.items():
        table.add_row(
            label(name),
            f"{plan.n_per_arm:,}" if plan.is_worthwhile else "–",
            "–" if plan.weeks is None else f"{plan.weeks:,.1f}",
            money(plan.net_benefit, currency),
            money(plan.evppi, currency),
            "–" if plan.share_seen is None else percent(plan.share_seen),
            f"{plan.test_and_roll:,}",
            (tr("test") if plan.is_worthwhile else tr("no test: {instead}", instead=tr(plan.without)))
            + _blind(plan),
        )
    return table


def _blind(plan: TestPlan) -> str:
    """Return what to do instead where the window of a test shows little."""
    if not plan.is_blind or plan.watch_weeks is None:
        return ""
    if np.isnan(plan.watch_weeks):
        return tr("; nearly blind: accept the assumption")
    text = mark("; nearly blind: watch returns over {weeks:,.0f} weeks, or accept the assumption")
    return tr(text, weeks=plan.watch_weeks)


def _label_point(x: Any, y: Any, share: float) -> tuple[float, float]:  # noqa: ANN401
    """Return the point where a curve first reaches a share of its end."""
    at = int(np.argmax(np.asarray(y) >= share * float(np.asarray(y)[-1])))
    return float(np.asarray(x)[at]), float(np.asarray(y)[at])

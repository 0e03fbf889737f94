"""A plan for a terminal: its tables, and what is to be said of them."""

from rich.console import Console

from bayesltv.cli.output.acquisition import (
    acquisition_table,
    next_unit_line,
    payback_line,
    split_line,
    split_table,
)
from bayesltv.cli.output.narrow import print_line
from bayesltv.cli.output.plan import (
    actions_table,
    budget_lines,
    policies_table,
    portfolio_lines,
    refresh_line,
    segments_table,
    uplift_shown,
)
from bayesltv.decisions.plan import Plan
from bayesltv.languages.language import tr
from bayesltv.report.page.about_plan import treated_notes
from bayesltv.report.planned_tests import plans_for_terminal


def show_plan(plan: Plan, console: Console) -> None:
    """Print the tables of a plan and what is to be said of them."""
    console.print(segments_table(plan))
    if plan.actions_offered:
        console.print(actions_table(plan))
        console.print(policies_table(plan))
    if plan.uplift is not None:
        title = tr("What the tests measured, money per customer")
        console.print(uplift_shown(plan.uplift, title=title, currency=plan.attrs["currency"]))
    if plan.tests:
        console.print(plans_for_terminal(plan.tests, currency=plan.attrs["currency"]))
    if plan.acquisition is not None:
        console.print(acquisition_table(plan))
    if plan.split is not None:
        console.print(split_table(plan))
    lines = [*portfolio_lines(plan), *(budget_lines(plan) if plan.actions_offered else ())]
    if plan.split is not None:
        lines.append(split_line(plan))
    if plan.next_unit is not None:
        lines += [payback_line(plan), next_unit_line(plan)]
    if plan.refresh is not None:
        lines.append(refresh_line(plan.refresh))
    lines += treated_notes(plan.attrs)
    for line in lines:
        print_line(console, line)

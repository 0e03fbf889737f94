"""``explain``: what is said of one customer, and why, in words, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesltv.allocation.hold_out import HOLD_OUT
from bayesltv.base.placed_base import PlacedBase
from bayesltv.data.ids import plain_text
from bayesltv.decisions.reasons import HELD, NO_GAIN, NO_MONEY, NO_ROOM, NOT_ELIGIBLE
from bayesltv.errors import DataError
from bayesltv.languages.language import label, mark, tr, trn
from bayesltv.languages.written import day, figure, percent, span
from bayesltv.names import CUSTOMER_ID, FREQUENCY, VALUE_TO_DATE
from bayesltv.prediction.alive_path import alive_path_base
from bayesltv.prediction.scores.score import score_base
from bayesltv.prediction.scores.score_columns import tier_column, tiers_among
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.report.style import money
from bayesltv.specs.decision.actions import NO_ACTION
from bayesltv.specs.decision.decision_spec import DecisionSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayesltv.decisions.plan import Plan

_CENTS_BELOW = 1000
_SAME = ("as_of_date", "spec_hash", "decision_hash", "seed")
"""What a plan and the scores of the same base and decision share."""
_ABOUT = {
    "history": (FREQUENCY, "first_purchase", "last_purchase", VALUE_TO_DATE),
    "alive": ("p_alive", "p_alive_p05", "p_alive_p95"),
    "wait": ("next_purchase_days_p50", "expected_purchases", "p_purchase_horizon"),
    "value": ("ltv_mean", "ltv_p05", "ltv_p50", "ltv_p95"),
    "plan": (
        "recommended_action", "assignment", "action_net_mean", "action_net_p05", "action_net_p95",
        "p_action_pays", "action_cost_mean", "effect_source", "reason", "runner_up", "runner_up_net_mean",
    ),
}  # fmt: skip
_REASONS = {
    NOT_ELIGIBLE: mark("The plan does nothing: the customer is eligible for no action."),
    NO_GAIN: mark("The plan does nothing: no action is expected to pay."),
    NO_MONEY: mark("The plan does nothing: the money does more elsewhere."),
    NO_ROOM: mark("The plan does nothing: the room for actions is used up."),
}
_BEST = mark("The best option would be {action}: {net} net.")
_OTHER = mark("The best other option is {action}: {net} net.")
_MORE = mark("{action} would bring more, {net} net, but the plan's money or limits stand against it.")


@dataclass(frozen=True, repr=False)
class Explanation:
    """What is said of one customer; ``str()`` says it in sentences.

    Attributes
    ----------
    customer_id : str
    row : mapping
        The customer's row of ``score``, ``p_alive_p05`` and ``p_alive_p95`` (quantiles of the draws), and
        what a plan adds to it.
    path : DataFrame
        From ``base.alive_path``.
    attrs : mapping
        Those of the score table: horizon, currency, seed, ...
    """

    customer_id: str
    row: dict[str, Any]
    path: pd.DataFrame
    attrs: dict[str, Any]

    @property
    def table(self) -> pd.DataFrame:
        """One row per fact: ``about``, ``quantity`` (a column of ``score``, or of the plan) and ``value``."""
        tiers = [name for name in self.row if name == "tier" or name.startswith(tier_column(""))]
        rows = [
            (about, name, self.row[name])
            for about, names in (*list(_ABOUT.items())[:-1], ("tier", tiers), ("plan", _ABOUT["plan"]))
            for name in names
            if name in self.row
        ]
        return pd.DataFrame(rows, columns=["about", "quantity", "value"]).astype({"value": object})

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the customer's purchases and P(alive) day by day; see ``plot.history``."""
        from bayesltv.report.figures.histories import plot_history

        return plot_history(self.path, ax=ax)

    def __str__(self) -> str:
        return "\n".join((*self._history(), *self._future(), *self._tier(), *self._plan()))

    def __repr__(self) -> str:
        return f"<Explanation of customer {self.customer_id}: print it, .table, .plot()>"

    def _money(self, name: str) -> str:
        amount = float(self.row[name])
        return money(amount, self.attrs["currency"], decimals=2 if abs(amount) < _CENTS_BELOW else 0)

    def _history(self) -> Iterator[str]:
        seen = self.path[~self.path["is_forecast"]]
        days = seen.loc[seen["is_purchase"], "day"].dt.date
        first, last, end = day(days.iloc[0]), day(days.iloc[-1]), day(seen["day"].iloc[-1].date())
        if len(days) == 1:
            yield tr("Customer {who} bought on {first}, and not again up to {end}.",
                     who=self.customer_id, first=first, end=end)  # fmt: skip
        else:
            yield trn(
                "Customer {who} bought first on {first} and again on {n} day up to {end}, last on {last}.",
                "Customer {who} bought first on {first} and again on {n} days up to {end}, last on {last}.",
                len(days) - 1, who=self.customer_id, first=first, last=last, end=end,
            )  # fmt: skip
        if VALUE_TO_DATE in self.row:
            yield tr("Its purchases so far come to {amount}.", amount=self._money(VALUE_TO_DATE))

    def _future(self) -> Iterator[str]:
        row, horizon = self.row, span(self.attrs["horizon"])
        wait, purchases = figure(row["next_purchase_days_p50"]), figure(row["expected_purchases"], 2)
        yield tr(
            "It is still a customer with probability {now}; without a purchase this falls to {then} by "
            "{day}.",
            now=percent(row["p_alive"]), then=percent(self.path["p_alive"].iloc[-1]),
            day=day(self.path["day"].iloc[-1].date()),
        )  # fmt: skip
        if pd.isna(row["next_purchase_days_p50"]):
            yield tr("More likely than not it does not buy again.")
        else:
            yield tr("The next purchase comes within {n} days with probability {half}.",
                     n=wait, half=percent(0.5))  # fmt: skip
        yield tr(
            "Within {horizon}, {n} purchases are expected; the probability of at least one is {share}.",
            horizon=horizon, n=purchases, share=percent(row["p_purchase_horizon"]),
        )  # fmt: skip
        if "ltv_mean" in row:
            yield tr(
                "Its value within {horizon} is {mean} in expectation, and with probability {ninety} between "
                "{low} and {high}.",
                horizon=horizon, mean=self._money("ltv_mean"), ninety=percent(0.9),
                low=self._money("ltv_p05"), high=self._money("ltv_p95"),
            )  # fmt: skip

    def _tier(self) -> Iterator[str]:
        if "tier" in self.row:
            shares = ", ".join(
                f"{label(t)} {percent(self.row[tier_column(t)])}" for t in tiers_among(self.row)
            )
            yield tr("Its tier is {tier} ({shares}).", tier=label(self.row["tier"]), shares=shares)

    def _plan(self) -> Iterator[str]:
        row = self.row
        if "recommended_action" not in row:
            return
        if row["recommended_action"] == NO_ACTION:
            yield tr(_REASONS[row["reason"]])
        else:
            yield tr(
                "The plan's action is {action}: it brings {net} net in expectation, and pays with "
                "probability {share}.",
                action=label(row["recommended_action"]), net=self._money("action_net_mean"),
                share=percent(row["p_action_pays"]),
            )  # fmt: skip
        if row["assignment"] == HOLD_OUT or row["reason"] == HELD:
            yield tr("It is held out at random, so that one learns what the action does.")
        if row["runner_up"] != NO_ACTION:
            yield tr(_second(row), action=label(row["runner_up"]), net=self._money("runner_up_net_mean"))


def _second(row: dict[str, Any]) -> str:
    """Return the sentence of the runner-up; it can bring more where money or room stand against it."""
    if row["recommended_action"] == NO_ACTION:
        return _BEST
    return _MORE if row["runner_up_net_mean"] > row["action_net_mean"] else _OTHER


def explain_base(
    base: PlacedBase, customer: object, decision: DecisionSpec, plan: Plan | None = None
) -> Explanation:
    """Return what is said of one customer, and why.

    Parameters
    ----------
    base : PlacedBase
        Of a summary with ``repeat_days``.
    customer : object
        Id.
    decision : DecisionSpec
    plan : Plan, optional
        Of this base and decision: adds its action, reason and runner-up, and its tier.

    Returns
    -------
    Explanation

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    DataError
        Where the customer is not in the summary, the summary has no days of repeat purchases, or the plan is
        one of another base or decision.
    """
    who = plain_text(customer)
    ids = base.summary[CUSTOMER_ID]
    if not (ids == who).any():
        near = get_close_matches(who, ids.tolist(), n=1)
        hint = "the nearest is {ids}" if near else "it has {ids}"
        raise DataError(
            f"there is no customer {{quoted}} among the {len(base):,} of the summary: {hint}",
            ids=near or ids, quoted=who,
        )  # fmt: skip
    told: dict[str, Any] = {} if plan is None else dict(plan.attrs)
    draws = told.get("draws", DRAWS)
    is_alone = decision.tiers is None or decision.tiers.is_absolute
    scores = score_base(base.of([who]) if is_alone else base, decision, draws=draws)
    row = _row_of(scores, who)
    if plan is not None:
        _require_same(plan, scores)
        row |= _row_of(plan.customers, who)
    path = alive_path_base(base, who, draws=draws)
    today = path[~path["is_forecast"]].iloc[-1]
    row |= {name: float(today[name]) for name in ("p_alive_p05", "p_alive_p95")}
    return Explanation(who, row, path, {str(name): value for name, value in scores.attrs.items()})


def _row_of(table: pd.DataFrame, who: str) -> dict[str, Any]:
    found = pd.DataFrame(table)[(table[CUSTOMER_ID] == who).to_numpy()]
    if found.empty:
        raise DataError("the plan does not have the customer ({ids}): decide() for this summary", ids=[who])
    return {str(name): value for name, value in found.iloc[0].items()}


def _require_same(plan: Plan, scores: pd.DataFrame) -> None:
    """Raise DataError where a plan is one of another base or decision."""
    other = [name for name in _SAME if plan.attrs.get(name) != scores.attrs.get(name)]
    if other:
        raise DataError(
            f"the plan is one of another base or decision ({', '.join(other)} differ): pass that which "
            "base.decide(decision) returns"
        )

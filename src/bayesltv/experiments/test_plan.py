"""A test as it is planned: what it would be worth, how large it should be, and what to do, in words."""

from dataclasses import dataclass

import pandas as pd

from bayesltv.languages.language import as_kept, mark

BLIND = 0.5
"""Share of EVPPI below which a test is called nearly blind."""


@dataclass(frozen=True, kw_only=True)
class TestPlan:
    """What a test would be worth, and how large it should be.

    Attributes
    ----------
    effect_mean, effect_sd : float
        m₀ and s₀: belief about the net effect per customer, in money.
    outcome_sd : float
        s: standard deviation of one customer's outcome, in money.
    customers : int
        N: everybody whom the action is for.
    n_per_arm : int
        Size with the highest expected net benefit; 0: do not test.
    net_benefit : float
        ENBS at that size, in money: what deciding after the test is worth more than deciding now.
    evppi : float
        Value of knowing the effect exactly, over all customers: no test can be worth more.
    evpi : float, optional
        Value of knowing everything, each customer's future included: not a ceiling that a test can come near.
    weeks : float, optional
        To enrol both arms at the given traffic and wait for the window to pass.
    test_and_roll : int
        n of Feit & Berman (2019) for two arms alike a priori, with sd of an arm's mean s₀/√2.
    cost : float
        Fixed cost of testing.
    curve : DataFrame
        n_per_arm, evsi (over all customers), net_benefit.
    evppi_window : float, optional
        Value of all that a window of any number of customers shows: between EVSI and EVPPI.
    share_seen : float, optional
        EVSI at the planned size (without one: at a twentieth of all) as a share of EVPPI.
    window_weeks : float
        How long the outcome is watched.
    watch_weeks : float, optional
        Where a test is nearly blind: how long to watch returns instead; NaN: longer than the horizon.
    """

    __test__ = False  # no test of pytest's

    effect_mean: float
    effect_sd: float
    outcome_sd: float
    customers: int
    n_per_arm: int
    net_benefit: float
    evppi: float
    evpi: float | None
    weeks: float | None
    test_and_roll: int
    cost: float
    curve: pd.DataFrame
    evppi_window: float | None = None
    share_seen: float | None = None
    window_weeks: float = 0.0
    watch_weeks: float | None = None

    @property
    def is_blind(self) -> bool:
        """Whether the window shows little of what the action does."""
        return self.share_seen is not None and self.share_seen < BLIND

    @property
    def is_worthwhile(self) -> bool:
        """Whether to test."""
        return self.n_per_arm > 0

    @property
    def without(self) -> str:
        """What to do without a test."""
        return mark("treat everybody") if self.effect_mean > 0 else mark("leave the action out")

    @property
    def advice(self) -> str:
        """What to do, in a sentence."""
        return _advice(self)


def _advice(plan: TestPlan) -> str:
    """Return what to do, in English as it is kept."""
    decided = _sighted(plan, plan.without)
    if not plan.is_worthwhile:
        return as_kept(
            "do not test: knowing the effect exactly would be worth {most}, and no size of test gains "
            "more than it costs ({cost}); {decided}",
            most=f"{plan.evppi:,.0f}", cost=f"{plan.cost:,.0f}", decided=decided,
        )  # fmt: skip
    text = mark(
        "test {n} customers in each arm: worth {net} net of its cost, of at most {most}; without a test: "
        "{decided}"
    )
    if plan.weeks is not None:
        text = mark(
            "test {n} customers in each arm, {weeks} weeks: worth {net} net of its cost, of at most "
            "{most}; without a test: {decided}"
        )
    return as_kept(
        text, n=f"{plan.n_per_arm:,}", weeks=f"{plan.weeks or 0:,.1f}", net=f"{plan.net_benefit:,.0f}",
        most=f"{plan.evppi:,.0f}", decided=decided,
    )  # fmt: skip


def _sighted(plan: TestPlan, decided: str) -> str:
    """Return what was decided, and what is to be said of a test that is nearly blind."""
    if not plan.is_blind or plan.watch_weeks is None:
        return decided
    text = mark(
        "{decided}. Nearly blind: {weeks} weeks show {share} of what knowing the effect is worth; accept "
        "the assumption"
    )
    if plan.watch_weeks == plan.watch_weeks:
        text = mark(
            "{decided}. Nearly blind: {weeks} weeks show {share} of what knowing the effect is worth; "
            "watch returns over {watch} weeks instead, or accept the assumption"
        )
    return as_kept(
        text, decided=decided, weeks=f"{plan.window_weeks:,.0f}", share=f"{plan.share_seen:.0%}",
        watch=f"{plan.watch_weeks:,.0f}",
    )  # fmt: skip

"""How a fit meets a summary: the arguments that every question of the two has in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bayesltv.dates import Date

UnknownGroups = Literal["error", "population"]


@dataclass(frozen=True)
class Meeting:
    """How the posterior draws of a fit are placed onto a summary, and what is accepted of the fit.

    Attributes
    ----------
    seed : int
        A customer's draws depend only on the posterior, the seed and the customer's own row.
    draws : int, optional
        Posterior draws of every question, spread evenly over chains; None for each question's own number.
    unknown_groups : "error" or "population"
        What to do with levels of a group column that the fit has not seen.
    accept_failed : sequence of str
        Failed checks of the fit that are accepted.
    max_fit_age_days : float, optional
        Refuse a fit whose data end more days than this before the summary's.
    time_unit, observation_end : optional
        For a summary that has lost its attributes.
    without_first_amounts : bool
        Leave first amounts out of what is known of customers, though the fit uses them.
    """

    seed: int
    draws: int | None = None
    unknown_groups: UnknownGroups = "error"
    accept_failed: Sequence[str] = ()
    max_fit_age_days: float | None = None
    time_unit: str | None = None
    observation_end: Date | None = None
    without_first_amounts: bool = False

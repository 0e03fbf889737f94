"""The columns of a score table, each told once: name, type, unit, what it says, and its heading."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from bayesltv.languages.language import mark, tr
from bayesltv.names import (
    ACCEPTED_FAILED,
    AS_OF_DATE,
    CUSTOMER_ID,
    FIRST_PURCHASE,
    FREQUENCY,
    LAST_PURCHASE,
    MODEL_VERSION,
    VALUE_TO_DATE,
)

Kind = Literal["text", "date", "count", "number"]
TIER_PREFIX = "p_tier_"


@dataclass(frozen=True)
class ScoreColumn:
    """A column of a score table, or the pattern of some.

    Attributes
    ----------
    name : str
        Or a pattern: ``p_tier_<tier>`` stands for one column per tier, ``<group>`` for the group columns.
    kind : "text", "date", "count" or "number"
        Text, days without a time, whole numbers, 64-bit floats.
    unit : str
        Empty where there is none.
    how : str
        What it says, in documentation; those that follow each other with the same text share a line.
    label : str
        Its heading in tables.
    is_shown : bool
        Whether a report needs it.
    """

    name: str
    kind: Kind
    unit: str
    how: str
    label: str
    is_shown: bool = False

    @property
    def prefix(self) -> str | None:
        """What the names of a pattern begin with; None for a column of its own."""
        head, mark, _ = self.name.partition("<")
        return head if mark else None


GROUP_COLUMNS = ScoreColumn("<group>", "text", "", mark("as in the summary"), "group", is_shown=True)
_QUANTILE = mark("quantiles of the predictive distribution of value")
_PURCHASE = mark("at least one purchase within 30 days, 90 days, the horizon")
SCORE_COLUMNS = (
    ScoreColumn(CUSTOMER_ID, "text", "", mark("as in the summary"), "customer", is_shown=True),
    GROUP_COLUMNS,
    ScoreColumn(
        "ltv_mean", "number", "money",

        mark("expected value within the decision's horizon; missing where it is infinite"),
        "value", is_shown=True,
    ),
    ScoreColumn("ltv_p05", "number", "money", _QUANTILE, "value, 5 %", is_shown=True),
    ScoreColumn("ltv_p50", "number", "money", _QUANTILE, "value, median", is_shown=True),
    ScoreColumn("ltv_p95", "number", "money", _QUANTILE, "value, 95 %", is_shown=True),
    ScoreColumn(
        "p_alive", "number", "share",

        mark("still a customer at the end of observation; not a reason to act by itself, see below"),
        "P(alive)",
        is_shown=True,
    ),
    ScoreColumn("p_purchase_30d", "number", "share", _PURCHASE, "P(buys in 30 d)"),
    ScoreColumn("p_purchase_90d", "number", "share", _PURCHASE, "P(buys in 90 d)"),
    ScoreColumn("p_purchase_horizon", "number", "share", _PURCHASE, "P(buys)"),
    ScoreColumn(
        "expected_purchases", "number", "purchases", mark("within the horizon"), "purchases", is_shown=True
    ),
    ScoreColumn("expected_spend_per_purchase", "number", "money",
        mark("expected amount of one"), "per purchase"),
    ScoreColumn(
        "next_purchase_days_p50", "number", "days",

        mark("median wait; missing where no further purchase within a century is the likelier outcome"),
        "next",
    ),
    ScoreColumn(
        f"{TIER_PREFIX}<tier>", "number", "share", mark("value falls in the tier"), "P(tier)", is_shown=True
    ),
    ScoreColumn("tier", "text", "",
        mark("the label with the least expected cost of error"), "tier", is_shown=True),
    ScoreColumn(FIRST_PURCHASE, "date", "date", mark("of a customer's purchases"), "first purchase"),
    ScoreColumn(LAST_PURCHASE, "date", "date", mark("of a customer's purchases"), "last purchase"),
    ScoreColumn(FREQUENCY, "count", "days", mark("what is known"), "repeats", is_shown=True),
    ScoreColumn(VALUE_TO_DATE, "number", "money", mark("what is known"), "so far"),
    ScoreColumn(
        "fit_age_days", "number", "days",
        mark("from the fit's end of observation to that of the summary"), "age of the fit",
    ),
    ScoreColumn(
        ACCEPTED_FAILED, "text", "",
        mark("failed checks of the fit that were accepted; only there where there are any"), "accepted",
    ),
    ScoreColumn(
        AS_OF_DATE, "date", "date",
        mark("the last day observed; only in tables of databases and catalogues, and in plans"), "as of",
    ),
    ScoreColumn(
        MODEL_VERSION, "text", "",
        mark("hash of the spec, in tables also of the fit; only there and in plans"), "model",
    ),
)  # fmt: skip
"""In the order of the table. What a fit or a decision does not say is left out."""
_PATTERNS = tuple(column for column in SCORE_COLUMNS if column.prefix)
_BY_NAME = {column.name: column for column in SCORE_COLUMNS}


def tier_column(tier: str) -> str:
    """Return the name of the column that holds the probability of a tier."""
    return f"{TIER_PREFIX}{tier}"


def tiers_among(names: Iterable[object]) -> list[str]:
    """Return the tiers of which a table has probabilities, in its order."""
    texts = [str(name) for name in names]
    return [text.removeprefix(TIER_PREFIX) for text in texts if text.startswith(TIER_PREFIX)]


def score_column(name: str) -> ScoreColumn | None:
    """Return the record of a column that is no group's; None where a score table has none of this name."""
    pattern = next((each for each in _PATTERNS if name.startswith(each.prefix or "")), None)
    return _BY_NAME.get(name, pattern)


def kinds_of(*names: str) -> dict[str, Kind]:
    """Return name -> type of columns of a score table, in this order."""
    return {name: _BY_NAME[name].kind for name in names}


def label_of(name: str) -> str:
    """Return the heading of a column of a score table."""
    return _BY_NAME[name].label


def in_order(names: Iterable[str], *, groups: Sequence[str] = ()) -> list[str]:
    """Return the columns of a score table in the table's order."""

    def place(name: str) -> int:
        column = GROUP_COLUMNS if name in groups else score_column(name)
        return len(SCORE_COLUMNS) if column is None else SCORE_COLUMNS.index(column)

    return sorted(names, key=place)


def documented() -> list[tuple[str, str, str]]:
    """Return names, units and meaning of the columns in the language spoken, as lines in Markdown."""
    lines = []
    for how, alike in groupby(SCORE_COLUMNS, key=lambda each: each.how):
        columns = list(alike)
        names = [tr("group columns") if each is GROUP_COLUMNS else f"`{each.name}`" for each in columns]
        units = dict.fromkeys(each.unit for each in columns if each.unit)
        lines.append((", ".join(names), ", ".join(map(tr, units)), tr(how)))
    return lines

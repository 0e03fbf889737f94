"""Columns of judged customers and totals per draw, put together as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from bayesltv.evaluation import rules
from bayesltv.evaluation.calibration import purchase_calibration
from bayesltv.evaluation.ranking import lift_by_tenth, normalised_gini, spearman
from bayesltv.evaluation.result import ALL
from bayesltv.evaluation.score_forecast import BINS
from bayesltv.languages.language import mark
from bayesltv.names import CUSTOMER_ID, FREQUENCY, MONETARY_VALUE, RECENCY, VALUE_TO_DATE, T
from bayesltv.numerics.arrays import Flags, Floats
from bayesltv.numerics.levels import ENDS, quantiles_of
from bayesltv.prediction.scores.score_columns import label_of, tier_column
from bayesltv.prediction.totals import Totals

GROUP_LABEL = "group"
RETURNERS = "returners"
PURCHASE, ALIVE = "purchase", mark("P(alive) as a forecast")
BASELINES = (FREQUENCY, VALUE_TO_DATE, MONETARY_VALUE)


def scores_table(judged: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """Return mean scores by quantity and group, all customers first."""
    rows = [
        {"quantity": quantity, "group": label, **_scores(part, quantity)}
        for quantity in quantities
        for label, part in _parts(judged)
    ]
    return pd.DataFrame(rows)


def coverage_table(judged: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """Return the share of customers inside intervals, and their mean width, by level."""
    rows = []
    for quantity in quantities:
        for label, part in _parts(judged):
            for level in rules.LEVELS:
                row = {
                    "quantity": quantity,
                    "group": label,
                    "level": level,
                    "predictive": part[f"{quantity}_covered_{level:.0%}"].mean(),
                    "predictive_width": part[f"{quantity}_width_{level:.0%}"].mean(),
                }
                if quantity == "purchases":
                    row["expectation"] = part[f"expectation_covered_{level:.0%}"].mean()
                    row["expectation_width"] = part[f"expectation_width_{level:.0%}"].mean()
                rows.append(row)
    return pd.DataFrame(rows)


def totals_table(totals: Totals, judged: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Return each total's predictive distribution beside what happened."""
    rows = []
    for quantity, draws, actual in _totalled(totals, judged):
        rows.append({"quantity": quantity, "group": ALL, **_total(draws.sum(axis=(0, 1)), actual.sum())})
        if len(labels) > 1:
            by_group = actual.groupby(judged[GROUP_LABEL]).sum()
            rows += [
                {"quantity": quantity, "group": label, **_total(draws[g].sum(axis=0), by_group[label])}
                for g, label in enumerate(labels)
                if label in by_group
            ]
    return pd.DataFrame(rows)


def frequency_table(totals: Totals, judged: pd.DataFrame) -> pd.DataFrame:
    """Return actual and predicted means by calibration frequency (expected against actual)."""
    place = judged[FREQUENCY].clip(upper=BINS - 1)
    customers = totals.customers.sum(axis=0)
    rows = []
    for quantity, draws, actual in _totalled(totals, judged):
        happened = actual.groupby(place).mean()
        for k in np.flatnonzero(customers):
            means = draws[:, k].sum(axis=0) / customers[k]
            rows.append(
                {
                    "quantity": quantity,
                    "frequency": f"{k}+" if k == BINS - 1 else str(k),
                    "customers": int(customers[k]),
                    "actual": float(happened[k]),
                    "predicted": float(means.mean()),
                    **quantiles_of(means, "predicted_", levels=ENDS),
                }
            )
    return pd.DataFrame(rows)


def ranking_table(judged: pd.DataFrame, summary: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """Return how well the forecast orders customers, and what is known without any model does."""
    rows = []
    for quantity in quantities:
        actual = judged[f"{quantity}_actual"].to_numpy(float)
        by = {"forecast": judged[f"{quantity}_expected"].to_numpy(float)}
        by |= {name: summary[name].fillna(0.0).to_numpy(float) for name in BASELINES if name in summary}
        by["recent purchase"] = (summary[RECENCY] - summary[T]).to_numpy(float)
        by[label_of("p_alive")] = judged["p_alive"].to_numpy(float)
        for name, values in by.items():
            found = {"spearman": spearman(values, actual), "gini": normalised_gini(values, actual)}
            rows.append({"quantity": quantity, "order": name, **found})
    return pd.DataFrame(rows)


def lift_table(judged: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """Return predicted and actual means by tenth of the forecast."""
    ids = judged[CUSTOMER_ID].to_numpy(dtype=object)
    parts = []
    for quantity in quantities:
        prediction = judged[f"{quantity}_expected"].fillna(0.0).to_numpy(float)
        table = lift_by_tenth(prediction, judged[f"{quantity}_actual"].to_numpy(float), ids)
        parts.append(table.assign(quantity=quantity))
    return _quantity_first(pd.concat(parts, ignore_index=True))


def event_tables(judged: pd.DataFrame, tiers: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores of probabilities, and their reliability by bin of the probability."""
    came = judged["purchases_actual"].to_numpy() > 0
    events = {PURCHASE: (judged["p_purchase"], came), ALIVE: (judged["p_alive"], came)}
    events |= {
        f"tier {name}": (judged[tier_column(name)], judged["tier_actual"].to_numpy() == name)
        for name in tiers
    }
    rows, bins = [], []
    for name, (chances, happened) in events.items():
        p = np.clip(chances.to_numpy(float), 0.0, 1.0)
        rows.append({"event": name, "customers": p.size, **_event(p, happened)})
        bins.append(purchase_calibration(p, happened).assign(event=name))
    table = pd.concat(bins, ignore_index=True).rename(columns={"came_back": "happened"})
    return pd.DataFrame(rows), table[["event", *(c for c in table.columns if c != "event")]]


def _scores(part: pd.DataFrame, quantity: str) -> dict[str, float]:
    actual, expected = part[f"{quantity}_actual"], part[f"{quantity}_expected"]
    below, upto = part[f"{quantity}_pit_below"].to_numpy(), part[f"{quantity}_pit_upto"].to_numpy()
    logs = f"{quantity}_log_score"
    return {
        "customers": len(part),
        "actual_mean": float(actual.mean()),
        "predicted_mean": float(expected.mean(skipna=False)),
        "crps": float(part[f"{quantity}_crps"].mean()),
        "log_score": float(part[logs].mean()) if logs in part else float("nan"),
        "pit_deviation": rules.pit_deviation(below, upto),
        "mae_of_median": float((actual - part[f"{quantity}_p50"]).abs().mean()),
        "rmse_of_mean": float(np.sqrt(((actual - expected) ** 2).mean(skipna=False))),
        "bias": float((expected - actual).mean(skipna=False)),
        "spearman": spearman(expected.to_numpy(float), actual.to_numpy(float)),
        "gini": normalised_gini(expected.to_numpy(float), actual.to_numpy(float)),
    }


def _event(p: Floats, happened: Flags) -> dict[str, float]:
    share = float(happened.mean())
    n_yes, n_no = int(happened.sum()), int((~happened).sum())
    ranks = rankdata(p)[happened].sum()
    return {
        "predicted": float(p.mean()),
        "actual": share,
        "brier": float(((p - happened) ** 2).mean()),
        "brier_of_share": share * (1 - share),
        "auc": float((ranks - n_yes * (n_yes + 1) / 2) / (n_yes * n_no)) if n_yes and n_no else float("nan"),
    }


def _total(draws: Floats, actual: float) -> dict[str, float | bool]:
    ends = {"p025": 0.025, "p05": 0.05, "p10": 0.1, "p25": 0.25, "p50": 0.5}
    ends |= {"p75": 0.75, "p90": 0.9, "p95": 0.95, "p975": 0.975}
    levels = dict(zip(ends, np.quantile(draws, list(ends.values())), strict=True))
    return {
        "actual": float(actual),
        "mean": float(draws.mean()),
        "sd": float(draws.std(ddof=1)) if draws.size > 1 else 0.0,
        **{name: float(value) for name, value in levels.items()},
        "share_below": float((draws <= actual).mean()),
        "inside_90": bool(levels["p05"] <= actual <= levels["p95"]),
    }


def _totalled(totals: Totals, judged: pd.DataFrame) -> Iterator[tuple[str, Floats, pd.Series[float]]]:
    """Yield each totalled quantity: draws (group, frequency, draw), and each customer's actual figure."""
    yield "purchases", totals.sums[0].astype(float), judged["purchases_actual"]
    if "spend_actual" in judged:
        yield "spend", totals.sums[1] * totals.step, judged["spend_actual"]
    yield RETURNERS, totals.sums[2] * totals.step, (judged["purchases_actual"] > 0).astype(float)


def _parts(judged: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield all customers, then each group where there are several."""
    yield ALL, judged
    if judged[GROUP_LABEL].nunique() > 1:
        yield from ((str(label), part) for label, part in judged.groupby(GROUP_LABEL, sort=True))


def _quantity_first(table: pd.DataFrame) -> pd.DataFrame:
    return table[["quantity", *(name for name in table.columns if name != "quantity")]]

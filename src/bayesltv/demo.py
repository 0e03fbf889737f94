"""The demo: everything on real purchases, with a hold-out that the model has not seen."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from bayesltv.files import make_folder, require_writable
from bayesltv.names import CUSTOMER_ID, FREQUENCY, LAST_PURCHASE, OBSERVATION_END, VALUE_TO_DATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayesltv.checks.result import CheckReport
    from bayesltv.decisions.plan import Plan
    from bayesltv.prediction.score import ScoreTable
    from bayesltv.spec.decision_spec import DecisionSpec

OBSERVED_UNTIL, KNOWN_UNTIL = "1997-09-30", "1998-06-30"
GROUP = "cohort"
SPEC, DECISION = "mbg_by_group", "retention"
"""MBG/NBD: under BG/NBD who bought once never leaves, and could be neither lapsed nor won back."""


@dataclass(frozen=True)
class Holdout:
    """What the model said about a time that it had not seen, and what happened.

    Attributes
    ----------
    horizon : str
        How long it was, in words.
    purchases, spend : tuple of float
        Predicted for all customers together: 5 %, 50 % and 95 % quantile.
    actual_purchases, actual_spend : float
        By the same customers.
    came_back : Series of bool
        Whether each customer bought, in the order of the scores.
    probability : Series of float
        What was predicted for it.
    covered : float
        Share of customers whose spend lies within their own interval from the 5 % to the 95 % quantile.
    """

    horizon: str
    purchases: tuple[float, float, float]
    spend: tuple[float, float, float]
    actual_purchases: float
    actual_spend: float
    came_back: "pd.Series[bool]"
    probability: "pd.Series[float]"
    covered: float


@dataclass(frozen=True)
class Demo:
    """What the demo made.

    Attributes
    ----------
    folder : Path
    files : tuple of Path
        All that was written, the figures last.
    summary : DataFrame
    report : CheckReport
    decision : DecisionSpec
    scores : ScoreTable
    holdout : Holdout
    plan : Plan
        Who gets which action.
    """

    folder: Path
    files: tuple[Path, ...]
    summary: pd.DataFrame
    report: "CheckReport"
    decision: "DecisionSpec"
    scores: "ScoreTable"
    holdout: Holdout
    plan: "Plan"


def run_demo(out: str | Path, *, seed: int, say: Callable[[str], None]) -> Demo:
    """Summarize, fit, check, score and draw CDNOW by cohort into a folder.

    Parameters
    ----------
    out : path
        Folder; made where it is not there.
    seed : int
    say : callable
        Told what is done next, in a few words.

    Raises
    ------
    StoreError
        Where the folder cannot be written to, or the data are not installed.
    CheckFailed
        Where the fit did.
    """
    from bayesltv.checks.run import stored_report
    from bayesltv.data.datasets import load_cdnow
    from bayesltv.data.store import file_digest, write_summary
    from bayesltv.data.summary import summarize
    from bayesltv.decisions.decide import decide
    from bayesltv.evaluation.evaluate import evaluate
    from bayesltv.fitting.store import save
    from bayesltv.pipeline import fit
    from bayesltv.prediction.score import score
    from bayesltv.report.crm import write_plan
    from bayesltv.report.export import score_files, write_scores, write_table
    from bayesltv.report.html import write_report
    from bayesltv.report.manifest import provenance_of
    from bayesltv.spec.catalogue import load_decision, load_spec

    folder = make_folder(out)
    summary_path, fit_path, csv_path = (folder / name for name in ("summary.parquet", "fit.nc", "scores.csv"))
    files = score_files(folder / "scores.parquet")
    require_writable(summary_path, fit_path, csv_path, *files.all)

    log = load_cdnow()
    say(f"summarizing {len(log):,} purchases up to {OBSERVED_UNTIL}")
    summary = summarize(log, observation_end=OBSERVED_UNTIL, time_unit="week", groups=[GROUP], currency="USD")
    write_summary(summary, summary_path)
    later = summarize(log, observation_end=KNOWN_UNTIL, time_unit="week", groups=[GROUP], currency="USD")

    say(f"sampling the posterior of the spec {SPEC} with seed {seed}")
    tree = fit(summary, load_spec(SPEC), seed=seed)
    save(tree, fit_path)
    digest = file_digest(fit_path)

    say(f"scoring {len(summary):,} customers")
    decision = load_decision(DECISION)
    scores = score(tree, summary, decision, seed=seed)
    origin = provenance_of(tree, summary, decision, scores, fit_sha256=digest, unknown_groups="error")
    write_scores(scores, scores.totals, files, provenance=origin)
    write_table(scores, csv_path)

    say(f"deciding who gets which of {len(decision.actions)} actions")
    plan = decide(tree, summary, decision, seed=seed)
    told = provenance_of(tree, summary, decision, plan, fit_sha256=digest, unknown_groups="error")
    written_plan = write_plan(plan, folder / "plan", provenance=told).all

    say("drawing the hold-out, the figures and the report")
    holdout = compare_holdout(tree, summary, later, seed=seed)
    figures = draw_figures(folder, tree, summary, later, scores, holdout, plan, seed=seed)
    page = write_report(
        tree,
        folder / "report.html",
        summary=summary,
        scores=scores,
        evaluation=evaluate(tree, summary, log, horizon=holdout.horizon, seed=seed),
        plan=plan,
    )
    written = (
        page,
        summary_path,
        fit_path,
        files.table,
        csv_path,
        files.totals,
        files.manifest,
        *written_plan,
        *figures,
    )
    return Demo(folder, written, summary, stored_report(tree), decision, scores, holdout, plan)


def compare_holdout(fit: xr.DataTree, summary: pd.DataFrame, later: pd.DataFrame, *, seed: int) -> Holdout:
    """Return what was predicted from the end of the summary to that of a later one, and what happened."""
    from bayesltv.prediction.score import score
    from bayesltv.spec.decision_spec import DecisionSpec, ValueSpec

    horizon = horizon_between(summary, later)
    # revenue without discount is spend
    value = ValueSpec(horizon=horizon, annual_discount_rate=0.0, basis="revenue")
    scores = score(fit, summary, DecisionSpec(value=value), seed=seed)
    totals = scores.totals.sum(("group", "tier"))
    then = later.set_index(CUSTOMER_ID).loc[summary[CUSTOMER_ID]].reset_index()
    spend = then[VALUE_TO_DATE] - summary[VALUE_TO_DATE]
    cent = 0.005  # differences of sums of amounts are exact to less than that
    covered = spend.between(scores["ltv_p05"] - cent, scores["ltv_p95"] + cent)
    return Holdout(
        horizon=horizon,
        purchases=_quantiles(totals["purchases"]),
        spend=_quantiles(totals["spend"]),
        actual_purchases=float((then[FREQUENCY] - summary[FREQUENCY]).sum()),
        actual_spend=float(spend.sum()),
        came_back=then[LAST_PURCHASE] > pd.Timestamp(summary.attrs[OBSERVATION_END]),
        probability=scores["p_purchase_horizon"],
        covered=float(covered.mean()),
    )


def horizon_between(summary: pd.DataFrame, later: pd.DataFrame) -> str:
    """Return the time between the ends of two summaries, in words."""
    ends = [pd.Timestamp(each.attrs[OBSERVATION_END]) for each in (summary, later)]
    days = (ends[1] - ends[0]).days
    return f"{days // 7} weeks" if days % 7 == 0 else f"{days} days"


def draw_figures(
    folder: Path,
    fit: xr.DataTree,
    summary: pd.DataFrame,
    later: pd.DataFrame,
    scores: pd.DataFrame,
    holdout: Holdout,
    plan: "Plan",
    *,
    seed: int,
) -> list[Path]:
    """Draw everything there is a figure for, and return where the pictures are."""
    from bayesltv.prediction.calibration import purchase_calibration
    from bayesltv.prediction.tracking import actual_counts, track
    from bayesltv.report import figures as draw
    from bayesltv.report.plan import plan_figures

    counts = track(fit, summary, seed=seed, horizon=holdout.horizon)
    actual = actual_counts(counts, later)
    table = purchase_calibration(holdout.probability, holdout.came_back)
    chosen = draw.spread_of_customers(scores)
    pictures: dict[str, Axes | Figure] = {
        "posterior": draw.plot_posterior(fit),
        "tracking_cumulative": draw.plot_tracking_cumulative(counts, actual),
        "tracking_weekly": draw.plot_tracking_weekly(counts, actual),
        "calibration": draw.plot_purchase_calibration(table, horizon=holdout.horizon),
        "tiers": draw.plot_tiers(scores),
        "tier_probabilities": draw.plot_tier_probabilities(scores, chosen),
        "ltv_intervals": draw.plot_ltv_intervals(scores, chosen),
        **plan_figures(plan),
    }
    where = make_folder(folder / "figures")
    return [draw.save_figure(picture, where / f"{name}.png") for name, picture in pictures.items()]


def _quantiles(totals: xr.DataArray) -> tuple[float, float, float]:
    low, middle, high = totals.quantile([0.05, 0.5, 0.95]).values.tolist()
    return low, middle, high

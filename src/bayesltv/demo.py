"""The demo: everything on real purchases, with a hold-out that the model has not seen."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from bayesltv.errors import StoreError
from bayesltv.files import make_folder, require_writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayesltv.checks.result import CheckReport
    from bayesltv.decisions.plan import Plan
    from bayesltv.evaluation.result import Evaluation
    from bayesltv.prediction.scores.score import ScoreTable
    from bayesltv.specs.decision.decision_spec import DecisionSpec

OBSERVED_UNTIL, KNOWN_UNTIL, HORIZON = "1997-09-30", "1998-06-30", "39 weeks"
"""The horizon is the time between the two days."""
GROUP = "cohort"
SPEC, DECISION = "mbg_by_group", "retention"
"""MBG/NBD: under BG/NBD who bought once never leaves, and could be neither lapsed nor won back."""


@dataclass(frozen=True)
class Shop:
    """Whose customers the demo is about.

    Attributes
    ----------
    name : str
    log : DataFrame
        customer_id, date, amount, cohort.
    note : str
        How to get the real purchases, where these are made up; else empty.
    """

    name: str
    log: pd.DataFrame
    note: str = ""


@dataclass(frozen=True)
class Demo:
    """What the demo made. Terminal, page and pictures tell the figures of these objects, and no others.

    Attributes
    ----------
    folder : Path
    files : tuple of Path
        All that was written, the figures last.
    shop : Shop
    summary : DataFrame
    report : CheckReport
        With customers made anew beside the real ones.
    decision : DecisionSpec
    scores : ScoreTable
    evaluation : Evaluation
        Of the time that the model has not seen.
    plan : Plan
        Who gets which action.
    """

    folder: Path
    files: tuple[Path, ...]
    shop: Shop
    summary: pd.DataFrame
    report: "CheckReport"
    decision: "DecisionSpec"
    scores: "ScoreTable"
    evaluation: "Evaluation"
    plan: "Plan"


def run_demo(out: str | Path, *, seed: int, say: Callable[[str], None]) -> Demo:
    """Summarize, fit, check, score and draw CDNOW by cohort into a folder.

    Where the files of CDNOW are not installed, the shop is a simulated one.

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
        Where the folder cannot be written to.
    CheckFailed
        Where the fit did.
    """
    from bayesltv.data.log.summarize import summarize
    from bayesltv.data.summary.store import file_digest, write_summary
    from bayesltv.decisions.decide import decide
    from bayesltv.evaluation.evaluate import evaluate
    from bayesltv.fitting.store import save
    from bayesltv.pipeline import fit
    from bayesltv.prediction.scores.score import score
    from bayesltv.report.files.crm import write_plan
    from bayesltv.report.files.export import score_files, write_scores, write_table
    from bayesltv.report.files.manifest import provenance_of
    from bayesltv.report.page.html import judge, write_report
    from bayesltv.specs.catalogue import load_decision, load_spec

    folder = make_folder(out)
    summary_path, fit_path, csv_path = (folder / name for name in ("summary.parquet", "fit.nc", "scores.csv"))
    files = score_files(folder / "scores.parquet")
    require_writable(summary_path, fit_path, csv_path, *files.all)

    shop = open_shop()
    say(f"summarizing {len(shop.log):,} purchases of {shop.name} up to {OBSERVED_UNTIL}")
    summary = summarize(
        shop.log, observation_end=OBSERVED_UNTIL, time_unit="week", groups=[GROUP], currency="USD"
    )
    write_summary(summary, summary_path)

    say(f"sampling the posterior of the spec {SPEC} with seed {seed}")
    tree = fit(summary, load_spec(SPEC), seed=seed)
    save(tree, fit_path)
    digest = file_digest(fit_path)
    report = judge(tree, summary)

    say(f"scoring {len(summary):,} customers")
    decision = load_decision(DECISION)
    scores = score(tree, summary, decision, seed=seed)
    origin = provenance_of(tree, summary, decision, scores, fit_sha256=digest, unknown_groups="error")
    write_scores(scores, scores.totals, files, provenance=origin)
    write_table(scores, csv_path)

    say(f"deciding who gets which of {len(decision.actions)} actions")
    plan = decide(tree, summary, decision, seed=seed)
    told = provenance_of(tree, summary, decision, plan, fit_sha256=digest, unknown_groups="error")
    written_plan = write_plan(plan, folder / "plan", provenance=told)

    say("drawing the hold-out, the figures and the report")
    evaluation = evaluate(tree, summary, shop.log, horizon=HORIZON, seed=seed, log_end=KNOWN_UNTIL)
    figures = draw_figures(folder, tree, scores, evaluation, plan)
    page = write_report(
        tree,
        folder / "report.html",
        summary=summary,
        checks=report,
        scores=scores,
        evaluation=evaluation,
        plan=plan,
    )
    tables = (files.table, csv_path, files.totals, files.manifest)
    written = (page, summary_path, fit_path, *tables, *written_plan, *figures)
    return Demo(folder, written, shop, summary, report, decision, scores, evaluation, plan)


def open_shop() -> Shop:
    """Return CDNOW, or a shop like it that is made up where its files are not installed."""
    from bayesltv.data.datasets import load_cdnow, simulate_cdnow

    try:
        return Shop("CDNOW", load_cdnow())
    except StoreError as error:
        return Shop("a simulated shop", simulate_cdnow(), str(error))


def draw_figures(
    folder: Path, fit: xr.DataTree, scores: pd.DataFrame, evaluation: "Evaluation", plan: "Plan"
) -> list[Path]:
    """Draw everything there is a figure for, and return where the pictures are."""
    from bayesltv.report import plot as draw
    from bayesltv.report.figures.customers import spread_of_customers
    from bayesltv.report.figures.plan import plan_figures

    track, actual = evaluation.tracking, evaluation.tracking_actual
    assert track is not None
    chosen = spread_of_customers(scores)
    pictures: dict[str, Axes | Figure] = {
        "posterior": draw.posterior(fit),
        "tracking_cumulative": draw.tracking(track, actual, cumulative=True),
        "tracking_weekly": draw.tracking(track, actual),
        "calibration": draw.reliability(evaluation),
        "tiers": draw.tiers(scores),
        "tier_probabilities": draw.tier_probabilities(scores, chosen),
        "ltv_intervals": draw.values(scores, chosen),
        **{name: plot() for name, plot in plan_figures(plan).items()},
    }
    where = make_folder(folder / "figures")
    return [draw.save(picture, where / f"{name}.png") for name, picture in pictures.items()]

"""From a fit and a summary to a plan."""

from pathlib import Path
from typing import Any

from bayesltv.base.meeting import Meeting
from bayesltv.errors import SpecError
from bayesltv.files import require_folder, require_folder_name, require_writable
from bayesltv.jobs.asked import ALONE, PlanAsked, Run
from bayesltv.jobs.paths import load_held, place_files
from bayesltv.jobs.written import PlanFolder
from bayesltv.specs.decision.decision_spec import DecisionSpec


def decide_file(
    fit: str | Path,
    summary: str | Path,
    decision: str | Path,
    out: str | Path,
    meeting: Meeting,
    asked: PlanAsked,
    run: Run = ALONE,
) -> PlanFolder:
    """Decide who gets which action and write export, tables, figures and manifest into a folder.

    Parameters
    ----------
    fit, summary : path
    decision : path
        A decision file with actions or acquisition, or the name of a shipped one.
    out : path
        Folder; made where it is not there.
    meeting : Meeting
    asked : PlanAsked
    run : Run

    Raises
    ------
    CheckFailed, DataError, SpecError, StoreError
        Then nothing is written, and what an earlier run wrote is left in place.
    """
    from bayesltv.report.figures.plan import plan_figures
    from bayesltv.report.files.crm import write_plan
    from bayesltv.report.files.options import write_options
    from bayesltv.specs.catalogue import load_decision

    declared = load_decision(decision)
    require_folder(require_folder_name(out, what="a plan's files"))
    _require_options(asked, declared)
    placed = place_files(fit, summary, meeting)
    base = placed.base
    beside, origins = _read_beside(asked)
    run.listeners.started(len(base))
    plan = base.decide(
        declared, plan_test=asked.plan_test, test_cost=asked.test_cost,
        customers_per_week=asked.customers_per_week, threads=run.threads, progress=run.listeners.progress,
        **beside,
    )  # fmt: skip
    origin = run.told(placed.provenance(declared, plan, **origins))
    files = write_plan(plan, out, provenance=origin, figures=plan_figures(plan))
    also = () if asked.options is None else write_options(plan.options, asked.options, provenance=origin)
    return PlanFolder(Path(out), (*files, *also), plan)


def _require_options(asked: PlanAsked, decision: DecisionSpec) -> None:
    """Raise where the table of options is asked for and cannot be written, or would be empty."""
    from bayesltv.report.files.options import option_files

    if asked.options is None:
        return
    if not decision.actions:
        raise SpecError("the decision has no actions, so that there are no options to write: drop --options")
    require_writable(*option_files(asked.options))


def _read_beside(asked: PlanAsked) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is read beside fit and summary: as keywords of ``decide``, and as manifests tell it."""
    from bayesltv.report.files.crm import read_columns, read_export

    found: dict[str, Any] = {}
    origins: dict[str, Any] = {}
    if asked.current is not None:
        found["current"], origin_of_current = read_columns(asked.current, "action")
        origins["current"] = origin_of_current.told()
    if asked.previous is not None:
        found["previous"], origin_of_previous = read_export(asked.previous)
        origins["previous"] = origin_of_previous.told()
    if asked.tests:
        fitted = {name: load_held(path) for name, path in asked.tests.items()}
        found["tests"] = {name: test for name, (test, _) in fitted.items()}
        origins["tests"] = {name: {"sha256": digest} for name, (_, digest) in fitted.items()}
    return found, origins

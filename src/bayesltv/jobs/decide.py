"""From a fit and a summary to a plan."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesltv.files import require_folder, require_folder_name
from bayesltv.jobs.paths import load_held
from bayesltv.jobs.written import PlanFolder
from bayesltv.redaction import Redaction

if TYPE_CHECKING:
    from bayesltv.base.new_groups import UnknownGroups


def decide_file(
    fit: str | Path,
    summary: str | Path,
    decision: str | Path,
    out: str | Path,
    *,
    seed: int,
    draws: int | None,
    tests: Mapping[str, str | Path] | None = None,
    current: str | Path | None = None,
    previous: str | Path | None = None,
    plan_test: bool = False,
    test_cost: float = 0.0,
    customers_per_week: float | None = None,
    unknown_groups: "UnknownGroups" = "error",
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    threads: int | None = None,
    redaction: Redaction | None = None,
    started: Callable[[int], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> PlanFolder:
    """Decide who gets which action and write export, tables, figures and manifest into a folder.

    Parameters
    ----------
    fit, summary : path
    decision : path
        A decision file with actions, or the name of a shipped one.
    out : path
        Folder; made where it is not there.
    tests : mapping of str to path, optional
        Name of a test -> file of what ``fit_uplift`` returned.
    current : path, optional
        .csv or .parquet with customer_id and action: what is done today.
    previous : path, optional
        An earlier export, or its folder: tiers that need not move stay, and what changed is told. It is
        compared with the manifest beside it; without one it is taken as it is, and the new manifest says so.
    redaction : Redaction, optional
        Of the run's messages: the manifest says whether their hashes come again. The plan itself has ids.
    started : callable, optional
        Told the number of customers once everything has been read.

    Others are those of `decide`.

    Raises
    ------
    CheckFailed, DataError, SpecError, StoreError
        Then nothing is written, and what an earlier run wrote is left in place.
    """
    from bayesltv.base.gate import require_passed
    from bayesltv.customer_base import customer_base
    from bayesltv.data.store import held_summary, read_summary
    from bayesltv.report.crm import read_columns, read_export, write_plan
    from bayesltv.report.manifest import provenance_of
    from bayesltv.report.plan import plan_figures
    from bayesltv.spec.catalogue import load_decision

    declared = load_decision(decision)
    require_folder(require_folder_name(out, what="a plan's files"))
    tree, fit_sha256 = load_held(fit)
    require_passed(tree, accept_failed)
    read: dict[str, Any] = {}
    with held_summary(summary) as opened:
        base = customer_base(
            tree,
            read_summary(opened),
            seed=seed,
            unknown_groups=unknown_groups,
            accept_failed=accept_failed,
            max_fit_age_days=max_fit_age_days,
            time_unit=time_unit,
            observation_end=observation_end,
        )
        read["summary"] = {"file": opened.path.name, "sha256": opened.sha256}
    today = earlier = None
    if current is not None:
        today, origin_of_current = read_columns(current, "action")
        read["current"] = origin_of_current.told()
    if previous is not None:
        earlier, origin_of_previous = read_export(previous)
        read["previous"] = origin_of_previous.told()
    fitted = {name: load_held(path) for name, path in (tests or {}).items()}
    if fitted:
        read["tests"] = {name: {"sha256": digest} for name, (_, digest) in fitted.items()}
    if started is not None:
        started(len(base))
    plan = base.decide(
        declared,
        draws=draws,
        tests={name: test for name, (test, _) in fitted.items()},
        current=today,
        previous=earlier,
        plan_test=plan_test,
        test_cost=test_cost,
        customers_per_week=customers_per_week,
        threads=threads,
        progress=progress,
    )
    origin = provenance_of(
        tree,
        base.summary,
        declared,
        plan,
        fit_sha256=fit_sha256,
        unknown_groups=unknown_groups,
        read=read,
    )
    if redaction is not None:
        origin["redacted_ids"] = redaction.described()
    files = write_plan(plan, out, provenance=origin, figures=plan_figures(plan))
    return PlanFolder(files.folder, files.all, plan)

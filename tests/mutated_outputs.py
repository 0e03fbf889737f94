"""Stored scores and plans as targets of `mutations`: who reads them again refuses, or answers the same."""

import shutil
import tempfile
from pathlib import Path

import pandas as pd

import bayesltv as ltv
from bayesltv import jobs
from bayesltv.base.meeting import Meeting
from bayesltv.jobs.asked import PlanAsked, Run
from bayesltv.report.files.crm import read_export
from bayesltv.report.files.stored import read_plan, read_scores
from mutations import Span, Target, as_bytes, make_fit

ROWS, DRAWS = 70, 40
GIVEN = {"seed": 1, "draws": DRAWS, "threads": 1}


def make_outputs(folder: Path) -> None:
    """A fit, its summary, and what is made of them: a score file, a folder of scores, a plan."""
    make_fit(folder)
    accepted = [each.name for each in ltv.check(ltv.load(folder / "fit.nc")).failed]
    meeting = Meeting(1, DRAWS, accept_failed=accepted)
    start = (folder / "fit.nc", folder / "summary.parquet", "retention")
    jobs.score_file(*start, folder / "scores.parquet", meeting, Run(threads=1))
    score_parts(folder, folder / "parts")
    jobs.decide_file(*start, folder / "plan", meeting, PlanAsked(), Run(threads=1))


def score_parts(folder: Path, out: Path) -> None:
    """Score into a folder, or go on there."""
    fit = ltv.load(folder / "fit.nc")
    accepted = [each.name for each in ltv.check(fit).failed]
    decision = ltv.load_decision("retention")
    ltv.score_to(
        fit,
        folder / "summary.parquet",
        decision,
        out=out,
        rows_per_part=ROWS,
        accept_failed=accepted,
        **GIVEN,
    )


def files_of(*names: str):
    """Every byte of these files, or of the files of these folders, may change."""

    def spans(folder: Path) -> dict[Path, list[Span]]:
        found = [path for name in names for path in (folder / name, *(folder / name).rglob("*"))]
        return {path: [] for path in sorted(found) if path.is_file() and path.stat().st_size > 0}

    return spans


def content_of(folder: Path) -> bytes:
    """Every byte of every file of a folder but its lock."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "_lock")
    return b"\0".join(part for path in paths for part in (path.name.encode(), path.read_bytes()))


def reported_scores(name: str):
    """What a report says of scores: the table, the totals, and what they are."""

    def answer(folder: Path) -> bytes:
        scores = read_scores(folder / name, ltv.load(folder / "fit.nc"))
        return as_bytes(scores) + as_bytes(scores.totals.to_dataframe().reset_index())

    return answer


def reported_plan(folder: Path) -> bytes:
    plan = read_plan(folder / "plan", ltv.load(folder / "fit.nc"))
    tables = [as_bytes(table) for table in plan.tables.values()]
    pictures = [picture for _, picture in sorted(plan.pictures.items())]
    return b"\0".join([*tables, *pictures, repr([*plan.tables, *sorted(plan.attrs.items())]).encode()])


def earlier_tiers(name: str):
    """What `decide --previous` takes from it, and what its manifest will say of that."""

    def answer(folder: Path) -> bytes:
        table, origin = read_export(folder / name)
        return as_bytes(pd.DataFrame(table)) + repr(origin).encode()

    return answer


def resumed(folder: Path) -> bytes:
    """The folder of scores once the same run has been started in it again."""
    with tempfile.TemporaryDirectory() as made:
        out = Path(made) / "parts"
        shutil.copytree(folder / "parts", out)
        score_parts(folder, out)
        return content_of(out)


SCORES = ("scores.parquet", "scores.totals.parquet", "scores.manifest.json")
TARGETS = {
    "score file in a report": Target(make_outputs, files_of(*SCORES), reported_scores("scores.parquet")),
    "score folder in a report": Target(make_outputs, files_of("parts"), reported_scores("parts")),
    "score folder resumed": Target(make_outputs, files_of("parts"), resumed),
    "score folder as --previous": Target(make_outputs, files_of("parts"), earlier_tiers("parts")),
    "plan folder in a report": Target(make_outputs, files_of("plan"), reported_plan),
    "plan folder as --previous": Target(make_outputs, files_of("plan"), earlier_tiers("plan")),
    "plan's CSV as --previous": Target(
        make_outputs,
        files_of("plan/customers.csv", "plan/plan.manifest.json"),
        earlier_tiers("plan/customers.csv"),
    ),
}

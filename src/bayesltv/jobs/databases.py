"""From a fit and a summary to scores in a database, and to those of one customer."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesltv.base.meeting import Meeting
from bayesltv.jobs.asked import ALONE, Run
from bayesltv.jobs.paths import place_files
from bayesltv.names import AS_OF_DATE, CUSTOMER_ID, MODEL_VERSION

if TYPE_CHECKING:
    from bayesltv.data.databases.target import Target
    from bayesltv.prediction.scores.score import ScoreTable
    from bayesltv.questions import CustomerBase
    from bayesltv.specs.decision.decision_spec import DecisionSpec


@dataclass(frozen=True)
class ScoreRows:
    """Scores that were written into a database.

    Attributes
    ----------
    target : Target
    scores : ScoreTable
    changed : bool
        False where the very same rows were there already.
    """

    target: "Target"
    scores: "ScoreTable"
    changed: bool


def score_into(
    fit: str | Path,
    summary: str | Path,
    decision: str | Path,
    target: "Target",
    meeting: Meeting,
    run: Run = ALONE,
) -> ScoreRows:
    """Score the customers of a summary into a table of a database, its manifest in a table beside it.

    Raises
    ------
    CheckFailed, DataError, EngineError, SpecError, StoreError
        Then the table is as it was.
    """
    from bayesltv.data.databases.target import kinds_of, require_target, write_rows
    from bayesltv.report.files.manifest import model_version
    from bayesltv.report.files.sealed import FORMAT, sealed
    from bayesltv.specs.catalogue import load_decision

    declared = load_decision(decision)
    placed = place_files(fit, summary, meeting)
    base = placed.base
    base.require_end()
    base.require_customers()
    version = model_version(base.fit, placed.fit_sha256)
    require_target(target, kinds_of(_keyed(_sketch(base, declared), base, version)))
    run.listeners.started(len(base))
    table = base.score(declared, threads=run.threads, progress=run.listeners.progress)
    rows = _keyed(table, base, version)
    digest = sha256(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes()).hexdigest()
    files = {target.table: {"rows": len(rows), "sha256": digest}}
    told = sealed(
        {"format": FORMAT, **placed.provenance(declared, table), "mode": target.mode, "files": files}
    )
    done = write_rows(target, rows, sha256=digest, manifest=told)
    return ScoreRows(target, table, done.changed)


def score_customer(
    fit: str | Path,
    summary: str | Path,
    decision: str | Path,
    customer_id: str,
    meeting: Meeting,
    *,
    like: str | Path | None = None,
) -> dict[str, Any]:
    """Return the scores of one customer of a summary.

    `like` is a score table of all customers, whose thresholds say where relative tiers begin; without it they
    are found among the summary's.
    """
    from bayesltv.prediction.scores.score_one import stored_thresholds
    from bayesltv.specs.catalogue import load_decision

    declared = load_decision(decision)
    begins = None if like is None else stored_thresholds(str(like), declared)
    base = place_files(fit, summary, meeting).base
    return base.score_one(customer_id, declared, thresholds=begins)


def _sketch(base: "CustomerBase", decision: "DecisionSpec") -> pd.DataFrame:
    """Return scores of one customer, for their columns, whatever the tiers are relative to."""
    from dataclasses import replace

    import numpy as np

    tiers, draws = decision.tiers, base.hyperparameters(1000).draws.size
    begins = None if tiers is None or tiers.is_absolute else np.zeros((len(tiers.names) - 1, draws))
    return replace(base, summary=base.summary.iloc[:1]).score(decision, thresholds=begins, threads=1)


def _keyed(scores: pd.DataFrame, base: "CustomerBase", version: str) -> pd.DataFrame:
    """Return scores with the day and the model that they are of, in the order of ids."""
    from bayesltv.data.databases.target import KEY

    rows = pd.DataFrame(scores).copy()
    rows[AS_OF_DATE], rows[MODEL_VERSION] = base.require_end(), version
    rows[MODEL_VERSION] = rows[MODEL_VERSION].astype("str")
    rest = [name for name in rows.columns if name not in KEY]
    return rows[[*KEY, *rest]].sort_values(CUSTOMER_ID, ignore_index=True)

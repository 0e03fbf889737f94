"""Paths of a job, looked at before the work begins."""

from collections.abc import Sequence
from pathlib import Path

from bayesltv.errors import StoreError
from bayesltv.files import require_writable


def prepare(*outputs: str | Path, inputs: Sequence[str | Path]) -> None:
    """Raise StoreError where an output cannot be written, or would replace what is to be read."""
    read = {Path(path).resolve() for path in inputs}
    for path in outputs:
        if Path(path).resolve() in read:
            raise StoreError(f"{path} is read by this very command: write to another file")
    require_writable(*outputs)


def has_passed(path: str | Path) -> bool:
    """Return whether a fit lies at the path whose checks have passed: one that is not to be overwritten."""
    from bayesltv.checks.run import stored_report
    from bayesltv.fitting.store import load

    try:
        return stored_report(load(path)).passed
    except (StoreError, KeyError):
        return False

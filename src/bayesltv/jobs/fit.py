"""From a summary to a fit, and from an experiment to a fitted test."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from bayesltv.jobs.paths import has_passed, prepare
from bayesltv.jobs.written import FitFile, UpliftFile
from bayesltv.names import CUSTOMER_ID


def fit_file(
    summary: str | Path,
    spec: str | Path,
    out: str | Path,
    *,
    seed: int,
    method: Literal["nuts", "laplace"] = "nuts",
    sampler: Mapping[str, Any] | None = None,
    groups: Sequence[str] = (),
    time_unit: str | None = None,
    observation_end: str | None = None,
    cores: int | None = None,
    progress: bool = True,
) -> FitFile:
    """Fit a summary and write the fit, also where it failed its checks: scoring will refuse it then.

    Parameters
    ----------
    summary : path
    spec : path
        A spec file, or the name of a shipped one.
    out : path
        netCDF. A fit that failed does not replace one that passed: it becomes NAME.failed.nc beside it.
    groups : sequence of str
        Group columns, for a summary that has lost its attributes.

    Others are those of `fit`.

    Raises
    ------
    DataError, SpecError, FitError, StoreError
        Then nothing is written.
    """
    from bayesltv.checks.run import stored_report
    from bayesltv.data.store import read_summary
    from bayesltv.data.validate import validate_summary
    from bayesltv.fitting.store import require_netcdf, save
    from bayesltv.pipeline import fit
    from bayesltv.spec.catalogue import load_spec

    prepare(require_netcdf(out), inputs=[summary])
    declared = load_spec(spec)
    customers = validate_summary(
        read_summary(summary), time_unit=time_unit, observation_end=observation_end, groups=groups
    )
    tree = fit(customers, declared, seed=seed, method=method, sampler=sampler, cores=cores, progress=progress)
    report = stored_report(tree)
    target = Path(out) if report.passed or not has_passed(out) else Path(out).with_suffix(".failed.nc")
    return FitFile(save(tree, target), report, len(customers), seed, str(tree.attrs["spec_hash"]))


def uplift_file(
    experiment: str | Path,
    out: str | Path,
    *,
    cells: Sequence[str],
    outcome: str,
    randomised: bool | None,
    seed: int,
    arm: str = "arm",
    control: str | None = None,
    shares: Mapping[str, float] | None = None,
    after: Sequence[str] = (),
    customer_id_col: str = CUSTOMER_ID,
    accept_failed: Sequence[str] = (),
    sampler: Mapping[str, Any] | None = None,
    cores: int | None = None,
    progress: bool = True,
) -> UpliftFile:
    """Fit the effects of a test and write them, for actions that name the test.

    Parameters
    ----------
    experiment : path
        .csv or .parquet, one row per customer who was assigned.
    out : path
        netCDF; as in `fit_file`.

    Others are those of ``fit_uplift``.

    Raises
    ------
    DataError, FitError, StoreError
        Then nothing is written.
    """
    from bayesltv.checks.run import stored_report
    from bayesltv.data.experiment_file import read_experiment
    from bayesltv.decisions.uplift import uplift_table
    from bayesltv.fitting.store import require_netcdf, save
    from bayesltv.pipeline import fit_uplift

    prepare(require_netcdf(out), inputs=[experiment])
    tree = fit_uplift(
        read_experiment(experiment, outcome=outcome, customer_id_col=customer_id_col),
        cells=list(cells),
        outcome=outcome,
        randomised=randomised,
        arm=arm,
        control=control,
        shares=shares,
        after=after,
        customer_id_col=customer_id_col,
        accept_failed=accept_failed,
        seed=seed,
        sampler=sampler,
        cores=cores,
        progress=progress,
    )
    report = stored_report(tree)
    target = Path(out) if report.passed or not has_passed(out) else Path(out).with_suffix(".failed.nc")
    told = tree.attrs
    path = save(tree, target)
    return UpliftFile(
        path, report, uplift_table(tree), int(told["customers"]), seed, str(told["effect_source"])
    )

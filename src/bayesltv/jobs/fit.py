"""From a summary to a fit, and from an experiment to a fitted test."""

from collections.abc import Sequence
from pathlib import Path

from bayesltv.data.log.reading import Assignment, ExperimentReading
from bayesltv.fitting.sampling import Sampling
from bayesltv.jobs.paths import prepare, save_checked
from bayesltv.jobs.written import FitFile, UpliftFile
from bayesltv.names import GROUPS


def fit_file(
    summary: str | Path,
    spec: str | Path | None,
    out: str | Path,
    sampling: Sampling,
    *,
    groups: Sequence[str] = (),
    time_unit: str | None = None,
    observation_end: str | None = None,
) -> FitFile:
    """Fit a summary and write the fit, also where it failed its checks: scoring will refuse it then.

    Parameters
    ----------
    summary : path
    spec : path, optional
        A spec file, or the name of a shipped one; None for MBG/NBD, by the summary's groups.
    out : path
        netCDF. A fit that failed does not replace one that passed: it becomes NAME.failed.nc beside it.
    sampling : Sampling
    groups : sequence of str
        Group columns, for a summary that has lost its attributes.
    time_unit, observation_end : str, optional
        Likewise.

    Raises
    ------
    DataError, SpecError, FitError, StoreError
        Then nothing is written.
    """
    from bayesltv.checks.run import stored_report
    from bayesltv.data.summary.store import read_summary
    from bayesltv.data.summary.validate import validate_summary
    from bayesltv.fitting.store import require_netcdf
    from bayesltv.pipeline import fit_as
    from bayesltv.specs.catalogue import default_spec, load_spec

    prepare(require_netcdf(out), inputs=[summary])
    declared = None if spec is None else load_spec(spec)
    customers = validate_summary(
        read_summary(summary), time_unit=time_unit, observation_end=observation_end, groups=groups
    )
    chosen = load_spec(default_spec(customers.attrs.get(GROUPS, ()))) if declared is None else declared
    tree = fit_as(customers, chosen, sampling)
    report = stored_report(tree)
    path = save_checked(tree, out, report)
    return FitFile(path, report, len(customers), sampling.seed, str(tree.attrs["spec_hash"]), chosen.title)


def uplift_file(
    experiment: str | Path,
    out: str | Path,
    reading: ExperimentReading,
    assignment: Assignment,
    sampling: Sampling,
) -> UpliftFile:
    """Fit the effects of a test and write them, for actions that name the test.

    Parameters
    ----------
    experiment : path
        .csv or .parquet, one row per customer who was assigned.
    out : path
        netCDF; as in `fit_file`.
    reading, assignment, sampling
        What ``fit_uplift`` is asked.

    Raises
    ------
    DataError, FitError, StoreError
        Then nothing is written.
    """
    from bayesltv.checks.run import stored_report
    from bayesltv.data.experiment_file import read_experiment
    from bayesltv.experiments.table import uplift_table
    from bayesltv.fitting.store import require_netcdf
    from bayesltv.pipeline import fit_uplift_as

    prepare(require_netcdf(out), inputs=[experiment])
    rows = read_experiment(experiment, outcome=reading.outcome, customer_id_col=reading.customer_id_col)
    tree = fit_uplift_as(rows, reading, assignment, sampling)
    report, told = stored_report(tree), tree.attrs
    path, effects = save_checked(tree, out, report), uplift_table(tree)
    source = str(told["effect_source"])
    return UpliftFile(path, report, effects, int(told["customers"]), sampling.seed, source)

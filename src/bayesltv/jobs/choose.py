"""A log asked which model forecasts it best, and how the models stand beside others."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bayesltv.data.log.reading import LogReading
from bayesltv.errors import SpecError, StoreError
from bayesltv.files import replacing
from bayesltv.held import watch
from bayesltv.jobs.paths import prepare, require_report

if TYPE_CHECKING:
    from bayesltv.comparison.origins import Origins
    from bayesltv.evaluation.comparison import Benchmark, Choice


def benchmark_file(
    log: str | Path,
    reading: LogReading,
    origins: "Origins",
    *,
    models: Sequence[str] = (),
    rivals: Sequence[str] | None = None,
    report: str | Path | None = None,
    step: Callable[[str], None] | None = None,
) -> "tuple[Benchmark, list[Path]]":
    """Set models beside those of others on a log on disk, and return the files that were written.

    Parameters
    ----------
    log : path
    reading : LogReading
    origins : Origins
    models, rivals : sequence of str
        As for ``benchmark``; its default models where there are none.
    report : path, optional
        Folder for the table.
    step : callable, optional
        Told what is done next.

    Raises
    ------
    DataError, SpecError, FitError, StoreError
        Then nothing is written.
    """
    from bayesltv.comparison.benchmark import MODELS, benchmark_as
    from bayesltv.report.files.folder import write_folder

    require_report(report)
    watched = watch(log)
    found = benchmark_as(log, reading, origins, models=models or MODELS, rivals=rivals, step=step)
    watched.require_unchanged()
    return found, write_folder(report, "benchmark", figures={}, tables={"benchmark": found.table})


def choose_file(
    log: str | Path,
    out: str | Path,
    reading: LogReading,
    origins: "Origins",
    *,
    specs: Sequence[str] | None = None,
    report: str | Path | None = None,
    step: Callable[[str], None] | None = None,
) -> "tuple[Choice, list[Path]]":
    """Ask a log on disk which spec to use, write that spec, and return the files that were written.

    Parameters
    ----------
    log : path
    out : path
        Spec to write, .toml.
    reading : LogReading
    origins : Origins
    specs : sequence of str, optional
        Spec files, or names of shipped specs; default: those of ``choose``.
    report : path, optional
        Folder for pictures and tables.
    step : callable, optional
        Told what is done next.

    Raises
    ------
    DataError, SpecError, FitError, StoreError
        Then nothing is written.
    """
    from bayesltv.comparison.choose import choose_as
    from bayesltv.report.figures.comparison import choice_figures, choice_tables
    from bayesltv.report.files.folder import write_folder
    from bayesltv.specs.toml_file import toml_text

    if Path(out).suffix != ".toml":
        raise StoreError(f"a spec is written as .toml, and {out} is not called so: change the name")
    prepare(out, inputs=[log, *(specs or ())])
    _require_plain(specs or ())
    require_report(report)
    watched = watch(log)
    found = choose_as(log, reading, origins, specs=specs, step=step)
    watched.require_unchanged()
    head = f"# Chosen by `bayesltv choose {Path(log).name!r}`: {found.recommended}; {found.reason}.\n\n"
    with replacing(out) as (part,):
        part.write_text(head + toml_text(found.spec.to_dict()), encoding="utf-8")
    folder = write_folder(report, "choice", figures=choice_figures(found), tables=choice_tables(found))
    return found, [Path(out), *folder]


def _require_plain(specs: Sequence[str]) -> None:
    """Raise where a spec could not be written anew: before anything is fitted."""
    from bayesltv.specs.catalogue import load_spec

    for name in specs:
        clock = load_spec(name).clock
        if clock and clock.events:
            raise SpecError(
                f"{name}: its events lie in a table of their own, so that it cannot be written: leave it "
                "out, and add the events to what is written"
            )

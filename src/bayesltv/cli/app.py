"""The command line: the commands in the order of its help, and the options that all of them have."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from bayesltv.cli.cohorts import cohorts
from bayesltv.cli.command import ending
from bayesltv.cli.doctor import doctor
from bayesltv.cli.fits import check, compare, fit, refit, uplift
from bayesltv.cli.forecast import forecast
from bayesltv.cli.guard import REDACTION, Guarded
from bayesltv.cli.log import benchmark, choose, summarize
from bayesltv.cli.models import models
from bayesltv.cli.pages import demo, report
from bayesltv.cli.scores import decide, evaluate, score
from bayesltv.cli.spark import spark
from bayesltv.redaction import KEY_VARIABLE, redaction_of

EXIT_CODES = (
    "Exit codes: 0 done, 1 bug, 2 usage, 10 data, 11 spec, 12 fit, 13 check, 14 file, 15 engine; "
    "129, 130, 143 hung up, interrupted, terminated."
)
COMMANDS = {
    "demo": demo,
    "summarize": summarize,
    "fit": fit,
    "refit": refit,
    "check": check,
    "evaluate": evaluate,
    "compare": compare,
    "choose": choose,
    "benchmark": benchmark,
    "score": score,
    "decide": decide,
    "cohorts": cohorts,
    "forecast": forecast,
    "report": report,
    "uplift": uplift,
    "doctor": doctor,
}

app = typer.Typer(
    cls=Guarded,
    help="Bayesian customer lifetime value: from a log of purchases to predictive distributions.",
    epilog=ending("bayesltv score --help", before=EXIT_CODES),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _command in COMMANDS.items():
    _command.add_to(app, _name)
app.add_typer(spark, name="spark")
app.add_typer(models, name="models")


def main() -> None:
    """Run the command line."""
    app(prog_name="bayesltv")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"bayesltv {version('bayesltv')}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    redact_ids: Annotated[
        bool,
        typer.Option(
            "--redact-ids",
            help="Show keyed hashes for customer ids in messages and reports; score tables, exports and "
            f"plans keep the ids. The key is that of {KEY_VARIABLE}, else one made for this run.",
        ),
    ] = False,
    redact_key_file: Annotated[
        Path | None,
        typer.Option(help="File with the key of --redact-ids, which it implies: 16 bytes or more."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keep the global options for the command that follows."""
    if redact_ids or redact_key_file is not None:
        ctx.meta[REDACTION] = redaction_of(redact_key_file)

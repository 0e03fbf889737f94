"""The command that looks at the installation; it needs nothing of what may be broken."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bayesltv.cli.command import example
from bayesltv.cli.manner import is_quiet
from bayesltv.cli.options import AsJson
from bayesltv.cli.output.installation import Finding, examine
from bayesltv.errors import EngineError
from bayesltv.languages.language import tr

_COLOURS = {"pass": "green", "warn": "yellow", "fail": "bold red"}


@example("bayesltv doctor")
def doctor(
    folder: Annotated[Path, typer.Option(help="Where results are to be written.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Look at the installation: versions, threads, compiler, cache, fonts, Java, disk."""
    found = examine(folder)
    failed = [each.name for each in found if each.status == "fail"]
    if as_json:
        typer.echo(json.dumps({"passed": not failed, "findings": [asdict(each) for each in found]}))
    elif not is_quiet():
        _show(found)
    if failed:
        typer.echo(f"error: not in order: {', '.join(failed)}", err=True)
        raise typer.Exit(EngineError.exit_code)


def _show(found: tuple[Finding, ...]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for each in found:
        said = f"{each.found}. {each.cure}" if each.cure else each.found
        table.add_row(tr(each.name), Text(tr(each.status), style=_COLOURS[each.status]), Text(said))
    Console().print(table)

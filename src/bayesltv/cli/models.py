"""The commands about model specs and decision files."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bayesltv.cli.command import ExampleGroup, ending, example
from bayesltv.cli.options import AsJson
from bayesltv.languages.language import tr


@example("bayesltv models list")
def list_all(as_json: AsJson = False) -> None:
    """List the model specs and decision files that are shipped."""
    from bayesltv.cli.output import show
    from bayesltv.specs.catalogue import list_specs

    show.result(list_specs(), as_json=as_json)


@example("bayesltv models show retention")
def show_one(
    name: Annotated[str, typer.Argument(help="A shipped name, or a file.")], as_json: AsJson = False
) -> None:
    """Print a spec or decision as TOML, as it is read: nothing left to a default."""
    from bayesltv.specs.catalogue import load_any
    from bayesltv.specs.toml_file import toml_text

    spec = load_any(name).to_dict()
    typer.echo(json.dumps(spec) if as_json else toml_text(spec), nl=as_json)


@example("bayesltv models copy retention --out mine.toml")
def copy_one(
    name: Annotated[str, typer.Argument(help="A shipped name.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write, .toml; default: the name, in this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a shipped file, with its remarks, to be changed; what exists is not overwritten."""
    from bayesltv.cli.manner import say
    from bayesltv.specs.catalogue import copy_shipped

    written = copy_shipped(name, out)
    if as_json:
        typer.echo(json.dumps({"path": str(written)}))
    else:
        say(tr("written: {path}", path=written))


@example("bayesltv models check decision.toml")
def check_one(
    file: Annotated[str, typer.Argument(help="A spec or decision file.")], as_json: AsJson = False
) -> None:
    """Say whether a spec or decision file is right."""
    from bayesltv.cli.output import show
    from bayesltv.specs.catalogue import load_any

    show.verdict(load_any(file), file, as_json=as_json)


models = typer.Typer(
    cls=ExampleGroup,
    help="Model specs and decision files.",
    epilog=ending("bayesltv models show pooled"),
    no_args_is_help=True,
)
for _name, _command in {"list": list_all, "show": show_one, "copy": copy_one, "check": check_one}.items():
    _command.add_to(models, _name)

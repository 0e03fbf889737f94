"""The commands about model specs and decision files."""

from typing import Annotated

import typer

from bayesltv.cli.command import ExampleGroup, ending, example
from bayesltv.cli.options import AsJson


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
    """Show a spec or decision as it is read, with nothing left to a default."""
    from bayesltv.cli.output import show
    from bayesltv.specs.catalogue import load_any

    show.result(load_any(name), as_json=as_json)


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
for _name, _command in {"list": list_all, "show": show_one, "check": check_one}.items():
    _command.add_to(models, _name)

"""A command: its options, bundles of them laid out one by one, and a help text that ends with an example.

A parameter annotated ``Annotated[Record, Bundle(make)]`` stands for the parameters of ``make``: options like
any other. The command gets what ``make`` returns for them.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import ParameterInfo

from bayesltv.cli.manner import manner

HEADING = "Example:"


@dataclass(frozen=True)
class Bundle:
    """Options that go together.

    Attributes
    ----------
    make : callable
        Its parameters are the options; it returns the value that a command gets.
    without : tuple of str
        Options that a command does not have: they keep their defaults.
    help : mapping of str to str
        What a command says of an option in words of its own.
    """

    make: Callable[..., Any]
    without: tuple[str, ...] = ()
    help: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> Iterator[inspect.Parameter]:
        """Yield the options as parameters."""
        for each in inspect.signature(self.make).parameters.values():
            if each.name not in self.without:
                yield _told(each, self.help[each.name]) if each.name in self.help else each

    def gathered(self, given: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Return the value that the options make."""
        return self.make(**{each.name: given[each.name] for each in self.options()})


SPOKEN = Bundle(manner)
"""The options that every command has."""


def laid_out(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose bundles are options of its own, and those of `SPOKEN`, as typer reads them."""
    taken = inspect.signature(command).parameters
    bundles = {name: _bundle_of(each) for name, each in taken.items()}

    def run(**given: Any) -> None:  # noqa: ANN401
        with SPOKEN.gathered(given):
            command(
                **{n: given[n] if bundle is None else bundle.gathered(given) for n, bundle in bundles.items()}
            )

    options = [
        option
        for name, bundle in bundles.items()
        for option in ([taken[name]] if bundle is None else bundle.options())
    ]
    options += SPOKEN.options()
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {}
    named = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in options]
    run.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    return run


def _bundle_of(parameter: inspect.Parameter) -> Bundle | None:
    found = [each for each in get_args(parameter.annotation) if isinstance(each, Bundle)]
    return found[0] if found else None


def _told(parameter: inspect.Parameter, text: str) -> inspect.Parameter:
    """Return an option with another help text."""
    kind, *notes = get_args(parameter.annotation)
    (option,) = (copy(each) for each in notes if isinstance(each, ParameterInfo))
    option.help = text
    return parameter.replace(annotation=Annotated[kind, option])


class ExampleCommand(TyperCommand):
    """A command whose help ends with an example."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write the help, and the example below it."""
        _write_help(TyperCommand, self, ctx, formatter)


class ExampleGroup(TyperGroup):
    """Commands under one name, whose help ends with an example."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write the help, and the example below it."""
        _write_help(TyperGroup, self, ctx, formatter)


@dataclass(frozen=True)
class Told:
    """A command and its example."""

    run: Callable[..., None]
    example: str

    def add_to(self, app: typer.Typer, name: str) -> None:
        """Make it a command of `app`."""
        app.command(name, cls=ExampleCommand, epilog=ending(self.example))(laid_out(self.run))


def example(line: str) -> Callable[[Callable[..., None]], Told]:
    """Return a decorator that gives a command its example."""
    return lambda run: Told(run, line)


def ending(line: str, *, before: str = "") -> str:
    """Return the epilog of a help text: what stands before the example, and the example."""
    return f"{before}\n\n{HEADING} {line}".strip()


def _write_help(kind: Any, command: Any, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
    """Write a help text; its example is not wrapped, so that a terminal copies it as one line."""
    before, _, line = (command.epilog or "").rpartition(HEADING)
    plain = copy(command)
    plain.epilog = before.strip() or None
    kind.format_help(plain, ctx, formatter)
    formatter.write(f" {HEADING}\n   {line.strip()}\n")

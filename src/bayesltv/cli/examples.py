"""Help texts that end with an example: one line as it is typed, however wide the terminal."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from bayesltv.cli.bundle import laid_out

HEADING = "Example:"


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

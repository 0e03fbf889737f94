"""How a command speaks: in which language, and how much. Every command has these options."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Literal

import typer

from bayesltv.languages.language import ENGLISH

PANEL = "Language and messages"
QUIET, VERBOSE = -1, 1
_LOUDNESS = ContextVar("bayesltv.loudness", default=0)


@contextmanager
def manner(
    language: Annotated[
        Literal["en", "zh"],
        typer.Option(
            help="Of results, reports and figures. Files for machines and errors stay as they are.",
            envvar="BAYESLTV_LANGUAGE",
            rich_help_panel=PANEL,
        ),
    ] = ENGLISH,  # type: ignore[assignment]
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Say nothing but warnings, errors and --json.", rich_help_panel=PANEL
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Say when each step began, and what the run took.", rich_help_panel=PANEL
        ),
    ] = False,
) -> Iterator[None]:
    """Speak like this while a command runs."""
    from bayesltv.languages import language as languages

    if quiet and verbose:
        raise typer.BadParameter("give --quiet or --verbose, not both", param_hint="--quiet")
    token = _LOUDNESS.set(QUIET if quiet else VERBOSE if verbose else 0)
    try:
        with languages.language(language):
            yield
            if verbose:
                typer.echo(f"took {_clock()} and {_most_memory():,.0f} MB at most", err=True)
    finally:
        _LOUDNESS.reset(token)


def is_quiet() -> bool:
    """Whether nothing is to be said but warnings and errors."""
    return _LOUDNESS.get() == QUIET


def say(text: str) -> None:
    """Say on stderr what happens, with the time since the run began where the user asked for more."""
    if not is_quiet():
        typer.echo(f"{_clock()} {text}" if _LOUDNESS.get() == VERBOSE else text, err=True)


def _clock() -> str:
    """Return the time since this process began to work: "72.4 s" of its processors' wall clock."""
    return f"{time.monotonic() - _STARTED:.1f} s"


def _most_memory() -> float:
    """Return the most memory that this process has held, in MB."""
    import resource
    import sys

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1e6 if sys.platform == "darwin" else 1e3)


_STARTED = time.monotonic()

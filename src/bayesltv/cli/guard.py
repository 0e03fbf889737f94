"""Where errors and signals become exit codes and one line on stderr, for every command alike."""

import errno
import json
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer

from bayesltv.cli.command import ExampleGroup
from bayesltv.errors import REDACTED, BayesltvError, BayesltvWarning, Message, StoreError
from bayesltv.redaction import Redaction

REDACTION = "bayesltv.redaction"
AS_JSON = "bayesltv.as_json"
"""Keys of the context under which the global options are kept."""
BUG, CLOSED_PIPE = 1, 141
BY_SIGNAL = 128
"""A run that a signal ended has this exit code and the signal's number, as shells have it."""
_OF_THE_DISK = {
    errno.ENAMETOOLONG: "the name of a file is too long for this disk: give a shorter one",
    errno.ENOSPC: "cannot write the output: no space left. Is there room?",
}
"""What stands between us and the disk, where nobody has said it better."""
ENDING = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
"""Signal -> what the last line says. One that is ignored when the run starts (nohup) stays ignored."""
_UNTOUCHED = (signal.SIG_DFL, signal.default_int_handler)
INTERRUPTION = "files that were finished stay, and none is half written"
BUG_REPORT = (
    "this is a bug in bayesltv, not something you did wrong: please report it with the lines above and the "
    "output of `bayesltv --version`"
)


class Guarded(ExampleGroup):
    """The commands, inside the one place that says what went wrong."""

    def main(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Run the command line; a reader that has heard enough, as in ``| head``, is no bug."""
        try:
            return super().main(*arguments, **options)
        except SystemExit as end:
            raise SystemExit(_last_code(end)) from None

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run a command; every error of the toolkit's family ends it with its own exit code."""
        with _told_warnings(ctx), ended_in_order() as received:
            try:
                return self._invoked(ctx, received)
            except BayesltvError as error:
                raise stop(ctx, told(error, ctx.meta.get(REDACTION)), error, code=error.exit_code) from None
            except KeyboardInterrupt:
                by = received[0] if received else signal.SIGINT
                message = f"{ENDING[by]}; {INTERRUPTION}"
                raise stop(ctx, message, KeyboardInterrupt(), code=BY_SIGNAL + by) from None
            except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
                raise
            except Exception as error:
                if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
                    told_so = StoreError(_OF_THE_DISK[error.errno])
                    raise stop(ctx, str(told_so), told_so, code=told_so.exit_code) from None
                typer.echo(trace(error, redact=ctx.meta.get(REDACTION) is not None), err=True, nl=False)
                raise stop(ctx, BUG_REPORT, error, code=BUG) from None

    def _invoked(self, ctx: Any, received: list[signal.Signals]) -> Any:  # noqa: ANN401
        """Run a command; what libraries make of an interruption is one all the same."""
        try:
            return super().invoke(ctx)
        except Exception:
            if received:
                raise KeyboardInterrupt from None
            raise


def _last_code(end: SystemExit) -> Any:  # noqa: ANN401
    """Return the exit code once all has been written: 141, as of a shell's own tools, for a closed pipe."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        sys.stdout = None  # nobody tries again
        if end.code or isinstance(error, BrokenPipeError):
            return end.code or CLOSED_PIPE
        typer.echo(f"error: cannot write the output: {error.strerror}. Is there room?", err=True)
        return StoreError.exit_code
    # click turns a closed pipe into 1, which here is a bug
    return CLOSED_PIPE if isinstance(end.__context__, BrokenPipeError) else end.code


def stop(ctx: Any, message: str, error: BaseException, *, code: int) -> typer.Exit:  # noqa: ANN401
    """Say what is wrong on stderr, and for scripts as an object on stdout; return what ends the command."""
    typer.echo(f"error: {message}", err=True)
    hint = option_hint(message, ctx.command.commands.get(ctx.invoked_subcommand))
    if hint:
        typer.echo(hint, err=True)
    if ctx.meta.get(AS_JSON, False):
        said = {"kind": type(error).__name__, "message": message, "exit_code": code}
        typer.echo(json.dumps({"error": said}))
    return typer.Exit(code)


def trace(error: BaseException, *, redact: bool) -> str:
    """Return a traceback; where ids must not be seen only types and frames, since texts may hold them."""
    if not redact:
        return "".join(traceback.format_exception(error))
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
    lines = []
    for each in reversed(chain):
        lines.append("Traceback (most recent call last; texts left out by --redact-ids):\n")
        lines += traceback.format_tb(each.__traceback__)
        lines.append(f"{type(each).__module__}.{type(each).__qualname__}\n")
    return "".join(lines)


def told(message: Message, redaction: Redaction | None) -> str:
    """Return the text of an error or a warning, with hashes for customer ids where they must not be seen."""
    return str(message) if redaction is None else message.redacted(redaction.hashed)


def option_hint(message: str, command: Any) -> str:  # noqa: ANN401
    """Return a line that names the options of what the message calls by a Python keyword, or nothing."""
    commands = (command, *getattr(command, "commands", {}).values())
    params = [each for one in commands for each in getattr(one, "params", ())]
    options = {each.name: each.opts[0] for each in params if each.opts[0].startswith("--")}
    # possessive: a word of a hundred thousand letters is walked once
    named = re.findall(r"\b(\w++)=", message) + re.findall(r"sampler=\{'(\w++)'", message)
    found = list(dict.fromkeys(options[name] for name in named if name in options))
    return f"on the command line: {', '.join(found)}" if found else ""


@contextmanager
def _told_warnings(ctx: Any) -> Iterator[None]:  # noqa: ANN401
    """Print the toolkit's warnings to stderr, each once and on one line; leave others to Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", category=BayesltvWarning)
        warnings.showwarning = _teller(ctx, warnings.showwarning)
        yield


def _teller(ctx: Any, otherwise: Callable[..., None]) -> Callable[..., None]:  # noqa: ANN401
    seen: set[str] = set()

    def show(message: Any, *rest: Any, **more: Any) -> None:  # noqa: ANN401
        redaction = ctx.meta.get(REDACTION)
        if isinstance(message, BayesltvWarning):
            text = told(message, redaction)
        elif redaction is None:
            otherwise(message, *rest, **more)
            return
        else:  # another library's, which may quote a row
            text = f"{type(message).__name__} {REDACTED}"
        if text not in seen:
            seen.add(text)
            typer.echo(f"warning: {text}", err=True)

    return show


@contextmanager
def ended_in_order() -> Iterator[list[signal.Signals]]:
    """Turn the first such signal into KeyboardInterrupt, so that what is unfinished is removed; yield a list.

    The list holds the signal once it has come: libraries turn an interruption into errors of their own. What
    asks again is not heard, since tidying up has begun; but Ctrl-C is, from somebody who insists.
    """
    received: list[signal.Signals] = []

    def end(number: int, _frame: FrameType | None) -> None:
        if not received or number == signal.SIGINT:
            received.append(signal.Signals(number))
            raise KeyboardInterrupt

    with _handling(end):
        yield received


@contextmanager
def _handling(end: object) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    ours = [number for number, handler in before.items() if handler in _UNTOUCHED]
    for number in ours:
        signal.signal(number, end)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])

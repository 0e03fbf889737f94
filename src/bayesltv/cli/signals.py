"""Signals that ask a run to end: it ends in order, and its exit code is the one that shells expect."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
"""Signal -> what the last line says. One that is ignored when the run starts (nohup) stays ignored."""
_UNTOUCHED = (signal.SIG_DFL, signal.default_int_handler)


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

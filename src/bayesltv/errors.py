"""The exception family: one class per kind of trouble, each with its exit code."""

import warnings
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar

_PACKAGE = str(Path(__file__).parent)
IDS_NAMED = 5
"""A message names at most this many customer ids."""


class Message(Exception):
    """A text about customers, whose ids can be left out of it.

    Parameters
    ----------
    message : str
        What, where, how many, and the cure. The token ``{ids}`` is replaced by the first few of `ids`.
    ids : iterable, optional
        Customer ids concerned, in the order in which they should be named.
    """

    def __init__(self, message: str, *, ids: Iterable[object] = ()) -> None:
        self.template = message
        self.ids = [str(i) for i in ids]
        super().__init__(message.replace("{ids}", name_ids(self.ids)))

    def redacted(self) -> str:
        """Return the message with every customer id replaced by a short hash."""
        return self.template.replace("{ids}", name_ids([hashed(i) for i in self.ids]))


class BayesltvWarning(Message, UserWarning):
    """The result is still valid, but something about it should be known."""


def warn(message: str, *, ids: Iterable[object] = ()) -> None:
    """Warn, pointing at the caller of the package, whichever of its functions was called."""
    warnings.warn(BayesltvWarning(message, ids=ids), skip_file_prefixes=(_PACKAGE,))


class BayesltvError(Message):
    """Something is wrong that the caller can put right."""

    exit_code: ClassVar[int] = 1


class DataError(BayesltvError):
    """The transaction log or the customer summary cannot be used as it is."""

    exit_code = 10


class SpecError(BayesltvError):
    """A model spec or decision file is wrong."""

    exit_code = 11


class FitError(BayesltvError):
    """Sampling could not be started or finished."""

    exit_code = 12


class CheckFailed(BayesltvError):
    """A gating check failed, so that the fit must not be used for scoring."""

    exit_code = 13


class StoreError(BayesltvError):
    """A file cannot be read or written, or is not what it should be."""

    exit_code = 14


class EngineError(BayesltvError):
    """A worker or an execution engine failed."""

    exit_code = 15


def name_ids(ids: Iterable[object], limit: int = IDS_NAMED) -> str:
    """Return "id 17" or "ids 17, 88, 410, ..." naming at most `limit` ids."""
    texts = [str(i) for i in ids]
    named = ", ".join(texts[:limit]) + (", ..." if len(texts) > limit else "")
    return f"{'id' if len(texts) == 1 else 'ids'} {named}"


def hashed(text: str) -> str:
    """Return the short hash that stands for a customer id where ids must not be seen."""
    return "#" + blake2b(text.encode(), digest_size=4).hexdigest()

"""The exception family: one class per kind of trouble, each with its exit code."""

import os
import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from reprlib import Repr
from typing import ClassVar

_PACKAGE = str(Path(__file__).parent) + os.sep
IDS_NAMED = 5
"""A message names at most this many customer ids."""
LINE = 80
"""A message shows at most this many characters of a value or a name."""
LONGEST = 2000
"""A message has at most this many characters; some quote what another library says."""
QUOTED = 300
"""A message quotes at most this many characters of what another library says."""
REDACTED = "(text left out by --redact-ids)"
_EXAMPLE = re.compile(r"""\b(such as|like|columns are) (?:'[^']*'|"[^"]*"|\[[^\]]*\])""")
"""A value as it stands in a row: where columns have slipped, or a header is missing, it may be an id."""
_VALUES = Repr(maxlevel=3, maxlist=6, maxtuple=6, maxset=6, maxdict=6, maxstring=60, maxlong=40, maxother=60)


class Message(Exception):
    """A text about customers, whose ids can be left out of it.

    Parameters
    ----------
    message : str
        What, where, how many, and the cure. The token ``{ids}`` is replaced by the first few of `ids`, and
        ``{quoted}`` by `quoted`.
    ids : iterable, optional
        Customer ids concerned, in the order in which they should be named.
    quoted : str, optional
        What another library says, or a value as it stands in a row: it may hold ids.
    """

    def __init__(self, message: str, *, ids: Iterable[object] = (), quoted: str = "") -> None:
        self.template = cut(message, LONGEST)
        self.ids = [str(i) for i in ids]
        self.quoted = cut(" ".join(quoted.split()), QUOTED)
        super().__init__(self._filled(self.ids, self.quoted))

    def redacted(self, hashed: Callable[[str], str]) -> str:
        """Return the message with a hash for every customer id, and without what it quotes from rows."""
        bare = type(self)(_EXAMPLE.sub(rf"\1 {REDACTED}", self.template))
        return bare._filled([hashed(i) for i in self.ids], REDACTED)

    def _filled(self, ids: Iterable[str], quoted: str) -> str:
        head, *rest = self.template.split("{quoted}")  # what is quoted may itself hold the tokens
        return quoted.join(part.replace("{ids}", name_ids(ids)) for part in (head, *rest))


class BayesltvWarning(Message, UserWarning):
    """The result is still valid, but something about it should be known."""


def warn(message: str, *, ids: Iterable[object] = ()) -> None:
    """Warn, pointing at the caller of the package, whichever of its functions was called."""
    warnings.warn(BayesltvWarning(message, ids=ids), skip_file_prefixes=(_PACKAGE,))


class BayesltvError(Message):
    """Something is wrong that the caller can put right."""

    exit_code: ClassVar[int] = 1


def said_of(error: BayesltvError, what: str) -> BayesltvError:
    """Return the error with what it is about before its message: of several, the one that is wrong."""
    return type(error)(f"{what}: {error.template}", ids=error.ids, quoted=error.quoted)


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
    texts = [cut(str(i), LINE) for i in ids]
    named = ", ".join(texts[:limit]) + (", ..." if len(texts) > limit else "")
    return f"{'id' if len(texts) == 1 else 'ids'} {named}"


def counted(number: int, one: str, many: str) -> str:
    """Return a number with the words that follow it.

    Examples
    --------
    >>> counted(1, "day has", "days have"), counted(2000, "day has", "days have")
    ('1 day has', '2,000 days have')
    """
    return f"{number:,} {one if number == 1 else many}"


def shown(value: object) -> str:
    """Return a value as a message shows it: on one line, and not more than a line of it.

    Examples
    --------
    >>> shown("soon"), shown([1, 2])
    ("'soon'", '[1, 2]')
    >>> len(shown("x" * 100_000)) <= LINE
    True
    """
    try:
        text = _VALUES.repr(value)
    except (ValueError, RecursionError):  # a number of more digits than Python writes; no end of brackets
        text = f"a {type(value).__name__} too large to be shown"
    return cut(text, LINE)


def cut(text: str, length: int = LINE) -> str:
    """Return a text of at most `length` characters, the middle left out where it is longer."""
    if len(text) <= length:
        return text
    head = (2 * length) // 3
    return f"{text[:head]} ... {text[head + 5 - length :]}"

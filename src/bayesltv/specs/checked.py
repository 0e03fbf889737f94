"""Single values: each function returns its argument in the right type or says what is wrong with it."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from numbers import Integral, Real

from bayesltv.errors import LINE, DataError, SpecError, cut, shown
from bayesltv.units import time_unit_of

MOST = 10**12
"""No count in a spec is larger: customers, draws."""


MOST_MONEY = 1e15
"""No amount in a decision is larger: sums of squares over a million customers stay far inside a float."""


def nearest(word: object, known: Iterable[str]) -> str:
    """Return the cure for an unknown word: the nearest known one, or the whole list where none is near."""
    words = list(known)
    asked = word[:LINE] if isinstance(word, str) else shown(word)
    close = get_close_matches(asked, words, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known: {cut(', '.join(words), 4 * LINE)}" if words else "none is allowed here"


def known(name: str, value: object, words: Iterable[str]) -> str:
    """Return `value` where it is one of `words`.

    Raises
    ------
    SpecError
        Where it is not, with the nearest known word.
    """
    listed = list(words)
    if not isinstance(value, str) or value not in listed:
        raise SpecError(f"{name} = {shown(value)} is unknown; {nearest(value, listed)}")
    return value


@contextmanager
def located(where: str) -> Iterator[None]:
    """Say in the errors of a block where it is that something is wrong."""
    try:
        yield
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from None


def instance(name: str, value: object, cls: type) -> None:
    """Refuse a value that is no `cls`.

    Raises
    ------
    SpecError
        Naming what it is.
    """
    if not isinstance(value, cls):
        raise SpecError(f"{name} must be a {cls.__name__}, not {type(value).__name__}")


def text(name: str, value: object) -> str:
    """Return `value` where it is text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise SpecError(f"{name} = {shown(value)} must be text that is not blank")
    return value


def number(
    name: str,
    value: object,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
) -> float:
    """Return `value` as a float where it is a finite number inside the stated bounds.

    Raises
    ------
    SpecError
        Where it is no number, infinite, NaN or out of bounds.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise SpecError(f"{name} = {shown(value)} must be a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise SpecError(f"{name} = {shown(value)} must be finite: a number holds up to 1.8e308")
    if not (above < result < below and at_least <= result <= at_most):
        raise SpecError(f"{name} = {result:g} must be {_bounds(above, at_least, at_most, below)}")
    return result


def money(name: str, value: object, **bounds: float) -> float:
    """Return `value` as a float where it is an amount of money that somebody can have.

    Raises
    ------
    SpecError
        Where it is no number, out of bounds or larger than 1e15 either way.
    """
    within = {"at_least": -MOST_MONEY, **bounds} if "above" not in bounds else bounds
    return number(name, value, **{**within, "at_most": MOST_MONEY})


def count(name: str, value: object, *, at_least: int = 0, at_most: int = MOST) -> int:
    """Return `value` as an int where it is a whole number from `at_least` to `at_most`.

    Raises
    ------
    SpecError
        Where it is not.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < at_least:
        raise SpecError(f"{name} = {shown(value)} must be a whole number, {at_least} or more")
    whole = int(value)
    if whole > at_most:
        raise SpecError(f"{name} = {shown(whole)} must be at most {at_most:,}")
    return whole


def unit(name: str, value: object) -> str:
    """Return "day", "week", "month" or "year".

    Raises
    ------
    SpecError
        Where `value` is no time unit.
    """
    try:
        return time_unit_of(value)
    except DataError as error:
        raise SpecError(f"{name}: {error}") from None


def _bounds(above: float, at_least: float, at_most: float, below: float) -> str:
    words = [("above", above), ("at least", at_least), ("at most", at_most), ("below", below)]
    return " and ".join(f"{word} {bound:g}" for word, bound in words if math.isfinite(bound))

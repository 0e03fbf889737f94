"""Single values: each function returns its argument in the right type or says what is wrong with it."""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real

from bayesltv.errors import DataError, SpecError
from bayesltv.units import time_unit_of


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the cure for an unknown word: the nearest known one, or the whole list where none is near."""
    words = list(known)
    close = get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known: {', '.join(words)}" if words else "none is allowed here"


def known(name: str, value: object, words: Iterable[str]) -> str:
    """Return `value` where it is one of `words`.

    Raises
    ------
    SpecError
        Where it is not, with the nearest known word.
    """
    listed = list(words)
    if not isinstance(value, str) or value not in listed:
        raise SpecError(f"{name} = {value!r} is unknown; {nearest(str(value), listed)}")
    return value


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
        raise SpecError(f"{name} = {value!r} must be text that is not blank")
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
        raise SpecError(f"{name} = {value!r} must be a number")
    result = float(value)
    if not math.isfinite(result):
        raise SpecError(f"{name} = {result} must be finite")
    if not (above < result < below and at_least <= result <= at_most):
        raise SpecError(f"{name} = {result:g} must be {_bounds(above, at_least, at_most, below)}")
    return result


def count(name: str, value: object, *, at_least: int = 0) -> int:
    """Return `value` as an int where it is a whole number not below `at_least`.

    Raises
    ------
    SpecError
        Where it is not.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < at_least:
        raise SpecError(f"{name} = {value!r} must be a whole number, {at_least} or more")
    return int(value)


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
    words = [
        ("above", above),
        ("at least", at_least),
        ("at most", at_most),
        ("below", below),
    ]
    return " and ".join(f"{word} {bound:g}" for word, bound in words if math.isfinite(bound))

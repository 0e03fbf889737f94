"""Who is meant: a small closed language of conditions on columns. It is parsed, never evaluated as code.

::

    condition  = all {"or" all}
    all        = one {"and" one}
    one        = "not" one | "(" condition ")" | column test
    test       = ("==" | "!=" | "<" | "<=" | ">" | ">=") value
               | ["not"] "in" "[" value {"," value} "]"
               | "is" ["not"] "missing"
    value      = number | 'text' | "text"

A column whose name is no word stands in backquotes. A missing value fulfils no test but ``is missing``:
neither ``x == 7`` nor ``x != 7``, neither ``x in [7]`` nor ``x not in [7]``. ``not`` before a test turns its
answer round, so that ``not x == 7`` is true where x is missing.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bayesltv.errors import SpecError, cut, shown

type Value = float | str
type Condition = Compared | Missing | Not | Every | Either

OPERATORS = ("==", "!=", "<=", ">=", "<", ">")
DEEPEST = 50
"""Brackets, or words "not", that may stand in each other."""
_WORDS = ("and", "or", "not", "in", "is", "missing")
_TOKEN = re.compile(
    r"""\s*+(?:(?P<number>[+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?)(?![\w.])
    |(?P<text>'[^']*'|"[^"]*")
    |(?P<column>`[^`]+`)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>==|!=|<=|>=|[<>()\[\],]))""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Compared:
    """``column operator value``; "in" has several values, of which one must be equal."""

    column: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Missing:
    """``column is missing``."""

    column: str


@dataclass(frozen=True)
class Not:
    """``not condition``."""

    condition: Condition


@dataclass(frozen=True)
class Every:
    """Conditions joined by "and"."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Either:
    """Conditions joined by "or"."""

    conditions: tuple[Condition, ...]


def parse(text: str) -> Condition:
    """Return the condition that a text states.

    Raises
    ------
    SpecError
        Where the text is no condition: what was expected, what was found, and where.

    Examples
    --------
    >>> parse("frequency >= 1 and tier in ['high', 'medium']").conditions[0]
    Compared(column='frequency', operator='>=', values=(1.0,))
    """
    reader = _Reader(text)
    condition = reader.condition()
    reader.expect_end()
    return condition


def columns_of(condition: Condition) -> Iterator[str]:
    """Yield the columns that a condition asks for, in the order of the text."""
    match condition:
        case Compared(column=column) | Missing(column=column):
            yield column
        case Not(condition=inner):
            yield from columns_of(inner)
        case Every(conditions=parts) | Either(conditions=parts):
            for part in parts:
                yield from columns_of(part)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0
        self.tokens = list(_tokens(text))
        self.place = 0

    def condition(self) -> Condition:
        parts = [self._all()]
        while self._skip("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def expect_end(self) -> None:
        if self._next.kind != "end":
            raise self._fail('the end, "and" or "or"')

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._skip("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _one(self) -> Condition:
        if self._skip("not"):
            with self._deeper():
                return Not(self._one())
        if self._skip("("):
            with self._deeper():
                inner = self.condition()
            self._expect(")")
            return inner
        return self._test(self._column())

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > DEEPEST:
            raise SpecError(f"{shown(self.text)} is no condition: more than {DEEPEST} brackets in each other")
        yield
        self.depth -= 1

    def _column(self) -> str:
        token = self._next
        if token.kind not in ("word", "column") or token.text in _WORDS:
            raise self._fail("the name of a column")
        self.place += 1
        return token.text.strip("`")

    def _test(self, column: str) -> Condition:
        operator = self._next.text
        if operator in OPERATORS:
            self.place += 1
            return Compared(column, operator, (self._value(),))
        if self._skip("is"):
            negated = self._skip("not")
            self._expect("missing")
            return Not(Missing(column)) if negated else Missing(column)
        negated = self._skip("not")
        if not self._skip("in"):
            raise self._fail(f'a comparison ({" ".join(OPERATORS)}), "in" or "is missing" after {column}')
        values = self._values()
        if not negated:
            return Compared(column, "in", values)
        others = tuple(Compared(column, "!=", (value,)) for value in values)
        return others[0] if len(others) == 1 else Every(others)

    def _values(self) -> tuple[Value, ...]:
        self._expect("[")
        values = [self._value()]
        while self._skip(","):
            values.append(self._value())
        self._expect("]")
        return tuple(values)

    def _value(self) -> Value:
        token = self._next
        if token.kind not in ("number", "text"):
            raise self._fail("a number or a text in quotes")
        self.place += 1
        return float(token.text) if token.kind == "number" else token.text[1:-1]

    @property
    def _next(self) -> _Token:
        return self.tokens[self.place]

    def _skip(self, text: str) -> bool:
        found = self._next.text == text and self._next.kind in ("word", "sign")
        self.place += found
        return found

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            raise self._fail(f'"{text}"')

    def _fail(self, wanted: str) -> SpecError:
        found = self._next
        what = "the text ends" if found.kind == "end" else f"stands {shown(found.text)}"
        return SpecError(
            f"{shown(self.text)} is no condition: expected {cut(wanted)}, but at {found.at + 1} {what}"
        )


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise SpecError(
                f"{shown(text)} is no condition: {shown(text[at:].strip()[:1])} at {at + 1} belongs to no "
                "word, number or comparison (texts stand in quotes, odd column names in backquotes)"
            )
        kind = str(match.lastgroup)
        yield _Token(kind, match[kind], match.start(kind))
        at = match.end()
    yield _Token("end", "", len(text))

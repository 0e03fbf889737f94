"""TOML tables that know where they stand, so that every error can name file and key path."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from numbers import Real
from pathlib import Path
from typing import Any, get_type_hints

from bayesltv.errors import LINE, SpecError, cut, shown
from bayesltv.specs import checked

LARGEST = 1_000_000
"""Bytes of a file that a person writes; a larger one is something else."""
DEEPEST = 50
"""Parts of a key, at most: tomllib walks a key in a time that grows with their square."""


@dataclass(frozen=True)
class Table:
    """One table of a spec: its values, the file it comes from and its key path.

    Attributes
    ----------
    values : mapping
        As `tomllib` gave them.
    source : str
        File name for messages.
    path : tuple of str
        Keys from the top of the file.
    is_file : bool
        True for a file that a person wrote, which must state reasons and units; False for a stored spec.
    """

    values: Mapping[str, Any]
    source: str
    path: tuple[str, ...] = ()
    is_file: bool = True

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def fail(self, message: str, key: str | None = None) -> SpecError:
        """Return the error to raise, which names file and key path."""
        path = ".".join(cut(each) for each in [*self.path, *([] if key is None else [key])])
        return SpecError(f"{self.source}: {path}: {message}" if path else f"{self.source}: {message}")

    @contextmanager
    def located(self, key: str | None = None) -> Iterator[None]:
        """Give file and key path to a SpecError raised inside, which knows neither."""
        try:
            yield
        except SpecError as error:
            raise self.fail(str(error), key) from None

    def only(self, keys: Iterable[str]) -> None:
        """Refuse a key that is not among `keys`, naming the nearest that is."""
        allowed = list(keys)
        for key in self.values:
            if key not in allowed:
                raise self.fail(f"unknown key; {checked.nearest(key, allowed)}", key)

    def get(self, key: str, types: type | tuple[type, ...], what: str) -> Any:  # noqa: ANN401
        """Return the value at `key`, which must be there and of one of `types` (a bool is no number)."""
        if key not in self.values:
            raise self.fail(f"missing: state {what}", key)
        value = self.values[key]
        if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
            raise self.fail(f"{shown(value)} must be {what}", key)
        return value

    def text(self, key: str, *, default: str | None = None) -> str:
        """Return text; it may not be blank where a person wrote it."""
        if key not in self.values and default is not None:
            return default
        value: str = self.get(key, str, "text")
        if self.is_file and not value.strip():
            raise self.fail("must not be blank", key)
        return value

    def number(self, key: str) -> float:
        """Return a finite number."""
        value = self.get(key, Real, "a number")
        with self.located():
            return checked.number(key, value)

    def numbers(self, key: str) -> list[float]:
        """Return a list of finite numbers."""
        values = self.get(key, list, "a list of numbers")
        with self.located():
            return [checked.number(f"{key}[{i}]", value) for i, value in enumerate(values)]

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self.get(key, list, "a list of texts")
        if not all(isinstance(value, str) for value in values):
            raise self.fail(f"{shown(values)} must be a list of texts", key)
        return tuple(values)

    def table(self, key: str) -> "Table":
        """Return the table at `key`, an empty one where there is none."""
        values = self.get(key, dict, "a table") if key in self.values else {}
        return Table(values, self.source, (*self.path, key), self.is_file)

    def tables(self, keys: Sequence[str]) -> dict[str, "Table"]:
        """Return the tables inside this one, which may only be `keys`."""
        self.only(keys)
        return {key: self.table(key) for key in self.values}

    def record[R](self, cls: type[R], **read: object) -> R:
        """Return the dataclass `cls` that this table states, defaults for the rest.

        Fields are texts, numbers or flags, but for those in `read`, which have been read already.
        """
        described: Any = cls
        hints = get_type_hints(cls)
        self.only(field.name for field in fields(described))
        values = {
            field.name: self._of_type(field.name, hints[field.name])
            for field in fields(described)
            if field.name not in read and (field.name in self.values or field.default is MISSING)
        }
        with self.located():
            return cls(**values, **read)

    def _of_type(self, key: str, hint: object) -> Any:  # noqa: ANN401
        if hint is bool:
            return self.get(key, bool, "true or false")
        if hint in (int, int | None):
            return self.get(key, int, "a whole number")
        if hint in (float, float | None):
            return self.number(key)
        return self.text(key)


def read_toml(path: str | Path) -> Table:
    """Return the top table of a TOML file.

    Raises
    ------
    SpecError
        Where the file cannot be read, is too large, is not UTF-8, or is not TOML (with the line).
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise SpecError(f"{path}: larger than {LARGEST:,} bytes: is it a spec?")
        text = content.decode("utf-8")
        if _longest_key(text) > DEEPEST:
            raise SpecError(f"{path}: not TOML that is meant: a key has more than {DEEPEST} parts")
        return Table(tomllib.loads(text), str(path))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: not UTF-8 (byte {error.start:,}): save it as UTF-8") from None
    except RecursionError:
        raise SpecError(f"{path}: not TOML that is meant: its brackets are nested too deep") from None
    except ValueError as error:  # a TOMLDecodeError, or a number of more digits than Python reads
        raise SpecError(f"{path}: not TOML: {cut(str(error), 4 * LINE)}") from None


def toml_text(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """Return plain values (text, numbers, lists of them, tables) as TOML that `read_toml` reads."""
    plain = {key: each for key, each in values.items() if not isinstance(each, Mapping) and each is not None}
    tables = {key: each for key, each in values.items() if isinstance(each, Mapping)}
    lines = [f"{_quoted(key)} = {json.dumps(each, ensure_ascii=False)}" for key, each in plain.items()]
    head = [f"[{'.'.join(map(_quoted, path))}]"] if path and (plain or not tables) else []
    parts = ["\n".join([*head, *lines])] if head or lines else []
    parts += [toml_text(each, (*path, key)).rstrip("\n") for key, each in tables.items()]
    return "\n\n".join(parts) + "\n"


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _longest_key(text: str) -> int:
    """Return about how many parts the longest dotted key has: single words one after the other."""
    longest = run = 0
    for part in text.split("."):
        is_word = len(part.split()) == 1 and not _NO_KEY.intersection(part)
        run = run + 1 if is_word else 0
        longest = max(longest, run)
    return longest


_NO_KEY = frozenset("\n=[]{},#")
"""Not part of a key."""

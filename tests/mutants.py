"""Damaged versions of nested tables (TOML, JSON) and of their text, the same ones for the same seed."""

import copy
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[Any, ...]


class Raw(str):
    """Text that is written into a file as it stands."""


NASTY: tuple[Any, ...] = (
    0, -1, 1, 2, 10**12 + 1, 10**400, -(10**400), 0.0, -0.0, 1e-320, 5e-324, 1e308, -1e308, 0.5, 1.0, 1.5,
    float("inf"), float("-inf"), float("nan"), True, False,
    "", " ", "soon", "NaN", "1e400 weeks", "0 weeks", "1" * 50_000 + " weeks", "1" * 50_000, "x" * 100_000,
    "a\nb", "é漢😀", "'", '"', "(" * 2_000, "not " * 2_000 + "a == 1", "frequency >= " + "9" * 50_000 + "x",
    "{ids}", "{quoted}", "../../etc/passwd", "a." * 300 + "a",
    [], [[]], [0], [1, "a", True], ["x" * 10_000], list(range(5_000)), [1e-320, 1e308], [2.0, 1.0], [{}],
    {}, {"a": {}}, {"mass": 1e-320}, {"x" * 10_000: 1}, {"": 0},
)  # fmt: skip
"""Values of every type, at the edge of what it holds and past it."""


@dataclass(frozen=True)
class Mutant:
    """A damaged text: what was done, at which key (none where the text itself was damaged)."""

    text: str
    what: str
    key: Path = ()


def nested(depth: int, opening: str = "[", closing: str = "]") -> Raw:
    """Brackets in brackets."""
    return Raw(opening * depth + closing * depth)


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every key and index of a nested value, outer ones first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*at, key)
        yield from places(each, (*at, key))


def holder(tree: Any, at: Path) -> Any:
    """What holds the value at a path."""
    for key in at[:-1]:
        tree = tree[key]
    return tree


def structural(tree: dict[str, Any], rng: random.Random, raws: tuple[Raw, ...]) -> tuple[Any, str, Path]:
    """Return a copy of a nested table with one change of type, nesting, number or key."""
    made = copy.deepcopy(tree)
    at = rng.choice(list(places(made)))
    inside, key = holder(made, at), at[-1]
    old = inside[key]
    match rng.randrange(10):
        case 0 | 1 | 2 | 3:
            new = rng.choice((*NASTY, *raws))
            inside[key], what = new, f"a {type(new).__name__}"
        case 4:
            del inside[key]
            what = "gone"
        case 5:
            inside[key], what = [old], "in a list"
        case 6:
            inside[key], what = {"value": old}, "in a table"
        case 7 if isinstance(inside, dict):
            name = rng.choice((f"{key}s", "", "x" * 5_000, "a.b", "é", str(key).upper(), "why", "kind"))
            inside[name], what = inside.pop(key), f"renamed {name[:9]!r}"
            at = (*at[:-1], name)
        case 8 if isinstance(old, int | float):
            factor = rng.choice((-1, 1e-300, 1e300, 10**30, 0.1, 7))
            inside[key], what = old * factor, f"times {factor:g}"
        case _:
            other = rng.choice(list(places(made)))
            inside[key], what = copy.deepcopy(holder(made, other)[other[-1]]), "what stands elsewhere"
    return made, what, at


def textual(text: str, rng: random.Random) -> tuple[str, str]:
    """Return a text with some of its characters changed."""
    at = rng.randrange(len(text))
    match rng.randrange(6):
        case 0:
            return text[:at] + rng.choice('[]{}"=.,\n\0#é\ud7ff:') + text[at + 1 :], "a character"
        case 1:
            return text[:at], "cut short"
        case 2:
            return text[:at] + text[at + rng.randrange(1, 40) :], "a hole"
        case 3:
            return text[:at] + text[at : at + 200] + text[at:], "twice"
        case 4:
            return text[:at] + rng.choice("[{") * rng.choice((3, 500, 5_000)) + text[at:], "brackets"
        case _:
            digits = re.sub(r"[0-9]", lambda digit: digit[0] * rng.choice((1, 1, 400, 5_000)), text)
            return digits, "digits"


def toml_text(tree: Any) -> str:
    """Write a table as TOML: sections by header, all inside them inline."""
    lines = []
    for name, value in tree.items():
        if isinstance(value, dict):
            lines.append(f"[{_key(name)}]")
            lines += [f"{_key(key)} = {_toml(each)}" for key, each in value.items()]
        else:
            lines.insert(0, f"{_key(name)} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _key(name: Any) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", str(name)) else json.dumps(str(name))


def _toml(value: Any) -> str:
    match value:
        case Raw():
            return value
        case bool():
            return str(value).lower()
        case int():
            return hex(value) if value > 10**3000 else str(value)
        case float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case dict():
            return "{" + ", ".join(f"{_key(key)} = {_toml(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(str(value))


TOML_RAWS = (
    nested(300), nested(5_000), Raw("0x" + "F" * 50_000), Raw("9" * 5_000), Raw("1979-05-27"),
    Raw("1979-05-27T07:32:00Z"), Raw("07:32:00"), Raw("{a=" * 5_000), Raw("'''\n"),
    Raw("{a." + "b." * 50_000 + "c = 1}"),
)  # fmt: skip
JSON_RAWS = (
    nested(300),
    nested(100_000),
    Raw("9" * 5_000),
    Raw("NaN"),
    Raw("-Infinity"),
    Raw('{"a":' * 5_000),
)


def json_text(tree: Any) -> str:
    """Write a value as JSON, raw texts as they stand."""
    match tree:
        case Raw():
            return tree
        case dict():
            return "{" + ", ".join(f"{json.dumps(str(k))}: {json_text(v)}" for k, v in tree.items()) + "}"
        case list():
            return "[" + ", ".join(map(json_text, tree)) + "]"
    return json.dumps(tree)


def mutants(text: str, tree: Any, count: int, seed: int, *, as_json: bool) -> Iterator[Mutant]:
    """Yield `count` mutants, every other one structural."""
    rng = random.Random(seed)
    for number in range(count):
        if number % 2:
            changed, what = textual(text, rng)
            yield Mutant(changed, what)
        else:
            made, what, at = structural(tree, rng, JSON_RAWS if as_json else TOML_RAWS)
            yield Mutant(json_text(made) if as_json else toml_text(made), what, at)

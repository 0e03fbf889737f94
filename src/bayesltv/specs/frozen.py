"""Values that cannot change and their fingerprint: a read-only mapping, canonical JSON, its SHA-256."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from hashlib import sha256
from typing import Any

type Plain = str | int | float | bool | list["Plain"] | dict[str, "Plain"] | None
"""What JSON can hold."""


class FrozenMapping[V](Mapping[str, V]):
    """A mapping that cannot be changed but can be hashed, copied and sent to workers.

    Parameters
    ----------
    items : Mapping
        Copied.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, V]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


def put(record: object, **values: object) -> None:
    """Set fields of a frozen dataclass that is being made."""
    for name, value in values.items():
        object.__setattr__(record, name, value)


def stated(record: Any, *, but: tuple[str, ...] = ()) -> dict[str, Plain]:  # noqa: ANN401
    """Return the fields of a dataclass that are not None, as a spec file would state them."""
    found = {field.name: getattr(record, field.name) for field in fields(record) if field.name not in but}
    return {name: value for name, value in found.items() if value is not None}


def canonical_json(values: Mapping[str, Plain]) -> str:
    """Return the one JSON text of `values`: keys sorted, no spaces, no NaN.

    Examples
    --------
    >>> canonical_json({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1.0}'
    """
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(values: Mapping[str, Plain]) -> str:
    """Return the SHA-256 of the canonical JSON of `values`, 64 hexadecimal digits."""
    return sha256(canonical_json(values).encode()).hexdigest()


def tidy(value: float) -> float:
    """Return `value` at 12 significant digits.

    Derived parameters pass through here, so that the last bits of a root finder or of a processor's
    logarithm do not change the hash of a spec.
    """
    return float(f"{value:.12g}")

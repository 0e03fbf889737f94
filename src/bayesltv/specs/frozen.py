"""Values that cannot change and their fingerprint: a read-only mapping, canonical JSON, its SHA-256."""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256

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

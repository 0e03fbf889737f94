"""JSON files that carry the hash of what they say, so that a changed or damaged one is known."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from bayesltv.errors import StoreError

SEAL = "content_sha256"
"""Key of the hash of everything else in the file."""
FORMAT = 2
"""Version of the layout of manifests. Those of layout 1 have no seal: their own words cannot be verified."""


def sealed(content: Mapping[str, Any]) -> str:
    """Return content as the text of a JSON file, with its hash in it.

    Raises
    ------
    ValueError
        Where a number is not finite.
    """
    return json.dumps({**content, SEAL: _digest(content)}, indent=2, allow_nan=False) + "\n"


def read_sealed(path: Path, *, cure: str) -> dict[str, Any]:
    """Return what a file that `sealed` made says, without its hash.

    Raises
    ------
    StoreError
        Where it is missing, is not JSON, has been changed, or comes from a later version.
    """
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{path} is missing or damaged: it is not there. {cure}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path} is missing or damaged: {_short(error)}. {cure}") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path} is missing or damaged: it is no table of names and values. {cure}")
    return _opened(content, path, cure=cure)


def _opened(content: Mapping[str, Any], path: Path, *, cure: str) -> dict[str, Any]:
    told = {name: value for name, value in content.items() if name != SEAL}
    layout = content.get("format")
    if SEAL in content and content[SEAL] != _digest(told):
        raise StoreError(f"{path} was changed after it was written: its {SEAL} does not fit. {cure}")
    if SEAL not in content and layout != 1:
        raise StoreError(f"{path} is missing or damaged: it has no {SEAL}. {cure}")
    if not isinstance(layout, int) or layout > FORMAT:
        raise StoreError(f"{path} has layout {layout!r}, which this version does not know: upgrade bayesltv")
    return told


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]


def digests_of(folder: Path) -> dict[str, str]:
    """Return place inside a folder -> SHA-256, of all its files."""
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    return {each.relative_to(folder).as_posix(): sha256(each.read_bytes()).hexdigest() for each in files}


def in_json(value: object) -> Any:  # noqa: ANN401
    """Return a value in JSON's types; what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(name): in_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [in_json(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value

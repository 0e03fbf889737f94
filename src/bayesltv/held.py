"""A file that is read: opened once, so that all of it is read from one state of it, or the run ends."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BufferedReader
from pathlib import Path

from bayesltv.errors import StoreError


@dataclass(frozen=True)
class Held:
    """A file that stays the one it was: replaced meanwhile, its old bytes are still read.

    Attributes
    ----------
    path : Path
        Where it was when it was opened.
    file : binary file
    size, changed_ns : int
        Its bytes, and when they were last written to.
    """

    path: Path
    file: BufferedReader
    size: int
    changed_ns: int

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of its bytes, 64 hexadecimal digits."""
        return hashlib.file_digest(self.from_start(), "sha256").hexdigest()

    def from_start(self) -> BufferedReader:
        """Return the file, to be read from its beginning."""
        self.file.seek(0)
        return self.file

    def require_unchanged(self) -> None:
        """Raise where it was written to since it was opened.

        Raises
        ------
        StoreError
        """
        now = os.fstat(self.file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self.size, self.changed_ns):
            raise StoreError(
                f"{self.path} was written to while it was read, and nothing was made of it: run again once "
                "it is whole. (Where a file is written under another name and then renamed, a run keeps "
                "to the old one)"
            )


@contextmanager
def held(path: str | Path) -> Iterator[Held]:
    """Yield an open file; at the end it is looked at whether it was written to meanwhile.

    Raises
    ------
    StoreError
        Where it cannot be opened, or was written to.
    """
    try:
        file = Path(path).open("rb")  # noqa: SIM115
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}. Is the path right?") from error
    with file:
        told = os.fstat(file.fileno())
        opened = Held(Path(path), file, told.st_size, told.st_mtime_ns)
        yield opened
        opened.require_unchanged()


@dataclass(frozen=True)
class Watched:
    """Files that are opened by their paths more than once, in the state in which they were.

    Attributes
    ----------
    states : tuple
        Pairs of what is read and the states of its files.
    """

    states: tuple[tuple[object, dict[str, tuple[int, int, int]]], ...]

    def require_unchanged(self) -> None:
        """Raise where a file was written to, replaced, added or taken away.

        Raises
        ------
        StoreError
        """
        for source, before in self.states:
            if _states(source) != before:
                raise StoreError(
                    f"{source} changed while it was read, and nothing was made of it: run again once it is "
                    "whole"
                )


def watch(*sources: object) -> Watched:
    """Return the state of files, or of all files in folders; what is no path, a frame, is let be."""
    return Watched(tuple((source, _states(source)) for source in sources))


def _states(source: object) -> dict[str, tuple[int, int, int]]:
    """Return path -> what tells one state of a file from another, of a file or all files in a folder."""
    if not isinstance(source, str | os.PathLike):
        return {}
    found = {}
    for path in (Path(source), *(Path(source).rglob("*") if Path(source).is_dir() else ())):
        try:
            told = path.stat()
        except OSError:
            continue
        if not path.is_dir():
            found[str(path)] = (told.st_ino, told.st_size, told.st_mtime_ns)
    return found

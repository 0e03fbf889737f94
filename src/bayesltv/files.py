"""Files that come out: written beside their place and renamed, so that nobody ever reads half of one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayesltv.errors import StoreError


def require_writable(*paths: str | Path) -> None:
    """Raise where one of the files could not be written; to be called before the work that makes them.

    Raises
    ------
    StoreError
        Where the folder does not exist or may not be written to, or where something that is no file stands
        in the file's place.
    """
    for path in paths:
        _part_of(Path(path)).unlink()


def make_folder(path: str | Path) -> Path:
    """Make a folder, and those above it, where it is not there yet, and return it.

    Raises
    ------
    StoreError
        Where it cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    return folder


@contextmanager
def replacing(*paths: str | Path) -> Iterator[tuple[Path, ...]]:
    """Yield a place beside each path to write to; at the end, if nothing failed, they take their paths.

    Earlier files stay until all new ones are whole. They are renamed in the given order: what says that the
    others are complete comes last.

    Raises
    ------
    StoreError
        Where a file cannot be written: no folder, no permission, no room.
    """
    targets = [Path(path) for path in paths]
    parts: list[Path] = []
    try:
        for target in targets:
            parts.append(_part_of(target))
        with _explained(targets[0]):
            yield tuple(parts)
            for part, target in zip(parts, targets, strict=True):
                part.chmod(0o666 & ~_umask())
                part.replace(target)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _part_of(target: Path) -> Path:
    """Make an empty file beside the target, where the disk and the permissions are the same."""
    if target.exists() and not target.is_file():
        raise StoreError(f"cannot write {target}: it is a folder or a device, not a file. Name a file")
    with _explained(target):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        os.close(handle)
    return Path(name)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"cannot write {target}: {target.parent} is no folder. Make it first") from error
    except OSError as error:
        raise StoreError(
            f"cannot write {target}: {error.strerror or error}. Is there room, and permission to write?"
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

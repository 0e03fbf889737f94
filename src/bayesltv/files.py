"""Files that come out: written beside their place and renamed, so that nobody ever reads half of one."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
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


def require_folder(path: str | Path) -> None:
    """Raise where a folder could not be made or written to; to be called before the work, makes nothing.

    Raises
    ------
    StoreError
    """
    folder = Path(path)
    nearest = next(each for each in (folder, *folder.absolute().parents) if os.path.exists(each))
    if not nearest.is_dir():
        raise StoreError(f"cannot make the folder {folder}: {nearest} is a file. Name another folder")
    with _explained(folder / "any file"), tempfile.TemporaryFile(dir=nearest):
        pass


@contextmanager
def refilling(path: str | Path, *, marker: str, known: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield an empty folder to fill; at the end, if nothing failed, its files take their places in `path`.

    Earlier files stay until all new ones are whole. Then the earlier marker goes first, the new files come,
    earlier ones that have no successor go, and the new marker comes last: where it is, all is of one run.

    Parameters
    ----------
    path : path
        Folder; made where it is not there.
    marker : str
        Name of the file that says that the others are complete.
    known : callable
        Place inside the folder -> whether such a file is ours, and may be removed.

    Raises
    ------
    StoreError
        Where something cannot be written.
    """
    folder = make_folder(path)
    with _explained(folder / marker):
        part = Path(tempfile.mkdtemp(dir=folder, prefix=".", suffix=".part"))
    try:
        with _explained(folder / marker):
            yield part
            (folder / marker).unlink(missing_ok=True)
            made = sorted(each.relative_to(part) for each in part.rglob("*") if each.is_file())
            for name in sorted(made, key=lambda each: each == Path(marker)):
                if name == Path(marker):
                    _remove_stale(folder, set(made), known)
                (folder / name).parent.mkdir(exist_ok=True)
                (part / name).replace(folder / name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _remove_stale(folder: Path, made: set[Path], known: Callable[[Path], bool]) -> None:
    for each in [*folder.glob("*"), *folder.glob("*/*")]:
        name = each.relative_to(folder)
        if each.is_file() and name not in made and known(name):
            each.unlink()


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
    if os.path.exists(target) and not os.path.isfile(target):
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

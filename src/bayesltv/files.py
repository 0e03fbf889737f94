"""Files that come out: written beside their place and renamed, so that nobody ever reads half of one."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bayesltv.errors import StoreError
from bayesltv.unfinished import unfinished_file, unfinished_folder

FILE_ENDINGS = (
    ".csv", ".gz", ".htm", ".html", ".json", ".nc", ".npy", ".parquet", ".pdf", ".pickle", ".pkl", ".png",
    ".pq", ".svg", ".toml", ".tsv", ".txt", ".xls", ".xlsx", ".zip",
)  # fmt: skip
"""Endings of which nobody would think that a folder has them."""


def require_ending(path: str | Path, endings: Sequence[str], *, what: str) -> Path:
    """Return the path of a file to be written; one without an ending may be called as anybody likes.

    Parameters
    ----------
    path : path
    endings : sequence of str
        Those that fit, the usual one first.
    what : str
        What is written, and as what: "a report is written as HTML".

    Raises
    ------
    StoreError
        Where the name promises another format.
    """
    target = Path(path)
    if target.suffix and target.suffix.lower() not in endings:
        raise StoreError(f"{what}, not to {target}: name it {target.with_suffix(endings[0])}")
    return target


def require_folder_name(path: str | Path, *, what: str) -> Path:
    """Return the path of a folder to be written.

    Raises
    ------
    StoreError
        Where it is called as a file is and is not there yet.
    """
    folder = Path(path)
    if folder.suffix.lower() in FILE_ENDINGS and not os.path.isdir(folder):
        raise StoreError(
            f"{what} are written into a folder, not to {folder}: name it {folder.with_suffix('')}"
        )
    return folder


def require_writable(*paths: str | Path) -> None:
    """Raise where one of the files could not be written; to be called before the work that makes them.

    What a killed run left unfinished beside them is removed.

    Raises
    ------
    StoreError
        Where the folder does not exist or may not be written to, or where something that is no file stands
        in the file's place.
    """
    for path in paths:
        target = followed(path)
        with _explained(target), unfinished_file(target.parent, target.name):
            pass


def make_folder(path: str | Path) -> Path:
    """Make a folder, and those above it, where it is not there yet, and return it.

    Raises
    ------
    StoreError
        Where it cannot be made.
    """
    folder = Path(path)
    try:
        Path(os.path.realpath(folder)).mkdir(parents=True, exist_ok=True)
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

    Earlier files stay until all new ones are whole and on the disk. Then the earlier marker goes first, the
    new files come, earlier ones that have no successor go, and the new marker comes last: where it is, all is
    of one run, also after a power cut.

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
        Where something cannot be written, or is a link.
    """
    folder = make_folder(path)
    with ExitStack() as stack:
        with _explained(folder / marker):
            part = stack.enter_context(unfinished_folder(folder, marker)) / "new"
            part.mkdir()  # one below: the folder above is locked, and files that come in lock theirs
        with _explained(folder / marker):
            yield part
            made = sorted(each.relative_to(part) for each in part.rglob("*") if each.is_file())
            for name in made:
                _require_place(folder, name)
                sync(part / name)
            with _publishing([folder]):
                _publish(part, folder, made, Path(marker), known)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder to fill; at the end, if nothing failed, it takes its place as a whole.

    What is there already is never replaced. A run that is killed leaves nothing, and the next one removes
    what it had begun.

    Raises
    ------
    StoreError
        Where something is there, or cannot be written.
    """
    target = Path(path)
    folder = make_folder(target.parent)
    with ExitStack() as stack:
        with _explained(target):
            part = stack.enter_context(unfinished_folder(folder, target.name)) / target.name
            part.mkdir()  # one below: the folder above is locked, and files that come in lock theirs
        with _explained(target):
            yield part
            for each in (part, *part.rglob("*")):
                sync_folder(each) if each.is_dir() else sync(each)
            with _publishing([folder]):
                if os.path.lexists(target):
                    raise StoreError(f"cannot write {target}: it is there already, and is never replaced")
                part.replace(target)
                sync_folder(folder)


def _publish(
    part: Path, folder: Path, made: Sequence[Path], marker: Path, known: Callable[[Path], bool]
) -> None:
    (folder / marker).unlink(missing_ok=True)
    sync_folder(folder)
    for name in made:
        if name != marker:
            (folder / name).parent.mkdir(exist_ok=True)
            (part / name).replace(folder / name)
    _remove_stale(folder, set(made), known)
    for each in {(folder / name).parent for name in made} | {folder}:
        sync_folder(each)
    if marker in made:
        (part / marker).replace(folder / marker)
        sync_folder(folder)


def _require_place(folder: Path, name: Path) -> None:
    """Raise where a file cannot take its place: to be known before the earlier marker goes."""
    for each in (folder / name, *(folder / above for above in name.parents if above != Path())):
        if each.is_symlink():
            raise StoreError(
                f"cannot write {each}: it is a symbolic link, which would be replaced. Remove it, or name "
                "another folder"
            )
        if each.exists() and each.is_dir() == (each == folder / name):
            raise StoreError(
                f"cannot write {each}: something else is there. Remove it, or name another folder"
            )


def _remove_stale(folder: Path, made: set[Path], known: Callable[[Path], bool]) -> None:
    for each in [*folder.glob("*"), *folder.glob("*/*")]:
        name = each.relative_to(folder)
        is_hidden = name.parts[0].startswith(".")  # what is being written, by this run or another
        if each.is_file() and not is_hidden and name not in made and known(name):
            each.unlink()


@contextmanager
def replacing(*paths: str | Path) -> Iterator[tuple[Path, ...]]:
    """Yield a place beside each path to write to; at the end, if nothing failed, they take their paths.

    Earlier files stay until all new ones are whole and on the disk. They are renamed in the given order. A
    path that is a symbolic link is followed: what it points to is replaced, and the link stays.

    Raises
    ------
    StoreError
        Where a file cannot be written: no folder, no permission, no room.
    """
    targets = [followed(path) for path in paths]
    with ExitStack() as stack:
        parts = []
        for target in targets:
            with _explained(target):
                parts.append(stack.enter_context(unfinished_file(target.parent, target.name)))
        with _explained(targets[0]):
            yield tuple(parts)
            for part in parts:
                part.chmod(0o666 & ~_umask())
                sync(part)
            with _publishing(target.parent for target in targets):
                for part, target in zip(parts, targets, strict=True):
                    part.replace(target)
                    sync_folder(target.parent)


def followed(path: str | Path) -> Path:
    """Return the file that a path names, behind symbolic links.

    Raises
    ------
    StoreError
        Where something that is no file stands there, or links go in a circle.
    """
    # of os.path, which knows no name that is too long
    target = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    if os.path.islink(target):
        raise StoreError(f"cannot write {path}: its symbolic links go in a circle. Name a file")
    if os.path.exists(target) and not os.path.isfile(target):
        raise StoreError(f"cannot write {path}: it is a folder or a device, not a file. Name a file")
    return target


def sync(path: Path) -> None:
    """Have a file's bytes on the disk before it is renamed: else a power cut could leave an empty one."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, where the file system can do that for folders."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _publishing(folders: Iterable[Path]) -> Iterator[None]:
    """Keep other runs from renaming into the same folders meanwhile, so that files of two runs never mix."""
    with ExitStack() as stack:
        for folder in sorted({each.resolve() for each in folders}):
            handle = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, handle)
            with suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


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

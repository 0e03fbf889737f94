"""Unfinished files and folders: locked while they are written, so that what a killed run left is known.

A lock goes with the process that holds it, however that ends. What has such a name and no lock is of nobody
any more, and the next run that writes to the same place removes it. Where the file system has no locks,
nothing is ever taken for abandoned.
"""

import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ENDING = ".part"
_CHANCE = "[a-z0-9_]{8}"
"""What `tempfile` puts between prefix and suffix."""


@contextmanager
def unfinished_file(folder: Path, name: str) -> Iterator[Path]:
    """Yield an empty hidden file to fill; at the end it is removed where it still has its hidden name.

    Raises
    ------
    OSError
        Where it cannot be made.
    """
    remove_abandoned(folder, name)
    path, lock = _begun_file(folder, name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


@contextmanager
def unfinished_folder(folder: Path, name: str) -> Iterator[Path]:
    """Yield an empty hidden folder to fill; at the end it is removed with all that is in it.

    Raises
    ------
    OSError
        Where it cannot be made.
    """
    remove_abandoned(folder, name)
    path, lock = _begun_folder(folder, name)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def remove_abandoned(folder: Path, name: str) -> None:
    """Remove what killed runs left unfinished under this name, and nothing that is being written."""
    hidden = re.compile(rf"\.{re.escape(name)}\.{_CHANCE}{re.escape(_ENDING)}")
    with suppress(OSError):  # no such folder, or one that may not be read
        for each in [entry.name for entry in os.scandir(folder) if hidden.fullmatch(entry.name)]:
            _remove_if_abandoned(folder / each)


def _begun_file(folder: Path, name: str) -> tuple[Path, int]:
    while True:
        lock, made = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=_ENDING)
        if _taken(lock, Path(made)):
            return Path(made), lock
        os.close(lock)


def _begun_folder(folder: Path, name: str) -> tuple[Path, int]:
    while True:
        made = tempfile.mkdtemp(dir=folder, prefix=f".{name}.", suffix=_ENDING)
        with suppress(FileNotFoundError):  # another run took it for abandoned before it had its lock
            lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
            if _taken(lock, Path(made)):
                return Path(made), lock
            os.close(lock)


def _taken(lock: int, path: Path) -> bool:
    """Lock what has just been made; False where another run took it for abandoned before that."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return _is_at(lock, path)


def _remove_if_abandoned(path: Path) -> None:
    with suppress(OSError):
        found = path.lstat()
        if found.st_uid != os.getuid() or not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            return
        is_folder = stat.S_ISDIR(found.st_mode)
        handle = os.open(path, (os.O_RDONLY if is_folder else os.O_RDWR) | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_at(handle, path):
                return
            if is_folder:
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        finally:
            os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False

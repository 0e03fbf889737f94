"""One way to compile a kernel: no GIL, NumPy's error model, cached on disk where that is possible."""

import contextlib
import functools
import os
import pickle
import stat
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numba.extending


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with numba, without fastmath, so that results do not depend on vector width.

    The machine code is cached where `cache_folder` says, or not at all.
    """
    return _compiled(function)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a few lines that a kernel runs in its innermost loop, and leave no call there.

    A call hands over seven words for each array: a gamma number takes 9 ns without calls and 34 ns with them.
    """
    return _compiled(function, forceinline=True)


_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": False, "no_cfunc_wrapper": True}


_GONE = (ImportError, AttributeError, EOFError, pickle.UnpicklingError)


def verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare what several types can do, each in its own way; the first argument's type decides which.

    A verb is called from Python and from compiled kernels alike. A kernel is compiled for the types it is
    given, with their ways in place of the verb, and found again on disk by the next process: numba keys its
    cache by types, which a kernel made as a closure over functions does not change.
    """
    return _verb(function, None)


def usual(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare a verb whose body is the way of all types that have none of their own."""
    return _verb(function, function)


def _verb(function: Callable[..., Any], otherwise: Callable[..., Any] | None) -> Callable[..., Any]:
    ways: dict[type | None, Callable[..., Any] | None] = {None: None}

    def way_of(subject: Any, *_: Any) -> Callable[..., Any] | None:  # noqa: ANN401
        return ways.get(getattr(subject, "instance_class", None), otherwise)

    @functools.wraps(function)
    def declared(subject: Any, *rest: Any) -> Any:  # noqa: ANN401
        found = ways.get(type(subject), otherwise)
        if found is None:
            raise KeyError(type(subject))
        return found(subject, *rest)

    numba.extending.overload(declared, jit_options=_OPTIONS | {"forceinline": True}, strict=False)(way_of)
    declared.ways, declared.otherwise = ways, otherwise  # type: ignore[attr-defined]
    return declared


def way(of: Callable[..., Any], kind: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say how NamedTuples of one kind do what the verb `of` declares; it stays a plain function."""

    def told(function: Callable[..., Any]) -> Callable[..., Any]:
        of.ways[kind] = function  # type: ignore[attr-defined]
        return function

    return told


def _compiled(function: Callable[..., Any], **more: bool) -> Callable[..., Any]:
    options = _OPTIONS | more
    folder = cache_folder(str(Path(function.__code__.co_filename).parent))
    if folder is None:
        return numba.njit(cache=False, **options)(function)  # type: ignore[no-any-return]
    try:
        with _cached_in(folder):
            return _forgiving(numba.njit(cache=True, **options)(function))
    except RuntimeError:  # numba found no folder that it may write to
        return numba.njit(cache=False, **options)(function)  # type: ignore[no-any-return]


def _forgiving(kernel: Any) -> Callable[..., Any]:  # noqa: ANN401
    """Let cached code that cannot be read be code that is not there.

    Its index names the types that a kernel was compiled for, and itself the modules that it came from. Where
    one of them is gone, say with another version of the package, numba would fail at the first call, before
    it sees that the code is out of date.
    """
    file = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
    if file is None:
        return kernel  # type: ignore[no-any-return]
    index, data = file._load_index, file._load_data

    def load_index() -> Any:  # noqa: ANN401
        try:
            return index()
        except _GONE:
            return {}

    def load_data(name: str) -> Any:  # noqa: ANN401
        try:
            return data(name)
        except _GONE as error:
            raise FileNotFoundError(name) from error  # which numba takes for code to be made anew

    file._load_index, file._load_data = load_index, load_data
    return kernel  # type: ignore[no-any-return]


@cache
def cache_folder(package: str) -> str | None:
    """Return where machine code of the sources in `package` is cached; None for nowhere.

    ``NUMBA_CACHE_DIR`` where it is set; else "", which leaves it to numba, where the sources' folder or the
    user's home can be written to; else a folder of this user alone among the temporary files. numba on its
    own would make a folder called "~" in the working directory where a user has no home. What is cached is
    code that will be run, so a folder that others may write to is not used.
    """
    if numba.config.CACHE_DIR:
        return str(numba.config.CACHE_DIR)
    home = Path("~").expanduser() if _has_home() else None
    if _is_writable(Path(package) / "__pycache__") or (home is not None and _is_writable(home / ".cache")):
        return ""
    return _private_folder()


def _has_home() -> bool:
    try:
        return Path("~").expanduser().is_absolute()
    except RuntimeError:  # neither HOME nor an entry in the system's list of users
        return False


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _private_folder() -> str | None:
    """Return a folder of mode 700 that belongs to this user; None where there can be none."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    with contextlib.suppress(OSError):
        folder = Path(tempfile.gettempdir()) / f"bayesltv-kernels-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        is_mine = user in ("user", found.st_uid) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if stat.S_ISDIR(found.st_mode) and is_mine and _is_writable(folder):
            return str(folder)
    return None


@contextlib.contextmanager
def _cached_in(folder: str) -> Iterator[None]:
    """Let numba, which looks at this once, when a function is decorated, cache in `folder`."""
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, folder
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before

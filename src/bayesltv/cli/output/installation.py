"""What an installation has and lacks: found without a sampler, so that a broken one can be asked."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from bayesltv.machine import PACKAGES, available_processors, java_program

CJK_FONTS = (
    "Noto Sans CJK",
    "Noto Serif CJK",
    "Source Han Sans",
    "PingFang",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi",
)
LEAST_ROOM, LITTLE_ROOM = 100_000_000, 2_000_000_000
"""Bytes of disk: below the first nothing is written, below the second a large log has no room to spill."""


@dataclass(frozen=True)
class Finding:
    """What was found of one thing, and the cure where something is amiss.

    Attributes
    ----------
    name : str
    status : "pass", "warn" or "fail"
    found : str
    cure : str
    """

    name: str
    status: Literal["pass", "warn", "fail"]
    found: str
    cure: str = ""


def examine(folder: str | Path = ".") -> tuple[Finding, ...]:
    """Return what there is: versions, threads, compiler, compiled kernels, fonts, Java, disk.

    Parameters
    ----------
    folder : path
        Where results are to be written.

    Examples
    --------
    >>> [each.name for each in examine()][:2]
    ['python', 'packages']
    """
    disks = {"disk": Path(folder), "temporary disk": Path(tempfile.gettempdir())}
    return (
        Finding("python", "pass", f"{sys.version.split()[0]} in {sys.prefix}"),
        _packages(),
        _threads(),
        _compiler(),
        _kernels(),
        _fonts(),
        _java(),
        *(_disk(name, where) for name, where in disks.items()),
    )


def _packages() -> Finding:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "fail", f"missing: {', '.join(missing)}", "pip install bayesltv")
    return Finding("packages", "pass", ", ".join(found))


def _threads() -> Finding:
    """Return how many threads walk customers, and whether libraries below start more of their own."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    told = ", ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ)
    processors = available_processors()
    return Finding("threads", "pass", f"{processors} can run at once" + (f"; {told}" if told else ""))


def _compiler() -> Finding:
    found = next((path for name in ("g++", "clang++", "c++") if (path := shutil.which(name))), None)
    if found is None:
        return Finding("compiler", "pass", "no C++ compiler; none is needed: kernels are compiled by numba")
    return Finding("compiler", "pass", found)


def _kernels() -> Finding:
    """Return whether compiled kernels can be kept: else every run compiles them again."""
    told = os.environ.get("NUMBA_CACHE_DIR")
    where = Path(told) if told else Path(__file__).parents[2] / "kernels"
    kept = sum(1 for _ in _compiled(where))
    writable = os.access(where if where.exists() else where.parent, os.W_OK)
    text = f"{kept:,} compiled kernels in {where}"
    if not writable and not kept:
        cure = "set NUMBA_CACHE_DIR to a folder that can be written: each run compiles for a minute"
        return Finding("kernel cache", "warn", f"{text}, which cannot be written", cure)
    return Finding("kernel cache", "pass", text)


def _compiled(folder: Path) -> Iterator[Path]:
    return folder.rglob("*.nbc")


def _fonts() -> Finding:
    """Return whether figures can show Chinese, Japanese and Korean."""
    if find_spec("matplotlib") is None:
        return Finding("fonts", "fail", "matplotlib is missing", "pip install bayesltv")
    from matplotlib import get_cachedir
    from matplotlib.font_manager import findSystemFonts, fontManager

    names = sorted({font.name for font in fontManager.ttflist if font.name.startswith(CJK_FONTS)})
    if names:
        return Finding("fonts", "pass", f"Chinese, Japanese, Korean: {', '.join(names[:3])}")
    on_disk = [path for path in findSystemFonts() if any(font.replace(" ", "") in path for font in CJK_FONTS)]
    if on_disk:
        cure = f"it was installed after matplotlib looked: remove {get_cachedir()}, which it makes anew"
        return Finding("fonts", "warn", f"{Path(on_disk[0]).name} is not known to matplotlib", cure)
    cure = "install one, on Debian: apt install fonts-noto-cjk; figures show boxes for such text"
    return Finding("fonts", "warn", "none for Chinese, Japanese, Korean", cure)


def _java() -> Finding:
    found = java_program()
    if found:
        return Finding("java", "pass", found)
    if find_spec("pyspark") is None:
        return Finding("java", "pass", "none, and none is needed: pyspark is not installed")
    cure = "install a Java runtime, on Debian: apt install default-jre-headless"
    return Finding("java", "warn", "none: scoring on Spark needs it", cure)


def _disk(name: str, folder: Path) -> Finding:
    there = next(each for each in (folder.resolve(), *folder.resolve().parents) if each.exists())
    free = shutil.disk_usage(there).free
    text = f"{free / 1e9:,.1f} GB free in {there}"
    if free < LEAST_ROOM or not os.access(there, os.W_OK):
        return Finding(name, "fail", text, "make room, or write to another folder")
    if free < LITTLE_ROOM:
        return Finding(name, "warn", text, "a log larger than memory needs room to spill")
    return Finding(name, "pass", text)

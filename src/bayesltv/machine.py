"""The machine at work: how many processors it allows, and what a result was made with."""

import math
import os
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

SYSTEM = Path("/")
_OWN_GROUPS = "proc/self/cgroup"
_MOUNT = "sys/fs/cgroup"
PACKAGES = ("bayesltv", "pymc", "nutpie", "arviz", "numba", "numpy", "scipy", "pandas", "xarray")
"""With a part in a number: the same versions on the same processor give the same bytes."""


def available_processors(system: Path = SYSTEM) -> int:
    """Return how many threads can run at once: the process's affinity, and its container's CPU quota.

    A quota of 1.5 processors is 2 threads. ``PYTHON_CPU_COUNT`` is respected where Python knows it.

    Parameters
    ----------
    system : path
        Root of the file system that tells of control groups.
    """
    allowed = os.process_cpu_count() if hasattr(os, "process_cpu_count") else len(os.sched_getaffinity(0))
    quota = container_quota(system)
    return max(1, min(allowed or 1, math.ceil(quota) if math.isfinite(quota) else allowed or 1))


def container_quota(system: Path = SYSTEM) -> float:
    """Return how many processors' time the control groups allow; infinity without a limit.

    Version 2 says "quota period" or "max period" in ``cpu.max`` (kernel.org, cgroup-v2); version 1 has both
    in files of their own, with -1 for no limit. A group is bound by those above it.
    """
    quotas = [math.inf]
    for controllers, path in _groups(system):
        base = system / _MOUNT
        if controllers == "":
            quotas += [_quota_2(base / folder) for folder in _upwards(path)]
        elif "cpu" in controllers.split(","):
            quotas += [
                _quota_1(base / mount / folder) for mount in ("cpu", controllers) for folder in _upwards(path)
            ]
    return min(quotas)


def _groups(system: Path) -> list[tuple[str, str]]:
    """Return (controllers, path) of each hierarchy the process is in; controllers are "" in version 2."""
    lines = _text(system / _OWN_GROUPS).splitlines()
    parts = [line.split(":", 2) for line in lines]
    return [(part[1], part[2]) for part in parts if len(part) == 3]


def _upwards(path: str) -> list[str]:
    """Return a group and those above it; inside a container the root is what limits it."""
    names = [name for name in path.split("/") if name not in ("", "..")]
    return ["/".join(names[:depth]) for depth in range(len(names) + 1)]


def _quota_2(folder: Path) -> float:
    words = _text(folder / "cpu.max").split()
    return _ratio(words[0], words[1]) if len(words) == 2 else math.inf


def _quota_1(folder: Path) -> float:
    return _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float:
    try:
        time, per = float(quota), float(period)
    except ValueError:  # "max", or nothing there
        return math.inf
    return time / per if time > 0 and per > 0 else math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def java_program() -> str | None:
    """Return the path of Java; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")


def versions() -> dict[str, str]:
    """Return the version of each package that has a part in a number, and of Python."""
    return {**{name: version(name) for name in PACKAGES}, "python": platform.python_version()}


def processor() -> str:
    """Return the processor's architecture and, where the system tells it, its model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return ", ".join(filter(None, [platform.machine(), models[0] if models else platform.processor()]))

"""What a result was made with: the same versions on the same processor give the same bytes."""

import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("bayesltv", "pymc", "nutpie", "arviz", "numba", "numpy", "scipy", "pandas", "xarray")


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

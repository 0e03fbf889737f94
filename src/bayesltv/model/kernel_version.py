"""The version of the kernels that PyTensor compiles into its graphs, and keeps on disk."""

import zlib
from functools import cache
from pathlib import Path

import bayesltv.families
import bayesltv.kernels
import bayesltv.numerics

_ROOMS = (bayesltv.families, bayesltv.kernels, bayesltv.numerics)


@cache
def kernel_version() -> int:
    """Return a number that any change of a kernel's sources changes.

    PyTensor finds compiled graphs again by the name of our operations and this number. Without it a graph
    made by another version of the package would be taken for ours: with its arithmetic, or not to be loaded.
    """
    found = 0
    for room in _ROOMS:
        for path in sorted(Path(room.__path__[0]).rglob("*.py")):
            found = zlib.crc32(path.read_bytes(), found)
    return found

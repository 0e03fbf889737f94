"""One way to compile a kernel: no GIL, NumPy's error model, cached on disk where that is possible."""

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with numba, without fastmath, so that results do not depend on vector width.

    The machine code is cached beside the package, or in the user's cache folder where the package is
    installed read-only, or not at all where neither can be written.
    """
    options = {"nogil": True, "error_model": "numpy", "fastmath": False}
    try:
        return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # numba found no folder that it may write to
        return numba.njit(cache=False, **options)(function)  # type: ignore[no-any-return]

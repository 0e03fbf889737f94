"""What the arrays that pass between functions hold, by name."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""Measures: amounts, times, probabilities, parameters."""

Integers = NDArray[np.int64]
"""Counts, days, and places of rows."""

Codes = NDArray[np.int32]
"""Which group, level or action each row is of: its number, or -1 for none."""

Flags = NDArray[np.bool_]
"""Which rows are meant."""

Columns = dict[str, NDArray[Any]]
"""Columns of a table by their names, each as long as the table."""

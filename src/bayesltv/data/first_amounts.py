"""First amounts of a summary that does not name them: what was spent beyond repeat spend."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesltv.data.histories import MICROS
from bayesltv.names import FIRST_AMOUNT, SPEND_SUM, VALUE_TO_DATE


def with_first_amounts(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a summary of canonical numbers with ``first_amount``, where it can be told.

    Zero is missing: a first purchase without an amount says nothing of spend. Where the column is not there
    it is value_to_date − spend_sum, counted in millionths, so that 0 stays 0.
    """
    if FIRST_AMOUNT in summary:
        first = summary[FIRST_AMOUNT]
    elif {VALUE_TO_DATE, SPEND_SUM} <= set(summary.columns):
        total, repeat = (np.rint(summary[name] * MICROS) for name in (VALUE_TO_DATE, SPEND_SUM))
        first = (total - repeat) / MICROS
        # beyond 2**53 millionths a float holds no single ones
        first = first.mask(first.abs() <= 4 * np.spacing(summary[VALUE_TO_DATE].abs()), 0.0)
    else:
        return summary
    return summary.assign(**{FIRST_AMOUNT: first.mask(first == 0)})

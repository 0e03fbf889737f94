"""Where errors and warnings point, and what they show."""

import warnings

import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.errors import warn

DAYS = ["1900-01-01", "2024-01-09", "2024-02-01"]  # the first stands for a day that is not known
LOG = pd.DataFrame({"customer_id": list("aab"), "date": DAYS, "amount": [5.0, 6.0, 0.0]})


@pytest.mark.parametrize("deep", [False, True])
def test_a_warning_points_at_the_line_that_called_the_package(deep):
    """Whether it is raised at once or many functions further down."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if deep:
            ltv.summarize(LOG, observation_end="2024-02-02", time_unit="day")
        else:
            warn("as it is")
    ours = [each for each in caught if issubclass(each.category, ltv.BayesltvWarning)]
    assert ours
    assert {each.filename for each in ours} == {__file__}

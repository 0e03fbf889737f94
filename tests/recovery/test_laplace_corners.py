"""The Laplace fit at some corners of the parameter space; ``make calibration`` prints the table of all."""

import numpy as np
import pytest
from tests.recovery.laplace_corners import CORNERS, Moments, compare, differences

pytestmark = pytest.mark.filterwarnings("ignore::bayesltv.BayesltvWarning")
SOME = (
    "like CDNOW, spend, mbg",
    "a to 0, bg",
    "6 customers, spend, bg",
    "40 customers, mbg",
    "98 % buy once, leave, bg",
    "six years, slow, mbg",
    "shared shocks, mbg",
    "a clock without shocks, bg",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOME)
def test_laplace_agrees_with_nuts_or_is_refused(name, tmp_path):
    found = compare(CORNERS[name], tmp_path)
    assert found.is_right, found.row()


def test_a_difference_beyond_noise_is_an_excess():
    one = Moments(
        np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.array([0.01, 0.02]), np.full(2, 0.01), ("a", "b")
    )
    other = Moments(np.array([1.0, 2.5]), np.array([1.3, 2.0]), np.zeros(2), np.zeros(2), ("a", "b"))
    mean, sd, excess, where = differences(other, one)
    assert (mean, sd) == pytest.approx((0.25, 0.3))
    assert excess == pytest.approx(0.3 - 3.3 * 0.01)
    assert where == "sd of a"

"""One byte of what is stored is changed, 300 times: it is refused, or the answer is the same."""

import pytest

from mutations import FINE, TARGETS, run


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_changed_byte_is_refused_or_changes_nothing(name):
    counts, faults = run(name, count=300, seed=1)
    print(name, dict(counts))
    assert faults == []
    assert counts.total() == 300
    assert set(counts) <= set(FINE)
    assert counts["refused"] > 0


@pytest.mark.parametrize("name", [pytest.param("fit", marks=pytest.mark.slow), "summary"])
def test_a_few_changed_bytes_are_refused_or_change_nothing(name):
    counts, faults = run(name, count=4, seed=2)
    assert faults == []
    assert counts.total() == 4

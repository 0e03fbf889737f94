"""Stored scores and plans with one byte changed are refused, or give the same answer."""

import pytest

import mutations
from mutated_outputs import TARGETS


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore::bayesltv.errors.BayesltvWarning")  # of customers who never lapse
@pytest.mark.parametrize("name", TARGETS)
def test_a_changed_byte_is_refused_or_changes_nothing(name, monkeypatch):
    monkeypatch.setattr(mutations, "TARGETS", mutations.TARGETS | TARGETS)
    counts, faults = mutations.run(name, count=300, seed=1)
    print(f"{name}: {dict(counts)}")
    assert faults == []
    assert counts["refused"] > 0
    assert sum(counts.values()) == 300

import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest

from bayesltv.data import datasets
from bayesltv.data.datasets import load_cdnow
from bayesltv.errors import DataError, StoreError


def test_the_sample_has_6919_orders_of_2357_customers():
    log = load_cdnow()
    assert list(log.columns) == ["customer_id", "date", "quantity", "amount", "cohort"]
    assert len(log) == 6919
    assert log["customer_id"].nunique() == 2357
    assert log.iloc[0].astype(str).tolist() == ["00004", "1997-01-01 00:00:00", "2", "29.33", "1997-W01"]


def test_the_master_file_has_69659_orders_of_23570_customers():
    log = load_cdnow("master")
    assert len(log) == 69659
    assert log["customer_id"].nunique() == 23570


def test_eight_orders_of_the_sample_and_eighty_of_the_master_are_free():
    assert (load_cdnow()["amount"] == 0).sum() == 8
    assert (load_cdnow("master")["amount"] == 0).sum() == 80


def test_there_are_twelve_weekly_cohorts_and_each_customer_is_in_one():
    log = load_cdnow()
    assert sorted(log["cohort"].unique()) == [f"1997-W{w:02d}" for w in range(1, 13)]
    assert log.groupby("customer_id")["cohort"].nunique().max() == 1


def test_lifetimes_is_not_imported():
    code = "import sys; from bayesltv.data.datasets import load_cdnow; load_cdnow(); "
    code += "assert 'lifetimes' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_name_is_an_error():
    with pytest.raises(DataError, match="'sample' or 'master'"):
        load_cdnow("tenth")


def test_without_lifetimes_the_cure_is_named(monkeypatch):
    def gone(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(datasets, "distribution", gone)
    with pytest.raises(StoreError, match=r"pip install \"bayesltv\[lifetimes\]\""):
        load_cdnow()

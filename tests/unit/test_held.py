"""A file that is replaced or written to while it is read."""

import os
from hashlib import sha256

import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.data.summary.store import held_summary, read_summary, summary_batches
from bayesltv.errors import StoreError
from bayesltv.held import held, watch


def test_a_file_that_is_replaced_is_read_to_its_end(tmp_path):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("old")
    other.write_text("new and longer")
    with held(path) as file:
        other.replace(path)
        assert file.from_start().read() == b"old"
        assert file.sha256 == sha256(b"old").hexdigest()
        assert file.from_start().read() == b"old"


@pytest.mark.parametrize("text", ["longer than it was", "new", ""])
def test_a_file_that_is_written_to_ends_the_run(tmp_path, text):
    path = tmp_path / "a"
    path.write_text("old")
    os.utime(path, ns=(0, 0))
    with pytest.raises(StoreError, match="was written to while it was read"), held(path):
        path.write_text(text)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="none cannot be read: No such file"), held(tmp_path / "none"):
        pass


@pytest.mark.parametrize("change", ["written to", "replaced", "added", "removed"])
def test_a_folder_of_which_a_file_changes_ends_the_run(tmp_path, change):
    logs = tmp_path / "logs"
    (logs / "2026").mkdir(parents=True)
    inner = logs / "2026" / "11.csv"
    inner.write_text("old")
    (tmp_path / "new").write_text("old")
    os.utime(inner, ns=(0, 0))
    os.utime(tmp_path / "new", ns=(0, 0))
    changes = {
        "written to": lambda: inner.write_text("new"),
        "replaced": lambda: (tmp_path / "new").replace(inner),
        "added": lambda: (logs / "12.csv").write_text(""),
        "removed": inner.unlink,
    }
    watched = watch(logs)
    watched.require_unchanged()
    changes[change]()
    with pytest.raises(StoreError, match="logs changed while it was read"):
        watched.require_unchanged()


def test_what_does_not_change_or_is_no_path_is_let_be(tmp_path):
    watch(tmp_path, tmp_path / "none", None, pd.DataFrame()).require_unchanged()


def summary(ids):
    return pd.DataFrame({"customer_id": ids, "frequency": 0, "recency": 0.0, "T": 1.0})


@pytest.mark.parametrize("kind", ["parquet", "csv", "csv.gz"])
def test_every_pass_over_a_summary_sees_the_same_one(tmp_path, kind):
    path = tmp_path / f"s.{kind}"

    def write(ids, where):
        frame = summary(ids)
        frame.to_parquet(where) if kind == "parquet" else frame.to_csv(where, index=False)

    write([f"old {i}" for i in range(5)], path)
    write([f"new {i}" for i in range(9)], tmp_path / f"next.{kind}")
    with held_summary(path) as opened:
        first = summary_batches(opened, 2)
        ids = next(first)["customer_id"].tolist()
        (tmp_path / f"next.{kind}").replace(path)
        assert len(read_summary(opened)) == 5
        ids += [one for batch in first for one in batch["customer_id"]]
        assert ids == [f"old {i}" for i in range(5)]
        assert [len(batch) for batch in summary_batches(opened, 3)] == [3, 2]
    assert len(read_summary(path)) == 9


def test_a_log_that_changes_while_it_is_summarized_ends_the_run(tmp_path, monkeypatch):
    from bayesltv.data.log import transactions

    log = tmp_path / "log.csv"
    log.write_text("customer_id,date,amount\n1,2024-01-01,5\n")
    real = transactions.open_source

    def growing(*given, **named):
        found = real(*given, **named)
        with log.open("a") as file:
            file.write("2,2024-01-02,5\n")
        return found

    monkeypatch.setattr(transactions, "open_source", growing)
    with pytest.raises(StoreError, match=r"log\.csv changed while it was read"):
        ltv.summarize(log, observation_end="2024-02-01")

"""A summary file is held against what it says of itself, read whole or in parts; a frame is not."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bayesltv as ltv
from bayesltv.data.log.reading import Carried, Summarizing
from bayesltv.data.log.request import make_request
from bayesltv.data.summary.content import Content
from bayesltv.data.summary.sealed import SEAL
from bayesltv.data.summary.store import read_summary, summary_batches, write_summary, write_summary_of
from helpers import point_fit

POINT = {"r": 0.9, "alpha": 5.0, "a": 0.8, "b": 2.5, "p": 6.0, "q": 4.0, "v": 15.0}
DAYS = {"observation_end": "2020-12-31", "time_unit": "week"}
ASKED = {**DAYS, "groups": ["channel"]}


@pytest.fixture(scope="module")
def log():
    made = ltv.simulate_log(
        300, seed=3, start="2020-01-01", observation_end="2020-12-31", acquisition_days=200,
        purchase={k: POINT[k] for k in ("r", "alpha", "a", "b")},
        spend={k: POINT[k] for k in ("p", "q", "v")},
    )  # fmt: skip
    made["channel"] = np.where(made["customer_id"].str[1:].astype(int) % 3 == 0, "shop", "web")
    return made


@pytest.fixture(scope="module")
def summary(log):
    return ltv.summarize(log, **ASKED)


@pytest.fixture(params=["whole", "in parts"])
def path(request, log, summary, tmp_path):
    """A file of this package, written either way."""
    if request.param == "whole":
        return write_summary(summary, tmp_path / "s.parquet")
    write_summary_of(
        log, make_request(Summarizing(carried=Carried(groups=["channel"]), **DAYS)), tmp_path / "s.parquet"
    )
    return tmp_path / "s.parquet"


def parts_of(path, rows=70, **more):
    return pd.concat(summary_batches(path, rows, **more), ignore_index=True)


def test_what_was_written_is_read(path, summary):
    pd.testing.assert_frame_equal(read_summary(path), summary)
    pd.testing.assert_frame_equal(pd.read_parquet(path), summary)
    pd.testing.assert_frame_equal(parts_of(path, with_days=True), summary)
    assert read_summary(path).attrs == summary.attrs


def edited(path, change):
    """The file with a changed table, its metadata as they were."""
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)


def with_column(table, name, values):
    return table.set_column(table.column_names.index(name), name, values)


EDITS = {
    "a group": lambda t: with_column(t, "channel", pa.array(["shop"] * t.num_rows)),
    "spend so far": lambda t: with_column(t, "value_to_date", pa.array(np.full(t.num_rows, 1e4))),
    "rows in another order": lambda t: t.take(list(range(t.num_rows))[::-1]),
    "fewer rows": lambda t: t.slice(1),
    "a column less": lambda t: t.drop_columns(["last_purchase"]),
    "a column more": lambda t: t.append_column("age", pa.array(np.ones(t.num_rows))),
    "another type": lambda t: with_column(t, "frequency", t["frequency"].cast(pa.float64())),
    "a missing value": lambda t: with_column(
        t, "value_to_date", pa.array([None, *t["value_to_date"].to_pylist()[1:]])
    ),
}


@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_file_is_refused_whole_and_in_parts(path, kind):
    edited(path, EDITS[kind])
    for read in (read_summary, parts_of):
        with pytest.raises(ltv.StoreError, match=r"does not hold what was written .* as_summary") as caught:
            read(path)
        assert caught.value.exit_code == 14


def test_purchase_days_are_verified_by_who_reads_them(path):
    edited(path, lambda t: with_column(t, "repeat_days", pa.array([[1]] * t.num_rows, pa.list_(pa.int32()))))
    assert len(parts_of(path)) == 300
    with pytest.raises(ltv.StoreError, match="repeat_days differ"):
        parts_of(path, with_days=True)


def test_edited_attributes_are_refused(path):
    table = pq.read_table(path)
    told = {key: text.replace(b"2020-12-31", b"2020-12-30") for key, text in table.schema.metadata.items()}
    assert told != table.schema.metadata
    pq.write_table(table.replace_schema_metadata(told), path)
    with pytest.raises(ltv.StoreError, match="its attributes differ"):
        read_summary(path)


@pytest.mark.parametrize("text", [b"{", b"[]", b"{}", b"\xff"])
def test_a_damaged_seal_is_refused(path, text):
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, SEAL: text}), path)
    with pytest.raises(ltv.StoreError, match="not a readable Parquet file"):
        read_summary(path)


# ---- frames, and files of frames


def test_rows_chosen_in_python_are_scored_as_they_are(summary):
    fit, decision = point_fit(POINT, draws=40), ltv.load_decision("retention")
    whole = ltv.score(fit, summary, decision, seed=1)
    some = ltv.score(fit, summary[summary["frequency"] > 2], decision, seed=1)
    chosen = whole[whole["customer_id"].isin(some["customer_id"])].reset_index(drop=True)
    assert 0 < len(some) < 300
    pd.testing.assert_frame_equal(pd.DataFrame(some), pd.DataFrame(chosen))


def test_a_file_of_chosen_rows_carries_an_old_print_until_as_summary(summary, tmp_path):
    path = tmp_path / "some.parquet"
    summary[summary["frequency"] > 2].to_parquet(path)
    with pytest.raises(ltv.StoreError, match=r"carries the fingerprint .* as_summary\(") as caught:
        read_summary(path)
    assert caught.value.exit_code == 14
    ltv.as_summary(pd.read_parquet(path)).to_parquet(path)
    assert len(read_summary(path)) == (summary["frequency"] > 2).sum()
    assert read_summary(path).attrs["fingerprint"] != summary.attrs["fingerprint"]


def test_a_file_of_chosen_rows_is_scored_into_no_folder(summary, tmp_path):
    summary[summary["frequency"] > 2].to_parquet(tmp_path / "some.parquet")
    write_summary(summary, tmp_path / "all.parquet")
    fit, decision = point_fit(POINT, draws=20), ltv.load_decision("retention")
    asked = {"seed": 1, "rows_per_part": 50, "threads": 1}
    with pytest.raises(ltv.StoreError, match="carries the fingerprint"):
        ltv.score_to(fit, tmp_path / "some.parquet", decision, out=tmp_path / "out", **asked)
    assert list((tmp_path / "out").glob("*")) == []
    assert (
        ltv.score_to(fit, tmp_path / "all.parquet", decision, out=tmp_path / "out", **asked).customers == 300
    )


def test_a_column_joined_in_python_needs_no_new_print(summary, tmp_path):
    summary.assign(age=40.0).to_parquet(tmp_path / "more.parquet")
    assert read_summary(tmp_path / "more.parquet")["age"].eq(40.0).all()


# ---- what a digest of a table depends on


def digest(table, cut=None):
    content = Content()
    for at in range(0, max(table.num_rows, 1), cut or max(table.num_rows, 1)):
        content.add(table.slice(at, cut))
    return content.told()["x"]


COLUMNS = {
    "texts": pa.array(["a", None, "", "bc", "a"]),
    "numbers": pa.array([1.0, None, -0.0, np.nan, 2.5]),
    "counts": pa.array([1, 2, None, 4, 5]),
    "flags": pa.array([True, None, False, True, True]),
    "lists": pa.array([[1, 2], [], None, [3], [4, None]]),
    "stamps": pa.array(pd.date_range("2020-01-01", periods=5).to_numpy()),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_digest_does_not_depend_on_parts_and_sees_every_row(kind):
    table = pa.table({"x": COLUMNS[kind]})
    assert len({digest(table, cut) for cut in (None, 1, 2, 3)}) == 1
    assert digest(table.take([1, 0, 2, 3, 4])) != digest(table)
    assert digest(table.slice(0, 4)) != digest(table)


def test_a_digest_is_that_of_values_not_of_arrows_types_for_them():
    texts, stamps = COLUMNS["texts"], COLUMNS["stamps"]
    alike = [
        [texts, texts.cast(pa.large_string()), texts.dictionary_encode()],
        [stamps, stamps.cast(pa.timestamp("us")), stamps.cast(pa.timestamp("ms"))],
    ]
    for same in alike:
        assert len({digest(pa.table({"x": each})) for each in same}) == 1
    zeros = [
        pa.array([0, 0]),
        pa.array([0.0, 0.0]),
        pa.array([0, 0], pa.timestamp("us")),
        pa.array([None, None]),
    ]
    assert len({digest(pa.table({"x": each})) for each in zeros}) == 4

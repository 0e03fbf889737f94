"""Folders whose files disagree: each is read by its own types, whatever the files are called."""

import datetime as dt
import decimal
import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bayesltv.data.log.split import split
from bayesltv.data.log.summarize import summarize
from bayesltv.errors import BayesltvWarning, DataError, StoreError

pytestmark = pytest.mark.filterwarnings("ignore:none of .* customers repeats")
END = "2024-06-30"


def rows(ids, day, amounts):
    return pa.table({"customer_id": ids, "date": [day] * len(ids), "amount": amounts})


def folder(tmp_path, *tables, names=None):
    made = tmp_path / "log"
    made.mkdir(exist_ok=True)
    for old in made.rglob("*.parquet"):
        old.unlink()
    for name, table in zip(names or "abcdefgh", tables, strict=False):
        pq.write_table(table, made / f"{name}.parquet")
    return made


def in_any_order(tmp_path, *tables, **options):
    """The summary, which must not depend on how the files are called."""
    found = [
        summarize(folder(tmp_path, *tables, names=names), observation_end=END, **options)
        for names in itertools.permutations("abc"[: len(tables)])
    ]
    for other in found[1:]:
        pd.testing.assert_frame_equal(found[0], other)
        assert found[0].attrs == other.attrs
    return found[0].set_index("customer_id")


def refused_in_any_order(tmp_path, *tables, match, **options):
    for names in itertools.permutations("abc"[: len(tables)]):
        with pytest.raises(DataError, match=match) as caught:
            summarize(folder(tmp_path, *tables, names=names), observation_end=END, **options)
        assert ".parquet" in str(caught.value)


D1, D2 = dt.date(2024, 1, 5), dt.date(2024, 2, 5)
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


@pytest.mark.parametrize("kind", INTS)
def test_whole_amounts_in_one_file_and_cents_in_another(tmp_path, kind):
    whole = rows(["7"], D1, pa.array([42], getattr(pa, kind)()))
    cents = rows(["8", "7"], D2, [0.40, 12.75])
    assert in_any_order(tmp_path, whole, cents)["value_to_date"].to_dict() == {"7": 54.75, "8": 0.40}


def test_amounts_of_every_kind_keep_their_digits(tmp_path):
    wide = pa.array([decimal.Decimal("123456789.123456789")], pa.decimal128(38, 9))
    single = pa.array([0.5], pa.float32())
    texts = pa.array(["0.07"])
    found = in_any_order(tmp_path, rows(["w"], D1, wide), rows(["s"], D1, single), rows(["t"], D1, texts))
    assert found["value_to_date"].to_dict() == {"w": 123456789.123457, "s": 0.5, "t": 0.07}


@pytest.mark.parametrize("kind", INTS[1:])
def test_ids_that_are_whole_numbers_of_any_width_floats_or_text_are_one(tmp_path, kind):
    number = rows(pa.array([7, 300 if kind != "uint8" else 255], getattr(pa, kind)()), D1, [1.0, 2.0])
    floats = rows([7.0, 300.0 if kind != "uint8" else 255.0], D2, [1.0, 2.0])
    texts = rows(["7", "x"], dt.date(2024, 3, 5), [1.0, 2.0])
    found = in_any_order(tmp_path, number, floats, texts)
    assert found["frequency"].to_dict() == {"7": 2, ("255" if kind == "uint8" else "300"): 1, "x": 0}


@pytest.mark.parametrize("text", ["007", "7.0", "7.", "+7", "7e0", "07.50"])
def test_numbers_in_one_file_and_numbers_written_otherwise_in_another_are_refused(tmp_path, text):
    number, texts = rows([7], D1, [1.0]), rows([text], D2, [1.0])
    refused_in_any_order(tmp_path, number, texts, match="'customer_id' differs .*hold numbers written like")


def test_zeros_in_front_survive_where_all_files_have_text(tmp_path):
    large = rows(pa.array(["007"], pa.large_string()), D1, [1.0])
    coded = rows(pa.array(["007", "7"]).dictionary_encode(), D2, [1.0, 2.0])
    assert in_any_order(tmp_path, large, coded)["frequency"].to_dict() == {"007": 1, "7": 0}


def test_ids_of_kinds_that_cannot_be_compared_are_refused(tmp_path):
    refused_in_any_order(
        tmp_path, rows([True], D1, [1.0]), rows([1], D2, [1.0]), match="'customer_id' differs"
    )


def test_large_integers_stay_what_they_are(tmp_path):
    one = rows(pa.array([2**64 - 1], pa.uint64()), D1, [1.0])
    other = rows([str(2**64 - 1), str(2**70)], D2, [1.0, 2.0])
    found = in_any_order(tmp_path, one, other)
    assert found["frequency"].to_dict() == {str(2**64 - 1): 1, str(2**70): 0}


def test_dates_stamps_and_text_are_days(tmp_path):
    stamps = pa.array([dt.datetime(2024, 2, 5, 23, 59)], pa.timestamp("ns"))
    found = in_any_order(
        tmp_path,
        pa.table({"customer_id": ["a"], "date": [D1], "amount": [1.0]}),
        pa.table({"customer_id": ["a"], "date": stamps, "amount": [1.0]}),
        pa.table({"customer_id": ["a"], "date": ["2024-03-05 10:00"], "amount": [1.0]}),
    )
    days = [np.datetime64(int(day), "D").item() for day in found.loc["a", "repeat_days"]]
    assert days == [D2, dt.date(2024, 3, 5)]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_a_zone_in_one_file_and_none_in_another_is_refused(tmp_path, unit, zone):
    aware = pa.array([dt.datetime(2024, 1, 5)], pa.timestamp(unit, "UTC"))
    for naive in (pa.array([D2]), pa.array([dt.datetime(2024, 2, 5)]), pa.array(["2024-02-05 10:00"])):
        refused_in_any_order(
            tmp_path,
            pa.table({"customer_id": ["a"], "date": aware, "amount": [1.0]}),
            pa.table({"customer_id": ["a"], "date": naive, "amount": [1.0]}),
            match="carry a time zone in .*none in",
            timezone=zone,
        )


def test_aware_stamps_of_two_resolutions_are_of_one_zone(tmp_path):
    parts = [
        pa.table(
            {
                "customer_id": ["a"],
                "date": pa.array([dt.datetime(2024, month, 5, 23, 30)], pa.timestamp(unit, zone)),
                "amount": [1.0],
            }
        )
        for month, unit, zone in ((1, "ns", "UTC"), (2, "ms", "America/New_York"))
    ]
    found = in_any_order(tmp_path, *parts, timezone="Asia/Tokyo")
    assert found.loc["a", "first_purchase"] == pd.Timestamp("2024-01-06")
    assert found.loc["a", "last_purchase"] == pd.Timestamp("2024-02-06")


def test_groups_and_covariates_of_two_types(tmp_path):
    one = rows(["a"], D1, [1.0]).append_column("region", [[1]]).append_column("age", [[30]])
    two = rows(["b"], D2, [1.0]).append_column("region", [["x"]]).append_column("age", [[30.5]])
    found = in_any_order(tmp_path, one, two, groups=["region"], covariates=["age"])
    assert found["region"].to_dict() == {"a": "1", "b": "x"}
    assert found["age"].to_dict() == {"a": 30.0, "b": 30.5}
    text = rows(["b"], D2, [1.0]).append_column("region", [["x"]]).append_column("age", [["old"]])
    refused_in_any_order(tmp_path, one, text, match="'age' differs", covariates=["age"])


def test_a_column_that_a_file_lacks_is_named_with_the_file(tmp_path):
    made = folder(tmp_path, rows(["a"], D1, [1.0]), rows(["a"], D1, [1.0]).drop_columns("amount"))
    with pytest.raises(DataError, match=r"b\.parquet has no column 'amount'"):
        summarize(made, observation_end=END)


def test_columns_in_another_order_are_found_by_name(tmp_path):
    one, two = rows(["a"], D1, [1.0]), rows(["b"], D2, [2.0]).select(["amount", "date", "customer_id"])
    assert in_any_order(tmp_path, one, two)["value_to_date"].to_dict() == {"a": 1.0, "b": 2.0}


def test_folders_that_stand_for_a_column_are_text(tmp_path):
    for region, day in (("007", D1), ("7", D2)):
        (tmp_path / "log" / f"region={region}").mkdir(parents=True)
        pq.write_table(rows([region], day, [1.0]), tmp_path / "log" / f"region={region}" / "x.parquet")
    found = summarize(tmp_path / "log", observation_end=END, groups=["region"])
    assert found["region"].tolist() == found["customer_id"].tolist() == ["007", "7"]


def test_a_folder_with_a_file_that_is_none_names_it(tmp_path):
    made = folder(tmp_path, rows(["a"], D1, [1.0]))
    (made / "b.pq").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=r"b\.pq cannot be read as Parquet"):
        summarize(made, observation_end=END)


def test_split_cuts_a_folder_as_summarize_reads_it(tmp_path):
    made = folder(tmp_path, rows([7.0], D1, pa.array([1], pa.int64())), rows(["7"], D2, [2.5]))
    parts = split(made, "2024-01-31")
    assert parts.calibration["customer_id"].tolist() == parts.holdout["customer_id"].tolist() == ["7"]
    assert parts.holdout["amount"].tolist() == [2.5]


# CSV


def csv_folder(tmp_path, texts, names="abc"):
    made = tmp_path / "log"
    made.mkdir(exist_ok=True)
    for old in made.iterdir():
        old.unlink()
    for name, text in zip(names, texts, strict=False):
        (made / f"{name}.csv").write_text(text)
    return made


A = "customer_id,date,amount\n007,2024-01-05,10\n8,2024-01-06,20\n"
B = "amount;date;customer_id\n0.40;2024-02-05;007\n"


def test_a_folder_of_csv_files_with_other_separators_and_orders(tmp_path):
    found = [summarize(csv_folder(tmp_path, (A, B), names), observation_end=END) for names in ("ab", "ba")]
    pd.testing.assert_frame_equal(*found)
    assert found[0].set_index("customer_id")["value_to_date"].to_dict() == {"007": 10.4, "8": 20.0}


def test_a_csv_part_with_an_offset_among_others_without_is_refused(tmp_path):
    aware = "customer_id,date,amount\n007,2024-01-05 10:00:00Z,10\n"
    for names in ("ab", "ba"):
        with pytest.raises(DataError, match="time-zone offset"):
            summarize(csv_folder(tmp_path, (A, aware), names), observation_end=END, timezone="UTC")


def test_floats_in_every_csv_part_are_whole_numbers_and_otherwise_none_is(tmp_path):
    floats = ["customer_id,date,amount\n7.0,2024-01-05,1\n", "customer_id,date,amount\n8.0,2024-01-05,1\n"]
    with pytest.warns(BayesltvWarning, match="whole numbers with .0"):
        found = summarize(csv_folder(tmp_path, floats), observation_end=END, monetary_value_col=None)
    assert found["customer_id"].tolist() == ["7", "8"]
    versions = [floats[0], "customer_id,date,amount\n1.10,2024-01-05,1\n7,2024-01-05,1\n"]
    for names in ("ab", "ba"):
        made = csv_folder(tmp_path, versions, names)
        with pytest.warns(BayesltvWarning, match=r"1 ids .*with \.0 and without \(id 7\.0\)"):
            found = summarize(made, observation_end=END, monetary_value_col=None)
        assert found["customer_id"].tolist() == ["1.10", "7", "7.0"]


def test_a_folder_of_two_kinds_of_files_is_refused(tmp_path):
    made = csv_folder(tmp_path, (A,))
    pq.write_table(rows(["a"], D1, [1.0]), made / "z.parquet")
    with pytest.raises(StoreError, match="1 Parquet and 1 CSV files"):
        summarize(made, observation_end=END)

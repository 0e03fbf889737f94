"""What a log may look like, and what is refused."""

import datetime as dt
import decimal
import warnings

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bayesltv.data.log.summarize import summarize
from bayesltv.errors import BayesltvWarning, DataError, StoreError

ROWS = {
    "customer_id": ["00007", "00007", "00010", "00007", "00010", "00003"],
    "date": ["2024-01-01", "2024-01-15", "2024-01-03", "2024-02-12", "2024-01-03", "2024-01-08"],
    "amount": [10.1, 20.2, 0.3, 5.55, 0.7, 12.0],
}
LOG = pd.DataFrame(ROWS).assign(date=lambda t: pd.to_datetime(t["date"]))


def same(left, right):
    pd.testing.assert_frame_equal(left.drop(columns="repeat_days"), right.drop(columns="repeat_days"))
    assert [list(d) for d in left["repeat_days"]] == [list(d) for d in right["repeat_days"]]
    assert left.attrs == right.attrs


def csv(tmp_path, text, name="log.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def with_ids(ids, dates=None):
    dates = dates or ["2024-01-01", "2024-01-02", "2024-01-03"][: len(ids)]
    return pd.DataFrame({"customer_id": ids, "date": pd.to_datetime(dates), "amount": 1.0})


# inputs


@pytest.mark.parametrize(
    "kind",
    ["polars", "polars lazy", "arrow", "duckdb", "csv", "csv.gz", "tsv", "parquet", "folder", "text dates"],
)
def test_every_kind_of_input_gives_the_same_summary(kind, tmp_path):
    if kind == "csv":
        log = tmp_path / "log.csv"
        LOG.to_csv(log, index=False)
    elif kind == "csv.gz":
        log = tmp_path / "log.csv.gz"
        LOG.to_csv(log, index=False)
    elif kind == "tsv":
        log = str(tmp_path / "log.tsv")
        LOG.to_csv(log, index=False, sep="\t")
    elif kind == "parquet":
        log = tmp_path / "log.parquet"
        LOG.to_parquet(log)
    elif kind == "folder":
        log = tmp_path / "parts"
        log.mkdir()
        LOG[:2].to_parquet(log / "a.parquet")
        LOG[2:].to_parquet(log / "b.parquet")
    else:
        log = {
            "polars": lambda: pl.DataFrame(ROWS).with_columns(pl.col("date").str.to_date()),
            "polars lazy": lambda: pl.LazyFrame(ROWS),
            "arrow": lambda: pa.Table.from_pandas(LOG),
            "duckdb": lambda: duckdb.from_arrow(pa.Table.from_pandas(LOG)),
            "text dates": lambda: pd.DataFrame(ROWS),
        }[kind]()
    same(summarize(log, observation_end="2024-03-01"), summarize(LOG, observation_end="2024-03-01"))


def test_the_input_is_not_changed():
    before = LOG.copy(deep=True)
    summarize(LOG)
    pd.testing.assert_frame_equal(LOG, before)


def test_other_columns_are_not_looked_at():
    same(summarize(LOG.assign(junk=[object()] * len(LOG))), summarize(LOG))


def test_columns_can_be_mapped_and_need_quoting():
    odd = LOG.rename(columns={"customer_id": 'buyer "id"', "date": "select", "amount": "who's; --"})
    mapped = summarize(
        odd, customer_id_col='buyer "id"', datetime_col="select", monetary_value_col="who's; --"
    )
    same(mapped, summarize(LOG))


def test_a_path_with_glob_characters_is_one_file(tmp_path):
    path = tmp_path / "log[1]*.csv"
    LOG.to_csv(path, index=False)
    LOG.to_csv(tmp_path / "log1 copy.csv", index=False)
    same(summarize(path), summarize(LOG))
    folder = tmp_path / "parts[1]"
    folder.mkdir()
    LOG.to_parquet(folder / "a.parquet")
    same(summarize(folder), summarize(LOG))


def test_quotes_that_begin_late_in_a_csv_are_read(tmp_path):
    rows = [f"{i},2024-01-01,5,plain" for i in range(30_000)]
    path = csv(
        tmp_path, "\n".join(["customer_id,date,amount,note", *rows, '7x,2024-01-02,5,"one, ""two"""', ""])
    )
    with pytest.warns(match="none of 30,001 customers repeats"):
        assert len(summarize(path)) == 30_001


# ids


@pytest.mark.parametrize(
    ("ids", "texts"),
    [
        ([5, 17, 5], ["17", "5"]),
        ([5.0, 17.0, 5.0], ["17", "5"]),
        ([1, "a", 1], ["1", "a"]),
        ([1.0, "a", 1.0], ["1", "a"]),
        (["é", "00001", "00001"], ["00001", "é"]),
        (pd.Categorical(["b", "a", "b"]), ["a", "b"]),
        ([decimal.Decimal("5"), decimal.Decimal("10"), decimal.Decimal("5")], ["10", "5"]),
        ([True, False, True], ["false", "true"]),
    ],
)
def test_ids_of_any_kind_are_carried_as_text_and_sorted_as_text(ids, texts):
    summary = summarize(with_ids(ids))
    assert summary["customer_id"].tolist() == texts
    assert str(summary["customer_id"].dtype) == "str"


def test_zeros_in_front_of_csv_ids_survive(tmp_path):
    path = csv(tmp_path, "customer_id,date,amount\n00001,2024-01-01,5\n00001,2024-01-02,5\n")
    assert summarize(path)["customer_id"].tolist() == ["00001"]


@pytest.mark.parametrize("ids", [["a", None, "a"], [5.0, np.nan, 5.0], ["a", "  ", "a"]])
def test_missing_ids_are_counted(ids):
    with pytest.raises(DataError, match="'customer_id' is missing in 1 of 3 rows"):
        summarize(with_ids(ids))


def test_csv_ids_that_look_like_numbers_for_long_may_turn_out_to_be_text(tmp_path):
    path = csv(tmp_path, "customer_id,date,amount\n" + "7,2024-01-01,5\n" * 30_000 + "A7,2024-01-02,5\n")
    with pytest.warns(match="none of 2 customers repeats|repeat another row"):
        assert summarize(path)["customer_id"].tolist() == ["7", "A7"]


# dates


def test_purchases_of_one_day_are_one_purchase_whatever_the_hour():
    log = pd.DataFrame(
        {
            "customer_id": "a",
            "date": pd.to_datetime(["2024-01-01 09:00", "2024-01-08 00:01", "2024-01-08 23:59"]),
        }
    )
    row = summarize(log, monetary_value_col=None).iloc[0]
    assert (row["frequency"], row["recency"]) == (1, 1.0)


@pytest.mark.parametrize("kind", ["pandas", "text", "polars"])
def test_aware_stamps_become_days_of_the_named_zone(kind):
    # 23:30 UTC on New Year's Eve is New Year's Day in Berlin
    stamps = pd.to_datetime(["2023-12-31 23:30", "2024-01-14 12:00"], utc=True)
    log = pd.DataFrame({"customer_id": "a", "date": stamps, "amount": 1.0})
    if kind == "text":
        log = log.assign(date=log["date"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    elif kind == "polars":
        log = pl.from_pandas(log)
    berlin, utc = (summarize(log, timezone=z).iloc[0] for z in ("Europe/Berlin", "UTC"))
    assert berlin["first_purchase"] == pd.Timestamp("2024-01-01")
    assert utc["first_purchase"] == pd.Timestamp("2023-12-31")


def test_aware_stamps_need_a_named_zone():
    log = pd.DataFrame(
        {"customer_id": ["a"], "date": pd.to_datetime(["2024-01-01"], utc=True), "amount": 1.0}
    )
    with pytest.raises(DataError, match='timezone="Europe/Berlin"'):
        summarize(log)


def test_a_zone_for_stamps_without_one_is_refused():
    with pytest.raises(DataError, match="carry no time zone"):
        summarize(LOG, timezone="Europe/Berlin")


def test_an_unknown_zone_is_refused():
    log = pd.DataFrame(
        {"customer_id": ["a"], "date": pd.to_datetime(["2024-01-01"], utc=True), "amount": 1.0}
    )
    for zone in ("Mars/Olympus", "../etc"):
        with pytest.raises(DataError, match="IANA name"):
            summarize(log, timezone=zone)


def test_offsets_on_some_dates_only_are_refused():
    log = pd.DataFrame({"customer_id": "a", "date": ["2024-01-01T10:00:00Z", "2024-01-02"], "amount": 1.0})
    with pytest.raises(DataError, match="1 of 2 dates"):
        summarize(log, timezone="UTC")


def test_dates_in_another_format_are_read_when_the_format_is_named():
    odd = LOG.assign(date=LOG["date"].dt.strftime("%d/%m/%Y"))
    same(summarize(odd, datetime_format="%d/%m/%Y"), summarize(LOG))
    whole = LOG.assign(date=LOG["date"].dt.strftime("%Y%m%d").astype(int))
    same(summarize(whole, datetime_format="%Y%m%d"), summarize(LOG))


def test_the_order_of_day_and_month_in_a_csv_is_never_guessed(tmp_path):
    path = csv(tmp_path, "customer_id,date,amount\n7,13/02/2024,5\n7,02/03/2024,5\n")
    with pytest.raises(DataError, match="datetime_format"):
        summarize(path)
    assert summarize(path, datetime_format="%d/%m/%Y", time_unit="day")["recency"].item() == 18


def test_whole_numbers_are_no_dates_until_a_format_is_named():
    whole = LOG.assign(date=LOG["date"].dt.strftime("%Y%m%d").astype(int))
    with pytest.raises(DataError, match="datetime_format"):
        summarize(whole)


def test_dates_of_python_are_read():
    same(summarize(LOG.assign(date=[d.date() for d in LOG["date"]])), summarize(LOG))


def test_unreadable_and_missing_dates_are_counted_with_examples_and_ids():
    log = LOG.assign(date=["2024-01-01", "yesterday", None, "31/12/2024", " ", "infinity"])
    with pytest.raises(DataError) as caught:
        summarize(log)
    text = str(caught.value)
    assert "2 missing and 3 unreadable (such as '31/12/2024', 'infinity', 'yesterday') in 6 rows" in text
    assert caught.value.ids == ["00003", "00007", "00010"]
    assert caught.value.exit_code == 10


def test_a_format_that_does_not_exist_is_an_error_with_a_cure():
    with pytest.raises(DataError, match="datetime_format"):
        summarize(LOG.assign(date="x"), datetime_format="%Q")


# amounts


def test_amounts_are_added_exactly():
    # in floats 0.1 + 0.2 + 0.3 depends on the order
    log = pd.DataFrame(
        {
            "customer_id": "a",
            "date": ["2024-01-01", "2024-01-02", "2024-01-02", "2024-01-03"],
            "amount": [9, 0.1, 0.2, 0.3],
        }
    )
    assert summarize(log)["spend_sum"].item() == 0.6


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e12])
def test_amounts_that_are_no_finite_numbers_are_refused_with_ids(bad):
    log = LOG.assign(amount=[1.0, bad, 1.0, 1.0, 1.0, 1.0])
    with pytest.raises(DataError, match=r"'amount'.*in 6 rows \(id 00007\)"):
        summarize(log)


def test_amounts_with_thousands_separators_are_refused_with_the_example(tmp_path):
    path = csv(tmp_path, 'customer_id,date,amount\n1,2024-01-01,"1,234.50"\n1,2024-01-02,5\n')
    with pytest.raises(DataError, match=r"0 missing and 1 unreadable \(such as '1,234.50'\) in 2 rows"):
        summarize(path)


def test_decimal_and_integer_amounts_are_amounts():
    whole = LOG.assign(amount=[10, 20, 3, 5, 7, 12])
    same(summarize(whole.assign(amount=whole["amount"].map(decimal.Decimal))), summarize(whole))


def test_a_log_without_amounts_gives_a_summary_without_spend():
    summary = summarize(LOG.drop(columns="amount"), monetary_value_col=None)
    assert not {"monetary_value", "spend_count", "value_to_date"} & set(summary.columns)
    assert summary["frequency"].tolist() == [0, 2, 0]


# files and frames that cannot be used


def test_a_path_that_does_not_exist_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="does not exist") as caught:
        summarize(tmp_path / "nothing.csv")
    assert caught.value.exit_code == 14


def test_a_file_of_another_kind_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="neither CSV nor Parquet"):
        summarize(csv(tmp_path, "x", name="log.xlsx"))
    with pytest.raises(StoreError, match="cannot be read as Parquet"):
        summarize(csv(tmp_path, "customer_id,date,amount\n", name="log.parquet"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="folder without Parquet"):
        summarize(tmp_path / "empty")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding_is_named_with_the_way_to_convert_it(tmp_path, encoding):
    path = csv(tmp_path, "customer_id,date,amount\nJosé,2024-01-01,5\n", encoding=encoding)
    with pytest.raises(DataError, match=r"not UTF-8.*iconv"):
        summarize(path)


def test_a_row_with_too_many_fields_is_a_data_error(tmp_path):
    rows = "1,2024-01-01,5\n" * 30_000
    with pytest.raises(DataError, match=r"cannot be read as CSV.*30002"):
        summarize(csv(tmp_path, f"customer_id,date,amount\n{rows}1,2024-01-01,5,6,7\n"))


def test_a_missing_column_is_named_with_its_nearest():
    with pytest.raises(DataError, match=r"no column 'customer_id' \(nearest: Customer_ID\)"):
        summarize(LOG.rename(columns={"customer_id": "Customer_ID"}))
    with pytest.raises(DataError, match=r"no columns 'date'.*, 'region'"):
        summarize(LOG.drop(columns="date"), groups=["region"])


def test_a_missing_column_of_a_file_names_the_file(tmp_path):
    path = csv(tmp_path, "customer,date,amount\n1,2024-01-01,5\n")
    with pytest.raises(DataError, match=r"log\.csv has no column 'customer_id' \(nearest: customer\)"):
        summarize(path)


@pytest.mark.parametrize("kind", ["frame", "header", "bytes"])
def test_an_empty_log_is_an_error(tmp_path, kind):
    log = {
        "frame": lambda: LOG[:0],
        "header": lambda: csv(tmp_path, "customer_id,date,amount\n"),
        "bytes": lambda: csv(tmp_path, ""),
    }[kind]()
    with pytest.raises(DataError, match=r"no rows|empty"):
        summarize(log)


def test_an_object_that_is_no_table_is_a_data_error():
    for thing in (42, {"customer_id": [1]}, None, np.zeros(3)):
        with pytest.raises(DataError, match="cannot be read"):
            summarize(thing)


def test_two_columns_of_one_name_are_refused():
    twice = pd.concat([LOG, LOG[["amount"]]], axis=1)
    with pytest.raises(DataError, match="more than one column named 'amount'"):
        summarize(twice)


def test_lists_are_no_ids_and_truth_is_no_date():
    with pytest.raises(DataError, match="cannot be a label"):
        summarize(LOG.assign(customer_id=[[1]] * len(LOG)))
    with pytest.raises(DataError, match="give dates"):
        summarize(LOG.assign(date=True))
    with pytest.raises(DataError, match="give numbers"):
        summarize(LOG.assign(amount=dt.date(2024, 1, 1)))


def test_amounts_with_a_decimal_comma_are_read_as_they_are_meant(tmp_path):
    plain, german = tmp_path / "plain.csv", tmp_path / "german.csv"
    rows = [("1", "2024-01-01", "1234.50"), ("1", "2024-02-01", "103.5"), ("2", "2024-01-05", "1000"),
            ("2", "2024-01-05", "-12.25")]  # fmt: skip
    written = ("1.234,50", "103,5", "1.000", "-12,25")
    plain.write_text("customer_id;date;amount\n" + "".join(";".join(row) + "\n" for row in rows))
    german.write_text(
        "customer_id;date;amount\n"
        + "".join(f"{id};{day};{w}\n" for (id, day, _), w in zip(rows, written, strict=True))
    )
    meant = summarize(plain, observation_end="2024-03-31", time_unit="week")
    with pytest.warns(BayesltvWarning, match="have a decimal comma"):
        read = summarize(german, observation_end="2024-03-31", time_unit="week")
    pd.testing.assert_frame_equal(read, meant, check_exact=True)


@pytest.mark.parametrize("amounts", [("3,50", "12.5"), ("1,234", "5"), ("3,50", "4 €")])
def test_amounts_that_may_be_meant_otherwise_are_refused(tmp_path, amounts):
    log = tmp_path / "log.csv"
    log.write_text(
        "customer_id;date;amount\n" + "".join(f"1;2024-01-0{n};{a}\n" for n, a in enumerate(amounts, 1))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesltvWarning)
        with pytest.raises(DataError, match="1 unreadable"):
            summarize(log, observation_end="2024-03-31", time_unit="week")

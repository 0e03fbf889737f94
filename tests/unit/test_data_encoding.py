"""Files that are no UTF-8, or no CSV at all: each gets the cure that fits."""

import bz2
import gzip
import lzma

import pytest

from bayesltv.data.log.summarize import summarize
from bayesltv.data.summary.store import read_summary
from bayesltv.errors import DataError
from bayesltv.report.files.crm import read_export

CHINESE = ["张三", "李四", "王小明", "陈美丽", "上海市"]
JAPANESE = ["たなか", "すずき", "カタカナ", "さとう"]
KOREAN = ["김철수", "이영희", "박지성", "최민수"]
WESTERN = ["José", "Müller", "Ørsted", "naïve", "Ünal"]
RUSSIAN = ["Иванов", "Петрова", "Кузнецов"]
TRADITIONAL = ["陳美麗", "張三豐", "國立臺灣"]

ENCODINGS = [
    ("gbk", CHINESE, "looks like GBK", "iconv -f gb18030 -t utf-8 log.csv"),
    ("gb18030", CHINESE, "looks like GBK", "iconv -f gb18030"),
    ("big5", TRADITIONAL, "looks like Big5", "iconv -f big5"),
    ("shift_jis", JAPANESE, "looks like Shift-JIS", "iconv -f shift-jis"),
    ("euc_jp", JAPANESE, "looks like EUC-JP", "iconv -f euc-jp"),
    ("euc_kr", KOREAN, "looks like EUC-KR", "iconv -f euc-kr"),
    ("cp1252", WESTERN, "such as cp1252", "iconv -f cp1252"),
    ("latin-1", WESTERN, "such as cp1252", "iconv -f cp1252"),
    ("cp1251", RUSSIAN, "such as cp1251", "iconv -f cp1251"),
    ("utf-16", CHINESE, "it is UTF-16", "iconv -f utf-16 "),
    ("utf-16-le", WESTERN, "it is UTF-16LE", "iconv -f utf-16le"),
    ("utf-16-be", WESTERN, "it is UTF-16BE", "iconv -f utf-16be"),
    ("utf-32", WESTERN, "it is UTF-32", "iconv -f utf-32"),
]


def text(ids):
    return "customer_id,date,amount\n" + "".join(f"{i},2024-01-05,5\n" for i in ids)


@pytest.mark.parametrize(("encoding", "ids", "said", "cure"), ENCODINGS, ids=[each[0] for each in ENCODINGS])
def test_an_encoding_is_told_and_its_cure_gives_the_ids(tmp_path, encoding, ids, said, cure):
    path = tmp_path / "log.csv"
    path.write_bytes(text(ids).encode(encoding))
    with pytest.raises(DataError) as caught:
        summarize(path)
    assert "is not UTF-8" in str(caught.value)
    assert said in str(caught.value)
    assert cure in str(caught.value)
    named = str(caught.value).split("iconv -f ")[1].split()[0]
    assert path.read_bytes().decode(named) == text(ids)


@pytest.mark.parametrize("ids", [["José"], ["Müller"], ["张三"], ["Zoë"], ["Straße"]])
def test_one_name_is_enough(tmp_path, ids):
    codec = "gbk" if ids == ["张三"] else "cp1252"
    (tmp_path / "log.csv").write_bytes(text(ids).encode(codec))
    with pytest.raises(DataError, match="gb18030" if codec == "gbk" else "cp1252"):
        summarize(tmp_path / "log.csv")


def test_a_broken_line_of_a_sound_file_is_to_be_repaired_not_converted(tmp_path):
    content = text([*CHINESE, *WESTERN]).encode() + b"Jos\xe9,2024-01-05,5\n"
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"not UTF-8 in line 12, though other lines are.*Do not convert"):
        summarize(tmp_path / "log.csv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(text("a").encode()), r"compressed by gzip.*name it log\.csv\.gz"),
        (bz2.compress(text("a").encode()), "compressed by bzip2"),
        (lzma.compress(text("a").encode()), "compressed by xz"),
        (b"\x28\xb5\x2f\xfd....", "compressed by zstd"),
        (b"PK\x03\x04....", "ZIP archive or a workbook"),
        (b"\xd0\xcf\x11\xe0....", "a workbook"),
        (b"PAR1....PAR1", r"is Parquet, not CSV: name it \.parquet"),
    ],
    ids=["gzip", "bzip2", "xz", "zstd", "zip", "workbook", "parquet"],
)
def test_what_is_no_text_is_named(tmp_path, content, said):
    (tmp_path / "log.csv").write_bytes(content)
    for read in (summarize, read_summary, read_export):
        with pytest.raises(DataError, match=said):
            read(tmp_path / "log.csv")


def test_a_name_in_gz_that_is_not_compressed(tmp_path):
    (tmp_path / "log.csv.gz").write_text(text("a"))
    for read in (summarize, read_summary):
        with pytest.raises(DataError, match=r"is not compressed by gzip, although"):
            read(tmp_path / "log.csv.gz")


def test_a_compressed_file_in_another_encoding_or_cut_short(tmp_path):
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(text(CHINESE).encode("gbk")))
    with pytest.raises(DataError, match=r"gzip -dc log\.csv\.gz \| iconv -f gb18030 -t utf-8 > utf8\.csv"):
        summarize(tmp_path / "log.csv.gz")
    many = gzip.compress(text(map(str, range(50_000))).encode())
    (tmp_path / "log.csv.gz").write_bytes(many[: len(many) // 2])
    for read in (summarize, read_summary):
        with pytest.raises(DataError, match="cannot be unpacked"):
            read(tmp_path / "log.csv.gz")


@pytest.mark.parametrize("rows", [3, 30_000])
def test_an_open_quote_is_an_open_quote(tmp_path, rows):
    content = text(map(str, range(rows))) + '"b,2024-01-06,6\nc,2024-01-07,7\n'
    (tmp_path / "log.csv").write_text(content)
    with pytest.raises(DataError, match="a quote is opened and not closed") as caught:
        summarize(tmp_path / "log.csv")
    assert "UTF-8" not in str(caught.value)
    (tmp_path / "s.csv").write_text('customer_id,frequency\n"1,2\n')
    with pytest.raises(DataError, match="a quote is opened and not closed"):
        read_summary(tmp_path / "s.csv")


@pytest.mark.filterwarnings("ignore:none of 5 customers repeats")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_with_and_without_a_mark_is_read(tmp_path, encoding):
    (tmp_path / "log.csv").write_bytes(text(CHINESE).encode(encoding))
    assert summarize(tmp_path / "log.csv")["customer_id"].tolist() == sorted(CHINESE)

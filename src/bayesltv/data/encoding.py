"""Why a text file cannot be read: compressed, in another encoding, or damaged; each with its own cure."""

import codecs
import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bayesltv.errors import DataError

_CHUNK = 1 << 20
_SAMPLE = 1 << 18
_MAGIC = {
    b"\x1f\x8b": ("compressed by gzip", "name it {name}.gz, or unpack it: `gzip -dc {name} > unpacked.csv`"),
    b"PK\x03\x04": ("a ZIP archive or a workbook", "unpack it, or save the sheet as CSV in UTF-8"),
    b"\xd0\xcf\x11\xe0": ("a workbook", "save the sheet as CSV in UTF-8"),
    b"PAR1": ("Parquet", "name it .parquet"),
    b"BZh": ("compressed by bzip2", "unpack it: `bzip2 -dc {name} > unpacked.csv`"),
    b"\xfd7zXZ": ("compressed by xz", "unpack it: `xz -dc {name} > unpacked.csv`"),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "unpack it: `zstd -dc {name} > unpacked.csv`"),
}
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_LOOK = "and look at a few names before you go on: another encoding makes other ids"


@dataclass(frozen=True)
class _Candidate:
    """An encoding, and what text that was written in it consists of, apart from ASCII."""

    codec: str
    title: str
    typical: Callable[[str], bool]
    share: float
    at_least: int = 1


def _in_first_level(codec: str, first: int, last: int) -> Callable[[str], bool]:
    """Whether a character is among the common ones, which stand first in East Asian character sets."""

    def is_common(character: str) -> bool:
        written = character.encode(codec, "ignore")
        return len(written) == 2 and first <= written[0] <= last and "\u4e00" <= character <= "\u9fff"

    return is_common


_CANDIDATES = (
    _Candidate("euc_kr", "EUC-KR (Korean)", lambda c: "\uac00" <= c <= "\ud7a3", 0.9, 8),
    _Candidate("euc_jp", "EUC-JP (Japanese)", lambda c: "\u3040" <= c <= "\u30fe", 0.3, 3),
    _Candidate("shift_jis", "Shift-JIS (Japanese)", lambda c: "\u3040" <= c <= "\u30fe", 0.3, 3),
    _Candidate("gb18030", "GBK (Chinese)", _in_first_level("gb2312", 0xB0, 0xD7), 0.5),
    _Candidate("big5", "Big5 (Chinese)", _in_first_level("big5", 0xA4, 0xC6), 0.5),
)


def require_text(path: Path) -> None:
    """Raise DataError where the first bytes say that a file is not what its name says."""
    with path.open("rb") as file:
        head = file.read(8)
    is_gz = path.name.lower().endswith(".gz")
    if is_gz:
        if head and not head.startswith(b"\x1f\x8b"):
            raise DataError(f"{path} is not compressed by gzip, although its name ends in .gz: rename it")
        return
    for magic, (what, cure) in _MAGIC.items():
        if head.startswith(magic):
            raise DataError(f"{path} is {what}, not CSV: {cure.format(name=path.name)}")


def encoding_error(path: Path) -> DataError | None:
    """Return the error for a file that is not UTF-8, with what it looks like; None where it is."""
    try:
        head = next(_chunks(path), b"")
        found = _wide(head)
        if found is not None:
            return _error(path, f"it is {found}", found.lower())
        line, sample = _broken_lines(path)
    except (OSError, EOFError, zlib.error) as error:
        return DataError(f"{path} cannot be unpacked ({error}): is it cut short?")
    if not sample:
        return None
    where = f"line {line:,}"
    if _is_damaged(sample):
        return DataError(
            f"{path} is not UTF-8 in {where}, though other lines are: repair that line. Do not convert the "
            "file: that would change the ids that are right"
        )
    for each in _CANDIDATES:
        if _looks_like(sample, each):
            return _error(path, f"from {where} on it looks like {each.title}", each.codec.replace("_", "-"))
    codec, title = _single_byte(sample)
    return _error(path, f"from {where} on it looks like {title}", codec)


def _error(path: Path, what: str, codec: str) -> DataError:
    pipe = f"gzip -dc {path.name} | iconv" if path.name.lower().endswith(".gz") else "iconv"
    source = "" if pipe != "iconv" else f" {path.name}"
    return DataError(
        f"{path} is not UTF-8: {what}. Save it as UTF-8 where it was made, or convert it, "
        f"`{pipe} -f {codec} -t utf-8{source} > utf8.csv`, {_LOOK}"
    )


def _chunks(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _wide(head: bytes) -> str | None:
    """Return UTF-16 or UTF-32 where a mark or the zero bytes of ASCII say so."""
    for mark, title in _MARKS.items():
        if head.startswith(mark):
            return title
    some = head[:4096]
    even, odd = some[0::2].count(0), some[1::2].count(0)
    if some and max(even, odd) > len(some) // 8:
        return "UTF-16LE" if odd > even else "UTF-16BE"
    return None


def _broken_lines(path: Path) -> tuple[int, bytes]:
    """Return the first line that is not UTF-8, and those beyond ASCII around it; none if all are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, chunks = 1, _chunks(path)
    for chunk in chunks:
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            line += chunk[: error.start].count(b"\n")
            return line, _lines_beyond_ascii(chunk + next(chunks, b""))
        line += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return line, b"\xff"
    return line, b""


def _lines_beyond_ascii(sample: bytes) -> bytes:
    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    return b"\n".join(lines)[:_SAMPLE]


def _is_damaged(sample: bytes) -> bool:
    """Whether most of what is not ASCII is sound UTF-8."""
    text = sample.decode("utf-8", "replace")
    beyond = [character for character in text if character > "\x7f"]
    broken = beyond.count("\ufffd")
    return len(beyond) > 3 * broken


def _looks_like(sample: bytes, candidate: _Candidate) -> bool:
    try:
        text = sample.decode(candidate.codec)
    except UnicodeDecodeError:
        return False
    beyond = [character for character in text if character > "\x7f"]
    typical = sum(map(candidate.typical, beyond))
    return typical >= candidate.at_least and typical >= candidate.share * len(beyond)


def _single_byte(sample: bytes) -> tuple[str, str]:
    """Return a code page of one byte per character: accents stand alone, an alphabet in rows."""
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", sample)]
    if runs and sum(runs) / len(runs) >= 3:
        return "cp1251", "a code page of single bytes, such as cp1251 (Cyrillic) or cp1253 (Greek)"
    return (
        "cp1252",
        "a code page of single bytes, such as cp1252 (Western Europe) or cp1250 (Central)",
    )

"""Two languages: the catalogue is whole, numbers are written as each has them, and nothing leaks."""

import ast
import datetime as dt
import string
import threading
from io import BytesIO

import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import read_mo, write_mo

import bayesltv as ltv
from bayesltv.errors import SpecError
from bayesltv.languages.language import as_kept, in_language, language, retold, spoken, tr, trn
from bayesltv.languages.written import currency_sign, day, month, percent, span, year
from bayesltv.report.style import money
from catalogues import KEYWORDS, OTHERS, catalogue_of, file_of, texts_of_the_source
from source_text import sources


def forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def said_in_the_source() -> set[str]:
    return {forms(each)[0] for each in texts_of_the_source()}


def messages(code: str) -> list[Message]:
    return [each for each in catalogue_of(code) if each.id]


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


# ------------------------------------------------------------------------------------------- the catalogue


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_of_the_source_is_translated(code: str) -> None:
    there = {forms(each.id)[0] for each in messages(code) if all(forms(each.string)) and not each.fuzzy}
    assert sorted(said_in_the_source() - there) == [], "make language, and translate what is empty"


@pytest.mark.parametrize("code", OTHERS)
def test_a_catalogue_holds_nothing_that_the_source_does_not_say(code: str) -> None:
    assert sorted({forms(each.id)[0] for each in messages(code)} - said_in_the_source()) == []


@pytest.mark.parametrize("code", OTHERS)
def test_a_translation_has_the_places_of_its_text(code: str) -> None:
    wrong = [
        (each.id, each.string)
        for each in messages(code)
        if "{" in forms(each.id)[-1]
        if any(
            places(said) != places(forms(each.id)[-1]) | places(forms(each.id)[0])
            for said in forms(each.string)
        )
    ]
    assert wrong == []


@pytest.mark.parametrize("code", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_text(code: str) -> None:
    fresh = BytesIO()
    write_mo(fresh, catalogue_of(code))
    fresh.seek(0)
    with file_of(code, "mo").open("rb") as file:
        stored = {str(each.id): each.string for each in read_mo(file) if each.id}
    assert stored == {str(each.id): each.string for each in read_mo(fresh) if each.id}, "make language"
    assert all(file_of(code, kind).stat().st_size < 1_000_000 for kind in ("po", "mo"))


def glued(text: str) -> list[str]:
    """What is asked of the catalogue and cannot stand in it: texts that are put together first."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS
        if any(
            isinstance(each, ast.JoinedStr | ast.BinOp)
            for each in node.args[: 2 if node.func.id == "trn" else 1]
        )
    ]


def test_no_text_is_glued_before_it_is_translated() -> None:
    assert {name: found for name, text in sources().items() if (found := glued(text))} == {}


@pytest.mark.parametrize(
    "planted", ['tr(f"{n} customers")', 'tr("value of " + name)', 'trn("a", f"b {n}", 2)']
)
def test_a_planted_glued_text_is_found(planted: str) -> None:
    assert len(glued(planted)) == 1
    assert glued('tr("{n} customers", n=f"{3:,}")\ntrn("a", "b", 1 + 1)') == []


# -------------------------------------------------------------------------------------- which is spoken


def test_english_is_the_source_itself() -> None:
    assert [spoken(), tr("Contents"), tr("no such text: {n}", n=3)] == ["en", "Contents", "no such text: 3"]
    assert [trn("{n} row", "{n} rows", n) for n in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]


def test_a_language_ends_with_its_block_even_by_an_error() -> None:
    with language("zh"):
        with pytest.raises(ZeroDivisionError), language("en"):
            assert len(spoken()) / 0
        assert tr("Contents") == "目录"
    assert spoken() == "en"


def test_a_language_is_not_heard_in_another_thread() -> None:
    heard: list[str] = []
    with ltv.language("zh"):
        thread = threading.Thread(target=lambda: heard.append(spoken()))
        thread.start()
        thread.join()
    assert heard == ["en"]


def test_a_function_speaks_the_language_it_is_asked_for_else_the_one_around_it() -> None:
    @in_language
    def heard(*, language: str | None = None) -> str:
        return spoken()

    assert [heard(), heard(language="zh"), spoken()] == ["en", "zh", "en"]
    with language("zh"):
        assert [heard(), heard(language="en")] == ["zh", "en"]


def test_an_unknown_language_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(SpecError, match="no language 'fr': there are en, zh"), language("fr"):
        pass


def test_a_kept_sentence_is_said_by_the_text_that_it_fills() -> None:
    kept = as_kept("largest R-hat {worst}, of {where}", worst="1.0042", where="alpha")
    unclear = "could not look: only 3 pairs of waits"
    assert [kept, retold(kept)] == ["largest R-hat 1.0042, of alpha"] * 2
    with language("zh"):
        assert retold(kept) == "最大 R-hat 为 1.0042，参数 alpha"
        assert retold(unclear) == "无法检查：只有 3 对相邻间隔"  # what fills a place is said as well
        assert retold(f"{kept}. {unclear}") == f"{retold(kept)}。{retold(unclear)}"
        assert [retold(each) for each in ("", "c00017", "Look. There")] == ["", "c00017", "Look. There"]


# ------------------------------------------------------------------------------------- numbers and days


@pytest.mark.parametrize(
    ("amount", "decimals", "english", "chinese"),
    [
        (9_999, 0, "CNY 9,999", "¥9,999"),
        (9_999.7, 0, "CNY 10,000", "¥1万"),
        (12_345, 0, "CNY 12,345", "¥1.234万"),
        (-250_000, 0, "−CNY 250,000", "−¥25万"),
        (99_999_999, 0, "CNY 99,999,999", "¥1亿"),
        (1_234_567_890, 0, "CNY 1,234,567,890", "¥12.35亿"),
        (12_345.678, 2, "CNY 12,345.68", "¥12,345.68"),
        (float("nan"), 0, "–", "–"),
    ],
)
def test_money_has_myriads_in_chinese(amount: float, decimals: int, english: str, chinese: str) -> None:
    assert money(amount, "CNY", decimals=decimals) == english
    with language("zh"):
        assert money(amount, "CNY", decimals=decimals) == chinese


def test_other_currencies_are_told_apart_from_the_yuan() -> None:
    assert [currency_sign(each) for each in ("JPY", "USD", "SEK", None)] == ["¥", "$", "SEK ", ""]
    with language("zh"):
        assert [currency_sign(each) for each in ("CNY", "JPY", "USD", "SEK", None)] == [
            "¥",
            "JP¥",
            "US$",
            "SEK ",
            "",
        ]


def test_shares_days_and_spans_are_written_as_each_language_has_them() -> None:
    def written() -> list[str]:
        date = dt.date(1997, 9, 30)
        return [
            percent(0.305), percent(0.305, 1), percent(0.2, sign="+"),
            day("1997-09-30"), day(date), day("soon"), month(date), month(date, days=True), year(date),
            span("12 months"), span("39 weeks"), span("1 year"), span("until Easter"),
        ]  # fmt: skip

    assert written() == [
        "30 %", "30.5 %", "+20 %", "1997-09-30", "1997-09-30", "soon", "Sep", "30 Sep", "1997", "12 months",
        "39 weeks", "1 year", "until Easter",
    ]  # fmt: skip
    with language("zh"):
        assert written() == [
            "30%", "30.5%", "+20%", "1997年9月30日", "1997年9月30日", "soon", "9月", "9月30日", "1997年",
            "12个月", "39周", "1年", "until Easter",
        ]  # fmt: skip

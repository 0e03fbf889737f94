"""Amounts, shares, days and spans of time as a language writes them; English as the house does."""

import datetime as dt
import re
from typing import Literal

from bayesltv.languages.language import ENGLISH, spoken

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_DIGITS = 4
"""Of a number in 万 or 亿."""
_MYRIADS = ((1e8, "亿"), (1e4, "万"))
_SPAN = re.compile(r"(\d+(?:\.\d+)?) (day|week|month|year)s?")


def currency_sign(currency: object) -> str:
    """Return what stands before an amount: "$", "SEK ", or nothing where the currency is not known."""
    if not currency:
        return ""
    if spoken() == ENGLISH:
        return _SYMBOLS.get(str(currency), f"{currency} ")
    from babel.numbers import get_currency_symbol

    sign = get_currency_symbol(str(currency), locale=spoken())
    return f"{sign} " if sign == currency else sign


def figure(number: float, decimals: int = 0) -> str:
    """Return a number that is not negative: "1,234,567"; in Chinese "123.5万" where it is a whole one."""
    if spoken() != ENGLISH and not decimals:
        short = float(f"{number:.{_DIGITS}g}")
        for size, unit in _MYRIADS:
            if short >= size:
                return f"{short / size:.{_DIGITS}g}{unit}"
    return f"{number:,.{decimals}f}"


def percent(share: float, decimals: int = 0, *, sign: Literal["", "+"] = "") -> str:
    """Return a share as per cent: 0.3 is "30 %", in Chinese "30%"."""
    gap = " " if spoken() == ENGLISH else ""
    return f"{100 * share:{sign}.{decimals}f}{gap}%"


def day(date: object) -> str:
    """Return a day: "1997-09-30", in Chinese "1997年9月30日"; other text as it is."""
    text = str(date)
    if spoken() == ENGLISH:
        return text
    from babel.dates import format_date

    try:
        return format_date(dt.date.fromisoformat(text[:10]), "long", locale=spoken())
    except ValueError:
        return text


def month(date: dt.date, *, days: bool = False) -> str:
    """Return the month of a date, with the day where asked for: "Sep", "30 Sep"; in Chinese "9月"."""
    if spoken() == ENGLISH:
        return f"{date.day} {date:%b}" if days else f"{date:%b}"
    return f"{date.month}月{date.day}日" if days else f"{date.month}月"


def year(date: dt.date) -> str:
    """Return the year of a date: "1997", in Chinese "1997年"."""
    return f"{date:%Y}" if spoken() == ENGLISH else f"{date.year}年"


def span(text: object) -> str:
    """Return a span of time like "39 weeks" as the language has it; other text as it is."""
    found = _SPAN.fullmatch(str(text))
    if spoken() == ENGLISH or found is None:
        return str(text)
    from babel.units import format_unit

    return format_unit(float(found[1]), f"duration-{found[2]}", "short", locale=spoken())

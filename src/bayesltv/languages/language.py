"""Which language is spoken, and its catalogue: ``tr`` and ``trn`` say a text, ``mark`` only names it.

A text is one whole sentence, heading or label with named places; it is never made of translated pieces.
"""

import gettext
import re
import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from pathlib import Path

from bayesltv.errors import SpecError

ENGLISH = "en"
LANGUAGES = (ENGLISH, "zh")
DOMAIN, FOLDER = "bayesltv", Path(__file__).parent
_SPOKEN = ContextVar("bayesltv.language", default=ENGLISH)


@contextmanager
def language(code: str) -> Iterator[None]:
    """Speak a language in reports, figures and tables that are made inside the ``with`` block.

    Parameters
    ----------
    code : "en" or "zh"

    Raises
    ------
    SpecError
        Where there is no catalogue for it.

    Examples
    --------
    >>> from bayesltv.report.style import money
    >>> with language("zh"):
    ...     money(1_234_567, "CNY")
    '¥123.5万'
    """
    if code not in LANGUAGES:
        raise SpecError(f"no language {code!r}: there are {', '.join(LANGUAGES)}")
    token = _SPOKEN.set(code)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def in_language[**P, R](made: Callable[P, R]) -> Callable[P, R]:
    """Return a function that speaks the language of its option `language`: None stands for the one spoken."""

    @wraps(made)
    def speaking(*given: P.args, **options: P.kwargs) -> R:
        with language(str(options.get("language") or spoken())):
            return made(*given, **options)

    return speaking


def spoken() -> str:
    """Return the code of the language that is spoken: "en" unless ``language`` says otherwise."""
    return _SPOKEN.get()


def tr(text: str, **places: object) -> str:
    """Return a text in the language spoken, its places filled as ``str.format`` does."""
    said = catalogue(spoken()).gettext(text) if text else ""
    return said.format(**places) if places else said


def trn(one: str, many: str, count: int, **places: object) -> str:
    """Return a text that depends on a number, which stands at the place ``{n}``."""
    return catalogue(spoken()).ngettext(one, many, count).format(n=f"{count:,}", **places)


def mark(text: str) -> str:
    """Return a text as it is, so that the catalogue has it; ``tr`` says it where it is shown."""
    return text


def as_kept(text: str, **places: object) -> str:
    """Return a sentence as it is kept, in English; ``retold`` says it where it is shown."""
    return text.format(**places)


def retold(sentence: str) -> str:
    """Return a kept sentence in the language spoken: the text of the catalogue that it fills says how."""
    said = catalogue(spoken()).gettext(sentence) if sentence else ""
    if said != sentence or spoken() == ENGLISH or len(sentence) < _LEAST:
        return said
    parts = re.split(r"(?<=[.;]) ", sentence)
    if whole := _filled(sentence, one_sentence=True):
        return whole
    several = [_part(each) for each in parts] if len(parts) > 1 else parts
    if len(parts) > 1 and all(new != old for new, old in zip(several, parts, strict=True)):
        return "".join(several)
    return _filled(sentence, one_sentence=False) or sentence


def _part(text: str) -> str:
    """Return one of several sentences, with the stop that the language has."""
    bare = text.rstrip(".;")
    said = retold(bare)
    return retold(text) if said == bare else said + {".": "。", ";": "；"}.get(text[-1], "")


def _filled(sentence: str, *, one_sentence: bool) -> str | None:
    """Return the translation of the text that a sentence fills; with `one_sentence` no place spans two."""
    for pattern, text in _patterns(spoken()):
        found = pattern.fullmatch(sentence)
        if found and not (one_sentence and any(re.search("[.;] ", each) for each in found.groups())):
            return tr(text, **{name: retold(each) for name, each in found.groupdict().items()})
    return None


_LEAST = 10
"""Letters of its own that a text needs, so that a sentence is taken for it."""


@lru_cache
def _patterns(code: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the texts with places and a pattern of what each makes; those that say most come first."""
    found = []
    texts = [text for text in getattr(catalogue(code), "_catalog", {}) if isinstance(text, str)]
    for text in texts:
        parts = [(own, name) for own, name, _, _ in string.Formatter().parse(text)]
        names = [name for _, name in parts if name]
        own = sum(len(each) for each, _ in parts)
        if not names or own < _LEAST or not all(name.isidentifier() for name in names):
            continue
        seen: set[str] = set()
        pattern = ""
        for each, name in parts:
            pattern += re.escape(each)
            if name:
                pattern += f"(?P={name})" if name in seen else f"(?P<{name}>.+?)"
                seen.add(name)
        found.append((own, re.compile(pattern, re.DOTALL), text))
    return tuple((pattern, text) for _, pattern, text in sorted(found, key=lambda each: -each[0]))


def listed(names: Iterable[str]) -> str:
    """Return names one after the other, as the language spoken parts them."""
    return tr(", ").join(names)


def trs(texts: Sequence[str]) -> tuple[str, ...]:
    """Return marked texts in the language spoken."""
    return tuple(tr(text) for text in texts)


_CLEARER = {
    "plug in means": mark("as if means were sure"),
    "flat share of ltv": mark("same share of each value"),
    "highest ltv": mark("highest value first"),
    "highest churn risk": mark("highest churn risk first"),
    "order frequency lifetime": mark("order × frequency × lifetime"),
    "revenue lifetime retention": mark("yearly revenue × lifetime × retention"),
}
"""Names that do not say what they mean, said otherwise."""
_FOR_ALL = "one for all "


def word(name: object) -> str:
    """Return the name of a column or a label as people read it: without underscores, said where known."""
    text = str(name).replace("_", " ")
    if text.startswith(_FOR_ALL):
        return tr("{action} for all", action=tr(text.removeprefix(_FOR_ALL)))
    return tr(_CLEARER.get(text, text))


def label(name: object) -> str:
    """Return a name or label that data bring: said where the catalogue has it, else as it is."""
    text = str(name)
    said = word(text)
    return text if said == text.replace("_", " ") else said


@lru_cache
def catalogue(code: str) -> gettext.NullTranslations:
    """Return the texts of a language; those of English are the source's own."""
    if code == ENGLISH:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, FOLDER, languages=[code])

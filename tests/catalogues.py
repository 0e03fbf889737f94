"""The catalogues of languages: `python tests/catalogues.py` (make language) renews them from the source.

New texts come into each .po without a translation, texts that are gone leave it, and the .mo is compiled.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from bayesltv.languages.language import DOMAIN, ENGLISH, FOLDER, LANGUAGES
from source_text import SOURCE

KEYWORDS = {"tr": None, "mark": None, "as_kept": None, "trn": (1, 2)}
"""The functions that say a text, and which of their arguments are texts; the first where None."""
OTHERS = [code for code in LANGUAGES if code != ENGLISH]
WAYS = [("**.py", "python"), ("**.j2", "jinja2")]

WORDS = FOLDER / "words.txt"
"""Names of columns, labels and headings that data bring, one a line, as ``word`` says them."""

HEADER = r"""msgid ""
msgstr ""
"Language: {code}\n"
"Plural-Forms: {plurals}\n"
"Content-Type: text/plain; charset=utf-8\n"

"""
"""Without days and names: a catalogue that is renewed twice is the same file."""


def file_of(code: str, kind: str) -> Path:
    """Where the catalogue of a language is, as "po" or "mo"."""
    return FOLDER / code / "LC_MESSAGES" / f"{DOMAIN}.{kind}"


def catalogue_of(code: str) -> Catalog:
    with file_of(code, "po").open("rb") as file:
        return read_po(file, locale=code)


def texts_of_the_source() -> Iterator[str | tuple[str, ...]]:
    for _, _, message, _, _ in extract_from_dir(SOURCE, WAYS, keywords=KEYWORDS):
        yield message
    yield from WORDS.read_text("utf-8").splitlines()


def renew(code: str) -> int:
    """Renew the catalogue of a language; return how many texts are without a translation."""
    old, new = catalogue_of(code), Catalog(locale=code, project=DOMAIN, fuzzy=False)
    for text in texts_of_the_source():
        known = old.get(text if isinstance(text, str) else text[0])
        new.add(text, known.string if known else "" if isinstance(text, str) else ("",) * new.num_plurals)
    with file_of(code, "po").open("wb") as file:
        file.write(HEADER.format(code=code, plurals=new.plural_forms).encode())
        write_po(file, new, width=100, sort_output=True, omit_header=True)
    with file_of(code, "mo").open("wb") as file:
        write_mo(file, new)
    return sum(
        not all([each.string] if isinstance(each.string, str) else each.string) for each in new if each.id
    )


if __name__ == "__main__":
    for each in OTHERS:
        print(f"{each}: {renew(each)} texts without a translation, in {file_of(each, 'po')}")

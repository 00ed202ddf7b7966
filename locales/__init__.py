"""Catalogues of every language, and the one loader.

Three gettext domains, because they are reviewed by different people: `bot` (what the helpline says; the
English source is domain.yml), `chat` (the pages that people see) and `console` (what operators see).
A language is a folder here; `en` is the source and needs none. The comment `X-Review` at a catalogue's top says
whether a native speaker has read it.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale

HERE = Path(__file__).parent
DOMAINS = ("bot", "chat", "console")
LANGUAGES: tuple[str, ...] = ("en", *sorted(path.parent.name for path in HERE.glob("*/LC_MESSAGES")))


@cache
def catalogue(domain: str, language: str) -> NullTranslations:
    """The compiled catalogue. Raises `FileNotFoundError` if it was not compiled (`make` does it)."""
    if language == "en":
        return NullTranslations()
    with (HERE / language / "LC_MESSAGES" / f"{domain}.mo").open("rb") as file:
        return GNUTranslations(file)


def translate(domain: str, language: str, context: str, text: str) -> str:
    """`text` in `language`; the English text where the catalogue has none."""
    return catalogue(domain, language).pgettext(context, text)


def native_name(language: str) -> str:
    """The language's name for itself, first letter upper case: Українська."""
    name = Locale.parse(language).get_display_name(language) or language
    return name[0].upper() + name[1:]


def direction(language: str) -> str:
    """ "rtl" or "ltr", as HTML's `dir` wants it."""
    return Locale.parse(language).text_direction


def review(domain: str, language: str) -> str:
    """Who has read the catalogue: "machine-drafted", or "native-reviewed, DATE"."""
    top = (HERE / language / "LC_MESSAGES" / f"{domain}.po").read_text(encoding="utf-8").partition("msgid")[0]
    found = [line.partition("X-Review:")[2].strip() for line in top.splitlines() if "X-Review:" in line]
    return found[0] if found else "unknown"


def translated(domain: str, language: str) -> tuple[int, int]:
    """How many of the catalogue's texts have a translation, and how many there are."""
    from babel.messages.pofile import read_po

    with (HERE / language / "LC_MESSAGES" / f"{domain}.po").open("rb") as file:
        texts = [message for message in read_po(file) if message.id]
    return sum(bool(text.string) for text in texts), len(texts)

"""Which language a person reads: two witnesses, and rather none than a wrong one.

What people type on phones is dialect, slang and Latin letters for Arabic, Persian and Cyrillic, which no general
detector knows. So the first witness has learned from our own training examples; the second, lingua, knows the
languages that we have no texts for, and must agree where the letters are Latin.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from helpline.normalise import words
from locales import LANGUAGES

SURE = 0.97
"""Below this the known language is kept: better a known language than a guess (docs/architecture.md, Languages)."""
NOT_OURS = 0.9
"""From this confidence on lingua may say that a text is of a language that we do not have."""
MIN_LETTERS = 8
MOST_WORDS = 60
EXAMPLES = Path(__file__).parent.parent / "data" / "nlu"
LATIN = frozenset({"en", "fr", "es", "ro"})
"""Our languages in Latin letters."""
SWITCH_WORDS = 3
"""Words that it takes to leave a language that is known."""
OWN_LETTERS = {
    ("uk", "ru"): frozenset("ыэъё"),
    ("ru", "uk"): frozenset("іїєґ"),
    ("ar", "fa"): frozenset("پچژگکی"),
    ("fa", "ar"): frozenset("ةىيكأإ"),
}
"""Of two close languages, letters that the second has and the first has not: one of them must be there."""
NEIGHBOURS = ("GERMAN", "ITALIAN", "PORTUGUESE", "POLISH", "TURKISH", "BULGARIAN", "URDU", "ALBANIAN", "SERBIAN")
"""Languages of people who write to us that we have no texts for."""
_SEEN = 0.3
"""Added to every count, so that one unknown piece does not rule a language out."""


@cache
def _detector():  # type: ignore[no-untyped-def]  # lingua ships no types for its builder
    from lingua import Language, LanguageDetectorBuilder

    # Low accuracy means trigrams only: 12 MB and 2.5 ms instead of 239 MB and 69 ms.
    known = ("ENGLISH", "UKRAINIAN", "RUSSIAN", "ARABIC", "PERSIAN", "FRENCH", "SPANISH", "ROMANIAN", *NEIGHBOURS)
    chosen = LanguageDetectorBuilder.from_languages(*(getattr(Language, name) for name in known))
    return chosen.with_low_accuracy_mode().build()


@cache
def _learned() -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """For each language the log chances of pieces of words, and that of a piece never seen."""
    counts = {language: Counter[str]() for language in LANGUAGES}
    for language in LANGUAGES:
        for word, times in _examples(language).items():
            for piece in _of_word(word):
                counts[language][piece] += times
    kinds = len(set().union(*counts.values()))
    chances, unseen = {}, {}
    for language, count in counts.items():
        total = sum(count.values()) + _SEEN * kinds
        chances[language] = {piece: math.log((n + _SEEN) / total) for piece, n in count.items() if n > 1}
        unseen[language] = math.log(_SEEN / total)
    return chances, unseen


def _examples(language: str) -> Counter[str]:
    """How often each word stands in the training examples."""
    found = Counter[str]()
    for file in sorted((EXAMPLES / language).glob("*.yml")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("    - "):
                found.update(words(line[6:])[:MOST_WORDS])
    return found


def _of_word(word: str) -> Iterator[str]:
    """Two to four letters of it, its ends marked, and the word itself."""
    marked = f"_{word}_"
    yield f"={word}"
    for size in (2, 3, 4):
        yield from (marked[start : start + size] for start in range(len(marked) - size + 1))


def _likeliest(text: str) -> tuple[str, float]:
    """The language that our examples speak for, and how surely (0 to 1)."""
    chances, unseen = _learned()
    pieces = [piece for word in words(text)[:MOST_WORDS] for piece in _of_word(word)]
    said = {code: sum(known.get(piece, unseen[code]) for piece in pieces) for code, known in chances.items()}
    best = max(said, key=lambda code: said[code])
    # Pieces of one word hang together: taken as independent they would be sure of everything.
    slow = max(1.0, math.sqrt(len(pieces)) / 2)
    return best, 1 / sum(math.exp((value - said[best]) / slow) for value in said.values())


def detect(text: str, known: str | None = None) -> str | None:
    """The language of `text` if it is one of ours and both witnesses allow it; `None` otherwise.

    `known`: what the person has written until now. Another language, and a close one above all, takes more than
    three words of dialect.
    """
    letters = [char for char in text if char.isalpha()]
    if len(letters) < MIN_LETTERS or len(text.split()) < 2 or not words(text):
        return None
    code, sure = _likeliest(text)
    if sure < SURE:
        return None
    readable = text[:400].encode("utf-8", "replace").decode()  # lingua takes no lone surrogates
    other = _detector().compute_language_confidence_values(readable)[0]
    heard = other.language.iso_code_639_1.name.lower()
    if heard not in LANGUAGES and other.value >= NOT_OURS:
        return None
    if code in LATIN and heard != code and _mostly_latin(letters):
        return None
    if known in (None, code):
        return code
    own = OWN_LETTERS.get((str(known), code))
    return code if len(text.split()) >= SWITCH_WORDS and (own is None or set(text.casefold()) & own) else None


def _mostly_latin(letters: list[str]) -> bool:
    return sum("LATIN" in unicodedata.name(char, "") for char in letters) * 2 > len(letters)


def supported(hint: str | None) -> str | None:
    """Our code for a hint such as "uk-UA", or `None`."""
    code = (hint or "").replace("_", "-").split("-")[0].lower()
    return code if code in LANGUAGES else None


def best(accepted: Iterable[str], default: str) -> str:
    """The first of an ordered list of hints (Accept-Language) that we have, else `default`."""
    return next((code for code in map(supported, accepted) if code), default)

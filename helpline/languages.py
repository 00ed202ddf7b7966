"""Which language a person reads: the ones we have texts for, and a detector that prefers to keep what is known."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from locales import LANGUAGES

SURE = 0.9
"""Below this the known language is kept: better a known language than a guess (docs/architecture.md, Languages)."""

MIN_LETTERS = 8


@cache
def _detector():  # type: ignore[no-untyped-def]  # lingua ships no types for its builder
    from lingua import Language, LanguageDetectorBuilder

    # Neighbours that we have no texts for keep their speakers from being taken for somebody else. Low accuracy means
    # trigrams only: 12 MB and 2.5 ms instead of 239 MB and 69 ms, and on 28 short requests no wrong answer above `SURE`
    # but one of Ukrainian taken for Russian, which changes nothing.
    known = ("ENGLISH", "UKRAINIAN", "RUSSIAN", "ARABIC", "PERSIAN", "FRENCH", "SPANISH", "ROMANIAN")
    chosen = LanguageDetectorBuilder.from_languages(*(getattr(Language, name) for name in known))
    return chosen.with_low_accuracy_mode().build()


def detect(text: str) -> str | None:
    """The language of `text` if it is one of ours and the detector is sure; `None` otherwise."""
    if sum(char.isalpha() for char in text) < MIN_LETTERS or len(text.split()) < 2:
        return None
    readable = text[:400].encode("utf-8", "replace").decode()  # lingua takes no lone surrogates
    ranked = _detector().compute_language_confidence_values(readable)
    best = ranked[0]
    code = best.language.iso_code_639_1.name.lower()
    return code if best.value >= SURE and code in LANGUAGES else None


def supported(hint: str | None) -> str | None:
    """Our code for a hint such as "uk-UA", or `None`."""
    code = (hint or "").replace("_", "-").split("-")[0].lower()
    return code if code in LANGUAGES else None


def best(accepted: Iterable[str], default: str) -> str:
    """The first of an ordered list of hints (Accept-Language) that we have, else `default`."""
    return next((code for code in map(supported, accepted) if code), default)
